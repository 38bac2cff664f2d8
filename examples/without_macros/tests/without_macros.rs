//! The example against a real gearmand.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::process::{Child, Command};
use std::time::Duration;

use gearman_protocol::{Client, ServerList};
use gearman_testkit::{Gearmand, eventually};

const PATIENCE: Duration = Duration::from_secs(30);

/// Ended when dropped; its processes follow it.
struct Driver(Child);

impl Drop for Driver {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn both_functions_are_served_by_one_process() {
    let gearmand = Gearmand::start();
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("driver.log");
    let mut command = Command::new(env!("CARGO_BIN_EXE_without_macros"));
    command.args(["--console-port", "0", "--server", &gearmand.address(), "--logfile"]).arg(&log);
    let mut driver = Driver(command.spawn().unwrap());

    let mut client = Client::new(ServerList::parse(&gearmand.address()).unwrap()).timeout(PATIENCE);
    assert_eq!(client.run("text.words", b" a bb  ccc \xff\xff").unwrap(), b"3\n");
    assert_eq!(client.run("text.longest", b"which is the longest").unwrap(), b"longest\n");
    assert_eq!(gearmand.status_of("text.longest").unwrap().workers, 1);
    eventually("what process_start printed is in the log", PATIENCE, || {
        let said = std::fs::read_to_string(&log).unwrap();
        said.contains("[text] STDOUT: counts words of 2 characters and more").then_some(())
    });

    Command::new("kill").arg(driver.0.id().to_string()).status().unwrap();
    let status = eventually("the driver has ended", PATIENCE, || driver.0.try_wait().unwrap());
    assert!(status.success());
}
