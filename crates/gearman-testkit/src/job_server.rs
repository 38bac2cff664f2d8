//! One job server, a process of its own: its start, its life and its certain end.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use crate::admin::{self, StatusLine};
use crate::ports::free_port;
use crate::spawn;
use crate::wait::eventually_or;

/// How long a start may take on a busy machine before the test fails.
const START: Duration = Duration::from_secs(20);
/// How long it may take to answer one admin command.
const ANSWER: Duration = Duration::from_secs(10);

/// A running job server on 127.0.0.1, on a port of its own. Dropping it kills and reaps it.
///
/// Which one is a matter of its program: [`crate::Gearmand`] names the one that users have. It doesn't outlive the test process, even when that is killed. For this a thread named `testkit-spawner` stays
/// in the test process.
#[derive(Debug)]
pub struct JobServer {
    program: PathBuf,
    port: u16,
    arguments: Vec<String>,
    child: Option<Child>,
    directory: TempDir,
}

impl JobServer {
    /// Starts a program that takes gearmand's arguments: `--listen`, `--port`, `--log-file` and `--pid-file` are given,
    /// and `arguments` after them. Returns when it answers.
    ///
    /// # Panics
    /// Where the program is missing or doesn't start, for instance because it doesn't know an argument.
    #[must_use]
    pub fn start(program: &Path, arguments: &[&str]) -> Self {
        let directory =
            tempfile::Builder::new().prefix("job-server-").tempdir().expect("the temporary directory is writable");
        let mut server = Self {
            program: program.to_owned(),
            port: 0,
            arguments: arguments.iter().map(|&argument| argument.to_owned()).collect(),
            child: None,
            directory,
        };
        let mut problem = String::new();
        // A port can be taken by someone else between looking and binding: then another one is tried.
        for _ in 0..5 {
            server.port = free_port();
            match server.launch() {
                Ok(()) => return server,
                Err(reason) => problem = reason,
            }
        }
        panic!("{} does not start with {arguments:?}: {problem}", server.name());
    }

    /// The port that it listens on; it stays the same over [`JobServer::stop`] and [`JobServer::start_again`].
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
        self.child.as_ref().expect("the job server is running, not stopped").id()
    }

    /// Ends it at once, as a crash would; queued jobs are lost. The port is kept for [`JobServer::start_again`].
    pub fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // SIGKILL ends a frozen process too; SIGCONT before it is for kernels that think otherwise.
            let _ = kill(pid_of(&child), Signal::SIGCONT);
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Starts it again on the same port, after [`JobServer::stop`].
    ///
    /// # Panics
    /// When it is running, or does not start on that port.
    pub fn start_again(&mut self) {
        assert!(self.child.is_none(), "{} is still running: stop() it before start_again()", self.name());
        let mut problem = String::new();
        for _ in 0..3 {
            match self.launch() {
                Ok(()) => return,
                Err(reason) => problem = reason,
            }
        }
        panic!("{} does not start again on port {}: {problem}", self.name(), self.port);
    }

    /// As [`JobServer::start_again`], with these further arguments instead of those of its first start.
    ///
    /// # Panics
    /// As [`JobServer::start_again`].
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
            &format!("all threads of {} stopped", self.name()),
            ANSWER,
            || thread_states(&tasks).iter().all(|&state| state == 'T').then_some(()),
            || format!("{:?}", thread_states(&tasks)),
        );
    }

    /// Lets it go on after [`JobServer::freeze`] (SIGCONT).
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
            .unwrap_or_else(|error| panic!("{} on port {} to {command:?}: {error}", self.name(), self.port))
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
    /// As [`JobServer::status`].
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
        ["log", "output"].iter().filter_map(|name| fs::read_to_string(self.directory.path().join(name)).ok()).collect()
    }

    /// What the program is called, for messages.
    fn name(&self) -> String {
        self.program.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    fn signal(&self, signal: Signal) {
        let child = self.child.as_ref().expect("the job server is running, not stopped");
        kill(pid_of(child), signal).expect("our own child can be signalled until it is reaped");
    }

    /// Starts it on `self.port`; an error says what went wrong, and nothing is left running.
    fn launch(&mut self) -> Result<(), String> {
        let output = File::create(self.directory.path().join("output")).map_err(|error| error.to_string())?;
        let mut command = spawn::command_that_dies_with_us(&self.program);
        command
            .args(["--listen=127.0.0.1", &format!("--port={}", self.port)])
            .arg(format!("--log-file={}", self.directory.path().join("log").display()))
            .arg(format!("--pid-file={}", self.directory.path().join("pid").display()))
            .args(&self.arguments)
            .stdin(Stdio::null())
            .stdout(output.try_clone().map_err(|error| error.to_string())?)
            .stderr(output);
        let child = spawn::spawn(command).map_err(|error| error.to_string())?;
        let ready = format!("OK {}", child.id());
        self.child = Some(child);
        let end = Instant::now() + START;
        loop {
            // Its PID, not `version`: another one may have taken the port, and must not be mistaken for ours.
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

impl Drop for JobServer {
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
