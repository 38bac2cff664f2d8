//! The pure heart of the driver: an [`Event`] in, the [`Effect`]s out.
//!
//! It decides what is started, stopped and killed, and when; it answers orders and keeps what console and
//! dashboard show. Starting, signalling, reading the scoreboard, asking the job servers and telling the time are
//! the shell's work (crate `gearman-driver-supervisor`).

mod backoff;
mod effect;
mod event;
mod host;
mod job;
mod orders;
mod poison;
mod reload;
mod shutdown;
#[cfg(test)]
mod tests;
mod worker;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

pub use effect::{Effect, LogLine};
pub use event::{Event, FunctionStatus, Signal};
pub use poison::{MAX_SUSPECTS, MEMORY, Suspect};

use self::backoff::Jitter;
use self::host::Hosts;
use self::job::{Job, Nursery};
use self::poison::Poison;
use self::reload::Reload;
use self::shutdown::Phase;
use crate::job::JobDeclaration;
use crate::level::Level;
use crate::process::{Activity, ExitStatus, ProcessId};
use crate::scaling::{self, Policy};
use crate::snapshot::Snapshot;
use crate::time::Time;

/// What the manager needs to know from the configuration.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `max_idle_time`: how long a surplus process may stay idle, where its job does not say it.
    pub max_idle_time: Duration,
    /// `shutdown_timeout`: how long a drain waits before what is left is killed.
    pub shutdown_timeout: Duration,
    /// `scaling`, see [`scaling::by_name`].
    pub policy: &'static dyn Policy,
    /// Spreads the delays of several drivers; any number, the same one gives the same delays.
    pub seed: u64,
    /// The driver's version, for the snapshot.
    pub version: String,
    /// `poison_limit`: a job that has taken down so many processes is not run again; 0: it always is.
    pub poison_limit: u32,
    /// The jobs that have taken down processes of an earlier driver.
    pub suspects: Vec<Suspect>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            max_idle_time: Duration::ZERO,
            shutdown_timeout: Duration::from_secs(25),
            policy: &scaling::Classic,
            seed: 0,
            version: String::new(),
            poison_limit: 3,
            suspects: Vec::new(),
        }
    }
}

/// The driver's decisions: one of these per driver.
#[derive(Debug)]
pub struct Manager {
    settings: Settings,
    jobs: BTreeMap<String, Job>,
    /// Which job each process belongs to.
    owners: BTreeMap<ProcessId, String>,
    hosts: Hosts,
    reload: Reload,
    phase: Phase,
    /// TERM and INT received so far.
    terms: u32,
    next_process: u64,
    jitter: Jitter,
    poison: Poison,
    /// The time of the newest event.
    now: Time,
    /// When the processes were last looked at.
    observed: Time,
}

impl Manager {
    /// A manager that has heard nothing yet. [`Event::Started`] sets it going.
    pub fn new(mut settings: Settings) -> Self {
        let jitter = Jitter::new(settings.seed);
        let poison = Poison::new(settings.poison_limit, std::mem::take(&mut settings.suspects));
        Self {
            settings,
            jobs: BTreeMap::new(),
            owners: BTreeMap::new(),
            hosts: Hosts::default(),
            reload: Reload::default(),
            phase: Phase::Running,
            terms: 0,
            next_process: 1,
            jitter,
            poison,
            now: Time::START,
            observed: Time::START,
        }
    }

    /// Takes an event in, and says what is to be done about it, in this order.
    ///
    /// Whatever is due by `now` is done as well, whether the event is a [`Event::Tick`] or not. After
    /// [`Effect::Exit`] only orders are answered.
    pub fn handle(&mut self, now: Time, event: Event) -> Vec<Effect> {
        let now = now.max(self.now);
        self.now = now;
        let mut out = Vec::new();
        self.take_in(now, event, &mut out);
        // A generation that has failed starts nothing more.
        self.judge_generation(now, &mut out);
        self.pass_time(now, &mut out);
        self.judge_generation(now, &mut out);
        self.release_hosts(&mut out);
        self.finish_shutdown(now, &mut out);
        for effect in &out {
            if let Effect::Spawn { process, job, .. } = effect {
                self.owners.insert(*process, job.clone());
            }
        }
        out
    }

    /// When [`Event::Tick`] must be sent at the latest; to be asked again after each event. `None`: not before
    /// another event.
    pub fn next_deadline(&self) -> Option<Time> {
        let overdue = self.jobs.values().filter_map(Job::next_overdue).min();
        if self.phase != Phase::Running {
            return self.shutdown_deadline().map(|deadline| overdue.map_or(deadline, |overdue| deadline.min(overdue)));
        }
        let jobs = self.jobs.values().filter_map(|job| job.next_deadline(self.now, self.observed));
        self.hosts.next_deadline().into_iter().chain(jobs).chain(overdue).chain(self.poison.next_deadline()).min()
    }

    /// Everything that console and dashboard show. The shell adds what it alone knows.
    pub fn snapshot(&self, now: Time) -> Snapshot {
        Snapshot {
            at: now,
            version: self.settings.version.clone(),
            name: None,
            pid: None,
            shutting_down: self.phase != Phase::Running,
            generation: self.hosts.generation,
            loading: self.reload.loading_generation(),
            max_idle_time: self.settings.max_idle_time,
            jobs: self.jobs.values().map(|job| job.snapshot(now)).collect(),
            ..Snapshot::default()
        }
    }

    fn take_in(&mut self, now: Time, event: Event, out: &mut Vec<Effect>) {
        match event {
            Event::Order { id, order } => self.order(id, order, now, out),
            _ if self.phase == Phase::Ended => {}
            Event::Started => {
                self.remember_suspects(out);
                self.start_first_host(out);
            }
            Event::HostReady { host, generation, jobs } => {
                self.warn_of_timeouts(&jobs, out);
                self.host_ready(host, generation, jobs, now, out);
            }
            Event::HostFailed { host, error } => self.host_failed(host, error, now, out),
            Event::HostGone { host, status, adopted, ended } => {
                self.host_gone(host, status, adopted, ended, now, out);
            }
            Event::Spawned { process, pid } => {
                if let Some(job) = self.owner(process) {
                    job.spawned(process, pid, now, out);
                }
            }
            Event::SpawnFailed { process, error } => self.spawn_failed(process, &error, now, out),
            Event::Exited { process, status, final_activity } => {
                self.exited(process, status, final_activity, now, out);
            }
            Event::Answered { suspects } => self.answered(&suspects, now, out),
            Event::Observed { processes } => {
                self.observed = now;
                for (process, activity) in processes {
                    if let Some(job) = self.owner(process) {
                        job.observe(process, activity, now);
                    }
                }
                self.kill_overdue(now, out);
            }
            Event::Looked { functions, complete } => self.looked(&functions, complete, now, out),
            Event::Configured { max_idle_time, shutdown_timeout, poison_limit } => {
                self.set_poison_limit(poison_limit, out);
                self.settings.max_idle_time = max_idle_time.unwrap_or(self.settings.max_idle_time);
                self.settings.shutdown_timeout = shutdown_timeout;
            }
            Event::Signal(signal) => self.signal(signal, now, out),
            // The processes have been looked at just before.
            Event::Tick => {
                self.observed = now;
                self.jobs.values_mut().for_each(|job| job.looked_for_overdue(now));
            }
        }
    }

    fn spawn_failed(&mut self, process: ProcessId, error: &str, now: Time, out: &mut Vec<Effect>) {
        let Some(name) = self.owners.remove(&process) else {
            return;
        };
        if let Some(job) = self.jobs.get_mut(&name) {
            job.spawn_failed(process, error, now, &mut self.jitter, out);
        }
        self.after_an_end(&name, now, out);
    }

    fn exited(
        &mut self,
        process: ProcessId,
        status: ExitStatus,
        final_activity: Option<Activity>,
        now: Time,
        out: &mut Vec<Effect>,
    ) {
        let Some(name) = self.owners.remove(&process) else {
            return;
        };
        let blamed = self.taken_down_by(&name, process, status, final_activity.as_ref());
        if let Some(job) = self.jobs.get_mut(&name) {
            job.exited(process, status, final_activity, now, &mut self.jitter, out);
        }
        if let Some(blamed) = blamed {
            self.count_death(&name, blamed, status, now, out);
        }
        self.after_an_end(&name, now, out);
    }

    fn after_an_end(&mut self, job: &str, now: Time, out: &mut Vec<Effect>) {
        if self.phase == Phase::Running {
            self.balance(job, now, out);
            self.drop_retired();
        }
    }

    fn looked(
        &mut self,
        functions: &BTreeMap<String, FunctionStatus>,
        complete: bool,
        now: Time,
        out: &mut Vec<Effect>,
    ) {
        if self.phase != Phase::Running || self.hosts.generation.is_none() {
            return;
        }
        let Settings { policy, max_idle_time, .. } = self.settings;
        for job in self.jobs.values_mut().filter(|job| !job.is_retired()) {
            job.look(functions, complete, max_idle_time, policy, now);
        }
        self.balance_all(now, out);
        let ours: BTreeSet<&str> =
            self.jobs.values().filter(|job| !job.is_retired()).flat_map(Job::functions).map(String::as_str).collect();
        for (function, &status) in functions {
            if status.queue > 0 && !ours.contains(function.as_str()) {
                out.push(Effect::UnknownJob { function: function.clone(), status });
            }
        }
    }

    /// What is due because of the time alone.
    fn pass_time(&mut self, now: Time, out: &mut Vec<Effect>) {
        if self.phase != Phase::Running {
            self.shutdown_deadlines(now, out);
            return;
        }
        self.start_due_host(now, out);
        self.expire_suspects(now, out);
        let mut nursery = nursery(&self.hosts, &mut self.next_process, &mut self.jitter);
        for job in self.jobs.values_mut() {
            if job.pass_time(now) {
                job.balance(now, &mut nursery, out);
            }
        }
    }

    fn balance(&mut self, job: &str, now: Time, out: &mut Vec<Effect>) {
        let mut nursery = nursery(&self.hosts, &mut self.next_process, &mut self.jitter);
        if let Some(job) = self.jobs.get_mut(job) {
            job.balance(now, &mut nursery, out);
        }
    }

    fn balance_all(&mut self, now: Time, out: &mut Vec<Effect>) {
        let mut nursery = nursery(&self.hosts, &mut self.next_process, &mut self.jitter);
        for job in self.jobs.values_mut() {
            job.balance(now, &mut nursery, out);
        }
    }

    /// Kills processes whose job has gone on for too long; they are replaced at once.
    fn kill_overdue(&mut self, now: Time, out: &mut Vec<Effect>) {
        let mut killed = false;
        for job in self.jobs.values_mut() {
            killed |= job.kill_overdue(now, out);
        }
        if killed && self.phase == Phase::Running {
            self.balance_all(now, out);
        }
    }

    /// Says of which jobs a shutdown would kill processes that are within their timeout.
    fn warn_of_timeouts(&self, jobs: &[JobDeclaration], out: &mut Vec<Effect>) {
        let warnings = jobs.iter().filter_map(|job| job::longer_than_drain(job, self.settings.shutdown_timeout));
        out.extend(warnings.map(|warning| log(Level::Warn, warning)));
    }

    fn drop_retired(&mut self) {
        self.jobs.retain(|_, job| !job.is_over());
    }

    fn owner(&mut self, process: ProcessId) -> Option<&mut Job> {
        self.owners.get(&process).and_then(|name| self.jobs.get_mut(name))
    }
}

/// Where processes come from now.
fn nursery<'a>(hosts: &Hosts, next: &'a mut u64, jitter: &'a mut Jitter) -> Nursery<'a> {
    Nursery { host: hosts.ready(), generation: hosts.generation.unwrap_or_default(), next, jitter }
}

/// A log line about no process in particular.
fn log(level: Level, message: String) -> Effect {
    Effect::Log(LogLine { level, pid: None, job: None, message })
}
