//! Process groups, without the original's two defects.

use std::thread;
use std::time::{Duration, Instant};

use e2e::{ServerKind, on_both_job_servers};

use crate::Site;

on_both_job_servers! {
    one_process_serves_both_functions,
    an_idle_sibling_does_not_stop_the_processes_of_a_busy_function,
    short_jobs_do_not_wait_behind_a_long_one,
}

fn one_process_serves_both_functions(kind: ServerKind) {
    let site = Site::on(kind);
    let farm = site.farm("groups::Pair").start();
    let left = site.run("workers_farm::groups::Pair::left", "");
    let right = site.run("workers_farm::groups::Pair::right", "");
    assert_eq!(left, right);
    assert_eq!(farm.console().ask("list"), ["workers_farm::groups::Pair::pair"]);
    let pids = farm.console().pids("workers_farm::groups::Pair::pair");
    assert_eq!(pids.iter().map(u32::to_string).collect::<Vec<_>>(), [left]);
}

/// In the original 166 processes were started in 33 s, and no job finished.
fn an_idle_sibling_does_not_stop_the_processes_of_a_busy_function(kind: ServerKind) {
    let site = Site::on(kind);
    let farm = site.farm("groups::Uneven").args("--interval 0.1").start();
    assert_eq!(site.run("workers_farm::groups::Uneven::long", "1500"), "long");
    assert_eq!(site.count("long"), 1, "the job ran once");
    let started = farm.log().matches("Process started").count();
    assert!(started <= 2, "{started} processes for one job: {}", farm.log());
}

/// In the original five 10 ms jobs waited 7.7 s behind one 8 s job with 9 free places.
fn short_jobs_do_not_wait_behind_a_long_one(kind: ServerKind) {
    let site = Site::on(kind);
    let farm = site.farm("groups::Uneven").args("--interval 0.2").start();
    thread::scope(|scope| {
        let long = scope.spawn(|| site.run("workers_farm::groups::Uneven::long", "4000"));
        farm.wait("the long job runs", || (site.count("long") == 1).then_some(()));
        let begun = Instant::now();
        let short: Vec<_> =
            (0..5).map(|_| scope.spawn(|| site.run("workers_farm::groups::Uneven::short", ""))).collect();
        for job in short {
            assert_eq!(job.join().unwrap(), "short");
        }
        let took = begun.elapsed();
        assert!(!long.is_finished(), "the short jobs waited for the long one: {took:?}");
        assert!(took < Duration::from_secs(2), "two looks, and slack: {took:?}, {}", farm.state());
        assert_eq!(long.join().unwrap(), "long");
    });
}
