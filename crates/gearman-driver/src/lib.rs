//! Runs [Gearman](http://gearman.org) workers: loads the worker code once, forks worker processes from it copy-on-write,
//! scales them to the queue, restarts what dies, and is steered through a console. After Perl's Gearman::Driver.
//!
//! Clients give jobs to a *job server* (`gearmand`), each for a *function*, a name, with a *workload*, bytes; *workers*
//! register functions there, take the jobs and answer them. Here a worker is a type with [`#[worker]`](macro@worker) on its
//! `impl` block; its methods with [`#[job]`](macro@job) are functions. The driver keeps between `min_processes` and
//! `max_processes` *processes* for each of them, so workers need no threads and no locks. A program names the modules in
//! which its workers are, and runs:
//!
//! ```no_run
//! mod workers {
//!     use gearman_driver::prelude::*;
//!
//!     #[derive(Default)]
//!     pub struct Text;
//!
//!     #[worker]
//!     impl Text {
//!         // Registered as `my_app::workers::Text::reverse`: `my_app` is the name of this program's crate.
//!         #[job(min_processes = 0, max_processes = 10)]
//!         fn reverse(&self, workload: &str) -> String {
//!             workload.chars().rev().collect()
//!         }
//!     }
//! }
//!
//! fn main() -> std::process::ExitCode {
//!     gearman_driver::Driver::from_args().namespaces(["my_app::workers"]).run()
//! }
//! ```
//!
//! ```console
//! $ my-app check                           # lists the jobs, touches nothing
//! $ my-app --server localhost:4730 &       # runs; --help has the options
//! $ gearman -f my_app::workers::Text::reverse hello
//! olleh
//! $ nc localhost 47300                     # the console: status, help, quit
//! ```
//!
//! A job server must run (Debian: `gearman-job-server`); to try things out, the feature `embedded-server` brings one. Linux
//! only.
//!
//! # Where to look
//! - [`Driver`]: the builder, [`Driver::from_args`] for a program with the command line of `gearman-driver`, and what runs
//!   in which process.
//! - [`macro@worker`] and [`macro@job`]: the attributes; [`Worker`]: the hooks.
//! - [`Job`]: the work in hand, and what it can say to its client. [`Json`], codecs: workload and result as types.
//! - [`WorkerOptions`]: options for `new`, and data that is loaded once and shared by all processes.
//! - [`TestWorker`]: jobs in unit tests, without a job server.
//! - [`JobSpec`], [`AsyncJobSpec`]: jobs without macros.
//! - [`Driver::start`]: a driver inside a program that goes on. [`DriverHandle`] and [`JobRef`]: the running driver, for
//!   such a program, for [`Driver::unknown_job_callback`], and for a [`ConsoleCommand`].
//!
//! # Features
//! - `cli` (on by default): [`Driver::from_args`], the command line with its subcommands, and errors in config files
//!   drawn with the lines that they are about. Without it (`default-features = false`) the builder is as it is here, and
//!   neither clap nor miette is built.
//! - `embedded-server`: [`Driver::embedded_server`] works, a job server inside for trying things out.
//!
//! The guide, the host protocol and what keeps forking safe are in the repository's `docs/`.

#[cfg(feature = "cli")]
mod cli;
mod console_command;
mod daemon;
mod driver;
mod embed;
mod embedded_server;
mod handle;
mod identity;
mod launch;
mod pidfile;
pub mod prelude;
mod report;
mod roles;
mod settings;
mod sources;

pub use console_command::ConsoleCommand;
pub use driver::{Driver, FunctionStatus};
#[doc(inline)]
pub use gearman_driver_macros::{job, worker};
/// Runs a worker's jobs in unit tests, without a job server.
///
/// ```
/// use gearman_driver::prelude::*;
///
/// #[derive(Default)]
/// struct Text;
///
/// #[worker]
/// impl Text {
///     #[job]
///     fn shout(&self, workload: &str) -> String {
///         workload.to_uppercase()
///     }
/// }
///
/// # fn main() -> Result<(), Error> {
/// let worker = TestWorker::<Text>::new(WorkerOptions::new().set("an option", 5))?;
/// assert_eq!(worker.call("shout", "hello")?, b"HELLO");
/// # Ok(())
/// # }
/// ```
///
pub use gearman_driver_worker::TestWorker;
/// What a worker's `new` gets: its options, and data that it shares with other workers and all processes.
///
/// ```
/// use std::sync::Arc;
///
/// use gearman_driver::prelude::*;
///
/// /// A layer: a type of its own, since it is found by its type.
/// struct Palette(Vec<u8>);
///
/// struct Image {
///     palette: Arc<Palette>,
/// }
///
/// #[worker]
/// impl Image {
///     // Once, in the host, before any fork: all processes share what it loads.
///     fn new(options: &WorkerOptions) -> Result<Self, Error> {
///         let load = || Ok::<_, Error>(Palette(std::fs::read(options.get::<String>("palette")?)?));
///         Ok(Self { palette: options.shared(load)? })
///     }
///
///     #[job]
///     fn recolour(&self, workload: &[u8]) -> Vec<u8> {
///         let colours = &self.palette.0;
///         workload.iter().filter_map(|pixel| colours.get(usize::from(*pixel)).copied()).collect()
///     }
/// }
/// ```
///
pub use gearman_driver_worker::WorkerOptions;
pub use gearman_driver_worker::{
    AddedJob, AsyncJobBody, AsyncJobClient, AsyncJobSpec, AsyncMethod, Caller, Codec, Error, Job, JobAttributes,
    JobClient, JobError, JobSpec, Json, Method, Sent, Worker,
};
pub use gearman_protocol::{Client, ServerList};
pub use handle::{DriverError, DriverHandle, JobRef};

/// What the code that `#[worker]` writes refers to. No part of the public interface: it changes with the macro.
#[doc(hidden)]
pub mod __private {
    pub use gearman_driver_worker::api::private::*;
}
