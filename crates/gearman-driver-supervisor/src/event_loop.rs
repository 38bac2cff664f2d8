//! One channel of news, one loop that takes it: each piece becomes an event for the manager, whose effects are performed
//! before the next piece is taken.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use gearman_driver_core::log_entry::Entry;
use gearman_driver_core::manager::{Effect, Event, Manager, Settings, Signal, Suspect};
use gearman_driver_core::order::OrderId;
use gearman_driver_core::process::{Activity, HostId, ProcessId};
use gearman_driver_core::snapshot::{ServerHealth, Snapshot};
use gearman_driver_front::{Handle, Request, console};
use gearman_driver_sys::limits;
use gearman_driver_wire::host::FromHost;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

use crate::clock::Clock;
use crate::generations::Generations;
use crate::host::Host;
use crate::in_force::health;
use crate::log::{CATEGORY, Log};
use crate::observer::Look;
use crate::processes::Processes;
use crate::records;
use crate::replies::Replies;
use crate::runtime_dir::RuntimeDir;
use crate::scoreboard::{Scoreboard, activity};
use crate::state::State;
use crate::suspects::Published;
use crate::unknown_job::UnknownJobs;
use crate::unknown_job_command::{RunId, UnknownJobCommand};
use crate::{RunError, Setup, signals};

/// Something has happened. Who sends it stands beside it.
pub(crate) enum News {
    /// A signal that is the manager's business arrived. From `signals`.
    Signal(Signal),
    /// USR1 arrived. From `signals`.
    ReopenLog,
    /// Children of this process may have ended. From `signals`.
    ChildEnded,
    /// A host sent a message. From the task that reads its socket, in order.
    Host(HostId, FromHost),
    /// A host's last message was read, or it spoke garbage (said here). From the same task, once.
    HostClosed(HostId, Option<String>),
    /// A host was told to exit a while ago. From the timer set then.
    HostOverdue(HostId),
    /// A run of `unknown_job_command` has taken as long as it may. From the timer set at its start.
    CommandOverdue(RunId),
    /// The observer has looked.
    Looked(Look),
}

/// How many pieces of news may wait before their senders do.
const NEWS: usize = 1024;
/// How many requests of operators may wait.
const REQUESTS: usize = 256;

/// How soon it is seen that a worker has answered a job that took down others. (Other workers see it at once.)
const ANSWERS_INTERVAL: Duration = Duration::from_secs(1);

/// The state of the shell.
pub(crate) struct Supervisor {
    pub(crate) setup: Setup,
    pub(crate) clock: Clock,
    pub(crate) log: Log,
    pub(crate) runtime_dir: RuntimeDir,
    pub(crate) scoreboard: Scoreboard,
    /// The suspects as the workers see them.
    pub(crate) published: Published,
    /// Where suspects are kept for the next driver.
    pub(crate) state: State,
    pub(crate) hosts: BTreeMap<HostId, Host>,
    pub(crate) processes: Processes,
    pub(crate) generations: Generations,
    pub(crate) replies: Replies,
    pub(crate) unknown_jobs: UnknownJobs,
    pub(crate) unknown_job_command: UnknownJobCommand,
    pub(crate) news: mpsc::Sender<News>,
    /// Events that came out of performing effects.
    pub(crate) pending: VecDeque<Event>,
    /// The driver is to end: its exit code, and why.
    pub(crate) exit: Option<(u8, Option<String>)>,
    manager: Manager,
    /// How the job servers are.
    pub(crate) servers: Vec<ServerHealth>,
    /// The namespaces, sorted.
    pub(crate) namespaces: Arc<[String]>,
    /// The worker types that are in force, sorted.
    pub(crate) workers: Arc<[String]>,
    /// Between two looks at the queues.
    pub(crate) interval: Duration,
    /// Looks at the queues, since the first host was ready.
    pub(crate) observer: Option<AbortHandle>,
    orders: u64,
}

/// Runs the driver until it has drained or failed. The exit code of a clean end.
///
/// # Errors
/// When the driver cannot start or go on; what was started is ended before.
pub fn run(setup: Setup) -> Result<u8, RunError> {
    run_with(setup, |_| ())
}

/// As [`run`]; `reachable` gets a handle before anything is started.
pub(crate) fn run_with(setup: Setup, reachable: impl FnOnce(&Handle)) -> Result<u8, RunError> {
    let clock = Clock::start();
    let log = Log::open(&setup.config, clock)?;
    if !setup.embedded {
        records::take(&log);
    }
    for (level, line) in &setup.first_lines {
        log.write(&Entry::new(*level, CATEGORY, line));
    }
    for warning in setup.config.warnings() {
        log.warn(&warning);
    }
    let result = in_runtime(async {
        let listener = listen(&setup).await?;
        let kept = State::open(&setup.config, &setup.servers.to_string(), &log);
        let (mut supervisor, mut news, handle, requests) = Supervisor::new(setup, clock, log.clone(), kept)?;
        reachable(&handle);
        if let Some(listener) = listener {
            if let Ok(address) = listener.local_addr() {
                log.info(&format!("console listens on {address}"));
            }
            let told = log.clone();
            let refused = move |error| {
                told.warn(&format!("The console takes no new connection for now: {}", limits::explain(error)));
            };
            tokio::spawn(console::serve(listener, handle, Arc::new(supervisor.setup.commands.clone()), refused));
        }
        let (code, message) = supervisor.run(&mut news, requests).await;
        // The answer to a console's `shutdown` may have been given in the last turn: its session sends it now.
        for _ in 0..8 {
            tokio::task::yield_now().await;
        }
        match message {
            Some(message) => Err(RunError::Ended(message)),
            None => Ok(code),
        }
    })?;
    if let Err(error) = &result {
        log.fatal(&error.to_string());
    }
    result
}

pub(crate) fn in_runtime<T>(future: impl Future<Output = T>) -> Result<T, RunError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|source| RunError::Setup { what: "the event loop", source })?;
    let result = runtime.block_on(future);
    // A callback that never comes back, or a name that is being looked up, must not hold up the exit.
    runtime.shutdown_background();
    Ok(result)
}

async fn listen(setup: &Setup) -> Result<Option<TcpListener>, RunError> {
    let (host, port) = (&setup.config.console_host, setup.config.console_port);
    if port == 0 {
        return Ok(None);
    }
    let address = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
    let listener = TcpListener::bind(&address).await.map_err(|source| RunError::Console { address, source })?;
    Ok(Some(listener))
}

impl Supervisor {
    #[allow(clippy::type_complexity, reason = "the ends of the two channels, used once")]
    pub(crate) fn new(
        mut setup: Setup,
        clock: Clock,
        log: Log,
        (state, suspects): (State, Vec<Suspect>),
    ) -> Result<(Self, mpsc::Receiver<News>, Handle, mpsc::Receiver<Request>), RunError> {
        let failed = |what| move |source| RunError::Setup { what, source };
        gearman_driver_sys::reap::become_subreaper().map_err(failed("the reaping of orphans"))?;
        if let Err(error) = limits::raise_open_files() {
            log.warn(&format!("the limit of open files can't be raised: {error}"));
        }
        let (news, news_queue) = mpsc::channel(NEWS);
        let (requests, request_queue) = mpsc::channel(REQUESTS);
        let handle = Handle::new(requests);
        if !setup.embedded {
            signals::listen(&news).map_err(failed("the handling of signals"))?;
        }
        let settings = Settings {
            max_idle_time: setup.config.max_idle_time,
            shutdown_timeout: setup.config.shutdown_timeout,
            policy: setup.config.scaling,
            seed: u64::from(std::process::id()),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            poison_limit: setup.config.poison_limit,
            suspects,
        };
        let supervisor = Self {
            clock,
            runtime_dir: RuntimeDir::create(setup.config.name.as_deref()).map_err(failed("the run-time directory"))?,
            scoreboard: Scoreboard::create().map_err(limits::explain).map_err(failed("the scoreboard"))?,
            published: Published::default(),
            state,
            hosts: BTreeMap::new(),
            processes: Processes::default(),
            generations: Generations::new(setup.config.clone(), setup.servers.clone(), setup.reconfigure.take()),
            replies: Replies::default(),
            unknown_jobs: UnknownJobs::new(setup.unknown_job.clone(), handle.clone(), log.clone()),
            unknown_job_command: UnknownJobCommand::new(
                setup.config.unknown_job_command.clone(),
                setup.servers.to_string(),
                news.clone(),
                log.clone(),
            ),
            news,
            pending: VecDeque::new(),
            exit: None,
            manager: Manager::new(settings),
            servers: health(&setup.servers),
            namespaces: sorted(setup.config.namespaces.clone()),
            workers: Arc::default(),
            interval: setup.config.interval,
            observer: None,
            orders: 0,
            setup,
            log,
        };
        Ok((supervisor, news_queue, handle, request_queue))
    }

    async fn run(
        &mut self,
        news: &mut mpsc::Receiver<News>,
        mut requests: mpsc::Receiver<Request>,
    ) -> (u8, Option<String>) {
        self.event(Event::Started).await;
        loop {
            if let Some(end) = self.exit.take() {
                return end;
            }
            // Asked anew each time: any event may have moved it.
            let deadline = self.manager.next_deadline().into_iter().chain(self.state.next_try()).min();
            let deadline = deadline.map(|time| self.clock.until(time));
            let look = (!self.published.is_empty()).then_some(ANSWERS_INTERVAL);
            let deadline = deadline.into_iter().chain(look).min();
            let due = async {
                match deadline {
                    Some(wait) => tokio::time::sleep(wait).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                Some(news) = news.recv() => self.news(news).await,
                Some(request) = requests.recv() => self.request(request).await,
                () = due => {
                    self.state.try_again(self.clock.now(), &self.log);
                    self.note_answers().await;
                    self.observe_processes().await;
                    self.event(Event::Tick).await;
                }
            }
        }
    }

    /// Hands an event to the manager and performs what comes back, with what comes of that.
    pub(crate) async fn event(&mut self, event: Event) {
        self.pending.push_back(event);
        while let Some(event) = self.pending.pop_front() {
            let effects = self.manager.handle(self.clock.now(), event);
            let spawning = spawning(&effects);
            for effect in effects {
                self.perform(effect, &spawning);
            }
            // Those that could not even be ordered.
            for process in spawning.into_iter().filter(|process| self.processes.get(*process).is_none()) {
                self.replies.came(process);
            }
        }
    }

    async fn news(&mut self, news: News) {
        match news {
            News::Signal(signal) => {
                self.observe_processes().await;
                self.event(Event::Signal(signal)).await;
            }
            News::ReopenLog => {
                self.log.reopen();
                self.log.info("log file opened anew");
            }
            News::ChildEnded => self.reap().await,
            News::Host(host, message) => self.host_message(host, message).await,
            News::HostClosed(host, problem) => self.host_closed(host, problem).await,
            News::HostOverdue(host) => self.kill_host(host),
            News::CommandOverdue(run) => self.unknown_job_command.overdue(run),
            News::Looked(look) => {
                self.observe_processes().await;
                let complete = look.servers.iter().all(|(_, error)| error.is_none());
                let now = self.clock.now();
                for (address, error) in look.servers {
                    // One that is gone from the list since the look began is passed over.
                    let Some(health) = self.servers.iter_mut().find(|health| health.address == address) else {
                        continue;
                    };
                    if error.is_none() {
                        health.last_answer = Some(now);
                    }
                    health.error = error;
                }
                self.event(Event::Looked { functions: look.functions, complete }).await;
            }
        }
    }

    async fn request(&mut self, request: Request) {
        self.observe_processes().await;
        match request {
            Request::Order { order, reply } => {
                self.orders += 1;
                let id = OrderId(self.orders);
                self.replies.expect(id, reply);
                self.event(Event::Order { id, order }).await;
            }
            Request::Snapshot { reply } => {
                // Whoever asked may be gone.
                let _ = reply.send(Arc::new(self.snapshot()));
            }
            Request::SetInterval { interval, reply } => {
                self.observe_anew(interval, false);
                let _ = reply.send(());
            }
            Request::SetLogLevel { level, reply } => {
                self.set_loglevel(level);
                let _ = reply.send(());
            }
            Request::Save { reply } => {
                let _ = reply.send(self.save());
            }
        }
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        let mut snapshot = self.manager.snapshot(self.clock.now());
        snapshot.servers.clone_from(&self.servers);
        snapshot.interval = self.interval;
        snapshot.namespaces = Arc::clone(&self.namespaces);
        snapshot.workers = Arc::clone(&self.workers);
        snapshot.name.clone_from(&self.setup.config.name);
        snapshot.pid = Some(std::process::id());
        snapshot
    }

    /// Tells the manager what stands in the scoreboard.
    async fn observe_processes(&mut self) {
        let processes: Vec<(ProcessId, Activity)> =
            self.processes.iter().filter_map(|(id, _)| Some((id, self.activity(id)?))).collect();
        if !processes.is_empty() {
            self.event(Event::Observed { processes }).await;
        }
    }

    /// What a process has written into its slot.
    pub(crate) fn activity(&self, id: ProcessId) -> Option<Activity> {
        let process = self.processes.get(id)?;
        let slot = self.scoreboard.read(process.slot, id.0)?;
        Some(activity(&slot, self.clock, &process.functions))
    }
}

pub(crate) fn sorted(mut names: Vec<String>) -> Arc<[String]> {
    names.sort_unstable();
    names.into()
}

/// The processes that the effects bring about.
fn spawning(effects: &[Effect]) -> BTreeSet<ProcessId> {
    effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Spawn { process, .. } => Some(*process),
            _ => None,
        })
        .collect()
}
