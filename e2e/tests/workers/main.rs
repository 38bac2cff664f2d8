//! The promises of the worker API (DESIGN sections 3 and 7), on real job servers, with real processes.
//!
//! Tests that name no kind of job server have little to do with it, and run with gearmand.
#![allow(clippy::unwrap_used, reason = "a test")]

mod added;
mod attributes;
mod codecs;
mod groups;
mod hooks;
mod jobs;
mod life;
mod names;
mod output;
mod scaling;
mod startup;
mod unknown;
mod wire;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use e2e::{Farm, FarmBuilder, ServerKind};
use gearman_protocol::{Client, ServerList};
use gearman_testkit::JobServer;
use tempfile::TempDir;

/// A job server, and the file in which the farm's workers say what they do.
struct Site {
    server: JobServer,
    dir: TempDir,
}

impl Site {
    /// With gearmand: for what has little to do with the job server.
    fn new() -> Self {
        Self::on(ServerKind::Gearmand)
    }

    fn on(kind: ServerKind) -> Self {
        Self { server: kind.start(), dir: TempDir::new().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A driver with the workers of these namespaces of the farm, separated by spaces.
    fn farm(&self, namespaces: &str) -> FarmBuilder {
        let mut farm = Farm::of(env!("CARGO_BIN_EXE_workers_farm"), self.server.address())
            .env("FARM_TRACE", self.path("trace").display().to_string());
        for namespace in namespaces.split_whitespace() {
            farm = farm.arg("--namespaces").arg(format!("workers_farm::{namespace}"));
        }
        farm
    }

    fn client(&self) -> Client {
        Client::new(ServerList::parse(&self.server.address()).unwrap()).timeout(e2e::PATIENCE)
    }

    fn run(&self, function: &str, workload: &str) -> String {
        let result = self.client().run(function, workload);
        String::from_utf8(result.unwrap_or_else(|error| panic!("{function}: {error}"))).unwrap()
    }

    /// What the workers have noted by now: PID and text.
    fn trace(&self) -> Vec<(u32, String)> {
        let text = std::fs::read_to_string(self.path("trace")).unwrap_or_default();
        text.lines()
            .map(|line| {
                let (pid, what) = line.split_once(' ').unwrap();
                (pid.parse().unwrap(), what.to_owned())
            })
            .collect()
    }

    /// The texts of [`Site::trace`] but what `wanted` was asked.
    fn notes(&self) -> Vec<String> {
        self.trace().into_iter().map(|(_, what)| what).filter(|what| !what.starts_with("wanted ")).collect()
    }

    fn count(&self, what: &str) -> usize {
        self.trace().iter().filter(|(_, noted)| noted == what).count()
    }
}

/// Looks again and again for `time`, and fails at the first look at which it does not hold.
fn holds_for(time: Duration, mut holds: impl FnMut()) {
    let end = Instant::now() + time;
    while Instant::now() < end {
        holds();
        std::thread::sleep(Duration::from_millis(10));
    }
}
