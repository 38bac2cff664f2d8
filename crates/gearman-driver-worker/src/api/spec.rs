//! Jobs declared without macros (as `add_job`).

use std::fmt;
use std::pin::Pin;

use super::process::{AsyncBody, Body};
use super::{Error, Job, Worker};

/// A job's body: gets the worker, the job and the workload (decoded, where there is a decoder).
pub type JobBody = Box<dyn Fn(&dyn Worker, &mut Job, &[u8]) -> Result<Vec<u8>, Error>>;

/// A job's body that waits without holding up the others: as [`JobBody`], but its result comes from a future, which need
/// not be `Send`.
pub type AsyncJobBody = Box<
    dyn for<'a> Fn(&'a dyn Worker, &'a mut Job, &'a [u8]) -> Pin<Box<dyn Future<Output = Result<Vec<u8>, Error>> + 'a>>,
>;

/// A decoder or an encoder of a [`Method`] or an [`AsyncMethod`]: gets what the client sent or what the body returned.
pub type Codec = Box<dyn Fn(&dyn Worker, &[u8]) -> Result<Vec<u8>, Error>>;

/// A job and its functions, declared on the builder instead of by `#[worker]` (as `add_job`).
///
/// Goes into `Driver::add_job`, which has an example. Names are registered as given; [`prefixed`](JobSpec::prefixed)
/// puts the worker's prefix before them. The methods given together share their processes: each process serves all of
/// them, one job at a time. Limits such as `timeout` come from the worker's
/// [`default_attributes`](Worker::default_attributes) and [`override_attributes`](Worker::override_attributes).
///
/// Such a worker is built in `main`, so in the supervisor too, where it is dropped
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
    /// Does the work; `worker.downcast_ref::<MyWorker>()` gives the worker as its own type.
    pub body: JobBody,
    /// Makes the body's workload of the client's. `None`: as it came.
    pub decode: Option<Codec>,
    /// Makes the client's result of the body's. `None`: as it is.
    pub encode: Option<Codec>,
}

/// As [`JobSpec`], with asynchronous bodies: up to `concurrency` jobs at once in one process, as `#[job]` on `async fn`.
///
/// They run on a tokio runtime of one thread, which each process makes after its fork.
/// [`process_start`](Worker::process_start) runs inside it.
pub struct AsyncJobSpec {
    /// The job's name in console and status.
    pub name: String,
    /// Never fewer processes than this.
    pub min_processes: u32,
    /// Never more processes than this.
    pub max_processes: u32,
    /// Never more jobs at once in one process than this, all functions together.
    pub concurrency: u32,
    /// Its hooks run around each job, and bodies and codecs get it.
    pub worker: Box<dyn Worker>,
    /// The functions.
    pub methods: Vec<AsyncMethod>,
}

/// One function of an [`AsyncJobSpec`].
pub struct AsyncMethod {
    /// The function's name.
    pub name: String,
    /// Does the work.
    pub body: AsyncJobBody,
    /// Makes the body's workload of the client's.
    pub decode: Option<Codec>,
    /// Makes the client's result of the body's.
    pub encode: Option<Codec>,
}

/// A job declared without macros, of either kind: made of a [`JobSpec`] or an [`AsyncJobSpec`].
pub struct AddedJob {
    pub(crate) name: String,
    pub(crate) min_processes: u32,
    pub(crate) max_processes: u32,
    /// Of an asynchronous one.
    pub(crate) concurrency: Option<u32>,
    pub(crate) worker: Box<dyn Worker>,
    /// Name and body of each function.
    pub(crate) functions: Vec<(String, Body)>,
}

impl From<JobSpec> for AddedJob {
    fn from(spec: JobSpec) -> Self {
        let JobSpec { name, min_processes, max_processes, worker, methods } = spec;
        let functions = methods.into_iter().map(|method| (method.name.clone(), Body::Given(method))).collect();
        Self { name, min_processes, max_processes, concurrency: None, worker, functions }
    }
}

impl From<AsyncJobSpec> for AddedJob {
    fn from(spec: AsyncJobSpec) -> Self {
        let AsyncJobSpec { name, min_processes, max_processes, concurrency, worker, methods } = spec;
        let functions =
            methods.into_iter().map(|method| (method.name.clone(), Body::Async(AsyncBody::Given(method)))).collect();
        Self { name, min_processes, max_processes, concurrency: Some(concurrency), worker, functions }
    }
}

impl AsyncJobSpec {
    /// The same with the worker's [`prefix`](Worker::prefix) before the job's name and before each function's.
    #[must_use]
    pub fn prefixed(mut self) -> Self {
        let functions = self.methods.iter_mut().map(|method| &mut method.name);
        prefix(&*self.worker, &mut self.name, functions);
        self
    }
}

impl JobSpec {
    /// The same with the worker's [`prefix`](Worker::prefix) before the job's name and before each function's.
    #[must_use]
    pub fn prefixed(mut self) -> Self {
        let functions = self.methods.iter_mut().map(|method| &mut method.name);
        prefix(&*self.worker, &mut self.name, functions);
        self
    }
}

fn prefix<'a>(worker: &dyn Worker, job: &'a mut String, functions: impl Iterator<Item = &'a mut String>) {
    let prefix = worker.prefix();
    functions.chain([job]).for_each(|name| name.insert_str(0, &prefix));
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

impl fmt::Debug for AsyncJobSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsyncJobSpec")
            .field("name", &self.name)
            .field("min_processes", &self.min_processes)
            .field("max_processes", &self.max_processes)
            .field("concurrency", &self.concurrency)
            .field("methods", &self.methods)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for AsyncMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsyncMethod")
            .field("name", &self.name)
            .field("decode", &self.decode.is_some())
            .field("encode", &self.encode.is_some())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for AddedJob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let functions: Vec<_> = self.functions.iter().map(|(name, _)| name).collect();
        f.debug_struct("AddedJob").field("name", &self.name).field("functions", &functions).finish_non_exhaustive()
    }
}
