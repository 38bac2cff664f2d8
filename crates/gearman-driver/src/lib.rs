//! Runs Gearman workers: forks them from one preloaded host, scales them to the queue, restarts what dies, and is
//! steered through a console.

mod args;
mod driver;
pub mod prelude;
mod report;
mod roles;

pub use driver::{Driver, DriverHandle, FunctionStatus};
pub use gearman_driver_macros::{job, worker};
pub use gearman_driver_worker::{
    AsyncJobClient, Caller, Error, Job, JobAttributes, JobClient, JobError, JobSpec, Json, LoadError, Method, Sent,
    TestWorker, Worker, WorkerOptions,
};
/// What typed callers take outside of jobs: a blocking client, and its list of job servers.
pub use gearman_protocol::{Client, ServerList};

/// What the code that `#[worker]` writes refers to. No part of the public interface: it changes with the macro.
#[doc(hidden)]
pub mod __private {
    pub use gearman_driver_worker::api::private::*;
}
