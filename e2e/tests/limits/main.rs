//! Jobs that take too long, processes that have done or grown enough, and what a shutdown waits for.
#![allow(clippy::unwrap_used, reason = "a test")]

mod drains;
mod max_age;
mod max_jobs;
mod max_memory;
mod rights;
mod timeouts;

use std::fs;
use std::thread::{self, JoinHandle};

use e2e::{Farm, FarmBuilder};
use gearman_protocol::{Client, ClientError, ServerList};
use tempfile::TempDir;

/// A job or function of the farm.
fn function(name: &str) -> String {
    format!("limits_farm::workers::{name}")
}

/// What jobs note.
struct Notes(TempDir);

impl Notes {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    /// The lines that begin with `what`, without it.
    fn of(&self, what: &str) -> Vec<String> {
        let text = fs::read_to_string(self.0.path().join("notes")).unwrap_or_default();
        text.lines().filter_map(|line| line.strip_prefix(what)?.strip_prefix(' ')).map(str::to_owned).collect()
    }

    fn wait(&self, farm: &Farm, what: &str) -> String {
        farm.wait(&format!("a note: {what}"), || self.of(what).pop())
    }
}

fn farm(servers: &str, notes: &Notes) -> FarmBuilder {
    Farm::of(env!("CARGO_BIN_EXE_limits_farm"), servers)
        .args("--interval 0.2")
        .env("LIMITS_NOTES", notes.0.path().display().to_string())
}

fn client(server: &str) -> Client {
    Client::new(ServerList::parse(server).unwrap()).timeout(e2e::PATIENCE)
}

fn run(server: &str, name: &str, workload: &str) -> Result<String, ClientError> {
    client(server).run(&function(name), workload).map(|answer| String::from_utf8(answer).unwrap())
}

/// Runs a job in a thread of its own.
fn start(server: &str, name: &str, workload: &str) -> JoinHandle<Result<String, ClientError>> {
    let (server, name, workload) = (server.to_owned(), name.to_owned(), workload.to_owned());
    thread::spawn(move || run(&server, &name, &workload))
}
