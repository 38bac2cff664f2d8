//! What the tests of this binary share.

use std::fs;
use std::path::Path;

use e2e::{Farm, FarmBuilder, descendants, is_alive};
use gearman_protocol::{Client, ServerList};
use gearman_testkit::JobServer;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

pub(crate) const ECHO: &str = "farm::workers::Echo::echo";

/// A driver of the usual farm, to be given more arguments.
pub(crate) fn farm(server: &JobServer) -> FarmBuilder {
    Farm::of(program(), server.address())
}

pub(crate) fn program() -> &'static str {
    env!("CARGO_BIN_EXE_farm")
}

pub(crate) fn client(server: &JobServer) -> Client {
    Client::new(ServerList::parse(&server.address()).unwrap()).timeout(e2e::PATIENCE)
}

/// The PID in a pidfile, once there is one.
pub(crate) fn pid_in(path: &Path) -> Option<u32> {
    fs::read_to_string(path).ok()?.strip_suffix('\n')?.parse().ok()
}

/// A driver that is no child of the test. Ended by its PID, with all below it, when dropped.
pub(crate) struct Daemon {
    pub(crate) pid: u32,
}

impl Daemon {
    pub(crate) fn signal(&self, signal: Signal) {
        kill(pid(self.pid), signal).unwrap();
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        for process in descendants(self.pid).iter().map(|process| process.pid).chain([self.pid]) {
            if is_alive(process) {
                let _ = kill(pid(process), Signal::SIGKILL);
            }
        }
    }
}

fn pid(pid: u32) -> Pid {
    Pid::from_raw(i32::try_from(pid).unwrap())
}
