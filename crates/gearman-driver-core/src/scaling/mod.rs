//! Decides how many processes each job should have.
//!
//! Pure: time comes in as durations; which processes are stopped is the manager's choice, starting and stopping
//! the shell's work. One file per policy, one line each in [`POLICIES`]; the laws in `laws.rs` run over all of them.

mod classic;
#[cfg(test)]
mod laws;

use std::fmt;
use std::time::Duration;

use crate::limits::Limits;
use crate::manager::FunctionStatus;

pub use classic::Classic;

/// All policies. `--scaling` names one of them.
pub const POLICIES: &[&dyn Policy] = &[&Classic];

/// The policy of that name.
pub fn by_name(name: &str) -> Option<&'static dyn Policy> {
    POLICIES.iter().copied().find(|policy| policy.name() == name)
}

/// How many processes a job should have, for what was seen at one look.
pub trait Policy: fmt::Debug + Send + Sync {
    /// Its name for `--scaling`.
    fn name(&self) -> &'static str;

    /// The number of processes that the job should have now, within its limits, and why.
    fn decide(&self, seen: &Observation, limits: Limits) -> Decision;
}

/// Policies are the same when their names are: no two in [`POLICIES`] share one.
impl PartialEq for dyn Policy {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

/// What is known of a job at one look.
#[derive(Debug, Clone, PartialEq)]
pub struct Observation {
    /// How far the status can be trusted.
    pub news: News,
    /// The job servers' status, added up over servers and over the functions of the job.
    pub status: FunctionStatus,
    /// Jobs that wait: TOTAL − RUNNING of each function, added up. Not the same as that of the sum where one
    /// function's row is of two minds.
    pub waiting: u64,
    /// Processes that are starting, idle or busy: all but the draining ones.
    pub processes: u32,
    /// Of these, the busy ones, by their own account.
    pub busy: u32,
    /// Draining processes: they take no more jobs, and still take up a place.
    pub draining: u32,
    /// Of the draining ones, those that still have a job in hand.
    pub draining_busy: u32,
    /// How long each process without a job has been idle, longest first. One that has never run a job has been idle
    /// since its start.
    pub idle: Vec<Duration>,
    /// How long ago one of the job's processes last ran a job; `None`: never.
    pub last_run: Option<Duration>,
    /// How long a surplus process may stay idle.
    pub max_idle_time: Duration,
}

/// How far a job's status can be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum News {
    /// All job servers answered.
    Complete,
    /// Some did not: what is seen waiting does wait, but nothing follows from what is not seen.
    Partial,
    /// No server that answered knows the job's functions, and some did not answer: nothing is known.
    Stale,
}

/// What a policy wants, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The number of processes, draining ones not counted.
    pub target: u32,
    /// Why, for `why JOB`.
    pub reason: String,
}
