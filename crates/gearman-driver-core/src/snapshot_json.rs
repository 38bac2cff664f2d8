//! The read model as JSON: what the console's `snapshot` and `gearman-driver status --json` show.
//!
//! Decides names and units: moments of the wall clock are RFC 3339 texts in UTC, spans are seconds. Fields may be added;
//! those that are here stay.

use std::time::Duration;

use serde::Serialize;

use crate::process::LastError;
use crate::snapshot::{self, JobSnapshot, ProcessSnapshot, ServerHealth, Snapshot};
use crate::terminal;
use crate::time::{Time, UnixSeconds};

/// The snapshot as one line of JSON, without a line end. Control characters, and those that reorder or break lines of
/// text, are escaped: it may be shown on a terminal.
pub fn to_json(snapshot: &Snapshot) -> String {
    fit_for_terminal(serde_json::to_string(&Driver::of(snapshot)).expect("texts, numbers and lists are always JSON"))
}

/// The same JSON, with what would change how a terminal shows it escaped. JSON itself escapes ASCII's control characters
/// but one, DEL.
pub(crate) fn fit_for_terminal(json: String) -> String {
    if !json.contains(terminal::disturbs) {
        return json;
    }
    let mut shown = String::with_capacity(json.len());
    for c in json.chars() {
        if terminal::disturbs(c) {
            // All of them have four hexadecimal digits.
            shown.push_str(&format!("\\u{:04x}", u32::from(c)));
        } else {
            shown.push(c);
        }
    }
    shown
}

#[derive(Serialize)]
struct Driver<'a> {
    name: Option<&'a str>,
    pid: Option<u32>,
    version: &'a str,
    /// Seconds.
    uptime: f64,
    shutting_down: bool,
    generation: Option<u32>,
    /// The worker code that a reload is loading.
    loading: Option<u32>,
    servers: Vec<Server<'a>>,
    jobs: Vec<Job<'a>>,
}

#[derive(Serialize)]
struct Server<'a> {
    address: &'a str,
    /// Seconds since its last answer; null: never.
    answered: Option<f64>,
    error: Option<&'a str>,
}

#[derive(Serialize)]
struct Job<'a> {
    name: &'a str,
    functions: &'a [String],
    min_processes: u32,
    max_processes: u32,
    /// Set by an operator, and not what the worker declares.
    limits_changed: bool,
    paused: bool,
    /// The worker code no longer has it.
    retired: bool,
    target: u32,
    processes: Vec<Process<'a>>,
    spawning: u32,
    last_run: Option<String>,
    last_error: Option<Failure<'a>>,
    jobs_done: u64,
    failing: Option<Failing>,
    queue: Option<Queue>,
    decision: Option<&'a str>,
}

#[derive(Serialize)]
struct Process<'a> {
    pid: u32,
    generation: u32,
    state: &'static str,
    /// Seconds in that state.
    since: f64,
    /// Seconds since its start.
    age: f64,
    jobs_done: u64,
    /// Job servers that it is registered with, and that answer it.
    servers: Option<u32>,
    function: Option<&'a str>,
    handle: Option<&'a str>,
}

#[derive(Serialize)]
struct Failure<'a> {
    at: String,
    message: &'a str,
}

#[derive(Serialize)]
struct Failing {
    /// `died`: as soon as they started; `not_started`: they could not be.
    why: &'static str,
    times: u32,
    /// Seconds until the next one is started.
    held: f64,
}

#[derive(Serialize)]
struct Queue {
    /// TOTAL.
    queue: u64,
    /// RUNNING.
    busy: u64,
    /// Registrations without a job.
    free: u64,
    /// AVAILABLE WORKERS.
    running: u64,
    /// Seconds since the look.
    seen: f64,
    /// All job servers had answered.
    complete: bool,
}

impl<'a> Driver<'a> {
    fn of(snapshot: &'a Snapshot) -> Self {
        let now = snapshot.at;
        Self {
            name: snapshot.name.as_deref(),
            pid: snapshot.pid,
            version: &snapshot.version,
            uptime: seconds(snapshot.uptime()),
            shutting_down: snapshot.shutting_down,
            generation: snapshot.generation,
            loading: snapshot.loading,
            servers: snapshot.servers.iter().map(|server| Server::of(server, now)).collect(),
            jobs: snapshot.jobs.iter().map(|job| Job::of(job, now)).collect(),
        }
    }
}

impl<'a> Server<'a> {
    fn of(server: &'a ServerHealth, now: Time) -> Self {
        Self {
            address: &server.address,
            answered: server.last_answer.map(|at| seconds(now.since(at))),
            error: server.error.as_deref(),
        }
    }
}

impl<'a> Job<'a> {
    fn of(job: &'a JobSnapshot, now: Time) -> Self {
        Self {
            name: &job.name,
            functions: &job.functions,
            min_processes: job.limits.min(),
            max_processes: job.limits.max(),
            limits_changed: job.limits_changed,
            paused: job.paused,
            retired: job.retired,
            target: job.target,
            processes: job.processes.iter().map(|process| Process::of(process, now)).collect(),
            spawning: job.spawning,
            last_run: job.last_run.map(wall),
            last_error: job.last_error.as_ref().map(Failure::of),
            jobs_done: job.jobs_done,
            failing: job.failing.map(|failing| Failing {
                why: match failing.failure {
                    snapshot::Failure::DiedAtOnce => "died",
                    snapshot::Failure::NotStarted => "not_started",
                },
                times: failing.times,
                held: seconds(failing.held_until.since(now)),
            }),
            queue: job.queue.map(|queue| Queue {
                queue: queue.status.queue,
                busy: queue.status.busy,
                free: queue.status.free(),
                running: queue.status.running,
                seen: seconds(now.since(queue.seen)),
                complete: queue.complete,
            }),
            decision: job.decision.as_ref().map(|decision| decision.reason.as_str()),
        }
    }
}

impl<'a> Process<'a> {
    fn of(process: &'a ProcessSnapshot, now: Time) -> Self {
        let current = process.current.as_ref();
        Self {
            pid: process.pid,
            generation: process.generation,
            state: process.state.name(),
            since: seconds(now.since(process.since)),
            age: seconds(now.since(process.started)),
            jobs_done: process.jobs_done,
            servers: process.servers,
            function: current.map(|current| current.function.as_str()),
            handle: current.map(|current| current.handle.as_str()).filter(|handle| !handle.is_empty()),
        }
    }
}

impl<'a> Failure<'a> {
    fn of(error: &'a LastError) -> Self {
        Self { at: wall(error.at), message: &error.message }
    }
}

fn wall(at: UnixSeconds) -> String {
    format!("{at}Z")
}

/// To the millisecond: more is noise.
fn seconds(span: Duration) -> f64 {
    span.as_millis() as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Limits;
    use crate::manager::FunctionStatus;
    use crate::process::{ActivityState, CurrentJob, HostId};
    use crate::scaling::Decision;
    use crate::snapshot::{Failing, Failure, QueueSnapshot};

    fn pretty(snapshot: &Snapshot) -> String {
        let value: serde_json::Value = serde_json::from_str(&to_json(snapshot)).unwrap();
        serde_json::to_string_pretty(&value).unwrap()
    }

    fn at(seconds: u64) -> Time {
        Time::after_start(Duration::from_secs(seconds))
    }

    fn busy_driver() -> Snapshot {
        let process = ProcessSnapshot {
            pid: 4711,
            host: HostId(1),
            generation: 1,
            started: at(2),
            state: ActivityState::Busy,
            since: Time::after_start(Duration::from_millis(99_500)),
            jobs_done: 7,
            servers: Some(1),
            current: Some(CurrentJob { function: "a::f".to_owned(), handle: "H:node1:3".to_owned(), started: at(9) }),
        };
        let job = JobSnapshot {
            name: "a::group".to_owned(),
            functions: vec!["a::f".to_owned(), "a::g".to_owned()],
            limits: Limits::new(1, 5).unwrap(),
            limits_changed: true,
            paused: false,
            retired: false,
            target: 2,
            processes: vec![process],
            spawning: 1,
            last_run: Some(UnixSeconds(1_264_797_432)),
            last_error: Some(LastError { at: UnixSeconds(1_264_797_437), message: "bad\u{9b}\u{202e}\nü".to_owned() }),
            jobs_done: 9,
            failing: Some(Failing { times: 3, held_until: at(104), failure: Failure::DiedAtOnce }),
            queue: Some(QueueSnapshot {
                status: FunctionStatus { queue: 8, busy: 1, running: 2 },
                seen: at(98),
                complete: false,
            }),
            decision: Some(Decision { target: 2, reason: "7 wait".to_owned() }),
        };
        Snapshot {
            at: at(100),
            version: "1.2.3".to_owned(),
            name: Some("blue".to_owned()),
            pid: Some(42),
            generation: Some(1),
            loading: Some(2),
            servers: vec![ServerHealth {
                address: "localhost:4730".to_owned(),
                last_answer: Some(at(98)),
                error: Some("refused".to_owned()),
            }],
            jobs: vec![job],
            ..Snapshot::default()
        }
    }

    #[test]
    fn everything_is_in_it() {
        insta::assert_snapshot!(to_json(&busy_driver()), @r#"{"name":"blue","pid":42,"version":"1.2.3","uptime":100.0,"shutting_down":false,"generation":1,"loading":2,"servers":[{"address":"localhost:4730","answered":2.0,"error":"refused"}],"jobs":[{"name":"a::group","functions":["a::f","a::g"],"min_processes":1,"max_processes":5,"limits_changed":true,"paused":false,"retired":false,"target":2,"processes":[{"pid":4711,"generation":1,"state":"busy","since":0.5,"age":98.0,"jobs_done":7,"servers":1,"function":"a::f","handle":"H:node1:3"}],"spawning":1,"last_run":"2010-01-29T20:37:12Z","last_error":{"at":"2010-01-29T20:37:17Z","message":"bad\u009b\u202e\nü"},"jobs_done":9,"failing":{"why":"died","times":3,"held":4.0},"queue":{"queue":8,"busy":1,"free":1,"running":2,"seen":2.0,"complete":false},"decision":"7 wait"}]}"#);
        let read: serde_json::Value = serde_json::from_str(&to_json(&busy_driver())).unwrap();
        assert_eq!(read["jobs"][0]["last_error"]["message"], "bad\u{9b}\u{202e}\nü");
    }

    #[test]
    fn what_is_fit_stays_and_del_is_escaped_among_plain_letters() {
        assert_eq!(fit_for_terminal(r#""bad\n""#.to_owned()), r#""bad\n""#);
        assert_eq!(fit_for_terminal("\"a\u{7f}b\"".to_owned()), r#""a\u007fb""#);
    }

    #[test]
    fn what_is_not_known_is_null() {
        insta::assert_snapshot!(pretty(&Snapshot::default()), @r#"
        {
          "generation": null,
          "jobs": [],
          "loading": null,
          "name": null,
          "pid": null,
          "servers": [],
          "shutting_down": false,
          "uptime": 0.0,
          "version": ""
        }
        "#);
    }
}
