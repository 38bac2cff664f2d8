//! The worker types of this program: each `#[worker]` registers one.
//!
//! Only function pointers and names are registered; nothing is built before [`load`](super::load()) asks.

use gearman_driver_wire::job_limits::JobLimits;

use super::call::{Call, Failed, JobFuture};
use super::{Error, Worker, WorkerOptions};

/// One `#[worker]` type.
#[derive(Debug, Clone, Copy)]
pub struct WorkerType {
    /// The module that its `#[worker] impl` stands in, and its name: `my_app::workers::image::Image`.
    pub path: &'static str,
    /// Runs its `new`, or `Default`.
    pub build: fn(&WorkerOptions) -> Result<Box<dyn Worker>, Error>,
    /// Its `#[job]` methods, in source order.
    pub methods: &'static [JobMethod],
}

/// One `#[job]` method.
#[derive(Debug, Clone, Copy)]
pub struct JobMethod {
    /// The Rust method.
    pub method: &'static str,
    /// What it is registered as, without the worker's prefix.
    pub name: &'static str,
    /// `min_processes` where given.
    pub min_processes: Option<u32>,
    /// `max_processes` where given.
    pub max_processes: Option<u32>,
    /// `process_group` where given.
    pub process_group: Option<&'static str>,
    /// Failures go out as WORK_EXCEPTION.
    pub exceptions: bool,
    /// Limits where given.
    pub limits: JobLimits,
    /// `concurrency` where given; for asynchronous methods only.
    pub concurrency: Option<u32>,
    /// Takes a job through decode, hooks, the method and encode.
    pub run: Run,
}

/// The code of a `#[job]` method.
#[derive(Debug, Clone, Copy)]
pub enum Run {
    /// Of a `fn`.
    Sync(for<'a, 'b> fn(&'b mut Call<'a>) -> Result<Vec<u8>, Failed>),
    /// Of an `async fn`.
    Async(for<'a> fn(Call<'a>) -> JobFuture<'a>),
}

inventory::collect!(WorkerType);

/// A type whose impl block carries `#[worker]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a `#[worker]` type",
    label = "no `#[worker]` on its impl block",
    note = "put `#[worker]` on the impl block that holds its `#[job]` methods"
)]
pub trait RegisteredWorker: Worker + Sized {
    /// Its entry in the registry.
    const TYPE: WorkerType;
}

/// All registered worker types in path order. Types of crates that the program never names are not among them: the
/// linker drops those crates.
#[must_use]
pub fn worker_types() -> Vec<&'static WorkerType> {
    let mut types: Vec<_> = inventory::iter::<WorkerType>.into_iter().collect();
    types.sort_by_key(|worker| worker.path);
    types
}

/// Builds a worker that has no `fn new(options: &WorkerOptions)`. Its name is read in the compiler's error.
#[doc(hidden)]
pub fn worker_without_new<W: Default>() -> W {
    W::default()
}
