//! One job: its bounds, its processes, and how many of them there should be.
//!
//! Everything comes together in [`Job::balance`]: whatever has happened (a death, an order, a decision of the
//! scaling policy) changes the target, the bounds or the processes, and balance starts what is missing and asks
//! what is surplus to stop.

use std::collections::BTreeMap;
use std::time::Duration;

use super::backoff::{Backoff, Jitter};
use super::worker::{Life, Then, Worker};
use super::{Effect, FunctionStatus, LogLine};
use crate::job::JobDeclaration;
use crate::level::Level;
use crate::limits::Limits;
use crate::process::{Activity, ActivityState, ExitStatus, HostId, LastError, ProcessId};
use crate::scaling::{Decision, News, Observation, Policy};
use crate::snapshot::{Failing, JobSnapshot, QueueSnapshot};
use crate::time::{Time, UnixSeconds};

/// A process that dies sooner than this, and has not answered a job, died "at once".
const GOOD_RUN: Duration = Duration::from_secs(2);

/// So many ends in a row that are not the process's own fault are replaced at once; beyond that something is wrong
/// all the same (a machine without memory kills what is idle, too).
const BLAMELESS_ENDS: u32 = 20;

/// A job and its processes.
#[derive(Debug)]
pub(super) struct Job {
    name: String,
    functions: Vec<String>,
    declared: Limits,
    limits: Limits,
    max_idle_time: Option<Duration>,
    /// The worker code that is loaded now no longer has it.
    retired: bool,
    /// How many processes it should have, draining ones not counted. Within the limits.
    target: u32,
    workers: BTreeMap<ProcessId, Worker>,
    backoff: Backoff,
    /// Young processes that have ended in a row, and not by their own fault.
    blameless_ends: u32,
    /// Processes that were asked for before this one say nothing about whether starting works now: a burst of
    /// processes that die together is one failure, not many.
    trial_from: ProcessId,
    last_run: Option<UnixSeconds>,
    last_error: Option<LastError>,
    /// Jobs answered by processes that have ended.
    jobs_done_before: u64,
    /// When one of its processes last ran a job, by the driver's clock.
    last_ran: Option<Time>,
    queue: Option<QueueSnapshot>,
    decision: Option<Decision>,
}

/// Where processes come from while a job may start some.
#[derive(Debug)]
pub(super) struct Nursery<'a> {
    /// The host that forks; `None`: nothing can be started now.
    pub(super) host: Option<HostId>,
    /// The next process's name.
    pub(super) next: &'a mut u64,
}

impl Job {
    pub(super) fn new(declaration: JobDeclaration) -> Self {
        let JobDeclaration {
            name,
            functions,
            limits,
            max_idle_time,
        } = declaration;
        Self {
            name,
            functions,
            declared: limits,
            limits,
            max_idle_time,
            retired: false,
            target: limits.min(),
            workers: BTreeMap::new(),
            backoff: Backoff::default(),
            blameless_ends: 0,
            trial_from: ProcessId(0),
            last_run: None,
            last_error: None,
            jobs_done_before: 0,
            last_ran: None,
            queue: None,
            decision: None,
        }
    }

    /// The same job as a new host declares it. Bounds that an operator has set stay.
    pub(super) fn declare_again(&mut self, declaration: JobDeclaration) {
        let keep_limits = self.limits_changed() && !self.retired;
        self.functions = declaration.functions;
        self.max_idle_time = declaration.max_idle_time;
        self.declared = declaration.limits;
        self.retired = false;
        if !keep_limits {
            self.limits = declaration.limits;
        }
    }

    /// No worker code has it any more: its processes finish their jobs and go.
    pub(super) fn retire(&mut self) {
        self.retired = true;
        self.limits = Limits::NONE;
    }

    pub(super) fn limits(&self) -> Limits {
        self.limits
    }

    pub(super) fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    pub(super) fn is_retired(&self) -> bool {
        self.retired
    }

    pub(super) fn functions(&self) -> &[String] {
        &self.functions
    }

    pub(super) fn has_workers(&self) -> bool {
        !self.workers.is_empty()
    }

    pub(super) fn workers(&self) -> impl Iterator<Item = (ProcessId, &Worker)> {
        self.workers
            .iter()
            .map(|(&process, worker)| (process, worker))
    }

    /// Starts what is missing, and asks what is surplus to stop: idle processes first.
    ///
    /// Draining processes count towards max only: a process that is asked to stop is replaced at once where there is
    /// room, and when it has exited where there is none.
    pub(super) fn balance(&mut self, now: Time, nursery: &mut Nursery<'_>, out: &mut Vec<Effect>) {
        self.target = self.limits.clamp(self.target);
        let counted = self.counted();
        if counted > self.target {
            self.stop_surplus(counted - self.target, now, out);
            return;
        }
        let Some(host) = nursery.host else { return };
        if self.backoff.holds(now) {
            return;
        }
        let taken = u32::try_from(self.workers.len()).unwrap_or(u32::MAX);
        let start = (self.target - counted).min(self.limits.max().saturating_sub(taken));
        if start == 0 {
            return;
        }
        let message = format!("Starting {start} new process(es) of type {}", self.name);
        out.push(self.log(Level::Debug, None, message));
        for _ in 0..start {
            let process = ProcessId(*nursery.next);
            *nursery.next += 1;
            self.workers.insert(process, Worker::spawning(host));
            out.push(Effect::Spawn {
                process,
                job: self.name.clone(),
                host,
            });
        }
    }

    /// What the job servers say, and what the policy makes of it. [`Job::balance`] must follow.
    pub(super) fn look(
        &mut self,
        functions: &BTreeMap<String, FunctionStatus>,
        complete: bool,
        max_idle_time: Duration,
        policy: &dyn Policy,
        now: Time,
    ) {
        let rows: Vec<FunctionStatus> = self
            .functions
            .iter()
            .filter_map(|name| functions.get(name).copied())
            .collect();
        let status = rows
            .iter()
            .copied()
            .fold(FunctionStatus::default(), FunctionStatus::plus);
        let news = match (complete, rows.is_empty()) {
            (true, _) => News::Complete,
            (false, false) => News::Partial,
            (false, true) => News::Stale,
        };
        if news != News::Stale {
            self.queue = Some(QueueSnapshot {
                status,
                seen: now,
                complete,
            });
        }
        let waiting = rows
            .iter()
            .fold(0_u64, |sum, row| sum.saturating_add(row.waiting()));
        let seen = self.observation(news, status, waiting, max_idle_time, now);
        let decision = policy.decide(&seen, self.limits);
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
    pub(super) fn observe(&mut self, process: ProcessId, activity: Activity, now: Time) {
        let Some(known) = self.workers.get(&process).map(Worker::jobs_done) else {
            return;
        };
        if activity.jobs_done > known || activity.state == ActivityState::Busy {
            let ran = if activity.state == ActivityState::Idle {
                activity.since
            } else {
                now
            };
            self.last_ran = self.last_ran.max(Some(ran.min(now)));
        }
        self.note_results(&activity);
        if activity.jobs_done > 0 {
            self.ran_well(process);
        }
        if let Some(worker) = self.workers.get_mut(&process) {
            worker.activity = Some(activity);
        }
    }

    /// A process that was asked for runs, or an adopted one is confirmed under its PID.
    pub(super) fn spawned(
        &mut self,
        process: ProcessId,
        pid: u32,
        now: Time,
        out: &mut Vec<Effect>,
    ) {
        let Some(worker) = self.workers.get_mut(&process) else {
            return;
        };
        let Life::Spawning { then } = worker.life else {
            return;
        };
        worker.life = Life::Serving { pid, started: now };
        out.push(self.log(Level::Info, Some(pid), "Process started".to_owned()));
        match then {
            Then::Serve => {}
            Then::Stop => self.stop(process, now, out),
            Then::Kill => self.kill(process, "the driver ends at once", now, out),
        }
    }

    /// A process that was asked for could not be started.
    pub(super) fn spawn_failed(
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
        out.push(self.log(
            Level::Error,
            None,
            format!("Could not start a process of type {}: {error}", self.name),
        ));
        if !worker.was_asked_to_go() {
            self.died_at_once(process, now, jitter, out);
        }
    }

    /// A process ended.
    pub(super) fn exited(
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
        out.push(self.log(
            Level::Info,
            worker.pid(),
            format!("Exited with status {status}"),
        ));
        if worker.was_asked_to_go() {
            return;
        }
        let lived = worker.served_for(now).unwrap_or_default();
        if lived >= GOOD_RUN || worker.jobs_done() > 0 {
            self.ran_well(process);
        } else if is_blameless(status, &worker) && self.blameless_ends < BLAMELESS_ENDS {
            self.blameless_ends += 1;
        } else {
            self.died_at_once(process, now, jitter, out);
        }
    }

    /// A process is gone with its host: not its own fault, so it doesn't count as a crash.
    pub(super) fn lost(
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
            out.push(self.log(
                Level::Info,
                Some(pid),
                format!("Exited with status {}", ExitStatus::Unknown),
            ));
        }
    }

    /// Asks a process to finish its job and exit, once. The target is the caller's concern.
    pub(super) fn stop(&mut self, process: ProcessId, now: Time, out: &mut Vec<Effect>) {
        let Some(worker) = self.workers.get_mut(&process) else {
            return;
        };
        match worker.life {
            Life::Spawning { then: Then::Serve } => {
                worker.life = Life::Spawning { then: Then::Stop }
            }
            Life::Serving { pid, started } => {
                worker.life = Life::Draining {
                    pid,
                    started,
                    since: now,
                };
                out.push(Effect::Stop { process });
                out.push(self.log(Level::Info, Some(pid), "Process killed".to_owned()));
            }
            Life::Spawning { .. } | Life::Draining { .. } | Life::Killed { .. } => {}
        }
    }

    /// As [`Job::stop`], on an operator's order: what was stopped is missing only as far as min asks for it.
    pub(super) fn stop_ordered(&mut self, process: ProcessId, now: Time, out: &mut Vec<Effect>) {
        if self.workers.get(&process).is_some_and(Worker::counts) {
            self.target = self.limits.clamp(self.target.saturating_sub(1));
        }
        self.stop(process, now, out);
    }

    /// Ends a process now, once.
    pub(super) fn kill(&mut self, process: ProcessId, why: &str, now: Time, out: &mut Vec<Effect>) {
        let Some(worker) = self.workers.get_mut(&process) else {
            return;
        };
        match worker.life {
            Life::Spawning { .. } => worker.life = Life::Spawning { then: Then::Kill },
            Life::Serving { pid, started } | Life::Draining { pid, started, .. } => {
                worker.life = Life::Killed {
                    pid,
                    started,
                    since: now,
                };
                let busy_with = match worker
                    .activity
                    .as_ref()
                    .and_then(|activity| activity.current.as_ref())
                {
                    Some(job) if job.handle.is_empty() => format!(", in {}", job.function),
                    Some(job) => format!(", in {} ({})", job.function, job.handle),
                    None => String::new(),
                };
                out.push(Effect::Kill { process });
                out.push(self.log(
                    Level::Warn,
                    Some(pid),
                    format!("Process killed: {why}{busy_with}"),
                ));
            }
            Life::Killed { .. } => {}
        }
    }

    /// What time alone changes: a process on trial has run well, a hold has ended. Returns whether to balance.
    pub(super) fn pass_time(&mut self, now: Time) -> bool {
        if self.backoff.failures() == 0 {
            return false;
        }
        let ran_well = self
            .on_trial()
            .find(|&(_, started)| now.since(started) >= GOOD_RUN);
        if let Some((process, _)) = ran_well {
            self.ran_well(process);
        }
        !self.backoff.holds(now) && self.counted() < self.target
    }

    /// When time alone next changes something.
    pub(super) fn next_deadline(&self, now: Time) -> Option<Time> {
        if self.backoff.failures() == 0 {
            return None;
        }
        let good_run = self.on_trial().map(|(_, started)| started + GOOD_RUN).min();
        let held = (self.backoff.holds(now) && self.counted() < self.target)
            .then(|| self.backoff.held_until());
        good_run.into_iter().chain(held).min()
    }

    pub(super) fn snapshot(&self) -> JobSnapshot {
        let processes: Vec<_> = self.workers.values().filter_map(Worker::snapshot).collect();
        JobSnapshot {
            name: self.name.clone(),
            functions: self.functions.clone(),
            limits: self.limits,
            limits_changed: self.limits_changed(),
            retired: self.retired,
            target: self.target,
            spawning: u32::try_from(self.workers.len() - processes.len()).unwrap_or(u32::MAX),
            processes,
            last_run: self.last_run,
            last_error: self.last_error.clone(),
            jobs_done: self
                .workers
                .values()
                .map(Worker::jobs_done)
                .fold(self.jobs_done_before, u64::saturating_add),
            failing: self.backoff.is_failing().then(|| Failing {
                times: self.backoff.failures(),
                held_until: self.backoff.held_until(),
            }),
            queue: self.queue,
            decision: self.decision.clone(),
        }
    }

    fn limits_changed(&self) -> bool {
        self.limits != self.declared
    }

    fn counted(&self) -> u32 {
        u32::try_from(
            self.workers
                .values()
                .filter(|worker| worker.counts())
                .count(),
        )
        .unwrap_or(u32::MAX)
    }

    fn observation(
        &self,
        news: News,
        status: FunctionStatus,
        waiting: u64,
        max_idle_time: Duration,
        now: Time,
    ) -> Observation {
        let count = |wanted: fn(&Worker) -> bool| {
            u32::try_from(
                self.workers
                    .values()
                    .filter(|worker| wanted(worker))
                    .count(),
            )
            .unwrap_or(u32::MAX)
        };
        let mut idle: Vec<Duration> = self
            .workers
            .values()
            .filter_map(|worker| worker.idle(now))
            .collect();
        idle.sort_unstable_by(|a, b| b.cmp(a));
        Observation {
            news,
            status,
            waiting,
            processes: count(Worker::counts),
            busy: count(|worker| worker.counts() && worker.is_busy()),
            draining: count(|worker| !worker.counts()),
            draining_busy: count(|worker| !worker.counts() && worker.is_busy()),
            idle,
            last_run: self.last_ran.map(|ran| now.since(ran)),
            max_idle_time: self.max_idle_time.unwrap_or(max_idle_time),
        }
    }

    fn stop_surplus(&mut self, surplus: u32, now: Time, out: &mut Vec<Effect>) {
        let mut candidates: Vec<_> = self
            .workers
            .iter()
            .filter(|(_, worker)| worker.counts())
            .map(|(&process, worker)| (worker.reluctance(now), process, worker.idle(now)))
            .collect();
        candidates.sort_unstable();
        candidates.truncate(usize::try_from(surplus).unwrap_or(usize::MAX));
        let idle = candidates
            .iter()
            .filter_map(|&(_, _, idle)| idle)
            .min()
            .unwrap_or_default()
            .as_secs();
        let message = format!(
            "Stopping {} process(es) of type {} (idle: {idle})",
            candidates.len(),
            self.name
        );
        out.push(self.log(Level::Debug, None, message));
        for (_, process, _) in candidates {
            self.stop(process, now, out);
        }
    }

    /// Removes a process and keeps what it did.
    fn bury(
        &mut self,
        process: ProcessId,
        final_activity: Option<Activity>,
        now: Time,
    ) -> Option<Worker> {
        if let Some(activity) = final_activity {
            self.observe(process, activity, now);
        }
        let worker = self.workers.remove(&process)?;
        self.jobs_done_before = self.jobs_done_before.saturating_add(worker.jobs_done());
        Some(worker)
    }

    fn note_results(&mut self, activity: &Activity) {
        self.last_run = self.last_run.max(activity.last_run);
        if let Some(error) = &activity.last_error
            && self
                .last_error
                .as_ref()
                .is_none_or(|known| error.at >= known.at)
        {
            self.last_error = Some(error.clone());
        }
    }

    fn died_at_once(
        &mut self,
        process: ProcessId,
        now: Time,
        jitter: &mut Jitter,
        out: &mut Vec<Effect>,
    ) {
        if process < self.trial_from {
            return;
        }
        let delay = self.backoff.failed(now, jitter);
        // Everything that has been asked for so far belongs to the round that has just failed.
        let newest = self
            .workers
            .last_key_value()
            .map_or(process, |(&newest, _)| newest.max(process));
        self.trial_from = ProcessId(newest.0 + 1);
        if self.backoff.is_failing() {
            let message = format!(
                "Processes of type {} end as soon as they start, {} times in a row: the next one in {:.1} s",
                self.name,
                self.backoff.failures(),
                delay.as_secs_f64(),
            );
            out.push(self.log(Level::Warn, None, message));
        }
    }

    /// Starting works: what fails next is the first failure again. Only a process of the newest round shows that.
    fn ran_well(&mut self, process: ProcessId) {
        if process >= self.trial_from {
            self.backoff.reset();
            self.blameless_ends = 0;
        }
    }

    /// The processes on trial, with their starts: those that run, and were asked for after the last failure.
    fn on_trial(&self) -> impl Iterator<Item = (ProcessId, Time)> {
        self.workers
            .range(self.trial_from..)
            .filter_map(|(&process, worker)| match worker.life {
                Life::Serving { started, .. } => Some((process, started)),
                _ => None,
            })
    }

    fn log(&self, level: Level, pid: Option<u32>, message: String) -> Effect {
        Effect::Log(LogLine {
            level,
            pid,
            job: Some(self.name.clone()),
            message,
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
