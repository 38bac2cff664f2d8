//! What all threads of a run share: the job servers, the drivers, what has been done to them, and whether to stop.

use std::any::Any;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::damage::Damage;
use crate::driver::Driver;
use crate::options::Options;
use crate::plan::Kind;
use crate::server::JobServer;

/// A run.
#[derive(Debug)]
pub(crate) struct World {
    /// Where all logs are.
    pub(crate) dir: PathBuf,
    pub(crate) servers: Vec<JobServer>,
    pub(crate) drivers: Vec<Driver>,
    pub(crate) stop: Arc<Stop>,
    pub(crate) gate: Gate,
    pub(crate) damage: Mutex<Damage>,
    pub(crate) counts: Mutex<Counts>,
    /// Goes up whenever something has happened.
    pub(crate) progress: AtomicU64,
}

/// How often what was done.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) done: BTreeMap<Kind, u32>,
    /// Orders that a driver's console has refused, by what it said.
    pub(crate) refused: BTreeMap<String, u32>,
    /// Reloads that drivers took back, as killed workers can make them do.
    pub(crate) taken_back: u32,
    /// The longest that a console took to answer.
    pub(crate) slowest_answer: Duration,
}

impl World {
    pub(crate) fn new(options: &Options, dir: &Path, queues: &Path, stop: Arc<Stop>) -> Self {
        let servers: Vec<JobServer> = (0..2).map(|index| JobServer::start(index, queues)).collect();
        let addresses: Vec<String> = servers.iter().map(JobServer::address).collect();
        let drivers = (0..options.drivers).map(|index| Driver::start(index, &addresses.join(","), dir)).collect();
        Self {
            dir: dir.to_owned(),
            servers,
            drivers,
            stop,
            gate: Gate::default(),
            damage: Mutex::default(),
            counts: Mutex::default(),
            progress: AtomicU64::new(0),
        }
    }

    /// The file that the workers note executions in.
    pub(crate) fn notes(dir: &Path) -> PathBuf {
        dir.join("notes")
    }

    /// Something was done.
    pub(crate) fn count(&self, kind: Kind) {
        *lock(&self.counts).done.entry(kind).or_default() += 1;
        self.progressed();
    }

    pub(crate) fn progressed(&self) {
        self.progress.fetch_add(1, Ordering::Relaxed);
    }

    /// Does something that fails by a panic, as the helpers of the tests do: then the run is over.
    pub(crate) fn guarded<T>(&self, what: &str, act: impl FnOnce() -> T) -> Option<T> {
        match catch_unwind(AssertUnwindSafe(act)) {
            Ok(done) => Some(done),
            Err(panic) => {
                self.stop.stop(format!("{what}: {}", message(panic.as_ref())));
                self.gate.open();
                None
            }
        }
    }
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic").to_owned()
}

/// Whether the run is to end early.
#[derive(Debug, Default)]
pub(crate) struct Stop {
    stopped: AtomicBool,
    reason: Mutex<Option<String>>,
}

impl Stop {
    /// Ends the run. The first reason counts.
    pub(crate) fn stop(&self, reason: String) {
        lock(&self.reason).get_or_insert(reason);
        self.stopped.store(true, Ordering::SeqCst);
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::SeqCst)
    }

    pub(crate) fn reason(&self) -> Option<String> {
        lock(&self.reason).clone()
    }

    /// Waits so long, but no longer than the run lasts.
    pub(crate) fn pause(&self, mut left: Duration) {
        while !left.is_zero() && !self.is_stopped() {
            let step = left.min(Duration::from_millis(20));
            std::thread::sleep(step);
            left -= step;
        }
    }
}

/// Holds clients back, so that jobs don't run out before the disturbances do.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    /// Jobs with smaller numbers may be submitted.
    open_to: Mutex<u32>,
    changed: Condvar,
}

impl Gate {
    pub(crate) fn open_to(&self, number: u32) {
        let mut open_to = lock(&self.open_to);
        *open_to = (*open_to).max(number);
        self.changed.notify_all();
    }

    pub(crate) fn open(&self) {
        self.open_to(u32::MAX);
    }

    /// Waits until this job may be submitted.
    pub(crate) fn pass(&self, number: u32) {
        let open_to = lock(&self.open_to);
        drop(self.changed.wait_while(open_to, |open_to| *open_to <= number).unwrap_or_else(PoisonError::into_inner));
    }
}

/// Only one thread at a time may stop and start a job server or a driver.
#[derive(Debug, Default)]
pub(crate) struct Claim(AtomicBool);

impl Claim {
    /// Whether it is this thread now, until the guard is dropped.
    pub(crate) fn take(&self) -> Option<Claimed<'_>> {
        // Not `then_some`: a guard that is made and dropped would give back what another thread has.
        self.0.compare_exchange(false, true, Ordering::SeqCst, Ordering::SeqCst).is_ok().then(|| Claimed(self))
    }
}

/// See [`Claim::take`].
#[derive(Debug)]
pub(crate) struct Claimed<'a>(&'a Claim);

impl Drop for Claimed<'_> {
    fn drop(&mut self) {
        self.0.0.store(false, Ordering::SeqCst);
    }
}

/// Locks; what a panicking thread has left is still worth reading.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_is_for_one() {
        let claim = Claim::default();
        let first = claim.take();
        assert!(first.is_some() && claim.take().is_none() && claim.take().is_none());
        drop(first);
        assert!(claim.take().is_some());
    }

    #[test]
    fn a_gate_only_opens() {
        let gate = Gate::default();
        gate.open_to(3);
        gate.open_to(1);
        gate.pass(2);
        gate.open();
        gate.pass(1_000_000);
    }
}
