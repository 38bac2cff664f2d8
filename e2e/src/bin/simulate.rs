//! Simulates the manager in worlds made from seeds, and says whether all laws held. See `e2e::simulate`.
//!
//! `simulate --seeds 1000 [--first 1]`, or `simulate --seed N [--trace]` for one of them.

use std::process::ExitCode;
use std::time::Instant;

use e2e::simulate::{Account, LAWS, last_lines, run, run_traced};

const USAGE: &str = "usage: simulate [--seeds COUNT] [--first SEED] | simulate --seed SEED [--trace]";

/// So many failures are enough to read.
const MOST_FAILURES: usize = 10;

/// So many lines of a failure's script are shown.
const LAST_LINES: usize = 30;

struct Options {
    first: u64,
    seeds: u64,
    trace: bool,
}

fn main() -> ExitCode {
    match options(std::env::args().skip(1)) {
        Ok(options) if options.trace => trace(options.first),
        Ok(options) => simulate(&options),
        Err(problem) => {
            eprintln!("simulate: {problem}\n{USAGE}");
            ExitCode::from(2)
        }
    }
}

fn options(mut arguments: impl Iterator<Item = String>) -> Result<Options, String> {
    let mut options = Options { first: 1, seeds: 1000, trace: false };
    while let Some(argument) = arguments.next() {
        let mut number = || {
            let value = arguments.next().ok_or_else(|| format!("{argument} needs a number"))?;
            value.parse::<u64>().map_err(|_| format!("{argument} needs a number, not {value:?}"))
        };
        match argument.as_str() {
            "--seeds" => options.seeds = number()?,
            "--first" => options.first = number()?,
            "--seed" => (options.first, options.seeds) = (number()?, 1),
            "--trace" => options.trace = true,
            _ => return Err(format!("{argument} is no option")),
        }
    }
    if options.trace && options.seeds != 1 {
        return Err("--trace is for one seed: give --seed".to_owned());
    }
    Ok(options)
}

fn trace(seed: u64) -> ExitCode {
    match run_traced(seed, |line| println!("{line}")) {
        Ok(account) => {
            println!("seed {seed}: all laws held, {} events", account.events);
            ExitCode::SUCCESS
        }
        Err(broken) => {
            println!("seed {seed}: {broken}");
            ExitCode::FAILURE
        }
    }
}

fn simulate(options: &Options) -> ExitCode {
    let begin = Instant::now();
    let mut account = Account::default();
    let mut failures = Vec::new();
    for seed in options.first..options.first.saturating_add(options.seeds) {
        match run(seed) {
            Ok(world) => account.add(&world),
            Err(broken) => failures.push((seed, broken)),
        }
    }
    let elapsed = begin.elapsed().as_secs_f64();
    let rate = account.events as f64 / elapsed;
    println!("{} worlds, {} events in {elapsed:.2} s: {rate:.0} events a second", account.worlds, account.events);
    println!(
        "in them: {:.1} hours, {} hosts started, {} ended, {} processes started, {} ended, {} orders, \
         {} reloads, {} taken back, {} jobs done, {} failed as poison",
        account.simulated.as_secs_f64() / 3600.0,
        account.hosts,
        account.hosts_ended,
        account.processes,
        account.ends,
        account.orders,
        account.reloads,
        account.taken_back,
        account.jobs,
        account.poison,
    );
    for (seed, broken) in failures.iter().take(MOST_FAILURES) {
        println!("\nseed {seed}: {broken}; its last lines (all: --seed {seed} --trace):");
        for line in last_lines(*seed, LAST_LINES) {
            println!("  {line}");
        }
    }
    if failures.is_empty() {
        println!("in all of them, after every event:");
        for law in LAWS {
            println!("  held: {law}");
        }
        ExitCode::SUCCESS
    } else {
        println!("\n{} of {} worlds broke a law", failures.len(), options.seeds);
        ExitCode::FAILURE
    }
}
