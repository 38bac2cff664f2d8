//! Runs jobs in unit tests, without a job server.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::rc::Rc;

use gearman_driver_wire::job_limits::JobLimits;
use gearman_driver_wire::safety::JobSafety;
use gearman_protocol::{JobAssignment, Magic, Packet, PacketType};
use tokio::runtime::{self, Builder, Handle};
use tokio::task::LocalSet;

use super::load::{BuiltJob, LoadedJob, Runtime, build_worker};
use super::registry::RegisteredWorker;
use super::{Answer, Error, Job, JobError, JobLink, Notes, Outcome, ProcessWorker, Report, WorkerOptions};

/// What a job under test told its client before its end.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Sent {
    /// From [`Job::send_status`].
    Status {
        /// Done so far.
        numerator: u64,
        /// To be done in all.
        denominator: u64,
    },
    /// From [`Job::send_data`].
    Data(Vec<u8>),
    /// From [`Job::send_warning`].
    Warning(Vec<u8>),
}

/// One worker, run in a unit test: each call goes through decode, `begin`, the method, `end` and encode, as in a worker
/// process. `process_start` runs in [`new`](TestWorker::new), `process_stop` when it is dropped.
///
/// Asynchronous functions: [`call`](TestWorker::call) runs them where no runtime is running (a plain `#[test]`), on a
/// runtime that the `TestWorker` then has from its `new` to its end, as a worker process has. Inside a runtime
/// (`#[tokio::test]`), use [`call_async`](TestWorker::call_async).
#[derive(Debug)]
pub struct TestWorker<W: RegisteredWorker> {
    process: ProcessWorker,
    prefix: String,
    link: Rc<Recorder>,
    jobs_made: Cell<u64>,
    /// Where a function is asynchronous, and no runtime was running in `new`.
    runtime: Option<runtime::Runtime>,
    worker: PhantomData<W>,
}

impl<W: RegisteredWorker> TestWorker<W> {
    /// Builds the worker as a host does, and starts it as a process does.
    ///
    /// # Errors
    /// What is wrong with the worker's attributes, or what its `new` or `process_start` said.
    pub fn new(options: WorkerOptions) -> Result<Self, Error> {
        let path = W::TYPE.path;
        let options = options.named(path);
        let link = Rc::new(Recorder { servers: options.server().to_owned(), sent: RefCell::default() });
        let built = build_worker(&W::TYPE, &options, &mut Runtime::none(&BTreeMap::new()))?;
        let prefix = built.worker.prefix();
        // In the test one process serves all functions of the worker, whatever their process groups.
        let (mut functions, mut bodies) = (Vec::new(), Vec::new());
        for BuiltJob { job, bodies: of_job } in built.jobs {
            functions.extend(job.functions);
            bodies.extend(of_job);
        }
        let job = LoadedJob {
            name: path.to_owned(),
            min_processes: 1,
            max_processes: 1,
            limits: JobLimits::NONE,
            safety: JobSafety::default(),
            concurrency: None,
            functions,
            worker: path.to_owned(),
        };
        let mut process = ProcessWorker::new(built.worker, job, bodies);
        let is_async = (0..process.functions().len()).any(|function| process.is_async(function));
        let runtime = match is_async && Handle::try_current().is_err() {
            true => Some(Builder::new_current_thread().enable_all().build()?),
            false => None,
        };
        let started = match &runtime {
            Some(runtime) => LocalSet::new().block_on(runtime, async { process.start() }),
            None => process.start(),
        };
        started.map_err(|error| format!("worker {path}: process_start failed: {error}"))?;
        Ok(Self { process, prefix, link, jobs_made: Cell::new(0), runtime, worker: PhantomData })
    }

    /// Runs one job. `function` is the name that the method is registered as, with the worker's prefix or without.
    ///
    /// # Errors
    /// What the client would be told; a function that the worker does not have; an asynchronous function inside a runtime.
    pub fn call(&self, function: &str, workload: impl AsRef<[u8]>) -> Result<Vec<u8>, Error> {
        let place = self.place(function)?;
        if !self.process.is_async(place) {
            return result(self.process.run(place, &mut self.job(place, workload.as_ref())?, &Unnoted));
        }
        if Handle::try_current().is_ok() {
            return Err(format!(
                "function {function} is asynchronous, and this test runs inside a runtime: \
                 use `call_async({function:?}, ..).await`"
            )
            .into());
        }
        let call = self.call_async(function, workload);
        match &self.runtime {
            Some(runtime) => LocalSet::new().block_on(runtime, call),
            // It was made inside a runtime that has ended since.
            None => LocalSet::new().block_on(&Builder::new_current_thread().enable_all().build()?, call),
        }
    }

    /// As [`call`](TestWorker::call), inside a runtime. A job that uses `tokio::task::spawn_local` needs a
    /// `tokio::task::LocalSet` around the test, as it has one in a worker process.
    ///
    /// # Errors
    /// What the client would be told; a function that the worker does not have.
    pub async fn call_async(&self, function: &str, workload: impl AsRef<[u8]>) -> Result<Vec<u8>, Error> {
        let place = self.place(function)?;
        let mut job = self.job(place, workload.as_ref())?;
        result(self.process.run_async(place, &mut job, &Unnoted).await)
    }

    fn place(&self, function: &str) -> Result<usize, Error> {
        let functions = self.process.functions();
        let full = format!("{}{function}", self.prefix);
        let place = |name: &str| functions.iter().position(|function| function.name == name);
        place(&full).or_else(|| place(function)).ok_or_else(|| {
            let short = |name: &'_ str| name.strip_prefix(&*self.prefix).unwrap_or(name).to_owned();
            let known: Vec<_> = functions.iter().map(|function| short(&function.name)).collect();
            let path = W::TYPE.path;
            format!("worker {path} has no function {function}; it has: {}", known.join(", ")).into()
        })
    }

    fn job(&self, place: usize, workload: &[u8]) -> Result<Job, Error> {
        let assignment = self.assignment(&self.process.functions()[place].name, workload)?;
        let link: Rc<dyn JobLink> = self.link.clone();
        Ok(Job::new(link, Rc::new(assignment)))
    }

    /// A job as a job server would hand it out.
    fn assignment(&self, function: &str, workload: &[u8]) -> Result<JobAssignment, Error> {
        self.jobs_made.set(self.jobs_made.get() + 1);
        let mut body = format!("H:test:{}\0{function}\0\0", self.jobs_made.get()).into_bytes();
        body.extend_from_slice(workload);
        let packet = Packet { magic: Magic::Response, kind: PacketType::JobAssignUniq, body };
        Ok(JobAssignment::from_packet(packet)?)
    }

    /// What the jobs so far told their clients before their ends; each is told once.
    pub fn sent(&self) -> Vec<Sent> {
        self.link.sent.take()
    }

    /// The worker itself.
    pub fn worker(&self) -> &W {
        self.process.worker().downcast_ref().expect("the registry builds the type that it is registered for")
    }
}

impl<W: RegisteredWorker> Drop for TestWorker<W> {
    fn drop(&mut self) {
        match self.runtime.take() {
            Some(runtime) => {
                let within = runtime.enter();
                self.process.stop();
                drop(within);
                // It may be dropped inside another runtime, which refuses to wait for this one.
                runtime.shutdown_background();
            }
            None => self.process.stop(),
        }
    }
}

fn result(outcome: Outcome) -> Result<Vec<u8>, Error> {
    match outcome.answer {
        Answer::Complete(result) => Ok(result),
        Answer::Fail { message } | Answer::Exception { message } => Err(message.into()),
    }
}

#[derive(Debug)]
struct Recorder {
    servers: String,
    sent: RefCell<Vec<Sent>>,
}

impl JobLink for Recorder {
    fn send(&self, report: Report<'_>) -> Result<(), JobError> {
        self.sent.borrow_mut().push(match report {
            Report::Status { numerator, denominator } => Sent::Status { numerator, denominator },
            Report::Data(data) => Sent::Data(data.to_vec()),
            Report::Warning(warning) => Sent::Warning(warning.to_vec()),
        });
        Ok(())
    }

    fn server(&self) -> &str {
        self.servers.split(',').next().unwrap_or_default()
    }

    fn servers(&self) -> &str {
        &self.servers
    }
}

struct Unnoted;

impl Notes for Unnoted {
    fn ran(&self) {}
    fn failed(&self, _: &str) {}
}
