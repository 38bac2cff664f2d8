//! How many worker processes a second a host forks, with much data loaded: with huge pages next to pages
//! of 4 KiB.
//!
//! The order goes through the console. What is timed ends when the host has so many children; what the
//! children do then, which is to register, goes on beside it on the same cores.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;
use gearman_testkit::{Gearmand, free_port};

use crate::console::Console;
use crate::data::{JOB, USES};
use crate::side::Side;
use crate::stats::{median, range};
use crate::{Failure, usage};

/// How forks are measured.
#[derive(Args)]
#[group(skip)]
pub(crate) struct Options {
    /// MiB of data that the host has loaded.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(6..))]
    data: u32,
    /// Forks in one go.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u16).range(1..))]
    forks: u16,
    /// Interleaved pairs of such goes; 0: none.
    #[arg(long, default_value_t = 11)]
    pub(crate) pairs: u16,
}

const PATIENCE: Duration = Duration::from_secs(60);

/// One of the two: a driver with one process, whose host is to fork more.
struct Forker {
    side: Side,
    console: Console,
    host: u32,
}

/// One go.
struct Run {
    per_second: f64,
    /// CPU time of the host for each fork.
    host_micros: f64,
}

/// Measures and prints the table.
pub(crate) fn run(options: &Options, gearmand: &Gearmand, logs: &Path) -> Result<(), Failure> {
    let mut kinds = Vec::new();
    for (name, arguments) in [
        ("huge pages", vec![format!("--data={}", options.data)]),
        ("4 KiB pages", vec![format!("--data={}", options.data), "--small-pages".to_owned()]),
    ] {
        let log = logs.join(format!("{name}.log"));
        kinds.push((Forker::start(name, gearmand, &log, arguments)?, Vec::new()));
    }
    for pair in 0..usize::from(options.pairs) {
        for turn in 0..kinds.len() {
            let at = (pair + turn) % kinds.len();
            let (forker, runs) = &mut kinds[at];
            runs.push(forker.run(options.forks)?);
        }
    }
    println!(
        "| {} MiB loaded | forks a second | range | host's CPU for each |\n| --- | --: | --: | --: |",
        options.data
    );
    for (forker, runs) in &mut kinds {
        forker.side.check_alive()?;
        let rates: Vec<f64> = runs.iter().map(|run| run.per_second).collect();
        let micros: Vec<f64> = runs.iter().map(|run| run.host_micros).collect();
        let (least, most) = range(&rates);
        let name = &forker.side.name;
        println!("| {name} | {:.0} | {least:.0}–{most:.0} | {:.0} µs |", median(&rates), median(&micros));
    }
    let ratios: Vec<f64> =
        kinds[0].1.iter().zip(&kinds[1].1).map(|(huge, small)| huge.per_second / small.per_second).collect();
    let (least, most) = range(&ratios);
    println!("| ratio | **{:.1}** | {least:.1}–{most:.1} | |", median(&ratios));
    println!(
        "\n{} interleaved pairs of {} forks, ordered through the console; from the order until the host has so many \
         children.",
        options.pairs, options.forks
    );
    Ok(())
}

impl Forker {
    fn start(name: &str, gearmand: &Gearmand, log: &Path, mut arguments: Vec<String>) -> Result<Self, Failure> {
        let port = free_port();
        arguments.push(format!("--console-port={port}"));
        let mut side = Side::farm(name, USES[0].0, gearmand, 1, log, arguments)?;
        let console = Console::connect(port)?;
        side.wait_until_ready(gearmand)?;
        let driver = side.driver_pid().ok_or_else(|| Failure::new("no driver on our side"))?;
        // The kernel's list of children may leave one out while another one ends.
        let mut children = usage::children(driver)?;
        for _ in 0..100 {
            if children.len() == 1 {
                break;
            }
            thread::sleep(Duration::from_millis(10));
            children = usage::children(driver)?;
        }
        match children[..] {
            [host] => Ok(Self { side, console, host }),
            ref others => Err(Failure::new(format!("the driver's children are {others:?}, not one host"))),
        }
    }

    fn run(&mut self, forks: u16) -> Result<Run, Failure> {
        let processes = usize::from(forks) + 1;
        let cpu = usage::cpu(self.host)?;
        let start = Instant::now();
        self.console.ask(&format!("set_processes {JOB} {processes} {processes}"))?;
        self.wait_for(processes)?;
        let took = start.elapsed().as_secs_f64();
        let host = usage::cpu(self.host)?.saturating_sub(cpu).as_secs_f64();
        self.console.ask(&format!("set_processes {JOB} 1 1"))?;
        self.wait_for(1)?;
        // What the ends left to do is not forking.
        thread::sleep(Duration::from_millis(200));
        Ok(Run { per_second: f64::from(forks) / took, host_micros: host / f64::from(forks) * 1e6 })
    }

    /// Until the host has so many children.
    fn wait_for(&self, processes: usize) -> Result<(), Failure> {
        let end = Instant::now() + PATIENCE;
        loop {
            let children = usage::children(self.host)?.len();
            if children == processes {
                return Ok(());
            }
            if Instant::now() > end {
                return Err(Failure::new(format!("{}: {children} processes, not {processes}", self.side.name)));
            }
            thread::sleep(Duration::from_micros(500));
        }
    }
}
