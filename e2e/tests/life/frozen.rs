//! A job server that is frozen: it takes connections and bytes, and answers nothing.

use std::thread;
use std::time::{Duration, Instant};

use e2e::{ServerKind, on_both_job_servers};
use nix::sys::signal::Signal;

use crate::support::{
    Notes, Usage, client, console_answers_at_once, everybody, farm, job, median, run, run_all, scale, wait_gone,
};

on_both_job_servers! {
    the_other_is_served_nobody_spins_and_after_the_thaw_nothing_is_lost,
    results_of_300_kb_that_are_sent_meanwhile_arrive_after_the_thaw,
    term_ends_the_driver_though_its_only_server_is_frozen,
    idle_processes_notice_it_and_are_registered_again_as_soon_as_it_thaws,
}

const FROZEN: Duration = Duration::from_secs(4);

fn the_other_is_served_nobody_spins_and_after_the_thaw_nothing_is_lost(kind: ServerKind) {
    let (frozen, other, notes) = (kind.start(), kind.start(), Notes::new());
    let farm = farm(&format!("{},{}", frozen.address(), other.address()), &notes, "--interval 0.2").start();
    for (method, count) in [("echo", 2), ("gate", 1), ("note", 2)] {
        scale(&farm, &other, method, count);
        farm.wait("registered with both", || {
            (crate::support::registered(&frozen, method).len() == count as usize).then_some(())
        });
    }
    // One job of the server runs when it freezes; many more are queued there.
    let held = run(&frozen.address(), "gate", "held");
    notes.wait_begun(&farm, 1);
    let mut submitter = client(&frozen.address());
    let queued: Vec<String> = (0..200).map(|n| format!("q{n}")).collect();
    for id in &queued {
        submitter.submit_background(&job("note"), format!("{id} 5")).unwrap();
    }
    let all = everybody(&farm);
    let waiting = run(&frozen.address(), "echo", "waits");
    frozen.freeze();
    let usage = Usage::of(&all);
    console_answers_at_once(&farm);
    // Its answer is sent to the frozen server, which has it after the thaw.
    notes.open("held");

    let mut at_other = client(&other.address());
    let mut times = Vec::new();
    while usage.wall() < FROZEN {
        let asked = Instant::now();
        assert_eq!(at_other.run(&job("echo"), "meanwhile").unwrap(), b"meanwhile");
        times.push(asked.elapsed());
        thread::sleep(Duration::from_millis(25));
    }
    let (used, wall) = usage.so_far();
    times.sort_unstable();
    println!(
        "{} jobs of the other: median {:?}, worst {:?}; {used:?} of CPU in {wall:?}",
        times.len(),
        median(times.clone()),
        times.last()
    );
    assert!(median(times.clone()) < Duration::from_millis(50), "{times:?}");
    // One that was just waiting for the frozen server's grant gives that up after a second.
    assert!(times.last().unwrap() < &Duration::from_millis(2500), "{times:?}");
    assert!(used < wall / 10, "{used:?} of CPU in {wall:?}: {}", farm.state());
    console_answers_at_once(&farm);

    frozen.thaw();
    assert_eq!(held.join().unwrap().unwrap(), "held");
    assert_eq!(waiting.join().unwrap().unwrap(), "waits");
    assert_eq!(client(&frozen.address()).run(&job("echo"), "after").unwrap(), b"after");
    farm.wait("all that was queued is done", || {
        let row = frozen.status_of(&job("note"))?;
        (row.total == 0).then_some(())
    });
    let counts = notes.counts();
    assert_eq!(counts.len(), queued.len() + 1, "{counts:?}");
    assert!(counts.values().all(|count| *count == 1), "{counts:?}");
}

fn results_of_300_kb_that_are_sent_meanwhile_arrive_after_the_thaw(kind: ServerKind) {
    let (frozen, notes) = (kind.start(), Notes::new());
    let farm = farm(&frozen.address(), &notes, "").start();
    scale(&farm, &frozen, "chatter", 1);
    scale(&farm, &frozen, "big", 3);
    // Frozen while they are working on it: each sends a result, and asks for the next job.
    let jobs = run_all(&frozen.address(), "big", &(0..60).map(|n| format!("n{n}")).collect::<Vec<_>>());
    notes.wait_begun(&farm, 5);
    frozen.freeze();
    thread::sleep(Duration::from_millis(1500));
    console_answers_at_once(&farm);
    frozen.thaw();
    for job in jobs {
        assert_eq!(job.join().unwrap().unwrap().len(), 300_000);
    }
    assert!(notes.counts().values().all(|count| *count == 1), "{:?}", notes.counts());
}

fn term_ends_the_driver_though_its_only_server_is_frozen(kind: ServerKind) {
    let (frozen, notes) = (kind.start(), Notes::new());
    let mut farm = farm(&frozen.address(), &notes, "--interval 0.2").start();
    scale(&farm, &frozen, "gate", 1);
    let held = run(&frozen.address(), "gate", "held");
    notes.wait_begun(&farm, 1);
    frozen.freeze();
    notes.open("held");
    let all = everybody(&farm);
    let usage = Usage::of(&all);
    farm.signal(Signal::SIGTERM);
    let mut used = Duration::ZERO;
    let status = loop {
        // Of those that are still there.
        used = used.max(usage.so_far().0);
        if farm.processes().is_empty() {
            break farm.wait_exit();
        }
        thread::sleep(Duration::from_millis(50));
    };
    println!("ended {:?} after TERM", usage.wall());
    assert!(status.success());
    // 5 s for the fence at the most.
    assert!(usage.wall() < Duration::from_secs(9), "{:?}", usage.wall());
    assert!(used < usage.wall() / 10, "{used:?}");
    wait_gone(&all);
    frozen.thaw();
    assert_eq!(held.join().unwrap().unwrap(), "held", "the answer was on its way");
}

/// Idle processes, the asynchronous one too, with a live server beside the frozen one and without.
fn idle_processes_notice_it_and_are_registered_again_as_soon_as_it_thaws(kind: ServerKind) {
    let (frozen, other, notes) = (kind.start(), kind.start(), Notes::new());
    let with_other = farm(&format!("{},{}", frozen.address(), other.address()), &notes, "").start();
    let mut alone = farm(&frozen.address(), &notes, "").start();
    scale(&with_other, &other, "echo", 2);
    for farm in [&with_other, &alone] {
        assert_eq!(farm.console().ask(&format!("set_processes {TOGETHER} 1 1")), ["OK"]);
        assert_eq!(farm.console().ask(&format!("set_processes {} 1 1", job("note"))), ["OK"]);
    }
    with_other.wait("registered with both", || (servers_of(&with_other) == [2; 4]).then_some(()));
    alone.wait("registered", || (servers_of(&alone).iter().sum::<u64>() >= 2).then_some(()));

    let idle = servers_of(&alone).len();
    let all: Vec<u32> = everybody(&with_other).into_iter().chain(everybody(&alone)).collect();
    frozen.freeze();
    let usage = Usage::of(&all);
    let (mut at_other, mut times) = (client(&other.address()), Vec::new());
    with_other.wait("all have noticed it", || {
        let asked = Instant::now();
        assert_eq!(at_other.run(&job("echo"), "meanwhile").unwrap(), b"meanwhile");
        times.push(asked.elapsed());
        (servers_of(&with_other) == [1; 4] && servers_of(&alone) == vec![0; idle]).then_some(())
    });
    let (used, wall) = usage.so_far();
    println!("noticed after {wall:?}; {} jobs of the other: median {:?}", times.len(), median(times.clone()));
    // 20 s of silence and 5 s for the answer, and what a loaded machine takes.
    assert!(wall < Duration::from_secs(28), "{wall:?}");
    assert!(used < wall / 4, "{used:?} of CPU in {wall:?}");
    assert!(median(times.clone()) < Duration::from_millis(50), "{times:?}");
    console_answers_at_once(&with_other);
    let ps = alone.console().ask("ps");
    assert!(ps.len() == idle && ps.iter().all(|row| row.contains("  unregistered  ")), "{ps:#?}");
    let ps = with_other.console().ask("ps");
    assert!(ps.len() == 4 && ps.iter().all(|row| row.contains("  idle  ")), "{ps:#?}");
    let told = |farm: &e2e::Farm, what: &str| {
        farm.log().lines().filter(|line| line.contains(&format!("job server {} {what}", frozen.address()))).count()
    };
    with_other.wait("each tells it", || (told(&with_other, "does not answer: left aside") == 4).then_some(()));

    // A drain of processes that have left their only server aside.
    let drained = Instant::now();
    alone.signal(Signal::SIGTERM);
    assert!(alone.wait_exit().success());
    assert!(drained.elapsed() < Duration::from_secs(9), "{:?}", drained.elapsed());

    frozen.thaw();
    let back = Instant::now();
    with_other.wait("all are registered again", || (servers_of(&with_other) == [2; 4]).then_some(()));
    println!("registered again {:?} after the thaw", back.elapsed());
    assert!(back.elapsed() < Duration::from_secs(1), "{:?}", back.elapsed());
    assert_eq!(client(&frozen.address()).run(&job("echo"), "after").unwrap(), b"after");
    with_other.wait("each tells it", || (told(&with_other, "is back: it is served again") == 4).then_some(()));
    assert_eq!(told(&with_other, "does not answer: left aside"), 4, "once a process: {}", with_other.log());
}

/// An asynchronous job of the farm.
const TOGETHER: &str = "life_farm::workers::Together::wait";

/// With how many job servers each process of a driver says that it is registered.
fn servers_of(farm: &e2e::Farm) -> Vec<u64> {
    let snapshot: serde_json::Value = serde_json::from_str(&farm.console().ask("snapshot")[0]).unwrap();
    let jobs = snapshot["jobs"].as_array().unwrap().iter();
    let processes = jobs.flat_map(|job| job["processes"].as_array().unwrap().iter());
    processes.map(|process| process["servers"].as_u64().unwrap_or(0)).collect()
}
