//! `unknown_job_callback` may submit, change bounds and shut down.

use gearman_testkit::Gearmand;

use crate::{SLEEP, client, farm};

#[test]
fn it_can_submit_jobs_and_wait_for_them() {
    let gearmand = Gearmand::start();
    let farm = farm(&gearmand).args("--interval 0.1").start();
    client(&gearmand).submit_background("unknown::submits", b"").unwrap();
    farm.wait("its job is answered", || farm.stderr().contains("the callback's job answered Ok([49])").then_some(()));
}

#[test]
fn it_can_change_bounds() {
    let gearmand = Gearmand::start();
    let farm = farm(&gearmand).args("--interval 0.1").start();
    client(&gearmand).submit_background("unknown::changes_bounds", b"").unwrap();
    farm.wait("the bounds are set", || farm.stderr().contains("bounds set: Ok(())").then_some(()));
    let row = farm.console().row(SLEEP);
    assert_eq!((row.min, row.max, row.processes), (2, 3, 2));
}

#[test]
fn it_can_shut_the_driver_down() {
    let gearmand = Gearmand::start();
    let mut farm = farm(&gearmand).args("--interval 0.1").start();
    client(&gearmand).submit_background("unknown::shuts_down", b"").unwrap();
    assert!(farm.wait_exit().success(), "{}", farm.state());
    farm.wait("nothing is left", || farm.processes().is_empty().then_some(()));
}
