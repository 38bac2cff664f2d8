//! What the driver costs while its workers have nothing to do: CPU and memory; and how soon its console
//! answers `status`, with a job server that answers and with one that is frozen.

use std::thread;
use std::time::{Duration, Instant};

use clap::Args;
use gearman_testkit::{Gearmand, free_port};

use crate::console::Console;
use crate::side::Side;
use crate::stats::percentile;
use crate::{Failure, machine, usage};

/// How idleness is measured.
#[derive(Args)]
pub(crate) struct Options {
    /// Worker processes, shared out evenly among the jobs.
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    processes: u32,
    /// Jobs.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1000))]
    jobs: u32,
    /// Seconds to look on.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..))]
    seconds: u16,
    /// The driver's interval, in seconds.
    #[arg(long, default_value_t = 1)]
    interval: u64,
    /// Times that the console is asked, with each kind of job server.
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u16).range(1..))]
    questions: u16,
}

/// Between two questions, so that they meet all that the driver does in an interval.
const PAUSE: Duration = Duration::from_millis(10);

/// Measures and prints the result.
pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let gearmand = Gearmand::start();
    let logs = tempfile::tempdir().map_err(|error| Failure::new(error.to_string()))?;
    let jobs = options.jobs as usize;
    let each = (options.processes as usize).div_ceil(jobs);
    let processes = jobs * each;
    let log = logs.path().join("driver.log");
    let port = free_port();
    let mut side = Side::many_jobs(&gearmand, jobs, each, options.interval, &log, port)?;
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
    let memory = usage::memory(driver)?.share as f64 / 1024.0;
    println!(
        "| idle workers | jobs | driver, of one core | all workers, of one core | driver, memory (PSS) |\n\
         | --: | --: | --: | --: | --: |\n\
         | {processes} | {jobs} | {driver_used:.2} % | {workers_used:.2} % | {memory:.1} MiB |"
    );
    println!("\nOver {} s, interval {} s.\n", options.seconds, options.interval);

    println!("| console `status`, job server | p50 | p99 | worst |\n| --- | --: | --: | --: |");
    let mut console = Console::connect(port)?;
    println!("| answers | {} |", questions(&mut console, options.questions, jobs)?);
    gearmand.freeze();
    let frozen = questions(&mut console, options.questions, jobs);
    gearmand.thaw();
    println!("| is frozen | {} |", frozen?);
    side.check_alive()?;
    println!("\n{} questions each, {PAUSE:?} apart. {}.", options.questions, machine::describe(&gearmand));
    Ok(())
}

fn questions(console: &mut Console, times: u16, jobs: usize) -> Result<String, Failure> {
    let mut milliseconds = Vec::new();
    for _ in 0..times {
        thread::sleep(PAUSE);
        let asked = Instant::now();
        let rows = console.ask("status")?.len();
        milliseconds.push(asked.elapsed().as_secs_f64() * 1e3);
        if rows != jobs {
            return Err(Failure::new(format!("console status: {rows} rows for {jobs} jobs")));
        }
    }
    let [p50, p99, worst] = [50, 99, 100].map(|percent| format!("{:.2} ms", percentile(&milliseconds, percent)));
    Ok(format!("{p50} | {p99} | {worst}"))
}
