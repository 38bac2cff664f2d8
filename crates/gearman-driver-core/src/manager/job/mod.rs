//! One job: its bounds, its processes, and how many of them there should be.
//!
//! Everything comes together in [`Job::balance`]: whatever has happened (a death, an order, a decision of the
//! scaling policy) changes the target, the bounds or the processes, and balance starts what is missing and asks
//! what is surplus to stop.

mod ends;
mod look;
mod renewal;
mod timeouts;

pub(super) use self::timeouts::longer_than_drain;

use std::collections::BTreeMap;
use std::time::Duration;

use super::backoff::{Backoff, Jitter};
use super::worker::{Life, Then, Worker};
use super::{Effect, LogLine};
use crate::job::{JobDeclaration, Lifespan};
use crate::level::Level;
use crate::limits::Limits;
use crate::order::OrderError;
use crate::process::{HostId, LastError, ProcessId};
use crate::scaling::Decision;
use crate::snapshot::{Failure, JobSnapshot, QueueSnapshot};
use crate::time::{Time, UnixSeconds};

/// A job and its processes.
#[derive(Debug)]
pub(super) struct Job {
    name: String,
    functions: Vec<String>,
    declared: Limits,
    limits: Limits,
    max_idle_time: Option<Duration>,
    drain_timeout: Option<Duration>,
    timeout: Option<Duration>,
    lifespan: Lifespan,
    /// The worker code that is in force.
    generation: Option<u32>,
    /// A process of that has run well.
    proven: bool,
    /// Processes that were asked for before this one are to be replaced.
    restart_before: ProcessId,
    /// The worker code that is loaded now no longer has it.
    retired: bool,
    /// An operator has paused it: it is to have no process. What its target was then.
    paused: Option<u32>,
    /// How many processes it should have, draining ones not counted. Within the bounds.
    target: u32,
    workers: BTreeMap<ProcessId, Worker>,
    backoff: Backoff,
    /// What that counts, the last time.
    last_failure: Failure,
    /// Young processes that have ended in a row, and not by their own fault.
    blameless_ends: u32,
    /// Processes that were asked for before this one say nothing about whether starting works now: a burst of
    /// processes that die together is one failure, not many.
    trial_from: ProcessId,
    /// The processes of the generation in force begin here.
    generation_from: ProcessId,
    last_run: Option<UnixSeconds>,
    last_error: Option<LastError>,
    /// Jobs answered by processes that have ended.
    jobs_done_before: u64,
    /// When one of its processes last ran a job, by the driver's clock.
    last_ran: Option<Time>,
    queue: Option<QueueSnapshot>,
    decision: Option<Decision>,
}

/// Which processes are given up first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum GoesFirst {
    /// Those that are to be replaced.
    Outdated,
    /// Those that don't serve yet, or have yet to show that their generation lives: there are too many, and enough others
    /// can't take the place of those that do.
    Unregistered,
}

/// Where processes come from while a job may start some.
#[derive(Debug)]
pub(super) struct Nursery<'a> {
    /// The host that forks; `None`: nothing can be started now.
    pub(super) host: Option<HostId>,
    /// The worker code of that host.
    pub(super) generation: u32,
    /// The next process's name.
    pub(super) next: &'a mut u64,
    /// Spreads what processes that begin together would do together.
    pub(super) jitter: &'a mut Jitter,
}

impl Job {
    pub(super) fn new(declaration: JobDeclaration) -> Self {
        let JobDeclaration { name, functions, limits, max_idle_time, timeout, drain_timeout, lifespan } = declaration;
        Self {
            name,
            functions,
            declared: limits,
            limits,
            max_idle_time,
            timeout,
            drain_timeout,
            lifespan,
            generation: None,
            proven: false,
            restart_before: ProcessId(0),
            retired: false,
            paused: None,
            target: limits.min(),
            workers: BTreeMap::new(),
            backoff: Backoff::default(),
            last_failure: Failure::DiedAtOnce,
            blameless_ends: 0,
            trial_from: ProcessId(0),
            generation_from: ProcessId(0),
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
        self.timeout = declaration.timeout;
        self.drain_timeout = declaration.drain_timeout;
        self.lifespan = declaration.lifespan;
        self.declared = declaration.limits;
        self.retired = false;
        if !keep_limits {
            self.limits = declaration.limits;
        }
    }

    /// No worker code has it any more: its processes finish their jobs and go.
    pub(super) fn retire(&mut self) {
        self.retired = true;
        self.paused = None;
        self.limits = Limits::NONE;
    }

    /// It is to have no process until it is resumed; [`Job::balance`] must follow.
    pub(super) fn pause(&mut self) {
        self.paused.get_or_insert(self.target);
    }

    /// It is to have again what it had before; [`Job::balance`] must follow.
    pub(super) fn resume(&mut self) {
        if let Some(before) = self.paused.take() {
            self.target = before;
        }
    }

    /// Within which its number of processes stays: its limits, or none at all.
    fn bounds(&self) -> Limits {
        if self.paused.is_some() { Limits::NONE } else { self.limits }
    }

    pub(super) fn limits(&self) -> Limits {
        self.limits
    }

    pub(super) fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// One process more than it has, or is to have; [`Job::balance`] must follow.
    pub(super) fn want_one_more(&mut self) -> Result<(), OrderError> {
        if self.paused.is_some() {
            return Err(OrderError::Paused);
        }
        let target = self.limits.clamp(self.target).saturating_add(1);
        if target > self.limits.max() {
            return Err(OrderError::AtMax);
        }
        self.target = target;
        Ok(())
    }

    /// One process less; [`Job::balance`] must follow.
    pub(super) fn want_one_less(&mut self) -> Result<(), OrderError> {
        let target = self.bounds().clamp(self.target);
        if target == self.bounds().min() {
            return Err(OrderError::AtMin);
        }
        self.target = target - 1;
        Ok(())
    }

    pub(super) fn is_retired(&self) -> bool {
        self.retired
    }

    /// Whether it is gone for good: no worker code has it, and its last process has ended.
    pub(super) fn is_over(&self) -> bool {
        self.is_retired() && !self.has_workers()
    }

    pub(super) fn functions(&self) -> &[String] {
        &self.functions
    }

    pub(super) fn has_workers(&self) -> bool {
        !self.workers.is_empty()
    }

    pub(super) fn workers(&self) -> impl Iterator<Item = (ProcessId, &Worker)> {
        self.workers.iter().map(|(&process, worker)| (process, worker))
    }

    /// Starts what is missing, and asks what is surplus to stop: first what is to be replaced, then idle processes.
    ///
    /// Draining processes count towards max only: a process that is asked to stop is replaced at once where there is
    /// room, and when it has exited where there is none.
    pub(super) fn balance(&mut self, now: Time, nursery: &mut Nursery<'_>, out: &mut Vec<Effect>) {
        self.target = self.bounds().clamp(self.target);
        self.stop_own_drainers(now, out);
        while let Some(surplus) = self.surplus(now) {
            self.stop_surplus(surplus, GoesFirst::Outdated, now, out);
        }
        // An operator has lowered max while processes are replaced.
        let beyond = self.counted().saturating_sub(self.bounds().max().saturating_add(self.ahead(now)));
        if beyond > 0 {
            self.stop_surplus(beyond, GoesFirst::Unregistered, now, out);
        }
        let Some(host) = nursery.host else { return };
        if self.backoff.holds(now) {
            return;
        }
        let start = self.missing(now);
        if start == 0 {
            return;
        }
        let message = format!("Starting {start} new process(es) of type {}", self.name);
        out.push(self.log(Level::Debug, None, message));
        for _ in 0..start {
            let process = ProcessId(*nursery.next);
            *nursery.next += 1;
            self.workers
                .insert(process, Worker::spawning(host, nursery.generation, nursery.jitter.part(), self.timeout));
            out.push(Effect::Spawn { process, job: self.name.clone(), host });
        }
    }

    /// How many processes may be asked to stop now. Where some are to be replaced, enough others serve.
    fn surplus(&self, now: Time) -> Option<u32> {
        let surplus = self.counted().saturating_sub(self.target);
        let spare = if self.outdated(now) == 0 { surplus } else { self.spare_outdated(now) };
        Some(surplus.min(spare)).filter(|surplus| *surplus > 0)
    }

    /// How many processes may be started now: those that are missing, and replacements that come first.
    fn missing(&self, now: Time) -> u32 {
        let (counted, outdated) = (self.counted(), self.outdated(now));
        let fresh = counted - outdated;
        let taken = u32::try_from(self.workers.len()).unwrap_or(u32::MAX);
        let mut ahead = self.ahead(now);
        if self.awaits_proof() {
            ahead = ahead.min(1_u32.saturating_sub(fresh));
        }
        let room = self.bounds().max().saturating_add(ahead).saturating_sub(taken);
        self.target.saturating_add(ahead).saturating_sub(counted).min(self.target.saturating_sub(fresh)).min(room)
    }

    /// How many processes there may be beyond max: while some are to be replaced, a few.
    fn ahead(&self, now: Time) -> u32 {
        if self.outdated(now) == 0 { 0 } else { renewal::surge(self.bounds().max()) }
    }

    /// A process that was asked for runs, or an adopted one is confirmed under its PID.
    pub(super) fn spawned(&mut self, process: ProcessId, pid: u32, now: Time, out: &mut Vec<Effect>) {
        let Some(worker) = self.workers.get_mut(&process) else {
            return;
        };
        let Life::Spawning { then } = worker.life else {
            return;
        };
        worker.life = Life::Serving { pid, started: now };
        worker.seen = now;
        out.push(self.log(Level::Info, Some(pid), "Process started".to_owned()));
        match then {
            Then::Serve => {}
            Then::Stop => self.stop(process, now, out),
            Then::Kill => self.kill(process, "the driver ends at once", now, out),
        }
    }

    /// A process whose host is gone is the shell's own child now. What was asked of it may have been lost with its host,
    /// so it is asked again.
    pub(super) fn adopted(&mut self, process: ProcessId, pid: u32, now: Time, out: &mut Vec<Effect>) {
        match self.workers.get(&process).map(|worker| worker.life) {
            Some(Life::Spawning { .. }) => self.spawned(process, pid, now, out),
            Some(Life::Draining { .. }) => out.push(Effect::Stop { process }),
            Some(Life::Killed { .. }) => out.push(Effect::Kill { process }),
            Some(Life::Serving { .. }) | None => {}
        }
    }

    /// Asks a process to finish its job and exit, once. The target is the caller's concern.
    pub(super) fn stop(&mut self, process: ProcessId, now: Time, out: &mut Vec<Effect>) {
        let Some(worker) = self.workers.get_mut(&process) else {
            return;
        };
        match worker.life {
            Life::Spawning { then: Then::Serve } => worker.life = Life::Spawning { then: Then::Stop },
            Life::Serving { pid, started } => {
                worker.life = Life::Draining { pid, started, since: now };
                out.push(Effect::Stop { process });
                out.push(self.log(Level::Info, Some(pid), "Process killed".to_owned()));
            }
            Life::Spawning { .. } | Life::Draining { .. } | Life::Killed { .. } => {}
        }
    }

    /// As [`Job::stop`], on an operator's order: what was stopped is missing only as far as min asks for it.
    pub(super) fn stop_ordered(&mut self, process: ProcessId, now: Time, out: &mut Vec<Effect>) {
        if self.workers.get(&process).is_some_and(Worker::counts) {
            self.target = self.bounds().clamp(self.target.saturating_sub(1));
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
                worker.life = Life::Killed { pid, started, since: now };
                let busy_with = match worker.activity.as_ref().and_then(|activity| activity.current.as_ref()) {
                    Some(job) if job.handle.is_empty() => format!(", in {}", job.function),
                    Some(job) => format!(", in {} ({})", job.function, job.handle),
                    None => String::new(),
                };
                out.push(Effect::Kill { process });
                out.push(self.log(Level::Warn, Some(pid), format!("Process killed: {why}{busy_with}")));
            }
            Life::Killed { .. } => {}
        }
    }

    pub(super) fn snapshot(&self, now: Time) -> JobSnapshot {
        let processes: Vec<_> = self.workers.values().filter_map(Worker::snapshot).collect();
        JobSnapshot {
            name: self.name.clone(),
            functions: self.functions.clone(),
            limits: self.limits,
            limits_changed: self.limits_changed(),
            retired: self.retired,
            paused: self.paused.is_some(),
            target: self.target,
            spawning: u32::try_from(self.workers.len() - processes.len()).unwrap_or(u32::MAX),
            processes,
            last_run: self.last_run,
            last_error: self.last_error.clone(),
            jobs_done: self.workers.values().map(Worker::jobs_done).fold(self.jobs_done_before, u64::saturating_add),
            failing: self.failing(now),
            queue: self.queue,
            decision: self.decision.clone(),
        }
    }

    fn limits_changed(&self) -> bool {
        self.limits != self.declared
    }

    fn counted(&self) -> u32 {
        self.count(|_, worker| worker.counts())
    }

    fn count(&self, wanted: impl Fn(ProcessId, &Worker) -> bool) -> u32 {
        let count = self.workers.iter().filter(|(process, worker)| wanted(**process, worker)).count();
        u32::try_from(count).unwrap_or(u32::MAX)
    }

    /// Processes that say that they drain by themselves are surplus as soon as there are more than max with them, so
    /// that none is there beyond max without having been asked to go.
    fn stop_own_drainers(&mut self, now: Time, out: &mut Vec<Effect>) {
        let unasked = self.workers.values().filter(|worker| !worker.was_asked_to_go()).count();
        if unasked <= usize::try_from(self.bounds().max()).unwrap_or(usize::MAX) {
            return;
        }
        let drainers = self.workers.iter().filter(|(_, worker)| !worker.counts() && !worker.was_asked_to_go());
        for process in drainers.map(|(&process, _)| process).collect::<Vec<_>>() {
            self.stop(process, now, out);
        }
    }

    fn stop_surplus(&mut self, surplus: u32, first: GoesFirst, now: Time, out: &mut Vec<Effect>) {
        let awaits_proof = self.awaits_proof();
        let mut candidates: Vec<_> = self
            .workers
            .iter()
            .filter(|(_, worker)| worker.counts())
            .map(|(&process, worker)| {
                let (current, registered) = (!self.is_outdated(process, worker, now), worker.is_registered());
                let order = match first {
                    GoesFirst::Outdated => (current, registered, current),
                    GoesFirst::Unregistered => (self.is_relied_on(worker, awaits_proof), registered, current),
                };
                ((order, worker.reluctance(now)), process, worker.idle(now))
            })
            .collect();
        candidates.sort_unstable();
        candidates.truncate(usize::try_from(surplus).unwrap_or(usize::MAX));
        let idle = candidates.iter().filter_map(|&(.., idle)| idle).min().unwrap_or_default().as_secs();
        let message = format!("Stopping {} process(es) of type {} (idle: {idle})", candidates.len(), self.name);
        out.push(self.log(Level::Debug, None, message));
        for (_, process, _) in candidates {
            self.stop(process, now, out);
        }
    }

    fn log(&self, level: Level, pid: Option<u32>, message: String) -> Effect {
        Effect::Log(LogLine { level, pid, job: Some(self.name.clone()), message })
    }
}
