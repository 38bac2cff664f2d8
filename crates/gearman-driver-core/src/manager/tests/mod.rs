//! Scripts that read like the specification: what happens, and what the manager asks for.
//!
//! `then` lists the effects without log lines, separated by `; `: `spawn a#1` (job and process), `stop 1`, `kill 1`,
//! `start host 1`, `stop host 1`, `ok`, `refused: ..`, `unknown f`, `suspects [HANDLE:DEATHS ..]` (with `!` poison), `exit
//! 0`. The PID of process 1 is 101.

mod bounds;
mod endings;
mod hosts;
mod operators;
mod poison;
mod queues;
mod recycling;
mod reloads;
mod shutdowns;
mod timeouts;
mod trials;

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Effect, Event, FunctionStatus, Manager, Settings, Signal};
use crate::job::JobDeclaration;
use crate::level::Level;
use crate::limits::Limits;
use crate::order::{JobSelection, Order, OrderId};
use crate::process::{Activity, ActivityState, CurrentJob, ExitStatus, HostId, LastError, ProcessId};
use crate::snapshot::{JobSnapshot, ProcessSnapshot, Snapshot};
use crate::time::{Time, UnixSeconds};

/// A manager, and a clock that the script sets.
pub(super) struct Driver {
    pub(super) manager: Manager,
    now: Time,
    log: Vec<String>,
    last_host: u32,
    last_generation: u32,
    orders: u64,
    in_force: Option<u32>,
}

/// What the manager asked for in answer to one event.
#[must_use]
pub(super) struct Answer(String);

impl Answer {
    #[track_caller]
    pub(super) fn then(self, expected: &str) {
        assert_eq!(self.0, expected);
    }
}

/// A job with one function of its own name.
pub(super) fn job(name: &str, min: u32, max: u32) -> JobDeclaration {
    group(name, &[name], min, max)
}

/// A job with several functions.
pub(super) fn group(name: &str, functions: &[&str], min: u32, max: u32) -> JobDeclaration {
    JobDeclaration::new(name, functions.iter().map(ToString::to_string).collect(), Limits::new(min, max).unwrap())
}

/// A driver with a ready host; the processes of the minimum run, and have registered.
pub(super) fn driver(jobs: impl IntoIterator<Item = JobDeclaration>) -> Driver {
    driver_with(Settings::default(), jobs)
}

pub(super) fn driver_with(settings: Settings, jobs: impl IntoIterator<Item = JobDeclaration>) -> Driver {
    let mut driver = Driver::new(settings);
    driver.when(Event::Started).then("start host 1");
    let answer = driver.host_ready(jobs);
    driver.bring_up(&answer);
    driver
}

impl Driver {
    pub(super) fn new(settings: Settings) -> Self {
        Self {
            manager: Manager::new(settings),
            now: Time::START,
            log: Vec::new(),
            last_host: 0,
            orders: 0,
            in_force: None,
            last_generation: 0,
        }
    }

    /// The clock stands at so many seconds after the start.
    pub(super) fn at(&mut self, seconds: f64) -> &mut Self {
        self.now = Time::after_start(Duration::from_secs_f64(seconds));
        self
    }

    pub(super) fn when(&mut self, event: Event) -> Answer {
        let effects = self.manager.handle(self.now, event);
        let mut words = Vec::new();
        for effect in effects {
            match effect {
                Effect::Log(line) => self.log.push(format!("{} {line}", line.level)),
                Effect::StartHost { host, generation } => {
                    (self.last_host, self.last_generation) = (host.0, generation);
                    let of = if generation == 1 { String::new() } else { format!(" of generation {generation}") };
                    words.push(format!("start host {}{of}", host.0));
                }
                Effect::InForce { generation } => {
                    if self.in_force.replace(generation).is_some_and(|before| before != generation) {
                        words.push(format!("in force {generation}"));
                    }
                }
                Effect::StopHost { host } => words.push(format!("stop host {}", host.0)),
                Effect::Spawn { process, job, .. } => {
                    words.push(format!("spawn {job}#{}", process.0));
                }
                Effect::Stop { process } => words.push(format!("stop {}", process.0)),
                Effect::Kill { process } => words.push(format!("kill {}", process.0)),
                Effect::Reply { result: Ok(()), .. } => words.push("ok".to_owned()),
                Effect::Reply { result: Err(error), .. } => words.push(format!("refused: {error}")),
                Effect::Suspects(list) => {
                    let list: Vec<String> = list
                        .iter()
                        .map(|one| {
                            let poison = if one.poison { "!" } else { "" };
                            format!("{}:{}{poison}", one.at_work.handle, one.deaths)
                        })
                        .collect();
                    words.push(format!("suspects [{}]", list.join(" ")));
                }
                Effect::UnknownJob { function, .. } => words.push(format!("unknown {function}")),
                Effect::Exit { code, message } => {
                    let message = message.map(|message| format!(": {message}")).unwrap_or_default();
                    words.push(format!("exit {code}{message}"));
                }
            }
        }
        Answer(words.join("; "))
    }

    pub(super) fn host_ready(&mut self, jobs: impl IntoIterator<Item = JobDeclaration>) -> Answer {
        let (host, generation) = (HostId(self.last_host), self.last_generation);
        self.when(Event::HostReady { host, generation, jobs: jobs.into_iter().collect() })
    }

    pub(super) fn host_failed(&mut self, error: &str) -> Answer {
        let host = HostId(self.last_host);
        self.when(Event::HostFailed { host, error: error.to_owned() })
    }

    pub(super) fn host_gone(&mut self, adopted: &[u64], ended: &[u64]) -> Answer {
        self.this_host_gone(self.last_host, adopted, ended)
    }

    pub(super) fn this_host_gone(&mut self, host: u32, adopted: &[u64], ended: &[u64]) -> Answer {
        self.when(Event::HostGone {
            host: HostId(host),
            status: ExitStatus::Signal(9),
            adopted: adopted.iter().map(|&id| (ProcessId(id), pid(id))).collect(),
            ended: ended.iter().map(|&id| (ProcessId(id), None)).collect(),
        })
    }

    /// Every process that the answer asks for runs and registers.
    pub(super) fn bring_up(&mut self, answer: &Answer) {
        for word in answer.0.split("; ") {
            if let Some((_, id)) = word.strip_prefix("spawn ").and_then(|spawn| spawn.split_once('#')) {
                let id = id.parse().unwrap();
                self.spawned(id).then("");
                self.is(id, ActivityState::Idle, 0);
            }
        }
    }

    pub(super) fn spawned(&mut self, id: u64) -> Answer {
        self.when(Event::Spawned { process: ProcessId(id), pid: pid(id) })
    }

    pub(super) fn spawn_failed(&mut self, id: u64) -> Answer {
        self.when(Event::SpawnFailed { process: ProcessId(id), error: "no memory".to_owned() })
    }

    /// A process says what it does, since now, having answered so many jobs.
    pub(super) fn is(&mut self, id: u64, state: ActivityState, jobs_done: u64) {
        let activity = self.activity(state, jobs_done);
        self.observed(id, activity);
    }

    pub(super) fn observed(&mut self, id: u64, activity: Activity) {
        self.when(Event::Observed { processes: vec![(ProcessId(id), activity)] }).then("");
    }

    pub(super) fn activity(&self, state: ActivityState, jobs_done: u64) -> Activity {
        let current = (state == ActivityState::Busy).then(|| CurrentJob {
            function: "f".to_owned(),
            handle: "H:here:7".to_owned(),
            started: self.now,
        });
        Activity { state, jobs_done, current, ..Activity::idle(self.now) }
    }

    pub(super) fn exited(&mut self, id: u64, status: ExitStatus) -> Answer {
        self.when(Event::Exited { process: ProcessId(id), status, final_activity: None })
    }

    pub(super) fn exited_as(&mut self, id: u64, status: ExitStatus, state: ActivityState, jobs_done: u64) -> Answer {
        let final_activity = Some(self.activity(state, jobs_done));
        self.when(Event::Exited { process: ProcessId(id), status, final_activity })
    }

    /// All job servers answered: function, TOTAL, RUNNING.
    pub(super) fn looked(&mut self, rows: &[(&str, u64, u64)]) -> Answer {
        self.when(Event::Looked { functions: status(rows), complete: true })
    }

    /// Not all job servers answered.
    pub(super) fn looked_in_part(&mut self, rows: &[(&str, u64, u64)]) -> Answer {
        self.when(Event::Looked { functions: status(rows), complete: false })
    }

    pub(super) fn order(&mut self, order: Order) -> Answer {
        self.orders += 1;
        self.when(Event::Order { id: OrderId(self.orders), order })
    }

    pub(super) fn signal(&mut self, signal: Signal) -> Answer {
        self.when(Event::Signal(signal))
    }

    /// Sets the clock to the next deadline, and says that it has come.
    #[track_caller]
    pub(super) fn tick(&mut self) -> Answer {
        self.now = self.manager.next_deadline().expect("a deadline is due");
        self.when(Event::Tick)
    }

    /// How many seconds the next deadline is away.
    pub(super) fn next_deadline_in(&self) -> Option<f64> {
        self.manager.next_deadline().map(|deadline| deadline.since(self.now).as_secs_f64())
    }

    pub(super) fn snapshot(&self) -> Snapshot {
        self.manager.snapshot(self.now)
    }

    pub(super) fn job(&self, name: &str) -> JobSnapshot {
        self.snapshot().job(name).expect("the job exists").clone()
    }

    /// The log since it was last asked for, a line each.
    pub(super) fn log(&mut self) -> String {
        std::mem::take(&mut self.log).join("\n")
    }
}

pub(super) fn pid(id: u64) -> u32 {
    100 + u32::try_from(id).unwrap()
}

fn status(rows: &[(&str, u64, u64)]) -> BTreeMap<String, FunctionStatus> {
    rows.iter().map(|&(name, queue, busy)| (name.to_owned(), FunctionStatus { queue, busy, running: busy })).collect()
}

fn set(job: &str, min: u32, max: u32) -> Order {
    Order::SetProcesses { job: job.to_owned(), min, max }
}

#[test]
fn what_happens_is_logged_in_the_originals_words() {
    let mut d = driver([job("my::One::ping", 1, 3)]);
    insta::assert_snapshot!(d.log(), @"
    DEBUG Added new job: my::One::ping (processes: 1)
    DEBUG Starting 1 new process(es) of type my::One::ping
    INFO (101) [my::One::ping] Process started
    ");
    let answer = d.at(5.0).looked(&[("my::One::ping", 2, 1)]);
    d.bring_up(&answer);
    d.at(65.0).looked(&[("my::One::ping", 0, 0)]).then("stop 1");
    d.exited(1, ExitStatus::Code(0)).then("");
    d.exited(2, ExitStatus::Signal(11)).then("spawn my::One::ping#3");
    insta::assert_snapshot!(d.log(), @"
    DEBUG Starting 1 new process(es) of type my::One::ping
    INFO (102) [my::One::ping] Process started
    DEBUG Stopping 1 process(es) of type my::One::ping (idle: 65)
    INFO (101) [my::One::ping] Process killed
    INFO (101) [my::One::ping] Exited with status 0
    INFO (102) [my::One::ping] Exited with status 11 (by signal 11)
    DEBUG Starting 1 new process(es) of type my::One::ping
    ");
}

#[test]
fn results_are_kept_when_the_process_is_gone() {
    let mut d = driver([job("a", 1, 1)]);
    let failed = |at, message: &str| Some(LastError { at: UnixSeconds(at), message: message.to_owned() });
    let mut activity = d.activity(ActivityState::Idle, 3);
    activity.last_run = Some(UnixSeconds(1000));
    activity.last_error = failed(990, "first");
    d.observed(1, activity.clone());
    activity.jobs_done = 4;
    activity.last_error = failed(1010, "second");
    d.when(Event::Exited { process: ProcessId(1), status: ExitStatus::Code(1), final_activity: Some(activity) })
        .then("spawn a#2");
    d.spawned(2).then("");
    let mut late = d.activity(ActivityState::Idle, 1);
    late.last_run = Some(UnixSeconds(500));
    late.last_error = failed(500, "an older one");
    d.observed(2, late);
    let seen = d.job("a");
    assert_eq!(seen.last_run, Some(UnixSeconds(1000)));
    assert_eq!(seen.last_error, failed(1010, "second"));
    assert_eq!(seen.jobs_done, 5);
}

#[test]
fn the_snapshot_shows_jobs_by_name_and_processes_by_age() {
    let mut d = driver([job("b", 2, 2), job("a", 0, 5)]);
    d.at(7.0).is(1, ActivityState::Busy, 2);
    let seen = d.snapshot();
    assert_eq!(seen.jobs.iter().map(|job| job.name.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(seen.generation, Some(1));
    assert!(!seen.shutting_down);
    let processes: Vec<(u32, ActivityState, u64)> = d
        .job("b")
        .processes
        .iter()
        .map(|ProcessSnapshot { pid, state, jobs_done, .. }| (*pid, *state, *jobs_done))
        .collect();
    assert_eq!(processes, [(101, ActivityState::Busy, 2), (102, ActivityState::Idle, 0)]);
}

#[test]
fn levels_are_those_of_the_log() {
    let mut d = Driver::new(Settings::default());
    d.when(Event::Started).then("start host 1");
    d.host_ready([job("a", 1, 1)]).then("spawn a#1");
    d.spawn_failed(1).then("spawn a#2");
    assert!(d.log().contains(Level::Error.name()));
}
