//! `--daemonize`: the process that was called waits for the daemon's word, through a pipe, and exits with its code.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use gearman_driver_sys::daemon::{Detached, detach};
use gearman_driver_sys::signal::SelfPipe;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// A longer word is cut.
const MAX_BYTES: usize = 64 << 10;

/// In which process [`start`] returned.
pub(crate) enum Started {
    /// In the one that was called.
    Caller(Waiting),
    /// In the daemon.
    Daemon(Caller),
}

/// Makes a daemon of a copy of this process.
///
/// # Errors
/// This process has more than one thread, or the kernel refuses.
pub(crate) fn start() -> Result<Started, String> {
    let (read, write) = io::pipe().map_err(|error| error.to_string())?;
    match detach().map_err(|error| error.to_string())? {
        Detached::Caller => {
            drop(write);
            Ok(Started::Caller(Waiting { pipe: File::from(OwnedFd::from(read)) }))
        }
        Detached::Daemon => {
            drop(read);
            let mut pipe = File::from(OwnedFd::from(write));
            // The caller may be gone: then nobody waits.
            let _ = pipe.write_all(format!("{}\n", std::process::id()).as_bytes());
            Ok(Started::Daemon(Caller { pipe: Arc::new(Mutex::new(Some(pipe))) }))
        }
    }
}

/// The way from the daemon to the process that was called. The first word counts.
#[derive(Clone)]
pub(crate) struct Caller {
    pipe: Arc<Mutex<Option<File>>>,
}

impl Caller {
    /// The driver is ready.
    pub(crate) fn ready(&self) {
        self.say("ready\n");
    }

    /// The driver could not start, or has ended already.
    pub(crate) fn failed(&self, message: &str) {
        self.say(&format!("failed\n{message}"));
    }

    fn say(&self, word: &str) {
        let pipe = self.pipe.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(mut pipe) = pipe {
            let _ = pipe.write_all(word.as_bytes());
        }
    }
}

/// What the caller exits with and says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) code: u8,
    pub(crate) message: Option<String>,
}

/// The caller's end of the pipe.
pub(crate) struct Waiting {
    pipe: File,
}

impl Waiting {
    /// Waits for the daemon's word. INT, TERM, HUP and QUIT meanwhile end the daemon, which has left the terminal.
    pub(crate) fn wait(mut self, logfile: &Path) -> Outcome {
        let signals = SelfPipe::install(&[Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGQUIT]).ok();
        let mut said = Vec::new();
        loop {
            if said_ready(&said) {
                return Outcome { code: 0, message: None };
            }
            if signals.as_ref().is_some_and(SelfPipe::take)
                && let Some(daemon) = daemon(&said)
            {
                let _ = kill(daemon, Signal::SIGTERM);
            }
            let mut fds = vec![PollFd::new(self.pipe.as_fd(), PollFlags::POLLIN)];
            fds.extend(signals.as_ref().map(|signals| PollFd::new(signals.as_fd(), PollFlags::POLLIN)));
            match poll(&mut fds, PollTimeout::NONE) {
                Ok(_) | Err(Errno::EINTR) => {}
                Err(error) => return failed(&format!("the daemon can't be waited for: {error}")),
            }
            if !fds[0].any().unwrap_or(false) {
                continue;
            }
            let mut bytes = [0; 4096];
            match self.pipe.read(&mut bytes) {
                Ok(0) => return ended(&said, logfile),
                Ok(read) if said.len() < MAX_BYTES => said.extend_from_slice(&bytes[..read]),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return failed(&format!("the daemon can't be waited for: {error}")),
            }
        }
    }
}

/// Which process the daemon is, as it has said first.
fn daemon(said: &[u8]) -> Option<Pid> {
    let (line, _) = std::str::from_utf8(said).ok()?.split_once('\n')?;
    line.parse().ok().filter(|pid| *pid > 1).map(Pid::from_raw)
}

fn said_ready(said: &[u8]) -> bool {
    said.ends_with(b"\nready\n") && !said.windows(8).any(|bytes| bytes == b"\nfailed\n")
}

/// The pipe has ended without the word `ready`.
fn ended(said: &[u8], logfile: &Path) -> Outcome {
    let text = String::from_utf8_lossy(said);
    match text.split_once("\nfailed\n") {
        Some((_, message)) => failed(message),
        None => failed(&format!(
            "the driver ended before it was ready, and left no word: {} may say why",
            logfile.display()
        )),
    }
}

fn failed(message: &str) -> Outcome {
    Outcome { code: 1, message: Some(message.to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(said: &str) -> Outcome {
        let (read, mut write) = io::pipe().unwrap();
        write.write_all(said.as_bytes()).unwrap();
        drop(write);
        Waiting { pipe: File::from(OwnedFd::from(read)) }.wait(Path::new("d.log"))
    }

    // One test: the handlers of signals are the process's.
    #[test]
    fn the_daemons_word_decides() {
        assert_eq!(outcome("4711\nready\n"), Outcome { code: 0, message: None });
        assert_eq!(outcome("4711\nfailed\nno host\nat all"), failed("no host\nat all"));
        assert_eq!(outcome("4711\nfailed\nnot\nready\n"), failed("not\nready\n"));
        let silent = failed("the driver ended before it was ready, and left no word: d.log may say why");
        assert_eq!(outcome("4711\n"), silent);
        assert_eq!(outcome(""), silent);
    }

    #[test]
    fn the_daemon_is_the_process_that_it_says() {
        assert_eq!(daemon(b"4711\nready\n"), Some(Pid::from_raw(4711)));
        for other in [&b"4711"[..], b"1\n", b"-5\n", b"x\n", b""] {
            assert_eq!(daemon(other), None);
        }
    }

    #[test]
    fn only_the_first_word_is_sent() {
        let (mut read, write) = io::pipe().unwrap();
        let caller = Caller { pipe: Arc::new(Mutex::new(Some(File::from(OwnedFd::from(write))))) };
        caller.clone().ready();
        caller.failed("later");
        let mut said = String::new();
        read.read_to_string(&mut said).unwrap();
        assert_eq!(said, "ready\n");
    }
}
