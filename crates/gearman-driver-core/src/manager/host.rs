//! The hosts: started, watched, and started again.
//!
//! One is in force: new processes come from it. Beside it there may be one that loads a new generation, and those of
//! older generations that still have processes ([`reload`](super::reload)). Processes outlive their host (the shell
//! adopts them), so the loss of the one in force costs nothing but the time in which no process can be started.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::backoff::{Backoff, Jitter};
use super::{Effect, Manager, Phase, log};
use crate::job::JobDeclaration;
use crate::level::Level;
use crate::manager::job::Job;
use crate::process::{Activity, ExitStatus, HostId, ProcessId};
use crate::time::Time;

/// A host that lived as long as this has not "died at once".
const GOOD_RUN: Duration = Duration::from_secs(30);

/// The generation of the worker code that the running executable holds.
const FIRST_GENERATION: u32 = 1;

/// The hosts and what is known of starting them.
#[derive(Debug, Default)]
pub(super) struct Hosts {
    pub(super) state: State,
    next: u32,
    backoff: Backoff,
    /// The worker code that is in force; `None` before the first host is ready.
    pub(super) generation: Option<u32>,
    /// The jobs of that.
    pub(super) declarations: Vec<JobDeclaration>,
    /// The newest generation that was ever asked for.
    newest: u32,
    /// Ready hosts of other generations, with that.
    others: BTreeMap<HostId, u32>,
    /// Hosts that have been asked to end and have not yet.
    dismissed: BTreeSet<HostId>,
}

/// The host of the generation in force.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
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

    fn in_force(&self) -> Option<HostId> {
        match self.state {
            State::Starting { host } | State::Ready { host, .. } => Some(host),
            State::None | State::Waiting { .. } => None,
        }
    }

    /// The hosts that have not been asked to end.
    pub(super) fn needed(&self) -> Vec<HostId> {
        self.in_force().into_iter().chain(self.others.keys().copied()).collect()
    }

    /// Whether no host process is left.
    pub(super) fn are_gone(&self) -> bool {
        self.needed().is_empty() && self.dismissed.is_empty()
    }

    /// Ready hosts of other generations than that in force, with that.
    pub(super) fn others(&self) -> impl Iterator<Item = (HostId, u32)> {
        self.others.iter().map(|(&host, &generation)| (host, generation))
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

    /// A host, and a generation that nobody has seen yet.
    pub(super) fn of_a_new_generation(&mut self) -> (HostId, u32) {
        self.newest = self.newest.max(self.generation.unwrap_or_default()) + 1;
        self.next += 1;
        (HostId(self.next), self.newest)
    }

    /// Asks a host to end that is needed no more.
    pub(super) fn dismiss(&mut self, host: HostId, out: &mut Vec<Effect>) {
        self.others.remove(&host);
        if self.in_force() == Some(host) {
            self.state = State::None;
        }
        if self.dismissed.insert(host) {
            out.push(Effect::StopHost { host });
        }
    }

    /// A host of another generation forks from now on. The one before stays while it is needed.
    pub(super) fn put_in_force(&mut self, host: HostId, generation: u32, now: Time, out: &mut Vec<Effect>) {
        self.set_aside(out);
        self.state = State::Ready { host, since: now };
        self.generation = Some(generation);
        self.backoff.reset();
    }

    /// A generation from before is in force again: its host if that is still there, else a new one.
    pub(super) fn return_to(&mut self, generation: u32, now: Time, out: &mut Vec<Effect>) {
        self.set_aside(out);
        self.generation = Some(generation);
        self.backoff.reset();
        let there = self.others.iter().find(|(_, of)| **of == generation).map(|(&host, _)| host);
        match there {
            Some(host) => {
                self.others.remove(&host);
                self.state = State::Ready { host, since: now };
            }
            None => self.start(out),
        }
    }

    fn set_aside(&mut self, out: &mut Vec<Effect>) {
        match std::mem::take(&mut self.state) {
            State::Ready { host, .. } => {
                self.others.insert(host, self.generation.unwrap_or_default());
            }
            State::Starting { host } => self.dismiss(host, out),
            State::None | State::Waiting { .. } => {}
        }
    }

    fn start(&mut self, out: &mut Vec<Effect>) {
        self.next += 1;
        let host = HostId(self.next);
        self.state = State::Starting { host };
        out.push(Effect::StartHost { host, generation: self.generation.unwrap_or(FIRST_GENERATION) });
    }

    fn start_again(&mut self, delay: Duration, now: Time, out: &mut Vec<Effect>) {
        if delay.is_zero() {
            self.start(out);
        } else {
            self.state = State::Waiting { until: now + delay };
            let message = format!("The next host is started in {:.1} s", delay.as_secs_f64());
            out.push(log(Level::Warn, message));
        }
    }

    fn failed(&mut self, now: Time, jitter: &mut Jitter) -> Duration {
        self.state = State::None;
        self.backoff.failed(now, jitter)
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
        if self.reload.is_loading(host) {
            return self.reloaded(host, declarations, now, out);
        }
        if self.hosts.state != (State::Starting { host }) {
            return;
        }
        self.hosts.state = State::Ready { host, since: now };
        if self.phase != Phase::Running {
            return;
        }
        self.hosts.generation = Some(generation);
        self.begin_generation(generation, declarations, now, out);
    }

    pub(super) fn host_failed(&mut self, host: HostId, error: String, now: Time, out: &mut Vec<Effect>) {
        if self.reload.is_loading(host) {
            return self.reload_failed(&error, out);
        }
        if self.hosts.dismissed.remove(&host) || self.hosts.state != (State::Starting { host }) {
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
        self.replace_host(now, out);
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
        let expected = self.hosts.dismissed.remove(&host) || self.phase != Phase::Running;
        let lived = match self.hosts.state {
            State::Ready { host: ready, since } if ready == host => Some(now.since(since)),
            State::Starting { host: starting } if starting == host => Some(Duration::ZERO),
            _ => None,
        };
        let known = lived.is_some() || self.hosts.others.remove(&host).is_some() || self.reload.is_loading(host);
        if known || expected {
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
        if self.reload.is_loading(host) {
            self.reload_failed("the host ended before it had loaded the worker code", out);
        }
        if let Some(lived) = lived {
            self.hosts.state = State::None;
            if lived >= GOOD_RUN {
                self.hosts.backoff.reset();
            }
            if !expected {
                self.replace_host(now, out);
            }
        }
        self.drop_retired();
    }

    /// The host in force is no more: the next one is started, or the generation before comes back.
    fn replace_host(&mut self, now: Time, out: &mut Vec<Effect>) {
        let delay = self.hosts.failed(now, &mut self.jitter);
        if !self.host_failed_on_trial(self.hosts.backoff.failures(), now, out) {
            self.hosts.start_again(delay, now, out);
        }
    }

    fn lost(&mut self, process: ProcessId, final_activity: Option<Activity>, now: Time, out: &mut Vec<Effect>) {
        if let Some(job) = self.owner(process) {
            job.lost(process, final_activity, now, out);
        }
        self.owners.remove(&process);
    }
}
