//! `--embedded_server`: a job server inside the driver, on a free port, gone with it.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};

use e2e::Farm;
use gearman_protocol::{Client, ServerList};
use nix::sys::signal::Signal;

const ECHO: &str = "farm::workers::Echo::echo";

#[test]
fn jobs_are_done_with_no_other_job_server() {
    let mut farm = Farm::of(env!("CARGO_BIN_EXE_farm"), "127.0.0.1:0").args("--embedded-server --interval 1").start();
    let address = farm.wait("the job server's address in the log", || {
        let log = farm.log();
        let (_, rest) = log.split_once("embedded job server listens on ")?;
        Some(rest.lines().next()?.to_owned())
    });
    let log = farm.log();
    assert!(log.contains("WARN the embedded job server is for trying things out"), "{log}");
    let mut client = Client::new(ServerList::parse(&address).unwrap());
    for _ in 0..20 {
        assert_eq!(client.run(ECHO, b"hello\0gearman").unwrap(), b"hello\0gearman");
    }
    assert_eq!(farm.console().row(ECHO).processes, 1);

    // A stranger who sends no packet is told in the driver's log, and disturbs nobody.
    std::io::Write::write_all(&mut TcpStream::connect(&address).unwrap(), b"\0FOO\0\0\0\x01\0\0\0\0").unwrap();
    farm.wait("the closed connection in the log", || farm.log().contains("expected a Gearman packet").then_some(()));
    assert_eq!(client.run(ECHO, b"still").unwrap(), b"still");

    farm.signal(Signal::SIGTERM);
    assert!(farm.wait_exit().success());
    assert!(TcpStream::connect(&address).is_err());
}

#[test]
fn an_address_that_is_taken_is_an_error_that_says_what_to_do() {
    let taken = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let dir = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_farm"))
        .args(["--embedded-server", "--console-port", "0", "--server", &address])
        .current_dir(dir.path())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains(&format!("the embedded job server can't listen on {address}: ")), "{said}");
    assert!(said.contains("port 0 takes a free one, on the command line"), "{said}");
}
