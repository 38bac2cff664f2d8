//! The driver: as a child of the submitting program, and what runs in that child.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::Duration;

use clap::Args;
use tempfile::TempDir;

use crate::Error;
use crate::job_server::end;

/// How long the driver may take to let its workers finish.
const DRAIN: Duration = Duration::from_secs(60);

/// What the submitting program wants of the driver.
#[derive(Args)]
pub(crate) struct Options {
    #[arg(long)]
    server: String,
    #[arg(long)]
    console_port: u16,
    #[arg(long)]
    logfile: PathBuf,
}

/// What runs in the child, and in the host that it starts: up to `run()` both do the same.
pub(crate) fn run(options: &Options) -> ExitCode {
    gearman_driver::Driver::builder()
        .server(&options.server)
        .namespaces(["convert::workers"])
        // No process at first, up to five of each job when there is work.
        .interval(Duration::from_millis(500))
        .max_idle_time(Duration::from_secs(5))
        .console_port(options.console_port)
        .logfile(&options.logfile)
        .run()
}

/// The driver, from the submitting program's side.
pub(crate) struct DriverProcess {
    child: Child,
    directory: TempDir,
}

impl DriverProcess {
    /// Starts this program again, as the driver.
    pub(crate) fn start(server: &str, console_port: u16) -> Result<Self, Error> {
        let directory = tempfile::Builder::new().prefix("convert-").tempdir()?;
        let own = std::env::current_exe()?;
        let mut command = command_that_dies_with_us(&own);
        command
            .args(["run-driver", "--server", server])
            .args(["--console-port", &console_port.to_string()])
            .arg("--logfile")
            .arg(log_in(&directory))
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        let child = command.spawn().map_err(|error| format!("the driver does not start: {error}"))?;
        Ok(Self { child, directory })
    }

    /// Fails when the driver has ended: nobody would do the jobs then.
    pub(crate) fn check(&mut self) -> Result<(), Error> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => Err(self.ended(&status.to_string())),
        }
    }

    /// Has the workers finish, and waits for the driver's end.
    pub(crate) fn drain(mut self) -> Result<(), Error> {
        self.check()?;
        match end(&mut self.child, DRAIN) {
            Some(status) if status.success() => Ok(()),
            Some(status) => Err(self.ended(&status.to_string())),
            None => Err(self.ended(&format!("it had to be killed after {} s", DRAIN.as_secs()))),
        }
    }

    fn ended(&self, how: &str) -> Error {
        let log = std::fs::read_to_string(log_in(&self.directory)).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        let last = lines[lines.len().saturating_sub(20)..].join("\n  ");
        format!("the driver ended ({how}); the last lines of its log:\n  {last}").into()
    }
}

impl Drop for DriverProcess {
    fn drop(&mut self) {
        end(&mut self.child, DRAIN);
    }
}

fn log_in(directory: &TempDir) -> PathBuf {
    directory.path().join("driver.log")
}

/// A command that gets TERM when this program ends, even when it is killed. (util-linux's `setpriv` does
/// it; where that is missing, a killed `convert` leaves it running.)
pub(crate) fn command_that_dies_with_us(program: &Path) -> Command {
    let setpriv = Path::new("/usr/bin/setpriv");
    if setpriv.is_file() {
        let mut command = Command::new(setpriv);
        command.args(["--pdeathsig", "TERM", "--"]).arg(program);
        command
    } else {
        Command::new(program)
    }
}
