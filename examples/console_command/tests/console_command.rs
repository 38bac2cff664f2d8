//! The example against a real gearmand.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

use gearman_protocol::{Client, ServerList};
use gearman_testkit::{Gearmand, Running, free_port};

const PATIENCE: Duration = Duration::from_secs(30);

const ECHO: &str = "console_command::workers::Echo::echo";

#[test]
fn the_commands_are_there_and_do_what_they_say() {
    let gearmand = Gearmand::start();
    let dir = tempfile::tempdir().unwrap();
    let port = free_port();
    let mut command = Command::new(env!("CARGO_BIN_EXE_console_command"));
    command.args(["--interval", "0", "--console-port", &port.to_string(), "--server", &gearmand.address()]);
    command.arg("--logfile").arg(dir.path().join("driver.log"));
    let driver = Running::start(&mut command);

    let mut client = Client::new(ServerList::parse(&gearmand.address()).unwrap()).timeout(PATIENCE);
    assert_eq!(client.run(ECHO, b"hello").unwrap(), b"hello");
    assert!(client.run(ECHO, b"").is_err());

    let mut console = TcpStream::connect(("127.0.0.1", port)).unwrap();
    console.set_read_timeout(Some(PATIENCE)).unwrap();
    console.write_all(format!("help boost\nboost {ECHO}\nboost nobody\nfailures\nshutdown\n").as_bytes()).unwrap();
    let mut said = String::new();
    console.read_to_string(&mut said).unwrap();
    let expected = [
        "boost JOB",
        "Doubles a job's max_processes, and starts processes up to there.",
        ".",
        "4 of 4 processes",
        ".",
        "ERR invalid_job_name: nobody",
        ".",
        &format!("{ECHO}  nothing to say"),
        ".",
        "OK",
        ".",
    ];
    assert_eq!(said.lines().collect::<Vec<_>>(), expected);
    assert!(driver.ended().success());
}
