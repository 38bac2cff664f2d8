//! What the driver costs while its workers have nothing to do: CPU and memory.

use std::thread;
use std::time::{Duration, Instant};

use clap::Args;
use gearman_testkit::Gearmand;

use crate::side::Side;
use crate::{Failure, machine, usage};

/// How idleness is measured.
#[derive(Args)]
pub(crate) struct Options {
    /// Worker processes.
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    processes: u32,
    /// Seconds to look on.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..))]
    seconds: u16,
    /// The driver's interval, in seconds.
    #[arg(long, default_value_t = 1)]
    interval: u64,
}

/// Measures and prints the result.
pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let gearmand = Gearmand::start();
    let logs = tempfile::tempdir().map_err(|error| Failure::new(error.to_string()))?;
    let processes = options.processes as usize;
    let log = logs.path().join("driver.log");
    let mut side = Side::ours(&gearmand, processes, options.interval, &log)?;
    side.wait_until_ready(&gearmand)?;
    let driver = side.driver_pid().ok_or_else(|| Failure::new("no driver on our side"))?;
    let workers = side.worker_pids(&gearmand);
    // What the start left to do is not idleness.
    thread::sleep(Duration::from_secs(2));
    let (driver_before, workers_before) = (usage::cpu(driver)?, usage::cpu_of_all(&workers)?);
    let start = Instant::now();
    thread::sleep(Duration::from_secs(options.seconds.into()));
    let percent = |used: Duration| used.as_secs_f64() / start.elapsed().as_secs_f64() * 100.0;
    let driver_used = percent(usage::cpu(driver)?.saturating_sub(driver_before));
    let workers_used = percent(usage::cpu_of_all(&workers)?.saturating_sub(workers_before));
    let memory = usage::pss_kib(driver)? as f64 / 1024.0;
    side.check_alive()?;
    println!(
        "| idle workers | driver, of one core | all workers, of one core | driver, memory (PSS) |\n\
         | --: | --: | --: | --: |\n\
         | {processes} | {driver_used:.2} % | {workers_used:.2} % | {memory:.1} MiB |"
    );
    println!("\nOver {} s, interval {} s. {}.", options.seconds, options.interval, machine::describe(&gearmand));
    Ok(())
}
