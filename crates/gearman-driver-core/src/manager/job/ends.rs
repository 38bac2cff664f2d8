//! Processes that end: whose fault it was, and when the next one may be started.
//!
//! A process that had a good run, or was told to go, is replaced at once. Processes that die at once again and again
//! are held back by growing delays; one good run of a process of the newest round resets them.

use std::time::Duration;

use super::{Job, Worker};
use crate::level::Level;
use crate::manager::Effect;
use crate::manager::backoff::Jitter;
use crate::manager::worker::Life;
use crate::process::{Activity, ActivityState, ExitStatus, ProcessId};
use crate::snapshot::{Failing, Failure};
use crate::time::Time;

/// A process that dies sooner than this, and has not answered a job, died "at once".
const GOOD_RUN: Duration = Duration::from_secs(2);

/// So many ends in a row that are not the process's own fault are replaced at once; beyond that something is wrong
/// all the same (a machine without memory kills what is idle, too).
const BLAMELESS_ENDS: u32 = 20;

impl Job {
    /// What is told of a job that can't have the processes that it should: they die again and again, or can't be started.
    /// Nothing, though that is remembered, where all that are wanted by now are there and none is on trial.
    pub(in crate::manager) fn failing(&self, now: Time) -> Option<Failing> {
        let untried = self.workers.range(self.trial_from..).next().is_none();
        let has_all = self.has_workers() && untried && !self.lacks_some(now);
        (self.backoff.is_failing() && self.bounds().max() > 0 && !has_all).then(|| Failing {
            times: self.backoff.failures(),
            held_until: self.backoff.held_until(),
            failure: self.last_failure,
        })
    }

    /// A process that was asked for could not be started.
    pub(in crate::manager) fn spawn_failed(
        &mut self,
        process: ProcessId,
        error: &str,
        now: Time,
        jitter: &mut Jitter,
        out: &mut Vec<Effect>,
    ) {
        let Some(worker) = self.workers.remove(&process) else {
            return;
        };
        // Of those that were asked for together, one says what there is to say.
        let level = if process < self.trial_from { Level::Debug } else { Level::Error };
        out.push(self.log(level, None, format!("Could not start a process of type {}: {error}", self.name)));
        if !worker.was_asked_to_go() {
            self.failed(process, Failure::NotStarted, now, jitter, out);
        }
    }

    /// A process ended.
    pub(in crate::manager) fn exited(
        &mut self,
        process: ProcessId,
        status: ExitStatus,
        final_activity: Option<Activity>,
        now: Time,
        jitter: &mut Jitter,
        out: &mut Vec<Effect>,
    ) {
        let Some(worker) = self.bury(process, final_activity, now) else {
            return;
        };
        out.push(self.log(Level::Info, worker.pid(), format!("Exited with status {status}")));
        if worker.was_asked_to_go() {
            return;
        }
        let lived = worker.served_for(now).unwrap_or_default();
        if lived >= GOOD_RUN || worker.jobs_done() > 0 {
            self.ran_well(process);
        } else if is_blameless(status, &worker) && self.blameless_ends < BLAMELESS_ENDS {
            self.blameless_ends += 1;
        } else {
            self.failed(process, Failure::DiedAtOnce, now, jitter, out);
        }
    }

    /// A process is gone with its host: not its own fault, so it doesn't count as a crash.
    pub(in crate::manager) fn lost(
        &mut self,
        process: ProcessId,
        final_activity: Option<Activity>,
        now: Time,
        out: &mut Vec<Effect>,
    ) {
        let Some(worker) = self.bury(process, final_activity, now) else {
            return;
        };
        if let Some(pid) = worker.pid() {
            out.push(self.log(Level::Info, Some(pid), format!("Exited with status {}", ExitStatus::Unknown)));
        }
    }

    /// What time alone changes: a process on trial has run well, a hold has ended. Returns whether to balance.
    pub(in crate::manager) fn pass_time(&mut self, now: Time) -> bool {
        if self.is_on_trial() {
            let on_trial: Vec<(ProcessId, Time)> = self.on_trial().collect();
            for (process, _) in on_trial.into_iter().filter(|&(_, started)| now.since(started) >= GOOD_RUN) {
                self.ran_well(process);
            }
        }
        !self.backoff.holds(now) && self.lacks_some(now)
    }

    /// Whether a good run of a process would change something.
    fn is_on_trial(&self) -> bool {
        self.backoff.failures() > 0 || !self.proven
    }

    /// Whether processes are missing, or are to be replaced.
    fn lacks_some(&self, now: Time) -> bool {
        self.counted() < self.target || self.outdated(now) > 0
    }

    /// When time alone next changes something.
    pub(in crate::manager) fn next_deadline(&self, now: Time, observed: Time) -> Option<Time> {
        let good_run =
            self.is_on_trial().then(|| self.on_trial().map(|(_, started)| started + GOOD_RUN).min()).flatten();
        let held = (self.backoff.holds(now) && self.lacks_some(now)).then(|| self.backoff.held_until());
        good_run.into_iter().chain(held).chain(self.renewal_deadline(now, observed)).min()
    }

    /// Removes a process and keeps what it did.
    fn bury(&mut self, process: ProcessId, final_activity: Option<Activity>, now: Time) -> Option<Worker> {
        if let Some(activity) = final_activity {
            self.observe(process, activity, now);
        }
        let worker = self.workers.remove(&process)?;
        self.jobs_done_before = self.jobs_done_before.saturating_add(worker.jobs_done());
        Some(worker)
    }

    /// A process could not be started, or died at once.
    fn failed(&mut self, process: ProcessId, failure: Failure, now: Time, jitter: &mut Jitter, out: &mut Vec<Effect>) {
        if process < self.trial_from {
            return;
        }
        self.last_failure = failure;
        let delay = self.backoff.failed(now, jitter);
        // Everything that has been asked for so far belongs to the round that has just failed.
        let newest = self.workers.last_key_value().map_or(process, |(&newest, _)| newest.max(process));
        self.trial_from = ProcessId(newest.0 + 1);
        if self.backoff.is_failing() {
            let message = format!(
                "Processes of type {} {failure}, {} times in a row: the next one in {:.1} s",
                self.name,
                self.backoff.failures(),
                delay.as_secs_f64(),
            );
            out.push(self.log(Level::Warn, None, message));
        }
    }

    /// Starting works: what fails next is the first failure again. Only a process of the newest round shows that; that a
    /// generation's processes live, any of them does.
    pub(super) fn ran_well(&mut self, process: ProcessId) {
        if process >= self.trial_from {
            self.backoff.reset();
            self.blameless_ends = 0;
        }
        if process >= self.generation_from {
            self.proven = true;
        }
    }

    /// The processes on trial, with their starts: those that run, and were asked for after the last failure; while the
    /// generation has to prove itself, all of it.
    fn on_trial(&self) -> impl Iterator<Item = (ProcessId, Time)> {
        let from = if self.proven { self.trial_from } else { self.trial_from.min(self.generation_from) };
        self.workers.range(from..).filter_map(|(&process, worker)| match worker.life {
            Life::Serving { started, .. } => Some((process, started)),
            _ => None,
        })
    }
}

/// Whether the end of a young process says nothing against its code: it drained and left (it had been
/// signalled, or could not go on), or it was killed from outside while it had nothing to do.
fn is_blameless(status: ExitStatus, worker: &Worker) -> bool {
    const SIGKILL: i32 = 9;
    let state = worker.activity.as_ref().map(|activity| activity.state);
    match status {
        ExitStatus::Code(0) => state == Some(ActivityState::Draining),
        ExitStatus::Signal(SIGKILL) => state == Some(ActivityState::Idle),
        _ => false,
    }
}
