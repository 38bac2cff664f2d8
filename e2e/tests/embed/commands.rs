//! A program's own console command, which does all that a handle can do.

use e2e::{ServerKind, on_both_job_servers};
use gearman_testkit::Gearmand;

use crate::{ECHO, FAIL, GROUP, SLEEP, client, farm, live};

// Not on both, but with gearmand alone: commands that touch no job.
on_both_job_servers! {
    a_process_that_is_removed_finishes_its_job_and_an_idle_one_goes_first,
    last_run_and_last_error_are_told,
    times_may_change_at_run_time,
}

#[test]
fn it_shows_in_help_and_its_failures_are_answers() {
    let server = Gearmand::start();
    let farm = farm(&server).start();
    let mut console = farm.console();
    let help = console.ask("help");
    assert!(help.last().unwrap().starts_with("live WHAT .. "), "{help:?}");
    assert_eq!(console.ask("help live"), ["live WHAT ..", "Asks the live objects."]);
    assert_eq!(console.ask("live"), ["ERR live what?"]);
    assert_eq!(console.ask("live panic"), ["ERR command_failed: live panicked"]);
    // The same connection and all others go on.
    assert_eq!(console.ask("live has nobody"), ["false"]);
    assert_eq!(live(&farm, "in_a_runtime"), ["5"]);
}

#[test]
fn the_handle_knows_jobs_namespaces_and_workers() {
    let server = Gearmand::start();
    let farm = farm(&server).args("--interval 7 --max-idle-time 90").start();
    assert_eq!(live(&farm, "jobs"), [GROUP, ECHO, FAIL, SLEEP, "reverse"]);
    assert_eq!(live(&farm, "namespaces"), ["embed_farm::workers"]);
    assert_eq!(live(&farm, "workers"), ["embed_farm::workers::Grouped", "embed_farm::workers::Plain"]);
    assert_eq!(live(&farm, "has reverse"), ["true"]);
    let [one, two] = ["one", "two"].map(|method| format!("embed_farm::workers::Grouped::{method}"));
    assert_eq!(live(&farm, &format!("functions {GROUP}")), [one, two]);
    assert_eq!(live(&farm, "times"), ["7s 90s"]);
    assert_eq!(live(&farm, "count nobody"), ["ERR no job nobody"]);
}

#[test]
fn bounds_hold_when_the_setter_returns() {
    let server = Gearmand::start();
    let farm = farm(&server).args("--interval 0").start();
    assert_eq!(live(&farm, &format!("bounds {SLEEP}")), ["0 4"]);
    assert!(live(&farm, &format!("min {SLEEP} 2")).is_empty());
    assert_eq!(live(&farm, &format!("count {SLEEP}")), ["2"]);
    let pids = live(&farm, &format!("pids {SLEEP}"));
    assert_eq!(farm.console().pids(SLEEP).iter().map(ToString::to_string).collect::<Vec<_>>(), pids);
    assert_eq!(
        live(&farm, &format!("min {SLEEP} 5")),
        ["ERR invalid_value: min_processes must be smaller than max_processes"]
    );
    assert_eq!(
        live(&farm, &format!("max {SLEEP} 1")),
        ["ERR invalid_value: max_processes must be greater than min_processes"]
    );
    assert_eq!(live(&farm, &format!("max {SLEEP} 70000")), ["ERR invalid_value: max_processes must be <= 65535"]);
    assert!(live(&farm, &format!("both {SLEEP} 0 1")).is_empty());
    assert_eq!(live(&farm, &format!("bounds {SLEEP}")), ["0 1"]);
    farm.wait("one process is left", || (live(&farm, &format!("count {SLEEP}")) == ["1"]).then_some(()));
}

#[test]
fn processes_are_added_and_removed_within_the_bounds() {
    let server = Gearmand::start();
    let farm = farm(&server).args("--interval 0").start();
    for count in 1..=3 {
        assert!(live(&farm, "add reverse").is_empty());
        assert_eq!(live(&farm, "count reverse"), [count.to_string()]);
    }
    assert_eq!(live(&farm, "add reverse"), ["ERR invalid_value: max_processes is reached"]);
    for count in (0..3).rev() {
        assert!(live(&farm, "remove reverse").is_empty());
        farm.wait("it has ended", || (live(&farm, "count reverse") == [count.to_string()]).then_some(()));
    }
    assert_eq!(live(&farm, "remove reverse"), ["ERR invalid_value: min_processes is reached"]);
    assert_eq!(live(&farm, &format!("remove {ECHO}")), ["ERR invalid_value: min_processes is reached"]);
}

#[test]
fn a_job_is_paused_resumed_and_restarted() {
    let server = Gearmand::start();
    let farm = farm(&server).args("--interval 0").start();
    assert_eq!(live(&farm, "paused reverse"), ["false"]);
    assert!(live(&farm, "add reverse").is_empty());
    assert!(live(&farm, "pause reverse").is_empty());
    assert_eq!(live(&farm, "paused reverse"), ["true"]);
    farm.wait("it has ended", || (live(&farm, "count reverse") == ["0"]).then_some(()));
    assert_eq!(live(&farm, "add reverse"), ["ERR invalid_value: the job is paused, resume it first"]);
    assert!(live(&farm, "resume reverse").is_empty());
    assert_eq!(live(&farm, "paused reverse"), ["false"]);
    let before = live(&farm, "pids reverse");
    assert_eq!(before.len(), 1, "as many as before");
    assert!(live(&farm, "restart reverse").is_empty());
    farm.wait("another one alone", || {
        let now = live(&farm, "pids reverse");
        (now.len() == 1 && now != before).then_some(())
    });
}

fn a_process_that_is_removed_finishes_its_job_and_an_idle_one_goes_first(kind: ServerKind) {
    let server = kind.start();
    let farm = farm(&server).args("--interval 0").start();
    assert!(live(&farm, &format!("add {SLEEP}")).is_empty());
    let busy = live(&farm, &format!("pids {SLEEP}"));
    let mut client = client(&server);
    let job = std::thread::spawn(move || client.run(SLEEP, b"1500"));
    farm.wait("the job runs", || server.status_of(SLEEP).filter(|row| row.running == 1).map(|_| ()));
    assert!(live(&farm, &format!("add {SLEEP}")).is_empty());
    assert!(live(&farm, &format!("remove {SLEEP}")).is_empty());
    farm.wait("the idle one has ended", || (live(&farm, &format!("pids {SLEEP}")) == busy).then_some(()));
    assert!(live(&farm, &format!("remove {SLEEP}")).is_empty());
    assert_eq!(job.join().unwrap().unwrap(), b"1500");
}

fn last_run_and_last_error_are_told(kind: ServerKind) {
    let server = kind.start();
    let farm = farm(&server).args("--interval 0.1").start();
    assert_eq!(live(&farm, &format!("last {FAIL}")), ["(false, false, None)"]);
    assert!(client(&server).run(FAIL, b"").is_err());
    assert_eq!(live(&farm, &format!("last {FAIL}")), [r#"(true, true, Some("failed\non purpose"))"#]);
    assert_eq!(client(&server).run("reverse", b"abc").unwrap(), b"cba");
    assert_eq!(live(&farm, "last reverse"), ["(true, false, None)"]);
}

fn times_may_change_at_run_time(kind: ServerKind) {
    let server = kind.start();
    let farm = farm(&server).args("--interval 0 --max-idle-time 600").start();
    client(&server).submit_background("reverse", b"x").unwrap();
    // Nobody looks at the queues, until the interval is set.
    assert_eq!(live(&farm, "count reverse"), ["0"]);
    assert!(live(&farm, "interval 100").is_empty());
    farm.wait("the job was done", || (live(&farm, "last reverse") == ["(true, false, None)"]).then_some(()));
    assert_eq!(live(&farm, "count reverse"), ["1"]);
    assert!(live(&farm, "idle 0").is_empty());
    farm.wait("the process is surplus", || (live(&farm, "count reverse") == ["0"]).then_some(()));
    assert_eq!(live(&farm, "times"), ["100ms 0ns"]);
}

#[test]
fn a_name_that_is_taken_is_an_error_at_the_start() {
    let server = Gearmand::start();
    for embed in [false, true] {
        let mut farm = farm(&server).env("EMBED_FARM_TAKEN", "1");
        if embed {
            farm = farm.env("EMBED_FARM", "start");
        }
        let mut farm = farm.start_unwatched();
        assert_eq!(farm.wait_exit().code(), Some(if embed { 43 } else { 1 }));
        let error = "console_command: the console has a command `live` already: give yours another name";
        assert!(farm.stderr().contains(error), "{}", farm.stderr());
    }
}

#[test]
fn a_command_may_wait_for_children_of_its_own() {
    let server = Gearmand::start();
    let farm = farm(&server).start();
    for _ in 0..10 {
        assert_eq!(live(&farm, "child exit_7"), ["Some(7)"]);
    }
}
