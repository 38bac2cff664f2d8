//! How long it takes from a worker's death (SIGKILL) until its replacement is registered.

use std::thread;
use std::time::{Duration, Instant};

use clap::Args;
use gearman_testkit::Gearmand;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::side::Side;
use crate::stats::percentile;
use crate::{Failure, machine};

/// How the replacement is measured.
#[derive(Args)]
pub(crate) struct Options {
    /// Worker processes; they are killed in turn.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=1000))]
    processes: u32,
    /// Deaths.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..))]
    kills: u16,
    /// Milliseconds between a replacement and the next death. Deaths in quick succession are another
    /// matter: they are held back on purpose.
    #[arg(long, default_value_t = 1500)]
    pause: u64,
}

/// A replacement that takes longer is a failure.
const PATIENCE: Duration = Duration::from_secs(60);

/// Measures and prints the result.
pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let gearmand = Gearmand::start();
    let logs = tempfile::tempdir().map_err(|error| Failure::new(error.to_string()))?;
    let processes = options.processes as usize;
    let mut side = Side::ours(&gearmand, processes, 5, &logs.path().join("driver.log"))?;
    side.wait_until_ready(&gearmand)?;
    // The longest living first, so that nobody dies young.
    let mut alive = side.worker_pids(&gearmand);
    let mut milliseconds = Vec::new();
    for _ in 0..options.kills {
        thread::sleep(Duration::from_millis(options.pause));
        let victim = alive.remove(0);
        let raw = i32::try_from(victim).map_err(|_| Failure::new(format!("{victim} is no process of this machine")))?;
        let death = Instant::now();
        kill(Pid::from_raw(raw), Signal::SIGKILL)
            .map_err(|error| Failure::new(format!("killing worker {victim}: {error}")))?;
        let replacement = wait_for_replacement(&side, &gearmand, victim, &alive, death)?;
        milliseconds.push(death.elapsed().as_secs_f64() * 1e3);
        alive.push(replacement);
        side.check_alive()?;
    }
    println!(
        "| a killed worker's replacement registered | p50 | p99 | worst |\n| --- | --: | --: | --: |\n\
         | {} | {:.1} ms | {:.1} ms | {:.1} ms |",
        side.name,
        percentile(&milliseconds, 50),
        percentile(&milliseconds, 99),
        percentile(&milliseconds, 100)
    );
    println!("\n{} deaths, {} processes. {}.", options.kills, options.processes, machine::describe(&gearmand));
    Ok(())
}

/// The PID that is new in the job server's list.
fn wait_for_replacement(
    side: &Side,
    gearmand: &Gearmand,
    victim: u32,
    alive: &[u32],
    death: Instant,
) -> Result<u32, Failure> {
    loop {
        let listed = side.worker_pids(gearmand);
        if let Some(new) = listed.iter().find(|pid| **pid != victim && !alive.contains(pid)) {
            return Ok(*new);
        }
        if death.elapsed() > PATIENCE {
            return Err(Failure::new(format!("worker {victim} has no replacement after {} s", PATIENCE.as_secs())));
        }
        thread::sleep(Duration::from_micros(500));
    }
}
