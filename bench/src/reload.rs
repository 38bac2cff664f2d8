//! A reload of many processes under full load: jobs that fail, and how far the throughput falls.
//!
//! Clients keep every process busy with jobs that wait. After a while the driver is told to reload; when no process of the
//! old generation is left, the load goes on for a while. Each finished job is noted with its time, and any window of
//! three seconds is compared with what was before.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;
use gearman_driver::prelude::*;
use gearman_protocol::{Client, ServerList};
use gearman_testkit::{Gearmand, free_port};

use crate::console::Console;
use crate::side::Side;
use crate::{Failure, machine};

/// How a reload is measured.
#[derive(Args)]
pub(crate) struct Options {
    /// Worker processes.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=1000))]
    processes: u16,
    /// Reloads, one after the other.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..))]
    reloads: u16,
    /// Seconds of load before the first reload, and after each.
    #[arg(long, default_value_t = 6)]
    seconds: u64,
}

/// The function of the worker.
pub(crate) const JOB: &str = "bench::reload::Waits::wait";
/// How long a job takes.
const JOB_TIME: Duration = Duration::from_millis(100);
/// What is compared.
const WINDOW: Duration = Duration::from_secs(3);
/// A reload that takes longer is a failure.
const PATIENCE: Duration = Duration::from_secs(60);

/// Waits.
#[derive(Default)]
pub(crate) struct Waits;

#[worker]
impl Waits {
    #[job]
    fn wait(&self, workload: &[u8]) -> Vec<u8> {
        thread::sleep(JOB_TIME);
        workload.to_vec()
    }
}

/// What one client saw: when its jobs were done, and the words of those that failed.
#[derive(Default)]
struct Seen {
    done: Vec<Duration>,
    failed: Vec<String>,
}

/// A reload, from the order to the end of the last old process.
struct Reload {
    from: Duration,
    to: Duration,
}

/// Measures and prints the table.
pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let gearmand = Gearmand::start();
    let logs = tempfile::tempdir().map_err(|error| Failure::new(error.to_string()))?;
    let port = free_port();
    let farm = vec!["--waits".to_owned(), format!("--console-port={port}")];
    let processes = usize::from(options.processes);
    let mut side = Side::farm("gearman-driver", JOB, &gearmand, processes, &logs.path().join("driver.log"), farm)?;
    side.wait_until_ready(&gearmand)?;
    let mut console = Console::connect(port)?;
    let (start, over) = (Instant::now(), AtomicBool::new(false));
    let pause = Duration::from_secs(options.seconds);
    let (seen, reloads) = thread::scope(|scope| {
        // More clients than processes, so that no process waits for one.
        let clients = processes + processes.div_ceil(4);
        let clients: Vec<_> = (0..clients).map(|_| scope.spawn(|| load(&gearmand, start, &over))).collect();
        thread::sleep(pause);
        let reloads: Result<Vec<Reload>, Failure> = (0..options.reloads)
            .map(|_| {
                let reload = reload(&mut console, &side, &gearmand, start)?;
                thread::sleep(pause);
                Ok(reload)
            })
            .collect();
        over.store(true, Ordering::Relaxed);
        let seen: Vec<Seen> = clients.into_iter().filter_map(|client| client.join().ok()).collect();
        (seen, reloads)
    });
    side.check_alive()?;
    let reloads = reloads?;
    let mut done: Vec<Duration> = seen.iter().flat_map(|seen| seen.done.iter().copied()).collect();
    done.sort_unstable();
    let failed: Vec<&String> = seen.iter().flat_map(|seen| &seen.failed).collect();
    if let Some(first) = failed.first() {
        eprintln!("bench: a job failed: {first}");
    }
    println!("{}", table(&done, &reloads, failed.len(), pause)?);
    println!(
        "\n{} processes, jobs of {} ms, full load; any window of {} s from a reload's order on, next to the {} s before it. {}.",
        options.processes,
        JOB_TIME.as_millis(),
        WINDOW.as_secs(),
        options.seconds,
        machine::describe(&gearmand)
    );
    Ok(())
}

fn load(gearmand: &Gearmand, start: Instant, over: &AtomicBool) -> Seen {
    let mut seen = Seen::default();
    let servers = match ServerList::parse(&gearmand.address()) {
        Ok(servers) => servers,
        Err(error) => return Seen { failed: vec![error.to_string()], ..seen },
    };
    let mut client = Client::new(servers).timeout(PATIENCE);
    while !over.load(Ordering::Relaxed) {
        match client.run(JOB, "x") {
            Ok(_) => seen.done.push(start.elapsed()),
            Err(error) => {
                seen.failed.push(error.to_string());
                break;
            }
        }
    }
    seen
}

fn reload(console: &mut Console, side: &Side, gearmand: &Gearmand, start: Instant) -> Result<Reload, Failure> {
    let old = side.worker_pids(gearmand);
    let from = start.elapsed();
    let answer = console.ask("reload")?;
    if answer != ["OK"] {
        return Err(Failure::new(format!("the reload is refused: {answer:?}")));
    }
    loop {
        let left = side.worker_pids(gearmand).iter().filter(|pid| old.contains(pid)).count();
        let to = start.elapsed();
        if left == 0 {
            return Ok(Reload { from, to });
        }
        if to - from > PATIENCE {
            return Err(Failure::new(format!("{left} old processes are left after {} s", PATIENCE.as_secs())));
        }
        thread::sleep(Duration::from_millis(20));
    }
}

/// A row for each reload.
fn table(done: &[Duration], reloads: &[Reload], failed: usize, before: Duration) -> Result<String, Failure> {
    let mut rows = String::new();
    for (at, reload) in reloads.iter().enumerate() {
        let usual = per_second(done, reload.from.saturating_sub(before), reload.from);
        let worst = worst_window(done, reload);
        if usual == 0.0 {
            return Err(Failure::new("no job was done before the reload"));
        }
        rows += &format!(
            "\n| {} | {:.1} s | {usual:.0} | {worst:.0} | **{:.2}** |",
            at + 1,
            (reload.to - reload.from).as_secs_f64(),
            worst / usual
        );
    }
    Ok(format!(
        "| reload | all replaced in | jobs/s before | jobs/s in the worst window | ratio |\n| --: | --: | --: | --: | --: |{rows}\n\n\
         {} jobs done, {failed} failed or without an answer for a minute.",
        done.len(),
    ))
}

fn per_second(done: &[Duration], from: Duration, to: Duration) -> f64 {
    let jobs = done.partition_point(|at| *at < to) - done.partition_point(|at| *at < from);
    jobs as f64 / (to - from).as_secs_f64()
}

/// The least throughput of any window that begins during the reload.
fn worst_window(done: &[Duration], reload: &Reload) -> f64 {
    const STEP: Duration = Duration::from_millis(50);
    let mut worst = f64::INFINITY;
    let mut from = reload.from;
    while from <= reload.to {
        worst = worst.min(per_second(done, from, from + WINDOW));
        from += STEP;
    }
    worst
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_window_is_found() {
        let at = Duration::from_millis;
        // 10 a second, and a hole from 10 s to 11.5 s.
        let done: Vec<Duration> =
            (0..200).map(|n| at(n * 100)).filter(|t| !(at(10_000)..at(11_500)).contains(t)).collect();
        let reload = Reload { from: at(9_000), to: at(12_000) };
        assert!((worst_window(&done, &reload) - 5.0).abs() < 0.4);
        let table = table(&done, &[reload], 0, at(5_000)).unwrap();
        assert!(table.contains("| 1 | 3.0 s | 10 | 5 | **0.50** |"), "{table}");
    }
}
