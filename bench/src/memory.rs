//! What a worker process adds to the memory in use, where its host has loaded much data.
//!
//! Two tables: an idle process next to others' and to one that loads its own data; and, for the guide,
//! what is left of the sharing after jobs that use the data in different ways.

use std::path::Path;
use std::time::Duration;

use clap::Args;
use gearman_testkit::Gearmand;

use crate::data::USES;
use crate::pipeline::Load;
use crate::side::Side;
use crate::stats::median;
use crate::usage::{self, Memory};
use crate::{Failure, c_worker, machine};

/// How memory is measured.
#[derive(Args)]
pub(crate) struct Options {
    /// MiB of data that are loaded.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(6..))]
    data: u32,
    /// Worker processes of each kind; the table has their median.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..))]
    processes: u16,
    /// Without the table of what jobs do to the sharing.
    #[arg(long)]
    idle_only: bool,
    /// Also, for one process of ours: which mappings have unique pages.
    #[arg(long)]
    mappings: bool,
}

/// Our kinds of pages, and the option of the farm for each.
const PAGES: [(&str, &[&str]); 2] = [("huge pages", &[]), ("4 KiB pages", &["--small-pages"])];

/// Measures and prints the tables.
pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let c_worker = c_worker::build()?;
    let gearmand = Gearmand::start();
    let logs = tempfile::tempdir().map_err(|error| Failure::new(error.to_string()))?;
    let log = logs.path().join("driver.log");
    let processes = usize::from(options.processes);
    println!(
        "| who | started in | idle: unique | PSS | page tables | after jobs: unique | PSS |\n\
         | --- | --: | --: | --: | --: | --: | --: |"
    );
    for (pages, option) in PAGES {
        let name = format!("gearman-driver, {pages}");
        let side = ours(&name, options, &gearmand, &log, option)?;
        println!("{}", row(side, &gearmand, options.mappings)?);
    }
    let side = ours("a Rust process that loads its own", options, &gearmand, &log, &["--data-in-each"])?;
    println!("{}", row(side, &gearmand, options.mappings)?);
    println!("{}", row(Side::c(&c_worker, &gearmand, "echo_c", processes)?, &gearmand, options.mappings)?);
    if !options.idle_only {
        println!("\n| after a job that | huge pages: unique | 4 KiB pages: unique |\n| --- | --: | --: |");
        for (function, does) in USES {
            let mut unique = Vec::new();
            for (pages, option) in PAGES {
                let mut side = ours(pages, options, &gearmand, &log, option)?;
                side.wait_until_ready(&gearmand)?;
                run_jobs(&side, function, &gearmand)?;
                unique.push(of_all(&side.worker_pids(&gearmand))?.unique);
                end(side, &gearmand);
            }
            println!("| {does} | {} | {} |", size(unique[0]), size(unique[1]));
        }
    }
    println!(
        "\n{} MiB of data; of {} processes each, the median. {}.",
        options.data,
        options.processes,
        machine::describe(&gearmand)
    );
    Ok(())
}

fn ours(name: &str, options: &Options, gearmand: &Gearmand, log: &Path, farm: &[&str]) -> Result<Side, Failure> {
    let mut arguments = vec![format!("--data={}", options.data)];
    arguments.extend(farm.iter().map(|argument| (*argument).to_owned()));
    Side::farm(name, USES[0].0, gearmand, options.processes.into(), log, arguments)
}

fn row(mut side: Side, gearmand: &Gearmand, mappings: bool) -> Result<String, Failure> {
    let started = side.wait_until_ready(gearmand)?;
    let pids = side.worker_pids(gearmand);
    let idle = of_all(&pids)?;
    let idle_mappings = if mappings { list(pids[0])? } else { String::new() };
    run_jobs(&side, &side.function, gearmand)?;
    let ran = of_all(&pids)?;
    let mut row = format!(
        "| {} | {:.2} s | {} | {} | {} | {} | {} |",
        side.name,
        started.as_secs_f64(),
        size(idle.unique),
        size(idle.share),
        size(idle.page_tables),
        size(ran.unique),
        size(ran.share)
    );
    if mappings {
        row += &format!("\nidle, KiB: {idle_mappings}\nafter jobs, KiB: {}", list(pids[0])?);
    }
    side.check_alive()?;
    end(side, gearmand);
    Ok(row)
}

/// Has jobs run until each process had some.
fn run_jobs(side: &Side, function: &str, gearmand: &Gearmand) -> Result<(), Failure> {
    let pids = side.worker_pids(gearmand);
    let each = |pids: &[u32]| pids.iter().map(|pid| usage::cpu(*pid)).collect::<Result<Vec<_>, _>>();
    let before = each(&pids)?;
    for _ in 0..20 {
        let load = Load {
            server: &gearmand.address(),
            function,
            payload: 64,
            window: 4 * pids.len(),
            warm_up: Duration::ZERO,
            duration: Duration::from_millis(300),
        };
        load.run()?;
        // An idle process uses none.
        if each(&pids)?.iter().zip(&before).all(|(now, before)| now > before) {
            return Ok(());
        }
    }
    Err(Failure::new(format!("{}: jobs of {function} don't reach every process", side.name)))
}

fn end(side: Side, gearmand: &Gearmand) {
    let function = side.function.clone();
    drop(side);
    gearman_testkit::eventually("the job server to forget the last run", Duration::from_secs(20), || {
        gearmand.status_of(&function).is_none_or(|row| row.workers == 0).then_some(())
    });
}

/// The median of each figure.
fn of_all(pids: &[u32]) -> Result<Memory, Failure> {
    let all = pids.iter().map(|pid| usage::memory(*pid)).collect::<Result<Vec<_>, _>>()?;
    let middle = |what: fn(&Memory) -> u64| {
        median(&all.iter().map(|memory| what(memory) as f64).collect::<Vec<_>>()).round() as u64
    };
    Ok(Memory {
        unique: middle(|memory| memory.unique),
        share: middle(|memory| memory.share),
        page_tables: middle(|memory| memory.page_tables),
    })
}

fn list(pid: u32) -> Result<String, Failure> {
    let mappings = usage::unique_by_mapping(pid)?;
    Ok(mappings.iter().map(|(name, kib)| format!("{name} {kib}")).collect::<Vec<_>>().join(", "))
}

fn size(kib: u64) -> String {
    if kib < 10_000 { format!("{kib} KiB") } else { format!("{:.1} MiB", kib as f64 / 1024.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_in_the_unit_that_can_be_read() {
        assert_eq!(size(64), "64 KiB");
        assert_eq!(size(204_800), "200.0 MiB");
    }
}
