//! Processes that are to be replaced by new ones: of an older generation, restarted by an operator, spent, too old.
//!
//! The new one comes first. While there are such processes the job may have a few more than `max_processes`
//! ([`surge`]), and a process is asked to go only when enough others serve. A new generation sends one process ahead: the
//! others wait until that has run well.

use std::time::Duration;

use super::{Job, Worker};
use crate::manager::worker::Life;
use crate::process::{ActivityState, ProcessId};
use crate::snapshot::Failure;
use crate::time::Time;

/// How often it is looked whether new processes have registered, while others wait for them to be replaced.
const LOOK_FOR_NEW: Duration = Duration::from_millis(25);

/// How often it is looked whether processes have reached a limit that they alone can see.
const LOOK_FOR_SPENT: Duration = Duration::from_millis(250);

/// How many processes a job may have beyond its maximum while some are replaced.
pub(in crate::manager) fn surge(max: u32) -> u32 {
    max.div_ceil(4)
}

impl Job {
    /// A generation is in force from now on: processes from `first` on are of it.
    pub(in crate::manager) fn begin_generation(&mut self, generation: u32, first: ProcessId) {
        if self.generation == Some(generation) {
            return;
        }
        self.generation = Some(generation);
        self.proven = false;
        self.generation_from = first;
        self.trial_from = first;
        self.backoff.reset();
        self.blameless_ends = 0;
    }

    /// The generation in force has proven itself before.
    pub(in crate::manager) fn trust_generation(&mut self) {
        self.proven = true;
    }

    /// Whether a process of the generation in force has run well.
    pub(in crate::manager) fn is_proven(&self) -> bool {
        self.proven
    }

    /// Processes of the newest round that died at once, one after the other.
    pub(in crate::manager) fn deaths_in_a_row(&self) -> u32 {
        self.backoff.failures()
    }

    /// What is wrong with those.
    pub(in crate::manager) fn last_failure(&self) -> Failure {
        self.last_failure
    }

    /// Whether the generation in force has taken over: no process of an older one takes jobs, and those that are wanted
    /// have shown that they live.
    pub(in crate::manager) fn has_settled(&self) -> bool {
        self.retired
            || ((self.proven || self.target == 0) && !self.workers.values().any(|worker| self.is_older(worker)))
    }

    /// All processes that are there now are replaced.
    pub(in crate::manager) fn restart(&mut self, next: ProcessId) {
        self.restart_before = next;
    }

    /// How many of those that count are to be replaced.
    pub(super) fn outdated(&self, now: Time) -> u32 {
        self.count(|process, worker| worker.counts() && self.is_outdated(process, worker, now))
    }

    /// How many of those may go now: enough others serve.
    pub(super) fn spare_outdated(&self, now: Time) -> u32 {
        let outdated = self.outdated(now);
        // One of the new generation that has yet to show that it lives is none of the others, even where an operator has
        // ordered that it be replaced, too.
        let serving = if self.awaits_proof() {
            self.count(|_, worker| self.is_older(worker))
        } else {
            outdated + self.ready_to_replace(now)
        };
        serving.saturating_sub(self.target).min(outdated)
    }

    /// How many new ones are ready to take the place of those.
    fn ready_to_replace(&self, now: Time) -> u32 {
        if self.awaits_proof() {
            return 0;
        }
        self.count(|process, worker| {
            worker.counts() && !self.is_outdated(process, worker, now) && worker.is_registered()
        })
    }

    /// Processes of an older generation wait for the first one of this to show that it lives.
    pub(super) fn awaits_proof(&self) -> bool {
        !self.proven && self.workers.values().any(|worker| self.is_older(worker))
    }

    /// Whether others may go because this process serves: not while it has to show first that its generation lives.
    pub(super) fn is_relied_on(&self, worker: &Worker, awaits_proof: bool) -> bool {
        worker.is_registered() && (!awaits_proof || self.is_older(worker))
    }

    /// Whether a process is to be replaced by a new one.
    pub(super) fn is_outdated(&self, process: ProcessId, worker: &Worker, now: Time) -> bool {
        process < self.restart_before
            || self.is_older(worker)
            || worker.is_spent()
            || self.too_old_at(worker).is_some_and(|due| due <= now)
    }

    /// When time alone next changes something for processes that are to be replaced. `observed` is when the processes
    /// were last looked at.
    pub(super) fn renewal_deadline(&self, now: Time, observed: Time) -> Option<Time> {
        let outdated = self.outdated(now);
        let look = if outdated == 0 {
            let may_be_spent = self.lifespan.max_jobs.is_some() || self.lifespan.max_memory.is_some();
            (may_be_spent && self.counted() > 0).then_some(observed + LOOK_FOR_SPENT)
        } else {
            let unready = self.counted() - outdated - self.ready_to_replace(now);
            (unready > 0).then_some(observed + LOOK_FOR_NEW)
        };
        let ages = self
            .workers
            .iter()
            .filter(|(process, worker)| worker.counts() && !self.is_outdated(**process, worker, now));
        ages.filter_map(|(_, worker)| self.too_old_at(worker)).chain(look).min()
    }

    /// Whether it takes jobs, and is of an older generation than that in force.
    fn is_older(&self, worker: &Worker) -> bool {
        worker.counts() && self.generation.is_some_and(|generation| worker.generation != generation)
    }

    /// When it has reached `max_age`, less its own part of the jitter.
    fn too_old_at(&self, worker: &Worker) -> Option<Time> {
        let max_age = self.lifespan.max_age?;
        let Life::Serving { started, .. } = worker.life else { return None };
        let part = self.lifespan.jitter.clamp(0.0, 1.0) * worker.jitter;
        Some(started + max_age.mul_f64(1.0 - part))
    }
}

impl Worker {
    /// It has reached a limit by its own account.
    fn is_spent(&self) -> bool {
        self.activity.as_ref().is_some_and(|activity| activity.spent.is_some())
    }

    /// It takes jobs: not only forked, but past `process_start`.
    pub(super) fn is_registered(&self) -> bool {
        let state = self.activity.as_ref().map(|activity| activity.state);
        matches!(self.life, Life::Serving { .. }) && matches!(state, Some(ActivityState::Idle | ActivityState::Busy))
    }
}
