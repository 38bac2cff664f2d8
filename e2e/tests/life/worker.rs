//! Worker processes that end without being asked, and their children.

use std::time::{Duration, Instant};

use e2e::{ServerKind, is_alive, on_both_job_servers};
use gearman_testkit::{Gearmand, eventually};
use nix::sys::signal::Signal;

use crate::support::{
    Notes, PATIENCE, assert_no_zombies, client, farm, job, median, registered, run, scale, signal, wait_gone,
};

// Not on both, but with gearmand alone: the back-off is the manager's, whoever gives the job.
on_both_job_servers! {
    a_killed_one_is_replaced_and_its_job_done,
    a_replacement_is_registered_soon,
    a_killed_workers_child_dies_with_it,
    a_drained_workers_child_dies_with_it,
    an_adopted_workers_child_dies_with_it,
}

fn a_killed_one_is_replaced_and_its_job_done(kind: ServerKind) {
    let (server, notes) = (kind.start(), Notes::new());
    let farm = farm(&server.address(), &notes, "").start();
    scale(&farm, &server, "gate", 1);
    let answer = run(&server.address(), "gate", "a");
    let worker = notes.wait_begun(&farm, 1)[0].1;
    signal(worker, Signal::SIGKILL);
    let second = notes.wait_begun(&farm, 2)[1].1;
    assert_ne!(second, worker);
    notes.open("a");
    assert_eq!(answer.join().unwrap().unwrap(), "a");
    let line = farm.wait_log(&format!("({worker}) [{}] Exited with status", job("gate")));
    assert!(line.contains("9"), "says the signal: {line}");
    assert_eq!(farm.console().pids(&job("gate")), [second]);
    assert_no_zombies(&farm);
}

fn a_replacement_is_registered_soon(kind: ServerKind) {
    let (server, notes) = (kind.start(), Notes::new());
    let farm = farm(&server.address(), &notes, "").start();
    let mut times = Vec::new();
    let mut pid = scale(&farm, &server, "echo", 1)[0];
    for _ in 0..11 {
        client(&server.address()).run(&job("echo"), "work").unwrap();
        let start = Instant::now();
        signal(pid, Signal::SIGKILL);
        pid = eventually("another one is registered", PATIENCE, || {
            registered(&server, "echo").into_iter().find(|now| *now != pid)
        });
        times.push(start.elapsed());
    }
    println!("a killed worker's replacement was registered after {:?} (median; all: {times:?})", median(times.clone()));
    assert!(median(times.clone()) < Duration::from_millis(250), "{times:?}");
    assert_no_zombies(&farm);
}

#[test]
fn one_that_ends_at_once_again_and_again_is_held_back_and_others_do_not_feel_it() {
    let (server, notes) = (Gearmand::start(), Notes::new());
    let farm = farm(&server.address(), &notes, "--poison-limit 0").start();
    scale(&farm, &server, "leave", 1);
    client(&server.address()).submit_background(&job("leave"), "bad").unwrap();
    // Each replacement is given the job again: at once, then after 1 s, then after 2 s.
    let mut begun = Vec::new();
    let mut client = client(&server.address());
    let mut slowest = Duration::ZERO;
    while begun.len() < 4 {
        let start = Instant::now();
        assert_eq!(client.run(&job("echo"), "hello").unwrap(), b"hello");
        slowest = slowest.max(start.elapsed());
        if notes.begun().len() > begun.len() {
            begun.push(Instant::now());
        }
        assert!(begun.first().is_none_or(|first| first.elapsed() < PATIENCE), "{}", farm.state());
        std::thread::sleep(Duration::from_millis(5));
    }
    let gaps: Vec<Duration> = begun.windows(2).map(|pair| pair[1] - pair[0]).collect();
    println!("gaps {gaps:?}; the slowest other job took {slowest:?}");
    assert!(gaps[0] < Duration::from_millis(900), "{gaps:?}");
    assert!(gaps[1] > Duration::from_millis(900) && gaps[2] > Duration::from_millis(1800), "{gaps:?}");
    let log = farm.log();
    assert!(log.contains("2 times in a row: the next one in 1."), "{log}");
    assert!(log.contains("3 times in a row: the next one in 2."), "{log}");
    assert!(log.contains("Exited with status 3"), "{log}");
    // Whoever watches the job sees it: in the original's column, and in what programs read.
    farm.wait("status says that it is failing", || {
        let message = farm.console().row(&job("leave")).message?;
        message.starts_with("failing: its processes end as soon as they start, ").then_some(())
    });
    let shown = farm.console().ask(&format!("show {}", job("leave")));
    assert!(shown[0].contains("ERROR: failing: "), "{shown:?}");
    let snapshot: serde_json::Value = serde_json::from_str(&farm.console().ask("snapshot")[0]).unwrap();
    let jobs = snapshot["jobs"].as_array().unwrap();
    let times = |method: &str| {
        let row = jobs.iter().find(|row| row["name"] == job(method).as_str()).unwrap();
        row["failing"]["times"].as_u64()
    };
    assert!(times("leave").is_some_and(|times| times >= 3), "{snapshot}");
    assert_eq!(times("echo"), None, "{snapshot}");
    farm.wait("the last one's end is told", || (farm.console().row(&job("leave")).processes == 0).then_some(()));
    assert_no_zombies(&farm);
}

/// A worker that has started a child ends by `end`: the child ends with it.
fn the_child_dies_with_its_worker(kind: ServerKind, end: impl FnOnce(&e2e::Farm, u32)) {
    let (server, notes) = (kind.start(), Notes::new());
    let farm = farm(&server.address(), &notes, "").start();
    let worker = scale(&farm, &server, "parent", 1)[0];
    let child = client(&server.address()).run(&job("parent"), "").unwrap();
    let child: u32 = String::from_utf8(child).unwrap().parse().unwrap();
    assert!(is_alive(child));
    end(&farm, worker);
    wait_gone(&[worker, child]);
    farm.wait("a replacement", || (registered(&server, "parent").len() == 1).then_some(()));
    assert_no_zombies(&farm);
}

fn a_killed_workers_child_dies_with_it(kind: ServerKind) {
    the_child_dies_with_its_worker(kind, |_, worker| signal(worker, Signal::SIGKILL));
}

fn a_drained_workers_child_dies_with_it(kind: ServerKind) {
    the_child_dies_with_its_worker(kind, |farm, worker| {
        assert_eq!(farm.console().ask(&format!("kill {worker}")), ["OK"]);
    });
}

fn an_adopted_workers_child_dies_with_it(kind: ServerKind) {
    the_child_dies_with_its_worker(kind, |farm, worker| {
        signal(farm.host(), Signal::SIGKILL);
        let _ = farm.wait_log("The host ended with status");
        signal(worker, Signal::SIGKILL);
    });
}
