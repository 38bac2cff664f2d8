//! The host: started, watched, and started again.
//!
//! Processes outlive their host (the shell adopts them), so its loss costs nothing but the time in which no process
//! can be started.

use super::backoff::{Backoff, Jitter};
use super::{Effect, Manager, Phase, log};
use crate::job::JobDeclaration;
use crate::level::Level;
use crate::manager::job::Job;
use crate::process::{Activity, ExitStatus, HostId, ProcessId};
use crate::time::Time;
use std::collections::BTreeSet;
use std::time::Duration;

/// A host that lived as long as this has not "died at once".
const GOOD_RUN: Duration = Duration::from_secs(30);

/// The generation of the worker code that the running executable holds.
const FIRST_GENERATION: u32 = 1;

/// The host and what is known of starting it.
#[derive(Debug, Default)]
pub(super) struct Hosts {
    state: State,
    next: u32,
    backoff: Backoff,
    /// The worker code that is loaded; `None` before the first host is ready.
    pub(super) generation: Option<u32>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum State {
    #[default]
    None,
    /// Asked for; loading its worker code.
    Starting { host: HostId },
    /// Forks when told.
    Ready { host: HostId, since: Time },
    /// Failed; the next one is started then.
    Waiting { until: Time },
}

impl Hosts {
    /// The host that forks, if there is one.
    pub(super) fn ready(&self) -> Option<HostId> {
        match self.state {
            State::Ready { host, .. } => Some(host),
            _ => None,
        }
    }

    /// The host process, if there is one.
    pub(super) fn alive(&self) -> Option<HostId> {
        match self.state {
            State::Starting { host } | State::Ready { host, .. } => Some(host),
            State::None | State::Waiting { .. } => None,
        }
    }

    /// When the next one is due.
    pub(super) fn next_deadline(&self) -> Option<Time> {
        match self.state {
            State::Waiting { until } => Some(until),
            _ => None,
        }
    }

    /// No further host is started.
    pub(super) fn give_up_waiting(&mut self) {
        if let State::Waiting { .. } = self.state {
            self.state = State::None;
        }
    }

    fn start(&mut self, out: &mut Vec<Effect>) {
        self.next += 1;
        let host = HostId(self.next);
        self.state = State::Starting { host };
        out.push(Effect::StartHost { host, generation: self.generation.unwrap_or(FIRST_GENERATION) });
    }

    fn start_again(&mut self, now: Time, jitter: &mut Jitter, out: &mut Vec<Effect>) {
        let delay = self.backoff.failed(now, jitter);
        if delay.is_zero() {
            self.start(out);
        } else {
            self.state = State::Waiting { until: now + delay };
            let message = format!("The next host is started in {:.1} s", delay.as_secs_f64());
            out.push(log(Level::Warn, message));
        }
    }
}

impl Manager {
    pub(super) fn start_first_host(&mut self, out: &mut Vec<Effect>) {
        if self.hosts.state == State::None && self.hosts.next == 0 {
            self.hosts.start(out);
        }
    }

    pub(super) fn start_due_host(&mut self, now: Time, out: &mut Vec<Effect>) {
        if self.hosts.next_deadline().is_some_and(|until| until <= now) {
            self.hosts.start(out);
        }
    }

    pub(super) fn host_ready(
        &mut self,
        host: HostId,
        generation: u32,
        declarations: Vec<JobDeclaration>,
        now: Time,
        out: &mut Vec<Effect>,
    ) {
        if self.hosts.state != (State::Starting { host }) {
            return;
        }
        self.hosts.state = State::Ready { host, since: now };
        self.hosts.generation = Some(generation);
        if self.phase != Phase::Running {
            return;
        }
        let declared: BTreeSet<String> = declarations.iter().map(|declaration| declaration.name.clone()).collect();
        for declaration in declarations {
            let name = declaration.name.clone();
            if let Some(job) = self.jobs.get_mut(&name) {
                job.declare_again(declaration);
            } else {
                let job = Job::new(declaration);
                let message = format!("Added new job: {name} (processes: {})", job.limits().min());
                out.push(log(Level::Debug, message));
                self.jobs.insert(name, job);
            }
        }
        for (name, job) in &mut self.jobs {
            if !declared.contains(name) && !job.is_retired() {
                let message = format!("The worker code no longer has the job {name}: its processes are stopped");
                out.push(log(Level::Warn, message));
                job.retire();
            }
        }
        self.balance_all(now, out);
        self.drop_retired();
    }

    pub(super) fn host_failed(&mut self, host: HostId, error: String, now: Time, out: &mut Vec<Effect>) {
        if self.hosts.state != (State::Starting { host }) {
            return;
        }
        self.hosts.state = State::None;
        if self.phase != Phase::Running {
            return;
        }
        if self.hosts.generation.is_none() {
            self.phase = Phase::Ended;
            out.push(Effect::Exit { code: 1, message: Some(error) });
            return;
        }
        out.push(log(Level::Error, format!("The host could not be started: {error}")));
        self.hosts.start_again(now, &mut self.jitter, out);
    }

    pub(super) fn host_gone(
        &mut self,
        host: HostId,
        status: ExitStatus,
        adopted: Vec<(ProcessId, u32)>,
        ended: Vec<(ProcessId, Option<Activity>)>,
        now: Time,
        out: &mut Vec<Effect>,
    ) {
        let lived = match self.hosts.state {
            State::Ready { host: ready, since } if ready == host => Some(now.since(since)),
            State::Starting { host: starting } if starting == host => Some(Duration::ZERO),
            _ => None,
        };
        let expected = self.phase != Phase::Running;
        if lived.is_some() {
            let level = if expected { Level::Debug } else { Level::Error };
            let message = format!(
                "The host ended with status {status}: {} process(es) go on, {} ended with it",
                adopted.len(),
                ended.len()
            );
            out.push(log(level, message));
        }
        let adopted_ids: BTreeSet<ProcessId> = adopted.iter().map(|&(process, _)| process).collect();
        for (process, pid) in adopted {
            if let Some(job) = self.owner(process) {
                job.adopted(process, pid, now, out);
            }
        }
        for (process, final_activity) in ended {
            self.lost(process, final_activity, now, out);
        }
        // By contract no process is left out. One that is would never be reported again, so it counts as ended.
        let left_out: Vec<ProcessId> = self
            .jobs
            .values()
            .flat_map(Job::workers)
            .filter(|(process, worker)| worker.host == host && !adopted_ids.contains(process))
            .map(|(process, _)| process)
            .collect();
        for process in left_out {
            self.lost(process, None, now, out);
        }
        if let Some(lived) = lived {
            self.hosts.state = State::None;
            if lived >= GOOD_RUN {
                self.hosts.backoff.reset();
            }
            if !expected {
                self.hosts.start_again(now, &mut self.jitter, out);
            }
        }
        self.drop_retired();
    }

    fn lost(&mut self, process: ProcessId, final_activity: Option<Activity>, now: Time, out: &mut Vec<Effect>) {
        if let Some(job) = self.owner(process) {
            job.lost(process, final_activity, now, out);
        }
        self.owners.remove(&process);
    }
}
