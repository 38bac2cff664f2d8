//! A run from its first to its last process.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use gearman_testkit::eventually_or;
use tempfile::TempDir;

use crate::account::{Account, Evidence, by_number};
use crate::clients::{self, CLIENTS, Heard};
use crate::damage::Damage;
use crate::deaths::Counted;
use crate::evidence::{Execution, Noted, noted};
use crate::jobs::{Fate, Task};
use crate::note::now;
use crate::options::Options;
use crate::plan::plan;
use crate::recycled::Recycled;
use crate::world::{Stop, World, lock};
use crate::{disturb, watch};

/// When all is quiet, so long until every background job has run.
const BACKGROUND: Duration = Duration::from_secs(120);
/// And so long until job servers have nothing left in their queues.
const QUEUES: Duration = Duration::from_secs(90);

/// Does all of it, and says what came of it.
pub(crate) fn run(options: &Options, stop: &Arc<Stop>) -> ExitCode {
    let dir = match folder() {
        Ok(dir) => dir,
        Err(error) => {
            eprintln!("chaos: no folder for the logs: {error}");
            return ExitCode::FAILURE;
        }
    };
    println!("chaos: {} jobs, seed {}, logs in {}", options.jobs, options.seed, dir.path().display());
    let good = break_and_judge(options, dir.path(), stop);
    if good && !options.keep {
        return ExitCode::SUCCESS;
    }
    eprintln!("chaos: the logs are kept in {}", dir.keep().display());
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn folder() -> std::io::Result<TempDir> {
    tempfile::Builder::new().prefix("chaos-").tempdir()
}

/// Whether all is well.
fn break_and_judge(options: &Options, dir: &Path, stop: &Arc<Stop>) -> bool {
    // In memory, where there is such a folder: gearmand waits for its disk at each background job.
    let queues = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a folder for the queues");
    let (began, start) = (now(), Instant::now());
    let world = World::new(options, dir, queues.path(), Arc::clone(stop));
    let heard = disturbed(&world, options);
    let took = start.elapsed();
    for (index, server) in world.servers.iter().enumerate() {
        let _ = fs::write(dir.join(format!("gearmand-{index}.log")), server.log());
    }
    let said = |text: &str| -> Vec<String> { world.drivers.iter().flat_map(|driver| driver.said(text)).collect() };
    lock(&world.counts).taken_back = u32::try_from(said("is taken back").len()).unwrap_or(u32::MAX);
    let panics = said("panicked at");
    let overdue = said("and its timeout is").iter().filter_map(|line| process_and_handle(line)).collect();

    let mut counted: HashMap<u32, Vec<Counted>> = HashMap::new();
    for driver in &world.drivers {
        let said = driver.said(", unique ");
        for (number, death) in said.iter().filter_map(|line| Counted::parse(driver.index, line)) {
            counted.entry(number).or_default().push(death);
        }
    }

    let notes = fs::read(World::notes(dir)).unwrap_or_default();
    let (Noted { executions, lives, falls, blocked }, unreadable) = match noted(&notes) {
        Ok(noted) => (noted, None),
        Err(error) => (Noted::default(), Some(error)),
    };
    let recycled = Recycled::of(&lives, |text| said(text).len());
    let World { damage, counts, drivers, .. } = world;
    // Ends what a run that was stopped has left.
    drop(drivers);
    let (damage, counts) = (Damage { falls, blocked, overdue, counted, ..lock(&damage).clone() }, lock(&counts));
    let heard = by_number(heard);
    let evidence = Evidence { jobs: options.jobs, heard, executions, lives, recycled, damage, began };
    let account = Account::of(&evidence, stop.is_stopped());
    let panicked = (!panics.is_empty()).then(|| format!("panics in drivers' logs: {panics:#?}"));
    let missing = || counts.missing(options.at_least()).or_else(|| recycled.missing(options.jobs));
    let stopped = stop.reason().or(unreadable).or(panicked).or_else(missing);

    println!("\n{}", account.text(&evidence, &counts, took));
    if stopped.is_some() || !account.is_clean() {
        let histories = account.histories(&evidence);
        eprintln!("{histories}");
        let _ = fs::write(dir.join("faults"), histories);
    }
    if let Some(reason) = &stopped {
        let short: String = reason.chars().take(2000).collect();
        eprintln!("chaos: not as it should be: {short}");
        let _ = fs::write(dir.join("stopped"), reason);
    }
    println!("{}", account.line());
    stopped.is_none() && account.is_clean()
}

/// The process and the job that a line of a driver's log is about.
fn process_and_handle(line: &str) -> Option<(u32, String)> {
    let in_brackets = |text: &str| Some(text.split_once('(')?.1.split_once(')')?.0.to_owned());
    Some((in_brackets(line)?.parse().ok()?, in_brackets(line.rsplit_once(", in ")?.1)?))
}

/// The clients, the disturbances and the quiet end. What the clients have heard.
fn disturbed(world: &World, options: &Options) -> Vec<Heard> {
    let (next, over) = (AtomicU32::new(0), AtomicBool::new(false));
    let plan = plan(options.jobs, options.seed, options.at_least());
    // A job takes 2 ms at the most, and a disturbance a second, also on a machine with much else to do.
    let limit = Duration::from_secs(300) + Duration::from_millis(5) * options.jobs + second_each(plan.len());
    thread::scope(|scope| {
        scope.spawn(|| watch::watch(world, limit, &over));
        let clients: Vec<_> = (0..CLIENTS)
            .map(|place| {
                let next = &next;
                scope.spawn(move || world.guarded("a client", || clients::run(world, place, options.jobs, next)))
            })
            .collect();
        // Until the last driver and job server is up again.
        thread::scope(|scope| disturb::run(world, plan, options.jobs, &next, scope));
        let heard: Vec<Heard> = clients.into_iter().filter_map(|client| client.join().ok().flatten()).collect();
        world.guarded("the end", || quiet(world, options.jobs));
        over.store(true, Ordering::SeqCst);
        heard
    })
}

fn second_each(disturbances: usize) -> Duration {
    Duration::from_secs(disturbances.try_into().unwrap_or(u64::MAX))
}

/// All is up and nothing is disturbed any more: the rest is done, and all drivers end.
fn quiet(world: &World, jobs: u32) {
    if world.stop.is_stopped() {
        return;
    }
    let missing = || -> Vec<u32> {
        let notes = fs::read(World::notes(&world.dir)).unwrap_or_default();
        // A line that is being written is not there yet: the next look sees it.
        let Ok(Noted { executions, .. }) = noted(&notes) else { return vec![u32::MAX] };
        let has_run = |executions: &Vec<Execution>| executions.iter().any(|execution| execution.ended.is_some());
        let runs = |task: &Task| task.background && matches!(task.fate, Fate::Done | Fate::Fails);
        (0..jobs).filter(|&number| runs(&Task::of(number)) && !executions.get(&number).is_some_and(has_run)).collect()
    };
    let end = Instant::now() + BACKGROUND;
    // The account tells of those that don't come. (The queues tell of those that need not end.)
    while !missing().is_empty() && Instant::now() < end && !world.stop.is_stopped() {
        world.stop.pause(Duration::from_millis(100));
    }
    for server in &world.servers {
        eventually_or(
            "a job server has nothing left in its queues",
            QUEUES,
            || (server.status().iter().all(|queue| queue.total == 0) || world.stop.is_stopped()).then_some(()),
            || format!("{:?}", server.status()),
        );
    }
    if !world.stop.is_stopped() {
        world.drivers.iter().for_each(crate::driver::Driver::end);
    }
}
