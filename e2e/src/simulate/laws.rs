//! The laws: what holds after every event, whatever has happened.
//!
//! They know what the manager was told (`told`) and what it asked for (`asked`), and nothing of the world behind that.

mod asked;
mod bounds;
mod deadlines;
mod poison;
mod renewal;
mod settled;
mod shown;
mod shutdown;
mod told;
mod trial;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use gearman_driver_core::limits::Limits;
use gearman_driver_core::manager::{Effect, Manager, Settings};
use gearman_driver_core::order::OrderId;
use gearman_driver_core::process::{HostId, JobAtWork, ProcessId};
use gearman_driver_core::snapshot::{JobSnapshot, Snapshot};
use gearman_driver_core::time::Time;

use self::poison::Poison;
use self::renewal::Tally;
use self::shutdown::Shutdown;
use self::told::{Declared, Entry, Heard, HostEntry, JobEntry};
use self::trial::Trial;

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
    "a job that is paused has no process, until it is resumed",
    "what dies at once is held back, for half a minute at the most, and nothing is started meanwhile",
    "a look at the queues stops no busy process, but one that is to be replaced",
    "reload, restart and recycling never leave a job with fewer processes that serve than it is to have, or had",
    "no more than a quarter of max is replaced at once: after a start, so many are there beyond what the job is to have",
    "what has had its jobs, its memory or its age is replaced, and a job whose processes always have is served",
    "until a process of a new generation has run well, as many of the old one stay as the job is to have, or had",
    "a generation whose processes or host die at once, three times in a row, is taken back, no other is; it is said once",
    "a generation that can't be loaded changes nothing; it is said once",
    "a process is killed only after the shutdown's or its job's deadline, and then for sure, or by order or signal",
    "what has taken down poison_limit processes is not run again; what the driver killed or was answered doesn't count",
    "each order is answered exactly once, bounds change only by orders and worker code, operators' bounds stay",
    "no effect names a process, host or job that is not there; each is stopped once, and again when it was adopted",
    "the snapshot shows exactly the processes that there are",
    "a tick does what is due: the next deadline is in the future, and no later than the next job is overdue",
    "once trouble ends, everything settles: min processes, none draining, none failing, nothing waits or happens",
    "a shutdown asks every process to go; one that is to be at once kills every process; both at that very event",
    "a shutdown ends in bounded time, with code 0 unless something survives SIGKILL; then only orders are answered",
    "a bounded number of log lines for each event, of bounded length; a manager of bounded size",
];

/// More log lines than this, and two for each process, no event is worth.
const MOST_LINES: usize = 16;

/// A line of the log is no longer than that.
const LONGEST_LINE: usize = 500;

/// What the manager was told and has asked for.
#[derive(Debug)]
pub(super) struct Laws {
    hosts: BTreeMap<HostId, HostEntry>,
    last_host: u32,
    processes: BTreeMap<ProcessId, Entry>,
    last_process: u64,
    jobs: Vec<JobEntry>,
    /// The worker code of each generation, as its host has reported it.
    codes: BTreeMap<u32, Declared>,
    /// The generation in force.
    generation: Option<u32>,
    orders: BTreeSet<OrderId>,
    /// The event that is being judged.
    event: Heard,
    before: Snapshot,
    shutdown: Shutdown,
    trial: Trial,
    poison: Poison,
    /// Everything has settled: nothing may happen.
    quiet: bool,
}

/// A job as it is judged.
#[derive(Debug)]
struct Case<'a> {
    job: &'a JobEntry,
    shown: &'a JobSnapshot,
    /// As it was shown after the last event.
    before: Option<&'a JobSnapshot>,
    /// Its processes before the manager has done anything, and after.
    had: Tally,
    has: Tally,
}

impl Laws {
    pub(super) fn new(settings: &Settings, late: Duration) -> Self {
        Self {
            hosts: BTreeMap::new(),
            last_host: 0,
            processes: BTreeMap::new(),
            last_process: 0,
            jobs: Vec::new(),
            codes: BTreeMap::new(),
            generation: None,
            orders: BTreeSet::new(),
            event: Heard::Other,
            before: Snapshot::default(),
            shutdown: Shutdown::new(settings, late),
            trial: Trial::default(),
            poison: Poison::new(settings),
            quiet: false,
        }
    }

    /// Judges what the manager asks for, and what it shows.
    pub(super) fn judge(&mut self, now: Time, effects: &[Effect], manager: &Manager) -> Result<(), Broken> {
        self.note_restart(effects.iter().any(|effect| matches!(effect, Effect::Reply { result: Ok(()), .. })));
        let in_force = effects.iter().rev().find_map(|effect| match effect {
            Effect::InForce { generation } => Some(*generation),
            _ => None,
        });
        let had = self.tally(now, in_force.or(self.generation));
        self.note_good_runs(now, false);
        let mut lines = 0;
        for effect in effects {
            law(!self.shutdown.is_over() || matches!(effect, Effect::Reply { .. }), || {
                format!("only replies follow the end: {effect:?}")
            })?;
            law(!self.quiet || self.is_quiet(effect), || format!("nothing happens once all has settled: {effect:?}"))?;
            match effect {
                Effect::StartHost { host, generation } => self.host_is_started(*host, *generation)?,
                Effect::StopHost { host } => self.host_is_stopped(*host)?,
                Effect::Spawn { process, job, host } => self.is_spawned(*process, job, *host)?,
                Effect::Stop { process } => self.is_stopped(now, *process)?,
                Effect::Kill { process } => self.is_killed(now, *process)?,
                Effect::Reply { id, .. } => law(self.orders.remove(id), || format!("order {} is open", id.0))?,
                Effect::Log(line) => {
                    lines += 1;
                    let length = line.message.len();
                    law(length <= LONGEST_LINE, || format!("a log line is short: {length} bytes"))?;
                }
                Effect::Exit { code, .. } => {
                    self.shutdown.exits(*code, self.processes.len(), self.generation.is_some())?;
                }
                Effect::InForce { generation } => self.is_in_force(*generation)?,
                Effect::Suspects(_) | Effect::UnknownJob { .. } => {}
            }
        }
        law(self.shutdown.is_on() || self.orders_are_answered(), || format!("orders wait: {:?}", self.orders))?;
        let most = MOST_LINES + 2 * self.processes.len();
        law(lines <= most, || format!("{lines} log lines for one event"))?;
        self.judge_suspects(now, effects)?;
        if self.shutdown.is_over() {
            return Ok(());
        }
        self.judge_deadlines(now, manager.next_deadline())?;
        self.note_good_runs(now, true);
        let has = self.tally(now, self.generation);
        let snapshot = manager.snapshot(now);
        self.judge_snapshot(&snapshot)?;
        for shown in &snapshot.jobs {
            let Some(job) = self.job(&shown.name) else {
                return Err(Broken::new(format!("{} is a job of some worker code", shown.name)));
            };
            let case = Case {
                job: &self.jobs[job],
                shown,
                before: self.before.job(&shown.name),
                had: had.get(job).copied().unwrap_or_default(),
                has: has[job],
            };
            self.bounds(now, &snapshot, &case, effects)?;
            self.limits(&case, effects)?;
            self.goes_on_serving(&case)?;
        }
        self.judge_generation(&snapshot, effects)?;
        self.before = snapshot;
        self.jobs.iter_mut().for_each(JobEntry::next_event);
        Ok(())
    }

    /// All but those that wait for a host to load.
    fn orders_are_answered(&self) -> bool {
        self.orders.is_empty() || self.before.loading.is_some() || self.hosts.values().any(|host| host.jobs.is_none())
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

    /// A process is about to run that job.
    pub(super) fn is_run(&self, job: &JobAtWork) -> Result<(), Broken> {
        self.poison.is_run(job)
    }
}

fn law(holds: bool, what: impl FnOnce() -> String) -> Result<(), Broken> {
    if holds { Ok(()) } else { Err(Broken(what())) }
}

/// Bounds for people.
fn shown(limits: Limits) -> String {
    format!("{}..{}", limits.min(), limits.max())
}
