//! The worker of one process: its start, its jobs, its stop.

use std::cell::Cell;

use super::call::{Answer, Call, Failed, Notes, Outcome, guard};
use super::load::{LoadedFunction, LoadedJob};
use super::{Error, Job, Method, Worker};

/// How one function runs.
pub(crate) enum Body {
    /// Code that `#[worker]` wrote.
    Written(for<'a, 'b> fn(&'b mut Call<'a>) -> Result<Vec<u8>, Failed>),
    /// A declared method.
    Given(Method),
}

/// One worker, in the process that runs one of its jobs. Made by [`Loaded::into_process`](super::Loaded::into_process).
///
/// The process loop calls [`start`](ProcessWorker::start), then [`run`](ProcessWorker::run) for each job, then
/// [`stop`](ProcessWorker::stop). No panic of worker code leaves any of them.
pub struct ProcessWorker {
    worker: Box<dyn Worker>,
    job: LoadedJob,
    /// One for each of the job's functions.
    bodies: Vec<Body>,
}

impl ProcessWorker {
    pub(crate) fn new(worker: Box<dyn Worker>, job: LoadedJob, bodies: Vec<Body>) -> Self {
        Self { worker, job, bodies }
    }

    /// The job that this process serves.
    #[must_use]
    pub fn job(&self) -> &LoadedJob {
        &self.job
    }

    /// What to register with the job servers.
    #[must_use]
    pub fn functions(&self) -> &[LoadedFunction] {
        &self.job.functions
    }

    pub(crate) fn worker(&self) -> &dyn Worker {
        &*self.worker
    }

    /// Runs `process_start`.
    ///
    /// # Errors
    /// What the hook said, or the text of its panic.
    pub fn start(&mut self) -> Result<(), Error> {
        guard(|| self.worker.process_start()).map_err(|caught| caught.message.into())
    }

    /// Runs `process_stop`. A panic in it is of no consequence: the process is about to end, and Rust's panic message
    /// has gone to its standard error.
    pub fn stop(&mut self) {
        let stopped = guard(|| {
            self.worker.process_stop();
            Ok(())
        });
        drop(stopped.map_err(|caught| caught.message));
    }

    /// The title that the worker wants for its process; `None` for the driver's own, also where the hook panics.
    #[must_use]
    pub fn process_name(&self, original: &str) -> Option<String> {
        guard(|| Ok(self.worker.process_name(original, &self.job.name))).unwrap_or(None)
    }

    /// Runs one job of the function at this place in [`functions`](ProcessWorker::functions), and says what to answer.
    /// What went wrong is in `notes` when it returns.
    pub fn run(&self, function: usize, job: &mut Job, notes: &dyn Notes) -> Outcome {
        let Some((body, declared)) = self.bodies.get(function).zip(self.job.functions.get(function)) else {
            let message = format!("job {} does not serve function {}", self.job.name, job.function_name());
            notes.failed(&message);
            return Outcome { answer: Answer::Fail { message }, replace_process: false };
        };
        let panicked = Cell::new(false);
        // The runner's own hold on the workload: the method has the job mutably and the workload at once.
        let assignment = job.assignment();
        // Each step is guarded by itself; this outer guard is for what lies between them, such as the destructor of a
        // decoded workload.
        let ran = guard(|| {
            let mut call = Call::new(&*self.worker, job, assignment.workload(), notes, &panicked);
            Ok(match body {
                Body::Written(run) => run(&mut call),
                Body::Given(method) => run_given(method, &mut call),
            })
        });
        let message = match ran {
            Ok(Ok(result)) => {
                return Outcome { answer: Answer::Complete(result), replace_process: panicked.get() };
            }
            Ok(Err(failed)) => failed.message,
            Err(caught) => {
                notes.failed(&caught.message);
                panicked.set(true);
                caught.message
            }
        };
        let answer = if declared.exceptions { Answer::Exception { message } } else { Answer::Fail { message } };
        Outcome { answer, replace_process: panicked.get() }
    }
}

impl std::fmt::Debug for ProcessWorker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ProcessWorker").field("job", &self.job).finish_non_exhaustive()
    }
}

fn run_given(method: &Method, call: &mut Call<'_>) -> Result<Vec<u8>, Failed> {
    let worker = call.any_worker();
    let decoded = match &method.decode {
        Some(decode) => call.decode(|workload| decode(worker, workload).map(std::borrow::Cow::Owned))?,
        None => call.decode(|workload| Ok(std::borrow::Cow::Borrowed(workload)))?,
    };
    call.begin()?;
    let result = call.method(|job| (method.body)(worker, job, &decoded))?;
    match &method.encode {
        Some(encode) => call.encode(|| encode(worker, &result)),
        None => Ok(result),
    }
}

#[cfg(test)]
mod tests;
