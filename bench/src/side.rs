//! One side of a measurement: worker processes that serve one function, however they were started.
//!
//! Decides how each side is started, when it counts as ready (the job server lists all its processes)
//! and how it ends. What is measured is the callers' business.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use gearman_protocol::WorkersRow;
use gearman_testkit::Gearmand;
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;

use crate::Failure;

/// How often the job server is asked while something is waited for.
const LOOK: Duration = Duration::from_micros(500);
/// How long a start may take, and an end.
const PATIENCE: Duration = Duration::from_secs(60);

/// The function that our side registers: where its worker stands in this program.
pub(crate) const OUR_FUNCTION: &str = "bench::farm::Echo::echo";

/// Processes that serve one function until this is dropped.
pub(crate) struct Side {
    pub(crate) name: String,
    pub(crate) function: String,
    processes: usize,
    children: Vec<Child>,
    kind: Kind,
    started: Instant,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    /// The children are the workers.
    Workers,
    /// The only child is our driver; the workers say their PIDs in their client ids.
    Driver,
    /// The same, and the function is what the names of its functions begin with.
    ManyJobs,
    /// The only child is a shell in a process group of its own, and what it starts.
    Peer,
}

impl Side {
    /// `processes` times the C worker.
    pub(crate) fn c(program: &Path, gearmand: &Gearmand, function: &str, processes: usize) -> Result<Self, Failure> {
        let mut side = Self::new("C worker", function, processes, Kind::Workers);
        for _ in 0..processes {
            let mut command = command_that_dies_with_us(program);
            command.args(["127.0.0.1", &gearmand.port().to_string(), function]);
            side.start(command)?;
        }
        Ok(side)
    }

    /// Our driver with `processes` processes that echo, looking at the queues each `interval_seconds`.
    ///
    /// `log` gets what it logs.
    pub(crate) fn ours(
        gearmand: &Gearmand,
        processes: usize,
        interval_seconds: u64,
        log: &Path,
    ) -> Result<Self, Failure> {
        let command = farm(gearmand, processes, interval_seconds, log, Vec::new())?;
        let mut side = Self::new("gearman-driver", OUR_FUNCTION, processes, Kind::Driver);
        side.start(command)?;
        Ok(side)
    }

    /// Our driver with `processes` processes of another job than the one that echoes, which `options` of the
    /// farm ask for.
    pub(crate) fn farm(
        name: &str,
        function: &str,
        gearmand: &Gearmand,
        processes: usize,
        log: &Path,
        options: Vec<String>,
    ) -> Result<Self, Failure> {
        let command = farm(gearmand, processes, 5, log, options)?;
        let mut side = Self::new(name, function, processes, Kind::Driver);
        side.start(command)?;
        Ok(side)
    }

    /// Our driver with `jobs` jobs of `processes` processes each, which do nothing, and a console.
    pub(crate) fn many_jobs(
        gearmand: &Gearmand,
        jobs: usize,
        processes: usize,
        interval_seconds: u64,
        log: &Path,
        console_port: u16,
    ) -> Result<Self, Failure> {
        let options = vec![format!("--jobs={jobs}"), format!("--console-port={console_port}")];
        let command = farm(gearmand, processes, interval_seconds, log, options)?;
        let mut side = Self::new("gearman-driver", crate::farm::MANY, jobs * processes, Kind::ManyJobs);
        side.start(command)?;
        Ok(side)
    }

    /// What `shell` starts; in it `{server}`, `{port}`, `{function}` and `{processes}` are replaced.
    pub(crate) fn peer(
        name: &str,
        shell: &str,
        gearmand: &Gearmand,
        function: &str,
        processes: usize,
    ) -> Result<Self, Failure> {
        use std::os::unix::process::CommandExt;
        let line = shell
            .replace("{server}", &gearmand.address())
            .replace("{port}", &gearmand.port().to_string())
            .replace("{function}", function)
            .replace("{processes}", &processes.to_string());
        let mut side = Self::new(name, function, processes, Kind::Peer);
        let mut command = Command::new("/bin/sh");
        command.args(["-c", &line]).process_group(0);
        side.start(command)?;
        Ok(side)
    }

    fn new(name: &str, function: &str, processes: usize, kind: Kind) -> Self {
        Self {
            name: name.to_owned(),
            function: function.to_owned(),
            processes,
            children: Vec::new(),
            kind,
            started: Instant::now(),
        }
    }

    fn start(&mut self, mut command: Command) -> Result<(), Failure> {
        let program = command.get_program().to_string_lossy().into_owned();
        // Our own standard output is for results.
        command.stdin(Stdio::null()).stdout(Stdio::null());
        let child = command.spawn().map_err(|error| Failure::new(format!("{}: {program}: {error}", self.name)))?;
        self.children.push(child);
        Ok(())
    }

    /// Waits until the job server lists all processes, and returns how long that took from the start.
    pub(crate) fn wait_until_ready(&mut self, gearmand: &Gearmand) -> Result<Duration, Failure> {
        let end = self.started + PATIENCE;
        loop {
            let registered = self.registered(gearmand);
            if registered >= self.processes as u64 {
                return Ok(self.started.elapsed());
            }
            self.check_alive()?;
            if Instant::now() > end {
                return Err(Failure::new(format!(
                    "{}: {registered} of {} processes registered after {} s",
                    self.name,
                    self.processes,
                    PATIENCE.as_secs()
                )));
            }
            thread::sleep(LOOK);
        }
    }

    /// How many registrations the job server lists.
    pub(crate) fn registered(&self, gearmand: &Gearmand) -> u64 {
        gearmand.status().iter().filter(|row| self.serves(&row.function)).map(|row| row.workers).sum()
    }

    fn serves(&self, function: &str) -> bool {
        match self.kind {
            Kind::ManyJobs => function.starts_with(&self.function),
            Kind::Workers | Kind::Driver | Kind::Peer => function == self.function,
        }
    }

    /// Fails when a process that we started has ended.
    pub(crate) fn check_alive(&mut self) -> Result<(), Failure> {
        for child in &mut self.children {
            if let Ok(Some(status)) = child.try_wait() {
                let message = format!("{}: process {} ended: {status}", self.name, child.id());
                return Err(Failure::new(message));
            }
        }
        Ok(())
    }

    /// The PIDs of the worker processes; none where they can't be told (a peer's).
    pub(crate) fn worker_pids(&self, gearmand: &Gearmand) -> Vec<u32> {
        match self.kind {
            Kind::Workers => self.children.iter().map(Child::id).collect(),
            Kind::Driver | Kind::ManyJobs => {
                let rows = gearmand.workers();
                let rows = rows.iter().filter_map(|line| WorkersRow::parse(line).ok());
                rows.filter(|row| row.functions.iter().any(|function| self.serves(function)))
                    .filter_map(|row| pid_in_client_id(&row.client_id))
                    .collect()
            }
            Kind::Peer => Vec::new(),
        }
    }

    /// The PID of the driver, where this side has one.
    pub(crate) fn driver_pid(&self) -> Option<u32> {
        let has_one = matches!(self.kind, Kind::Driver | Kind::ManyJobs);
        let driver = self.children.first().filter(|_| has_one)?;
        Some(driver.id())
    }
}

impl Drop for Side {
    fn drop(&mut self) {
        for child in &self.children {
            self.signal(child, Signal::SIGTERM);
        }
        let end = Instant::now() + Duration::from_secs(10);
        for child in &mut self.children {
            while matches!(child.try_wait(), Ok(None)) && Instant::now() < end {
                thread::sleep(Duration::from_millis(5));
            }
        }
        for child in &self.children {
            // A peer's shell may be gone before what it started.
            if self.kind == Kind::Peer {
                self.signal(child, Signal::SIGKILL);
            }
        }
        for child in &mut self.children {
            if matches!(child.try_wait(), Ok(None)) {
                eprintln!("bench: {}: process {} did not end on TERM; killed", self.name, child.id());
                let _ = child.kill();
                let _ = child.wait();
            }
        }
    }
}

impl Side {
    fn signal(&self, child: &Child, signal: Signal) {
        let Ok(pid) = i32::try_from(child.id()) else {
            return;
        };
        // It may have ended by itself; then there is nobody to tell.
        let _ = match self.kind {
            Kind::Peer => killpg(Pid::from_raw(pid), signal),
            Kind::Workers | Kind::Driver | Kind::ManyJobs => kill(Pid::from_raw(pid), signal),
        };
    }
}

/// This program as our side's driver.
fn farm(
    gearmand: &Gearmand,
    processes: usize,
    interval_seconds: u64,
    log: &Path,
    options: Vec<String>,
) -> Result<Command, Failure> {
    let own = std::env::current_exe().map_err(|error| Failure::new(format!("where is this program? {error}")))?;
    let mut command = command_that_dies_with_us(&own);
    command
        .args(["worker-farm", "--server", &gearmand.address()])
        .args(["--processes", &processes.to_string()])
        .args(["--interval", &interval_seconds.to_string()])
        .args(options)
        .arg("--logfile")
        .arg(log);
    Ok(command)
}

/// `gd1/HOST/DRIVERPID/PID/JOB`
fn pid_in_client_id(id: &str) -> Option<u32> {
    id.strip_prefix("gd1/")?.split('/').nth(2)?.parse().ok()
}

/// A command that gets TERM when this program ends, however it ends: nothing of a measurement that was
/// cut short may go on using the machine. (util-linux's `setpriv` does it; without it, it is not done.)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pid_is_the_fourth_part_of_a_client_id() {
        assert_eq!(pid_in_client_id("gd1/host/10/42/bench::farm::Echo::echo"), Some(42));
        assert_eq!(pid_in_client_id("-"), None);
        assert_eq!(pid_in_client_id("gd1/host/10"), None);
    }

    #[test]
    fn a_peer_is_ready_when_listed_and_gone_after_the_drop() {
        let gearmand = Gearmand::start();
        let shell = "gearman -w -h 127.0.0.1 -p {port} -f {function} cat";
        let mut side = Side::peer("gearman", shell, &gearmand, "f", 1).unwrap();
        side.wait_until_ready(&gearmand).unwrap();
        assert!(side.worker_pids(&gearmand).is_empty());
        drop(side);
        gearman_testkit::eventually("no worker is left", Duration::from_secs(5), || {
            gearmand.status_of("f").is_none_or(|row| row.workers == 0).then_some(())
        });
    }

    #[test]
    fn a_side_that_ends_at_once_is_an_error_that_names_it() {
        let gearmand = Gearmand::start();
        let mut side = Side::peer("broken", "exit 3", &gearmand, "f", 1).unwrap();
        let failure = side.wait_until_ready(&gearmand).unwrap_err();
        assert!(failure.0.starts_with("broken: process "), "{failure}");
    }
}
