//! The example against a real gearmand.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::process::Command;
use std::time::Duration;

use gearman_protocol::{Client, ServerList};
use gearman_testkit::{Gearmand, Running, eventually};

const PATIENCE: Duration = Duration::from_secs(30);

#[test]
fn both_functions_are_served_by_one_process() {
    let gearmand = Gearmand::start();
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("driver.log");
    let mut command = Command::new(env!("CARGO_BIN_EXE_without_macros"));
    command.args(["--console-port", "0", "--server", &gearmand.address(), "--logfile"]).arg(&log);
    let driver = Running::start(&mut command);

    let mut client = Client::new(ServerList::parse(&gearmand.address()).unwrap()).timeout(PATIENCE);
    assert_eq!(client.run("text.words", b" a bb  ccc \xff\xff").unwrap(), b"3\n");
    assert_eq!(client.run("text.longest", b"which is the longest").unwrap(), b"longest\n");
    assert_eq!(gearmand.status_of("text.longest").unwrap().workers, 1);
    eventually("what process_start printed is in the log", PATIENCE, || {
        let said = std::fs::read_to_string(&log).unwrap();
        said.contains("[text] STDOUT: counts words of 2 characters and more").then_some(())
    });

    assert!(driver.terminate().success());
}
