//! Every command and error of the console, to the letter on the wire, and what the commands do to processes.
//!
//! The observer is off: what happens here happens by order.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::time::Duration;

use e2e::{Farm, ServerKind, inhabitants, is_alive, on_both_job_servers};
use gearman_testkit::Gearmand;

use crate::support::{CONVERT, NEVER, SCALE, SHOW, WAIT, client, occupy, started};

// Not on both, but with gearmand alone: what the console says to the letter is the driver's matter.
on_both_job_servers! {
    bounds_take_effect_at_once_with_the_observer_off,
    above_the_maximum_busy_processes_finish_their_jobs,
    what_is_killed_finishes_its_job_and_is_replaced,
    last_run_and_last_error_are_shown_with_the_message,
    shutdown_is_answered_and_lets_jobs_finish,
}

/// The bytes of one answer, the dot included.
struct Wire {
    stream: BufReader<TcpStream>,
}

impl Wire {
    fn connect(farm: &Farm) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", farm.console_port())).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        Self { stream: BufReader::new(stream) }
    }

    /// Sends `command` as it is, and a line feed.
    fn ask(&mut self, command: &str) -> String {
        self.stream.get_mut().write_all(format!("{command}\n").as_bytes()).unwrap();
        let mut answer = String::new();
        while self.stream.read_line(&mut answer).unwrap() > 0 {
            if answer == ".\r\n" || answer.ends_with("\n.\r\n") {
                return answer;
            }
        }
        answer.push_str("(closed)");
        answer
    }
}

#[test]
fn every_error_to_the_letter() {
    let server = Gearmand::start();
    let farm = started(&server, "--interval 0");
    let mut wire = Wire::connect(&farm);
    let mut errors = Vec::new();
    for (command, error) in [
        ("", "unknown_command: "),
        ("\r", "unknown_command: "),
        (" status", "unknown_command: "),
        ("\tstatus", "unknown_command: "),
        ("Status", "unknown_command: Status"),
        ("foo bar\r", "unknown_command: foo"),
        ("\u{1b}[2J", r"unknown_command: \x1b[2J"),
        ("help foo", "unknown_command: foo"),
        ("show", "invalid_job_name: "),
        ("show foo", "invalid_job_name: foo"),
        // A number is not looked at where the job is wrong.
        ("set_min_processes", "invalid_job_name: "),
        ("set_min_processes foo x", "invalid_job_name: foo"),
        ("set_max_processes foo", "invalid_job_name: foo"),
        ("set_processes foo -1 -2", "invalid_job_name: foo"),
        ("set_min_processes JOB", "invalid_value: min_processes must be >= 0"),
        ("set_min_processes JOB -1", "invalid_value: min_processes must be >= 0"),
        ("set_min_processes JOB 1.5", "invalid_value: min_processes must be >= 0"),
        ("set_min_processes JOB one", "invalid_value: min_processes must be >= 0"),
        ("set_max_processes JOB", "invalid_value: max_processes must be >= 0"),
        ("set_max_processes JOB -1", "invalid_value: max_processes must be >= 0"),
        ("set_processes JOB", "invalid_value: min_processes must be >= 0"),
        ("set_processes JOB x 1", "invalid_value: min_processes must be >= 0"),
        ("set_processes JOB 1", "invalid_value: max_processes must be >= 0"),
        ("set_processes JOB 1 x", "invalid_value: max_processes must be >= 0"),
        ("set_min_processes JOB 6", "invalid_value: min_processes must be smaller than max_processes"),
        ("set_max_processes JOB 0", "invalid_value: max_processes must be greater than min_processes"),
        ("set_processes JOB 3 2", "invalid_value: max_processes must be greater than min_processes"),
        ("set_min_processes JOB 65536", "invalid_value: min_processes must be <= 65535"),
        ("set_max_processes JOB 65536", "invalid_value: max_processes must be <= 65535"),
        ("set_max_processes JOB 99999999999999999999999", "invalid_value: max_processes must be <= 65535"),
        ("set_processes JOB 1 65536", "invalid_value: max_processes must be <= 65535"),
        ("kill", "invalid_value: the given PID(s) do not belong to us"),
        ("kill 1", "invalid_value: the given PID(s) do not belong to us"),
        ("kill -1 0 x", "invalid_value: the given PID(s) do not belong to us"),
        ("stop 1", "invalid_value: the given PID(s) do not belong to us"),
        ("killall", "invalid_value: no job_names given"),
        ("killall foo", "invalid_job_name: foo"),
        ("killall JOB foo", "invalid_job_name: foo"),
    ] {
        let answer = wire.ask(&command.replace("JOB", SCALE));
        if answer != format!("ERR {error}\r\n.\r\n") {
            errors.push(format!("{command:?}: {answer:?}"));
        }
    }
    assert_eq!(errors, [""; 0]);
    // Nothing of that touched the job: supervisor's own PID and the host's are no workers either.
    for pid in [farm.pid(), farm.host()] {
        let answer = wire.ask(&format!("kill {pid}"));
        assert_eq!(answer, "ERR invalid_value: the given PID(s) do not belong to us\r\n.\r\n");
    }
    let row = farm.console().row(SCALE);
    assert_eq!((row.min, row.max, row.processes), (1, 5, 1));
}

#[test]
fn answers_to_the_letter() {
    let server = Gearmand::start();
    let farm = started(&server, "--interval 0");
    let mut wire = Wire::connect(&farm);
    let rows = "my_app::workers::image::Image::convert      0  5  0  1970-01-01T00:00:00  1970-01-01T00:00:00  \r\n\
                my_app::workers::image::Image::scale_image  1  5  1  1970-01-01T00:00:00  1970-01-01T00:00:00  \r\n\
                my_app::workers::image::Image::wait         0  5  0  1970-01-01T00:00:00  1970-01-01T00:00:00  \r\n\
                operate_farm::workers::Configured::show     0  3  0  1970-01-01T00:00:00  1970-01-01T00:00:00  \r\n.\r\n";
    assert_eq!(wire.ask("status"), rows);
    assert_eq!(wire.ask("status\r"), rows);
    assert_eq!(wire.ask("status whatever follows"), rows);
    assert_eq!(wire.ask("list"), format!("{CONVERT}\r\n{SCALE}\r\n{WAIT}\r\n{SHOW}\r\n.\r\n"));
    assert_eq!(wire.ask("version"), format!("gearman-driver {}\r\n.\r\n", env!("CARGO_PKG_VERSION")));
    assert!(wire.ask("help").starts_with("status  "));
    assert!(wire.ask("help status").starts_with("status\r\n"));
    let pid = farm.console().pids(SCALE)[0];
    assert_eq!(wire.ask(&format!("show\t {SCALE}")), format!("{SCALE}  1  5  1  {NEVER}  {NEVER}  \r\n{pid}\r\n.\r\n"));
    for order in
        ["set_min_processes J 2", "set_max_processes J 4", "set_processes J 1 3", "set_processes J 2 2", "killall J"]
    {
        assert_eq!(wire.ask(&order.replace('J', SCALE)), "OK\r\n.\r\n", "{order}");
    }
    assert_eq!(wire.ask("quit"), "(closed)");
}

fn bounds_take_effect_at_once_with_the_observer_off(kind: ServerKind) {
    let server = kind.start();
    let farm = started(&server, "--interval 0");
    let mut console = farm.console();
    let processes = |count: usize| {
        farm.wait(&format!("{count} processes of the job"), || {
            (farm.console().pids(SCALE).len() == count).then_some(())
        });
        let registered = u64::try_from(count).unwrap();
        farm.wait(&format!("{count} are registered"), || {
            server.status_of(SCALE).filter(|status| status.workers == registered).map(|_| ())
        });
    };
    processes(1);
    assert_eq!(console.ask(&format!("set_min_processes {SCALE} 3")), ["OK"]);
    processes(3);
    // Three are no more than the maximum, so the new minimum alone stops none.
    assert_eq!(console.ask(&format!("set_min_processes {SCALE} 0")), ["OK"]);
    assert_eq!(console.ask(&format!("set_max_processes {SCALE} 2")), ["OK"]);
    processes(2);
    assert_eq!(console.ask(&format!("set_processes {SCALE} 4 4")), ["OK"]);
    processes(4);
    assert_eq!(console.ask(&format!("set_processes {SCALE} 0 0")), ["OK"]);
    processes(0);
    let row = console.row(SCALE);
    assert_eq!((row.min, row.max), (0, 0));
}

fn above_the_maximum_busy_processes_finish_their_jobs(kind: ServerKind) {
    let server = kind.start();
    let farm = started(&server, "--interval 0");
    let mut console = farm.console();
    assert_eq!(console.ask(&format!("set_processes {WAIT} 3 3")), ["OK"]);
    occupy(&farm, &server, "lock", 3);
    let pids = console.pids(WAIT);
    assert_eq!(console.ask(&format!("set_processes {WAIT} 0 1")), ["OK"]);
    // They are there, and busy, until their jobs are done.
    assert_eq!(console.pids(WAIT).len(), 3);
    assert!(pids.iter().all(|&pid| is_alive(pid)));
    std::fs::remove_file(farm.dir().join("lock")).unwrap();
    farm.wait("two processes have stopped", || (farm.console().pids(WAIT).len() == 1).then_some(()));
    farm.wait("all jobs are done", || server.status_of(WAIT).filter(|status| status.total == 0).map(|_| ()));
    let left = console.pids(WAIT);
    assert!(pids.contains(&left[0]), "{left:?} of {pids:?}");
}

fn what_is_killed_finishes_its_job_and_is_replaced(kind: ServerKind) {
    let server = kind.start();
    let farm = started(&server, "--interval 0");
    let mut console = farm.console();
    assert_eq!(console.ask(&format!("set_processes {WAIT} 1 1")), ["OK"]);
    let replaced = |job: &str, old: &[u32]| {
        farm.wait(&format!("{old:?} of {job} are replaced"), || {
            let pids = farm.console().pids(job);
            (pids.len() == old.len() && pids.iter().all(|pid| !old.contains(pid))).then_some(pids)
        })
    };
    for (command, others) in [("kill", ""), ("stop", " 1 x")] {
        let old = console.pids(SCALE);
        assert_eq!(console.ask(&format!("{command} {}{others}", old[0])), ["OK"]);
        replaced(SCALE, &old);
    }

    occupy(&farm, &server, "lock", 1);
    let (busy, idle) = (console.pids(WAIT), console.pids(SCALE));
    assert_eq!(console.ask(&format!("killall {SCALE} {WAIT}")), ["OK"]);
    replaced(SCALE, &idle);
    assert!(is_alive(busy[0]), "the busy one finishes its job");
    let idle = console.pids(SCALE);
    assert_eq!(console.ask("killall *"), ["OK"]);
    replaced(SCALE, &idle);
    std::fs::remove_file(farm.dir().join("lock")).unwrap();
    replaced(WAIT, &busy);
    assert_eq!(server.status_of(WAIT).unwrap().total, 0, "its job was answered");
    // A name that is wrong keeps the others from being touched.
    let idle = console.pids(SCALE);
    assert_eq!(console.ask(&format!("killall {SCALE} foo")), ["ERR invalid_job_name: foo"]);
    assert_eq!(console.pids(SCALE), idle);
}

fn last_run_and_last_error_are_shown_with_the_message(kind: ServerKind) {
    let server = kind.start();
    let farm = started(&server, "--interval 0");
    let mut console = farm.console();
    assert_eq!(console.ask(&format!("set_processes {CONVERT} 1 1")), ["OK"]);
    let mut client = client(&server);
    client.run(SCALE, "x").unwrap();
    // Written before the answer is sent: no waiting.
    let row = console.row(SCALE);
    assert_ne!(row.last_run, NEVER);
    assert_eq!((row.last_error.as_str(), row.message), (NEVER, None));
    client.run(CONVERT, "no image:\n\u{1b}[31mGröße\t0").unwrap_err();
    let row = console.row(CONVERT);
    assert_ne!(row.last_error, NEVER);
    assert_eq!(row.message.as_deref(), Some(r"no image:\n\x1b[31mGröße\t0"));
    assert!(console.ask(&format!("show {CONVERT}"))[0].ends_with(r"  ERROR: no image:\n\x1b[31mGröße\t0"));
    client.run(CONVERT, "y".repeat(10_000)).unwrap_err();
    assert_eq!(console.row(CONVERT).message, Some("y".repeat(512)));
    // They outlive the process.
    let old = console.pids(CONVERT);
    assert_eq!(console.ask(&format!("kill {}", old[0])), ["OK"]);
    farm.wait("it is replaced", || (farm.console().pids(CONVERT) != old).then_some(()));
    assert_eq!(console.row(CONVERT).message, Some("y".repeat(512)));
}

fn shutdown_is_answered_and_lets_jobs_finish(kind: ServerKind) {
    let server = kind.start();
    let mut farm = started(&server, "--interval 0");
    let mut console = farm.console();
    assert_eq!(console.ask(&format!("set_processes {WAIT} 2 2")), ["OK"]);
    occupy(&farm, &server, "lock", 2);
    let busy = console.pids(WAIT);
    let mut wire = Wire::connect(&farm);
    assert_eq!(wire.ask("shutdown"), "OK\r\n.\r\n");
    assert_eq!(wire.ask("status"), "(closed)");
    let _ = farm.wait_log("Shutting down");
    // The console answers while it drains.
    farm.wait("the idle ones have gone", || farm.console().pids(SCALE).is_empty().then_some(()));
    assert_eq!(farm.console().pids(WAIT), busy);
    std::fs::remove_file(farm.dir().join("lock")).unwrap();
    assert_eq!(farm.wait_exit().code(), Some(0));
    assert_eq!(server.status_of(WAIT).unwrap().total, 0, "both jobs were answered");
    farm.wait("no process is left", || inhabitants(farm.dir()).is_empty().then_some(()));
}
