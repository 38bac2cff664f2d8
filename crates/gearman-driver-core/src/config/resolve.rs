//! From layers to the one configuration that the driver runs with.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use super::job_attributes::JobOverride;
use super::{Changes, ConfigError, Layer, Origin, RuntimeAttributes, Sourced, find_option};
use crate::layout::Layout;
use crate::level::Level;
use crate::log_entry::LogFormat;
use crate::scaling::Policy;

/// What the driver runs with: every option has its value, and each value is valid by itself.
///
/// Whether the parts fit the world (a namespace has workers, a job exists, a port is free) is found out
/// by whoever uses them; [`Config::origin`] then says where the value came from.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Config {
    /// Job servers, `host[:port][,host[:port]]`. A text still: the crate that connects parses it.
    pub server: Sourced<String>,
    /// Module paths under which workers are looked for.
    pub namespaces: Vec<String>,
    /// Directories with worker modules of other languages. No host uses it yet: see [`Config::warnings`].
    pub lib: Vec<PathBuf>,
    /// The console's TCP port; 0 is off.
    pub console_port: u16,
    /// The address that the console listens on: `127.0.0.1`, `::1` or `localhost`.
    pub console_host: String,
    /// The time between two looks at the queues; zero is off.
    pub interval: Duration,
    /// How long a process above the minimum may stay idle.
    pub max_idle_time: Duration,
    /// The log file as it was given; `-` is standard error.
    pub logfile: PathBuf,
    /// How a log line looks.
    pub loglayout: Layout,
    /// The least important level that is logged.
    pub loglevel: Level,
    /// How the log is written.
    pub log_format: LogFormat,
    /// Whether the driver detaches.
    pub daemonize: bool,
    /// Where the driver writes its PID.
    pub pidfile: Option<PathBuf>,
    /// The user to run as, by name or number.
    pub user: Option<String>,
    /// The group to run as, by name or number.
    pub group: Option<String>,
    /// The driver's name.
    pub name: Option<String>,
    /// Whether a job server runs inside, at the address of `server`.
    pub embedded_server: bool,
    /// Program and arguments to run when jobs wait for a function that no job has; empty: none.
    pub unknown_job_command: Vec<String>,
    /// How long running jobs may take at a shutdown before their processes are killed.
    pub shutdown_timeout: Duration,
    /// A job that has taken down so many processes is failed instead of being run again; 0: never.
    pub poison_limit: u32,
    /// Where the driver keeps what its next start is to know: `off` is nowhere, `None` the system's place.
    pub state_dir: Option<PathBuf>,
    /// How the number of processes follows the queue.
    pub scaling: &'static dyn Policy,
    /// The config files that it was read from; the later win.
    pub configfiles: Vec<PathBuf>,
    /// Options for the constructors of workers: by type path, or `GLOBAL` for all, then by key.
    pub worker_options: BTreeMap<String, serde_json::Map<String, serde_json::Value>>,
    /// Bounds and limits that override what the code says, by type path `::` method or process group (or the
    /// console's name of the job).
    pub job_runtime_attributes: BTreeMap<String, RuntimeAttributes>,
    /// What it was made of.
    said: Layer,
}

impl Layer {
    /// Makes one configuration of layers, given in order of precedence: command line, environment, config
    /// files (the last one first), builder. The defaults are laid under them.
    ///
    /// # Errors
    /// [`ConfigError::MinOverMax`] where bounds of one job come from different layers and don't fit.
    pub fn merge(layers: impl IntoIterator<Item = Layer>) -> Result<Config, ConfigError> {
        let merged = layers.into_iter().fold(Layer::new(), Layer::over).over(Layer::defaults());
        merged.resolve()
    }

    fn resolve(self) -> Result<Config, ConfigError> {
        let said = self.clone();
        let mut job_runtime_attributes = BTreeMap::new();
        for (job, bounds) in self.job_runtime_attributes {
            bounds.check(&job, |origin| origin.clone().into())?;
            job_runtime_attributes.insert(job, bounds.values());
        }
        let worker_options = self
            .worker_options
            .into_iter()
            .map(|(worker, options)| {
                let options = options.into_iter().map(|(key, sourced)| (key, sourced.value));
                (worker, options.collect())
            })
            .collect();
        Ok(Config {
            server: known(self.server),
            namespaces: listed(self.namespaces),
            lib: listed(self.lib),
            console_port: known(self.console_port).value,
            console_host: known(self.console_host).value,
            interval: known(self.interval).value,
            max_idle_time: known(self.max_idle_time).value,
            logfile: known(self.logfile).value,
            loglayout: known(self.loglayout).value,
            loglevel: known(self.loglevel).value,
            log_format: known(self.log_format).value,
            daemonize: optional(self.daemonize).unwrap_or_default(),
            pidfile: optional(self.pidfile),
            user: optional(self.user),
            group: optional(self.group),
            name: optional(self.name),
            embedded_server: optional(self.embedded_server).unwrap_or_default(),
            unknown_job_command: listed(self.unknown_job_command),
            shutdown_timeout: known(self.shutdown_timeout).value,
            poison_limit: known(self.poison_limit).value,
            state_dir: optional(self.state_dir),
            scaling: known(self.scaling).value,
            configfiles: listed(self.configfile),
            worker_options,
            job_runtime_attributes,
            said,
        })
    }
}

impl Config {
    /// Where a value came from: an option's name (`namespaces`), `worker_options.TYPE_PATH`, or
    /// `job_runtime_attributes.JOB`. [`Origin::Default`] for what nobody set.
    pub fn origin(&self, name: &str) -> &Origin {
        let origin = match name.split_once('.') {
            Some(("worker_options", worker)) => self
                .said
                .worker_options
                .get(worker)
                .and_then(|options| options.values().next())
                .map(|said| &said.origin),
            Some(("job_runtime_attributes", job)) => {
                self.said.job_runtime_attributes.get(job).and_then(JobOverride::origin)
            }
            _ => self.said.option_origin(name),
        };
        origin.unwrap_or(&Origin::Default)
    }

    /// The options that differ from those of `other`, and whose change takes effect when the driver is started anew.
    pub fn differs_until_start(&self, other: &Config) -> Vec<&'static str> {
        let at_start = |name: &&str| find_option(name).is_some_and(|option| option.changes == Changes::AtStart);
        self.said.differing(&other.said).into_iter().filter(at_start).collect()
    }

    /// What is set and has no effect: a sentence for each, to be told before anything is done.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if !self.lib.is_empty() {
            let directories: Vec<_> = self.lib.iter().map(|directory| directory.display().to_string()).collect();
            warnings.push(format!(
                "--lib {}: nothing is looked for there: Rust workers are linked into the program; the option is for \
                 hosts of other languages, which are not there yet, {}",
                directories.join(" --lib "),
                self.origin("lib")
            ));
        }
        warnings
    }
}

fn known<T>(sourced: Option<Sourced<T>>) -> Sourced<T> {
    sourced.expect("it is asked of options that have a default: a test resolves them")
}

fn optional<T>(sourced: Option<Sourced<T>>) -> Option<T> {
    sourced.map(|sourced| sourced.value)
}

fn listed<T>(sourced: Option<Sourced<Vec<T>>>) -> Vec<T> {
    sourced.map(|sourced| sourced.value).unwrap_or_default()
}
