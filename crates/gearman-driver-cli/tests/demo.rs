//! The demo as people run it, with nothing else installed: its sum is right, and it leaves no process behind.
#![cfg(feature = "demo")]
#![allow(clippy::unwrap_used, reason = "a test")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use gearman_protocol::admin::StatusRow;
use gearman_protocol::{Client, ServerList};
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use tempfile::TempDir;

/// How long a demo may take to end on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A demo in a folder of its own, where its log goes as well.
struct Demo {
    child: Child,
    out: BufReader<ChildStdout>,
    dir: TempDir,
}

impl Demo {
    fn start(arguments: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_gearman-driver"))
            .arg("demo")
            .args(arguments)
            .current_dir(dir.path())
            .env("PATH", "/nonexistent")
            .env("TMPDIR", dir.path())
            .env("XDG_RUNTIME_DIR", dir.path())
            // Of somebody's own driver: nothing to the demo.
            .env("GEARMAN_DRIVER_SERVER", "127.0.0.1:1")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // As a shell does it for a command at the terminal.
            .process_group(0)
            .spawn()
            .unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        Self { child, out, dir }
    }

    /// Reads on until a line has `text` in it; that line.
    fn until(&mut self, text: &str) -> String {
        loop {
            let mut line = String::new();
            assert!(self.out.read_line(&mut line).unwrap() > 0, "the demo ended before it said {text:?}");
            if line.contains(text) {
                return line;
            }
        }
    }

    /// As the terminal does it: to every process of the command's group.
    fn ctrl_c(&self) {
        killpg(Pid::from_raw(self.child.id().try_into().unwrap()), Signal::SIGINT).unwrap();
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id().try_into().unwrap()), signal).unwrap();
    }

    /// What it says until its end: standard output, standard error, exit code. None of its processes is left then.
    fn end(mut self) -> (String, String, Option<i32>) {
        let (mut out, mut err) = (String::new(), String::new());
        self.out.read_to_string(&mut out).unwrap();
        self.child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
        let code = self.child.wait().unwrap().code();
        assert_eq!(processes_in(self.dir.path()), [0; 0], "left behind\n{out}{err}");
        (out, err, code)
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Those whose working directory it is: the demo's processes all stay where it was started.
fn processes_in(dir: &Path) -> Vec<u32> {
    let pids =
        std::fs::read_dir("/proc").unwrap().filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok());
    pids.filter(|pid| std::fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd == dir)).collect()
}

/// Submitted, done, failed on purpose, lost: out of the last line.
fn sum(out: &str) -> [u64; 4] {
    let last = out.lines().last().unwrap();
    let words = ["submitted ", "done ", "failed on purpose ", "lost "];
    let parts: Vec<&str> = last.split(", ").collect();
    assert_eq!(parts.len(), 4, "{last}");
    std::array::from_fn(|at| parts[at].strip_prefix(words[at]).and_then(|number| number.parse().ok()).expect(last))
}

#[track_caller]
fn assert_nothing_lost(out: &str) {
    let [submitted, done, failed, lost] = sum(out);
    assert!(done > 0 && submitted == done + failed && lost == 0, "{out}");
}

#[test]
fn for_some_seconds_with_no_gearmand_in_the_path() {
    let start = Instant::now();
    let demo = Demo::start(&["--for", "3"]);
    let (out, err, code) = demo.end();
    assert_eq!((code, err.as_str()), (Some(0), ""), "{out}");
    assert!(start.elapsed() < PATIENCE, "{out}");
    assert_nothing_lost(&out);
    let [.., failed, _] = sum(&out);
    assert!(failed > 0, "some fail on purpose: {out}");
    for told in ["steer:   nc 127.0.0.1 ", "submit:  gearman -p ", "first job done after ", "flaky queue "] {
        assert!(out.contains(told), "{told}: {out}");
    }
}

#[test]
fn ctrl_c_waits_for_the_answers_and_sums_up() {
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let mut demo = Demo::start(&["--load", "0.5"]);
        demo.until("first job done after ");
        demo.signal(signal);
        let (out, err, code) = demo.end();
        assert_eq!((code, err.as_str()), (Some(0), ""), "{signal}: {out}");
        assert!(out.contains("stopping: no new jobs"), "{out}");
        assert_nothing_lost(&out);
    }
}

/// A client of the job server that the demo says to submit to, and that server's address.
fn client(demo: &mut Demo) -> (Client, String) {
    let submit = demo.until("submit:  gearman -p ");
    let server = format!("127.0.0.1:{}", submit.split_whitespace().nth(3).unwrap());
    (Client::new(ServerList::parse(&server).unwrap()).timeout(PATIENCE), server)
}

/// Jobs of a function, waiting and running.
fn jobs(server: &str, function: &str) -> usize {
    let mut stream = TcpStream::connect(server).unwrap();
    stream.write_all(b"status\n").unwrap();
    let rows = BufReader::new(stream).lines().map(Result::unwrap).take_while(|row| row != ".");
    let rows: Vec<StatusRow> = rows.map(|row| StatusRow::parse(&row).unwrap()).collect();
    rows.iter().find(|row| row.function == function).map_or(0, |row| row.total as usize)
}

fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "{what}");
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_second_ctrl_c_ends_it_at_once_and_what_has_no_answer_is_lost() {
    let mut demo = Demo::start(&["--load", "0.5"]);
    let (mut client, server) = client(&mut demo);
    let naps: Vec<String> = (0..30).map(|_| client.submit_background("flaky", "nap 10000").unwrap()).collect();
    // All 6 processes have one, so a job of the demo's own waits behind 24 others.
    for nap in &naps[..6] {
        wait_until("the first naps run", || client.job_status(nap).unwrap().running);
    }
    wait_until("a job of the demo's own waits", || jobs(&server, "flaky") > naps.len());
    demo.ctrl_c();
    demo.until("stopping: no new jobs; waiting for the answers (Ctrl-C: at once)");
    let asked = Instant::now();
    demo.ctrl_c();
    let (out, err, code) = demo.end();
    assert!(asked.elapsed() < Duration::from_secs(8), "not at once: {:?}", asked.elapsed());
    assert_eq!(err, "gearman-driver demo: stopped at once: jobs that had no answer yet are counted as lost\n");
    assert_eq!(code, Some(1), "{out}");
    let [submitted, done, failed, lost] = sum(&out);
    assert!(lost > 0 && submitted == done + failed + lost, "{out}");
}

#[test]
fn a_second_ctrl_c_does_not_wait_for_the_jobs_of_others() {
    let mut demo = Demo::start(&["--load", "0.5"]);
    let (mut client, _) = client(&mut demo);
    demo.until("first job done after ");
    let nap = client.submit_background("flaky", "nap 10000").unwrap();
    wait_until("the nap begins", || client.job_status(&nap).unwrap().running);
    demo.ctrl_c();
    demo.until("all answers are there; the driver ends (Ctrl-C: at once)");
    let asked = Instant::now();
    demo.ctrl_c();
    let (out, err, code) = demo.end();
    assert!(asked.elapsed() < Duration::from_secs(8), "not at once: {:?}", asked.elapsed());
    assert_eq!((code, err.as_str()), (Some(0), ""), "{out}");
    assert!(out.contains("stopped at once: jobs that others had submitted may have no answer\n"), "{out}");
    assert_nothing_lost(&out);
}

#[test]
fn a_demo_that_is_killed_takes_its_driver_along() {
    let mut demo = Demo::start(&[]);
    demo.until("first job done after ");
    demo.signal(Signal::SIGKILL);
    demo.child.wait().unwrap();
    wait_until("no process is left", || processes_in(demo.dir.path()).is_empty());
}

#[test]
fn a_driver_that_is_shut_down_is_started_again_and_nothing_is_lost() {
    let mut demo = Demo::start(&["--load", "0.5"]);
    let steer = demo.until("steer:   nc 127.0.0.1 ");
    demo.until("first job done after ");
    let port = steer.split_whitespace().nth(3).unwrap();
    let mut console = TcpStream::connect(format!("127.0.0.1:{port}")).unwrap();
    console.write_all(b"shutdown\n").unwrap();
    demo.until("was started again");
    demo.signal(Signal::SIGINT);
    let (out, err, code) = demo.end();
    assert_eq!((code, err.as_str()), (Some(0), ""), "{out}");
    assert_nothing_lost(&out);
}

#[test]
fn what_is_wrong_is_said_in_one_message() {
    let (out, err, code) = Demo::start(&["--for", "x"]).end();
    assert_eq!((out.as_str(), code), ("", Some(2)));
    assert!(err.starts_with("error: invalid value 'x' for '--for <SECONDS>'"), "{err}");

    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let (out, err, code) = Demo::start(&["--port", &port]).end();
    assert_eq!((out.as_str(), code), ("", Some(1)));
    assert!(err.starts_with(&format!("gearman-driver demo: no job server on 127.0.0.1:{port}: ")), "{err}");
    assert!(err.contains("choose another --port"), "{err}");
    assert_eq!(err.lines().count(), 1, "{err}");
}

#[test]
fn help_of_the_command_has_it() {
    let say = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_gearman-driver")).args(arguments).output().unwrap();
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
    };
    assert!(say(&["--help"]).contains("  demo "));
    for words in [&["demo", "--help"][..], &["help", "demo"]] {
        let help = say(words);
        assert!(help.contains("Usage: gearman-driver demo [OPTIONS]") && help.contains("--for <SECONDS>"), "{help}");
        assert!(!help.contains("--svg") && !help.contains("driver  "), "{help}");
    }
    assert!(say(&["--interval", "1", "demo"]).contains("comes first: gearman-driver demo [OPTIONS]"));
}
