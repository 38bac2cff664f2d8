//! Our side: a driver program, with the workers that a measurement asks for.
//!
//! Runs as a process of its own, and again in the host role, where `main` leads here with the same
//! arguments.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use gearman_driver::Driver;
use gearman_driver::prelude::*;

use crate::waiting::Way;

/// What the measurement wants of the driver.
#[derive(Args)]
pub(crate) struct Options {
    #[arg(long)]
    server: String,
    /// Of each job.
    #[arg(long)]
    processes: u32,
    /// Seconds between looks at the queues.
    #[arg(long)]
    interval: u64,
    #[arg(long)]
    logfile: PathBuf,
    /// 0: none.
    #[arg(long, default_value_t = 0)]
    console_port: u16,
    /// So many MiB of data, see `data.rs`, whose worker is there instead of the one that echoes.
    #[arg(long)]
    data: Option<usize>,
    /// Each process loads the data, instead of the host.
    #[arg(long, requires = "data")]
    data_in_each: bool,
    /// A worker whose job waits, see `waiting.rs`, instead of the one that echoes.
    #[arg(long, conflicts_with = "data")]
    wait: Option<Way>,
    /// The worker of `reload.rs`, instead of the one that echoes.
    #[arg(long, conflicts_with_all = ["data", "wait", "jobs"])]
    waits: bool,
    /// So many jobs that do nothing, instead of the one that echoes.
    #[arg(long, conflicts_with_all = ["data", "wait"])]
    jobs: Option<usize>,
    /// No huge pages in this program, whatever is asked for.
    #[arg(long)]
    small_pages: bool,
}

/// Runs until TERM.
pub(crate) fn run(options: &Options) -> ExitCode {
    // Before anything is loaded: this holds for the host too, which comes by here.
    if options.small_pages
        && let Err(error) = nix::sys::prctl::set_thp_disable(true)
    {
        eprintln!("bench: huge pages can't be turned off: {error}");
        return ExitCode::FAILURE;
    }
    let driver = Driver::builder()
        .server(&options.server)
        .interval(Duration::from_secs(options.interval))
        .console_port(options.console_port)
        .logfile(&options.logfile);
    let bounds = |job: &str| serde_json::json!({ job: { "min_processes": options.processes, "max_processes": options.processes } });
    match (options.data, options.wait, options.jobs) {
        (Some(mebibytes), ..) => driver
            .namespaces(["bench::data"])
            .worker_options(serde_json::json!({
                "GLOBAL": { "mebibytes": mebibytes, "in_each": options.data_in_each }
            }))
            .job_runtime_attributes(bounds(crate::data::JOB)),
        (None, Some(way), _) => driver.namespaces([way.namespace()]).job_runtime_attributes(bounds(&way.job())),
        (None, None, Some(jobs)) => (0..jobs).fold(driver, |driver, at| driver.add_job(nothing(at, options.processes))),
        (None, None, None) if options.waits => {
            driver.namespaces(["bench::reload"]).job_runtime_attributes(bounds(crate::reload::JOB))
        }
        (None, None, None) => {
            driver.namespaces(["bench::farm"]).job_runtime_attributes(bounds(crate::side::OUR_FUNCTION))
        }
    }
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

/// The names of the jobs of `--jobs` begin with this.
pub(crate) const MANY: &str = "bench_nothing_";

struct Nothing;
impl Worker for Nothing {}

fn nothing(at: usize, processes: u32) -> JobSpec {
    let name = format!("{MANY}{at:04}");
    JobSpec {
        name: name.clone(),
        min_processes: processes,
        max_processes: processes,
        worker: Box::new(Nothing),
        methods: vec![Method {
            name,
            body: Box::new(|_worker, _job, _workload| Ok(Vec::new())),
            decode: None,
            encode: None,
        }],
    }
}
