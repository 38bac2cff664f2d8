//! A worker process, as the driver sees it: its name, what it does, how it ended.
//!
//! The manager keeps the life of each ([`crate::manager`]); what a process does now is read from the
//! scoreboard by the shell and comes in as an [`Activity`].

use std::fmt;

use crate::time::{Time, UnixSeconds};

/// Names one worker process for the driver's whole life. Given out by the manager, never used twice
/// (PIDs are).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProcessId(pub u64);

impl fmt::Display for ProcessId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "process #{}", self.0)
    }
}

/// Names one host process for the driver's whole life. Given out by the manager, never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostId(pub u32);

impl fmt::Display for HostId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "host #{}", self.0)
    }
}

/// What a process wrote into its slot of the scoreboard, by its own account.
///
/// It is the process's word, so nothing that could harm another job is decided by it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Activity {
    /// What it does.
    pub state: ActivityState,
    /// Since when it does that.
    pub since: Time,
    /// When it last finished a job's method, by the wall clock. `None`: never.
    pub last_run: Option<UnixSeconds>,
    /// Its last failure. `None`: none yet.
    pub last_error: Option<LastError>,
    /// The jobs that it has answered, failed ones too.
    pub jobs_done: u64,
    /// The job in hand, where it is busy and the slot says it.
    pub current: Option<CurrentJob>,
    /// The job that answers for it if the process goes down: the one in hand, and where there are several, the one whose
    /// code runs.
    pub at_work: Option<Box<JobAtWork>>,
    /// It has reached a limit of its own and is to be replaced; it takes jobs until it is asked to stop.
    pub spent: Option<Spent>,
}

impl Activity {
    /// A process that has registered with the job servers and has done nothing yet.
    pub fn idle(since: Time) -> Self {
        Self {
            state: ActivityState::Idle,
            since,
            last_run: None,
            last_error: None,
            jobs_done: 0,
            current: None,
            at_work: None,
            spent: None,
        }
    }
}

/// The limit that a process has reached by its own account. (Its age is the driver's to know.)
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Spent {
    /// `max_jobs`.
    Jobs,
    /// `max_memory`.
    Memory,
}

/// What a process says that it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ActivityState {
    /// Forked, and not yet registered with a job server.
    Starting,
    /// Registered, and waiting for a job.
    Idle,
    /// Has a job in hand.
    Busy,
    /// Finishes what it has, takes no more, and exits.
    Draining,
}

impl ActivityState {
    /// The word in console and logs.
    pub const fn name(self) -> &'static str {
        match self {
            ActivityState::Starting => "starting",
            ActivityState::Idle => "idle",
            ActivityState::Busy => "busy",
            ActivityState::Draining => "draining",
        }
    }
}

/// A job in hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CurrentJob {
    /// The function, as registered.
    pub function: String,
    /// The job server's handle; empty where the slot does not hold it.
    pub handle: String,
    /// When it began. Of several in hand, this is the one that has been there longest.
    pub started: Time,
}

/// A job at work, and what it is known by wherever it turns up again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobAtWork {
    /// The function, as registered.
    pub function: String,
    /// The job server's handle.
    pub handle: String,
    /// The client's unique; empty: it gave none.
    pub unique: String,
    /// The job server; empty where there is a unique.
    pub server: String,
}

impl JobAtWork {
    /// Whether both are the same job: by function and unique, and where there is none by job server and handle.
    pub fn is_same(&self, other: &Self) -> bool {
        self.function == other.function
            && self.unique == other.unique
            && (!self.unique.is_empty() || (&self.server, &self.handle) == (&other.server, &other.handle))
    }
}

impl fmt::Display for JobAtWork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { function, handle, unique, server } = self;
        if unique.is_empty() {
            write!(f, "{function} (handle {handle} at {server}, no unique)")
        } else {
            write!(f, "{function} (handle {handle}, unique {unique})")
        }
    }
}

/// When a job last failed, and with what words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastError {
    /// When, by the wall clock.
    pub at: UnixSeconds,
    /// The message as the worker gave it: not yet made fit for a terminal.
    pub message: String,
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ExitStatus {
    /// It exited by itself, with this code.
    Code(i32),
    /// A signal ended it.
    Signal(i32),
    /// It is gone, and nobody could collect its status: its host died before it.
    Unknown,
}

impl fmt::Display for ExitStatus {
    /// What stands after `Exited with status `. A signal is shown as its wait status, as the original does, and named.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ExitStatus::Code(code) => write!(f, "{code}"),
            ExitStatus::Signal(signal) => write!(f, "{signal} (by signal {signal})"),
            ExitStatus::Unknown => f.write_str("unknown"),
        }
    }
}
