//! `--pidfile`.

use std::fs;

use gearman_testkit::Gearmand;
use nix::sys::signal::Signal;

use crate::support::{farm, pid_in};

#[test]
fn one_driver_a_pidfile_and_a_stale_one_is_taken_over() {
    let server = Gearmand::start();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("d.pid");
    let pidfile = format!("--pidfile {} --interval 0", path.display());
    // Of a process that lives, and holds nothing.
    fs::write(&path, "1\n").unwrap();
    let first = farm(&server).args(&pidfile).start();
    assert_eq!(pid_in(&path), Some(first.pid()));

    let mut second = farm(&server).args(&pidfile).start_unwatched();
    assert_eq!(second.wait_exit().code(), Some(1));
    let refused = format!("is held by another driver, PID {}: it runs still", first.pid());
    assert!(second.stderr().contains(&refused), "{}", second.stderr());
    assert_eq!(pid_in(&path), Some(first.pid()));

    // Killed, it leaves its file behind; hosts and workers that still end don't hold it.
    first.signal(Signal::SIGKILL);
    let mut first = first;
    first.wait_exit();
    let mut third = farm(&server).args(&pidfile).start();
    assert_eq!(pid_in(&path), Some(third.pid()));
    third.signal(Signal::SIGTERM);
    assert!(third.wait_exit().success());
    assert!(!path.exists());
}
