//! A program that a test runs.

use std::process::{Child, Command, ExitStatus};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::eventually;

/// How long a program may take to end: long, for loaded machines; only a failing test waits it out.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running program. Ended by its PID when dropped; a driver's processes follow it.
#[derive(Debug)]
pub struct Running(Child);

impl Running {
    /// Starts the program.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn start(command: &mut Command) -> Self {
        Self(command.spawn().expect("the program was built and starts"))
    }

    /// Asks it to end (TERM), and waits until it has.
    ///
    /// # Panics
    /// When it does not end within 30 s.
    pub fn terminate(self) -> ExitStatus {
        let pid = Pid::from_raw(i32::try_from(self.0.id()).expect("a PID is an i32"));
        // Not reaped yet, so the PID is its own.
        kill(pid, Signal::SIGTERM).expect("a child can be signalled");
        self.ended()
    }

    /// Waits until it has ended by itself.
    ///
    /// # Panics
    /// When it does not end within 30 s.
    pub fn ended(mut self) -> ExitStatus {
        eventually("the program has ended", PATIENCE, || self.0.try_wait().expect("a child can be waited for"))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
