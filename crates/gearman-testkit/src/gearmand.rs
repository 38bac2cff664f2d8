//! One gearmand: its start, its life and its certain end.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};
use std::{env, thread};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use crate::admin::{self, StatusLine};
use crate::ports::free_port;
use crate::spawn;
use crate::wait::eventually_or;

/// How long a start may take on a busy machine before the test fails.
const START: Duration = Duration::from_secs(20);
/// How long gearmand may take to answer one admin command.
const ANSWER: Duration = Duration::from_secs(10);

/// A running gearmand on 127.0.0.1, on a port of its own. Dropping it kills and reaps it.
///
/// It doesn't outlive the test process, even when that is killed. For this a thread named `testkit-spawner` stays
/// in the test process.
#[derive(Debug)]
pub struct Gearmand {
    port: u16,
    arguments: Vec<String>,
    child: Option<Child>,
    directory: TempDir,
}

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
    /// Where gearmand is missing (the message says how to install it) or doesn't start, for instance because it
    /// doesn't know an argument.
    #[must_use]
    pub fn start_with(arguments: &[&str]) -> Self {
        let directory =
            tempfile::Builder::new().prefix("gearmand-").tempdir().expect("the temporary directory is writable");
        let mut gearmand = Self {
            port: 0,
            arguments: arguments.iter().map(|&argument| argument.to_owned()).collect(),
            child: None,
            directory,
        };
        let mut problem = String::new();
        // A port can be taken by someone else between looking and binding: then another one is tried.
        for _ in 0..5 {
            gearmand.port = free_port();
            match gearmand.launch() {
                Ok(()) => return gearmand,
                Err(reason) => problem = reason,
            }
        }
        panic!("gearmand does not start with {arguments:?}: {problem}");
    }

    /// The port that it listens on; it stays the same over [`Gearmand::stop`] and [`Gearmand::start_again`].
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// `127.0.0.1:PORT`, as a server list takes it.
    #[must_use]
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Its process id.
    ///
    /// # Panics
    /// While it is stopped.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.as_ref().expect("gearmand is running, not stopped").id()
    }

    /// Ends it at once, as a crash would; queued jobs are lost. The port is kept for [`Gearmand::start_again`].
    pub fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // SIGKILL ends a frozen process too; SIGCONT before it is for kernels that think otherwise.
            let _ = kill(pid_of(&child), Signal::SIGCONT);
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Starts it again on the same port, after [`Gearmand::stop`].
    ///
    /// # Panics
    /// When it is running, or does not start on that port.
    pub fn start_again(&mut self) {
        assert!(self.child.is_none(), "gearmand is still running: stop() it before start_again()");
        let mut problem = String::new();
        for _ in 0..3 {
            match self.launch() {
                Ok(()) => return,
                Err(reason) => problem = reason,
            }
        }
        panic!("gearmand does not start again on port {}: {problem}", self.port);
    }

    /// As [`Gearmand::start_again`], with these further arguments instead of those of its first start.
    ///
    /// # Panics
    /// As [`Gearmand::start_again`].
    pub fn start_again_with(&mut self, arguments: &[&str]) {
        self.arguments = arguments.iter().map(|&argument| argument.to_owned()).collect();
        self.start_again();
    }

    /// Stops its execution (SIGSTOP): connections are still accepted by the kernel, and nothing answers.
    ///
    /// # Panics
    /// While it is stopped, and when one of its threads still runs after 10 s.
    pub fn freeze(&self) {
        self.signal(Signal::SIGSTOP);
        // The signal is only on its way: a thread that still runs could answer a request sent from now on.
        let tasks = format!("/proc/{}/task", self.pid());
        eventually_or(
            "all threads of gearmand stopped",
            ANSWER,
            || thread_states(&tasks).iter().all(|&state| state == 'T').then_some(()),
            || format!("{:?}", thread_states(&tasks)),
        );
    }

    /// Lets it go on after [`Gearmand::freeze`] (SIGCONT).
    ///
    /// # Panics
    /// While it is stopped.
    pub fn thaw(&self) {
        self.signal(Signal::SIGCONT);
    }

    /// The lines of its answer to an admin command, for example `status`, without the closing dot.
    ///
    /// # Panics
    /// When it does not answer within 10 s.
    #[must_use]
    pub fn admin(&self, command: &str) -> Vec<String> {
        admin::ask(self.port, command, ANSWER)
            .unwrap_or_else(|error| panic!("gearmand on port {} to {command:?}: {error}", self.port))
    }

    /// Its `status`, parsed.
    ///
    /// # Panics
    /// When it does not answer within 10 s, or with rows that are none.
    #[must_use]
    pub fn status(&self) -> Vec<StatusLine> {
        self.admin("status")
            .iter()
            .map(|line| StatusLine::parse(line).unwrap_or_else(|| panic!("no row of status: {line:?}")))
            .collect()
    }

    /// The row of one function in `status`, if it is known there.
    ///
    /// # Panics
    /// As [`Gearmand::status`].
    #[must_use]
    pub fn status_of(&self, function: &str) -> Option<StatusLine> {
        self.status().into_iter().find(|line| line.function == function)
    }

    /// The lines of `workers`: every connection, the asking one included.
    ///
    /// # Panics
    /// When it does not answer within 10 s.
    #[must_use]
    pub fn workers(&self) -> Vec<String> {
        self.admin("workers")
    }

    /// What it has logged so far (and said on standard error).
    #[must_use]
    pub fn log(&self) -> String {
        ["gearmand.log", "output"]
            .iter()
            .filter_map(|name| fs::read_to_string(self.directory.path().join(name)).ok())
            .collect()
    }

    fn signal(&self, signal: Signal) {
        let child = self.child.as_ref().expect("gearmand is running, not stopped");
        kill(pid_of(child), signal).expect("our own child can be signalled until it is reaped");
    }

    /// Starts it on `self.port`; an error says what went wrong, and nothing is left running.
    fn launch(&mut self) -> Result<(), String> {
        let output = File::create(self.directory.path().join("output")).map_err(|error| error.to_string())?;
        let mut command = spawn::command_that_dies_with_us(&gearmand_program());
        command
            .args(["--listen=127.0.0.1", &format!("--port={}", self.port)])
            .arg(format!("--log-file={}", self.directory.path().join("gearmand.log").display()))
            .arg(format!("--pid-file={}", self.directory.path().join("gearmand.pid").display()))
            .args(&self.arguments)
            .stdin(Stdio::null())
            .stdout(output.try_clone().map_err(|error| error.to_string())?)
            .stderr(output);
        let child = spawn::spawn(command).map_err(|error| error.to_string())?;
        let ready = format!("OK {}", child.id());
        self.child = Some(child);
        let end = Instant::now() + START;
        loop {
            // Its PID, not `version`: another gearmand may have taken the port, and must not be mistaken for ours.
            match admin::ask(self.port, "getpid", Duration::from_secs(2)) {
                Ok(lines) if lines.first() == Some(&ready) => return Ok(()),
                Ok(lines) => {
                    self.stop();
                    return Err(format!("port {} answers as another process: {lines:?}", self.port));
                }
                Err(_) => {}
            }
            if let Some(Ok(Some(status))) = self.child.as_mut().map(Child::try_wait) {
                self.child = None;
                return Err(format!("it ended with {status}; log: {}", self.log()));
            }
            if Instant::now() >= end {
                self.stop();
                return Err(format!("no answer within {START:?}; log: {}", self.log()));
            }
            thread::sleep(Duration::from_millis(2));
        }
    }
}

impl Drop for Gearmand {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The state letter of each thread below this `/proc/PID/task`; `?` where it can't be read.
fn thread_states(tasks: &str) -> Vec<char> {
    let Ok(threads) = fs::read_dir(tasks) else {
        return vec!['?'];
    };
    threads
        .flatten()
        .map(|thread| {
            let stat = fs::read_to_string(thread.path().join("stat")).unwrap_or_default();
            // The name before it is in parentheses, and may hold some itself.
            stat.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next()).unwrap_or('?')
        })
        .collect()
}

fn pid_of(child: &Child) -> Pid {
    Pid::from_raw(i32::try_from(child.id()).expect("a PID of Linux fits in i32"))
}

/// `$GEARMAND`, else the one that is installed.
fn gearmand_program() -> PathBuf {
    env::var_os("GEARMAND").map(PathBuf::from).or_else(|| spawn::find_program("gearmand")).unwrap_or_else(|| {
        panic!(
            "these tests need gearmand, which is not installed. Debian and Ubuntu: apt-get install gearman-job-server; \
             or name the program in the environment variable GEARMAND"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eventually;

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
