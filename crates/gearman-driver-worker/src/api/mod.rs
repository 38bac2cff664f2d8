//! What a worker is: the trait, its options and attributes, the job in hand, codecs, and how workers are found,
//! built and run.
//!
//! Decides names, limits and the order of hooks around a job. Leaves to others: forking, talking to job servers
//! (a process loop implements [`JobLink`]), and where last runs and last errors are kept ([`Notes`]).
//!
//! A worker comes in by one of two doors, `#[worker]` (registered by [`registry`]) or [`AddedJob`]; behind them there
//! is one path: [`load`] makes [`Loaded`], and in the process after the fork [`Loaded::into_process`] makes the
//! [`ProcessWorker`] that runs jobs.
//!
//! Panics of worker code are caught, and count as failures. That needs `panic = "unwind"`, Rust's default: in a
//! program built with `panic = "abort"` a panic takes the process down with the job it holds.

mod attributes;
mod call;
mod caller;
mod client;
mod client_async;
mod codec;
mod dispatch;
mod error;
mod job;
mod load;
mod options;
mod process;
pub mod registry;
mod shared;
mod spec;
mod testing;
mod worker;

pub use attributes::{JobAttributes, MAX_PROCESSES};
pub(crate) use call::timed_out;
pub use call::{Answer, Notes, Outcome};
pub use caller::Caller;
pub use client::JobClient;
pub use client_async::AsyncJobClient;
pub use codec::{FromWorkload, IntoOutput, Json};
pub use error::JobError;
pub use job::{Job, JobLink, Report};
pub use load::{LoadError, LoadRequest, Loaded, LoadedFunction, LoadedJob, load};
pub use options::WorkerOptions;
pub use process::ProcessWorker;
pub use spec::{AddedJob, AsyncJobBody, AsyncJobSpec, AsyncMethod, Codec, JobBody, JobSpec, Method};
pub use testing::{Sent, TestWorker};
pub use worker::Worker;

/// What worker code fails with: any error, boxed. `?` turns every `std::error::Error` into it, and so do `&str`,
/// `String` and `anyhow::Error`.
pub type Error = Box<dyn std::error::Error + Send + Sync>;

/// What the code that `#[worker]` writes refers to. No part of the public interface: it changes with the macro.
#[doc(hidden)]
pub mod private {
    pub use super::call::{Call, Failed, JobFuture};
    pub use super::caller::{Caller, ReadsJson, SendsJson, TypedCall, no_result, text_result};
    pub use super::codec::{from_workload, into_output};
    pub use super::dispatch::{PlainKind, ResultKind};
    pub use super::registry::{JobMethod, RegisteredWorker, Run, WorkerType, worker_without_new};
    pub use super::{Error, Job, JobAttributes, Worker, WorkerOptions};
    pub use gearman_driver_wire::job_limits::JobLimits;
    pub use inventory;
}
