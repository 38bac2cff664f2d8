//! What is seen of a job: the job servers' status, and what its processes say of themselves.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Job, Worker};
use crate::manager::FunctionStatus;
use crate::process::{Activity, ActivityState, ProcessId};
use crate::scaling::{News, Observation, Policy};
use crate::snapshot::QueueSnapshot;
use crate::time::Time;

impl Job {
    /// What the job servers say, and what the policy makes of it. [`Job::balance`] must follow.
    pub(in crate::manager) fn look(
        &mut self,
        functions: &BTreeMap<String, FunctionStatus>,
        complete: bool,
        max_idle_time: Duration,
        policy: &dyn Policy,
        now: Time,
    ) {
        let rows: Vec<FunctionStatus> = self.functions.iter().filter_map(|name| functions.get(name).copied()).collect();
        let status = rows.iter().copied().fold(FunctionStatus::default(), FunctionStatus::plus);
        let news = match (complete, rows.is_empty()) {
            (true, _) => News::Complete,
            (false, false) => News::Partial,
            (false, true) => News::Stale,
        };
        if news != News::Stale {
            self.queue = Some(QueueSnapshot { status, seen: now, complete });
        }
        let waiting = rows.iter().fold(0_u64, |sum, row| sum.saturating_add(row.waiting()));
        let seen = self.observation(news, status, waiting, max_idle_time, now);
        let decision = policy.decide(&seen, self.bounds());
        // The policy sees processes that exist. Replacements that are held back, or wait for a host, are in the target
        // alone; only where nothing waits are they given up.
        if decision.target < seen.processes || (news == News::Complete && status.queue == 0) {
            self.target = decision.target;
        } else if decision.target > seen.processes {
            self.target = self.target.max(decision.target);
        }
        self.decision = Some(decision);
    }

    /// What a process says that it does.
    pub(in crate::manager) fn observe(&mut self, process: ProcessId, activity: Activity, now: Time) {
        let Some(known) = self.workers.get(&process).map(Worker::jobs_done) else {
            return;
        };
        if activity.jobs_done > known || activity.state == ActivityState::Busy {
            let ran = if activity.state == ActivityState::Idle { activity.since } else { now };
            self.last_ran = self.last_ran.max(Some(ran.min(now)));
        }
        self.note_results(&activity);
        if activity.jobs_done > 0 {
            self.ran_well(process);
        }
        if let Some(worker) = self.workers.get_mut(&process) {
            worker.activity = Some(activity);
            worker.seen = now;
        }
    }

    fn observation(
        &self,
        news: News,
        status: FunctionStatus,
        waiting: u64,
        max_idle_time: Duration,
        now: Time,
    ) -> Observation {
        // Replacements that come first are not more processes than the job has.
        let beyond = if self.outdated(now) > 0 { self.counted().saturating_sub(self.target) } else { 0 };
        let processes = self.counted() - beyond;
        let mut idle: Vec<Duration> = self.workers.values().filter_map(|worker| worker.idle(now)).collect();
        idle.sort_unstable_by(|a, b| b.cmp(a));
        let busy = self.count(|_, worker| worker.counts() && worker.is_busy()).min(processes);
        // Each process is one or the other: what is left out as a replacement is not idle, either.
        idle.truncate(usize::try_from(processes - busy).unwrap_or(usize::MAX));
        Observation {
            news,
            status,
            waiting,
            processes,
            busy,
            draining: self.count(|_, worker| !worker.counts()),
            draining_busy: self.count(|_, worker| !worker.counts() && worker.is_busy()),
            idle,
            last_run: self.last_ran.map(|ran| now.since(ran)),
            max_idle_time: self.max_idle_time.unwrap_or(max_idle_time),
        }
    }

    fn note_results(&mut self, activity: &Activity) {
        self.last_run = self.last_run.max(activity.last_run);
        if let Some(error) = &activity.last_error
            && self.last_error.as_ref().is_none_or(|known| error.at >= known.at)
        {
            self.last_error = Some(error.clone());
        }
    }
}
