//! A job server that is frozen: it takes connections and bytes, and answers nothing.

use std::thread;
use std::time::{Duration, Instant};

use e2e::{ServerKind, on_both_job_servers};
use nix::sys::signal::Signal;

use crate::support::{
    Notes, client, console_answers_at_once, cpu, everybody, farm, job, median, run, run_all, scale, wait_gone,
};

on_both_job_servers! {
    the_other_is_served_nobody_spins_and_after_the_thaw_nothing_is_lost,
    results_of_300_kb_that_are_sent_meanwhile_arrive_after_the_thaw,
    term_ends_the_driver_though_its_only_server_is_frozen,
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
    let (before, start) = (cpu(&all), Instant::now());
    console_answers_at_once(&farm);
    // Its answer is sent to the frozen server, which has it after the thaw.
    notes.open("held");

    let mut at_other = client(&other.address());
    let mut times = Vec::new();
    while start.elapsed() < FROZEN {
        let asked = Instant::now();
        assert_eq!(at_other.run(&job("echo"), "meanwhile").unwrap(), b"meanwhile");
        times.push(asked.elapsed());
        thread::sleep(Duration::from_millis(25));
    }
    let (used, wall) = (cpu(&all).saturating_sub(before), start.elapsed());
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
    let (before, start) = (cpu(&all), Instant::now());
    farm.signal(Signal::SIGTERM);
    let mut used = Duration::ZERO;
    let status = loop {
        // Of those that are still there.
        used = used.max(cpu(&all).saturating_sub(before));
        if farm.processes().is_empty() {
            break farm.wait_exit();
        }
        thread::sleep(Duration::from_millis(50));
    };
    println!("ended {:?} after TERM", start.elapsed());
    assert!(status.success());
    // 5 s for the fence at the most.
    assert!(start.elapsed() < Duration::from_secs(9), "{:?}", start.elapsed());
    assert!(used < start.elapsed() / 10, "{used:?}");
    wait_gone(&all);
    frozen.thaw();
    assert_eq!(held.join().unwrap().unwrap(), "held", "the answer was on its way");
}
