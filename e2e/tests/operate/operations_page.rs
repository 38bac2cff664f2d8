//! docs/operations.md says what the code does: each figure of its table of limits, against the constant.

use std::fs;
use std::path::Path;

const PAGE: &str = include_str!("../../../docs/operations.md");

/// A crate, a constant of it as it is written there, and the row of the page that tells it.
const FIGURES: &[(&str, &str, &str)] = &[
    ("core", "KILL_GRACE: Duration = Duration::from_secs(5)", "| after KILL: what is still there then | 5 s;"),
    ("core", "HOST_GRACE: Duration = Duration::from_secs(5)", "5 s after KILL, 5 s for the host"),
    (
        "supervisor",
        "HOST_EXIT_TIMEOUT: Duration = Duration::from_secs(5)",
        "| a host that was told to end | 5 s, then KILL |",
    ),
    (
        "core",
        "GRACE: Duration = Duration::from_secs(5)",
        "| a job beyond its `timeout`, before its process is killed | 5 s |",
    ),
    (
        "worker",
        "DRAIN_TIMEOUT: Duration = Duration::from_secs(5)",
        "| a draining process waits for what a job server owes | 5 s,",
    ),
    ("core", "GOOD_RUN: Duration = Duration::from_secs(2)", "\"died at once\" | 2 s |"),
    ("core", "GOOD_RUN: Duration = Duration::from_secs(30)", "a good run of a host | 0 s, 1 s, .. 30 s; 30 s |"),
    ("core", "FIRST_DELAY: Duration = Duration::from_secs(1)", "for each job | 0 s, 1 s, 2 s, 4 s, .. 30 s,"),
    ("core", "LONGEST_DELAY: Duration = Duration::from_secs(30)", "for each job | 0 s, 1 s, 2 s, 4 s, .. 30 s,"),
    ("core", "BLAMELESS_ENDS: u32 = 20", "does not count as its own fault the first 20 times in a row"),
    ("core", "DEATHS_ON_TRIAL: u32 = 3", "until it is taken back | 3 in a row |"),
    ("core", "LARGEST: u32 = 65_535", "| `min_processes`, `max_processes` | 65,535 |"),
    ("wire", "SLOTS: u32 = 65_536", "| processes of a driver | 65,536 |"),
    (
        "worker",
        "FIRST_PATIENCE: Duration = Duration::from_millis(200)",
        "| the first attempt to connect to a job server | 200 ms,",
    ),
    ("worker", "LONGEST_PATIENCE: Duration = Duration::from_secs(5)", "| 200 ms, doubling to 5 s |"),
    ("worker", "FIRST: Duration = Duration::from_millis(50)", "| between two attempts | 25 to 50 ms,"),
    ("worker", "LONGEST: Duration = Duration::from_millis(800)", "| 25 to 50 ms, growing to 400 to 800 ms |"),
    (
        "worker",
        "ANSWER_TIMEOUT: Duration = Duration::from_secs(1)",
        "where there are others | 1 s, then it is left aside |",
    ),
    ("worker", "PARTING_TIMEOUT: Duration = Duration::from_secs(120)", "closes the connection, 120 s at the latest |"),
    (
        "worker",
        "WRITE_TIMEOUT: Duration = Duration::from_secs(30)",
        "| a write to a job server without progress | 30 s |",
    ),
    ("worker", "MAX_PACKET_BYTES: usize = 1 << 30", "| a packet from a job server | 1 GiB |"),
    (
        "supervisor",
        "PATIENCE: Duration = Duration::from_secs(2)",
        "| `interval`, 2 s at the most, 100 ms at the least |",
    ),
    ("supervisor", "MAX_ANSWER_BYTES: usize = 64 << 20", "| the observer's answer | 64 MiB |"),
    ("front", "MAX_CONNECTIONS: usize = 64", "| console connections | 64;"),
    ("front", "MAX_LINE: usize = 8 * 1024", "| a line to the console | 8 KiB |"),
    ("front", "WRITE_TIMEOUT: Duration = Duration::from_secs(30)", "| a console client that takes nothing | 30 s,"),
    (
        "front",
        "KEEPALIVE_TIME: Duration = Duration::from_secs(60)",
        "| a console client whose machine is gone | two minutes |",
    ),
    ("front", "ACCEPT_PAUSE: Duration = Duration::from_millis(100)", "accepting is tried again every 100 ms ("),
    ("front", "TELL_INTERVAL: Duration = Duration::from_secs(60)", "no new connection for now`, once a minute)"),
    ("supervisor", "RETRY_INTERVAL: Duration = Duration::from_secs(5)", "as soon as there is room, within 5 s |"),
    ("supervisor", "SPARE_DESCRIPTORS: u64 = 24", "the last 24 are kept for"),
    ("front", "MAX_TEXT: usize = 512", "| a message in `status` and `show` | 512 bytes |"),
    ("wire", "MESSAGE_BYTES: usize = 512", "| the last error that a process keeps | 512 bytes |"),
    ("supervisor", "MAX_LINE_BYTES: usize = 8 << 10", "| a line that a worker prints | 8 KiB,"),
    ("supervisor", "REST_BYTES: usize = 1 << 20", "| read from a process that has ended | 1 MiB |"),
    ("wire", "MAX_LINE_BYTES: usize = 16 << 20", "| a message of a host | 16 MiB |"),
    ("core", "MAX_FILE_SIZE: usize = 1 << 20", "| a config file | 1 MiB |"),
    (
        "worker",
        "PATIENCE: Duration = Duration::from_secs(10)",
        "| a look-up of a job's `user` and `group`, when the code is loaded | 10 s |",
    ),
    ("supervisor", "TIMEOUT: Duration = Duration::from_secs(60)", "| `unknown_job_command` | 60 s;"),
    ("supervisor", "MAX_RUNNING: usize = 16", "| 60 s; 16 at once,"),
    ("", "PATIENCE: Duration = Duration::from_secs(10)", "| `gearman-driver status` waits | 10 s |"),
    ("", "PATIENCE: Duration = Duration::from_secs(600)", "| `gearman-driver reload` waits | 600 s |"),
];

/// All source text below a directory.
fn sources(dir: &Path) -> String {
    let mut text = String::new();
    for entry in fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() {
            text.push_str(&sources(&entry));
        } else if entry.extension().is_some_and(|extension| extension == "rs") {
            text.push_str(&fs::read_to_string(entry).unwrap());
        }
    }
    text
}

#[test]
fn each_limit_on_the_page_is_that_of_the_code() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates");
    for (name, constant, row) in FIGURES {
        let name = if name.is_empty() { "gearman-driver".to_owned() } else { format!("gearman-driver-{name}") };
        let text = sources(&crates.join(&name).join("src"));
        assert!(
            text.contains(&format!("const {constant};")),
            "{name} has no `const {constant}` any more: what does docs/operations.md say of it?"
        );
        assert!(PAGE.contains(row), "docs/operations.md says nothing like {row:?} ({name}: {constant})");
    }
}

#[test]
fn the_shutdown_timeout_on_the_page_is_the_default_and_the_unit_waits_for_longer() {
    use gearman_driver_core::config::find_option;
    let default = find_option("shutdown_timeout").unwrap().default.unwrap();
    let seconds: u64 = default.trim_end_matches('s').parse().unwrap();
    assert!(PAGE.contains(&format!("| a drain of the whole driver | {seconds} s | `shutdown_timeout`;")));
    let unit = PAGE.lines().find_map(|line| line.strip_prefix("TimeoutStopSec=")).unwrap();
    // 5 s after KILL, and 5 s for the host.
    assert!(unit.parse::<u64>().unwrap() >= seconds + 10, "{unit}");
}

#[test]
fn the_example_of_a_job_with_fewer_rights_is_a_config_file() {
    use gearman_driver_core::config::{Layer, Origin};
    let (_, section) = PAGE.split_once("## A job with fewer rights").unwrap();
    let example = section.split_once("```toml\n").unwrap().1.split_once("```").unwrap().0;
    let layer = Layer::from_file(Path::new("a.toml"), example, &Origin::CommandLine).unwrap();
    let config = Layer::merge([layer]).unwrap();
    let said = config.job_runtime_attributes.values().next().unwrap();
    assert_eq!((said.user.as_deref(), said.no_new_privs), (Some("nobody"), Some(true)));
    let (limits, _) = section.split_once("- **Order**").unwrap();
    for (name, _) in gearman_driver_core::config::RESOURCES {
        assert!(limits.contains(&format!("`{name}`")), "{name} is not on the page");
    }
}
