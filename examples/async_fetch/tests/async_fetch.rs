//! The example against a real gearmand.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::process::Command;
use std::time::{Duration, Instant};

use gearman_protocol::{Client, ServerList};
use gearman_testkit::{Gearmand, Running};

const PATIENCE: Duration = Duration::from_secs(30);

#[test]
fn fifty_pages_take_little_more_than_one() {
    let gearmand = Gearmand::start();
    let dir = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_async_fetch"));
    command.args(["--console-port", "0", "--logfile"]).arg(dir.path().join("driver.log"));
    command.args(["--server", &gearmand.address()]);
    let driver = Running::start(&mut command);

    let mut client = Client::new(ServerList::parse(&gearmand.address()).unwrap()).timeout(PATIENCE);
    assert_eq!(client.run("async_fetch::workers::Fetch::page", br#""/7""#).unwrap(), br#"{"status":200,"bytes":7}"#);
    let begun = Instant::now();
    let crawled = client.run("async_fetch::workers::Fetch::crawl", b"50").unwrap();
    assert_eq!(String::from_utf8(crawled).unwrap(), r#"{"pages":50,"bytes":1275}"#);
    // One after the other it would be 5 s at least.
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());

    assert!(driver.terminate().success());
}
