//! `max_idle_time` of one job, and `check` with the functions' names.

use std::fs;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use gearman_testkit::Gearmand;

use crate::{farm, function, run};

#[test]
fn a_jobs_own_max_idle_time_wins_over_the_drivers() {
    let server = Gearmand::start();
    let farm = farm(&server.address()).args("--interval 0.1 --max-idle-time 0").start();
    for job in ["stays", "goes"] {
        run(&server.address(), job, "");
    }
    let answered = Instant::now();
    let gone = |job: &str| {
        farm.wait("its process has gone", || (farm.console().row(&function(job)).processes == 0).then_some(()));
        answered.elapsed()
    };
    gone("goes");
    let stayed = gone("stays");
    assert!(stayed >= Duration::from_millis(1800), "{stayed:?}");
}

fn check(arguments: &[&str]) -> Output {
    let dir = tempfile::tempdir().unwrap();
    Command::new(env!("CARGO_BIN_EXE_async_farm"))
        .args(["check", "--logfile", "-"])
        .args(arguments)
        .current_dir(dir.path())
        .output()
        .unwrap()
}

#[test]
fn check_tells_a_function_that_has_gone() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("functions.txt");
    let path = file.to_str().unwrap();
    let missing = check(&["--against", path]);
    assert_eq!(missing.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&missing.stderr).contains("`check --write"));

    assert!(check(&["--write", path]).status.success());
    let written = fs::read_to_string(&file).unwrap();
    assert!(written.contains("\nasync_farm::workers::Fetch::boom\n"), "functions of groups, too: {written}");
    let same = check(&["--against", path]);
    assert!(same.status.success() && same.stderr.is_empty(), "{same:?}");

    fs::write(&file, written.replace("Fetch::sleep", "old::Fetch::sleep")).unwrap();
    let moved = check(&["--against", path]);
    assert_eq!(moved.status.code(), Some(1));
    let told = String::from_utf8_lossy(&moved.stderr);
    assert!(
        told.contains("async_farm::workers::old::Fetch::sleep is gone (is it async_farm::workers::Fetch::sleep now?)"),
        "{told}"
    );
    assert!(told.contains("async_farm::workers::Fetch::sleep is new"), "{told}");
}
