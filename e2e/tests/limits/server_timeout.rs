//! `server_timeout`: the job server gives a job to another process when its time is over.

use std::fs;
use std::time::{Duration, Instant};

use e2e::{ServerKind, on_both_job_servers};
use gearman_testkit::Gearmand;

use super::{Notes, client, farm, function, run, start};

on_both_job_servers! {
    a_job_over_its_time_is_begun_again_elsewhere_and_its_client_gets_one_result,
}

fn a_job_over_its_time_is_begun_again_elsewhere_and_its_client_gets_one_result(kind: ServerKind) {
    let (server, notes) = (kind.start(), Notes::new());
    let farm = farm(&server.address(), &notes).start();
    farm.wait("both processes are registered", || {
        server.status_of(&function("Again::again")).filter(|row| row.workers == 2)
    });
    // Answered in time: never again. They wait in a row, so that a process goes from one to the next without sleeping.
    let mut client = client(&server.address());
    for _ in 0..50 {
        client.submit_background(&function("Again::again"), "").unwrap();
    }
    let begun = Instant::now();
    let answer = start(&server.address(), "Again::again", "slow");
    let first = notes.wait(&farm, "again slow");
    let second = answer.join().unwrap().unwrap();
    assert!(begun.elapsed() >= Duration::from_millis(900), "{:?}", begun.elapsed());
    assert_ne!(first, second, "the first one still waits");
    assert_eq!(notes.of("again slow"), [first.clone(), second.clone()]);
    // What the first one answers in the end is nobody's any more; both go on.
    fs::write(notes.0.path().join("go"), "").unwrap();
    farm.wait("both do jobs again", || {
        let pid = run(&server.address(), "Again::again", "").unwrap();
        (pid == first).then_some(())
    });
    assert_eq!(notes.of("again slow").len(), 2);
    farm.wait("nothing is left", || server.status_of(&function("Again::again")).filter(|row| row.total == 0));
    assert_eq!(farm.console().pids(&function("Again::again")).len(), 2);
    assert!(!farm.log().contains("Exited"), "{}", farm.log());
}

/// gearmand's timer for a job runs on when that has been answered, until the worker asks for another or sleeps.
#[test]
fn the_timer_of_a_job_that_was_answered_is_ended_though_the_process_goes_on_with_another_server() {
    let [one, other] = [(); 2].map(|()| Gearmand::start_with(&["--verbose=WARNING"]));
    let notes = Notes::new();
    let farm = farm(&format!("{},{}", one.address(), other.address()), &notes).start();
    // The only process is busy with the first, so that all are there when it goes on; servers take turns then. While the last
    // one runs, the time of the one before it is over.
    let mut jobs = vec![start(&other.address(), "AgainAsync::sleep", "first 500")];
    notes.wait(&farm, "slept");
    for (server, workload) in [(&other, "second 0"), (&other, "last 1200"), (&one, "between 1200")] {
        jobs.push(start(&server.address(), "AgainAsync::sleep", workload));
        farm.wait("it is there", || {
            let total = |server: &Gearmand| server.status_of(&function("AgainAsync::sleep")).map_or(0, |row| row.total);
            (total(&one) + total(&other) == jobs.len() as u64).then_some(())
        });
    }
    for job in jobs {
        job.join().unwrap().unwrap();
    }
    assert_eq!(notes.of("slept"), ["first", "second", "between", "last"]);
    // It is there, and holds nothing.
    assert_eq!(run(&one.address(), "AgainAsync::sleep", "after 0").unwrap(), "after");
    farm.wait("nothing is left", || one.status().iter().all(|row| row.total == 0).then_some(()));
    assert_eq!(notes.of("slept").len(), 5);
    assert!(!one.log().contains("requeueing"), "{}", one.log());
}
