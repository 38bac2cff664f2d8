//! What keeps a driver from starting: said in one line, exit code 1, nothing started.

use crate::Site;

/// Starts a driver that must not start, and gives what it says.
fn refused(namespace: &str) -> String {
    let site = Site::new();
    let mut farm = site.farm(namespace).start_unwatched();
    let status = farm.wait_exit();
    assert_eq!(status.code(), Some(1), "{}", farm.state());
    let said = farm.stderr();
    assert_eq!(said.lines().count(), 1, "{said}");
    assert_eq!(site.count("a process was started"), 0, "the sound worker beside it is not started either");
    assert!(site.server.status().is_empty(), "nothing was registered: {:?}", site.server.status());
    farm.wait("nothing is left", || farm.processes().is_empty().then_some(()));
    assert!(farm.log().contains("FATAL"), "{}", farm.log());
    said
}

fn assert_said(namespace: &str, parts: &[&str]) {
    let said = refused(namespace);
    for part in parts {
        assert!(said.contains(part), "{part:?} is not in {said:?}");
    }
}

#[test]
fn a_constructor_that_fails() {
    assert_said("broken::constructor", &["workers_farm::broken::constructor::Fails", "no model in /nowhere"]);
}

#[test]
fn a_constructor_that_panics() {
    let site = Site::new();
    let mut farm = site.farm("broken::panics").start_unwatched();
    assert_eq!(farm.wait_exit().code(), Some(1));
    let said = farm.stderr();
    assert!(said.contains("workers_farm::broken::panics::Panics"), "{said}");
    assert!(said.contains("the constructor panics on purpose"), "{said}");
    assert_eq!(site.count("a process was started"), 0);
}

#[test]
fn a_constructor_that_starts_a_thread() {
    assert_said(
        "broken::thread",
        &["a thread was started by a worker's constructor", "another thread (a-pool)", "`process_start`"],
    );
}

#[test]
fn a_constructor_that_leaves_a_connection_open() {
    assert_said("broken::connection", &["constructor", "connection", "127.0.0.1", "process_start"]);
}

#[test]
fn crossed_bounds() {
    assert_said(
        "broken::bounds",
        &["workers_farm::broken::bounds::Crossed", "method crossed", "min_processes (3) is above max_processes (2)"],
    );
}

#[test]
fn two_functions_of_one_name() {
    assert_said(
        "broken::twice",
        &["twice_same", "workers_farm::broken::twice::One", "workers_farm::broken::twice::Two", "#[job(name"],
    );
}

#[test]
fn a_namespace_without_workers() {
    assert_said(
        "nmaes",
        &["no worker in namespace workers_farm::nmaes", "workers_farm::names", "use my_workers as _;"],
    );
}

#[test]
fn a_thread_in_main_before_run() {
    let site = Site::new();
    let mut farm = site.farm("names_beside").env("FARM_THREAD", "1").start_unwatched();
    assert_eq!(farm.wait_exit().code(), Some(1), "{}", farm.state());
    let said = farm.stderr();
    assert!(said.contains("2 threads") && said.contains("run()") && said.contains("`process_start`"), "{said}");
    assert!(site.server.status().is_empty(), "nothing was registered");
}

#[test]
fn bounds_of_the_operator_that_cross_the_codes() {
    let site = Site::new();
    let config = "[job_runtime_attributes.'workers_farm::scaling::Scaling::from_one']\nmin_processes = 5\n";
    std::fs::write(site.path("farm.toml"), config).unwrap();
    let path = site.path("farm.toml").display().to_string();
    let mut farm = site.farm("scaling").arg("--configfile").arg(path).start_unwatched();
    assert_eq!(farm.wait_exit().code(), Some(1), "{}", farm.state());
    let said = farm.stderr();
    assert!(
        said.contains("workers_farm::scaling::Scaling, method from_one: min_processes (5) is above max_processes (4)"),
        "{said}"
    );
}

#[test]
fn two_added_jobs_with_one_function() {
    let site = Site::new();
    let mut farm = site.farm("").env("FARM_ADDED_TWICE", "1").start_unwatched();
    assert_eq!(farm.wait_exit().code(), Some(1), "{}", farm.state());
    let said = farm.stderr();
    assert!(said.contains("is registered twice, by added job greeter and by added job other"), "{said}");
    assert!(site.server.status().is_empty(), "nothing was registered");
}
