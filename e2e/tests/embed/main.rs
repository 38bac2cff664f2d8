//! Live objects: `DriverHandle` and `JobRef` from console commands, from the callback, and inside a program that goes on.
#![allow(clippy::unwrap_used, reason = "a test")]

mod callback;
mod commands;
mod start;

use e2e::{Farm, FarmBuilder};
use gearman_protocol::{Client, ServerList};
use gearman_testkit::Gearmand;

const ECHO: &str = "embed_farm::workers::Plain::echo";
const SLEEP: &str = "embed_farm::workers::Plain::sleep";
const FAIL: &str = "embed_farm::workers::Plain::fail";
const GROUP: &str = "embed_farm::workers::Grouped::group";

/// A job server, whose driver is started with `run`.
fn farm(gearmand: &Gearmand) -> FarmBuilder {
    Farm::of(env!("CARGO_BIN_EXE_embed_farm"), gearmand.address()).env("EMBED_FARM_SERVER", gearmand.address())
}

fn client(gearmand: &Gearmand) -> Client {
    Client::new(ServerList::parse(&gearmand.address()).unwrap()).timeout(e2e::PATIENCE)
}

/// What `live ..` answers.
fn live(farm: &Farm, what: &str) -> Vec<String> {
    farm.console().ask(&format!("live {what}"))
}
