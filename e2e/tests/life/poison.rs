//! Jobs that take their process down again and again: after three deaths they are failed.

use std::path::PathBuf;
use std::thread::{self, JoinHandle};

use e2e::{Farm, FarmBuilder};
use gearman_protocol::{ClientError, Priority};
use gearman_testkit::{Gearmand, eventually};
use nix::sys::signal::Signal;

use crate::support::{self, Notes, PATIENCE, assert_no_zombies, client, job, run, scale};

/// A farm whose state is in the test's folder, so that the next one finds it.
fn farm(gearmand: &Gearmand, notes: &Notes, arguments: &str) -> FarmBuilder {
    let state = notes.path().join("state");
    support::farm(&gearmand.address(), notes, arguments).env("XDG_STATE_HOME", state.display().to_string())
}

/// What the driver has kept for the next one.
fn kept(notes: &Notes) -> Option<String> {
    let drivers = std::fs::read_dir(notes.path().join("state/gearman-driver")).ok()?;
    let files: Vec<PathBuf> = drivers.map(|driver| driver.unwrap().path().join("suspects.json")).collect();
    assert_eq!(files.len(), 1, "{files:?}");
    std::fs::read_to_string(&files[0]).ok()
}

/// Runs a job with a unique in a thread of its own.
fn run_unique(server: &str, function: &str, workload: &str, unique: &str) -> JoinHandle<Result<String, ClientError>> {
    let (server, function) = (server.to_owned(), function.to_owned());
    let (workload, unique) = (workload.to_owned(), unique.to_owned());
    thread::spawn(move || {
        let result = client(&server).run_with(&function, workload, &unique, Priority::Normal, |_| ());
        result.map(|result| String::from_utf8_lossy(&result).into_owned())
    })
}

/// The last warning before the failure.
fn reason(answer: JoinHandle<Result<String, ClientError>>) -> String {
    match answer.join().unwrap() {
        Err(ClientError::Failed { warnings, .. }) => warnings.last().unwrap().clone(),
        other => panic!("{other:?}"),
    }
}

const REASON: &str = "poison job: it has taken down 3 processes (the last one ended by signal 6); it was not run again";

#[test]
fn it_is_run_three_times_then_failed_and_others_go_on() {
    let (gearmand, notes) = (Gearmand::start(), Notes::new());
    let farm = farm(&gearmand, &notes, "").start();
    scale(&farm, &gearmand, "fall", 1);
    // With no unique: it is known by its handle.
    let answer = run(&gearmand.address(), "fall", "a");
    assert_eq!(client(&gearmand.address()).run(&job("echo"), "hello").unwrap(), b"hello");
    assert_eq!(reason(answer), REASON);
    assert_eq!(notes.counts()["a"], 3);
    let line = farm.wait_log("Poison job:");
    assert!(line.contains("WARN") && line.contains(&job("fall")) && line.contains("(handle H:"), "{line}");
    let row = farm.console().row(&job("fall"));
    assert!(format!("{row:?}").contains(REASON), "the last error: {row:?}");
    // The process that refused it lives, and runs another.
    std::fs::write(notes.path().join("mended"), "").unwrap();
    let pids = farm.console().pids(&job("fall"));
    assert_eq!(run(&gearmand.address(), "fall", "b").join().unwrap().unwrap(), "b");
    assert_eq!(farm.console().pids(&job("fall")), pids);
    farm.wait("nothing is kept of it", || kept(&notes).is_none().then_some(()));
    assert_no_zombies(&farm);
}

#[test]
fn a_new_job_with_the_same_unique_is_none_the_worse_for_it() {
    let (gearmand, notes) = (Gearmand::start(), Notes::new());
    let farm = farm(&gearmand, &notes, "--poison-limit 1").start();
    // Several processes: one that has refused nothing is as well informed as the one that has.
    scale(&farm, &gearmand, "fall", 3);
    let reason = reason(run_unique(&gearmand.address(), &job("fall"), "a", "u"));
    assert!(reason.contains("not run again"), "{reason}");
    // Before it was known to be poison, processes that stood by may have been given it.
    assert!((1..=3).contains(&notes.counts()["a"]), "{:?}", notes.counts());
    std::fs::write(notes.path().join("mended"), "").unwrap();
    for _ in 0..5 {
        assert_eq!(run_unique(&gearmand.address(), &job("fall"), "b", "u").join().unwrap().unwrap(), "b");
    }
}

#[test]
fn a_process_that_may_write_no_large_file_can_note_its_answer() {
    let (gearmand, notes) = (Gearmand::start(), Notes::new());
    let limit = format!("job_runtime_attributes.\"{}\".rlimits.fsize = \"1MB\"\n", job("fall"));
    let farm = farm(&gearmand, &notes, "--poison-limit 1 --configfile fsize.toml").file("fsize.toml", limit).start();
    scale(&farm, &gearmand, "fall", 1);
    let reason = reason(run(&gearmand.address(), "fall", "a"));
    assert!(reason.contains("not run again"), "{reason}");
    let line = farm.wait_log("Exited with status");
    assert!(line.contains("by signal 6"), "{line}");
    farm.wait("its entry is taken off the list", || kept(&notes).is_none().then_some(()));
    assert_eq!(farm.log().matches("Exited with status").count(), 1, "{}", farm.log());
}

#[test]
fn with_exceptions_the_client_gets_one() {
    let (gearmand, notes) = (Gearmand::start(), Notes::new());
    let farm = farm(&gearmand, &notes, "--poison-limit 1").start();
    scale(&farm, &gearmand, "fall_with_exceptions", 1);
    let mut client = client(&gearmand.address()).exceptions(true);
    match client.run(&job("fall_with_exceptions"), "a") {
        Err(ClientError::Exception { message, .. }) => assert!(message.starts_with("poison job: "), "{message}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_limit_of_zero_runs_it_again_and_again() {
    let (gearmand, notes) = (Gearmand::start(), Notes::new());
    let farm = farm(&gearmand, &notes, "--poison-limit 0").start();
    scale(&farm, &gearmand, "fall", 1);
    let answer = run(&gearmand.address(), "fall", "a");
    notes.wait_begun(&farm, 4);
    std::fs::write(notes.path().join("mended"), "").unwrap();
    assert_eq!(answer.join().unwrap().unwrap(), "a");
    assert_eq!(kept(&notes), None);
}

/// Two deaths under one driver, which then `ends`; the third under the next.
fn deaths_count_across_a_restart(end: impl FnOnce(&mut Farm)) {
    let (gearmand, notes) = (Gearmand::start(), Notes::new());
    let mut first = farm(&gearmand, &notes, "").start();
    scale(&first, &gearmand, "fall", 1);
    let answer = run_unique(&gearmand.address(), &job("fall"), "a", "u");
    // The replacement of the second is held back for a second.
    let _ = first.wait_log("death 2 of 3");
    end(&mut first);
    eventually("all processes of the first driver are gone", PATIENCE, || {
        e2e::inhabitants(first.dir()).is_empty().then_some(())
    });
    let before = notes.counts()["a"];
    assert!(kept(&notes).unwrap().contains("\"unique\": \"u\""));

    let second = farm(&gearmand, &notes, "").start();
    let _ = second.wait_log("have taken down processes of an earlier driver");
    scale(&second, &gearmand, "fall", 1);
    assert_eq!(reason(answer), REASON);
    assert_eq!((before, notes.counts()["a"]), (2, 3));
    second.wait("nothing is kept of it", || kept(&notes).is_none().then_some(()));
}

#[test]
fn deaths_count_across_a_restart_of_the_driver() {
    deaths_count_across_a_restart(|farm| {
        farm.signal(Signal::SIGTERM);
        assert!(farm.wait_exit().success());
    });
}

#[test]
fn deaths_count_when_the_supervisor_was_killed() {
    deaths_count_across_a_restart(|farm| {
        farm.signal(Signal::SIGKILL);
        farm.wait_exit();
    });
}

#[test]
fn of_several_jobs_in_one_process_the_one_whose_code_ran_answers_for_it() {
    let (gearmand, notes) = (Gearmand::start(), Notes::new());
    let farm = farm(&gearmand, &notes, "").start();
    let wait = "life_farm::workers::Together::wait";
    assert_eq!(farm.console().ask(&format!("set_processes {wait} 1 1")), ["OK"]);
    // In hand for longer than the one that falls, each time.
    let innocent = run_unique(&gearmand.address(), wait, "innocent", "");
    notes.wait_begun(&farm, 1);
    let falling = run_unique(&gearmand.address(), wait, "falling", "u");
    notes.wait_begun(&farm, 2);
    std::fs::write(notes.path().join("fall"), "").unwrap();
    assert_eq!(reason(falling), REASON);
    assert_eq!(notes.counts()["falling"], 3);
    assert!(!innocent.is_finished());
    notes.open("innocent");
    assert_eq!(innocent.join().unwrap().unwrap(), "innocent");
    let log = farm.log();
    let blamed: Vec<&str> = log.lines().filter(|line| line.contains("at work") || line.contains("Poison")).collect();
    assert!(blamed.len() == 3 && blamed.iter().all(|line| line.contains("unique u)")), "{log}");
}
