//! The job server that users have.

use std::env;
use std::ops::{Deref, DerefMut};
use std::path::PathBuf;

use crate::job_server::JobServer;
use crate::spawn;

/// A running gearmand: a [`JobServer`] whose program is the one that is installed, or the one that `$GEARMAND` names.
#[derive(Debug)]
pub struct Gearmand(JobServer);

impl Gearmand {
    /// Starts gearmand with its defaults; returns when it answers.
    ///
    /// # Panics
    /// Where gearmand is missing (the message says how to install it) or doesn't start.
    #[must_use]
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// As [`Gearmand::start`], with further arguments, for example `&["--job-retries=3"]`.
    ///
    /// # Panics
    /// As [`Gearmand::start`], also where it doesn't know an argument.
    #[must_use]
    pub fn start_with(arguments: &[&str]) -> Self {
        Self(JobServer::start(&program(), arguments))
    }
}

impl Deref for Gearmand {
    type Target = JobServer;

    fn deref(&self) -> &JobServer {
        &self.0
    }
}

impl DerefMut for Gearmand {
    fn deref_mut(&mut self) -> &mut JobServer {
        &mut self.0
    }
}

impl From<Gearmand> for JobServer {
    fn from(gearmand: Gearmand) -> Self {
        gearmand.0
    }
}

/// `$GEARMAND`, else the one that is installed.
fn program() -> PathBuf {
    env::var_os("GEARMAND").map(PathBuf::from).or_else(|| spawn::find_program("gearmand")).unwrap_or_else(|| {
        panic!(
            "these tests need gearmand, which is not installed. Debian and Ubuntu: apt-get install gearman-job-server; \
             or name the program in the environment variable GEARMAND"
        )
    })
}

#[cfg(test)]
mod tests {
    use std::process::Stdio;
    use std::time::Duration;
    use std::{fs, thread};

    use nix::sys::signal::kill;
    use nix::unistd::Pid;

    use super::*;
    use crate::{admin, eventually};

    #[test]
    fn answers_and_is_gone_after_the_drop() {
        let gearmand = Gearmand::start();
        let (port, pid) = (gearmand.port(), gearmand.pid());
        assert_eq!(gearmand.address(), format!("127.0.0.1:{port}"));
        assert!(gearmand.status().is_empty());
        // Connections just closed may still be listed for a moment.
        assert!(!gearmand.workers().is_empty(), "the asking connection itself");
        assert_eq!(gearmand.admin("create function a_function"), ["OK"]);
        let row = gearmand.status_of("a_function").unwrap();
        assert_eq!((row.total, row.running, row.workers), (0, 0, 0));
        assert!(gearmand.admin("bogus")[0].starts_with("ERR UNKNOWN_COMMAND"));
        drop(gearmand);
        assert!(kill(Pid::from_raw(pid.try_into().unwrap()), None).is_err(), "reaped");
        assert!(admin::ask(port, "version", Duration::from_secs(1)).is_err());
    }

    #[test]
    fn comes_back_on_the_same_port() {
        let mut gearmand = Gearmand::start_with(&["--job-retries=3"]);
        let (port, pid) = (gearmand.port(), gearmand.pid());
        gearmand.stop();
        assert!(admin::ask(port, "version", Duration::from_secs(1)).is_err());
        gearmand.start_again();
        assert_eq!(gearmand.port(), port);
        assert_ne!(gearmand.pid(), pid);
        assert!(gearmand.admin("version")[0].starts_with("OK "));
        gearmand.stop();
        gearmand.start_again_with(&["--job-handle-prefix=H:again"]);
        assert_eq!(gearmand.port(), port);
        let command = fs::read_to_string(format!("/proc/{}/cmdline", gearmand.pid())).unwrap();
        assert!(command.contains("H:again") && !command.contains("--job-retries"), "{command}");
    }

    #[test]
    fn is_silent_while_frozen() {
        let gearmand = Gearmand::start();
        gearmand.freeze();
        assert!(admin::ask(gearmand.port(), "version", Duration::from_millis(100)).is_err());
        gearmand.thaw();
        eventually("an answer after the thaw", Duration::from_secs(5), || {
            admin::ask(gearmand.port(), "version", Duration::from_secs(1)).ok()
        });
    }

    #[test]
    #[should_panic(expected = "gearmand does not start with [\"--no-such-option\"]")]
    fn says_why_it_does_not_start() {
        let _ = Gearmand::start_with(&["--no-such-option"]);
    }

    /// Run by `ends_with_a_killed_test_process` in a process of its own.
    #[test]
    #[ignore = "waits to be killed"]
    fn helper_that_waits_to_be_killed() {
        let gearmand = thread::spawn(Gearmand::start).join().unwrap();
        fs::write(env::var_os("TESTKIT_PID_FILE").unwrap(), gearmand.pid().to_string()).unwrap();
        thread::sleep(Duration::from_secs(60));
    }

    #[test]
    fn ends_with_a_killed_test_process() {
        let directory = tempfile::tempdir().unwrap();
        let pid_file = directory.path().join("pid");
        let mut helper = std::process::Command::new(env::current_exe().unwrap())
            .args(["--exact", "gearmand::tests::helper_that_waits_to_be_killed", "--ignored", "--nocapture"])
            .env("TESTKIT_PID_FILE", &pid_file)
            // What a killed helper can't clean up goes with this directory.
            .env("TMPDIR", directory.path())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let pid = eventually("the helper's gearmand", Duration::from_secs(20), || {
            fs::read_to_string(&pid_file).ok()?.parse::<i32>().ok()
        });
        kill(Pid::from_raw(pid), None).unwrap();
        helper.kill().unwrap();
        helper.wait().unwrap();
        eventually("the end of its gearmand", Duration::from_secs(5), || {
            let state = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            // Whoever inherits the zombie may be slow to reap it: dead is enough.
            (state.is_empty() || state.contains(") Z ")).then_some(())
        });
    }
}
