//! Simulation of the manager: a world of hosts, processes, job servers, operators and a clock, made from a seed, drives
//! it with faults, delays and orders at random, and after every event checks the laws that must hold.
//!
//! The manager (`gearman-driver-core`) is pure, so nothing here starts a process or waits: an hour takes a moment, and
//! the same seed gives the same run. `cargo run --release -p e2e --bin simulate -- --seed N --trace` prints one as a
//! script of events and effects.
//!
//! # Theory of operation
//!
//! A *world* has a *nature* (`nature`): which kinds of trouble there are in it, and how bad. It goes through three
//! *ages* (`ages`): trouble; calm, at the end of which all must have settled; and the end of the driver, calm or not. What
//! is to happen stands in an *agenda* by its time (`happening`); what comes of it is told to the manager as the supervisor
//! would tell it, late perhaps, but each thing once. What the manager asks for is carried out (`world`), well or badly:
//!
//! - `host`, `process`, `trouble`: hosts die, hang or can't load; processes crash, freeze, die at once, survive KILL,
//!   write nonsense into their slot, drain of themselves, have had their jobs or their memory.
//! - `server`, `poison`: job servers come and go, with or without their queues; jobs take their process down, always or a
//!   few times, or never end.
//! - `operator`, `deployment`: orders and signals of all kinds; new worker code, with other jobs and bounds, good or
//!   broken, reloaded once, twice in a row, or while it loads.
//!
//! The laws know only what was told and what was asked for. Where it can't be told from that what must be, they are lenient.
//!
//! - `laws/bounds`: never more than max and its surge, never less than min longer than back-off allows, none while paused;
//!   bounds change by orders and worker code.
//! - `laws/renewal`: what serves goes on serving while it is replaced (reload, restart, `max_jobs`, `max_age`,
//!   `max_memory`), a share at a time; the old ones stay until the new code has run well.
//! - `laws/trial`: a broken generation is taken back, and no other is; it is said once.
//! - `laws/poison`: what takes processes down is counted right, and not run again from `poison_limit` on.
//! - `laws/asked`: who may be started, asked and killed, and when: no busy process is killed before a deadline.
//! - `laws/deadlines`: what is due is done, and the next tick comes in time.
//! - `laws/shutdown`: the end is bounded, and its code says what is left.
//! - `laws/shown`: the snapshot shows what there is.
//! - `laws/settled`: after any finite run of faults everything settles, what waits is served, and then nothing happens.
//!
//! [`LAWS`] has them one by one.
//!
//! To add a fault: a rate in `nature`, and where it strikes. To add a law: a check in `laws`, its line in [`LAWS`], and a
//! manager that is broken on purpose, to see that the law can fail.

mod agenda;
mod ages;
mod code;
mod deployment;
mod happening;
mod host;
mod laws;
mod nature;
mod operator;
mod poison;
mod process;
mod scoreboard;
mod server;
mod trace;
mod trouble;
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
    /// Generations that were taken back.
    pub taken_back: u64,
    /// Jobs answered.
    pub jobs: u64,
    /// Jobs failed because they had taken down others.
    pub poison: u64,
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
        self.taken_back += other.taken_back;
        self.jobs += other.jobs;
        self.poison += other.poison;
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
