//! `Driver::start`: the driver inside a program that goes on.

use e2e::{Farm, FarmBuilder, ServerKind, descendants, is_alive, on_both_job_servers};
use gearman_testkit::{Gearmand, JobServer};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::{ECHO, FAIL, GROUP, SLEEP, client, farm, live};

// Not on both, but with gearmand alone: signals, children and errors of the program.
on_both_job_servers! {
    it_returns_with_the_jobs_there_and_the_program_goes_on_after_the_end,
    the_programs_children_are_its_own_also_when_the_host_dies,
}

fn embedded(server: &JobServer) -> FarmBuilder {
    farm(server).env("EMBED_FARM", "start")
}

fn stdout(farm: &Farm) -> String {
    std::fs::read_to_string(farm.dir().join("stdout")).unwrap()
}

fn send(pid: u32, signal: Signal) {
    kill(Pid::from_raw(i32::try_from(pid).unwrap()), signal).unwrap();
}

fn it_returns_with_the_jobs_there_and_the_program_goes_on_after_the_end(kind: ServerKind) {
    let server = kind.start();
    let mut farm = embedded(&server).start();
    let jobs = [GROUP, ECHO, FAIL, SLEEP, "reverse"].join(" ");
    farm.wait("start() has returned", || stdout(&farm).contains(&format!("started: {jobs}")).then_some(()));
    assert_eq!(client(&server).run(ECHO, b"hello").unwrap(), b"hello");
    assert_eq!(farm.console().ask("shutdown"), ["OK"]);
    assert_eq!(farm.wait_exit().code(), Some(42), "{}", farm.state());
    let said = stdout(&farm);
    assert!(said.contains("a second one: a driver runs in this process already"), "{said}");
    assert!(said.contains("ended: Ok(()), and then 0 jobs, Err(Ended)"), "{said}");
    farm.wait("nothing is left", || farm.processes().is_empty().then_some(()));
}

#[test]
fn signals_stay_the_programs() {
    let server = Gearmand::start();
    let farm = embedded(&server).start();
    let caught = live(&farm, "signals");
    let caught = u64::from_str_radix(&caught[0], 16).unwrap();
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGQUIT, Signal::SIGHUP, Signal::SIGUSR1, Signal::SIGCHLD] {
        assert_eq!(caught >> (signal as u32 - 1) & 1, 0, "{signal} is handled");
    }
}

fn the_programs_children_are_its_own_also_when_the_host_dies(kind: ServerKind) {
    let server = kind.start();
    let farm = embedded(&server).start();
    for _ in 0..10 {
        assert_eq!(live(&farm, "child exit_7"), ["Some(7)"]);
    }
    live(&farm, "child_starts");
    let (host, worker) = (farm.host(), farm.console().pids(ECHO)[0]);
    send(host, Signal::SIGKILL);
    farm.wait("the host is reaped and replaced", || {
        let hosts = descendants(farm.pid()).into_iter().filter(|process| process.title.contains("[host, generation"));
        hosts.map(|process| process.pid).find(|pid| *pid != host)
    });
    assert!(!farm.processes().iter().any(|process| process.pid == host), "{}", farm.state());
    // The worker goes on, adopted; when it ends, it is reaped and replaced.
    assert_eq!(farm.console().pids(ECHO), [worker]);
    assert_eq!(client(&server).run(ECHO, b"still").unwrap(), b"still");
    send(worker, Signal::SIGKILL);
    farm.wait("the worker is replaced", || farm.console().pids(ECHO).iter().any(|pid| *pid != worker).then_some(()));
    farm.wait("the worker is reaped", || (!farm.processes().iter().any(|process| process.pid == worker)).then_some(()));
    // The program's own child has seen nothing of it.
    assert_eq!(live(&farm, "child_ends"), ["None signal: 9 (SIGKILL)"]);
}

#[test]
fn a_program_that_dies_leaves_no_process() {
    let server = Gearmand::start();
    let mut farm = embedded(&server).start();
    let below = farm.processes();
    farm.signal(Signal::SIGTERM);
    let status = farm.wait_exit();
    assert!(!status.success(), "TERM has its default effect: {status}");
    farm.wait("all processes have ended", || (!below.iter().any(|process| is_alive(process.pid))).then_some(()));
}

#[test]
fn what_keeps_it_from_starting_is_an_error() {
    let server = Gearmand::start();
    let cases = [
        ("--namespaces nowhere", "nowhere"),
        ("--interval x", "interval"),
        ("--logfile /nonexistent/log", "/nonexistent/log"),
        ("--pidfile pid", "pidfile is set, on the command line: it concerns the whole process"),
        ("check", "only `run` can be started inside a program"),
    ];
    for (arguments, expected) in cases {
        let mut farm = embedded(&server).args(arguments).bare().arg("--console-port").arg("0").start_unwatched();
        assert_eq!(farm.wait_exit().code(), Some(43), "{arguments}: {}", farm.state());
        let said = farm.stderr();
        assert!(said.contains("not started: ") && said.contains(expected), "{arguments}: {said}");
    }
}

#[test]
fn the_command_for_unknown_jobs_is_reaped() {
    let server = Gearmand::start();
    let farm = embedded(&server).args("--interval 0.1").arg("--unknown-job-command").arg("true").start();
    client(&server).submit_background("unknown::to_all", b"").unwrap();
    // It is run again at a later look: so it is known to have ended.
    farm.wait("it has run twice", || {
        (farm.log().matches("Command started for function unknown::to_all").count() >= 2).then_some(())
    });
}
