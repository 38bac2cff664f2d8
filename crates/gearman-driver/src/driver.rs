//! The `Driver`: what a program says about its farm, and `run()`.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use gearman_driver_core::config::{Config, ConfigError, Layer, LiveChanges};
use gearman_driver_core::duration;
use gearman_driver_front::Handle;
use gearman_driver_front::console::Commands;
use gearman_driver_supervisor::{HostCommand, Setup, UnknownJob, UnknownJobCallback};
use gearman_driver_sys::signal;
use gearman_driver_wire::program::ProgramConfiguration;
use gearman_driver_worker::AddedJob;
use gearman_driver_worker::host::Program;
use nix::sys::signal::Signal;
use serde::Serialize;
use serde_json::Value;

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
    said: ProgramConfiguration,
    /// Where the command line counts.
    #[cfg(feature = "cli")]
    pub(crate) command_line: Option<cli::CommandLine>,
    wanted: Option<Wanted>,
    added: Vec<AddedJob>,
    unknown_job: Option<UnknownJobCallback>,
    commands: Commands,
    /// Told when the driver has ended.
    pub(crate) end: Arc<End>,
    /// The first thing that was set and is none; told by `run()`.
    mistake: Option<String>,
}

/// Whether a worker type is loaded, by its path.
type Wanted = Box<dyn Fn(&str) -> bool>;
/// A map of maps, as worker options are.
type Maps = Vec<(String, serde_json::Map<String, Value>)>;

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

    /// The job servers: `host[:port][,host[:port]]`, IPv6 in brackets. Default: `localhost:4730`.
    pub fn server(self, server: impl AsRef<str>) -> Self {
        self.set("server", server.as_ref())
    }

    /// The console's port on 127.0.0.1; 0 turns the console off. Default: 47300.
    pub fn console_port(self, port: u16) -> Self {
        self.set("console_port", &port.to_string())
    }

    /// The time between two looks at the queues; zero turns the observer off. Default: 5 s.
    pub fn interval(self, interval: Duration) -> Self {
        self.set("interval", &duration::display(interval).to_string())
    }

    /// How long a process above the minimum may stay idle. Default: zero.
    pub fn max_idle_time(self, time: Duration) -> Self {
        self.set("max_idle_time", &duration::display(time).to_string())
    }

    /// How long a shutdown waits for running jobs before it kills their processes. Default: 25 s.
    pub fn shutdown_timeout(self, time: Duration) -> Self {
        self.set("shutdown_timeout", &duration::display(time).to_string())
    }

    /// A job that has taken down so many processes is a poison job: it is failed instead of being run again. 0 runs it for
    /// ever. Default: 3.
    pub fn poison_limit(self, deaths: u32) -> Self {
        self.set("poison_limit", &deaths.to_string())
    }

    /// Where the driver keeps what its next start is to know (the deaths that count towards `poison_limit`); `off` is
    /// nowhere. Default: the system's place for such things, see the guide.
    pub fn state_dir(self, path: impl Into<PathBuf>) -> Self {
        self.path("state_dir", &path.into())
    }

    /// The log file, appended to; `-` is standard error. Default: `gearman_driver.log`.
    pub fn logfile(self, path: impl Into<PathBuf>) -> Self {
        self.path("logfile", &path.into())
    }

    /// The layout of log lines, as Log::Log4perl's PatternLayout. Default: `[%d] %p %m%n`.
    pub fn loglayout(self, pattern: impl AsRef<str>) -> Self {
        self.set("loglayout", pattern.as_ref())
    }

    /// The least important level that is logged: TRACE DEBUG INFO WARN ERROR FATAL OFF. Default: INFO.
    pub fn loglevel(self, level: impl AsRef<str>) -> Self {
        self.set("loglevel", level.as_ref())
    }

    /// The module paths under which workers are looked for.
    #[doc(alias = "load_namespaces")]
    pub fn namespaces<S: Into<String>>(self, namespaces: impl IntoIterator<Item = S>) -> Self {
        self.set_list("namespaces", namespaces.into_iter().map(Into::into))
    }

    /// Directories in which worker modules of other languages are looked for. Rust workers are linked into the program,
    /// and there are no hosts for other languages yet: a warning in the log says that it has no effect.
    pub fn lib<P: Into<PathBuf>>(self, directories: impl IntoIterator<Item = P>) -> Self {
        self.set_list("lib", directories.into_iter().map(|dir| dir.into().to_string_lossy().into_owned()))
    }

    /// Which worker types are loaded, by type path (`my_app::workers::image::Image`): one that is refused is not even
    /// built. Asked in the host.
    pub fn wanted(mut self, wanted: impl Fn(&str) -> bool + 'static) -> Self {
        self.wanted = Some(Box::new(wanted));
        self
    }

    /// Options for the workers' constructors: a map from type path, or `GLOBAL` for all, to a map of options.
    ///
    /// ```
    /// # let driver = gearman_driver::Driver::builder();
    /// driver.worker_options(serde_json::json!({
    ///     "GLOBAL": { "database": "postgres:///app" },
    ///     "my_app::workers::image::Image": { "model": "/srv/model.bin" },
    /// }));
    /// ```
    pub fn worker_options(mut self, options: impl Serialize) -> Self {
        match maps("worker_options", options) {
            Ok(workers) => {
                merge(&mut self.said.worker_options, workers);
                self
            }
            Err(text) => self.mistake(text),
        }
    }

    /// Bounds and limits that override what the code says: a map from job (type path + `::` + method or process group) to
    /// `min_processes`, `max_processes`, what else `#[job]` may say of a job's processes (`max_jobs`, `timeout`, ..), and
    /// what it may not: the rights that they have (`user`, `rlimits`, `env`, ..).
    ///
    /// ```
    /// # let driver = gearman_driver::Driver::builder();
    /// driver.job_runtime_attributes(serde_json::json!({
    ///     "my_app::workers::image::Image::scale_image": { "max_processes": 20, "timeout": "30s" },
    /// }));
    /// ```
    pub fn job_runtime_attributes(mut self, attributes: impl Serialize) -> Self {
        match maps("job_runtime_attributes", attributes) {
            Ok(jobs) => {
                merge(&mut self.said.job_runtime_attributes, jobs);
                self
            }
            Err(text) => self.mistake(text),
        }
    }

    /// A config file, TOML or YAML, as `--configfile`. May be called several times: later ones win.
    pub fn configfile(mut self, path: impl Into<PathBuf>) -> Self {
        let before = self.said.options.remove("configfile").unwrap_or_default();
        self = self.path("configfile", &path.into());
        self.said.options.entry("configfile".to_owned()).or_default().splice(0..0, before);
        self
    }

    /// Whether to detach: the process that was started waits until the driver is ready or has failed, and exits in
    /// `run()` with 0 or 1; the daemon goes on in a session of its own, in the same directory.
    pub fn daemonize(self, daemonize: bool) -> Self {
        self.set("daemonize", if daemonize { "true" } else { "false" })
    }

    /// Where the driver writes its PID; locked while it runs, removed at its end. Default: nowhere.
    pub fn pidfile(self, path: impl Into<PathBuf>) -> Self {
        self.path("pidfile", &path.into())
    }

    /// The driver's name, where several run on one host: shown in process titles, in `status --json` and in a log of
    /// JSON. 1 to 32 letters, digits, `_`, `-`, `.`.
    pub fn name(self, name: impl AsRef<str>) -> Self {
        self.set("name", name.as_ref())
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

    /// Sets an option. Of one that takes a single value the last text counts.
    pub(crate) fn set(self, option: &str, text: &str) -> Self {
        self.set_list(option, [text.to_owned()])
    }

    fn set_list(mut self, option: &str, texts: impl IntoIterator<Item = String>) -> Self {
        self.said.options.insert(option.to_owned(), texts.into_iter().collect());
        self
    }

    fn path(self, option: &str, path: &Path) -> Self {
        match path.to_str() {
            Some(path) => self.set(option, path),
            None => self.mistake(format!("{option} {} is no UTF-8: choose another name", path.display())),
        }
    }

    fn mistake(mut self, text: String) -> Self {
        self.mistake.get_or_insert(text);
        self
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

/// A map of maps, out of anything that serialises to one; a list of pairs is a map too.
fn maps(option: &str, value: impl Serialize) -> Result<Maps, String> {
    let value = serde_json::to_value(value).map_err(|error| format!("{option}: {error}"))?;
    let outer = map(value).map_err(|value| format!("{option} is {value}; a map of maps is expected"))?;
    outer
        .into_iter()
        .map(|(key, inner)| match map(inner) {
            Ok(inner) => Ok((key, inner)),
            Err(value) => Err(format!("{option}: {key} is {value}; a map is expected")),
        })
        .collect()
}

/// Adds what was said to what was said before; key by key the later counts.
fn merge(said: &mut BTreeMap<String, serde_json::Map<String, Value>>, more: Maps) {
    for (name, values) in more {
        said.entry(name).or_default().extend(values);
    }
}

fn map(value: Value) -> Result<serde_json::Map<String, Value>, Value> {
    match value {
        Value::Object(map) => Ok(map),
        Value::Array(pairs) => pairs
            .iter()
            .map(|pair| match pair.as_array().map(Vec::as_slice) {
                Some([Value::String(key), value]) => Some((key.clone(), value.clone())),
                _ => None,
            })
            .collect::<Option<_>>()
            .ok_or(Value::Array(pairs)),
        other => Err(other),
    }
}

pub(crate) fn program_name() -> String {
    sources::program_name(std::env::args_os().next().as_ref())
}

/// Says something on standard error; if that is closed, there is nobody to hear it.
pub(crate) fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn maps_and_lists_of_pairs_are_maps() {
        let expected = vec![("GLOBAL".to_owned(), json!({"a": 1}).as_object().unwrap().clone())];
        assert_eq!(maps("worker_options", json!({"GLOBAL": {"a": 1}})).unwrap(), expected);
        assert_eq!(maps("worker_options", [("GLOBAL", [("a", 1)])]).unwrap(), expected);
        assert_eq!(
            maps("worker_options", json!({"GLOBAL": 5})).unwrap_err(),
            "worker_options: GLOBAL is 5; a map is expected"
        );
        assert!(maps("worker_options", [1, 2]).is_err());
    }
}
