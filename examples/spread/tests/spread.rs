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
fn five_parts_make_the_whole() {
    let gearmand = Gearmand::start();
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("driver.log");
    let mut command = Command::new(env!("CARGO_BIN_EXE_spread"));
    command.args(["--interval", "0.1", "--max-idle-time", "60", "--console-port", "0", "--logfile"]).arg(&log);
    command.args(["--server", &gearmand.address()]);
    let mut driver = Driver(command.spawn().unwrap());

    let mut client = Client::new(ServerList::parse(&gearmand.address()).unwrap()).timeout(PATIENCE);
    assert_eq!(client.run("spread::workers::Sum::spread", b"1000").unwrap(), b"500500");
    assert_eq!(client.run("spread::workers::Sum::spread", b"3").unwrap(), b"6");
    let said = std::fs::read_to_string(&log).unwrap();
    assert!(said.contains("[spread::workers::Sum::part] Process started"), "{said}");

    Command::new("kill").arg(driver.0.id().to_string()).status().unwrap();
    let status = eventually("the driver has ended", PATIENCE, || driver.0.try_wait().unwrap());
    assert!(status.success());
}
