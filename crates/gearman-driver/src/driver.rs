//! The `Driver`: what a program says about its farm, and `run()`.

use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;

use gearman_driver_core::config::{Config, ConfigError, Layer, LiveChanges};
use gearman_driver_front::Handle;
use gearman_driver_front::console::Commands;
use gearman_driver_supervisor::{HostCommand, Setup, UnknownJob, UnknownJobCallback};
use gearman_driver_sys::signal;
use gearman_driver_wire::program::ProgramConfiguration;
use gearman_driver_worker::AddedJob;
use gearman_driver_worker::host::Program;
use nix::sys::signal::Signal;

#[cfg(feature = "cli")]
use crate::cli;
use crate::console_command::{Adapter, ConsoleCommand};
use crate::handle::{DriverHandle, End};
use crate::report::{self, Style};
use crate::roles::take_role;
use crate::{embedded_server, launch, sources};

/// Runs a farm of workers, as Gearman::Driver: it loads them in a host process, forks worker processes from that, watches
/// the job servers' queues, starts and stops processes to match, restarts what dies, and is steered through a console.
///
/// ```no_run
/// use std::time::Duration;
///
/// fn main() -> std::process::ExitCode {
///     gearman_driver::Driver::builder()
///         .server("localhost:4730,otherhost:4731")
///         .namespaces(["my_app::workers"])
///         .interval(Duration::from_secs(60))
///         .run()
/// }
/// ```
///
/// # What runs where
/// The executable is started again as a *host*, which loads the workers and forks the worker processes. So a program's
/// `main` up to [`Driver::run`] runs in the host too, with the same arguments, and must not start threads or an
/// asynchronous runtime before: `run()` then fails and says so. Such things belong into a worker's `process_start`.
///
/// # Precedence
/// Command line (with [`Driver::from_args`]), environment (`GEARMAN_DRIVER_SERVER`, ..), config files (later wins),
/// what is set here, default. Options that have no method here (`user`, `log_format`, ..) are for those who run the
/// program: `docs/configuration.md` in the repository has all. What is set to something that can't be is told when the
/// driver starts, not by the method.
#[must_use = "a driver does nothing until `run()` or `start()`"]
pub struct Driver {
    /// What is set here.
    pub(crate) said: ProgramConfiguration,
    /// Where the command line counts.
    #[cfg(feature = "cli")]
    pub(crate) command_line: Option<cli::CommandLine>,
    pub(crate) wanted: Option<Wanted>,
    added: Vec<AddedJob>,
    unknown_job: Option<UnknownJobCallback>,
    commands: Commands,
    /// Told when the driver has ended.
    pub(crate) end: Arc<End>,
    /// The first thing that was set and is none; told by `run()`.
    pub(crate) mistake: Option<String>,
}

/// Whether a worker type is loaded, by its path.
type Wanted = Box<dyn Fn(&str) -> bool>;
pub(crate) enum Mistake {
    Config(Box<ConfigError>),
    Text(String),
}

impl Mistake {
    /// How `run()` ends with it.
    pub(crate) fn tell(self, name: &str) -> Result<u8, String> {
        match self {
            Self::Config(error) => {
                say(report::render(name, &error, Style::for_stderr()).trim_end());
                Ok(1)
            }
            Self::Text(text) => Err(text),
        }
    }
}

impl Driver {
    /// A driver with the defaults of Gearman::Driver.
    pub fn builder() -> Self {
        Self {
            said: ProgramConfiguration::default(),
            #[cfg(feature = "cli")]
            command_line: None,
            wanted: None,
            added: Vec::new(),
            unknown_job: None,
            commands: Commands::new(),
            end: Arc::default(),
            mistake: None,
        }
    }

    /// Adds a job without macros: a [`JobSpec`](crate::JobSpec), or with asynchronous bodies an
    /// [`AsyncJobSpec`](crate::AsyncJobSpec). Its worker is built here, so in the supervisor too (and dropped there at
    /// once).
    ///
    /// ```
    /// use gearman_driver::prelude::*;
    ///
    /// struct Reverse;
    /// impl Worker for Reverse {}
    ///
    /// let driver = Driver::builder().add_job(JobSpec {
    ///     name: "reverse".into(),
    ///     min_processes: 1,
    ///     max_processes: 5,
    ///     worker: Box::new(Reverse),
    ///     methods: vec![Method {
    ///         name: "reverse".into(),
    ///         body: Box::new(|_worker, _job, workload| Ok(workload.iter().rev().copied().collect())),
    ///         decode: None,
    ///         encode: None,
    ///     }],
    /// });
    /// ```
    ///
    /// Asynchronous: up to 32 jobs at once in one process.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use gearman_driver::prelude::*;
    /// use gearman_driver::{AsyncJobSpec, AsyncMethod};
    ///
    /// struct Sleeper(Duration);
    /// impl Worker for Sleeper {}
    ///
    /// let driver = Driver::builder().add_job(AsyncJobSpec {
    ///     name: "sleep".into(),
    ///     min_processes: 1,
    ///     max_processes: 2,
    ///     concurrency: 32,
    ///     worker: Box::new(Sleeper(Duration::from_secs(1))),
    ///     methods: vec![AsyncMethod {
    ///         name: "sleep".into(),
    ///         body: Box::new(|worker, job, workload| {
    ///             Box::pin(async move {
    ///                 let Sleeper(time) = worker.downcast_ref().ok_or("the worker of this job is a Sleeper")?;
    ///                 job.send_status(0, 1)?;
    ///                 tokio::time::sleep(*time).await;
    ///                 Ok(workload.to_vec())
    ///             })
    ///         }),
    ///         decode: None,
    ///         encode: None,
    ///     }],
    /// });
    /// ```
    pub fn add_job(mut self, job: impl Into<AddedJob>) -> Self {
        self.added.push(job.into());
        self
    }

    /// Called at each look while jobs wait for a function that no job of this driver has. It runs in the supervisor, off
    /// its event loop, so it may block; for the same function it is not called again before it has come back. A panic in
    /// it is caught and logged. It may start programs and wait for them; what it leaves running is reaped by the driver.
    ///
    /// It may submit jobs (with a client of its own), change bounds, and shut the driver down:
    ///
    /// ```
    /// # let driver = gearman_driver::Driver::builder();
    /// driver.unknown_job_callback(|driver, status| {
    ///     eprintln!("{} jobs wait for {}, which nobody knows", status.queue, status.name);
    ///     if let Some(job) = driver.job("my_app::workers::Cleaner::clean") {
    ///         let _ = job.set_processes(1, 4);
    ///     }
    /// });
    /// ```
    pub fn unknown_job_callback(
        mut self,
        callback: impl Fn(&DriverHandle, &FunctionStatus) + Send + Sync + 'static,
    ) -> Self {
        let end = Arc::clone(&self.end);
        self.unknown_job = Some(Arc::new(move |handle: &Handle, unknown: &UnknownJob| {
            let status = &unknown.status;
            let status = FunctionStatus {
                name: unknown.function.clone(),
                queue: status.queue,
                busy: status.busy,
                free: status.free(),
                running: status.running,
            };
            callback(&DriverHandle::new(handle.clone(), Arc::clone(&end)), &status);
        }));
        self
    }

    /// Adds a command to the console. A name that is taken, or is not one word, is an error at the start.
    pub fn console_command(mut self, command: impl ConsoleCommand) -> Self {
        match self.commands.clone().with(Arc::new(Adapter::new(command, Arc::clone(&self.end)))) {
            Ok(commands) => {
                self.commands = commands;
                self
            }
            Err(error) => self.mistake(format!("console_command: {error}")),
        }
    }

    /// Runs the driver until it is shut down. Exit codes: 0 after a clean shutdown, 1 after a failure (said in one line on
    /// standard error), 2 for wrong usage. Also runs the host and the worker processes, which are started through the same
    /// call, so a program returns its exit code from `main` whatever it is.
    #[doc(alias = "shutdown")]
    pub fn run(self) -> ExitCode {
        let name = program_name();
        match self.run_role(&name) {
            Ok(code) => ExitCode::from(code),
            Err(text) => {
                say(&format!("{name}: {text}"));
                ExitCode::from(1)
            }
        }
    }

    fn run_role(mut self, name: &str) -> Result<u8, String> {
        self.take_role(name)?;
        // Before anything is forked or threads are started, which inherit it. (A host does the same for itself.)
        signal::take_all()
            // A file that is as large as it may be (`ulimit -f`) is an error to write to, and not the end of the driver.
            .and_then(|()| signal::disregard(&[Signal::SIGXFSZ]))
            .map_err(|error| format!("signals can't be taken: {error}"))?;
        #[cfg(feature = "cli")]
        if let Some(command_line) = self.command_line.take() {
            return cli::run(self, &command_line, name);
        }
        self.supervise(name, Layer::new())
    }

    /// Runs the driver, with what the command line says.
    pub(crate) fn supervise(self, name: &str, command_line: Layer) -> Result<u8, String> {
        let config = match self.config(command_line.clone()) {
            Ok(config) => config,
            Err(mistake) => return mistake.tell(name),
        };
        let end = Arc::clone(&self.end);
        let result = launch::run(name, self.setup(config, command_line)?);
        end.come(result.clone().map(drop));
        result
    }

    /// Returns where this process is the supervisor; else serves, and ends the process.
    pub(crate) fn take_role(&mut self, name: &str) -> Result<(), String> {
        let argv0 =
            std::env::args_os().next().map_or_else(|| name.to_owned(), |arg| arg.to_string_lossy().into_owned());
        let added = std::mem::take(&mut self.added);
        let configuration = self.mistake.clone().map_or_else(|| Ok(self.said.clone()), Err);
        let program = Program { name: argv0, configuration, wanted: self.wanted.as_deref(), added };
        if let Some(ended) = take_role(program) {
            let code = ended?;
            // Not through main's return: what a program does after run() is the supervisor's business alone.
            std::process::exit(code);
        }
        Ok(())
    }

    /// What the supervisor needs to know.
    pub(crate) fn setup(self, config: Config, command_line: Layer) -> Result<Setup, String> {
        let servers = embedded_server::servers(&config)?;
        let save = |changes: &LiveChanges, config: &Config| sources::save(changes, &config.configfiles);
        let reconfigure = move |program: &ProgramConfiguration| {
            let config = read_config(command_line.clone(), program).map_err(|error| error.to_string())?;
            let servers = embedded_server::servers(&config)?;
            Ok((config, servers))
        };
        Ok(Setup {
            config,
            servers,
            host: HostCommand::of_this_process(),
            reconfigure: Some(Box::new(reconfigure)),
            save: Some(Box::new(save)),
            unknown_job: self.unknown_job,
            commands: self.commands,
            ready: None,
            embedded: false,
            first_lines: Vec::new(),
        })
    }

    pub(crate) fn config(&self, command_line: Layer) -> Result<Config, Mistake> {
        if let Some(text) = &self.mistake {
            return Err(Mistake::Text(text.clone()));
        }
        read_config(command_line, &self.said).map_err(|error| Mistake::Config(Box::new(error)))
    }
}

/// The configuration as it is now.
fn read_config(command_line: Layer, program: &ProgramConfiguration) -> Result<Config, ConfigError> {
    let builder = sources::builder(program)?;
    sources::load_config(command_line, std::env::vars_os(), &sources::read_config_file, builder)
}

/// What the job servers say of one function, added up, as `unknown_job_callback` of Gearman::Driver gets it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FunctionStatus {
    /// The function's name.
    pub name: String,
    /// Jobs that wait and jobs that run (TOTAL).
    pub queue: u64,
    /// Jobs that run (RUNNING).
    pub busy: u64,
    /// Registrations without a job: running − busy.
    pub free: u64,
    /// Registrations of workers (AVAILABLE WORKERS).
    pub running: u64,
}

pub(crate) fn program_name() -> String {
    sources::program_name(std::env::args_os().next().as_ref())
}

/// Says something on standard error; if that is closed, there is nobody to hear it.
pub(crate) fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}
