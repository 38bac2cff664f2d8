//! Runs [Gearman](http://gearman.org) workers: loads the worker code once, forks worker processes from it copy-on-write,
//! scales them to the queue, restarts what dies, and is steered through a console. After Perl's Gearman::Driver.
//!
//! A worker is a type with [`#[worker]`](macro@worker) on its `impl` block; its methods with [`#[job]`](macro@job) are functions
//! that clients call. A program names the modules in which they are, and runs:
//!
//! ```no_run
//! mod workers {
//!     pub mod image {
//!         use gearman_driver::prelude::*;
//!         use std::sync::Arc;
//!
//!         pub struct Palette(Vec<u8>);
//!
//!         pub struct Image {
//!             palette: Arc<Palette>,
//!         }
//!
//!         #[worker]
//!         impl Image {
//!             // Once, in the host, before any fork: all processes share what it loads.
//!             fn new(options: &WorkerOptions) -> Result<Self, Error> {
//!                 let load = || Ok::<_, Error>(Palette(std::fs::read(options.get::<String>("palette")?)?));
//!                 Ok(Self { palette: options.shared(load)? })
//!             }
//!
//!             // Registered as `my_app::workers::image::Image::recolour`.
//!             #[job(min_processes = 0, max_processes = 15)]
//!             fn recolour(&self, job: &mut Job, workload: &[u8]) -> Result<Vec<u8>, Error> {
//!                 job.send_status(0, 1)?;
//!                 let colours = &self.palette.0;
//!                 Ok(workload.iter().filter_map(|pixel| colours.get(usize::from(*pixel)).copied()).collect())
//!             }
//!         }
//!     }
//! }
//!
//! fn main() -> std::process::ExitCode {
//!     gearman_driver::Driver::builder()
//!         .server("localhost:4730")
//!         .namespaces(["my_app::workers"])
//!         .worker_options(serde_json::json!({ "GLOBAL": { "palette": "/srv/palette" } }))
//!         .run()
//! }
//! ```
//!
//! # Where to look
//! - [`Driver`]: the builder, [`Driver::from_args`] for a program with the command line of `gearman-driver`, and what runs
//!   in which process.
//! - [`macro@worker`] and [`macro@job`]: the attributes; [`Worker`]: the hooks.
//! - [`Job`]: the work in hand, and what it can say to its client. [`Json`], codecs: workload and result as types.
//! - [`WorkerOptions`]: options and shared layers for `new`.
//! - [`TestWorker`]: jobs in unit tests, without a job server.
//! - [`JobSpec`]: jobs without macros.
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
mod sources;

pub use console_command::ConsoleCommand;
pub use driver::{Driver, FunctionStatus};
pub use gearman_driver_macros::{job, worker};
pub use gearman_driver_worker::{
    AddedJob, AsyncJobBody, AsyncJobClient, AsyncJobSpec, AsyncMethod, Caller, Codec, Error, Job, JobAttributes,
    JobClient, JobError, JobSpec, Json, Method, Sent, TestWorker, Worker, WorkerOptions,
};
/// What typed callers take outside of jobs: a blocking client, and its list of job servers.
pub use gearman_protocol::{Client, ServerList};
pub use handle::{DriverError, DriverHandle, JobRef};

/// What the code that `#[worker]` writes refers to. No part of the public interface: it changes with the macro.
#[doc(hidden)]
pub mod __private {
    pub use gearman_driver_worker::api::private::*;
}
