//! The driver: as a child of the demo, and what runs in that child.

use std::fs::File;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use gearman_driver_core::config::{ENVIRONMENT_PREFIX, ROLE_PREFIX};
use nix::sys::prctl;
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, getppid};

use super::Error;
use super::options::DriverOptions;
use super::{watch, workers};

/// Where a driver's console is looked for.
const USUAL_CONSOLE_PORT: u16 = 47300;
/// A driver that ended before this did not start well. A console port that somebody took in the meantime shows
/// itself in that time too.
const SETTLED: Duration = Duration::from_secs(2);
/// So often it is started again before that.
const TRIES: u32 = 3;

/// What runs in the child, and in the host that it starts: up to `run()` both do the same.
pub(crate) fn run(options: &DriverOptions) -> ExitCode {
    if let Err(error) = end_with(Pid::from_raw(options.parent)) {
        eprintln!("gearman-driver demo: {error}");
        return ExitCode::FAILURE;
    }
    let mut driver = gearman_driver::Driver::builder()
        .server(format!("127.0.0.1:{}", options.port))
        .console_port(options.console_port)
        .logfile(&options.logfile)
        .interval(Duration::from_millis(250))
        .max_idle_time(Duration::from_secs(2));
    for job in workers::jobs() {
        driver = driver.add_job(job);
    }
    driver.run()
}

/// Has this process get TERM when the demo's does end, however that is; the host, whose parent is the driver, is left
/// alone. (The kernel looks at the *thread* that started it: the demo's main thread, which lives as long as the demo.)
fn end_with(demo: Pid) -> Result<(), Error> {
    let is_host = std::env::vars_os().any(|(name, _)| name.to_string_lossy().starts_with(ROLE_PREFIX));
    if is_host {
        return Ok(());
    }
    prctl::set_pdeathsig(Signal::SIGTERM)?;
    if getppid() == demo { Ok(()) } else { Err("this is the driver of a demo that has ended".into()) }
}

/// The driver, from the demo's side. Ended when this is dropped.
pub(crate) struct DriverProcess {
    child: Child,
    started: Instant,
    tries: u32,
    port: u16,
    console_port: u16,
    log: PathBuf,
}

impl DriverProcess {
    /// Starts this program again, as the driver of the job server on `port`. Call it in the main thread.
    pub(crate) fn start(port: u16) -> Result<Self, Error> {
        let log = tempfile::Builder::new().prefix("gearman-driver-demo-").suffix(".log").tempfile();
        let (_, log) = log
            .and_then(|file| file.keep().map_err(|error| error.error))
            .map_err(|error| format!("no log file in {}: {error}", std::env::temp_dir().display()))?;
        let console_port = free_port(USUAL_CONSOLE_PORT).or_else(|_| free_port(0))?;
        let child = spawn(port, console_port, &log)?;
        Ok(Self { child, started: Instant::now(), tries: 1, port, console_port, log })
    }

    /// Waits until its own console answers: on the usual port another demo's may, which was faster. A machine that is
    /// too busy for that is not waited for longer.
    ///
    /// # Errors
    /// It does not start.
    pub(crate) fn settle(&mut self) -> Result<(), Error> {
        let deadline = Instant::now() + SETTLED;
        while Instant::now() < deadline && watch::driver(self.console_port) != Some(self.child.id()) {
            self.check()?;
            thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// Where its console listens on 127.0.0.1.
    pub(crate) fn console_port(&self) -> u16 {
        self.console_port
    }

    /// Its log, which stays.
    pub(crate) fn log(&self) -> &Path {
        &self.log
    }

    /// Starts it again where it has ended (somebody may have tried `shutdown` on its console), and says so.
    ///
    /// # Errors
    /// It does not start.
    pub(crate) fn check(&mut self) -> Result<Option<String>, Error> {
        let Some(status) = self.child.try_wait()? else {
            return Ok(None);
        };
        let settled = self.started.elapsed() >= SETTLED;
        if !settled && self.tries == TRIES {
            return Err(self.ended(&status.to_string()));
        }
        self.tries = if settled { 1 } else { self.tries + 1 };
        self.console_port = free_port(if settled { self.console_port } else { 0 }).or_else(|_| free_port(0))?;
        self.child = spawn(self.port, self.console_port, &self.log)?;
        self.started = Instant::now();
        let console = self.console_port;
        Ok(Some(format!("the driver has ended ({status}) and was started again; its console: nc 127.0.0.1 {console}")))
    }

    /// Has the workers finish, and waits for the driver's end; `hurry` says whether to end it at once. The result says
    /// whether it did.
    ///
    /// # Errors
    /// It did not end well, or had to be killed.
    pub(crate) fn drain(&mut self, patience: Duration, hurry: impl Fn() -> bool) -> Result<bool, Error> {
        self.signal(Signal::SIGTERM);
        let deadline = Instant::now() + patience;
        while Instant::now() < deadline {
            match self.child.try_wait()? {
                Some(status) if status.success() => return Ok(false),
                Some(status) => return Err(self.ended(&status.to_string())),
                None if hurry() => {
                    self.kill();
                    return Ok(true);
                }
                None => thread::sleep(Duration::from_millis(5)),
            }
        }
        self.kill();
        Err(self.ended(&format!("it had to be killed after {} s", patience.as_secs())))
    }

    /// Ends it at once, its workers with it.
    pub(crate) fn kill(&mut self) {
        // Its own way of ending at once, which takes the workers along.
        self.signal(Signal::SIGQUIT);
        let deadline = Instant::now() + Duration::from_secs(2);
        while matches!(self.child.try_wait(), Ok(None)) {
            if Instant::now() > deadline {
                let _ = self.child.kill();
                let _ = self.child.wait();
                return;
            }
            thread::sleep(Duration::from_millis(5));
        }
    }

    fn signal(&mut self, signal: Signal) {
        // Not waited for yet, so its PID is still its own.
        if let (Ok(None), Ok(pid)) = (self.child.try_wait(), i32::try_from(self.child.id())) {
            let _ = kill(Pid::from_raw(pid), signal);
        }
    }

    fn ended(&self, how: &str) -> Error {
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        let last = lines[lines.len().saturating_sub(10)..].join("\n  ");
        format!("the driver ended ({how}); the last lines of {}:\n  {last}", self.log.display()).into()
    }
}

impl Drop for DriverProcess {
    fn drop(&mut self) {
        // Ended already, but where an error or a panic came between.
        self.kill();
    }
}

fn spawn(port: u16, console_port: u16, log: &Path) -> Result<Child, Error> {
    let output = File::options().append(true).open(log)?;
    let mut command = Command::new(std::env::current_exe()?);
    command
        .args(["demo", "driver", "--port", &port.to_string(), "--console-port", &console_port.to_string()])
        .arg("--logfile")
        .arg(log)
        .args(["--parent", &std::process::id().to_string()])
        // Ctrl-C in the terminal is for the demo, which ends the driver when all answers are there.
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(output);
    // What is set there for other drivers must not lead this one astray.
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with(ENVIRONMENT_PREFIX) {
            command.env_remove(name);
        }
    }
    command.spawn().map_err(|error| format!("the driver does not start: {error}").into())
}

/// This port if it is free; 0: any that is.
fn free_port(port: u16) -> Result<u16, Error> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, port))?.local_addr()?.port())
}
