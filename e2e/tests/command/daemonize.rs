//! `--daemonize`.

use std::fs;
use std::time::Instant;

use e2e::{Console, is_alive};
use gearman_testkit::Gearmand;
use nix::sys::signal::Signal;
use nix::unistd::{Pid, getsid};

use crate::support::{Daemon, ECHO, client, farm, pid_in, program};

#[test]
fn the_caller_exits_when_the_driver_is_ready_and_term_ends_the_daemon() {
    let server = Gearmand::start();
    let mut farm = farm(&server).args("--daemonize --pidfile d.pid --interval 0").start_unwatched();
    let pidfile = farm.dir().join("d.pid");
    let caller = farm.pid();
    assert!(farm.wait_exit().success(), "{}", farm.state());
    let daemon = Daemon { pid: pid_in(&pidfile).unwrap() };
    // At once: the caller has waited. The minimum is ordered, so the console shows it in a moment.
    let mut console = Console::connect(farm.console_port()).unwrap();
    assert_eq!(console.row(ECHO).min, 1);
    assert_eq!(client(&server).run(ECHO, b"hello").unwrap(), b"hello");
    assert_eq!((farm.stderr(), caller == daemon.pid), (String::new(), false));

    // In a session of its own, which it does not lead, away from the terminal, where it was started.
    let session = |pid: u32| getsid(Some(Pid::from_raw(i32::try_from(pid).unwrap()))).unwrap();
    assert_ne!(session(daemon.pid), getsid(None).unwrap());
    assert_ne!(session(daemon.pid).as_raw().unsigned_abs(), daemon.pid);
    let link = |name: &str| fs::read_link(format!("/proc/{}/{name}", daemon.pid)).unwrap();
    for stdio in ["fd/0", "fd/1", "fd/2"] {
        assert_eq!(link(stdio).to_str(), Some("/dev/null"), "{stdio}");
    }
    assert_eq!(link("cwd"), farm.dir().canonicalize().unwrap());

    daemon.signal(Signal::SIGTERM);
    farm.wait("the daemon ends", || (!is_alive(daemon.pid)).then_some(()));
    assert!(!pidfile.exists());
    assert!(farm.log().contains("Process started"), "{}", farm.log());
}

#[test]
fn it_detaches_also_where_its_parent_ignores_the_ends_of_children() {
    let server = Gearmand::start();
    let mut farm = farm(&server)
        .under(&["env", "--ignore-signal=CHLD", "--block-signal=CHLD"])
        .args("--daemonize --pidfile d.pid --interval 0")
        .start_unwatched();
    assert!(farm.wait_exit().success(), "{}", farm.state());
    let daemon = Daemon { pid: pid_in(&farm.dir().join("d.pid")).unwrap() };
    assert_eq!(client(&server).run(ECHO, b"hello").unwrap(), b"hello");
    daemon.signal(Signal::SIGTERM);
    farm.wait("the daemon ends", || (!is_alive(daemon.pid)).then_some(()));
}

#[test]
fn a_driver_that_cannot_start_is_told_on_the_callers_stderr() {
    let server = Gearmand::start();
    // The console's port is taken.
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let mut failed = farm(&server)
        .bare()
        .args(&format!("--daemonize --pidfile d.pid --logfile d.log --server {}", server.address()))
        .args(&format!("--console-port {port}"))
        .start_unwatched();
    assert_eq!(failed.wait_exit().code(), Some(1));
    let stderr = failed.stderr();
    assert!(stderr.starts_with(&format!("farm: the console can't listen on 127.0.0.1:{port}: ")), "{stderr}");
    // The caller may be gone a moment before the daemon is.
    failed.wait("the pidfile goes", || (!failed.dir().join("d.pid").exists()).then_some(()));
}

#[test]
fn worker_code_that_does_not_load_is_told_too() {
    let server = Gearmand::start();
    let mut failed = farm(&server).args("--daemonize --namespaces no::such").start_unwatched();
    assert_eq!(failed.wait_exit().code(), Some(1), "{}", failed.state());
    let stderr = failed.stderr();
    assert!(stderr.starts_with("farm: ") && stderr.contains("no::such"), "{stderr}");
}

#[test]
fn what_cannot_be_is_refused_before_anything_is_forked() {
    let started = Instant::now();
    let refused = |arguments: &[&str]| {
        let output = std::process::Command::new(program()).args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8(output.stderr).unwrap()
    };
    assert_eq!(
        refused(&["--daemonize", "--logfile", "-"]),
        "farm: --daemonize and --logfile - exclude each other, since a daemon has no standard error: name a log file, \
         on the command line\n"
    );
    assert!(refused(&["--user", "no-such-user"]).starts_with("farm: user: there is no user `no-such-user`"));
    assert!(started.elapsed() < e2e::PATIENCE);
}

#[test]
fn int_to_the_waiting_caller_ends_the_daemon() {
    let server = Gearmand::start();
    // A pause before its constructor returns: the caller waits meanwhile.
    let gate = tempfile::tempdir().unwrap();
    let mut farm = farm(&server)
        .args("--daemonize --pidfile d.pid --interval 0")
        .env("FARM_SLOW_START", gate.path().join("gate").display().to_string())
        .start_unwatched();
    let pidfile = farm.dir().join("d.pid");
    let daemon = Daemon { pid: farm.wait("the pidfile is there", || pid_in(&pidfile)) };
    // Not before the supervisor listens to signals: then its host is there.
    farm.wait("the host loads", || e2e::descendants(daemon.pid).first().map(|_| ()));
    farm.signal(Signal::SIGINT);
    assert_eq!(farm.wait_exit().code(), Some(1), "{}", farm.state());
    assert_eq!(farm.stderr(), "farm: the driver was shut down before it was ready\n");
    farm.wait("the daemon ends", || (!is_alive(daemon.pid)).then_some(()));
    assert!(!pidfile.exists());
}
