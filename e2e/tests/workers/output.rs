//! What a worker prints and logs, in the driver's log.

use e2e::Farm;

use crate::Site;

const PRINT: &str = "workers_farm::output::Output::print";

/// Runs the job; PID and handle.
fn print(site: &Site, what: &str) -> (String, String) {
    let answer = site.run(PRINT, what);
    let (pid, handle) = answer.split_once(' ').unwrap();
    (pid.to_owned(), handle.to_owned())
}

fn assert_line(farm: &Farm, level: &str, line: &str) {
    let found = farm.wait_log(line);
    assert!(found.ends_with(&format!("] {level} {line}")), "{found}");
}

#[test]
fn lines_are_tagged_with_pid_and_job() {
    let site = Site::new();
    let farm = site.farm("output").start();
    let (pid, _) = print(&site, "lines");
    assert_line(&farm, "INFO", &format!("({pid}) [{PRINT}] STDOUT: printed one"));
    assert_line(&farm, "INFO", &format!("({pid}) [{PRINT}] STDOUT: printed two"));
    assert_line(&farm, "INFO", &format!("({pid}) [{PRINT}] STDERR: an error line"));
    // In the original this line would set the bound.
    assert_line(&farm, "INFO", &format!("({pid}) [{PRINT}] STDOUT: max_processes 77"));
    assert_eq!(farm.console().row(PRINT).max, 1);
}

#[test]
fn records_of_log_and_tracing_have_level_and_handle() {
    let site = Site::new();
    let farm = site.farm("output").start();
    let (pid, handle) = print(&site, "records");
    let tag = format!("({pid}) [{PRINT}] [{handle}]");
    assert_line(&farm, "WARN", &format!("{tag} a record of log"));
    assert_line(&farm, "ERROR", &format!("{tag} an event of tracing answer=42"));
    // A record of several lines can't pass for another one, nor paint a terminal.
    assert_line(&farm, "ERROR", &format!("{tag} first line"));
    assert_line(&farm, "ERROR", &format!("{tag} [2000-01-01 00:00:00] FATAL second line\\u{{1b}}[31m"));
    assert!(!farm.log().contains("below the level"), "{}", farm.log());
}

#[test]
fn a_level_of_the_driver_is_its_workers_too() {
    let site = Site::new();
    let farm = site.farm("output").args("--loglevel DEBUG").start();
    let (pid, handle) = print(&site, "records");
    assert_line(&farm, "DEBUG", &format!("({pid}) [{PRINT}] [{handle}] a record below the level"));
}

#[test]
fn a_level_that_is_set_live_reaches_processes_that_run() {
    let site = Site::new();
    let farm = site.farm("output").start();
    let below = |(pid, handle): &(String, String)| format!("({pid}) [{PRINT}] [{handle}] a record below the level");
    let first = print(&site, "records");
    assert_eq!(farm.console().ask("set_loglevel DEBUG"), ["OK"]);
    let second = print(&site, "records");
    assert_eq!(first.0, second.0, "the same process");
    assert_line(&farm, "DEBUG", &below(&second));
    // Lines come in the order in which they were printed: what is not there now does not come any more.
    assert_eq!(farm.console().ask("set_loglevel INFO"), ["OK"]);
    let third = print(&site, "records");
    assert_line(&farm, "ERROR", &format!("({}) [{PRINT}] [{}] first line", third.0, third.1));
    let log = farm.log();
    assert!(!log.contains(&below(&first)) && !log.contains(&below(&third)), "{log}");
}

#[test]
fn junk_long_lines_and_open_ends_are_bounded_and_marked() {
    let site = Site::new();
    let farm = site.farm("output").start();
    let (pid, _) = print(&site, "junk");
    let tag = format!("({pid}) [{PRINT}]");
    assert_line(&farm, "INFO", &format!("{tag} STDOUT: junk \\u{{0}}\u{fffd}\u{fffd}\\u{{1b}}[2J\\u{{7}} end"));

    print(&site, "long");
    assert_line(&farm, "INFO", &format!("{tag} STDOUT: after the long line"));
    let log = farm.log();
    let long = log.lines().find(|line| line.contains("xxxx")).unwrap();
    assert!(long.len() < 10_000, "{} bytes", long.len());
    assert!(long.ends_with("x [.. 10477568 more bytes of this line left out]"), "{}", &long[long.len() - 80..]);

    print(&site, "open");
    assert_eq!(farm.console().ask(&format!("kill {pid}")), ["OK"]);
    assert_line(&farm, "INFO", &format!("{tag} STDOUT: a last line without its end"));
    assert_line(&farm, "INFO", &format!("{tag} STDERR: another one"));
}
