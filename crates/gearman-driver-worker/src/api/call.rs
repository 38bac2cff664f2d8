//! The order around one job: decode, `begin`, the method, last run noted, `end`, encode.
//!
//! Each step catches panics and notes its failure before the next, so that what console and status show is written
//! before the answer is sent. What the steps do is the caller's: code written by `#[worker]`, or a
//! [`Method`](super::Method).

use std::cell::Cell;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::{Duration, Instant};

use super::error::chain;
use super::{Error, Job, Worker};

/// Where a process keeps what happened last. Called before the job's answer is sent.
pub trait Notes {
    /// A job's method has run, well or not (as `lastrun`).
    fn ran(&self);
    /// A job failed (as `lasterror` and `lasterror_msg`).
    fn failed(&self, message: &str);
}

/// What to tell the job server about a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// PROTOCOL: WORK_COMPLETE.
    Complete(Vec<u8>),
    /// PROTOCOL: WORK_WARNING with the message, then WORK_FAIL.
    Fail {
        /// Why, in one line or several.
        message: String,
    },
    /// PROTOCOL: WORK_EXCEPTION with the message; nothing after it. Only for jobs with `exceptions = true`.
    Exception {
        /// Why, in one line or several.
        message: String,
    },
}

/// How a job ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// What to send.
    pub answer: Answer,
    /// Worker code panicked: send the answer, then replace this process.
    pub replace_process: bool,
}

/// A job failed; already noted.
#[doc(hidden)]
#[derive(Debug)]
pub struct Failed {
    pub(crate) message: String,
}

/// How worker code failed.
pub(crate) struct Caught {
    pub(crate) message: String,
    pub(crate) panicked: bool,
}

/// Runs worker code: an error or a panic comes back as its text.
pub(crate) fn guard<T>(code: impl FnOnce() -> Result<T, Error>) -> Result<T, Caught> {
    // A worker that panicked is not used for another job (its process is replaced), so a broken invariant is not met.
    match catch_unwind(AssertUnwindSafe(code)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(Caught { message: chain(error.as_ref()), panicked: false }),
        Err(payload) => {
            let message = if let Some(text) = payload.downcast_ref::<&str>() {
                (*text).to_owned()
            } else if let Some(text) = payload.downcast_ref::<String>() {
                text.clone()
            } else {
                "panic".to_owned()
            };
            // Dropping a payload runs worker code, which could panic in its turn.
            std::mem::forget(payload);
            Err(Caught { message, panicked: true })
        }
    }
}

/// As [`guard`], for a future: each poll is guarded.
pub(crate) async fn guard_async<T>(future: impl Future<Output = Result<T, Error>>) -> Result<T, Caught> {
    let mut future = pin!(future);
    poll_fn(|context| {
        let polled = guard(|| {
            Ok(match future.as_mut().poll(context) {
                Poll::Pending => Poll::Pending,
                Poll::Ready(result) => Poll::Ready(guard(|| result)),
            })
        });
        match polled {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(result)) => Poll::Ready(result),
            // A future that panicked is not polled again.
            Err(caught) => Poll::Ready(Err(caught)),
        }
    })
    .await
}

/// When a job has taken too long.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TimeLimit {
    timeout: Duration,
    at: Instant,
}

impl TimeLimit {
    /// For a job that begins now. `None` where the clock does not go as far.
    pub(crate) fn from_now(timeout: Duration) -> Option<Self> {
        Some(Self { timeout, at: Instant::now().checked_add(timeout)? })
    }

    /// What a job that is not done in time fails with, where the time is over.
    pub(crate) fn passed(self) -> Option<String> {
        (self.at <= Instant::now()).then(|| timed_out(self.timeout))
    }
}

/// What a job that is not done in time fails with.
pub(crate) fn timed_out(timeout: Duration) -> String {
    format!("timeout after {} s", timeout.as_secs_f64())
}

/// An asynchronous job on its way. Not `Send`: a process has one thread that runs jobs.
#[doc(hidden)]
pub type JobFuture<'a> = Pin<Box<dyn Future<Output = Result<Vec<u8>, Failed>> + 'a>>;

/// One job's way through a worker. Its steps are called in the order decode, begin, method, encode.
#[doc(hidden)]
pub struct Call<'a> {
    worker: &'a dyn Worker,
    job: &'a mut Job,
    workload: &'a [u8],
    notes: &'a dyn Notes,
    panicked: &'a Cell<bool>,
    /// For asynchronous methods, which can be left off.
    limit: Option<TimeLimit>,
}

impl<'a> Call<'a> {
    pub(crate) fn new(
        worker: &'a dyn Worker,
        job: &'a mut Job,
        workload: &'a [u8],
        notes: &'a dyn Notes,
        panicked: &'a Cell<bool>,
    ) -> Self {
        Self { worker, job, workload, notes, panicked, limit: None }
    }

    /// The same, left off at its limit.
    pub(crate) fn within(mut self, limit: Option<TimeLimit>) -> Self {
        self.limit = limit;
        self
    }

    /// The worker as its own type.
    pub fn worker<W: Worker>(&self) -> &'a W {
        self.worker.downcast_ref().expect("a method is registered with its own worker type")
    }

    pub(crate) fn any_worker(&self) -> &'a dyn Worker {
        self.worker
    }

    /// Makes the method's argument of the workload.
    pub fn decode<T>(&mut self, decode: impl FnOnce(&'a [u8]) -> Result<T, Error>) -> Result<T, Failed> {
        let workload = self.workload;
        guard(|| decode(workload)).map_err(|caught| self.failed("decode failed: ", caught))
    }

    /// Runs the worker's hook.
    pub fn begin(&mut self) -> Result<(), Failed> {
        guard(|| self.worker.begin(self.job, self.workload)).map_err(|caught| self.failed("begin failed: ", caught))
    }

    /// Runs the method, notes it, and runs the worker's `end`. A failed method is told even if `end` fails as well.
    pub fn method<T>(&mut self, method: impl FnOnce(&mut Job) -> Result<T, Error>) -> Result<T, Failed> {
        let returned = guard(|| method(self.job));
        self.ran(returned)
    }

    /// As [`Call::method`], for an `async fn`.
    pub async fn method_async<T>(
        &mut self,
        method: impl AsyncFnOnce(&mut Job) -> Result<T, Error>,
    ) -> Result<T, Failed> {
        let running = guard_async(method(self.job));
        let returned = match self.limit {
            None => running.await,
            Some(limit) => {
                let returned = tokio::time::timeout_at(limit.at.into(), running).await;
                match (returned, limit.passed()) {
                    // One that has returned late is late, however it managed to (it blocked the thread).
                    (Err(_), _) | (Ok(Ok(_)), Some(_)) => {
                        let message = timed_out(limit.timeout);
                        log::warn!("{message}: the job has failed, and what it was at is dropped");
                        Err(Caught { message, panicked: false })
                    }
                    (Ok(returned), _) => returned,
                }
            }
        };
        self.ran(returned)
    }

    /// What follows the method, well or not.
    fn ran<T>(&mut self, returned: Result<T, Caught>) -> Result<T, Failed> {
        self.notes.ran();
        let returned = returned.map_err(|caught| self.failed("", caught));
        let ended = guard(|| {
            self.worker.end(self.job, self.workload);
            Ok(())
        });
        match (returned, ended) {
            (Err(failed), Err(caught)) => {
                self.panicked.set(self.panicked.get() | caught.panicked);
                Err(failed)
            }
            (Ok(_), Err(caught)) => Err(self.failed("end failed: ", caught)),
            (returned, Ok(())) => returned,
        }
    }

    /// Makes the answer of what the method returned.
    pub fn encode(&mut self, encode: impl FnOnce() -> Result<Vec<u8>, Error>) -> Result<Vec<u8>, Failed> {
        guard(encode).map_err(|caught| self.failed("encode failed: ", caught))
    }

    fn failed(&self, step: &str, caught: Caught) -> Failed {
        let Caught { message, panicked } = caught;
        self.panicked.set(self.panicked.get() | panicked);
        let message = if step.is_empty() { message } else { format!("{step}{message}") };
        self.notes.failed(&message);
        Failed { message }
    }
}
