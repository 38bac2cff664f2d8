//! The laws: what holds after every event, whatever has happened.
//!
//! They know what the manager was told and what it asked for, and nothing of the world behind that.

mod bounds;
mod renewal;
mod settled;
mod shutdown;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use gearman_driver_core::job::{JobDeclaration, Lifespan};
use gearman_driver_core::level::Level;
use gearman_driver_core::limits::Limits;
use gearman_driver_core::manager::{Effect, Event, Manager, Settings};
use gearman_driver_core::order::{Order, OrderId};
use gearman_driver_core::process::{ActivityState, HostId, ProcessId};
use gearman_driver_core::snapshot::Snapshot;
use gearman_driver_core::time::Time;

use self::shutdown::Shutdown;

/// A law that was broken, and how.
#[derive(Debug)]
pub struct Broken(String);

impl Broken {
    pub(super) fn new(law: impl Into<String>) -> Self {
        Self(law.into())
    }
}

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "not so: {}", self.0)
    }
}

/// The laws, by what they say; the numbers of a run stand beside them.
pub const LAWS: &[&str] = &[
    "never more processes than max (and a quarter while some are renewed) after a start, or that are not asked to go",
    "never fewer than min, unless processes die at once (and status says so), or there is no host or no room",
    "a look at the queues stops no busy process",
    "reload, restart and recycling never leave a job with fewer processes that serve than it is to have, or had",
    "a process is killed only after the shutdown's or its job's deadline, and then for sure, or by order or signal",
    "each order is answered exactly once, bounds change only by orders and worker code, operators' bounds stay",
    "no effect names a process, host or job that is not there; each is stopped once, and again when it was adopted",
    "the snapshot shows exactly the processes that there are",
    "a tick does what is due: the next deadline is in the future",
    "once trouble ends, everything settles: min processes, none draining, none failing, and then nothing happens",
    "a shutdown ends in bounded time, with code 0 unless something survives SIGKILL; then only orders are answered",
    "a bounded number of log lines for each event, of bounded length; a manager of bounded size",
];

/// More log lines than this, and two for each process, no event is worth.
const MOST_LINES: usize = 16;

/// How long after its timeout a job may still be in hand.
const TIMEOUT_GRACE: Duration = Duration::from_secs(5);

/// A line of the log is no longer than that.
const LONGEST_LINE: usize = 500;

/// What the manager was told and has asked for.
#[derive(Debug)]
pub(super) struct Laws {
    hosts: BTreeMap<HostId, HostEntry>,
    last_host: u32,
    processes: BTreeMap<ProcessId, Entry>,
    last_process: u64,
    orders: BTreeSet<OrderId>,
    /// The event that is being judged.
    event: Heard,
    /// When a process of a job last ended unasked, or could not be started, and the newest process by then.
    failed: BTreeMap<String, (Time, ProcessId)>,
    /// Jobs of which a process said that it drains, and then not: what they have is more than anybody asked for.
    fickle: BTreeSet<String>,
    /// The newest process when a job was last ordered to be restarted.
    restarted: BTreeMap<String, ProcessId>,
    before: Snapshot,
    shutdown: Shutdown,
    /// Everything has settled: nothing may happen.
    quiet: bool,
}

#[derive(Debug)]
struct HostEntry {
    generation: u32,
    /// The jobs that it has; `None` while it loads.
    jobs: Option<BTreeMap<String, JobDeclaration>>,
    stopped: bool,
}

/// A process, from the order to spawn it until its end was told.
#[derive(Debug)]
struct Entry {
    job: String,
    host: HostId,
    generation: u32,
    pid: Option<u32>,
    stopped: bool,
    killed: bool,
    /// It was killed before; its host may have taken that with it.
    condemned: bool,
    /// What it last said that it does.
    says: Option<ActivityState>,
    /// How long its jobs may be in hand.
    hard_timeout: Option<Duration>,
    /// When the job began that it was last seen with.
    job_since: Option<Time>,
}

impl Entry {
    fn is_asked_to_go(&self) -> bool {
        self.stopped || self.killed
    }

    /// Whether it was last seen with a job that has been in its hand for too long by now.
    fn is_overdue(&self, now: Time) -> bool {
        let since = self.job_since.filter(|_| self.pid.is_some());
        since.zip(self.hard_timeout).is_some_and(|(since, most)| since + most <= now)
    }

    /// Whether it serves, or will.
    fn counts(&self) -> bool {
        !self.is_asked_to_go() && (self.pid.is_none() || self.says != Some(ActivityState::Draining))
    }
}

/// An event, as far as the laws distinguish them.
#[derive(Debug, Clone, PartialEq)]
enum Heard {
    Order(OrderId, Order),
    Looked,
    Tick,
    /// What was asked before of a process can be passed on from now on, or is asked again.
    NowWithPid,
    Other,
}

impl Laws {
    pub(super) fn new(settings: &Settings, late: Duration) -> Self {
        Self {
            hosts: BTreeMap::new(),
            last_host: 0,
            processes: BTreeMap::new(),
            last_process: 0,
            orders: BTreeSet::new(),
            event: Heard::Other,
            failed: BTreeMap::new(),
            fickle: BTreeSet::new(),
            restarted: BTreeMap::new(),
            before: Snapshot::default(),
            shutdown: Shutdown::new(settings, late),
            quiet: false,
        }
    }

    /// Takes note of an event before the manager does.
    pub(super) fn hear(&mut self, now: Time, event: &Event) {
        self.event = match event {
            Event::Order { id, order } => Heard::Order(*id, order.clone()),
            Event::Looked { .. } => Heard::Looked,
            Event::Tick => Heard::Tick,
            Event::Spawned { .. } | Event::HostGone { .. } => Heard::NowWithPid,
            _ => Heard::Other,
        };
        match event {
            Event::HostReady { host, jobs, .. } => {
                if let Some(entry) = self.hosts.get_mut(host) {
                    entry.jobs = Some(jobs.iter().map(|job| (job.name.clone(), job.clone())).collect());
                }
            }
            Event::HostFailed { host, .. } => {
                self.hosts.remove(host);
            }
            Event::HostGone { host, adopted, ended, .. } => {
                self.hosts.remove(host);
                for (process, pid) in adopted {
                    if let Some(entry) = self.processes.get_mut(process) {
                        entry.pid = Some(*pid);
                        // What was asked of it may have been lost with its host.
                        (entry.stopped, entry.killed) = (false, false);
                    }
                }
                for (process, _) in ended {
                    self.processes.remove(process);
                }
            }
            Event::Spawned { process, pid } => {
                if let Some(entry) = self.processes.get_mut(process) {
                    entry.pid = Some(*pid);
                }
            }
            Event::SpawnFailed { process, .. } => self.ended(*process, now),
            Event::Exited { process, .. } => self.ended(*process, now),
            Event::Observed { processes } => {
                for (process, activity) in processes {
                    if let Some(entry) = self.processes.get_mut(process) {
                        let back =
                            entry.says == Some(ActivityState::Draining) && activity.state != ActivityState::Draining;
                        if back {
                            self.fickle.insert(entry.job.clone());
                        }
                        entry.says = Some(activity.state);
                        entry.job_since = activity.current.as_ref().map(|current| current.started);
                    }
                }
            }
            Event::Order { id, order } => {
                self.orders.insert(*id);
                if let Order::Restart { job } = order {
                    self.restarted.insert(job.clone(), ProcessId(self.last_process));
                }
            }
            _ => {}
        }
        self.shutdown.hear(now, event);
    }

    fn ended(&mut self, process: ProcessId, now: Time) {
        if let Some(entry) = self.processes.remove(&process)
            && !entry.is_asked_to_go()
        {
            self.failed.insert(entry.job, (now, ProcessId(self.last_process)));
        }
    }

    /// Judges what the manager asks for, and what it shows.
    pub(super) fn judge(&mut self, now: Time, effects: &[Effect], manager: &Manager) -> Result<(), Broken> {
        let serving = self.serving(now);
        let mut lines = 0;
        let mut spawned_for: BTreeSet<&str> = BTreeSet::new();
        for effect in effects {
            law(!self.shutdown.is_over() || matches!(effect, Effect::Reply { .. }), || {
                format!("only replies follow the end: {effect:?}")
            })?;
            law(!self.quiet || self.is_quiet(effect), || format!("nothing happens once all has settled: {effect:?}"))?;
            match effect {
                Effect::StartHost { host, generation } => self.host_is_started(*host, *generation)?,
                Effect::StopHost { host } => {
                    let entry = self.hosts.get_mut(host);
                    let entry = entry.ok_or_else(|| Broken::new(format!("{host} is there to be stopped")))?;
                    law(!entry.stopped, || format!("{host} is stopped once"))?;
                    entry.stopped = true;
                }
                Effect::Spawn { process, job, host } => {
                    self.is_spawned(*process, job, *host)?;
                    spawned_for.insert(job);
                }
                Effect::Stop { process } => self.is_stopped(*process)?,
                Effect::Kill { process } => self.is_killed(now, *process)?,
                Effect::Reply { id, .. } => law(self.orders.remove(id), || format!("order {} is open", id.0))?,
                Effect::Log(line) => {
                    lines += 1;
                    let length = line.message.len();
                    law(length <= LONGEST_LINE, || format!("a log line is short: {length} bytes"))?;
                }
                Effect::Exit { code, .. } => {
                    self.shutdown.exits(*code, self.processes.len(), manager.snapshot(now).generation.is_some())?;
                }
                _ => {}
            }
        }
        law(self.shutdown.is_on() || self.orders_are_answered(), || format!("orders wait: {:?}", self.orders))?;
        let most = MOST_LINES + 2 * self.processes.len();
        law(lines <= most, || format!("{lines} log lines for one event"))?;
        let due = manager.next_deadline().filter(|due| *due <= now);
        law(due.is_none() || self.event != Heard::Tick, || format!("a tick does what is due at {due:?}"))?;
        // The processes have been looked at just before.
        let overdue = self.processes.iter().find(|(_, entry)| entry.is_overdue(now) && !entry.killed);
        law(self.event != Heard::Tick || overdue.is_none() || self.shutdown.is_over(), || {
            format!("what is overdue is killed: {overdue:?}")
        })?;
        if !self.shutdown.is_over() {
            let snapshot = manager.snapshot(now);
            self.judge_snapshot(now, &snapshot, &spawned_for, effects)?;
            self.goes_on_serving(now, &snapshot, &serving)?;
            self.before = snapshot;
        }
        Ok(())
    }

    /// All but those that wait for a host to load.
    fn orders_are_answered(&self) -> bool {
        self.orders.is_empty() || self.before.loading.is_some() || self.hosts.values().any(|host| host.jobs.is_none())
    }

    fn host_is_started(&mut self, host: HostId, generation: u32) -> Result<(), Broken> {
        law(host.0 > self.last_host, || format!("{host} is a new one"))?;
        let twin = self.hosts.iter().find(|(_, entry)| !entry.stopped && entry.generation == generation);
        law(twin.is_none(), || format!("one host for each generation: {twin:?} and {host}"))?;
        law(!self.shutdown.is_on(), || "no host is started during a shutdown".to_owned())?;
        self.last_host = host.0;
        self.hosts.insert(host, HostEntry { generation, jobs: None, stopped: false });
        Ok(())
    }

    fn is_spawned(&mut self, process: ProcessId, job: &str, host: HostId) -> Result<(), Broken> {
        law(process.0 > self.last_process, || format!("{process} is a new one"))?;
        law(!self.shutdown.is_on(), || "no process is started during a shutdown".to_owned())?;
        let entry = self.hosts.get(&host);
        let entry = entry.ok_or_else(|| Broken::new(format!("{host} is there to fork")))?;
        let declared = entry.jobs.as_ref().and_then(|jobs| jobs.get(job));
        law(declared.is_some() && !entry.stopped, || format!("{host} is ready, stays, and has the job {job}"))?;
        self.last_process = process.0;
        let entry = Entry {
            job: job.to_owned(),
            host,
            generation: entry.generation,
            pid: None,
            stopped: false,
            killed: false,
            condemned: false,
            says: None,
            hard_timeout: declared.and_then(|job| job.timeout).map(|timeout| timeout + TIMEOUT_GRACE),
            job_since: None,
        };
        self.processes.insert(process, entry);
        Ok(())
    }

    fn is_stopped(&mut self, process: ProcessId) -> Result<(), Broken> {
        // Where one came back that had said that it drains, there are more than the scaling policy has asked for; and what
        // is to be replaced may be asked at any time.
        let fickle = self.processes.get(&process).is_some_and(|entry| self.fickle.contains(&entry.job));
        let renewed = self.processes.get(&process).is_some_and(|entry| self.is_renewed(process, entry));
        let looked = self.event == Heard::Looked && !fickle && !renewed;
        let entry = self.running(process)?;
        law(!entry.is_asked_to_go(), || format!("{process} is stopped once"))?;
        law(!looked || entry.says != Some(ActivityState::Busy), || {
            format!("a look at the queues stops no busy process: {process}")
        })?;
        entry.stopped = true;
        Ok(())
    }

    fn is_killed(&mut self, now: Time, process: ProcessId) -> Result<(), Broken> {
        let ordered = matches!(&self.event, Heard::Order(_, Order::KillNow { .. }));
        let job = self.processes.get(&process).map_or("", |entry| entry.job.as_str());
        let may_kill = self.shutdown.may_kill(now, job);
        let entry = self.running(process)?;
        let due = ordered || may_kill || entry.is_overdue(now);
        law(!entry.killed, || format!("{process} is killed once"))?;
        entry.killed = true;
        let again = std::mem::replace(&mut entry.condemned, true);
        law(due || again, || format!("{process} is asked, not killed, before its deadline"))
    }

    /// Whether there may be a reason to replace a process: other code, an order to restart its job, a limit of its own.
    fn is_renewed(&self, process: ProcessId, entry: &Entry) -> bool {
        let restarted = self.restarted.get(&entry.job).is_some_and(|newest| process <= *newest);
        let host = self.hosts.get(&entry.host).and_then(|host| host.jobs.as_ref());
        let limited = host.and_then(|jobs| jobs.get(&entry.job)).is_none_or(|job| job.lifespan != Lifespan::default());
        restarted || limited || Some(entry.generation) != self.before.generation
    }

    fn running(&mut self, process: ProcessId) -> Result<&mut Entry, Broken> {
        let entry = self.processes.get_mut(&process).filter(|entry| entry.pid.is_some());
        entry.ok_or_else(|| Broken::new(format!("{process} is there to be signalled")))
    }

    fn judge_snapshot(
        &self,
        now: Time,
        snapshot: &Snapshot,
        spawned_for: &BTreeSet<&str>,
        effects: &[Effect],
    ) -> Result<(), Broken> {
        law(snapshot.shutting_down == self.shutdown.is_on(), || "the snapshot says whether it ends".to_owned())?;
        let mut shown = 0;
        for job in &snapshot.jobs {
            let ours = || self.processes.values().filter(|entry| entry.job == job.name);
            shown += job.processes.len() + job.spawning as usize;
            law(job.spawning as usize == ours().filter(|entry| entry.pid.is_none()).count(), || {
                format!("{}: spawning is shown as {}", job.name, job.spawning)
            })?;
            let running = ours().filter(|entry| entry.pid.is_some()).count();
            law(running == job.processes.len(), || format!("{}: {running} run, {:?}", job.name, job.processes))?;
            for process in &job.processes {
                let entry = ours().find(|entry| entry.pid == Some(process.pid));
                let entry = entry.ok_or_else(|| Broken::new(format!("{} is one of ours", process.pid)))?;
                law((entry.host, entry.generation) == (process.host, process.generation), || {
                    format!("{} is of {} and generation {}", process.pid, entry.host, entry.generation)
                })?;
                law(!entry.is_asked_to_go() || process.state == ActivityState::Draining, || {
                    format!("{} was asked to go, and is shown so", process.pid)
                })?;
            }
            let has_started = spawned_for.contains(job.name.as_str());
            self.bounds(now, snapshot, job, has_started, bounds::other_code(effects))?;
            self.limits(job, effects)?;
        }
        law(shown == self.processes.len(), || format!("{shown} of {} processes are shown", self.processes.len()))
    }

    /// What may happen in a world that has settled.
    fn is_quiet(&self, effect: &Effect) -> bool {
        match effect {
            Effect::UnknownJob { .. } => true,
            Effect::Log(line) => line.level <= Level::Info,
            Effect::Spawn { job, .. } => self.renews_itself(job),
            Effect::Stop { process } => self.processes.get(process).is_some_and(|entry| self.renews_itself(&entry.job)),
            _ => false,
        }
    }

    pub(super) fn is_ending(&self) -> bool {
        self.shutdown.is_on()
    }

    /// The driver was told to end at once.
    pub(super) fn is_ending_at_once(&self) -> bool {
        self.shutdown.is_at_once()
    }

    /// The time that a shutdown may take.
    pub(super) fn time_to_end(&self) -> Duration {
        self.shutdown.longest()
    }

    pub(super) fn clock_is_late_by(&mut self, late: Duration) {
        self.shutdown.late = late;
    }

    /// From now on things may happen again.
    pub(super) fn quiet_is_over(&mut self) {
        self.quiet = false;
    }
}

fn law(holds: bool, what: impl FnOnce() -> String) -> Result<(), Broken> {
    if holds { Ok(()) } else { Err(Broken(what())) }
}

/// Bounds for people.
fn shown(limits: Limits) -> String {
    format!("{}..{}", limits.min(), limits.max())
}
