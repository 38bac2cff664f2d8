//! The whole, once through: jobs are done, the console shows them, TERM drains.
#![allow(clippy::unwrap_used, reason = "a test")]

use e2e::{Farm, ServerKind, on_both_job_servers};
use gearman_protocol::{Client, ServerList};
use nix::sys::signal::Signal;

on_both_job_servers! {
    jobs_are_done_and_term_drains,
}

fn jobs_are_done_and_term_drains(kind: ServerKind) {
    let server = kind.start();
    let mut farm = Farm::of(env!("CARGO_BIN_EXE_farm"), server.address()).args("--interval 1").start();
    let mut client = Client::new(ServerList::parse(&server.address()).unwrap());
    let echo = "farm::workers::Echo::echo";
    assert_eq!(client.run(echo, b"hello\0gearman").unwrap(), b"hello\0gearman");
    let row = farm.console().row(echo);
    assert_eq!((row.min, row.max, row.processes), (1, 5, 1));
    assert_ne!(row.last_run, "1970-01-01T00:00:00");
    farm.signal(Signal::SIGTERM);
    assert!(farm.wait_exit().success());
    farm.wait("all processes have ended", || farm.processes().is_empty().then_some(()));
    assert!(farm.log().contains("Process started"), "{}", farm.log());
}
