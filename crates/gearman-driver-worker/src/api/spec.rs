//! Jobs declared without macros (as `add_job`).

use std::fmt;

use super::{Error, Job, Worker};

/// A job's body: gets the worker, the job and the workload (decoded, where there is a decoder).
pub type JobBody = Box<dyn Fn(&dyn Worker, &mut Job, &[u8]) -> Result<Vec<u8>, Error>>;

/// A decoder or an encoder of a [`Method`].
pub type Codec = Box<dyn Fn(&dyn Worker, &[u8]) -> Result<Vec<u8>, Error>>;

/// A job and its functions, declared on the builder instead of by `#[worker]` (as `add_job`).
///
/// Names are registered as given; [`prefixed`](JobSpec::prefixed) puts the worker's prefix before them. The methods
/// given together share one process. Such a worker is built in `main`, so in the supervisor too, where it is dropped
/// at once: load big data in [`process_start`](Worker::process_start), or use `#[worker]`.
pub struct JobSpec {
    /// The job's name in console and status.
    pub name: String,
    /// Never fewer processes than this.
    pub min_processes: u32,
    /// Never more processes than this.
    pub max_processes: u32,
    /// Its hooks run around each job, and bodies and codecs get it.
    pub worker: Box<dyn Worker>,
    /// The functions.
    pub methods: Vec<Method>,
}

/// One function of a [`JobSpec`].
pub struct Method {
    /// The function's name.
    pub name: String,
    /// Does the work.
    pub body: JobBody,
    /// Makes the body's workload of the client's.
    pub decode: Option<Codec>,
    /// Makes the client's result of the body's.
    pub encode: Option<Codec>,
}

impl JobSpec {
    /// The same with the worker's [`prefix`](Worker::prefix) before the job's name and before each function's.
    #[must_use]
    pub fn prefixed(mut self) -> Self {
        let prefix = self.worker.prefix();
        self.name.insert_str(0, &prefix);
        for method in &mut self.methods {
            method.name.insert_str(0, &prefix);
        }
        self
    }
}

impl fmt::Debug for JobSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JobSpec")
            .field("name", &self.name)
            .field("min_processes", &self.min_processes)
            .field("max_processes", &self.max_processes)
            .field("methods", &self.methods)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Method")
            .field("name", &self.name)
            .field("decode", &self.decode.is_some())
            .field("encode", &self.encode.is_some())
            .finish_non_exhaustive()
    }
}
