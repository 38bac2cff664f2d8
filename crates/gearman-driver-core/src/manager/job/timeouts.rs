//! Jobs that take too long: when a process that still has one in hand is killed.
//!
//! At the *soft* limit, `timeout`, the process itself tells the client that its job has failed, and goes on if the method
//! then returns. At the *hard* one, [`GRACE`] later, the driver kills a process that still has the job in hand: here. It is
//! replaced at once. That is no crash: a process has lived for more than the grace by then, so that a job which always runs
//! over makes no loop that would have to be held back.
//!
//! What processes do is looked at only now and then. But a job that began after the last look can't be overdue before
//! that look + the hard limit, so a look at that time misses none.

use std::time::Duration;

use super::{Effect, Job, Worker};
use crate::job::JobDeclaration;
use crate::manager::worker::Life;
use crate::process::ProcessId;
use crate::time::Time;

/// How long after its `timeout` a job may still be in hand: for the method to notice, and for its `end` hook.
const GRACE: Duration = Duration::from_secs(5);

impl Job {
    /// Kills the processes that have just been seen with a job that is overdue. Whether there was one.
    ///
    /// Only those that were looked at *now*: by what was seen earlier, a process may have another job by this time.
    pub(in crate::manager) fn kill_overdue(&mut self, now: Time, out: &mut Vec<Effect>) -> bool {
        let overdue: Vec<(ProcessId, Duration, Duration)> = self
            .workers
            .iter()
            .filter(|(_, worker)| worker.seen == now && runs(worker))
            .filter_map(|(&process, worker)| Some((process, worker.timeout?, now.since(begun(worker)?))))
            .filter(|&(_, timeout, taken)| taken >= timeout + GRACE)
            .collect();
        for &(process, timeout, taken) in &overdue {
            let why = format!(
                "its job has taken {:.1} s, and its timeout is {} s (and {} s of grace)",
                taken.as_secs_f64(),
                timeout.as_secs_f64(),
                GRACE.as_secs()
            );
            self.kill(process, &why, now, out);
            if let Some(worker) = self.workers.get_mut(&process) {
                worker.overran = true;
            }
        }
        !overdue.is_empty()
    }

    /// When the processes must be looked at, so that no overdue job is missed.
    pub(in crate::manager) fn next_overdue(&self) -> Option<Time> {
        let next = |worker: &Worker| {
            let hard = worker.timeout? + GRACE;
            Some(match begun(worker) {
                Some(begun) if begun + hard > worker.seen => begun + hard,
                _ => worker.seen + hard,
            })
        };
        self.workers.values().filter(|worker| runs(worker)).filter_map(next).min()
    }

    /// All processes have been looked at: those that say nothing need not be looked at again at once.
    pub(in crate::manager) fn looked_for_overdue(&mut self, now: Time) {
        for worker in self.workers.values_mut() {
            worker.seen = now;
        }
    }

    /// How long a process may take to finish its job when the driver ends.
    pub(in crate::manager) fn drain_patience(&self, shutdown_timeout: Duration) -> Duration {
        self.drain_timeout.map_or(shutdown_timeout, |own| own.max(shutdown_timeout))
    }
}

/// What is to be said of a job whose processes a shutdown kills before their own timeout does.
pub(in crate::manager) fn longer_than_drain(job: &JobDeclaration, shutdown_timeout: Duration) -> Option<String> {
    let longest = job.timeout? + GRACE;
    let patience = shutdown_timeout.max(job.drain_timeout.unwrap_or_default());
    (longest > patience).then(|| {
        format!(
            "Job {}: its jobs may take {} s (a timeout of {} s and {} s of grace), but a shutdown kills them after {} s; \
             give it a drain_timeout of {} s, or the driver such a shutdown_timeout",
            job.name,
            longest.as_secs_f64(),
            longest.saturating_sub(GRACE).as_secs_f64(),
            GRACE.as_secs(),
            patience.as_secs_f64(),
            longest.as_secs_f64(),
        )
    })
}

/// Whether it runs and has not been killed.
fn runs(worker: &Worker) -> bool {
    matches!(worker.life, Life::Serving { .. } | Life::Draining { .. })
}

/// When the job that it was last seen with began.
fn begun(worker: &Worker) -> Option<Time> {
    worker.activity.as_ref()?.current.as_ref().map(|current| current.started)
}
