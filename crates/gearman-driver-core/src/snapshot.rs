//! The one read model behind console, JSON, metrics and dashboard.
//!
//! The manager makes it on request; what only the shell knows (the job servers' health) the shell fills in.

use std::sync::Arc;
use std::time::Duration;

use crate::limits::Limits;
use crate::manager::FunctionStatus;
use crate::process::{ActivityState, CurrentJob, HostId, LastError};
use crate::scaling::Decision;
use crate::time::{Time, UnixSeconds};

/// The driver at one moment.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Snapshot {
    /// When it was made; its distance from [`Time::START`] is the driver's uptime.
    pub at: Time,
    /// The driver's version.
    pub version: String,
    /// The driver's name (`--name`). Filled in by the shell; the manager leaves it out.
    pub name: Option<String>,
    /// The supervisor's PID. Filled in by the shell; the manager leaves it out.
    pub pid: Option<u32>,
    /// Whether the driver starts nothing more and ends when its processes have.
    pub shutting_down: bool,
    /// The worker code that is in force; `None` before the first host is ready.
    pub generation: Option<u32>,
    /// The worker code that a reload is loading.
    pub loading: Option<u32>,
    /// `max_idle_time` as it is now.
    pub max_idle_time: Duration,
    /// `interval` as it is now. Filled in by the shell.
    pub interval: Duration,
    /// The namespaces of the configuration, sorted. Filled in by the shell.
    pub namespaces: Arc<[String]>,
    /// The worker types that are loaded, by path, sorted. Filled in by the shell.
    pub workers: Arc<[String]>,
    /// The job servers. Filled in by the shell; the manager leaves it empty.
    pub servers: Vec<ServerHealth>,
    /// The jobs, sorted by name.
    pub jobs: Vec<JobSnapshot>,
}

impl Snapshot {
    /// The job of that name.
    pub fn job(&self, name: &str) -> Option<&JobSnapshot> {
        let index = self.jobs.binary_search_by(|job| job.name.as_str().cmp(name)).ok()?;
        self.jobs.get(index)
    }

    /// How long the driver has been running.
    pub fn uptime(&self) -> Duration {
        self.at.uptime()
    }
}

/// A job at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct JobSnapshot {
    /// Its name.
    pub name: String,
    /// The functions that each of its processes registers.
    pub functions: Vec<String>,
    /// Its bounds as they are now.
    pub limits: Limits,
    /// Whether the bounds were set by an operator and differ from what the worker declares.
    pub limits_changed: bool,
    /// Whether the worker code that is loaded now no longer has this job: its processes end.
    pub retired: bool,
    /// Whether an operator has paused it: it has no process, whatever its bounds say, until it is resumed.
    pub paused: bool,
    /// How many processes the driver wants it to have.
    pub target: u32,
    /// Its processes that have a PID, draining ones too, oldest first. Their number is the `status` column.
    pub processes: Vec<ProcessSnapshot>,
    /// Processes that have been asked for and have no PID yet.
    pub spawning: u32,
    /// When one of its processes last finished a job, living or ended; `None`: never.
    pub last_run: Option<UnixSeconds>,
    /// The last failure of one of its processes, living or ended.
    pub last_error: Option<LastError>,
    /// The jobs that its processes have answered, living and ended, failed ones too.
    pub jobs_done: u64,
    /// Its processes die at once, or can't be started, again and again, and it lacks some. `None`: it does not.
    pub failing: Option<Failing>,
    /// What the job servers said at the last look, added up over its functions; `None`: nothing yet.
    pub queue: Option<QueueSnapshot>,
    /// What the scaling policy decided last, and why.
    pub decision: Option<Decision>,
}

/// A process at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessSnapshot {
    /// Its PID.
    pub pid: u32,
    /// The host that forked it, perhaps gone since.
    pub host: HostId,
    /// The worker code that it runs.
    pub generation: u32,
    /// When it was started.
    pub started: Time,
    /// What it does. Draining as soon as it has been asked to stop.
    pub state: ActivityState,
    /// Since when it does that, by its own account or by the driver's order.
    pub since: Time,
    /// The jobs that it has answered.
    pub jobs_done: u64,
    /// The job in hand.
    pub current: Option<CurrentJob>,
}

/// Processes of a job that die at once, or can't be started, again and again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failing {
    /// How often in a row.
    pub times: u32,
    /// Until when none is started; in the past while the next one is on trial.
    pub held_until: Time,
    /// What it was the last time.
    pub failure: Failure,
}

/// What goes wrong with a process that does not come to serve. Displayed as what is said of several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// It ended as soon as it had started.
    DiedAtOnce,
    /// It could not be started.
    NotStarted,
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::DiedAtOnce => "end as soon as they start",
            Self::NotStarted => "can't be started",
        })
    }
}

/// What the job servers said of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueSnapshot {
    /// Added up over its functions and over all job servers that answered.
    pub status: FunctionStatus,
    /// When.
    pub seen: Time,
    /// Whether all job servers had answered.
    pub complete: bool,
}

/// How a job server is, as the observer sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerHealth {
    /// `host:port`.
    pub address: String,
    /// When it last answered; `None`: never.
    pub last_answer: Option<Time>,
    /// Why it did not answer last time; `None`: it did.
    pub error: Option<String>,
}
