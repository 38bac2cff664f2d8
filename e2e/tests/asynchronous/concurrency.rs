//! How many jobs one process runs at once.

use std::time::{Duration, Instant};

use e2e::{ServerKind, on_both_job_servers};

use crate::{client, farm, function, run, submit};

on_both_job_servers! {
    sixty_four_sleeping_jobs_take_about_one_sleep_in_one_process,
    never_more_jobs_than_concurrency_are_granted,
    without_concurrency_one_at_a_time_and_records_carry_their_own_handle,
    jobs_ask_for_jobs_and_wait_for_several_at_once,
    jobs_call_jobs_by_their_types,
    process_start_runs_in_the_runtime,
    plain_functions_of_a_mixed_group_run_on_the_same_loop,
    a_job_that_reports_faster_than_it_is_heard_is_held_back,
}

fn sixty_four_sleeping_jobs_take_about_one_sleep_in_one_process(kind: ServerKind) {
    let server = kind.start();
    let farm = farm(&server.address()).start();
    assert_eq!(run(&server.address(), "sleep", "0"), "slept 0");
    let begun = Instant::now();
    let jobs: Vec<_> = (0..64).map(|_| submit(&server.address(), "sleep", "2500")).collect();
    farm.wait("all 64 run", || {
        (server.status_of(&function("sleep")).is_some_and(|row| row.running == 64)).then_some(())
    });
    assert_eq!(farm.console().row(&function("sleep")).processes, 1);
    for job in jobs {
        assert_eq!(job.join().unwrap().unwrap(), b"slept 2500");
    }
    // 160 s one after the other; and much is to be left for a loaded machine.
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
}

fn never_more_jobs_than_concurrency_are_granted(kind: ServerKind) {
    let server = kind.start();
    let farm = farm(&server.address()).start();
    let jobs: Vec<_> = (0..12).map(|_| submit(&server.address(), "few", "300")).collect();
    let mut most = 0;
    farm.wait("4 run, never more", || {
        let row = server.status_of(&function("few"))?;
        most = most.max(row.running);
        assert!(row.running <= 4, "{row:?}");
        (most == 4 && row.total == 0).then_some(())
    });
    let pid = farm.console().pids(&function("few"))[0].to_string();
    for job in jobs {
        assert_eq!(job.join().unwrap().unwrap(), pid.as_bytes());
    }
}

fn without_concurrency_one_at_a_time_and_records_carry_their_own_handle(kind: ServerKind) {
    let server = kind.start();
    let farm = farm(&server.address()).start();
    let jobs: Vec<_> = (0..3).map(|_| submit(&server.address(), "one", "30")).collect();
    for job in jobs {
        let handle: String = serde_json::from_slice(&job.join().unwrap().unwrap()).unwrap();
        for record in [format!("a record of {handle}"), format!("another of {handle}")] {
            let line = farm.wait_log(&record);
            assert_eq!(line.matches(&handle).count(), 2, "the record's own handle and its text: {line}");
        }
    }
    let row = farm.console().row(&function("one"));
    assert_ne!(row.last_run, "1970-01-01T00:00:00");
}

fn jobs_ask_for_jobs_and_wait_for_several_at_once(kind: ServerKind) {
    let server = kind.start();
    let _farm = farm(&server.address()).start();
    let jobs: Vec<_> = (0..4).map(|_| submit(&server.address(), "ask", "")).collect();
    for job in jobs {
        let answer = String::from_utf8(job.join().unwrap().unwrap()).unwrap();
        assert!(answer.starts_with("slept 150 slept 150 true Err("), "{answer}");
        assert!(answer.contains("invalid digit found in string"), "{answer}");
    }
}

fn jobs_call_jobs_by_their_types(kind: ServerKind) {
    let server = kind.start();
    let _farm = farm(&server.address()).start();
    assert_eq!(run(&server.address(), "typed", ""), "true LOUD");
}

fn process_start_runs_in_the_runtime(kind: ServerKind) {
    let server = kind.start();
    let mut farm = farm(&server.address()).start();
    for _ in 0..2 {
        assert_eq!(run(&server.address(), "made", ""), "to myself made by the first job");
    }
    farm.signal(nix::sys::signal::Signal::SIGTERM);
    assert!(farm.wait_exit().success());
    assert!(farm.log().contains("process_stop with a socket: true"), "{}", farm.log());
}

fn plain_functions_of_a_mixed_group_run_on_the_same_loop(kind: ServerKind) {
    let server = kind.start();
    let _farm = farm(&server.address()).start();
    let slow = submit(&server.address(), "slow", "1000");
    assert_eq!(run(&server.address(), "plain", "loud"), "LOUD");
    slow.join().unwrap().unwrap();
}

fn a_job_that_reports_faster_than_it_is_heard_is_held_back(kind: ServerKind) {
    let server = kind.start();
    let _farm = farm(&server.address()).start();
    let mut bytes = 0;
    let result =
        client(&server.address()).run_with(&function("pour"), "", "", gearman_protocol::Priority::Normal, |event| {
            if let gearman_protocol::JobEvent::Data(data) = event {
                bytes += data.len();
            }
        });
    assert_eq!((result.unwrap(), bytes), (Vec::new(), 64 << 20));
}
