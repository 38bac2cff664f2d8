//! `--unknown_job_command`: a command that is run when jobs wait for a function that no job of this driver has.
//!
//! Decides how it is started and how long it may take. Its children are reaped where all are (`children`), and what it
//! prints is logged line by line, as a worker's output.

use std::collections::BTreeMap;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::Duration;

use gearman_driver_core::duration;
use gearman_driver_core::level::Level;
use gearman_driver_core::log_entry::Entry;
use gearman_driver_core::process::ExitStatus;
use gearman_driver_sys::limits;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::sync::mpsc;

use crate::UnknownJob;
use crate::event_loop::News;
use crate::log::{CATEGORY, Log};
use crate::output::{Output, Speaker};

/// A command that takes longer is killed.
const TIMEOUT: Duration = Duration::from_secs(60);

/// So many may run at once: anybody who can submit a job can make up a function.
const MAX_RUNNING: usize = 16;

/// What stands in the log in place of a job's name.
const SPEAKER: &str = "unknown_job_command";

/// Names one run of the command, for the driver's whole life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RunId(u64);

/// The runs of the command that have not ended.
pub(crate) struct UnknownJobCommand {
    /// Program and arguments; empty: there is none.
    words: Vec<String>,
    /// The job servers, for its environment.
    servers: String,
    timeout: Duration,
    runs: BTreeMap<RunId, Run>,
    last: u64,
    news: mpsc::Sender<News>,
    log: Log,
}

struct Run {
    pid: Pid,
    function: String,
    output: Output,
}

impl UnknownJobCommand {
    pub(crate) fn new(words: Vec<String>, servers: String, news: mpsc::Sender<News>, log: Log) -> Self {
        Self { words, servers, timeout: TIMEOUT, runs: BTreeMap::new(), last: 0, news, log }
    }

    /// From now on it is this command, and these are the job servers.
    pub(crate) fn configure(&mut self, words: Vec<String>, servers: String) {
        (self.words, self.servers) = (words, servers);
    }

    /// Runs the command for a function, unless it is running for that one still. The PID of what was started.
    pub(crate) fn run(&mut self, unknown: &UnknownJob) -> Option<Pid> {
        let (program, arguments) = self.words.split_first()?;
        let running = self.runs.values().any(|run| run.function == unknown.function);
        if running || self.runs.len() >= MAX_RUNNING {
            return None; // The next look comes here again.
        }
        match self.start(program, arguments, unknown) {
            Ok(run) => {
                let pid = run.pid;
                self.last += 1;
                let id = RunId(self.last);
                self.runs.insert(id, run);
                self.say(Level::Info, pid, &format!("Command started for function {}", unknown.function));
                let (timeout, news) = (self.timeout, self.news.clone());
                tokio::spawn(async move {
                    tokio::time::sleep(timeout).await;
                    let _ = news.send(News::CommandOverdue(id)).await;
                });
                Some(pid)
            }
            Err(error) => {
                self.log.error(&format!(
                    "unknown_job_command: {program} can't be started for function {}: {}",
                    unknown.function,
                    limits::process_refused(&error)
                ));
                None
            }
        }
    }

    /// The processes of all runs.
    pub(crate) fn pids(&self) -> impl Iterator<Item = Pid> {
        self.runs.values().map(|run| run.pid)
    }

    fn start(&self, program: &str, arguments: &[String], unknown: &UnknownJob) -> io::Result<Run> {
        let (out_read, out_write) = io::pipe()?;
        let (err_read, err_write) = io::pipe()?;
        let status = unknown.status;
        let numbers = [status.queue, status.busy, status.free(), status.running].map(|number| number.to_string());
        let names = ["GEARMAN_QUEUE", "GEARMAN_BUSY", "GEARMAN_FREE", "GEARMAN_RUNNING"];
        let mut starter = Command::new(program);
        limits::hand_down_open_files(&mut starter);
        let child = starter
            .args(arguments)
            .arg(&unknown.function)
            .args(&numbers)
            .env("GEARMAN_FUNCTION", &unknown.function)
            .env("GEARMAN_SERVERS", &self.servers)
            .envs(names.into_iter().zip(&numbers))
            .stdin(Stdio::null())
            .stdout(out_write)
            .stderr(err_write)
            .process_group(0)
            .spawn()?;
        let speaker = Speaker::known(child.id(), SPEAKER);
        let pid = Pid::from_raw(i32::try_from(child.id()).map_err(io::Error::other)?);
        let output = Output::read(out_read.into(), err_read.into(), speaker, self.log.clone())?;
        Ok(Run { pid, function: unknown.function.clone(), output })
    }

    /// The run whose process that is.
    pub(crate) fn by_pid(&self, pid: Pid) -> Option<RunId> {
        self.runs.iter().find(|(_, run)| run.pid == pid).map(|(id, _)| *id)
    }

    /// A run has ended, and is reaped.
    pub(crate) async fn ended(&mut self, id: RunId, status: ExitStatus) {
        let Some(Run { pid, function, output }) = self.runs.remove(&id) else { return };
        output.finish().await;
        let level = if status == ExitStatus::Code(0) { Level::Debug } else { Level::Warn };
        self.say(level, pid, &format!("Exited with status {status} (function {function})"));
    }

    /// The time that a run may take is over.
    pub(crate) fn overdue(&self, id: RunId) {
        let Some(run) = self.runs.get(&id) else { return };
        let limit = duration::display(self.timeout);
        self.say(Level::Error, run.pid, &format!("Killed after {limit} (function {})", run.function));
        run.kill();
    }

    fn say(&self, level: Level, pid: Pid, message: &str) {
        let entry = Entry::new(level, CATEGORY, message);
        self.log.write(&Entry { pid: Some(pid.as_raw().unsigned_abs()), job: Some(SPEAKER), ..entry });
    }
}

impl Run {
    /// Kills the process and its group. It is not reaped yet, so the number is still its own.
    fn kill(&self) {
        let _ = kill(Pid::from_raw(-self.pid.as_raw()), Signal::SIGKILL);
    }
}

impl Drop for UnknownJobCommand {
    /// The driver ends: nobody would log what they print.
    fn drop(&mut self) {
        for run in self.runs.values() {
            run.kill();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use gearman_driver_core::config::{Layer, Origin};
    use gearman_driver_core::manager::FunctionStatus;
    use gearman_driver_sys::reap;
    use nix::sys::wait::{Id, WaitPidFlag, waitid};

    use super::*;
    use crate::clock::Clock;

    struct Bench {
        dir: tempfile::TempDir,
        command: UnknownJobCommand,
        news: mpsc::Receiver<News>,
    }

    impl Bench {
        fn new(words: &[&str]) -> Self {
            let dir = tempfile::tempdir().unwrap();
            let mut layer = Layer::new();
            let logfile = dir.path().join("log");
            for (name, value) in
                [("logfile", logfile.to_str().unwrap()), ("loglayout", "%p %m%n"), ("loglevel", "DEBUG")]
            {
                layer.set(name, value, Origin::Builder).unwrap();
            }
            let log = Log::open(&Layer::merge([layer]).unwrap(), Clock::start()).unwrap();
            let (sender, news) = mpsc::channel(8);
            let words = words.iter().map(|&word| word.to_owned()).collect();
            Self { dir, command: UnknownJobCommand::new(words, "localhost:4730".to_owned(), sender, log), news }
        }

        fn run(&mut self, function: &str) {
            let status = FunctionStatus { queue: 3, busy: 1, running: 2 };
            self.command.run(&UnknownJob { function: function.to_owned(), status });
        }

        /// Waits for the end of one run, as `children` does, and gives its status.
        async fn end(&mut self) -> ExitStatus {
            let (&id, run) = self.command.runs.first_key_value().unwrap();
            let pid = run.pid;
            let wait = move || waitid(Id::Pid(pid), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT);
            tokio::task::spawn_blocking(wait).await.unwrap().unwrap();
            assert_eq!(self.command.by_pid(pid), Some(id));
            let status = match reap::reap(pid, true).unwrap() {
                reap::Ended::Code(code) => ExitStatus::Code(code),
                reap::Ended::Signal(signal) => ExitStatus::Signal(signal),
            };
            self.command.ended(id, status).await;
            status
        }

        /// The log, with all PIDs as 1.
        fn log(&self) -> String {
            let log = fs::read_to_string(self.dir.path().join("log")).unwrap();
            let line = |line: &str| match (line.find('('), line.find(')')) {
                (Some(from), Some(to)) if from < to => format!("{}(1{}\n", &line[..from], &line[to..]),
                _ => format!("{line}\n"),
            };
            log.lines().map(line).collect()
        }
    }

    #[tokio::test]
    async fn it_gets_the_function_as_arguments_and_environment_and_is_logged() {
        let script = "echo $GEARMAN_FUNCTION $GEARMAN_QUEUE $GEARMAN_BUSY $GEARMAN_FREE $GEARMAN_RUNNING \
                      $GEARMAN_SERVERS; echo \"$@\" >&2; exit 3";
        let mut bench = Bench::new(&["sh", "-c", script, "notify", "own"]);
        bench.run("app::f");
        assert_eq!(bench.end().await, ExitStatus::Code(3));
        let log = bench.log();
        for line in [
            "INFO (1) [unknown_job_command] Command started for function app::f\n",
            "INFO (1) [unknown_job_command] STDOUT: app::f 3 1 1 2 localhost:4730\n",
            "INFO (1) [unknown_job_command] STDERR: own app::f 3 1 1 2\n",
            "WARN (1) [unknown_job_command] Exited with status 3 (function app::f)\n",
        ] {
            assert!(log.contains(line), "{line}{log}");
        }
    }

    #[tokio::test]
    async fn it_runs_once_a_function_at_a_time_and_a_bounded_number_in_all() {
        let mut bench = Bench::new(&["sleep", "600"]);
        for number in 0..100 {
            bench.run(&format!("f{}", number % 50));
        }
        assert_eq!(bench.command.runs.len(), MAX_RUNNING);
        let functions: Vec<_> = bench.command.runs.values().map(|run| run.function.clone()).collect();
        assert_eq!(functions, (0..MAX_RUNNING).map(|number| format!("f{number}")).collect::<Vec<_>>());
        let pids: Vec<_> = bench.command.runs.values().map(|run| run.pid).collect();
        drop(bench);
        for pid in pids {
            waitid(Id::Pid(pid), WaitPidFlag::WEXITED).unwrap();
        }
    }

    #[tokio::test]
    async fn it_is_killed_when_its_time_is_over() {
        let mut bench = Bench::new(&["sh", "-c", "sleep 600; echo never"]);
        bench.command.timeout = Duration::from_millis(20);
        bench.run("f");
        let Some(News::CommandOverdue(id)) = bench.news.recv().await else { panic!("other news") };
        bench.command.overdue(id);
        assert_eq!(bench.end().await, ExitStatus::Signal(9));
        bench.command.overdue(id);
        let log = bench.log();
        assert_eq!(log.matches("ERROR (1) [unknown_job_command] Killed after 20ms (function f)\n").count(), 1, "{log}");
    }

    #[tokio::test]
    async fn one_that_cannot_be_started_is_told() {
        let mut bench = Bench::new(&["/no/such/command"]);
        bench.run("f");
        let log = bench.log();
        assert!(
            log.starts_with("ERROR unknown_job_command: /no/such/command can't be started for function f: "),
            "{log}"
        );
        let mut none = Bench::new(&[]);
        none.run("f");
        assert_eq!(none.log(), "");
    }
}
