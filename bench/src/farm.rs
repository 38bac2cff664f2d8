//! Our side: a driver program with one worker whose one job echoes.
//!
//! Runs as a process of its own, and again in the host role, where `main` leads here with the same
//! arguments.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use gearman_driver::Driver;
use gearman_driver::prelude::*;

/// What the measurement wants of the driver.
#[derive(Args)]
pub(crate) struct Options {
    #[arg(long)]
    server: String,
    #[arg(long)]
    processes: u32,
    /// Seconds between looks at the queues.
    #[arg(long)]
    interval: u64,
    #[arg(long)]
    logfile: PathBuf,
}

/// Runs until TERM.
pub(crate) fn run(options: &Options) -> ExitCode {
    Driver::builder()
        .server(&options.server)
        .namespaces(["bench::farm"])
        .job_runtime_attributes(serde_json::json!({
            crate::side::OUR_FUNCTION: {
                "min_processes": options.processes,
                "max_processes": options.processes,
            }
        }))
        .interval(Duration::from_secs(options.interval))
        .console_port(0)
        .logfile(&options.logfile)
        .run()
}

/// The worker: it does what the C side does.
#[derive(Default)]
pub(crate) struct Echo;

#[worker]
impl Echo {
    #[job]
    fn echo(&self, workload: &[u8]) -> Result<Vec<u8>, Error> {
        Ok(workload.to_vec())
    }
}
