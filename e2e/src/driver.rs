//! A driver as a child process of a test.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use gearman_testkit::{eventually_or, free_port};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, User, chown};
use tempfile::TempDir;

use crate::{Console, PATIENCE, Proc, descendants, inhabitants, is_alive};

/// How a driver is to be started.
#[derive(Debug, Clone)]
pub struct FarmBuilder {
    program: PathBuf,
    /// What becomes the driver, with its arguments.
    under: Vec<String>,
    server: String,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    console: bool,
    console_port: Option<u16>,
    files: Vec<(String, String)>,
    within: Option<PathBuf>,
    user: Option<(User, &'static str)>,
}

/// A running driver. Ended, with all that it started, when dropped.
#[derive(Debug)]
pub struct Farm {
    child: Child,
    console_port: u16,
    dir: TempDir,
    builder: FarmBuilder,
}

impl FarmBuilder {
    /// One more argument or several, white space between them.
    #[must_use]
    pub fn args(mut self, arguments: &str) -> Self {
        self.arguments.extend(arguments.split_whitespace().map(str::to_owned));
        self
    }

    /// One more argument, whatever is in it.
    #[must_use]
    pub fn arg(mut self, argument: impl Into<String>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// Started by this command (`env --block-signal`, `prlimit --nofile=64`), which then becomes the driver.
    #[must_use]
    pub fn under(mut self, command: &[&str]) -> Self {
        self.under.extend(command.iter().map(ToString::to_string));
        self
    }

    /// One more environment variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl Into<String>) -> Self {
        self.environment.push((name.to_owned(), value.into()));
        self
    }

    /// Without console, log file and server given on the command line: the test gives all.
    #[must_use]
    pub fn bare(mut self) -> Self {
        self.console = false;
        self
    }

    /// A file in the folder that the driver runs in, before it starts.
    #[must_use]
    pub fn file(mut self, name: &str, text: impl Into<String>) -> Self {
        self.files.push((name.to_owned(), text.into()));
        self
    }

    /// The names of these files.
    pub(crate) fn files(&self) -> impl Iterator<Item = &str> {
        self.files.iter().map(|(name, _)| name.as_str())
    }

    /// Where the console listens: for [`FarmBuilder::bare`] drivers, which are told otherwise.
    #[must_use]
    pub fn console_port(mut self, port: u16) -> Self {
        self.console_port = Some(port);
        self
    }

    /// Runs in a new folder in this one, which is not removed in the end.
    #[must_use]
    pub fn within(mut self, parent: &Path) -> Self {
        self.within = Some(parent.to_owned());
        self
    }

    /// Runs as another user, with these capabilities (as `+setuid,+kill`; by `setpriv`) or none. Only root can.
    #[must_use]
    pub fn user(mut self, user: User, capabilities: &'static str) -> Self {
        self.user = Some((user, capabilities));
        self
    }

    /// The program alone, or what becomes it; as its user.
    fn program(&self, dir: &Path) -> Command {
        let Some((user, capabilities)) = &self.user else {
            let mut words = self.under.iter().map(Path::new).chain([self.program.as_path()]);
            let mut command = Command::new(words.next().unwrap());
            command.args(words);
            return command;
        };
        assert!(self.under.is_empty(), "not as another user");
        // Where the program lies, that user may not be allowed to look.
        let program = dir.join("program");
        if !program.exists() {
            fs::copy(&self.program, &program).unwrap();
        }
        chown(dir, Some(user.uid), Some(user.gid)).unwrap();
        if capabilities.is_empty() {
            let mut command = Command::new(program);
            command.uid(user.uid.as_raw()).gid(user.gid.as_raw());
            return command;
        }
        let mut command = Command::new("setpriv");
        command.args([format!("--reuid={}", user.uid), format!("--regid={}", user.gid), "--clear-groups".to_owned()]);
        command.args([format!("--inh-caps={capabilities}"), format!("--ambient-caps={capabilities}")]).arg(program);
        command
    }

    fn command(&self, dir: &Path, console_port: u16) -> Command {
        let mut command = self.program(dir);
        command.args(&self.arguments).current_dir(dir).stdin(Stdio::null());
        if self.console {
            command.args(["--server", &self.server, "--console-port", &console_port.to_string(), "--logfile"]);
            command.arg(dir.join("driver.log"));
        }
        // What a driver keeps for its next start is the test's, and gone with it.
        command.env_remove("RUST_BACKTRACE").env_remove("STATE_DIRECTORY").env("XDG_STATE_HOME", dir.join("state"));
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    fn launch(&self, dir: &Path, console_port: u16) -> Child {
        let stream = |name| fs::OpenOptions::new().append(true).create(true).open(dir.join(name)).unwrap();
        self.command(dir, console_port).stdout(stream("stdout")).stderr(stream("stderr")).spawn().unwrap()
    }

    /// Starts the driver, and waits until its console answers.
    #[must_use]
    pub fn start(self) -> Farm {
        let mut farm = self.start_unwatched();
        farm.wait_console();
        farm
    }

    /// Starts the driver, and waits for nothing.
    #[must_use]
    pub fn start_unwatched(self) -> Farm {
        let dir = match &self.within {
            None => TempDir::new().unwrap(),
            Some(parent) => {
                tempfile::Builder::new().prefix("driver-").disable_cleanup(true).tempdir_in(parent).unwrap()
            }
        };
        for (name, text) in &self.files {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let console_port = self.console_port.unwrap_or_else(free_port);
        Farm { child: self.launch(dir.path(), console_port), console_port, dir, builder: self }
    }
}

impl Farm {
    /// A driver of `program` (`env!("CARGO_BIN_EXE_farm")`) for the job servers `server`.
    #[must_use]
    pub fn of(program: &str, server: impl Into<String>) -> FarmBuilder {
        FarmBuilder {
            program: program.into(),
            under: Vec::new(),
            server: server.into(),
            arguments: Vec::new(),
            environment: Vec::new(),
            console: true,
            console_port: None,
            files: Vec::new(),
            within: None,
            user: None,
        }
    }

    /// Starts the driver again after it has ended ([`Farm::wait_exit`]): same folder, same console port, same log.
    /// Waits until its console answers.
    pub fn start_again(&mut self) {
        assert!(self.child.try_wait().unwrap().is_some(), "the driver still runs: {}", self.state());
        self.child = self.builder.launch(self.dir.path(), self.console_port);
        self.wait_console();
    }

    fn wait_console(&mut self) {
        let port = self.console_port;
        eventually_or(
            "the driver's console answers",
            PATIENCE,
            || {
                if let Ok(Some(status)) = self.child.try_wait() {
                    panic!("the driver ended with {status}: {}", self.state());
                }
                Console::connect(port).ok()?.try_ask("list").ok().filter(|jobs| !jobs.is_empty()).map(|_| ())
            },
            || "no answer".to_owned(),
        );
    }

    /// The supervisor's PID.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The console's port.
    #[must_use]
    pub fn console_port(&self) -> u16 {
        self.console_port
    }

    /// A new connection to the console.
    #[must_use]
    pub fn console(&self) -> Console {
        Console::connect(self.console_port).unwrap()
    }

    /// The folder in which the driver runs.
    #[must_use]
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// What is in the log file by now.
    #[must_use]
    pub fn log(&self) -> String {
        self.file("driver.log")
    }

    /// What is on standard output by now.
    #[must_use]
    pub fn stdout(&self) -> String {
        self.file("stdout")
    }

    /// What is on standard error by now.
    #[must_use]
    pub fn stderr(&self) -> String {
        self.file("stderr")
    }

    /// What is in a file of the folder that the driver runs in.
    #[must_use]
    pub fn file(&self, name: &str) -> String {
        String::from_utf8_lossy(&fs::read(self.dir.path().join(name)).unwrap_or_default()).into_owned()
    }

    /// Waits until a line of the log contains `text`, and gives the line.
    #[must_use]
    pub fn wait_log(&self, text: &str) -> String {
        eventually_or(
            &format!("the log says {text:?}"),
            PATIENCE,
            || self.log().lines().find(|line| line.contains(text)).map(str::to_owned),
            || self.state(),
        )
    }

    /// Waits until something holds, and shows the driver's state if it never does.
    pub fn wait<T>(&self, what: &str, found: impl FnMut() -> Option<T>) -> T {
        eventually_or(what, PATIENCE, found, || self.state())
    }

    /// The host's PID.
    #[must_use]
    pub fn host(&self) -> u32 {
        let host = descendants(self.pid()).into_iter().find(|process| process.title.contains("[host, generation"));
        host.unwrap_or_else(|| panic!("no host: {}", self.state())).pid
    }

    /// All processes of the driver but itself.
    #[must_use]
    pub fn processes(&self) -> Vec<Proc> {
        descendants(self.pid())
    }

    /// Signals the supervisor.
    pub fn signal(&self, signal: Signal) {
        kill(pid(self.pid()), signal).unwrap();
    }

    /// Waits until the supervisor has ended.
    pub fn wait_exit(&mut self) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < deadline, "the driver does not end: {}", self.state());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Log, standard error and processes, for a failing test.
    #[must_use]
    pub fn state(&self) -> String {
        let mut state = format!("log:\n{}\nstderr:\n{}\nprocesses:\n", self.log(), self.stderr());
        for process in self.processes() {
            let _ = writeln!(state, "{process:?}");
        }
        state
    }
}

impl Drop for Farm {
    fn drop(&mut self) {
        let below = descendants(self.pid());
        if let Ok(None) = self.child.try_wait() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
        // What a killed supervisor has left is nobody's descendant, but still in its folder.
        let left = inhabitants(self.dir());
        for process in below.into_iter().map(|process| process.pid).chain(left) {
            if is_alive(process) {
                let _ = kill(pid(process), Signal::SIGKILL);
            }
        }
    }
}

fn pid(pid: u32) -> Pid {
    Pid::from_raw(i32::try_from(pid).unwrap())
}
