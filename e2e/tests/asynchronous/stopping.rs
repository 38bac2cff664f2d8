//! TERM, panics and ends of processes with many jobs in flight.

use e2e::{ServerKind, on_both_job_servers};
use nix::sys::signal::Signal;

use crate::{farm, function, run, submit};

on_both_job_servers! {
    term_with_32_jobs_in_flight_answers_all,
    large_results_at_the_exit_arrive_whole,
    a_panic_fails_its_job_lets_the_others_finish_and_replaces_the_process,
    a_dead_supervisor_leaves_no_process_and_loses_no_job,
}

fn term_with_32_jobs_in_flight_answers_all(kind: ServerKind) {
    let server = kind.start();
    let mut farm = farm(&server.address()).start();
    let jobs: Vec<_> = (0..32).map(|_| submit(&server.address(), "sleep", "2500")).collect();
    farm.wait("all 32 run", || {
        (server.status_of(&function("sleep")).is_some_and(|row| row.running == 32)).then_some(())
    });
    farm.signal(Signal::SIGTERM);
    assert!(farm.wait_exit().success());
    for job in jobs {
        assert_eq!(job.join().unwrap().unwrap(), b"slept 2500");
    }
}

fn large_results_at_the_exit_arrive_whole(kind: ServerKind) {
    let server = kind.start();
    let mut farm = farm(&server.address()).start();
    let jobs: Vec<_> = (0..16).map(|_| submit(&server.address(), "large", "2000 300000")).collect();
    farm.wait("all 16 run", || {
        (server.status_of(&function("large")).is_some_and(|row| row.running == 16)).then_some(())
    });
    // More wait in the queue, so that NOOPs are on their way when the connection is closed.
    let pid = farm.console().pids(&function("large"))[0];
    assert_eq!(farm.console().ask(&format!("stop {pid}")), ["OK"]);
    let more: Vec<_> = (0..8).map(|_| submit(&server.address(), "large", "0 300000")).collect();
    for job in jobs.into_iter().chain(more) {
        let result = job.join().unwrap().unwrap();
        assert_eq!((result.len(), result.iter().all(|byte| *byte == b'x')), (300_000, true));
    }
    farm.signal(Signal::SIGTERM);
    assert!(farm.wait_exit().success());
}

fn a_panic_fails_its_job_lets_the_others_finish_and_replaces_the_process(kind: ServerKind) {
    let server = kind.start();
    let farm = farm(&server.address()).start();
    let pid =
        farm.wait("its process is there", || farm.console().pids(&function("mixed")).first().copied()).to_string();
    let others: Vec<_> = (0..5).map(|_| submit(&server.address(), "slow", "2000")).collect();
    farm.wait("the others run", || {
        (server.status_of(&function("slow")).is_some_and(|row| row.running == 5)).then_some(())
    });
    let error = submit(&server.address(), "boom", "boom").join().unwrap().unwrap_err().to_string();
    assert!(error.contains("boom on purpose"), "{error}");
    // It is not among those that take new jobs.
    for other in others {
        assert_eq!(other.join().unwrap().unwrap(), pid.as_bytes());
    }
    let next = run(&server.address(), "boom", "");
    assert_ne!(next, pid);
    let row = farm.console().row(&function("mixed"));
    assert!(row.message.unwrap().contains("boom on purpose"));
}

fn a_dead_supervisor_leaves_no_process_and_loses_no_job(kind: ServerKind) {
    let server = kind.start();
    let farm = farm(&server.address()).start();
    let jobs: Vec<_> = (0..8).map(|_| submit(&server.address(), "sleep", "2000")).collect();
    farm.wait("all 8 run", || (server.status_of(&function("sleep")).is_some_and(|row| row.running == 8)).then_some(()));
    let pids: Vec<_> = farm.processes().iter().map(|process| process.pid).collect();
    farm.signal(Signal::SIGKILL);
    for job in jobs {
        assert_eq!(job.join().unwrap().unwrap(), b"slept 2000");
    }
    farm.wait("all have ended", || (!pids.iter().any(|pid| e2e::is_alive(*pid))).then_some(()));
}
