//! Runs jobs in unit tests, without a job server.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::rc::Rc;

use gearman_protocol::{JobAssignment, Magic, Packet, PacketType};

use super::load::{BuiltJob, LoadedJob, Runtime, build_worker};
use super::registry::RegisteredWorker;
use super::{Answer, Error, Job, JobError, JobLink, Notes, ProcessWorker, Report, WorkerOptions};

/// What a job under test told its client before its end.
#[derive(Debug, Clone, PartialEq, Eq)]
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
#[derive(Debug)]
pub struct TestWorker<W: RegisteredWorker> {
    process: ProcessWorker,
    prefix: String,
    link: Rc<Recorder>,
    jobs_made: Cell<u64>,
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
        let job =
            LoadedJob { name: path.to_owned(), min_processes: 1, max_processes: 1, functions, worker: path.to_owned() };
        let mut process = ProcessWorker::new(built.worker, job, bodies);
        process.start().map_err(|error| format!("worker {path}: process_start failed: {error}"))?;
        Ok(Self { process, prefix, link, jobs_made: Cell::new(0), worker: PhantomData })
    }

    /// Runs one job. `function` is the name that the method is registered as, with the worker's prefix or without.
    ///
    /// # Errors
    /// What the client would be told; and a function that the worker does not have.
    pub fn call(&self, function: &str, workload: impl AsRef<[u8]>) -> Result<Vec<u8>, Error> {
        let functions = self.process.functions();
        let full = format!("{}{function}", self.prefix);
        let place = |name: &str| functions.iter().position(|function| function.name == name);
        let Some(place) = place(&full).or_else(|| place(function)) else {
            let short = |name: &'_ str| name.strip_prefix(&*self.prefix).unwrap_or(name).to_owned();
            let known: Vec<_> = functions.iter().map(|function| short(&function.name)).collect();
            let path = W::TYPE.path;
            return Err(format!("worker {path} has no function {function}; it has: {}", known.join(", ")).into());
        };
        let assignment = self.assignment(&functions[place].name, workload.as_ref())?;
        let link: Rc<dyn JobLink> = self.link.clone();
        match self.process.run(place, &mut Job::new(link, Rc::new(assignment)), &Unnoted).answer {
            Answer::Complete(result) => Ok(result),
            Answer::Fail { message } | Answer::Exception { message } => Err(message.into()),
        }
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
        self.process.stop();
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
