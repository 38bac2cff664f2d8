//! Up from zero, down to the minimum, and the idle time in between.

use std::thread;
use std::time::{Duration, Instant};

use e2e::{ServerKind, on_both_job_servers};

use crate::{Site, holds_for};

on_both_job_servers! {
    from_zero_up_to_max_and_back_to_zero,
    never_below_min,
    a_surplus_process_stays_for_max_idle_time_and_then_goes,
    what_is_busy_finishes_when_the_bounds_go_down,
    no_job_is_lost_or_done_twice_while_processes_come_and_go,
}

const FROM_ZERO: &str = "workers_farm::scaling::Scaling::from_zero";
const FROM_ONE: &str = "workers_farm::scaling::Scaling::from_one";

fn from_zero_up_to_max_and_back_to_zero(kind: ServerKind) {
    let site = Site::on(kind);
    let farm = site.farm("scaling").args("--interval 0.1").start();
    let mut console = farm.console();
    assert!(console.pids(FROM_ZERO).is_empty());
    thread::scope(|scope| {
        let jobs: Vec<_> = (0..6).map(|_| scope.spawn(|| site.run(FROM_ZERO, "700"))).collect();
        farm.wait("max_processes", || (console.pids(FROM_ZERO).len() == 4).then_some(()));
        while !jobs.iter().all(thread::ScopedJoinHandle::is_finished) {
            assert!(console.pids(FROM_ZERO).len() <= 4);
            thread::sleep(Duration::from_millis(5));
        }
        for job in jobs {
            job.join().unwrap();
        }
    });
    farm.wait("back to zero", || console.pids(FROM_ZERO).is_empty().then_some(()));
    assert_eq!(site.count("begun"), 6, "no job was stopped by the way down");
    assert_eq!(farm.log().matches(&format!("[{FROM_ZERO}] Exited with status 0")).count(), 4, "{}", farm.log());
}

fn never_below_min(kind: ServerKind) {
    let site = Site::on(kind);
    let farm = site.farm("scaling").args("--interval 0.1").start();
    let mut console = farm.console();
    farm.wait("the first process", || (console.row(FROM_ONE).processes == 1).then_some(()));
    thread::scope(|scope| {
        let jobs: Vec<_> = (0..4).map(|_| scope.spawn(|| site.run(FROM_ONE, "300"))).collect();
        let mut most = 0;
        farm.wait("all done, and one process left", || {
            let processes = console.row(FROM_ONE).processes;
            assert!(processes >= 1, "{}", farm.state());
            most = most.max(processes);
            (processes == 1 && jobs.iter().all(thread::ScopedJoinHandle::is_finished)).then_some(())
        });
        assert!(most > 1, "there was something to stop");
    });
    // Several looks later it is still there.
    let pids = console.pids(FROM_ONE);
    holds_for(Duration::from_millis(500), || assert_eq!(console.pids(FROM_ONE), pids));
}

fn a_surplus_process_stays_for_max_idle_time_and_then_goes(kind: ServerKind) {
    let site = Site::on(kind);
    let farm = site.farm("scaling").args("--interval 0.1 --max-idle-time 1.5").start();
    let mut console = farm.console();
    let before = Instant::now();
    let first = site.run(FROM_ZERO, "0");
    let second = site.run(FROM_ZERO, "0");
    assert_eq!(first, second, "the process stayed");
    farm.wait("the process goes", || console.pids(FROM_ZERO).is_empty().then_some(()));
    assert!(before.elapsed() >= Duration::from_millis(1500), "gone after {:?}", before.elapsed());
    let _ = farm.wait_log(&format!("({first}) [{FROM_ZERO}] Exited with status 0"));
}

fn what_is_busy_finishes_when_the_bounds_go_down(kind: ServerKind) {
    let site = Site::on(kind);
    let farm = site.farm("scaling").args("--interval 0.1").start();
    let mut console = farm.console();
    thread::scope(|scope| {
        let jobs: Vec<_> = (0..3).map(|_| scope.spawn(|| site.run(FROM_ZERO, "1200"))).collect();
        farm.wait("all three run", || (site.count("begun") == 3).then_some(()));
        assert_eq!(console.ask(&format!("set_processes {FROM_ZERO} 0 1")), ["OK"]);
        assert_eq!(site.count("done"), 0, "they are in the middle");
        let mut pids: Vec<_> = jobs.into_iter().map(|job| job.join().unwrap()).collect();
        pids.sort();
        pids.dedup();
        assert_eq!(pids.len(), 3, "each was answered by the process that had it");
    });
    assert_eq!((site.count("begun"), site.count("done")), (3, 3), "none ran twice");
    farm.wait("the surplus is gone", || (console.pids(FROM_ZERO).len() <= 1).then_some(()));
    assert!(!farm.log().contains("signal"), "{}", farm.log());
}

/// Six bursts with lulls between them, each long enough for the processes of the last one to be stopped: jobs and
/// stops meet in all ways.
fn no_job_is_lost_or_done_twice_while_processes_come_and_go(kind: ServerKind) {
    const CLIENTS: usize = 6;
    const JOBS: usize = 15;
    let site = Site::on(kind);
    let farm = site.farm("scaling").args("--interval 0.05").start();
    let mut console = farm.console();
    for burst in 1..=6 {
        thread::scope(|scope| {
            for _ in 0..CLIENTS {
                scope.spawn(|| {
                    let mut client = site.client();
                    for _ in 0..JOBS {
                        client.run(FROM_ZERO, b"3").unwrap();
                    }
                });
            }
        });
        let jobs = burst * CLIENTS * JOBS;
        assert_eq!((site.count("begun"), site.count("done")), (jobs, jobs));
        if burst % 2 == 0 {
            farm.wait("none is left", || console.pids(FROM_ZERO).is_empty().then_some(()));
        }
    }
    assert!(!farm.log().contains("ERROR") && !farm.log().contains("WARN"), "{}", farm.log());
}
