//! The worker of one process: its start, its jobs, its stop.

use std::borrow::Cow;
use std::cell::Cell;

use super::call::{Answer, Call, Caught, Failed, JobFuture, Notes, Outcome, TimeLimit, guard, guard_async};
use super::load::{LoadedFunction, LoadedJob};
use super::{AsyncMethod, Codec, Error, Job, Method, Worker};

/// How one function runs.
pub(crate) enum Body {
    /// Code that `#[worker]` wrote.
    Written(for<'a, 'b> fn(&'b mut Call<'a>) -> Result<Vec<u8>, Failed>),
    /// A declared method.
    Given(Method),
    /// Asynchronous code.
    Async(AsyncBody),
}

/// How an asynchronous function runs.
pub(crate) enum AsyncBody {
    /// Code that `#[worker]` wrote.
    Written(for<'a> fn(Call<'a>) -> JobFuture<'a>),
    /// A declared method.
    Given(AsyncMethod),
}

impl AsyncBody {
    fn run<'a>(&'a self, call: Call<'a>) -> JobFuture<'a> {
        match self {
            Self::Written(run) => run(call),
            Self::Given(method) => run_given_async(method, call),
        }
    }
}

/// One worker, in the process that runs one of its jobs. Made by [`Loaded::into_process`](super::Loaded::into_process).
///
/// The process loop calls [`start`](ProcessWorker::start), then [`run`](ProcessWorker::run) for each job, then
/// [`stop`](ProcessWorker::stop). No panic of worker code leaves any of them.
pub struct ProcessWorker {
    parts: Parts,
}

/// The worker, its job, and how to run each of the job's functions.
enum Parts {
    /// A test's.
    Own { worker: Box<dyn Worker>, job: Box<LoadedJob>, bodies: Vec<Body> },
    /// The host's, which stay where they are: moving them would write to pages that all processes share, and dropping
    /// them is the host's affair.
    Host { worker: &'static mut dyn Worker, job: &'static LoadedJob, bodies: &'static [Body] },
}

impl ProcessWorker {
    /// One with a worker of its own, for tests.
    pub(crate) fn new(worker: Box<dyn Worker>, job: LoadedJob, bodies: Vec<Body>) -> Self {
        Self { parts: Parts::Own { worker, job: Box::new(job), bodies } }
    }

    /// One in a forked process, with what the host has loaded.
    pub(crate) fn of_host(worker: &'static mut dyn Worker, job: &'static LoadedJob, bodies: &'static [Body]) -> Self {
        Self { parts: Parts::Host { worker, job, bodies } }
    }

    /// The job that this process serves.
    #[must_use]
    pub fn job(&self) -> &LoadedJob {
        match &self.parts {
            Parts::Own { job, .. } => job,
            Parts::Host { job, .. } => job,
        }
    }

    /// What to register with the job servers.
    #[must_use]
    pub fn functions(&self) -> &[LoadedFunction] {
        &self.job().functions
    }

    pub(crate) fn worker(&self) -> &dyn Worker {
        match &self.parts {
            Parts::Own { worker, .. } => &**worker,
            Parts::Host { worker, .. } => &**worker,
        }
    }

    fn worker_mut(&mut self) -> &mut dyn Worker {
        match &mut self.parts {
            Parts::Own { worker, .. } => &mut **worker,
            Parts::Host { worker, .. } => &mut **worker,
        }
    }

    fn body(&self, function: usize) -> Option<&Body> {
        match &self.parts {
            Parts::Own { bodies, .. } => bodies.get(function),
            Parts::Host { bodies, .. } => bodies.get(function),
        }
    }

    /// Runs `process_start`.
    ///
    /// # Errors
    /// What the hook said, or the text of its panic.
    pub fn start(&mut self) -> Result<(), Error> {
        guard(|| self.worker_mut().process_start()).map_err(|caught| caught.message.into())
    }

    /// Runs `process_stop`. A panic in it is of no consequence: the process is about to end, and Rust's panic message
    /// has gone to its standard error.
    pub fn stop(&mut self) {
        let stopped = guard(|| {
            self.worker_mut().process_stop();
            Ok(())
        });
        drop(stopped.map_err(|caught| caught.message));
    }

    /// The title that the worker wants for its process; `None` for the driver's own, also where the hook panics.
    #[must_use]
    pub fn process_name(&self, original: &str) -> Option<String> {
        guard(|| Ok(self.worker().process_name(original, &self.job().name))).unwrap_or(None)
    }

    /// Whether the function at this place is asynchronous: [`run_async`](ProcessWorker::run_async) runs it.
    pub(crate) fn is_async(&self, function: usize) -> bool {
        matches!(self.body(function), Some(Body::Async(_)))
    }

    /// Runs one job of the function at this place in [`functions`](ProcessWorker::functions), and says what to answer.
    /// What went wrong is in `notes` when it returns. An asynchronous function fails here.
    pub fn run(&self, function: usize, job: &mut Job, notes: &dyn Notes) -> Outcome {
        let turned_away = |message: String| {
            notes.failed(&message);
            Outcome { answer: Answer::Fail { message }, replace_process: false }
        };
        let (name, of_job) = (job.function_name(), &self.job().name);
        let run: &dyn Fn(&mut Call<'_>) -> Result<Vec<u8>, Failed> = match self.body(function) {
            Some(Body::Written(run)) => run,
            Some(Body::Given(method)) => &|call| run_given(method, call),
            Some(Body::Async(_)) => {
                return turned_away(format!("function {name} is asynchronous, and this process has no runtime"));
            }
            None => return turned_away(format!("job {of_job} does not serve function {name}")),
        };
        let panicked = Cell::new(false);
        // The runner's own hold on the workload: the method has the job mutably and the workload at once.
        let assignment = job.assignment();
        // Each step is guarded by itself; this outer guard is for what lies between them, such as the destructor of a
        // decoded workload.
        let ran = guard(|| {
            let mut call = Call::new(self.worker(), job, assignment.workload(), notes, &panicked);
            Ok(run(&mut call))
        });
        self.outcome(function, ran, panicked.get(), notes)
    }

    /// As [`run`](ProcessWorker::run), for asynchronous functions and for others, which block. Several may be on their
    /// way at once.
    pub async fn run_async(&self, function: usize, job: &mut Job, notes: &dyn Notes) -> Outcome {
        let limit = self.job().limits.timeout.and_then(TimeLimit::from_now);
        let Some(Body::Async(body)) = self.body(function) else {
            let outcome = self.run(function, job, notes);
            // It could not be left off; but what is late is late.
            return match limit.and_then(TimeLimit::passed) {
                None => outcome,
                Some(message) => {
                    notes.failed(&message);
                    self.outcome(function, Ok(Err(Failed { message })), outcome.replace_process, notes)
                }
            };
        };
        let panicked = Cell::new(false);
        let assignment = job.assignment();
        let ran = guard_async(async {
            // Its own box, so that what a panic leaves of it is dropped within the guard.
            Ok(body.run(Call::new(self.worker(), job, assignment.workload(), notes, &panicked).within(limit)).await)
        })
        .await;
        self.outcome(function, ran, panicked.get(), notes)
    }

    fn outcome(
        &self,
        function: usize,
        ran: Result<Result<Vec<u8>, Failed>, Caught>,
        panicked: bool,
        notes: &dyn Notes,
    ) -> Outcome {
        let (message, panicked) = match ran {
            Ok(Ok(result)) => return Outcome { answer: Answer::Complete(result), replace_process: panicked },
            Ok(Err(failed)) => (failed.message, panicked),
            Err(caught) => {
                notes.failed(&caught.message);
                (caught.message, true)
            }
        };
        Outcome { answer: self.failure(function, message), replace_process: panicked }
    }

    /// The outcome of a job that is not run at all, for the reason in `message`.
    pub(crate) fn refuse(&self, function: usize, message: String, notes: &dyn Notes) -> Outcome {
        log::warn!("{message}");
        notes.failed(&message);
        Outcome { answer: self.failure(function, message), replace_process: false }
    }

    fn failure(&self, function: usize, message: String) -> Answer {
        let exceptions = self.job().functions.get(function).is_some_and(|function| function.exceptions);
        if exceptions { Answer::Exception { message } } else { Answer::Fail { message } }
    }
}

impl std::fmt::Debug for ProcessWorker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ProcessWorker").field("job", self.job()).finish_non_exhaustive()
    }
}

fn run_given(method: &Method, call: &mut Call<'_>) -> Result<Vec<u8>, Failed> {
    let worker = call.any_worker();
    let workload = decode(method.decode.as_ref(), call)?;
    call.begin()?;
    let result = call.method(|job| (method.body)(worker, job, &workload))?;
    encode(method.encode.as_ref(), call, result)
}

/// As [`run_given`].
fn run_given_async<'a>(method: &'a AsyncMethod, mut call: Call<'a>) -> JobFuture<'a> {
    Box::pin(async move {
        let worker = call.any_worker();
        let workload = decode(method.decode.as_ref(), &mut call)?;
        call.begin()?;
        let result = call.method_async(async |job| (method.body)(worker, job, &workload).await).await?;
        encode(method.encode.as_ref(), &mut call, result)
    })
}

fn decode<'a>(decode: Option<&Codec>, call: &mut Call<'a>) -> Result<Cow<'a, [u8]>, Failed> {
    let worker = call.any_worker();
    call.decode(|workload| match decode {
        Some(decode) => decode(worker, workload).map(Cow::Owned),
        None => Ok(Cow::Borrowed(workload)),
    })
}

fn encode(encode: Option<&Codec>, call: &mut Call<'_>, result: Vec<u8>) -> Result<Vec<u8>, Failed> {
    let worker = call.any_worker();
    match encode {
        Some(encode) => call.encode(|| encode(worker, &result)),
        None => Ok(result),
    }
}

#[cfg(test)]
mod tests;
