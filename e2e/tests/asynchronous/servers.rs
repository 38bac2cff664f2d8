//! Several job servers; frozen, restarted and mad ones.

use std::io::{Read, Write};
use std::net::TcpListener;

use e2e::{ServerKind, on_both_job_servers};
use gearman_testkit::Gearmand;
use nix::sys::signal::Signal;

use crate::{farm, function, run, submit};

// Not on both, but with gearmand alone: where the other server is none, it is that one which the test is about.
on_both_job_servers! {
    two_job_servers_share_a_process_and_its_permits,
    a_frozen_job_server_does_not_stop_the_other,
    a_restarted_job_server_is_served_again,
}

fn two_job_servers_share_a_process_and_its_permits(kind: ServerKind) {
    let (one, two) = (kind.start(), kind.start());
    let mut farm = farm(&format!("{},{}", one.address(), two.address())).start();
    run(&one.address(), "few", "0");
    run(&two.address(), "few", "0");
    let jobs: Vec<_> =
        (0..12).map(|n| submit(&if n % 2 == 0 { one.address() } else { two.address() }, "few", "200")).collect();
    farm.wait("all are done", || {
        let rows = [&one, &two].map(|server| server.status_of(&function("few")));
        let running: u64 = rows.iter().flatten().map(|row| row.running).sum();
        // The two answers are not of the same moment: one job may be counted in both.
        assert!(running <= 5, "{rows:?}");
        rows.iter().flatten().all(|row| row.total == 0).then_some(())
    });
    for job in jobs {
        job.join().unwrap().unwrap();
    }
    farm.signal(Signal::SIGTERM);
    assert!(farm.wait_exit().success());
}

fn a_frozen_job_server_does_not_stop_the_other(kind: ServerKind) {
    let (frozen, well) = (kind.start(), kind.start());
    let mut farm = farm(&format!("{},{}", frozen.address(), well.address())).start();
    // With its jobs in hand.
    let held: Vec<_> = (0..3).map(|_| submit(&frozen.address(), "few", "3000")).collect();
    farm.wait("they run", || (frozen.status_of(&function("few")).is_some_and(|row| row.running == 3)).then_some(()));
    frozen.freeze();
    for _ in 0..4 {
        run(&well.address(), "few", "10");
        run(&well.address(), "one", "0");
    }
    frozen.thaw();
    for job in held {
        job.join().unwrap().unwrap();
    }
    run(&frozen.address(), "few", "0");
    frozen.freeze();
    farm.signal(Signal::SIGTERM);
    assert!(farm.wait_exit().success());
}

fn a_restarted_job_server_is_served_again(kind: ServerKind) {
    let mut server = kind.start();
    let farm = farm(&server.address()).start();
    run(&server.address(), "sleep", "0");
    let lost = submit(&server.address(), "sleep", "2500");
    farm.wait("it runs", || (server.status_of(&function("sleep")).is_some_and(|row| row.running == 1)).then_some(()));
    server.stop();
    assert!(lost.join().unwrap().is_err());
    server.start_again();
    assert_eq!(run(&server.address(), "sleep", "1"), "slept 1");
    let line = farm.wait_log("could not be sent to job server");
    assert!(line.contains("which will give the job to a worker again"), "{line}");
}

#[test]
fn garbage_is_told_once_and_the_other_server_is_served() {
    let server = Gearmand::start();
    let mad = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = mad.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in mad.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut asked = [0; 64];
            let _ = stream.read(&mut asked);
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        }
    });
    let farm = farm(&format!("{address},{}", server.address())).start();
    assert_eq!(run(&server.address(), "sleep", "5"), "slept 5");
    let job = format!("[{}]", function("sleep"));
    let told = |log: String| {
        log.lines().filter(|line| line.contains("sent what is no Gearman") && line.contains(&job)).count()
    };
    farm.wait("it is told", || (told(farm.log()) == 1).then_some(()));
    for _ in 0..20 {
        run(&server.address(), "sleep", "20");
    }
    assert_eq!(told(farm.log()), 1, "{}", farm.log());
}

/// A job server that says that a job waits, and answers nothing.
#[test]
fn a_job_server_that_owes_an_answer_is_left_aside() {
    let server = Gearmand::start();
    let mute = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = mute.local_addr().unwrap();
    std::thread::spawn(move || {
        let mut streams = Vec::new();
        for stream in mute.incoming() {
            let Ok(mut stream) = stream else { return };
            let _ = stream.write_all(b"\0RES\0\0\0\x06\0\0\0\0");
            streams.push(stream);
        }
    });
    let mut farm = farm(&format!("{address},{}", server.address())).start();
    let job = format!("[{}]", function("one"));
    // It is asked with the only permit.
    let jobs: Vec<_> = (0..5).map(|_| submit(&server.address(), "one", "10")).collect();
    for job in jobs {
        job.join().unwrap().unwrap();
    }
    farm.wait("it is told", || {
        let log = farm.log();
        log.lines().any(|line| line.contains(&job) && line.contains("does not answer: left aside")).then_some(())
    });
    farm.signal(Signal::SIGTERM);
    assert!(farm.wait_exit().success());
}
