//! The loop of a worker process whose worker has an asynchronous method: up to `concurrency` jobs at once, on one thread.
//!
//! A task for each job server asks it for jobs, one GRAB_JOB at a time, and only with a permit of the process's
//! semaphore, which the job that is granted keeps until it has its answer: so never more than `concurrency` jobs are
//! granted, whichever servers they come from, and servers take turns. A task for each job runs it. Methods that are not
//! asynchronous run here too; while they run, nothing else does.

mod held;
mod line;
mod server;

use std::io;
use std::os::fd::AsFd;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use gearman_driver_sys::signal::SelfPipe;
use gearman_driver_wire::job_limits::JobLimits;
use gearman_protocol::{JobAssignment, ServerList};
use tokio::net::unix::pipe;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::{LocalSet, spawn_local};

use self::held::Held;
use self::line::{JobLine, Line};
use self::server::ServerTask;
use super::board::Board;
use super::logger;
use super::packets::{registration, renewal};
use super::poison::{AtWork, Suspects};
use super::wear::Wear;
use crate::api::{Answer, Job, ProcessWorker};

/// The runtime of a worker process, made after the fork: one thread, input and output, time.
pub(super) struct AsyncLoop {
    runtime: Runtime,
    local: LocalSet,
    concurrency: u32,
}

/// What the tasks of a worker process share.
pub(super) struct Shared {
    worker: Rc<ProcessWorker>,
    board: Arc<Board>,
    suspects: Suspects,
    functions: Rc<[String]>,
    registration: Vec<u8>,
    /// What ends a job server's timer between two jobs, where they have one.
    renewal: Option<Vec<u8>>,
    servers: Rc<str>,
    held: Rc<Held>,
    permits: Arc<Semaphore>,
    /// How many jobs may still be begun, where that has an end: a permit for each.
    left: Option<Arc<Semaphore>>,
    wear: Wear,
    /// Whether the process is to stop.
    stop: watch::Sender<bool>,
    /// How many job servers the process is registered with.
    registered: std::cell::Cell<usize>,
}

impl AsyncLoop {
    pub(super) fn new(concurrency: u32) -> io::Result<Self> {
        let runtime = Builder::new_current_thread()
            .enable_all()
            // Names are looked up on a thread, which need not stay.
            .thread_keep_alive(Duration::from_secs(1))
            .build()?;
        Ok(Self { runtime, local: LocalSet::new(), concurrency })
    }

    /// Runs a hook where it can make tokio's objects and start tasks. (`block_on` in it panics, and says so; outside the
    /// runtime it would wait for ever.)
    pub(super) fn within<T>(&self, hook: impl FnOnce() -> T) -> T {
        self.local.block_on(&self.runtime, async { hook() })
    }

    /// Takes and runs jobs until the process is to stop; then loses nothing of what it holds, and runs `process_stop`.
    pub(super) fn run(self, servers: &ServerList, process: Shared, stop: &SelfPipe) {
        let process = Rc::new(process);
        self.local.block_on(&self.runtime, async {
            let several = servers.iter().count() > 1;
            let tasks: Vec<_> = servers
                .iter()
                // Boxed, or it would be copied from frame to frame on its way to the heap: pages of stack for nothing.
                .map(|address| spawn_local(Box::pin(ServerTask::new(address, Rc::clone(&process), several).run())))
                .collect();
            tokio::select! {
                raised = raised(stop) => {
                    if let Err(error) = raised {
                        log::error!("a worker process can't wait for its signals, and stops: {error}");
                    }
                }
                () = process.stopped() => {}
            }
            process.stop();
            for task in tasks {
                // Our own code panicked if this fails: there is nothing to be waited for.
                let _ = task.await;
            }
            // Of connections that were lost; their answers go nowhere, but what they do is done.
            process.held.none().await;
        });
        if let Some(mut process) = Rc::into_inner(process)
            && let Some(worker) = Rc::get_mut(&mut process.worker)
        {
            self.within(|| worker.stop());
        }
        // A name that is being looked up must not hold up the exit.
        self.runtime.shutdown_background();
    }
}

/// Returns when a signal has asked this process to stop, or the supervisor is gone.
async fn raised(stop: &SelfPipe) -> io::Result<()> {
    let pipe = pipe::Receiver::from_owned_fd(stop.as_fd().try_clone_to_owned()?)?;
    while !stop.raised() {
        pipe.readable().await?;
    }
    Ok(())
}

impl Shared {
    pub(super) fn new(
        worker: Rc<ProcessWorker>,
        board: Arc<Board>,
        suspects: Suspects,
        functions: Rc<[String]>,
        client_id: &str,
        servers: &str,
        runtime: &AsyncLoop,
    ) -> Self {
        Self {
            registration: registration(client_id, &functions, worker.job().limits.server_timeout),
            renewal: worker.job().limits.server_timeout.map(|time| renewal(&functions, Some(time))),
            held: Rc::new(Held::new(Arc::clone(&board))),
            left: jobs_left(&worker.job().limits),
            wear: Wear::new(&worker.job().limits),
            worker,
            board,
            suspects,
            functions,
            servers: servers.into(),
            permits: Arc::new(Semaphore::new(runtime.concurrency as usize)),
            stop: watch::Sender::new(false),
            registered: std::cell::Cell::new(0),
        }
    }

    /// From now on no job is asked for.
    fn stop(&self) {
        self.held.drain();
        self.stop.send_replace(true);
    }

    async fn stopped(&self) {
        // It can't fail while the sender is here.
        let _ = self.stop.subscribe().wait_for(|stop| *stop).await;
    }

    fn registered(&self, more: bool) {
        let count = self.registered.get();
        self.registered.set(if more { count + 1 } else { count.saturating_sub(1) });
        self.board.servers(self.registered.get());
    }

    /// Waits until a job may be asked for.
    async fn permit(self: Rc<Self>) -> Option<Permit> {
        let place = Arc::clone(&self.permits).acquire_owned().await.ok()?;
        let one_of_the_last = match &self.left {
            None => None,
            Some(left) => Some(Arc::clone(left).acquire_owned().await.ok()?),
        };
        Some(Permit { _place: place, one_of_the_last })
    }

    /// Runs a job that was granted over `line`, and answers it there.
    fn start(self: &Rc<Self>, assignment: JobAssignment, line: &Rc<Line>, mut permit: Permit) {
        let assignment = Rc::new(assignment);
        let function = self.functions.iter().position(|name| name.as_bytes() == assignment.function());
        line.begin();
        let Some(function) = function else {
            // A job server gives only what was registered; if it does not, the client is not left waiting.
            let message = format!("function {} is not registered by this worker", assignment.function_text());
            log::error!("job server {}: {message}", line.name());
            return line.answer(&assignment, Answer::Fail { message });
        };
        let work = Rc::new(AtWork::of(function, &assignment, line.name()));
        let hold = self.held.begin(Rc::clone(&work), Rc::clone(&assignment));
        permit.begin();
        if self.wear.begin(&self.board) {
            self.stop();
        }
        let (process, line) = (Rc::clone(self), Rc::clone(line));
        let (in_hand, held, at_work) = (Rc::clone(&assignment), Rc::clone(&self.held), Rc::clone(&work));
        let run = async move {
            let outcome = match process.suspects.refuse(&work) {
                Some(message) => process.worker.refuse(function, message, &*process.board),
                None => {
                    let servers = Rc::clone(&process.servers);
                    let link = Rc::new(JobLine::new(Rc::clone(&line), Rc::clone(&assignment), servers));
                    let mut job = Job::new(link, Rc::clone(&assignment));
                    process.worker.run_async(function, &mut job, &*process.board).await
                }
            };
            process.suspects.answered(&work);
            hold.finish(matches!(outcome.answer, Answer::Complete(_)));
            if outcome.replace_process {
                process.stop();
            }
            line.answer(&assignment, outcome.answer);
            process.wear.measure(&process.board);
            drop(permit);
        };
        spawn_local(InHand { assignment: in_hand, held, work: at_work, run: Box::pin(run) });
    }
}

/// What a job is asked for with, and keeps until it has its answer. Given back where none is granted.
pub(super) struct Permit {
    /// One of `concurrency`.
    _place: OwnedSemaphorePermit,
    /// One of `max_jobs`.
    one_of_the_last: Option<OwnedSemaphorePermit>,
}

impl Permit {
    /// A job was granted for it.
    fn begin(&mut self) {
        if let Some(permit) = self.one_of_the_last.take() {
            permit.forget();
        }
    }
}

/// A permit for each job that a process may begin; `None` where there is no end.
fn jobs_left(limits: &JobLimits) -> Option<Arc<Semaphore>> {
    let left = usize::try_from(limits.max_jobs?).ok().filter(|left| *left <= Semaphore::MAX_PERMITS)?;
    Some(Arc::new(Semaphore::new(left)))
}

/// A job's task: while it is polled, log records carry its handle, and it answers for the process.
struct InHand<F> {
    assignment: Rc<JobAssignment>,
    held: Rc<Held>,
    work: Rc<AtWork>,
    run: Pin<Box<F>>,
}

impl<F: Future<Output = ()>> Future for InHand<F> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        logger::job(self.assignment.handle());
        self.held.runs(&self.work);
        let polled = self.run.as_mut().poll(context);
        self.held.waits();
        logger::job(b"");
        polled
    }
}
