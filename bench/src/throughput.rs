//! Jobs a second and CPU per job, ours next to the C worker's.
//!
//! Both sides are up all the time, each under a function of its own; an idle worker costs nothing. The
//! same client runs against one and then the other, and the order changes from pair to pair, so that
//! what disturbs the machine disturbs both.

use std::time::Duration;

use clap::Args;
use gearman_testkit::Gearmand;

use crate::pipeline::Load;
use crate::side::Side;
use crate::stats::{median, range};
use crate::{Failure, c_worker, machine, usage};

/// How throughput is measured.
#[derive(Args)]
pub(crate) struct Options {
    /// Pairs of runs for each number of processes.
    #[arg(long, default_value_t = 11, value_parser = clap::value_parser!(u16).range(1..))]
    pairs: u16,
    /// Numbers of worker processes.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 2, 4])]
    processes: Vec<usize>,
    /// Seconds of each run.
    #[arg(long, default_value_t = 1.2)]
    seconds: f64,
    /// Jobs outstanding at any time.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..))]
    window: u16,
    /// Bytes of workload.
    #[arg(long, default_value_t = 64)]
    payload: usize,
    /// The C worker against itself: how much of a difference is this machine's noise.
    #[arg(long)]
    noise: bool,
}

/// One run against one side.
struct Run {
    jobs_per_second: f64,
    worker_us_per_job: f64,
    driver_us_per_job: f64,
}

/// All runs of one number of processes: pairs of (theirs, ours).
struct Pairs(Vec<(Run, Run)>);

/// Measures and prints the table.
pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let duration = Duration::try_from_secs_f64(options.seconds)
        .ok()
        .filter(|duration| !duration.is_zero())
        .ok_or_else(|| Failure::new(format!("--seconds {}: not a duration", options.seconds)))?;
    if options.processes.contains(&0) {
        return Err(Failure::new("--processes 0: at least one process has to work"));
    }
    let c_worker = c_worker::build()?;
    let gearmand = Gearmand::start();
    let logs = tempfile::tempdir().map_err(|error| Failure::new(error.to_string()))?;
    let ours = if options.noise { "C worker again" } else { "gearman-driver" };
    println!("{}", header(ours));
    for &processes in &options.processes {
        let mut theirs = Side::c(&c_worker, &gearmand, "echo_c", processes)?;
        let mut ours = if options.noise {
            Side::c(&c_worker, &gearmand, "echo_c_again", processes)?
        } else {
            Side::ours(&gearmand, processes, 5, &logs.path().join("driver.log"))?
        };
        theirs.wait_until_ready(&gearmand)?;
        ours.wait_until_ready(&gearmand)?;
        let mut pairs = Vec::new();
        for pair in 0..options.pairs {
            let load = |side: &Side| measure(side, &gearmand, options, duration);
            pairs.push(if pair % 2 == 0 {
                let theirs = load(&theirs)?;
                (theirs, load(&ours)?)
            } else {
                let ours = load(&ours)?;
                (load(&theirs)?, ours)
            });
        }
        theirs.check_alive()?;
        ours.check_alive()?;
        println!("{}", Pairs(pairs).row(processes));
    }
    println!(
        "\n{} interleaved pairs of {} s for each row; medians, in brackets the range of the pairs' ratios; \
         {} bytes, {} jobs outstanding.",
        options.pairs, options.seconds, options.payload, options.window
    );
    println!("{}.", machine::describe(&gearmand));
    Ok(())
}

fn measure(side: &Side, gearmand: &Gearmand, options: &Options, duration: Duration) -> Result<Run, Failure> {
    let workers = side.worker_pids(gearmand);
    let driver: Vec<u32> = side.driver_pid().into_iter().collect();
    let load = Load {
        server: &gearmand.address(),
        function: &side.function,
        payload: options.payload,
        window: options.window.into(),
        warm_up: Duration::from_millis(100),
        duration,
    };
    let workers_before = usage::cpu_of_all(&workers)?;
    let driver_before = usage::cpu_of_all(&driver)?;
    let answered = load.run()?;
    let per_job = |used: Duration| used.as_secs_f64() * 1e6 / answered.total as f64;
    Ok(Run {
        jobs_per_second: answered.per_second,
        worker_us_per_job: per_job(usage::cpu_of_all(&workers)?.saturating_sub(workers_before)),
        driver_us_per_job: per_job(usage::cpu_of_all(&driver)?.saturating_sub(driver_before)),
    })
}

fn header(ours: &str) -> String {
    format!(
        "| processes | C worker, jobs/s | {ours}, jobs/s | ratio | C worker, CPU/job | {ours}, CPU/job | ratio | driver CPU/job |\n\
         | --: | --: | --: | --: | --: | --: | --: | --: |"
    )
}

impl Pairs {
    fn row(&self, processes: usize) -> String {
        let theirs = |what: fn(&Run) -> f64| self.median_of(|(theirs, _)| what(theirs));
        let ours = |what: fn(&Run) -> f64| self.median_of(|(_, ours)| what(ours));
        let jobs = |run: &Run| run.jobs_per_second;
        let cpu = |run: &Run| run.worker_us_per_job;
        format!(
            "| {processes} | {:.0} | {:.0} | {} | {:.1} µs | {:.1} µs | {} | {:.2} µs |",
            theirs(jobs),
            ours(jobs),
            self.ratio(jobs),
            theirs(cpu),
            ours(cpu),
            self.ratio(cpu),
            ours(|run| run.driver_us_per_job),
        )
    }

    fn median_of(&self, what: impl Fn(&(Run, Run)) -> f64) -> f64 {
        median(&self.0.iter().map(what).collect::<Vec<_>>())
    }

    /// The median of the pairs' ratios, ours to theirs, and their range.
    fn ratio(&self, what: impl Fn(&Run) -> f64) -> String {
        let ratios: Vec<f64> = self.0.iter().map(|(theirs, ours)| what(ours) / what(theirs)).collect();
        let (least, most) = range(&ratios);
        format!("**{:.2}** ({least:.2}–{most:.2})", median(&ratios))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(jobs_per_second: f64, worker_us_per_job: f64) -> Run {
        Run { jobs_per_second, worker_us_per_job, driver_us_per_job: 0.0 }
    }

    #[test]
    fn a_row_has_medians_and_the_ratio_of_each_pair() {
        let pairs = Pairs(vec![
            (one(1000.0, 20.0), one(1100.0, 15.0)),
            (one(2000.0, 20.0), one(1800.0, 16.0)),
            (one(1500.0, 20.0), one(1500.0, 17.0)),
        ]);
        assert_eq!(
            pairs.row(2),
            "| 2 | 1500 | 1500 | **1.00** (0.90–1.10) | 20.0 µs | 16.0 µs | **0.80** (0.75–0.85) | 0.00 µs |"
        );
    }
}
