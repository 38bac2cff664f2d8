//! A job as its worker code declares it: the unit that has bounds and processes of its own.

use std::time::Duration;

use crate::limits::Limits;

/// What a host reports of each job that it has loaded.
#[derive(Debug, Clone, PartialEq)]
pub struct JobDeclaration {
    /// The name in console and status: prefix and method, or prefix and process group. Unique.
    pub name: String,
    /// The functions that each of its processes registers, as the job servers know them. Several for a process group.
    pub functions: Vec<String>,
    /// The bounds after attributes and `job_runtime_attributes` have been merged.
    pub limits: Limits,
    /// How long a surplus process of this job may stay idle; `None` leaves it to the driver's `max_idle_time`.
    pub max_idle_time: Option<Duration>,
    /// How long a job may take before its client is told that it failed (by the process itself). A process that still
    /// has the job in hand some grace later is killed.
    pub timeout: Option<Duration>,
    /// How long a process of this job may take to finish its job when the driver ends, where that is longer than
    /// `shutdown_timeout`.
    pub drain_timeout: Option<Duration>,
    /// When its processes are replaced by new ones.
    pub lifespan: Lifespan,
}

impl JobDeclaration {
    /// A job with these bounds and nothing else said about it.
    pub fn new(name: impl Into<String>, functions: Vec<String>, limits: Limits) -> Self {
        Self {
            name: name.into(),
            functions,
            limits,
            max_idle_time: None,
            timeout: None,
            drain_timeout: None,
            lifespan: Lifespan::default(),
        }
    }
}

/// When a process is replaced between two jobs, its replacement first. Each limit is lowered for each process by a
/// random part of it, [`jitter`](Self::jitter) at the most, so that processes that began together don't end together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Lifespan {
    /// After so many jobs. A process never begins more.
    pub max_jobs: Option<u64>,
    /// So long after it was forked.
    pub max_age: Option<Duration>,
    /// When its unique memory has grown by so many bytes over what it was after the fork.
    pub max_memory: Option<u64>,
    /// 0.0 to 1.0.
    pub jitter: f64,
}

impl Default for Lifespan {
    /// No limit; a jitter of 10 %.
    fn default() -> Self {
        Self { max_jobs: None, max_age: None, max_memory: None, jitter: 0.1 }
    }
}
