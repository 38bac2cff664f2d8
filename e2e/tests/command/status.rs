//! `status`, and `--name`.

use std::process::{Command, Output};

use gearman_testkit::{Gearmand, free_port};

use crate::support::{ECHO, farm, program};

const BOOM: &str = "farm::workers::Echo::boom";

fn run(arguments: &str) -> Output {
    Command::new(program()).args(arguments.split_whitespace()).output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[test]
fn a_running_driver_is_shown() {
    let server = Gearmand::start();
    let farm = farm(&server).args("--interval 0 --name blue-1").start();
    let port = farm.console_port();
    let pid = farm.wait("a process", || farm.console().pids(ECHO).first().copied());
    farm.wait("a process of the other job", || farm.console().pids(BOOM).first().copied());
    let rows = farm.console().ask("status");
    for arguments in [format!("status --connect localhost:{port}"), format!("status --console-port {port}")] {
        let output = run(&arguments);
        assert!(output.status.success(), "{output:?}");
        assert_eq!(text(&output.stdout).lines().collect::<Vec<_>>(), rows, "{arguments}");
    }
    let output = run(&format!("status --json --connect 127.0.0.1:{port}"));
    assert!(output.status.success(), "{output:?}");
    let driver: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(driver["name"], "blue-1");
    assert_eq!(driver["pid"], farm.pid());
    assert_eq!(driver["generation"], 1);
    assert_eq!(driver["console"], format!("127.0.0.1:{port}"));
    assert_eq!(driver["servers"][0]["address"], server.address());
    let jobs = driver["jobs"].as_array().unwrap();
    let echo = jobs.iter().find(|job| job["name"] == ECHO).unwrap();
    assert_eq!((&echo["min_processes"], &echo["max_processes"]), (&1.into(), &5.into()));
    assert_eq!(echo["processes"][0]["pid"], pid);

    // The name is in the titles of host and workers.
    farm.wait("titles with the name", || {
        let processes = farm.processes();
        let named = processes.iter().filter(|process| process.title.contains("[blue-1]")).count();
        (named == processes.len() && named >= 2).then_some(())
    });
}

#[test]
fn a_driver_that_does_not_answer_is_told() {
    let port = free_port();
    let output = run(&format!("status --connect 127.0.0.1:{port}"));
    assert_eq!(output.status.code(), Some(1));
    let stderr = text(&output.stderr);
    assert!(
        stderr.starts_with(&format!("farm: no driver answers at 127.0.0.1:{port}: Connection refused")),
        "{stderr}"
    );
    assert_eq!((stderr.lines().count(), text(&output.stdout)), (1, ""));
}

#[test]
fn completions_and_the_manual_page_are_written() {
    for (page, start) in [("bash", "_farm()"), ("zsh", "#compdef farm"), ("man", ".ie")] {
        let output = run(&format!("completions {page}"));
        assert!(output.status.success() && text(&output.stdout).starts_with(start), "{page}: {output:?}");
    }
}

#[test]
fn drivers_are_reloaded_by_the_command() {
    let gearmand = Gearmand::start();
    let farm = farm(&gearmand).args("--interval 0").start();
    let output = run(&format!("reload --connect 127.0.0.1:{}", farm.console_port()));
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    let _ = farm.wait_log("Reload: generation 2 has taken over");
    let port = free_port();
    let output = run(&format!("reload --connect 127.0.0.1:{port}"));
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("no driver answers at"), "{output:?}");
}
