//! `unknown_job_callback` may submit, change bounds and shut down.

use e2e::{ServerKind, on_both_job_servers};

use crate::{SLEEP, client, farm};

on_both_job_servers! {
    it_can_submit_jobs_and_wait_for_them,
    it_can_change_bounds,
    it_can_shut_the_driver_down,
}

fn it_can_submit_jobs_and_wait_for_them(kind: ServerKind) {
    let server = kind.start();
    let farm = farm(&server).args("--interval 0.1").start();
    client(&server).submit_background("unknown::submits", b"").unwrap();
    farm.wait("its job is answered", || farm.stderr().contains("the callback's job answered Ok([49])").then_some(()));
}

fn it_can_change_bounds(kind: ServerKind) {
    let server = kind.start();
    let farm = farm(&server).args("--interval 0.1").start();
    client(&server).submit_background("unknown::changes_bounds", b"").unwrap();
    farm.wait("the bounds are set", || farm.stderr().contains("bounds set: Ok(())").then_some(()));
    let row = farm.console().row(SLEEP);
    assert_eq!((row.min, row.max, row.processes), (2, 3, 2));
}

fn it_can_shut_the_driver_down(kind: ServerKind) {
    let server = kind.start();
    let mut farm = farm(&server).args("--interval 0.1").start();
    client(&server).submit_background("unknown::shuts_down", b"").unwrap();
    assert!(farm.wait_exit().success(), "{}", farm.state());
    farm.wait("nothing is left", || farm.processes().is_empty().then_some(()));
}
