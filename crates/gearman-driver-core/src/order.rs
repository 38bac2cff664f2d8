//! What operators may order, and why an order can be refused.
//!
//! Console, and later HTTP and live objects, parse their input into an [`Order`]; the manager answers each
//! exactly once, when it has taken effect. An [`OrderError`] reads as the console's error line to the letter.

use std::time::Duration;

use thiserror::Error;

use crate::limits::{Bound, Limits};

/// Names an order until it is answered. Given out by whoever sends it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OrderId(pub u64);

/// An operator's order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order {
    /// `set_min_processes`: takes effect at once. Refused above the job's maximum.
    SetMin {
        /// The job's name.
        job: String,
        /// The new lower bound.
        min: u32,
    },
    /// `set_max_processes`: takes effect at once. Refused below the job's minimum.
    SetMax {
        /// The job's name.
        job: String,
        /// The new upper bound.
        max: u32,
    },
    /// `set_processes`: both bounds in one step.
    SetProcesses {
        /// The job's name.
        job: String,
        /// The new lower bound.
        min: u32,
        /// The new upper bound.
        max: u32,
    },
    /// `kill` and `stop`: each process that is ours finishes its job, exits, and is replaced where needed.
    /// Refused where none is ours.
    Stop {
        /// PIDs; those of others are passed over.
        pids: Vec<u32>,
    },
    /// `kill_now`: each process that is ours is ended at once, with its process group (SIGKILL), and replaced where needed.
    /// Refused where none is ours.
    KillNow {
        /// PIDs; those of others are passed over.
        pids: Vec<u32>,
    },
    /// `killall`: as [`Order::Stop`] for all processes of these jobs. All names are checked before any is touched.
    KillAll(JobSelection),
    /// One process more, as `add_process` of Gearman::Driver::Job. Where none can be started now (its processes die at
    /// once, the host is being replaced), it is started as soon as one can. Refused at the job's maximum.
    AddProcess {
        /// The job's name.
        job: String,
    },
    /// One process less, an idle one if there is one; it finishes its job first. Refused at the job's minimum.
    RemoveProcess {
        /// The job's name.
        job: String,
    },
    /// `max_idle_time`, for the jobs that don't have one of their own. Holds from the next look at the queues on.
    SetMaxIdleTime(Duration),
    /// `restart`: each process of the job is replaced by a new one, step by step, the new one first. Carried out when the
    /// first ones are there.
    Restart {
        /// The job's name.
        job: String,
    },
    /// `pause`: each process of the job finishes what it holds and exits, and none is started until `resume`.
    Pause {
        /// The job's name.
        job: String,
    },
    /// `resume`: the job has its processes again, as many as before.
    Resume {
        /// The job's name.
        job: String,
    },
    /// `reload`: a new generation, from the executable and the configuration that are there now; then all processes are
    /// replaced step by step. Answered when the new worker code has loaded, or refused with the reason why it can't.
    Reload,
    /// `shutdown`: drain and exit, as the first TERM. Answered before anything is stopped.
    Shutdown,
}

/// Which jobs an order is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JobSelection {
    /// `*`.
    All,
    /// By name.
    Named(Vec<String>),
}

/// Why an order was refused. Displayed as the console's text after `ERR `.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum OrderError {
    /// No job has that name.
    #[error("invalid_job_name: {0}")]
    UnknownJob(String),
    /// A bound is missing, or is anything but digits.
    #[error("invalid_value: {0} must be >= 0")]
    NotANumber(Bound),
    /// A bound is above [`Limits::LARGEST`].
    #[error("invalid_value: {0} must be <= {max}", max = Limits::LARGEST)]
    TooLarge(Bound),
    /// From [`Order::SetMin`].
    #[error("invalid_value: min_processes must be smaller than max_processes")]
    MinAboveMax,
    /// From [`Order::SetMax`] and [`Order::SetProcesses`].
    #[error("invalid_value: max_processes must be greater than min_processes")]
    MaxBelowMin,
    /// From [`Order::Stop`] and [`Order::KillNow`]: none of the PIDs is one of our workers.
    #[error("invalid_value: the given PID(s) do not belong to us")]
    NotOurs,
    /// From [`Order::KillAll`], where no name was given.
    #[error("invalid_value: no job_names given")]
    NoJobNames,
    /// From [`Order::AddProcess`].
    #[error("invalid_value: max_processes is reached")]
    AtMax,
    /// From [`Order::RemoveProcess`].
    #[error("invalid_value: min_processes is reached")]
    AtMin,
    /// From [`Order::AddProcess`], for a job that is paused.
    #[error("invalid_value: the job is paused, resume it first")]
    Paused,
    /// From [`Order::Reload`]: the new worker code or configuration can't be had; everything is as it was.
    #[error("reload_failed: {0}")]
    ReloadFailed(String),
    /// From orders that would start processes, once the driver drains.
    #[error("shutting_down: the driver ends as soon as its processes have finished their jobs")]
    ShuttingDown,
}
