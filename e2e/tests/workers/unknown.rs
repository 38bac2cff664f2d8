//! `unknown_job_callback`.

use e2e::{ServerKind, on_both_job_servers};

use crate::Site;

// Not on both, but with gearmand alone: what a callback does is the driver's matter.
on_both_job_servers! {
    the_callback_gets_the_numbers_of_functions_that_no_job_has,
}

fn the_callback_gets_the_numbers_of_functions_that_no_job_has(kind: ServerKind) {
    let site = Site::on(kind);
    let farm = site.farm("names_beside").env("FARM_UNKNOWN", "1").args("--interval 0.1").start();
    for _ in 0..3 {
        site.client().submit_background("unknown::noted", b"").unwrap();
    }
    let expected = "FunctionStatus { name: \"unknown::noted\", queue: 3, busy: 0, free: 0, running: 0 }";
    farm.wait("the callback is called, at each look", || (site.count(expected) >= 2).then_some(()));
    // In the supervisor, and never for what a job has.
    assert!(site.trace().iter().filter(|(_, what)| what == expected).all(|(pid, _)| *pid == farm.pid()));
    assert!(!site.notes().iter().any(|note| note.contains("beside")), "{:?}", site.notes());
}

#[test]
fn a_callback_that_panics_is_caught_and_logged() {
    let site = Site::new();
    let farm = site.farm("names_beside").env("FARM_UNKNOWN", "1").args("--interval 0.1").start();
    site.client().submit_background("unknown::panic", b"").unwrap();
    let line = farm.wait_log("unknown_job_callback panicked for function unknown::panic");
    assert!(line.contains("] ERROR "), "{line}");
    // The driver goes on, and calls it again.
    farm.wait("a second call", || {
        (site.notes().iter().filter(|note| note.contains("unknown::panic")).count() >= 2).then_some(())
    });
    assert_eq!(site.run("workers_farm::names_beside::Beside::beside", ""), "");
}

#[test]
fn shutdown_from_the_callback_is_clean() {
    let site = Site::new();
    let mut farm = site.farm("names_beside").env("FARM_UNKNOWN", "1").args("--interval 0.1").start();
    site.client().submit_background("unknown::shutdown", b"").unwrap();
    assert!(farm.wait_exit().success(), "{}", farm.state());
    farm.wait("nothing is left", || farm.processes().is_empty().then_some(()));
}
