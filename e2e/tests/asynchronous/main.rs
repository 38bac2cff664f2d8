//! Asynchronous jobs on real job servers: many at once in one process, and nothing lost when it stops.
//!
//! Tests that name no kind of job server have little to do with it, and run with gearmand.
#![allow(clippy::unwrap_used, reason = "a test")]

mod added;
mod concurrency;
mod limits;
mod servers;
mod stopping;

use std::thread::{self, JoinHandle};

use e2e::{Farm, FarmBuilder};
use gearman_protocol::{Client, ClientError, ServerList};

/// A function of the farm.
fn function(name: &str) -> String {
    format!("async_farm::workers::Fetch::{name}")
}

fn farm(servers: &str) -> FarmBuilder {
    Farm::of(env!("CARGO_BIN_EXE_async_farm"), servers).args("--interval 1")
}

fn client(server: &str) -> Client {
    Client::new(ServerList::parse(server).unwrap())
}

fn run(server: &str, name: &str, workload: &str) -> String {
    // So that a job that nobody does fails the test.
    let mut client = client(server).timeout(e2e::PATIENCE);
    String::from_utf8(client.run(&function(name), workload).unwrap()).unwrap()
}

/// Submits a job from a thread of its own.
fn submit(server: &str, name: &str, workload: &str) -> JoinHandle<Result<Vec<u8>, ClientError>> {
    let (mut client, function, workload) = (client(server), function(name), workload.to_owned());
    thread::spawn(move || client.run(&function, workload))
}
