//! Simulation of the manager: a world of hosts, processes, job servers, operators and a clock, made from a seed, drives
//! it with faults, delays and orders at random, and after every event checks the laws that must hold.
//!
//! The manager (`gearman-driver-core`) is pure, so nothing here starts a process or waits: an hour takes a moment, and
//! the same seed gives the same run. `cargo run --release -p e2e --bin simulate -- --seed N --trace` prints one as a
//! script of events and effects.
//!
//! To add a fault: a rate in `nature`, and where it strikes in `host`, `process`, `server` or `operator`. To add a law:
//! a check in `laws`, and its line in [`LAWS`].

mod agenda;
mod code;
mod host;
mod laws;
mod nature;
mod operator;
mod process;
mod server;
mod trace;
mod world;

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

pub use laws::{Broken, LAWS};

use self::trace::Trace;
use self::world::World;

/// What has happened in a world, or in several.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Account {
    /// Worlds that came to their end.
    pub worlds: u64,
    /// Events that the manager was told.
    pub events: u64,
    /// The time that passed in them.
    pub simulated: Duration,
    /// Hosts started.
    pub hosts: u64,
    /// Hosts that ended.
    pub hosts_ended: u64,
    /// Processes ordered.
    pub processes: u64,
    /// Processes that ended, asked or not.
    pub ends: u64,
    /// Orders given.
    pub orders: u64,
    /// Reloads ordered.
    pub reloads: u64,
    /// Jobs answered.
    pub jobs: u64,
    /// Jobs given to processes.
    grabbed: u64,
}

impl Account {
    /// Adds another world's.
    pub fn add(&mut self, other: &Account) {
        self.worlds += other.worlds;
        self.events += other.events;
        self.simulated += other.simulated;
        self.hosts += other.hosts;
        self.hosts_ended += other.hosts_ended;
        self.processes += other.processes;
        self.ends += other.ends;
        self.orders += other.orders;
        self.reloads += other.reloads;
        self.jobs += other.jobs;
        self.grabbed += other.grabbed;
    }
}

/// Runs the world of that seed to its end.
///
/// # Errors
/// When a law was broken.
pub fn run(seed: u64) -> Result<Account, Broken> {
    run_with(seed, None)
}

/// As [`run`]; each line of the script goes to `line`.
///
/// # Errors
/// As [`run`].
pub fn run_traced(seed: u64, line: impl FnMut(&str) + 'static) -> Result<Account, Broken> {
    run_with(seed, Some(Trace::new(Box::new(line))))
}

/// The last lines of that seed's script.
pub fn last_lines(seed: u64, count: usize) -> Vec<String> {
    let lines = Rc::new(RefCell::new(VecDeque::new()));
    let kept = Rc::clone(&lines);
    let _ = run_traced(seed, move |line| {
        let mut kept = kept.borrow_mut();
        if kept.len() == count {
            kept.pop_front();
        }
        kept.push_back(line.to_owned());
    });
    lines.take().into()
}

fn run_with(seed: u64, trace: Option<Trace>) -> Result<Account, Broken> {
    let mut world = World::new(seed, trace);
    world.run()?;
    Ok(world.account)
}
