//! What can't be is refused: one clear message on standard error, the right exit code, nothing registered with the job
//! server, no process and no file left.

use std::net::TcpListener;

use e2e::FarmBuilder;
use gearman_driver_core::config::{OPTIONS, Takes};
use gearman_testkit::Gearmand;
use insta::assert_snapshot;

use crate::support::farm;

/// Runs the driver to its end; asserts that the job server was not touched.
fn refused(arguments: &str, tell: impl FnOnce(FarmBuilder) -> FarmBuilder) -> String {
    let server = Gearmand::start();
    let driver = farm(&server).bare().env("OPERATE_SERVER", server.address()).env("OPERATE_CONSOLE_PORT", "0");
    let refusal = tell(driver.args(arguments)).run_to_end().refusal();
    assert_eq!(server.status(), []);
    refusal
}

/// Its own words about a config file `a.toml` or `a.yaml`.
fn refused_file(name: &str, text: &str) -> String {
    refused(&format!("--configfile {name}"), |driver| driver.file(name, text))
}

#[test]
fn job_servers() {
    let plain = |driver| driver;
    assert_snapshot!(refused("--server localhost:x", plain), @r#"
    error: invalid value 'localhost:x' for '--server <HOST[:PORT],..>': job server "localhost:x": the port "x" is not a number; write host:port with a port from 1 to 65535

    For more information, try '--help'.
    exit code 2
    "#);
    assert_snapshot!(refused("--server localhost:70000", plain), @r#"
    error: invalid value 'localhost:70000' for '--server <HOST[:PORT],..>': job server "localhost:70000": the port 70000 is out of range; it must be from 1 to 65535

    For more information, try '--help'.
    exit code 2
    "#);
    assert_snapshot!(refused("", |driver| driver.env("GEARMAN_DRIVER_SERVER", "localhost:4730,")), @r#"
    operate_farm: `server`: job server 2 of "localhost:4730," is empty: remove the comma too many, from GEARMAN_DRIVER_SERVER
    exit code 1
    "#);
    assert_snapshot!(refused_file("a.toml", "\nserver = 'a:b:c'"), @r#"
    operate_farm: `server`: job server "a:b:c" looks like an IPv6 address: put it in brackets, for example [::1]:4730, at a.toml:2
    exit code 1
    "#);
    assert_snapshot!(refused_file("a.yaml", "server: [localhost, 'otherhost:0']"), @r#"
    operate_farm: `server`: job server "otherhost:0": the port 0 is out of range; it must be from 1 to 65535, at a.yaml:1
    exit code 1
    "#);
    assert_snapshot!(refused("", |driver| driver.env("OPERATE_SERVER", "[::1")), @r#"
    operate_farm: `server`: job server "[::1" has no closing bracket: write [ADDRESS]:PORT, for example [::1]:4730, set by the program
    exit code 1
    "#);
}

#[test]
fn ports_bounds_and_types() {
    assert_snapshot!(refused("--console-port 70000", |driver| driver), @"
    error: invalid value '70000' for '--console-port <PORT>': `70000` is no port: a number from 0 to 65535 is

    For more information, try '--help'.
    exit code 2
    ");
    assert_snapshot!(refused("", |driver| driver.env("GEARMAN_DRIVER_CONSOLE_PORT", "-1")), @"
    operate_farm: `console_port`: `-1` is no port: a number from 0 to 65535 is, from GEARMAN_DRIVER_CONSOLE_PORT
    exit code 1
    ");
    assert_snapshot!(refused_file("a.toml", "console_port = 70000"), @"
    operate_farm: `console_port`: 70000 is no port: a number from 0 to 65535 is, at a.toml:1
    exit code 1
    ");
    assert_snapshot!(refused_file("a.toml", "interval = 'soon'"), @"
    operate_farm: `interval`: `soon` is no duration: write for example 5, 0.5, 500ms, 5s or 5m, at a.toml:1
    exit code 1
    ");
    assert_snapshot!(refused_file("a.yaml", "logfile: [a, b]"), @"
    operate_farm: `logfile` must be a path, not a list, at a.yaml:1
    exit code 1
    ");
    assert_snapshot!(refused("--interval -1", |driver| driver), @"
    error: invalid value '-1' for '--interval <DURATION>': `-1` is negative: a duration is 0 or more

    For more information, try '--help'.
    exit code 2
    ");
    assert_snapshot!(refused("--loglevel LOUD", |driver| driver), @"
    error: invalid value 'LOUD' for '--loglevel <LEVEL>': `LOUD` is no log level: TRACE, DEBUG, INFO, WARN, ERROR, FATAL or OFF is

    For more information, try '--help'.
    exit code 2
    ");
    assert_snapshot!(refused_file("a.toml", "[job_runtime_attributes.'a::b']\nmin_processes = 5\nmax_processes = 2"), @"
    operate_farm: job `a::b`: max_processes (2) is below min_processes (5), at a.toml:3
    exit code 1
    ");
    let attributes = r#"{"a::b": {"min_processes": 70000}}"#;
    assert_snapshot!(refused("", |driver| driver.env("OPERATE_JOB_RUNTIME_ATTRIBUTES", attributes)), @"
    operate_farm: `job_runtime_attributes.a::b.min_processes`: 70000 is no number of processes: 0 to 65535 is, set by the program
    exit code 1
    ");
}

#[test]
fn files() {
    assert_snapshot!(refused_file("a.toml", "server = 'localhost'\n\nintervall = 5"), @"
    operate_farm: unknown key `intervall`, at a.toml:3
    help: did you mean `interval`?
    exit code 1
    ");
    assert_snapshot!(refused_file("a.yaml", "server: localhost\nworker_option: {}\n"), @"
    operate_farm: unknown key `worker_option`, at a.yaml:2
    help: did you mean `worker_options`?
    exit code 1
    ");
    assert_snapshot!(refused_file("a.toml", "this is no TOML"), @"
    operate_farm: this is no TOML: key with no value, expected `=`, at a.toml:1
    exit code 1
    ");
    assert_snapshot!(refused_file("a.yaml", "server: [a\nb: c\n"), @"
    operate_farm: this is no YAML: illegal placement of ':' indicator, at a.yaml:2
    exit code 1
    ");
    assert_snapshot!(refused_file("a.yaml", "\u{0}\u{1}\u{2}"), @"
    operate_farm: this is no YAML: found unprintable character, at a.yaml:1
    exit code 1
    ");
    assert_snapshot!(refused_file("a.json", "{}"), @"
    operate_farm: config file `a.json` is neither .toml nor .yaml nor .yml, on the command line
    help: give the file a name that ends in .toml, .yaml or .yml
    exit code 1
    ");
    assert_snapshot!(refused("--configfile away.toml", |driver| driver), @"
    operate_farm: cannot read config file `away.toml`: No such file or directory (os error 2), on the command line
    exit code 1
    ");
    assert_snapshot!(refused("--configfile .", |driver| driver), @"
    operate_farm: cannot read config file `.`: Is a directory (os error 21), on the command line
    exit code 1
    ");
    assert_snapshot!(refused("", |driver| driver.env("GEARMAN_DRIVER_SEVER", "localhost")), @"
    operate_farm: unknown environment variable `GEARMAN_DRIVER_SEVER`, from GEARMAN_DRIVER_SEVER
    help: did you mean `GEARMAN_DRIVER_SERVER`?
    exit code 1
    ");
}

#[test]
fn what_is_not_there_yet() {
    assert_snapshot!(refused("--scaling adaptive", |driver| driver), @"
    error: invalid value 'adaptive' for '--scaling <POLICY>': not yet: `adaptive` comes with a later release, `classic` is there

    For more information, try '--help'.
    exit code 2
    ");
    assert_snapshot!(refused_file("a.toml", "[[job]]\nname = 'thumbnail'\ncommand = ['./thumb.sh']"), @"
    operate_farm: `[[job]]`: not yet: commands as jobs come with a later release, at a.toml:1
    help: leave it out until then
    exit code 1
    ");
    assert_snapshot!(refused("--console-host 0.0.0.0", |driver| driver), @"
    error: invalid value '0.0.0.0' for '--console-host <HOST>': not yet: an address other than 127.0.0.1, localhost and ::1 (here `0.0.0.0`) needs a token, which is not there yet

    For more information, try '--help'.
    exit code 2
    ");
    assert_snapshot!(refused("", |driver| driver.env("GEARMAN_DRIVER_CONSOLE_HOST", "example.org")), @"
    operate_farm: `console_host`: not yet: an address other than 127.0.0.1, localhost and ::1 (here `example.org`) needs a token, which is not there yet, from GEARMAN_DRIVER_CONSOLE_HOST
    help: leave it out until then
    exit code 1
    ");
    for option in OPTIONS.iter().filter(|option| !option.is_ready()) {
        let value = if option.takes == Takes::Flag { "" } else { " x" };
        let refusal = refused(&format!("--{}{value}", option.dashed()), |driver| driver);
        assert!(refusal.contains("not yet"), "{refusal}");
        assert!(refusal.ends_with("exit code 2"), "{refusal}");
        let refusal = refused("", |driver| driver.env(&option.environment(), "on"));
        assert!(refusal.contains("not yet"), "{refusal}");
        assert!(refusal.ends_with("exit code 1"), "{refusal}");
    }
}

/// What is found out when the log is open: the message is in the log as well, for those who start the driver unseen.
fn refused_in_log(arguments: &str, tell: impl FnOnce(FarmBuilder) -> FarmBuilder) -> String {
    let server = Gearmand::start();
    let driver = farm(&server).bare().env("OPERATE_SERVER", server.address()).env("OPERATE_CONSOLE_PORT", "0");
    let ended = tell(driver.args(arguments)).run_to_end();
    let refusal = ended.refusal_with_files();
    assert_eq!(ended.files, ["gearman_driver.log"]);
    assert_eq!(server.status(), []);
    refusal
}

#[test]
fn workers() {
    assert_snapshot!(refused_in_log("--namespaces operate_farm::worker", |driver| driver), @"
    operate_farm: no worker in namespace operate_farm::worker (did you mean operate_farm::workers?); namespaces known: operate_farm::workers. A program of your own needs `mod workers;` for the module with its workers, and `use my_workers as _;` for each library crate with workers, else the linker drops it; see README.md
    exit code 1
    ");
    let bounds = format!("[job_runtime_attributes.'{}']\nmin_processes = 4", crate::support::SHOW);
    assert_snapshot!(refused_in_log("--configfile a.toml", |driver| driver.file("a.toml", bounds)), @"
    operate_farm: worker operate_farm::workers::Configured, method show: min_processes (4) is above max_processes (3); job_runtime_attributes sets min_processes alone: set max_processes there too
    exit code 1
    ");
}

#[test]
fn a_console_port_that_is_taken() {
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = other.local_addr().unwrap().port();
    let refusal = refused_in_log(&format!("--console-port {port}"), |driver| driver);
    assert_snapshot!(refusal.replace(&port.to_string(), "PORT"), @"
    operate_farm: the console can't listen on 127.0.0.1:PORT: Address already in use (os error 98); is another driver running? choose a port with --console-port, 0 turns the console off
    exit code 1
    ");
}

#[test]
fn a_log_file_that_cannot_be_opened() {
    assert_snapshot!(refused("--logfile away/driver.log", |driver| driver), @"
    operate_farm: the log file away/driver.log can't be opened for appending: No such file or directory (os error 2); choose another one with --logfile, `-` is standard error
    exit code 1
    ");
    assert_snapshot!(refused("--logfile .", |driver| driver), @"
    operate_farm: the log file . can't be opened for appending: Is a directory (os error 21); choose another one with --logfile, `-` is standard error
    exit code 1
    ");
    assert_snapshot!(refused("--logfile=", |driver| driver), @"
    error: invalid value '' for '--logfile <FILE>': the value is empty

    For more information, try '--help'.
    exit code 2
    ");
}
