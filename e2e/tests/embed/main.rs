//! Live objects: `DriverHandle` and `JobRef` from console commands, from the callback, and inside a program that goes on.
//!
//! Tests that name no kind of job server have little to do with it, and run with gearmand.
#![allow(clippy::unwrap_used, reason = "a test")]

mod callback;
mod commands;
mod start;

use e2e::{Farm, FarmBuilder};
use gearman_protocol::{Client, ServerList};
use gearman_testkit::JobServer;

const ECHO: &str = "embed_farm::workers::Plain::echo";
const SLEEP: &str = "embed_farm::workers::Plain::sleep";
const FAIL: &str = "embed_farm::workers::Plain::fail";
const GROUP: &str = "embed_farm::workers::Grouped::group";

/// A job server, whose driver is started with `run`.
fn farm(server: &JobServer) -> FarmBuilder {
    Farm::of(env!("CARGO_BIN_EXE_embed_farm"), server.address()).env("EMBED_FARM_SERVER", server.address())
}

fn client(server: &JobServer) -> Client {
    Client::new(ServerList::parse(&server.address()).unwrap()).timeout(e2e::PATIENCE)
}

/// What `live ..` answers.
fn live(farm: &Farm, what: &str) -> Vec<String> {
    farm.console().ask(&format!("live {what}"))
}
