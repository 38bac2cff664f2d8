//! Leaving the terminal and the session: the double fork of daemons.

use std::fs::OpenOptions;
use std::io::{self, Write};

use nix::errno::Errno;
use nix::sys::stat::{Mode, umask};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{dup2_stderr, dup2_stdin, dup2_stdout, setsid};

use crate::fork::{ForkError, Forked, fork, leave};

/// In which process [`detach`] returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detached {
    /// In the process that called it.
    Caller,
    /// In the daemon: in a session of its own that it does not lead (so that no terminal can become its own), standard
    /// input, output and error at /dev/null, nothing that it creates writable for group and others. The working
    /// directory is the caller's.
    Daemon,
}

/// Makes a daemon of a copy of this process, which must have one thread.
///
/// # Errors
/// In the caller, when there are more threads, or the kernel refuses. In the daemon, when /dev/null cannot be opened.
pub fn detach() -> Result<Detached, ForkError> {
    // What is buffered would be written twice.
    io::stdout().flush()?;
    if let Forked::Parent(middle) = fork()? {
        let status = loop {
            match waitpid(middle, None) {
                Err(Errno::EINTR) => {}
                status => break status?,
            }
        };
        return match status {
            WaitStatus::Exited(_, 0) => Ok(Detached::Caller),
            WaitStatus::Exited(_, errno) => Err(Errno::from_raw(errno).into()),
            _ => Err(Errno::UnknownErrno.into()),
        };
    }
    // The process in the middle only lives for this. It leaves without running what is registered for the exit of the
    // program that it is a copy of.
    let code = match setsid().map_err(ForkError::from).and_then(|_| fork()) {
        Ok(Forked::Child) => return become_daemon().map(|()| Detached::Daemon),
        Ok(Forked::Parent(_)) => 0,
        Err(ForkError::Kernel(errno)) => errno as i32,
        Err(_) => Errno::EAGAIN as i32,
    };
    leave(code)
}

fn become_daemon() -> Result<(), ForkError> {
    let null = OpenOptions::new().read(true).write(true).open("/dev/null")?;
    dup2_stdin(&null)?;
    dup2_stdout(&null)?;
    dup2_stderr(&null)?;
    let others = Mode::S_IWGRP | Mode::S_IWOTH;
    let inherited = umask(others);
    umask(inherited | others);
    Ok(())
}
