//! Job servers that are away: at the start, or for a while.

use std::thread;
use std::time::{Duration, Instant};

use e2e::{ServerKind, on_both_job_servers};
use gearman_testkit::eventually;

use crate::support::{Notes, PATIENCE, Usage, client, everybody, farm, job, median, registered, scale};

on_both_job_servers! {
    while_one_of_two_is_away_the_other_is_served_and_soon_after_its_return_it_is_too,
    away_at_the_start_the_driver_starts_answers_waits_and_registers,
    one_that_stays_away_does_not_hold_up_the_end,
}

fn while_one_of_two_is_away_the_other_is_served_and_soon_after_its_return_it_is_too(kind: ServerKind) {
    let (mut first, second, notes) = (kind.start(), kind.start(), Notes::new());
    let farm = farm(&format!("{},{}", first.address(), second.address()), &notes, "--interval 0.2").start();
    scale(&farm, &second, "echo", 3);
    let [mut at_first, mut at_second] = [&first, &second].map(|server| client(&server.address()));
    let echo = job("echo");
    assert_eq!(at_first.run(&echo, "1").unwrap(), b"1");
    assert_eq!(at_second.run(&echo, "2").unwrap(), b"2");

    for outage in 1..=2 {
        first.stop();
        let mut times = Vec::new();
        let start = Instant::now();
        while start.elapsed() < Duration::from_millis(1200) {
            let asked = Instant::now();
            assert_eq!(at_second.run(&echo, "during").unwrap(), b"during");
            times.push(asked.elapsed());
            thread::sleep(Duration::from_millis(5));
        }
        times.sort_unstable();
        let p95 = times[times.len() * 95 / 100];
        println!(
            "outage {outage}: {} jobs, median {:?}, 95 % {p95:?}, worst {:?}",
            times.len(),
            median(times.clone()),
            times.last()
        );
        assert!(p95 < Duration::from_millis(100), "{times:?}");

        first.start_again();
        let back = Instant::now();
        // A client of its own: what is measured is the workers' return.
        assert_eq!(client(&first.address()).run(&echo, "again").unwrap(), b"again");
        println!("served again {:?} after its return", back.elapsed());
        assert!(back.elapsed() < Duration::from_millis(2500), "{:?}", back.elapsed());
        farm.wait("all are registered again", || (registered(&first, "echo").len() == 3).then_some(()));
        assert_eq!(at_second.run(&echo, "after").unwrap(), b"after");
        farm.wait("the observer is content again", || {
            let content = format!("job server {} answers again", first.address());
            (farm.log().matches(&content).count() == outage).then_some(())
        });
    }
    // The observer tells both, once each; workers are quiet about a server that was well.
    let log = farm.log();
    let address = first.address();
    assert_eq!(log.matches(&format!("job server {address} can't be observed")).count(), 2, "{log}");
    let away = log.matches(&format!("job server {address} is away")).count();
    assert!(away <= 6, "three workers, two outages, told once each: {log}");
}

fn away_at_the_start_the_driver_starts_answers_waits_and_registers(kind: ServerKind) {
    let (mut server, notes) = (kind.start(), Notes::new());
    server.stop();
    let farm = farm(&server.address(), &notes, "--interval 0.2").start();
    farm.wait("the console shows its process", || {
        let row = farm.console().row(&job("echo"));
        ((row.min, row.processes) == (1, 1)).then_some(())
    });
    let _ = farm.wait_log(&format!("job server {} can't be observed", server.address()));
    let _ = farm.wait_log(&format!("job server {} is away", server.address()));
    let all = everybody(&farm);
    let usage = Usage::of(&all);
    thread::sleep(Duration::from_millis(1500));
    let (used, wall) = usage.so_far();
    assert!(used < wall / 10, "{used:?} of CPU in {wall:?}");
    server.start_again();
    let back = Instant::now();
    eventually("the process registers", PATIENCE, || (!registered(&server, "echo").is_empty()).then_some(()));
    println!("registered {:?} after the server came", back.elapsed());
    assert!(back.elapsed() < Duration::from_millis(2500), "{:?}", back.elapsed());
    assert_eq!(client(&server.address()).run(&job("echo"), "hello").unwrap(), b"hello");
    let log = farm.log();
    assert_eq!(log.matches("can't be observed").count(), 1, "told once: {log}");
    assert_eq!(log.matches("is away").count(), 1, "told once: {log}");
}

fn one_that_stays_away_does_not_hold_up_the_end(kind: ServerKind) {
    let (server, notes) = (kind.start(), Notes::new());
    let mut away = kind.start();
    away.stop();
    let mut farm = farm(&format!("{},{}", away.address(), server.address()), &notes, "--interval 0.2").start();
    scale(&farm, &server, "echo", 2);
    farm.signal(nix::sys::signal::Signal::SIGTERM);
    let start = Instant::now();
    assert!(farm.wait_exit().success());
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
}
