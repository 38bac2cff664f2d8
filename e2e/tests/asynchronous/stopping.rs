//! TERM, panics and ends of processes with many jobs in flight.

use gearman_testkit::Gearmand;
use nix::sys::signal::Signal;

use crate::{farm, function, run, submit};

#[test]
fn term_with_32_jobs_in_flight_answers_all() {
    let gearmand = Gearmand::start();
    let mut farm = farm(&gearmand.address()).start();
    let jobs: Vec<_> = (0..32).map(|_| submit(&gearmand.address(), "sleep", "2500")).collect();
    farm.wait("all 32 run", || {
        (gearmand.status_of(&function("sleep")).is_some_and(|row| row.running == 32)).then_some(())
    });
    farm.signal(Signal::SIGTERM);
    assert!(farm.wait_exit().success());
    for job in jobs {
        assert_eq!(job.join().unwrap().unwrap(), b"slept 2500");
    }
}

#[test]
fn large_results_at_the_exit_arrive_whole() {
    let gearmand = Gearmand::start();
    let mut farm = farm(&gearmand.address()).start();
    let jobs: Vec<_> = (0..16).map(|_| submit(&gearmand.address(), "large", "2000 300000")).collect();
    farm.wait("all 16 run", || {
        (gearmand.status_of(&function("large")).is_some_and(|row| row.running == 16)).then_some(())
    });
    // More wait in the queue, so that NOOPs are on their way when the connection is closed.
    let pid = farm.console().pids(&function("large"))[0];
    assert_eq!(farm.console().ask(&format!("stop {pid}")), ["OK"]);
    let more: Vec<_> = (0..8).map(|_| submit(&gearmand.address(), "large", "0 300000")).collect();
    for job in jobs.into_iter().chain(more) {
        let result = job.join().unwrap().unwrap();
        assert_eq!((result.len(), result.iter().all(|byte| *byte == b'x')), (300_000, true));
    }
    farm.signal(Signal::SIGTERM);
    assert!(farm.wait_exit().success());
}

#[test]
fn a_panic_fails_its_job_lets_the_others_finish_and_replaces_the_process() {
    let gearmand = Gearmand::start();
    let farm = farm(&gearmand.address()).start();
    let pid =
        farm.wait("its process is there", || farm.console().pids(&function("mixed")).first().copied()).to_string();
    let others: Vec<_> = (0..5).map(|_| submit(&gearmand.address(), "slow", "2000")).collect();
    farm.wait("the others run", || {
        (gearmand.status_of(&function("slow")).is_some_and(|row| row.running == 5)).then_some(())
    });
    let error = submit(&gearmand.address(), "boom", "boom").join().unwrap().unwrap_err().to_string();
    assert!(error.contains("boom on purpose"), "{error}");
    // It is not among those that take new jobs.
    for other in others {
        assert_eq!(other.join().unwrap().unwrap(), pid.as_bytes());
    }
    let next = run(&gearmand.address(), "boom", "");
    assert_ne!(next, pid);
    let row = farm.console().row(&function("mixed"));
    assert!(row.message.unwrap().contains("boom on purpose"));
}

#[test]
fn a_dead_supervisor_leaves_no_process_and_loses_no_job() {
    let gearmand = Gearmand::start();
    let farm = farm(&gearmand.address()).start();
    let jobs: Vec<_> = (0..8).map(|_| submit(&gearmand.address(), "sleep", "2000")).collect();
    farm.wait("all 8 run", || {
        (gearmand.status_of(&function("sleep")).is_some_and(|row| row.running == 8)).then_some(())
    });
    let pids: Vec<_> = farm.processes().iter().map(|process| process.pid).collect();
    farm.signal(Signal::SIGKILL);
    for job in jobs {
        assert_eq!(job.join().unwrap().unwrap(), b"slept 2000");
    }
    farm.wait("all have ended", || (!pids.iter().any(|pid| e2e::is_alive(*pid))).then_some(()));
}
