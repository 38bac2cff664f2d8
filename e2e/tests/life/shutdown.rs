//! The driver is asked to end, or told to.

use std::os::unix::process::ExitStatusExt;
use std::thread;
use std::time::Duration;

use e2e::{ServerKind, inhabitants, on_both_job_servers};
use gearman_testkit::Gearmand;
use nix::sys::signal::Signal;

use crate::support::{Notes, everybody, farm, job, registered, run, run_all, scale, timed, wait_gone};

// Not on both, but with gearmand alone: a start that a signal ends has not come to the job server.
on_both_job_servers! {
    term_during_ten_running_jobs_answers_all_ten,
    int_during_ten_running_jobs_answers_all_ten,
    a_second_term_kills_at_once,
    int_after_term_kills_at_once,
    quit_kills_at_once,
    abrt_kills_at_once,
    what_has_not_finished_within_shutdown_timeout_is_killed,
    the_consoles_shutdown_drains_and_further_orders_do_not_hasten_it,
}

/// Ten jobs run when the signal comes: all are answered, each was run once, nothing is left.
fn ten_running_jobs_are_answered(kind: ServerKind, signal: Signal) {
    let (server, notes) = (kind.start(), Notes::new());
    let mut farm = farm(&server.address(), &notes, "").start();
    scale(&farm, &server, "note", 10);
    let ids: Vec<String> = (0..10).map(|n| format!("job{n}")).collect();
    let workloads: Vec<String> = ids.iter().map(|id| format!("{id} 500")).collect();
    let jobs = run_all(&server.address(), "note", &workloads);
    notes.wait_begun(&farm, 10);
    let all = everybody(&farm);
    assert!(all.len() >= 13, "supervisor, host, echo and ten: {all:?}");
    farm.signal(signal);
    assert!(farm.wait_exit().success());
    for (job, id) in jobs.into_iter().zip(&ids) {
        assert_eq!(&job.join().unwrap().unwrap(), id);
    }
    wait_gone(&all);
    assert_eq!(notes.counts(), ids.iter().map(|id| (id.clone(), 1)).collect());
    assert!(registered(&server, "note").is_empty());
}

fn term_during_ten_running_jobs_answers_all_ten(kind: ServerKind) {
    ten_running_jobs_are_answered(kind, Signal::SIGTERM);
}

fn int_during_ten_running_jobs_answers_all_ten(kind: ServerKind) {
    ten_running_jobs_are_answered(kind, Signal::SIGINT);
}

/// A job runs when the driver is made to end by `end`: the job's process is killed, which the log says by PID, job and
/// handle, with `why`; the job is given to another driver's worker later.
fn a_running_job_is_killed_and_done_later(kind: ServerKind, arguments: &str, why: &str, end: impl FnOnce(&e2e::Farm)) {
    let (server, notes) = (kind.start(), Notes::new());
    let mut first = farm(&server.address(), &notes, arguments).start();
    scale(&first, &server, "gate", 1);
    let answer = run(&server.address(), "gate", "held");
    let worker = notes.wait_begun(&first, 1)[0].1;
    let all = everybody(&first);
    end(&first);
    let (status, took) = timed(|| first.wait_exit());
    assert!(status.success(), "{status}: {}", first.state());
    assert!(took < Duration::from_secs(8), "{took:?}: {}", first.state());
    wait_gone(&all);
    let log = first.log();
    let killed = format!("({worker}) [{}] Process killed: {why}", job("gate"));
    let line = log.lines().find(|line| line.contains(&killed)).unwrap_or_else(|| panic!("no {killed:?} in {log}"));
    assert!(line.contains("WARN") && line.contains("(H:"), "level and handle: {line}");

    let second = farm(&server.address(), &notes, "").start();
    scale(&second, &server, "gate", 1);
    notes.wait_begun(&second, 2);
    notes.open("held");
    assert_eq!(answer.join().unwrap().unwrap(), "held");
    assert_eq!(notes.counts()["held"], 2, "killed once, done once");
}

fn a_second_term_kills_at_once(kind: ServerKind) {
    a_running_job_is_killed_and_done_later(kind, "", "the driver ends at once", |driver| {
        driver.signal(Signal::SIGTERM);
        let _ = driver.wait_log("Shutting down (TERM)");
        driver.signal(Signal::SIGTERM);
    });
}

fn int_after_term_kills_at_once(kind: ServerKind) {
    a_running_job_is_killed_and_done_later(kind, "", "the driver ends at once", |driver| {
        driver.signal(Signal::SIGTERM);
        let _ = driver.wait_log("Shutting down (TERM)");
        driver.signal(Signal::SIGINT);
    });
}

fn quit_kills_at_once(kind: ServerKind) {
    a_running_job_is_killed_and_done_later(kind, "", "the driver ends at once", |driver| {
        driver.signal(Signal::SIGQUIT);
    });
}

fn abrt_kills_at_once(kind: ServerKind) {
    a_running_job_is_killed_and_done_later(kind, "", "the driver ends at once", |driver| {
        driver.signal(Signal::SIGABRT);
    });
}

fn what_has_not_finished_within_shutdown_timeout_is_killed(kind: ServerKind) {
    a_running_job_is_killed_and_done_later(
        kind,
        "--shutdown-timeout 0.5",
        "it had not finished after 0.5 s",
        |driver| {
            driver.signal(Signal::SIGTERM);
        },
    );
}

fn the_consoles_shutdown_drains_and_further_orders_do_not_hasten_it(kind: ServerKind) {
    let (server, notes) = (kind.start(), Notes::new());
    let mut farm = farm(&server.address(), &notes, "").start();
    scale(&farm, &server, "gate", 1);
    let answer = run(&server.address(), "gate", "held");
    notes.wait_begun(&farm, 1);
    let all = everybody(&farm);
    assert_eq!(farm.console().ask("shutdown"), ["OK"]);
    assert_eq!(farm.console().ask("shutdown"), ["OK"], "the console answers while the driver drains");
    assert_eq!(farm.console().row(&job("gate")).processes, 1);
    notes.open("held");
    assert_eq!(answer.join().unwrap().unwrap(), "held");
    assert!(farm.wait_exit().success());
    wait_gone(&all);
    assert_eq!(notes.counts()["held"], 1);
}

#[test]
fn a_signal_while_the_driver_starts_leaves_nothing() {
    let (server, notes) = (Gearmand::start(), Notes::new());
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGQUIT] {
        for delay in [0, 3, 6, 10, 15, 25, 40] {
            let mut farm = farm(&server.address(), &notes, "").start_unwatched();
            // Not to wait for anything: to hit different moments of the start.
            thread::sleep(Duration::from_millis(delay));
            farm.signal(signal);
            let status = farm.wait_exit();
            // Before its handlers are there, the signal itself ends it.
            assert!(status.success() || status.signal() == Some(signal as i32), "{status} {}", farm.state());
            farm.wait("no process is left", || inhabitants(farm.dir()).is_empty().then_some(()));
        }
    }
}
