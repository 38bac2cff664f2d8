//! What the manager asks for. The shell carries effects out in the order given, and never waits in between.

use std::fmt;

use crate::level::Level;
use crate::manager::{FunctionStatus, Suspect};
use crate::order::{OrderError, OrderId};
use crate::process::{HostId, ProcessId};

/// Something for the shell to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Start a host. Answered by exactly one of [`Event::HostReady`](super::Event::HostReady) and
    /// [`Event::HostFailed`](super::Event::HostFailed).
    StartHost {
        /// Its name from now on.
        host: HostId,
        /// Which worker code: 1 is that of the running executable. A number above all before it asks for what is on disk
        /// now, and so does a configuration for it; one that was there before asks for the same again.
        generation: u32,
    },
    /// From now on the configuration of this generation counts. After the first host is ready, after a reload, and after
    /// one is taken back.
    InForce {
        /// The generation.
        generation: u32,
    },
    /// Ask a host to end. It has no process left that the driver waits for, or the driver gives up waiting.
    /// Answered as every end of a host: `HostGone`, or `HostFailed` where it had not been ready.
    StopHost {
        /// The host.
        host: HostId,
    },
    /// Start a worker process. Answered by exactly one of [`Event::Spawned`](super::Event::Spawned) and
    /// [`Event::SpawnFailed`](super::Event::SpawnFailed), or closed by [`Event::HostGone`](super::Event::HostGone).
    Spawn {
        /// Its name from now on.
        process: ProcessId,
        /// The job whose functions it serves.
        job: String,
        /// The host to fork it from.
        host: HostId,
    },
    /// Ask a process to finish its job and exit (drain). Repeats change nothing. Asked again when the process is adopted:
    /// its host may have taken the first one with it.
    Stop {
        /// The process: it has been spawned and has not been reported as exited.
        process: ProcessId,
    },
    /// End a process and its process group now (SIGKILL). Asked again as [`Effect::Stop`] is.
    Kill {
        /// The process: it has been spawned and has not been reported as exited.
        process: ProcessId,
    },
    /// The answer to an order. What the order brings about stands before it; for `shutdown`, after it.
    Reply {
        /// The order.
        id: OrderId,
        /// Done, or why not.
        result: Result<(), OrderError>,
    },
    /// Jobs wait for a function that no job has: call `unknown_job_callback`. At each look while that is so.
    UnknownJob {
        /// The function's name.
        function: String,
        /// What the job servers say of it.
        status: FunctionStatus,
    },
    /// The jobs that have taken down processes, all of them, those with the oldest last death first: for the workers, and
    /// to be kept for the next driver. It takes the place of the list before.
    Suspects(Vec<Suspect>),
    /// A line for the log.
    Log(LogLine),
    /// End the driver. Nothing follows but replies.
    Exit {
        /// The exit code: 0 after a clean shutdown, 1 after a failure.
        code: u8,
        /// Why, where it is a failure: for the log and for standard error.
        message: Option<String>,
    },
}

/// A line for the log. Displayed in the original's words: `(PID) [JOB] Process started`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// How important it is.
    pub level: Level,
    /// The process that it is about.
    pub pid: Option<u32>,
    /// The job that it is about. Shown only together with a PID, else the message names it.
    pub job: Option<String>,
    /// The text, without PID and job.
    pub message: String,
}

impl fmt::Display for LogLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let (Some(pid), Some(job)) = (self.pid, &self.job) {
            write!(f, "({pid}) [{job}] ")?;
        }
        f.write_str(&self.message)
    }
}
