//! The trait that every worker implements: `#[worker]` writes it, programs without macros write it themselves.

use std::any::Any;

use super::{Error, Job, JobAttributes};

/// A Rust type whose methods are functions, as `Gearman::Driver::Worker`.
///
/// All methods are hooks with the original's defaults. In a `#[worker]` block you write them as plain methods of the
/// same names; without macros you implement this trait and give the worker to a [`JobSpec`](super::JobSpec).
/// A worker need be neither `Send` nor `Sync`: each process has one thread that runs jobs.
pub trait Worker: Any {
    /// Put before each function's name (as `prefix`). Default: the type's path and `::`.
    fn prefix(&self) -> String {
        format!("{}::", std::any::type_name::<Self>())
    }

    /// Runs before each job, after a successful decode, with the raw workload (as `begin`). An error fails the job
    /// without running its method or [`end`](Worker::end).
    ///
    /// # Errors
    /// Whatever the worker deems wrong.
    fn begin(&self, job: &Job, workload: &[u8]) -> Result<(), Error> {
        let _ = (job, workload);
        Ok(())
    }

    /// Runs after each job's method, also after one that failed or panicked (as `end`).
    fn end(&self, job: &Job, workload: &[u8]) {
        let _ = (job, workload);
    }

    /// The title of a worker process (as `process_name`); `None`, the default, leaves the driver's own.
    fn process_name(&self, original: &str, job_name: &str) -> Option<String> {
        let _ = (original, job_name);
        None
    }

    /// Fill what a job leaves open (as `default_attributes`).
    fn default_attributes(&self) -> JobAttributes {
        JobAttributes::new()
    }

    /// Win over what a job says (as `override_attributes`).
    fn override_attributes(&self) -> JobAttributes {
        JobAttributes::new()
    }

    /// Runs once in each process, after the fork and before its first job: the place for connections and threads.
    ///
    /// # Errors
    /// What keeps the process from working; it then ends, and is started again later.
    fn process_start(&mut self) -> Result<(), Error> {
        Ok(())
    }

    /// Runs once in each process, after its last job. The place to clean up: the worker's destructor runs in the host alone.
    fn process_stop(&mut self) {}
}

impl dyn Worker {
    /// The worker as its own type, or `None` if it is of another.
    #[must_use]
    pub fn downcast_ref<W: Worker>(&self) -> Option<&W> {
        (self as &dyn Any).downcast_ref()
    }
}
