//! What people have works against the embedded job server unchanged: Debian's `gearman` and `gearadmin`, and a worker
//! over libgearman.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use gearman_jobserver::JobServer;
use gearman_protocol::{Client, ServerList};
use gearman_testkit::eventually;

const PATIENCE: Duration = Duration::from_secs(10);

struct Setup {
    server: JobServer,
    children: Vec<Child>,
}

impl Setup {
    fn new() -> Self {
        Self { server: JobServer::start(([127, 0, 0, 1], 0)).unwrap(), children: Vec::new() }
    }

    fn tool(&self, name: &str) -> Command {
        let mut command = Command::new(name);
        command.args(["-h", "127.0.0.1", "-p", &self.server.address().port().to_string()]);
        command
    }

    fn background(&mut self, mut command: Command) {
        self.children.push(command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap_or_else(missing));
    }

    fn gearadmin(&self, arguments: &[&str]) -> String {
        let output = self.tool("gearadmin").args(arguments).output().unwrap_or_else(missing);
        said(&output)
    }

    fn gearman(&self, arguments: &[&str], workload: &str) -> Output {
        let mut command = self.tool("gearman");
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(missing);
        child.stdin.take().unwrap().write_all(workload.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    }

    fn wait_for_row(&self, row: &str) {
        eventually(row, PATIENCE, || self.gearadmin(&["--status"]).lines().any(|line| line == row).then_some(()));
    }
}

impl Drop for Setup {
    fn drop(&mut self) {
        for child in &mut self.children {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn said(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[expect(clippy::needless_pass_by_value, reason = "as unwrap_or_else hands it over")]
fn missing<T>(error: std::io::Error) -> T {
    panic!("{error}: this test needs the commands of gearman. Debian and Ubuntu: apt-get install gearman-tools")
}

#[test]
fn gearman_works_and_submits() {
    let mut setup = Setup::new();
    let mut worker = setup.tool("gearman");
    worker.args(["-w", "-f", "upper", "--", "tr", "a-z", "A-Z"]);
    setup.background(worker);
    setup.wait_for_row("upper\t0\t0\t1");

    assert_eq!(said(&setup.gearman(&["-f", "upper"], "hello")), "HELLO");
    assert_eq!(said(&setup.gearman(&["-f", "upper", "-I"], "high")), "HIGH");
    assert_eq!(said(&setup.gearman(&["-f", "upper", "-L"], "low")), "LOW");
    assert_eq!(said(&setup.gearman(&["-f", "upper", "-u", "unique"], "shared")), "SHARED");
    // A line is a job.
    assert_eq!(said(&setup.gearman(&["-f", "upper", "-n"], "a\nb\nc\n")), "A\nB\nC\n");
    said(&setup.gearman(&["-f", "upper", "-b"], "later"));
    setup.wait_for_row("upper\t0\t0\t1");
}

#[test]
fn a_failing_worker_fails_the_gearman_command() {
    let mut setup = Setup::new();
    let mut worker = setup.tool("gearman");
    worker.args(["-w", "-f", "fails", "--", "false"]);
    setup.background(worker);
    setup.wait_for_row("fails\t0\t0\t1");
    assert!(!setup.gearman(&["-f", "fails"], "x").status.success());
}

#[test]
fn gearadmin_asks_and_orders() {
    let setup = Setup::new();
    assert!(setup.gearadmin(&["--server-version"]).contains(env!("CARGO_PKG_VERSION")));
    assert!(setup.gearadmin(&["--getpid"]).contains(&std::process::id().to_string()));
    setup.gearadmin(&["--create-function", "made"]);
    assert_eq!(setup.gearadmin(&["--status"]), "made\t0\t0\t0\n.\n");
    assert_eq!(setup.gearadmin(&["--priority-status"]), "made\t0\t0\t0\t0\n.\n");
    said(&setup.gearman(&["-b", "-f", "made", "-u", "mine"], "x"));
    assert_eq!(setup.gearadmin(&["--show-unique-jobs"]), "mine\n.\n");
    let jobs = setup.gearadmin(&["--show-jobs"]);
    let handle = jobs.split('\t').next().unwrap();
    assert!(handle.starts_with("H:") && jobs.ends_with("\t0\t0\t1\n.\n"), "{jobs}");
    setup.gearadmin(&["--cancel-job", handle]);
    assert!(setup.gearadmin(&["--show-jobs"]).ends_with("\t0\t1\t0\n.\n"));
    assert!(setup.gearadmin(&["--workers"]).contains(" 127.0.0.1 - :"));
    setup.gearadmin(&["--create-function", "other"]);
    setup.gearadmin(&["--drop-function", "other"]);
    assert!(!setup.gearadmin(&["--status"]).contains("other"));
}

#[test]
fn a_c_worker_over_libgearman_serves_jobs() {
    if !Path::new("/usr/include/libgearman/gearman.h").exists() {
        eprintln!("not run: libgearman-dev is not installed (Debian: apt-get install gcc libgearman-dev)");
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let program = directory.path().join("worker");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../bench/c/worker.c");
    let compiled = Command::new("cc").arg("-o").arg(&program).arg(source).arg("-lgearman").output().unwrap();
    assert!(compiled.status.success(), "{compiled:?}");

    let mut setup = Setup::new();
    for _ in 0..3 {
        let mut worker = Command::new(&program);
        worker.args(["127.0.0.1", &setup.server.address().port().to_string(), "echo"]);
        setup.background(worker);
    }
    setup.wait_for_row("echo\t0\t0\t3");
    let large = "0123456789abcdef".repeat(1 << 16);
    assert_eq!(said(&setup.gearman(&["-f", "echo"], &large)), large);

    let server = ServerList::parse(&setup.server.address().to_string()).unwrap();
    let mut client = Client::new(server).timeout(PATIENCE);
    for number in 0..200 {
        assert_eq!(client.run("echo", number.to_string()).unwrap(), number.to_string().into_bytes());
    }
}
