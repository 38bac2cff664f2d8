//! The driver's run-time directory.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use gearman_testkit::Gearmand;
use nix::sys::signal::Signal;
use tempfile::TempDir;

use crate::support::{Notes, everybody, farm, job, scale, wait_gone};

/// The run-time directories of drivers in there.
fn directories(parent: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(parent).unwrap().flatten();
    entries
        .filter(|entry| entry.file_name().to_string_lossy().starts_with("gearman-driver-"))
        .map(|e| e.path())
        .collect()
}

#[test]
fn it_is_private_holds_no_fifo_for_long_and_goes_with_the_driver() {
    let (server, notes, parent) = (Gearmand::start(), Notes::new(), TempDir::new().unwrap());
    let mut farm =
        farm(&server.address(), &notes, "").env("XDG_RUNTIME_DIR", parent.path().display().to_string()).start();
    scale(&farm, &server, "note", 10);
    let found = directories(parent.path());
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(fs::metadata(&found[0]).unwrap().permissions().mode() & 0o7777, 0o700);
    let names: Vec<_> = fs::read_dir(&found[0]).unwrap().flatten().map(|entry| entry.file_name()).collect();
    assert_eq!(names, ["lifeline"], "FIFOs are unlinked once they are open");
    farm.signal(Signal::SIGTERM);
    assert!(farm.wait_exit().success());
    assert_eq!(directories(parent.path()), Vec::<PathBuf>::new());
}

#[test]
fn what_a_killed_driver_left_is_removed_by_the_next_and_what_a_living_one_has_is_not() {
    let (server, notes, parent) = (Gearmand::start(), Notes::new(), TempDir::new().unwrap());
    let start =
        || farm(&server.address(), &notes, "").env("XDG_RUNTIME_DIR", parent.path().display().to_string()).start();
    let mut killed = start();
    let living = start();
    assert_eq!(directories(parent.path()).len(), 2);
    let all = everybody(&killed);
    killed.signal(Signal::SIGKILL);
    killed.wait_exit();
    wait_gone(&all);
    let before = directories(parent.path());
    assert_eq!(before.len(), 2, "a killed driver can't tidy up: {before:?}");
    let next = start();
    let after = directories(parent.path());
    assert_eq!(after.len(), 2, "{after:?}");
    assert!(!after.iter().any(|dir| dir.to_string_lossy().contains(&format!("-{}-", killed.pid()))), "{after:?}");
    for (driver, method) in [(&living, "note"), (&next, "gate")] {
        assert!(after.iter().any(|dir| dir.to_string_lossy().contains(&format!("-{}-", driver.pid()))), "{after:?}");
        scale(driver, &server, method, 1);
    }
}

#[test]
fn a_driver_that_fails_to_start_leaves_none() {
    let (server, notes, parent) = (Gearmand::start(), Notes::new(), TempDir::new().unwrap());
    let mut failed = farm(&server.address(), &notes, "--namespaces no::such::workers")
        .env("XDG_RUNTIME_DIR", parent.path().display().to_string())
        .start_unwatched();
    let status = failed.wait_exit();
    let left = directories(parent.path());
    assert!(left.is_empty(), "{status}: {left:?} {}", failed.state());
}

#[test]
fn that_it_was_removed_is_told_with_what_to_do() {
    let (gearmand, notes, parent) = (Gearmand::start(), Notes::new(), TempDir::new().unwrap());
    let farm =
        farm(&gearmand.address(), &notes, "").env("XDG_RUNTIME_DIR", parent.path().display().to_string()).start();
    let running = scale(&farm, &gearmand, "note", 1);
    let directory = directories(parent.path()).remove(0);
    fs::remove_dir_all(&directory).unwrap();
    assert_eq!(farm.console().ask(&format!("set_processes {} 2 2", job("note"))), ["OK"]);
    let line = farm.wait_log("Could not start a process");
    let told = format!("the run-time directory {} was removed", directory.display());
    assert!(line.contains(&told) && line.contains("XDG_RUNTIME_DIR"), "{line}");
    // What runs goes on.
    assert_eq!(farm.console().pids(&job("note")), running);
}
