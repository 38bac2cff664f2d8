//! Each measurement of our own side runs, in small, and prints its table. Whether the numbers are good is
//! not a test's business.

use std::process::Command;

fn bench(arguments: &[&str]) -> String {
    let output =
        Command::new(env!("CARGO_BIN_EXE_bench")).args(arguments).output().expect("the program was built and starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    String::from_utf8(output.stdout).expect("tables are text")
}

#[test]
fn spawn_counts_ours_and_a_peer() {
    let peer = "tool=gearman -w -h 127.0.0.1 -p {port} -f {function} cat";
    let table = bench(&[
        "spawn",
        "--processes",
        "1",
        "--runs",
        "1",
        "--pairs",
        "1",
        "--data",
        "6",
        "--forks",
        "3",
        "--peer",
        peer,
    ]);
    assert!(
        table.contains("| gearman-driver | ") && table.contains("| tool | ") && table.contains("\n| ratio | "),
        "{table}"
    );
}

#[test]
fn recover_sees_a_replacement() {
    let table = bench(&["recover", "--processes", "2", "--kills", "1", "--pause", "0"]);
    assert!(table.contains("\n| gearman-driver | "), "{table}");
}

#[test]
fn idle_reads_cpu_and_memory() {
    let table = bench(&["idle", "--processes", "2", "--jobs", "1", "--seconds", "1"]);
    assert!(table.contains("\n| 2 | 1 | ") && table.contains(" MiB |"), "{table}");
}

#[test]
fn async_counts_both_and_weighs_them() {
    let table = bench(&["async", "--pairs", "1", "--seconds", "0.3"]);
    assert!(table.contains("\n| 64 processes | ") && table.contains("\n| one async process | "), "{table}");
}

#[test]
fn jobserver_counts_both_and_weighs_their_queues() {
    let options = ["--pairs", "1", "--workers", "1", "--seconds", "0.2", "--queued", "2000"];
    let table = bench(&[&["jobserver"], options.as_slice()].concat());
    assert!(table.contains("\n| 1 | ") && table.contains("\n| 2000, without unique | "), "{table}");
}

#[test]
fn reload_replaces_all_processes() {
    let table = bench(&["reload", "--processes", "3", "--reloads", "1", "--seconds", "1"]);
    assert!(table.contains("\n| 1 | ") && table.contains(" 0 failed or without an answer"), "{table}");
}
