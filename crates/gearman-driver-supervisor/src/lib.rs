//! The tokio shell around the manager: event loop, effects, observer, launchers, signals, log.
//!
//! # Theory of operation
//! Every source of news (signals, ended children, hosts, the observer, operators, the clock) sends on one channel.
//! The event loop takes the news one by one, turns each into an event for the pure
//! [`Manager`](gearman_driver_core::manager::Manager), and carries out the effects that come back. Nothing in the loop
//! waits for a job server, a host or a console client. No worker code is loaded here, and nothing is sent per job:
//! what the processes do is read from the scoreboard when somebody asks.
//!
//! Inside a program that goes on ([`start`]) the loop has a thread of its own. There no signal is handled (the end of a
//! child makes itself known through a descriptor), and no child is reaped but hosts and adopted workers.

mod attributes;
mod brisk;
mod check;
mod children;
mod clock;
mod declarations;
mod dialogue;
mod embed;
mod event_loop;
mod generations;
mod host;
mod in_force;
mod log;
mod names;
mod observer;
mod output;
mod perform;
mod processes;
mod records;
mod replies;
mod runtime_dir;
mod scoreboard;
mod signals;
mod state;
mod suspects;
mod unknown_job;
mod unknown_job_command;

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;

use gearman_driver_core::config::{Config, LiveChanges};
use gearman_driver_core::job::JobDeclaration;
use gearman_driver_core::level::Level;
use gearman_driver_front::console::Commands;
use gearman_driver_wire::program::ProgramConfiguration;
use gearman_protocol::ServerList;

pub use self::check::check;
pub use self::embed::start;
pub use self::event_loop::run;
pub use self::log::LogError;
pub use self::unknown_job::UnknownJob;

/// What the supervisor needs to know.
pub struct Setup {
    /// The configuration, checked.
    pub config: Config,
    /// The job servers of the configuration.
    pub servers: ServerList,
    /// How hosts are started.
    pub host: HostCommand,
    /// The configuration as it is now on disk, in the environment and in the program of a reload; `None`: it can't change.
    pub reconfigure: Option<Reconfigure>,
    /// Writes what was changed live to where this configuration, the one in force, was read from; `None`: nowhere.
    pub save: Option<Save>,
    /// Called when jobs wait for a function that no job has; off the event loop.
    pub unknown_job: Option<UnknownJobCallback>,
    /// The console's commands.
    pub commands: Commands,
    /// Called once, in the event loop, when the first host has loaded its worker code and the processes that its jobs
    /// need at least are ordered.
    pub ready: Option<Box<dyn FnOnce() + Send>>,
    /// The driver is part of a program that goes on: signals are the program's own, and so are other children.
    pub embedded: bool,
    /// Lines for the log that were due before there was a log. They come first.
    pub first_lines: Vec<(Level, String)>,
}

/// See [`Setup::unknown_job`]. The handle steers the driver.
pub type UnknownJobCallback = Arc<dyn Fn(&gearman_driver_front::Handle, &UnknownJob) + Send + Sync>;

/// See [`Setup::reconfigure`]. An error is one sentence for people.
pub type Reconfigure = Box<dyn Fn(&ProgramConfiguration) -> Result<(Config, ServerList), String> + Send>;

/// See [`Setup::save`]. An error is one sentence for people.
pub type Save = Box<dyn Fn(&LiveChanges, &Config) -> Result<(), String> + Send>;

/// How a host is started: this executable again, with the arguments that it was started with.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct HostCommand {
    /// What a reload executes, an absolute path.
    pub program: PathBuf,
    /// The arguments of this process, its name first.
    pub arguments: Vec<OsString>,
}

/// What `check` found.
#[derive(Debug, Clone)]
pub struct Checked {
    /// The jobs of the worker code.
    pub jobs: Vec<JobDeclaration>,
    /// What is worth a warning.
    pub warnings: Vec<String>,
}

/// The driver could not start, or could not go on. One sentence for people.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// The log file cannot be opened.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The console's port cannot be had.
    #[error(
        "the console can't listen on {address}: {source}; is another driver running? choose a port with --console-port, 0 turns the console off"
    )]
    Console {
        /// Host and port.
        address: String,
        /// Why.
        source: std::io::Error,
    },
    /// A part of the supervisor cannot be set up.
    #[error("{what} can't be set up: {source}")]
    Setup {
        /// Which part.
        what: &'static str,
        /// Why.
        source: std::io::Error,
    },
    /// The manager ended the driver with this message: no host, say.
    #[error("{0}")]
    Ended(String),
}
