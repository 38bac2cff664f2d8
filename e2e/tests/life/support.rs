//! What the tests of this binary share: the farm, the notes of its jobs, and jobs given by threads.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use e2e::{Farm, FarmBuilder, Proc, is_alive};
use gearman_protocol::{Client, ClientError, ServerList};
use gearman_testkit::{JobServer, eventually_or};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

/// How long what must happen may take on a loaded machine.
pub(crate) const PATIENCE: Duration = e2e::PATIENCE;

/// A job of `life_farm`, by its full name.
pub(crate) fn job(method: &str) -> String {
    format!("life_farm::workers::Life::{method}")
}

/// The program of that farm.
pub(crate) fn farm_program() -> &'static str {
    env!("CARGO_BIN_EXE_life_farm")
}

/// The farm of these tests, without an observer unless `arguments` say otherwise.
pub(crate) fn farm(servers: &str, notes: &Notes, arguments: &str) -> FarmBuilder {
    let observer = if arguments.contains("--interval") { "" } else { "--interval 0" };
    Farm::of(farm_program(), servers)
        .args(observer)
        .args(arguments)
        .env("LIFE_NOTES", notes.path().display().to_string())
}

/// A client that gives up rather than hang the test.
pub(crate) fn client(server: &str) -> Client {
    Client::new(ServerList::parse(server).unwrap()).timeout(PATIENCE)
}

/// Runs a job in a thread of its own.
pub(crate) fn run(server: &str, method: &str, workload: &str) -> JoinHandle<Result<String, ClientError>> {
    let (server, function, workload) = (server.to_owned(), job(method), workload.to_owned());
    thread::spawn(move || client(&server).run(&function, workload).map(|r| String::from_utf8_lossy(&r).into_owned()))
}

/// Runs one job after the other for each workload, all at the same time.
pub(crate) fn run_all(
    server: &str,
    method: &str,
    workloads: &[String],
) -> Vec<JoinHandle<Result<String, ClientError>>> {
    workloads.iter().map(|workload| run(server, method, workload)).collect()
}

/// What jobs note, and the gates that they wait for.
pub(crate) struct Notes {
    dir: TempDir,
}

impl Notes {
    pub(crate) fn new() -> Self {
        Self { dir: TempDir::new().unwrap() }
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Executions begun so far: ID and PID.
    pub(crate) fn begun(&self) -> Vec<(String, u32)> {
        let text = fs::read_to_string(self.path().join("begun")).unwrap_or_default();
        text.lines()
            .filter_map(|line| line.rsplit_once(' '))
            .map(|(id, pid)| (id.to_owned(), pid.parse().unwrap()))
            .collect()
    }

    /// How often each ID was begun.
    pub(crate) fn counts(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for (id, _) in self.begun() {
            *counts.entry(id).or_default() += 1;
        }
        counts
    }

    /// Lets the `gate` and `chatter` jobs with that workload go on.
    pub(crate) fn open(&self, id: &str) {
        fs::write(self.path().join(format!("gate-{id}")), "").unwrap();
    }

    /// Waits until so many executions have begun.
    pub(crate) fn wait_begun(&self, farm: &Farm, count: usize) -> Vec<(String, u32)> {
        farm.wait(&format!("{count} executions"), || Some(self.begun()).filter(|begun| begun.len() >= count))
    }
}

/// Gives a job exactly `count` processes and waits until all are registered.
pub(crate) fn scale(farm: &Farm, server: &JobServer, method: &str, count: u32) -> Vec<u32> {
    let name = job(method);
    assert_eq!(farm.console().ask(&format!("set_processes {name} {count} {count}")), ["OK"]);
    farm.wait(&format!("{count} of {method} registered"), || {
        (registered(server, method).len() == count as usize).then_some(())
    });
    farm.wait("their PIDs", || Some(farm.console().pids(&name)).filter(|pids| pids.len() == count as usize))
}

/// The PIDs of the processes that serve a job, as their client ids tell.
pub(crate) fn registered(server: &JobServer, method: &str) -> Vec<u32> {
    let suffix = format!(" : {}", job(method));
    let rows = server.workers();
    rows.iter()
        .filter(|row| row.ends_with(&suffix))
        .map(|row| row.split('/').nth(3).unwrap().parse().unwrap())
        .collect()
}

/// Supervisor and all that it has started.
pub(crate) fn everybody(farm: &Farm) -> Vec<u32> {
    farm.processes().iter().map(|process| process.pid).chain([farm.pid()]).collect()
}

/// Waits until none of them runs any more.
pub(crate) fn wait_gone(pids: &[u32]) {
    let left = || pids.iter().copied().filter(|pid| is_alive(*pid)).collect::<Vec<_>>();
    eventually_or(
        "all processes have ended",
        PATIENCE,
        || left().is_empty().then_some(()),
        || left().iter().map(|pid| format!("{pid}: {:?}; ", fs::read_to_string(format!("/proc/{pid}/stat")))).collect(),
    );
}

/// Fails if a process below the driver has ended and was not reaped, or is not one of ours.
pub(crate) fn assert_no_zombies(farm: &Farm) {
    let zombies = || farm.processes().into_iter().filter(|process| process.state == 'Z').collect::<Vec<Proc>>();
    // One that has just ended is there until it is reaped.
    farm.wait("no zombie is left", || zombies().is_empty().then_some(()));
}

/// Signals one process by its PID.
pub(crate) fn signal(pid: u32, signal: Signal) {
    kill(Pid::from_raw(i32::try_from(pid).unwrap()), signal).unwrap();
}

/// What some processes use of the CPUs while something goes on.
pub(crate) struct Usage<'a> {
    pids: &'a [u32],
    before: Duration,
    start: Instant,
}

impl<'a> Usage<'a> {
    /// From now on.
    pub(crate) fn of(pids: &'a [u32]) -> Self {
        Self { pids, before: cpu(pids), start: Instant::now() }
    }

    /// Since when.
    pub(crate) fn wall(&self) -> Duration {
        self.start.elapsed()
    }

    /// Their time on the CPUs, and the time that has gone by.
    pub(crate) fn so_far(&self) -> (Duration, Duration) {
        (cpu(self.pids).saturating_sub(self.before), self.wall())
    }
}

/// User and system time of these processes so far.
fn cpu(pids: &[u32]) -> Duration {
    let ticks = |pid: &u32| -> u64 {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let Some((_, rest)) = stat.rsplit_once(')') else { return 0 };
        rest.split_whitespace().skip(11).take(2).map(|ticks| ticks.parse::<u64>().unwrap()).sum()
    };
    // USER_HZ is 100 wherever Linux runs.
    Duration::from_millis(10 * pids.iter().map(ticks).sum::<u64>())
}

/// Sets a limit of a running process.
pub(crate) fn prlimit(pid: u32, limit: &str) {
    let status = Command::new("prlimit").args([&format!("--pid={pid}"), limit]).status();
    assert!(status.is_ok_and(|status| status.success()), "the command prlimit (of util-linux) is needed");
}

/// How long something takes.
pub(crate) fn timed<T>(f: impl FnOnce() -> T) -> (T, Duration) {
    let start = Instant::now();
    let found = f();
    (found, start.elapsed())
}

/// The value in the middle.
pub(crate) fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

/// The median time of the console's answer to `status`; the best of a few rounds, for loaded machines.
pub(crate) fn console_answers_at_once(farm: &Farm) {
    let mut console = farm.console();
    let mut round = || median((0..15).map(|_| timed(|| console.ask("status")).1).collect());
    let times: Vec<Duration> = (0..4).map(|_| round()).collect();
    println!("the console's answer to `status` took {times:?} (medians)");
    assert!(times.iter().min().unwrap() < &Duration::from_millis(50), "{times:?}");
}
