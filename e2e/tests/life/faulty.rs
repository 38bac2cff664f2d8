//! Job servers that are there and do badly: restarted again and again, slow, out of descriptors, resetting connections.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::thread;
use std::time::{Duration, Instant};

use e2e::{Farm, ServerKind, on_both_job_servers};
use gearman_testkit::{Gearmand, JobServer, eventually};
use nix::sys::socket::{Backlog, listen};

use crate::proxy::Proxy;
use crate::support::{
    Notes, PATIENCE, Usage, assert_no_zombies, client, console_answers_at_once, everybody, farm, job, median,
    registered, run, scale, timed,
};

on_both_job_servers! {
    after_each_restart_all_processes_are_registered_soon,
    a_slow_one_is_served_and_holds_nobody_up,
    connections_that_are_reset_are_made_again_and_the_job_in_hand_is_done_once_more,
    reset_again_and_again_it_is_not_pestered,
}

/// Processes, and restarts; more of these by hand: `RESTARTS=20`.
const PROCESSES: u32 = 20;

fn restarts() -> usize {
    std::env::var("RESTARTS").map_or(3, |restarts| restarts.parse().unwrap())
}

fn after_each_restart_all_processes_are_registered_soon(kind: ServerKind) {
    let (mut server, notes) = (kind.start(), Notes::new());
    let farm = farm(&server.address(), &notes, "--interval 0.5").start();
    scale(&farm, &server, "note", PROCESSES);
    let mut times = Vec::new();
    for restart in 0..restarts() {
        server.stop();
        let all = everybody(&farm);
        let usage = Usage::of(&all);
        // Outages of different lengths: the workers are at different steps of their back-off.
        thread::sleep(Duration::from_millis(200 + 700 * (restart as u64 % 4)));
        let (used, wall) = usage.so_far();
        assert!(used < wall / 5, "{used:?} of CPU in {wall:?}: somebody spins");
        server.start_again();
        let back = Instant::now();
        let mut seen = BTreeMap::new();
        eventually("all are registered again", PATIENCE, || {
            for pid in registered(&server, "note") {
                seen.entry(pid).or_insert_with(|| back.elapsed());
            }
            (seen.len() == PROCESSES as usize).then_some(())
        });
        times.extend(seen.into_values());
        assert_eq!(client(&server.address()).run(&job("note"), "id 0").unwrap(), b"id");
    }
    times.sort_unstable();
    let p99 = times[times.len() * 99 / 100];
    println!(
        "{} returns: p50 {:?}, p99 {p99:?}, longest {:?}",
        times.len(),
        times[times.len() / 2],
        times.last().unwrap()
    );
    // 800 ms between two attempts, and what a loaded machine takes.
    assert!(p99 < Duration::from_millis(2500), "{times:?}");
    console_answers_at_once(&farm);
    assert_eq!(farm.console().pids(&job("note")).len(), PROCESSES as usize, "none has been started anew");
    assert!(!farm.log().contains("Exited"), "{}", farm.log());
}

/// A driver of a server behind a bad line and of one that is well; three processes are registered with both.
fn behind_a_bad_line(kind: ServerKind, notes: &Notes) -> (JobServer, JobServer, Proxy, Farm) {
    let (bad, good) = (kind.start(), kind.start());
    let proxy = Proxy::to(&bad);
    let farm = farm(&format!("{},{}", proxy.address(), good.address()), notes, "--interval 0.5").start();
    for method in ["note", "gate", "echo"] {
        scale(&farm, &good, method, 3);
        farm.wait("registered behind the line", || (registered(&bad, method).len() == 3).then_some(()));
    }
    (bad, good, proxy, farm)
}

/// Jobs of the server that is well, for a while: the median of their times, and what these processes used of the CPUs in
/// how long a time.
fn serve_beside(good: &JobServer, pids: &[u32], time: Duration) -> (Duration, Duration, Duration) {
    let mut client = client(&good.address());
    let (usage, mut times) = (Usage::of(pids), Vec::new());
    while usage.wall() < time {
        times.push(timed(|| assert_eq!(client.run(&job("echo"), "hello").unwrap(), b"hello")).1);
        thread::sleep(Duration::from_millis(20));
    }
    let (used, wall) = usage.so_far();
    let longest = *times.iter().max().unwrap();
    let median = median(times);
    println!("jobs of the other: median {median:?}, longest {longest:?}; {used:?} of CPU in {wall:?}");
    (median, used, wall)
}

fn a_slow_one_is_served_and_holds_nobody_up(kind: ServerKind) {
    let notes = Notes::new();
    let (bad, good, proxy, mut farm) = behind_a_bad_line(kind, &notes);
    // A NOOP and a job take a third of a second, `status` longer than the observer waits.
    proxy.slow_down(Duration::from_millis(2));
    let jobs: Vec<_> = (0..6).map(|n| run(&bad.address(), "note", &format!("slow{n} 0"))).collect();
    let all = everybody(&farm);
    let (median, used, wall) = serve_beside(&good, &all, Duration::from_secs(3));
    assert!(median < Duration::from_millis(50), "{median:?}");
    assert!(used < wall / 4, "{used:?} of CPU in {wall:?}");
    console_answers_at_once(&farm);
    for (n, job) in jobs.into_iter().enumerate() {
        assert_eq!(job.join().unwrap().unwrap(), format!("slow{n}"));
    }
    assert!(notes.counts().values().all(|count| *count == 1), "{:?}", notes.counts());
    assert_eq!(registered(&bad, "note").len(), 3, "slow is not away: {}", farm.log());
    // A drain goes over the same line, and ends in time.
    farm.signal(nix::sys::signal::Signal::SIGTERM);
    let (status, took) = timed(|| farm.wait_exit());
    assert!(status.success());
    assert!(took < Duration::from_secs(9), "{took:?}");
}

fn connections_that_are_reset_are_made_again_and_the_job_in_hand_is_done_once_more(kind: ServerKind) {
    let notes = Notes::new();
    let (bad, good, proxy, farm) = behind_a_bad_line(kind, &notes);
    let held = run(&bad.address(), "gate", "held");
    let first = notes.wait_begun(&farm, 1)[0].1;
    proxy.reset();
    farm.wait("registered again", || {
        let all = ["note", "gate", "echo"].map(|method| registered(&bad, method).len());
        // The process that holds the job sees the reset when it sends its answer.
        (all == [3, 2, 3]).then_some(())
    });
    serve_beside(&good, &[], Duration::from_millis(100));
    // The job server has taken the job back and given it to another process.
    let second = notes.wait_begun(&farm, 2)[1].1;
    assert_ne!(first, second);
    notes.open("held");
    assert_eq!(held.join().unwrap().unwrap(), "held");
    assert_eq!(notes.counts()["held"], 2);
    let line = farm.wait_log("could not be sent to job server");
    assert!(line.contains(&format!("({first})")) && line.contains("will give the job to a worker again"), "{line}");
    farm.wait("all are back", || (registered(&bad, "gate").len() == 3).then_some(()));
    assert_eq!(farm.console().pids(&job("gate")).len(), 3);
    assert!(!farm.log().contains("Exited"), "no process ends for it: {}", farm.log());
    assert_no_zombies(&farm);
}

fn reset_again_and_again_it_is_not_pestered(kind: ServerKind) {
    let notes = Notes::new();
    let (bad, good, proxy, farm) = behind_a_bad_line(kind, &notes);
    let all = everybody(&farm);
    let (usage, visits) = (Usage::of(&all), proxy.visits());
    let mut client = client(&good.address());
    let mut times = Vec::new();
    while usage.wall() < Duration::from_secs(4) {
        proxy.reset();
        times.push(timed(|| assert_eq!(client.run(&job("echo"), "hello").unwrap(), b"hello")).1);
        thread::sleep(Duration::from_millis(15));
    }
    let ((used, wall), visits) = (usage.so_far(), proxy.visits() - visits);
    println!("{visits} connections of 9 processes and an observer in {wall:?}; {used:?} of CPU; {:?}", median(times));
    // From 50 to 800 ms between two attempts of a process, so about ten each; and the observer's looks.
    assert!(visits < 9 * 16 + 20, "{visits}");
    assert!(used < wall / 4, "{used:?} of CPU in {wall:?}");
    console_answers_at_once(&farm);
    farm.wait("registered again when it is over", || {
        let all = ["note", "gate", "echo"].map(|method| registered(&bad, method).len());
        (all == [3, 3, 3]).then_some(())
    });
}

/// gearmand has few descriptors: most of its clients wait in the kernel's queue, connected to nobody.
#[test]
fn one_that_is_out_of_descriptors_disturbs_nobody_and_serves_who_got_in() {
    let (good, notes) = (Gearmand::start(), Notes::new());
    let poor = Gearmand::start_with(&["--threads=1", "--file-descriptors=32"]);
    let mut farm = farm(&format!("{},{}", poor.address(), good.address()), &notes, "--interval 0.5").start();
    scale(&farm, &good, "note", 40);
    let all = everybody(&farm);
    let (median, used, wall) = serve_beside(&good, &all, Duration::from_secs(3));
    assert!(median < Duration::from_millis(100), "{median:?}");
    assert!(used < wall / 4, "{used:?} of CPU in {wall:?}");
    console_answers_at_once(&farm);
    assert_eq!(farm.console().pids(&job("note")).len(), 40);
    let descriptors = std::fs::read_dir(format!("/proc/{}/fd", poor.pid())).unwrap().count();
    assert!(descriptors >= 32, "it has some left: {descriptors}");
    // When others go, those that are left get in.
    assert_eq!(farm.console().ask(&format!("set_processes {} 5 5", job("note"))), ["OK"]);
    farm.wait("five are left", || (farm.console().pids(&job("note")).len() == 5).then_some(()));
    farm.wait("they are registered", || (registered(&poor, "note").len() == 5).then_some(()));
    assert_eq!(client(&poor.address()).run(&job("note"), "poor 0").unwrap(), b"poor");
    farm.signal(nix::sys::signal::Signal::SIGTERM);
    let (status, took) = timed(|| farm.wait_exit());
    assert!(status.success());
    assert!(took < Duration::from_secs(9), "{took:?}");
}

/// A listener whose queue is full, and that accepts nobody: attempts to connect have no answer at all.
#[test]
fn one_that_accepts_nobody_is_tried_again_and_disturbs_nobody() {
    let (good, notes) = (Gearmand::start(), Notes::new());
    let deaf = TcpListener::bind("127.0.0.1:0").unwrap();
    listen(&deaf, Backlog::new(1).unwrap()).unwrap();
    let address = deaf.local_addr().unwrap();
    let mut farm = farm(&format!("{address},{}", good.address()), &notes, "--interval 0.5").start();
    scale(&farm, &good, "echo", 10);
    let all = everybody(&farm);
    let (median, used, wall) = serve_beside(&good, &all, Duration::from_secs(3));
    assert!(median < Duration::from_millis(50), "{median:?}");
    assert!(used < wall / 10, "{used:?} of CPU in {wall:?}");
    console_answers_at_once(&farm);
    assert!(farm.wait_log(&format!("job server {address} is away")).contains("no connection in time"));
    farm.signal(nix::sys::signal::Signal::SIGTERM);
    let (status, took) = timed(|| farm.wait_exit());
    assert!(status.success());
    // 5 s for the fence of those whose connection stands in the queue.
    assert!(took < Duration::from_secs(9), "{took:?}");
}
