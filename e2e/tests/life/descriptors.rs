//! A driver that may have few descriptors: what it has goes on, what it lacks is told, and nothing spins.

use std::thread;
use std::time::{Duration, Instant};

use e2e::{Console, Farm};
use gearman_testkit::{Gearmand, JobServer};

use crate::support::{Notes, Usage, client, everybody, farm, job, prlimit, registered, run, scale, wait_gone};

/// What a driver may have while a test lasts, or a part of it. More than that it may have at its end: the hard limit is one
/// that only root can raise, and not in every container.
const FEW: &str = "--nofile=64:1024";

/// A driver that is started with fewer descriptors than it may have, and raises that by itself.
fn farm_of(server: &JobServer, notes: &Notes) -> Farm {
    farm(&server.address(), notes, "--interval 0.5").under(&["prlimit", "--nofile=48:1024"]).start()
}

/// The soft and the hard limit of open files.
fn open_files(pid: u32) -> (String, String) {
    let limits = std::fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
    let row = limits.lines().find(|row| row.starts_with("Max open files")).unwrap();
    let mut words = row.split_whitespace().skip(3).map(str::to_owned);
    (words.next().unwrap(), words.next().unwrap())
}

/// What the log says of descriptors, a line each.
fn told(farm: &Farm, what: &str) -> Vec<String> {
    farm.log().lines().filter(|line| line.contains(what)).map(str::to_owned).collect()
}

#[test]
fn the_driver_raises_its_limit_and_its_processes_have_the_one_that_it_was_started_with() {
    let (server, notes) = (Gearmand::start(), Notes::new());
    let farm = farm_of(&server, &notes);
    let pids = scale(&farm, &server, "seen_by_child", 1);
    assert_eq!(open_files(farm.pid()), ("1024".to_owned(), "1024".to_owned()));
    for pid in pids.into_iter().chain([farm.host()]) {
        assert_eq!(open_files(pid), ("48".to_owned(), "1024".to_owned()), "{}", farm.state());
    }
    // So has the host of a reload.
    farm.signal(nix::sys::signal::Signal::SIGHUP);
    let _ = farm.wait_log("generation 2 has taken over");
    let host = farm.processes().into_iter().find(|process| process.title.contains("[host, generation 2]")).unwrap().pid;
    assert_eq!(open_files(host), ("48".to_owned(), "1024".to_owned()));
}

#[test]
fn more_processes_than_its_descriptors_allow_are_started_when_it_may_have_more() {
    let (server, notes) = (Gearmand::start(), Notes::new());
    let mut farm = farm_of(&server, &notes);
    prlimit(farm.pid(), FEW);
    scale(&farm, &server, "gate", 1);
    let held = run(&server.address(), "gate", "held");
    notes.wait_begun(&farm, 1);
    let asked = Instant::now();
    assert_eq!(farm.console().ask(&format!("set_processes {} 20 20", job("note"))), ["OK"]);
    let line = farm.wait_log("Could not start a process");
    assert!(line.contains("Too many open files") && line.contains("may have 64 open"), "{line}");
    assert!(line.contains("LimitNOFILE="), "{line}");
    let warning = farm.wait_log("2 times in a row");
    assert!(warning.contains(&format!("{} can't be started", job("note"))), "{warning}");

    // The others serve; some descriptors are left for the console; nobody spins.
    let row = farm.console().row(&job("note"));
    assert!((5..20).contains(&row.processes), "{row:?}");
    assert!(row.message.unwrap().starts_with("failing: its processes can't be started, "));
    let all = everybody(&farm);
    let usage = Usage::of(&all);
    let mut client = client(&server.address());
    while usage.wall() < Duration::from_secs(3) {
        assert_eq!(client.run(&job("note"), "id 0").unwrap(), b"id");
        thread::sleep(Duration::from_millis(50));
    }
    let (used, wall) = usage.so_far();
    println!("{} of 20 processes with 64 descriptors; {used:?} of CPU in {wall:?}", row.processes);
    assert!(used < wall / 5, "{used:?} of CPU in {wall:?}");
    // One attempt at once, then after 1, 2, 4 s, with an error each (and one for the order of the first attempts).
    let errors = told(&farm, "Could not start a process");
    assert!(errors.len() <= 8, "{} lines in {:?}: {errors:#?}", errors.len(), asked.elapsed());

    prlimit(farm.pid(), "--nofile=1024:1024");
    farm.wait("all are there", || (registered(&server, "note").len() == 20).then_some(()));
    farm.wait("and that is told", || farm.console().row(&job("note")).message.is_none().then_some(()));
    notes.open("held");
    assert_eq!(held.join().unwrap().unwrap(), "held");
    farm.signal(nix::sys::signal::Signal::SIGTERM);
    assert!(farm.wait_exit().success());
    wait_gone(&all);
}

#[test]
fn a_console_without_a_descriptor_for_the_next_client_answers_those_who_are_connected() {
    let (server, notes) = (Gearmand::start(), Notes::new());
    let farm = farm_of(&server, &notes);
    prlimit(farm.pid(), FEW);
    scale(&farm, &server, "echo", 2);
    let mut first = farm.console();
    assert!(!first.ask("version").is_empty());
    let all = everybody(&farm);
    // More than the driver has descriptors for: the kernel connects them, and they wait.
    let mut others: Vec<Console> = (0..60).map(|_| farm.console()).collect();
    let line = farm.wait_log("The console takes no new connection");
    assert!(line.contains("Too many open files") && line.contains("LimitNOFILE="), "{line}");

    let usage = Usage::of(&all);
    while usage.wall() < Duration::from_secs(3) {
        assert_eq!(first.row(&job("echo")).processes, 2);
        assert_eq!(client(&server.address()).run(&job("echo"), "hello").unwrap(), b"hello");
        thread::sleep(Duration::from_millis(50));
    }
    let (used, wall) = usage.so_far();
    println!("{used:?} of CPU in {wall:?}");
    assert!(used < wall / 4, "{used:?} of CPU in {wall:?}");
    // A process that dies meanwhile has given back two.
    let pid = first.pids(&job("echo"))[0];
    assert_eq!(first.ask(&format!("kill_now {pid}")), ["OK"]);
    farm.wait("it is replaced", || {
        let now = first.pids(&job("echo"));
        (now.len() == 2 && !now.contains(&pid)).then_some(())
    });
    assert_eq!(told(&farm, "The console takes no new connection").len(), 1, "told once: {}", farm.log());

    // When some go, those that waited are served.
    let mut last = others.pop().unwrap();
    drop(others);
    assert!(!last.ask("version").is_empty());
    assert!(!farm.console().ask("version").is_empty());
}

/// A job that opens files and never closes them.
#[test]
fn a_worker_without_a_descriptor_for_its_job_server_says_so_and_is_back_when_it_has_one() {
    let (mut server, notes) = (Gearmand::start(), Notes::new());
    let farm = farm_of(&server, &notes);
    let pid = scale(&farm, &server, "echo", 1)[0];
    prlimit(pid, "--nofile=4:");
    // What is open stays open.
    assert_eq!(client(&server.address()).run(&job("echo"), "hello").unwrap(), b"hello");
    server.stop();
    server.start_again();
    let line = farm.wait_log(&format!("({pid}) [{}] job server {} is away", job("echo"), server.address()));
    let line = if line.contains("Too many") { line } else { farm.wait_log("Too many open files") };
    assert!(line.contains("may have 4 open"), "{line}");
    prlimit(pid, "--nofile=48:");
    farm.wait("it is registered again", || (registered(&server, "echo") == [pid]).then_some(()));
}
