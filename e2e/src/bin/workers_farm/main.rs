//! A farm with a worker for each promise of the worker API. A test takes the namespaces that it needs, with
//! `--namespaces`; what only the builder can say is chosen by environment variables.

#![allow(
    clippy::needless_pass_by_value,
    clippy::wrong_self_convention,
    reason = "methods take what a job may take, and bear the names of functions"
)]

use std::fs::OpenOptions;
use std::io::Write;
use std::process::ExitCode;

use gearman_driver::{Driver, DriverHandle, FunctionStatus};
use serde_json::json;

mod added;
mod attributes;
mod broken;
mod clients;
mod codecs;
mod groups;
mod hooks;
mod life;
mod names;
mod names_beside;
mod output;
mod scaling;
mod shared;

/// Appends a line to the file that the test reads: what happened, and in which process.
fn trace(what: &str) {
    if let Some(path) = std::env::var_os("FARM_TRACE") {
        let mut file = OpenOptions::new().append(true).create(true).open(path).expect("the test gives a path");
        let line = format!("{} {}\n", std::process::id(), what.replace('\n', "\\n"));
        file.write_all(line.as_bytes()).expect("the test's folder is writable");
    }
}

fn unknown_job(driver: &DriverHandle, status: &FunctionStatus) {
    trace(&format!("{status:?}"));
    match status.name.as_str() {
        "unknown::panic" => panic!("the callback panics on purpose"),
        "unknown::shutdown" => driver.shutdown(),
        _ => {}
    }
}

fn main() -> ExitCode {
    let set = |name: &str| std::env::var_os(name).is_some();
    let mut driver = Driver::from_args().wanted(|path| {
        trace(&format!("wanted {path}"));
        !path.ends_with("::Refused")
    });
    if set("FARM_OPTIONS") {
        driver = driver
            .worker_options(json!({
                "GLOBAL": { "colour": "grey", "size": 1 },
                "workers_farm::attributes::Options": { "size": 7 },
            }))
            .job_runtime_attributes(json!({
                "workers_farm::attributes::Defaults::by_type_path": { "min_processes": 3, "max_processes": 8 },
                "console_name_by_console_name": { "max_processes": 9 },
                "workers_farm::attributes::Defaults::grouped": { "min_processes": 2 },
            }));
    }
    if set("FARM_UNKNOWN") {
        driver = driver.unknown_job_callback(unknown_job);
    }
    if set("FARM_ADDED") {
        driver = driver.add_job(added::plain()).add_job(added::prefixed());
    }
    if set("FARM_ADDED_TWICE") {
        driver = driver.add_job(added::plain()).add_job(added::other(added::plain()));
    }
    let thread = set("FARM_THREAD").then(|| {
        let (end, ended) = std::sync::mpsc::channel::<()>();
        (end, std::thread::spawn(move || ended.recv()))
    });
    let code = driver.run();
    trace("run() has returned");
    drop(thread);
    code
}
