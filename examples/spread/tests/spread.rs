//! The example against a real gearmand.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::process::Command;
use std::time::Duration;

use gearman_protocol::{Client, ServerList};
use gearman_testkit::{Gearmand, Running};

const PATIENCE: Duration = Duration::from_secs(30);

#[test]
fn five_parts_make_the_whole() {
    let gearmand = Gearmand::start();
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("driver.log");
    let mut command = Command::new(env!("CARGO_BIN_EXE_spread"));
    command.args(["--interval", "0.1", "--max-idle-time", "60", "--console-port", "0", "--logfile"]).arg(&log);
    command.args(["--server", &gearmand.address()]);
    let driver = Running::start(&mut command);

    let mut client = Client::new(ServerList::parse(&gearmand.address()).unwrap()).timeout(PATIENCE);
    assert_eq!(client.run("spread::workers::Sum::spread", b"1000").unwrap(), b"500500");
    assert_eq!(client.run("spread::workers::Sum::spread", b"3").unwrap(), b"6");
    let said = std::fs::read_to_string(&log).unwrap();
    assert!(said.contains("[spread::workers::Sum::part] Process started"), "{said}");

    assert!(driver.terminate().success());
}
