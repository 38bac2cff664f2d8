//! A job that waits: 64 of them at once in one asynchronous process, next to 64 processes that run one each.
//!
//! Both sides are our own and up all the time; the same client runs against one and then the other, and the order
//! changes from pair to pair. Memory is looked at in the middle of a run, where all that wait are there.

use std::thread;
use std::time::Duration;

use clap::{Args, ValueEnum};
use gearman_driver::prelude::*;
use gearman_testkit::Gearmand;

use crate::pipeline::Load;
use crate::side::Side;
use crate::stats::{median, range};
use crate::{Failure, machine, usage};

/// How waiting is measured.
#[derive(Args)]
pub(crate) struct Options {
    /// Pairs of runs.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..))]
    pairs: u16,
    /// Seconds of each run.
    #[arg(long, default_value_t = 4.0)]
    seconds: f64,
    /// Jobs outstanding at any time: more than can run, so that no worker waits for the client.
    #[arg(long, default_value_t = 128, value_parser = clap::value_parser!(u16).range(64..))]
    window: u16,
}

/// Jobs that run at once, on each side.
const AT_ONCE: usize = 64;
/// How long a job waits.
const WAIT: Duration = Duration::from_millis(50);

/// How a side waits.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Way {
    /// One process, 64 jobs at once.
    Async,
    /// 64 processes.
    Blocking,
}

impl Way {
    /// The worker's type, and the processes of its job.
    fn worker(self) -> (&'static str, usize) {
        match self {
            Self::Async => ("bench::waiting::Asynchronous", 1),
            Self::Blocking => ("bench::waiting::Blocking", AT_ONCE),
        }
    }

    /// Where the worker is looked for: its own type, so that the other one is not there.
    pub(crate) fn namespace(self) -> &'static str {
        self.worker().0
    }

    /// The job, which is the worker's function.
    pub(crate) fn job(self) -> String {
        format!("{}::wait", self.worker().0)
    }

    fn side(self, gearmand: &Gearmand, logs: &std::path::Path) -> Result<Side, Failure> {
        let (name, option, log) = match self {
            Self::Async => ("one async process", "--wait=async", "async.log"),
            Self::Blocking => ("64 processes", "--wait=blocking", "blocking.log"),
        };
        Side::farm(name, &self.job(), gearmand, self.worker().1, &logs.join(log), vec![option.to_owned()])
    }
}

/// Waits without holding up its process.
#[derive(Default)]
pub(crate) struct Asynchronous;

#[worker]
impl Asynchronous {
    #[job(concurrency = 64)]
    async fn wait(&self, workload: &[u8]) -> Vec<u8> {
        tokio::time::sleep(WAIT).await;
        workload.to_vec()
    }
}

/// Waits and holds up its process.
#[derive(Default)]
pub(crate) struct Blocking;

#[worker]
impl Blocking {
    #[job]
    fn wait(&self, workload: &[u8]) -> Vec<u8> {
        thread::sleep(WAIT);
        workload.to_vec()
    }
}

/// One run against one side.
struct Run {
    jobs_per_second: f64,
    /// KiB of all worker processes that nobody else has.
    unique: f64,
    worker_us_per_job: f64,
}

/// Measures and prints the table.
pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let duration = Duration::try_from_secs_f64(options.seconds)
        .ok()
        .filter(|duration| !duration.is_zero())
        .ok_or_else(|| Failure::new(format!("--seconds {}: not a duration", options.seconds)))?;
    let gearmand = Gearmand::start();
    let logs = tempfile::tempdir().map_err(|error| Failure::new(error.to_string()))?;
    let mut blocking = Way::Blocking.side(&gearmand, logs.path())?;
    let mut one = Way::Async.side(&gearmand, logs.path())?;
    blocking.wait_until_ready(&gearmand)?;
    one.wait_until_ready(&gearmand)?;
    let mut pairs = Vec::new();
    for pair in 0..options.pairs {
        let load = |side: &Side| measure(side, &gearmand, options.window, duration);
        pairs.push(if pair % 2 == 0 {
            let blocking = load(&blocking)?;
            (blocking, load(&one)?)
        } else {
            let one = load(&one)?;
            (load(&blocking)?, one)
        });
    }
    blocking.check_alive()?;
    one.check_alive()?;
    println!("{}", table(&pairs));
    println!(
        "\nA job waits {} ms, {AT_ONCE} at once. {} interleaved pairs of {} s; medians, in brackets the range of the \
         pairs' ratios; 64 bytes, {} jobs outstanding. {}.",
        WAIT.as_millis(),
        options.pairs,
        options.seconds,
        options.window,
        machine::describe(&gearmand)
    );
    Ok(())
}

fn measure(side: &Side, gearmand: &Gearmand, window: u16, duration: Duration) -> Result<Run, Failure> {
    let workers = side.worker_pids(gearmand);
    let address = gearmand.address();
    let load = Load {
        server: &address,
        function: &side.function,
        payload: 64,
        window: window.into(),
        warm_up: 2 * WAIT,
        duration,
    };
    let before = usage::cpu_of_all(&workers)?;
    let (answered, unique) = thread::scope(|scope| {
        let client = scope.spawn(|| load.run());
        thread::sleep(2 * WAIT + duration / 2);
        let unique = workers.iter().map(|pid| Ok(usage::memory(*pid)?.unique)).sum::<Result<u64, Failure>>();
        (client.join(), unique)
    });
    let answered = answered.map_err(|_| Failure::new("the client of the measurement panicked"))??;
    let used = usage::cpu_of_all(&workers)?.saturating_sub(before);
    Ok(Run {
        jobs_per_second: answered.per_second,
        unique: unique? as f64,
        worker_us_per_job: used.as_secs_f64() * 1e6 / answered.total as f64,
    })
}

/// Pairs of (64 processes, one process).
fn table(pairs: &[(Run, Run)]) -> String {
    let blocking = |what: fn(&Run) -> f64| median(&pairs.iter().map(|(run, _)| what(run)).collect::<Vec<_>>());
    let one = |what: fn(&Run) -> f64| median(&pairs.iter().map(|(_, run)| what(run)).collect::<Vec<_>>());
    let ratio = |what: fn(&Run) -> f64| {
        let ratios: Vec<f64> = pairs.iter().map(|(blocking, one)| what(one) / what(blocking)).collect();
        let (least, most) = range(&ratios);
        format!("**{:.2}** ({least:.2}–{most:.2})", median(&ratios))
    };
    let jobs: fn(&Run) -> f64 = |run| run.jobs_per_second;
    let unique: fn(&Run) -> f64 = |run| run.unique;
    let cpu: fn(&Run) -> f64 = |run| run.worker_us_per_job;
    format!(
        "| {AT_ONCE} jobs that wait, in | jobs/s | unique memory, all processes | CPU/job |\n\
         | --- | --: | --: | --: |\n\
         | {AT_ONCE} processes | {:.0} | {:.0} KiB | {:.1} µs |\n\
         | one async process | {:.0} | {:.0} KiB | {:.1} µs |\n\
         | ratio | {} | {} | {} |",
        blocking(jobs),
        blocking(unique),
        blocking(cpu),
        one(jobs),
        one(unique),
        one(cpu),
        ratio(jobs),
        ratio(unique),
        ratio(cpu),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_medians_and_the_ratio_of_each_pair() {
        let run = |jobs_per_second, unique, worker_us_per_job| Run { jobs_per_second, unique, worker_us_per_job };
        let pairs = [
            (run(1000.0, 8000.0, 40.0), run(1000.0, 400.0, 10.0)),
            (run(1200.0, 8000.0, 40.0), run(1080.0, 800.0, 20.0)),
            (run(1100.0, 8000.0, 40.0), run(1210.0, 400.0, 10.0)),
        ];
        let table = table(&pairs);
        assert!(table.contains("\n| one async process | 1080 | 400 KiB | 10.0 µs |\n"), "{table}");
        let ratio = "\n| ratio | **1.00** (0.90–1.10) | **0.05** (0.05–0.10) | **0.25** (0.25–0.50) |";
        assert!(table.ends_with(ratio), "{table}");
    }
}
