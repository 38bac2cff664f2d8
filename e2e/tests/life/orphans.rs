//! Processes that lose their parents: whose child they become, and that none stays behind as a zombie, also where the
//! driver is the first process of a container.

use std::process::{Command, Stdio};

use e2e::{Farm, FarmBuilder, descendants};
use gearman_testkit::Gearmand;
use nix::sys::signal::Signal;

use crate::support::{
    Notes, assert_no_zombies, client, everybody, farm, farm_program, job, run, scale, signal, wait_gone,
};

const ORPHANS: usize = 1000;

/// A job starts many children of children that lose their parents and end: each is reaped, and nobody is disturbed.
fn orphans_are_reaped(farm: &Farm, server: &Gearmand) {
    scale(farm, server, "litter", 1);
    let before = farm.processes().len();
    let answer = run(&server.address(), "litter", &ORPHANS.to_string());
    let mut most = 0;
    let mut client = client(&server.address());
    while !answer.is_finished() {
        most = most.max(farm.processes().len());
        assert_eq!(client.run(&job("echo"), "meanwhile").unwrap(), b"meanwhile");
    }
    answer.join().unwrap().unwrap();
    assert!(most > before, "some have been seen");
    println!("{ORPHANS} orphans; at most {most} processes were there, {before} before");
    farm.wait("no orphan is left", || (farm.processes().len() == before).then_some(()));
    assert_no_zombies(farm);
    assert_eq!(farm.console().row(&job("litter")).processes, 1);
    let log = farm.log();
    assert!(!log.contains("ERROR") && !log.contains("WARN"), "{log}");
}

#[test]
fn a_thousand_orphans_leave_no_zombie() {
    let (server, notes) = (Gearmand::start(), Notes::new());
    let farm = farm(&server.address(), &notes, "").start();
    orphans_are_reaped(&farm, &server);
}

/// The command that makes the driver the first process of a PID namespace of its own; `None`: not permitted here.
fn first_of_a_namespace() -> Option<&'static [&'static str]> {
    const AS_ROOT: &[&str] = &["--pid", "--fork", "--kill-child", "--mount-proc"];
    const AS_USER: &[&str] = &["--user", "--map-root-user", "--pid", "--fork", "--kill-child", "--mount-proc"];
    [AS_ROOT, AS_USER].into_iter().find(|arguments| {
        let tried = Command::new("unshare").args(*arguments).arg("true").stderr(Stdio::null()).status();
        tried.is_ok_and(|status| status.success())
    })
}

fn farm_as_pid_1(namespace: &[&str], server: &Gearmand, notes: &Notes) -> FarmBuilder {
    let mut builder = Farm::of("unshare", server.address());
    for argument in namespace {
        builder = builder.arg(*argument);
    }
    builder.arg(farm_program()).args("--interval 0").env("LIFE_NOTES", notes.path().display().to_string())
}

#[test]
fn as_the_first_process_of_a_container_it_reaps_orphans_and_term_drains() {
    let Some(namespace) = first_of_a_namespace() else {
        eprintln!(
            "NOT TESTED: this user may not make PID namespaces (unshare --pid), so the driver is not run as PID 1; \
             a_thousand_orphans_leave_no_zombie tests it as a subreaper"
        );
        return;
    };
    let (server, notes) = (Gearmand::start(), Notes::new());
    let mut farm = farm_as_pid_1(namespace, &server, &notes).start();
    let driver = descendants(farm.pid()).into_iter().find(|process| process.parent == farm.pid()).unwrap().pid;
    let status = std::fs::read_to_string(format!("/proc/{driver}/status")).unwrap();
    let pid_inside = status.lines().find_map(|line| line.strip_prefix("NSpid:")?.split_whitespace().last()).unwrap();
    assert_eq!(pid_inside, "1", "{status}");

    orphans_are_reaped(&farm, &server);

    // The host's workers become children of PID 1 whatever a subreaper is: they are adopted as well.
    scale(&farm, &server, "gate", 1);
    let answer = run(&server.address(), "gate", "held");
    notes.wait_begun(&farm, 1);
    let host = farm.host();
    signal(host, Signal::SIGKILL);
    let _ = farm.wait_log("The host ended with status");
    farm.wait("a new host", || {
        farm.processes().into_iter().find(|one| one.title.contains("[host, generation") && one.pid != host)
    });

    let all = everybody(&farm);
    signal(driver, Signal::SIGTERM);
    let _ = farm.wait_log("Shutting down (TERM)");
    // It is waited for: the first process of a namespace takes all others with it.
    assert!(!answer.is_finished());
    notes.open("held");
    assert_eq!(answer.join().unwrap().unwrap(), "held");
    let status = farm.wait_exit();
    assert_eq!(status.code(), Some(0), "{}", farm.state());
    wait_gone(&all);
    assert!(!farm.log().contains("Process killed:"), "{}", farm.log());
}
