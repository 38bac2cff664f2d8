//! What the manager is told. Each event says who sends it and which obligation it closes.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::job::JobDeclaration;
use crate::order::{Order, OrderId};
use crate::process::{Activity, ExitStatus, HostId, ProcessId};

/// News for [`Manager::handle`](super::Manager::handle).
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The shell is up. Sent by it once, before anything else.
    Started,
    /// A host has loaded its worker code. Sent by the host; closes [`Effect::StartHost`](super::Effect::StartHost).
    HostReady {
        /// The host that was asked for.
        host: HostId,
        /// The worker code that it has loaded.
        generation: u32,
        /// Its jobs, each name once.
        jobs: Vec<JobDeclaration>,
    },
    /// A host could not be started, or could not load its worker code, or ended before it was ready; in each
    /// case it is gone (reaped). Sent by the shell; closes [`Effect::StartHost`](super::Effect::StartHost)
    /// in place of [`Event::HostReady`], and no [`Event::HostGone`] follows.
    HostFailed {
        /// The host that was asked for.
        host: HostId,
        /// What went wrong, for people: names worker and method where it can.
        error: String,
    },
    /// A host that had been ready is gone. Sent by the shell after it has reaped the host, exactly once for each
    /// [`Event::HostReady`]. Closes every [`Effect::Spawn`](super::Effect::Spawn) and every process of that host
    /// that is still open: each is in exactly one of the lists.
    HostGone {
        /// The host.
        host: HostId,
        /// How the host ended.
        status: ExitStatus,
        /// Workers that live on and are the shell's children now, with their PIDs (a `Spawned` may have been lost
        /// with the host). [`Event::Exited`] follows once for each.
        adopted: Vec<(ProcessId, u32)>,
        /// Workers that ended, with a status that nobody knows, and spawns that never came to be.
        ended: Vec<(ProcessId, Option<Activity>)>,
    },
    /// A worker process is running. Sent by its host; closes [`Effect::Spawn`](super::Effect::Spawn).
    Spawned {
        /// The process that was asked for.
        process: ProcessId,
        /// Its PID.
        pid: u32,
    },
    /// A worker process could not be started. Sent by its host, or by the shell where the host could not be
    /// asked; closes [`Effect::Spawn`](super::Effect::Spawn) in place of [`Event::Spawned`].
    SpawnFailed {
        /// The process that was asked for.
        process: ProcessId,
        /// What went wrong, for people.
        error: String,
    },
    /// A worker process ended and has been reaped. Sent by its host (by the shell for an adopted one), exactly
    /// once for each [`Event::Spawned`] and each adopted process.
    Exited {
        /// The process.
        process: ProcessId,
        /// How it ended.
        status: ExitStatus,
        /// What stood in its slot of the scoreboard at the end, where it had come to write there.
        final_activity: Option<Activity>,
    },
    /// Workers have answered jobs that are suspects. Sent by the shell, soon after, and before an [`Event::Exited`] that
    /// comes later.
    Answered {
        /// The numbers of [`Effect::Suspects`](super::Effect::Suspects); those that are no more are passed over.
        suspects: Vec<u64>,
    },
    /// What processes do now, as the scoreboard shows it. Sent by the shell before each [`Event::Looked`], before
    /// a snapshot or an order that needs it, and shortly after spawns. Processes that are missing keep their last one.
    Observed {
        /// Process and what it does.
        processes: Vec<(ProcessId, Activity)>,
    },
    /// What waits at the job servers. Sent by the observer, once each `interval`.
    Looked {
        /// Status by function name, added up over all job servers that answered.
        functions: BTreeMap<String, FunctionStatus>,
        /// Whether all job servers answered. If not, nothing surplus is stopped, but what is seen waiting is served.
        complete: bool,
    },
    /// An operator's order. Sent by console and live objects; closed by exactly one
    /// [`Effect::Reply`](super::Effect::Reply).
    Order {
        /// For the reply.
        id: OrderId,
        /// The order.
        order: Order,
    },
    /// The configuration that is in force says something else now. Sent by the shell after [`Effect::InForce`](super::Effect::InForce).
    Configured {
        /// `max_idle_time`, where it has changed; an operator's change of it stays otherwise.
        max_idle_time: Option<Duration>,
        /// `shutdown_timeout`.
        shutdown_timeout: Duration,
        /// `poison_limit`.
        poison_limit: u32,
    },
    /// The supervisor was signalled. Sent by the shell for each signal that arrives.
    Signal(Signal),
    /// The time that [`Manager::next_deadline`](super::Manager::next_deadline) named has come. Sent by the shell
    /// after an [`Event::Observed`] of all processes; one too many does no harm.
    Tick,
}

/// A signal to the driver that is the manager's business.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Signal {
    /// Reload, as [`Order::Reload`]; the log says what comes of it.
    Hup,
    /// Drain; the second TERM or INT: at once.
    Term,
    /// As TERM.
    Int,
    /// At once.
    Quit,
    /// At once.
    Abrt,
}

impl Signal {
    /// The name without `SIG`.
    pub const fn name(self) -> &'static str {
        match self {
            Signal::Hup => "HUP",
            Signal::Term => "TERM",
            Signal::Int => "INT",
            Signal::Quit => "QUIT",
            Signal::Abrt => "ABRT",
        }
    }
}

/// A row of gearmand's `status`, or the sum of several.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct FunctionStatus {
    /// TOTAL: jobs that wait and jobs that run.
    pub queue: u64,
    /// RUNNING: jobs that run.
    pub busy: u64,
    /// AVAILABLE WORKERS: registrations, those of busy workers too.
    pub running: u64,
}

impl FunctionStatus {
    /// Jobs that no worker has yet: TOTAL − RUNNING, never below 0.
    pub const fn waiting(self) -> u64 {
        self.queue.saturating_sub(self.busy)
    }

    /// As the original's `free`: registrations without a job, never below 0.
    pub const fn free(self) -> u64 {
        self.running.saturating_sub(self.busy)
    }

    /// The sum of two rows.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self {
            queue: self.queue.saturating_add(other.queue),
            busy: self.busy.saturating_add(other.busy),
            running: self.running.saturating_add(other.running),
        }
    }
}
