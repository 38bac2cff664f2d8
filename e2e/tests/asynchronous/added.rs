//! Asynchronous jobs without macros.

use std::thread;

use gearman_protocol::ClientError;
use gearman_testkit::Gearmand;

use crate::{client, farm};

#[test]
fn several_run_at_once_in_one_process() {
    let gearmand = Gearmand::start();
    let farm = farm(&gearmand.address()).start();
    let jobs: Vec<_> = (0..12)
        .map(|_| {
            let mut client = client(&gearmand.address()).timeout(e2e::PATIENCE);
            thread::spawn(move || client.run("wait", "600"))
        })
        .collect();
    let mut most = 0;
    farm.wait("8 run, never more", || {
        let row = gearmand.status_of("wait")?;
        most = most.max(row.running);
        assert!(row.running <= 8, "{row:?}");
        (most == 8 && row.total == 0).then_some(())
    });
    for job in jobs {
        assert_eq!(job.join().unwrap().unwrap(), b"hello, waited 600");
    }
    let row = farm.console().row("added");
    assert_eq!((row.min, row.max, row.processes), (1, 1, 1));
}

#[test]
fn an_error_fails_the_job_and_the_process_lives_on() {
    let gearmand = Gearmand::start();
    let farm = farm(&gearmand.address()).start();
    let mut client = client(&gearmand.address()).timeout(e2e::PATIENCE);
    assert_eq!(client.run("wait", "0").unwrap(), b"hello, waited 0");
    let pids = farm.console().pids("added");
    let error = client.run("trip", "0").unwrap_err();
    let ClientError::Failed { warnings, .. } = &error else { panic!("{error}") };
    assert_eq!(warnings, &["tripped on purpose"]);
    assert_eq!(client.run("wait", "1").unwrap(), b"hello, waited 1");
    assert_eq!(farm.console().pids("added"), pids);
    assert_eq!(farm.console().row("added").message.as_deref(), Some("tripped on purpose"));
}
