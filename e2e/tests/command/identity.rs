//! `--user` and `--group`.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use e2e::{Console, descendants};
use gearman_testkit::{Gearmand, free_port};
use nix::sys::signal::Signal;
use nix::unistd::{User, geteuid};

use crate::support::{Daemon, ECHO, client, farm, pid_in};

/// The user of the tests, where there is one and this is root.
fn nobody() -> Option<User> {
    if !geteuid().is_root() {
        eprintln!("skipped: only root can run a driver as another user");
        return None;
    }
    let nobody = User::from_name("nobody").unwrap();
    if nobody.is_none() {
        eprintln!("skipped: this machine has no user `nobody`");
    }
    nobody
}

/// Real, effective, saved and file-system ID, as /proc shows them.
fn ids(pid: u32, what: &str) -> Vec<u32> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(what)).unwrap();
    line.split_whitespace().map(|id| id.parse().unwrap()).collect()
}

#[test]
fn root_becomes_nobody_and_so_are_host_and_workers() {
    let Some(nobody) = nobody() else { return };
    let server = Gearmand::start();
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), Permissions::from_mode(0o755)).unwrap();
    // The log's directory is the user's; that of the pidfile is not.
    let logs = dir.path().join("logs");
    fs::create_dir(&logs).unwrap();
    fs::set_permissions(&logs, Permissions::from_mode(0o777)).unwrap();
    let (pidfile, port) = (dir.path().join("d.pid"), free_port());
    let mut started = farm(&server)
        .bare()
        .args(&format!("--daemonize --user nobody --pidfile {} --interval 0", pidfile.display()))
        .args(&format!("--server {} --console-port {port}", server.address()))
        .args(&format!("--logfile {}", logs.join("d.log").display()))
        .env("XDG_RUNTIME_DIR", "")
        .start_unwatched();
    assert!(started.wait_exit().success(), "{}", started.stderr());
    let daemon = Daemon { pid: pid_in(&pidfile).unwrap() };
    // A host that could not open the scoreboard would not be ready, and a worker would not answer.
    assert_eq!(client(&server).run(ECHO, b"hello").unwrap(), b"hello");
    assert_ne!(Console::connect(port).unwrap().row(ECHO).last_run, "1970-01-01T00:00:00");
    let processes: Vec<u32> = descendants(daemon.pid).iter().map(|process| process.pid).chain([daemon.pid]).collect();
    assert!(processes.len() >= 3);
    for pid in processes {
        assert_eq!(ids(pid, "Uid:"), [nobody.uid.as_raw(); 4], "{pid}");
        assert_eq!(ids(pid, "Gid:"), [nobody.gid.as_raw(); 4], "{pid}");
        assert!(!ids(pid, "Groups:").contains(&0), "{pid}");
        let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        let environment = String::from_utf8_lossy(&environment);
        // The supervisor's own area still holds what it was started with, and titles lie over others'.
        assert!(pid == daemon.pid || !environment.contains("\0HOME=/root\0"), "{environment:?}");
    }
    assert_eq!(fs::metadata(logs.join("d.log")).unwrap().uid(), nobody.uid.as_raw());

    // The log can be opened anew.
    fs::rename(logs.join("d.log"), logs.join("d.log.1")).unwrap();
    daemon.signal(Signal::SIGUSR1);
    started.wait("a new log", || fs::read_to_string(logs.join("d.log")).ok().filter(|log| log.contains("opened anew")));

    daemon.signal(Signal::SIGTERM);
    started.wait("the daemon ends", || (!e2e::is_alive(daemon.pid)).then_some(()));
    // The user may not remove root's file there: it is emptied.
    assert_eq!(fs::read_to_string(&pidfile).unwrap(), "");
}

#[test]
fn a_group_alone_is_changed_too() {
    let Some(nobody) = nobody() else { return };
    let server = Gearmand::start();
    let farm = farm(&server).args(&format!("--group {} --interval 0", nobody.gid)).start();
    assert_eq!(client(&server).run(ECHO, b"hello").unwrap(), b"hello");
    for pid in farm.processes().iter().map(|process| process.pid).chain([farm.pid()]) {
        assert_eq!(ids(pid, "Uid:"), [0; 4], "{pid}");
        assert_eq!(ids(pid, "Gid:"), [nobody.gid.as_raw(); 4], "{pid}");
        assert_eq!(ids(pid, "Groups:"), [nobody.gid.as_raw()], "{pid}");
    }
}

#[test]
fn others_than_root_are_refused() {
    let Some(nobody) = nobody() else { return };
    use std::os::unix::process::CommandExt;
    let output = std::process::Command::new("/proc/self/exe")
        .args(["--exact", "identity::refused_as_nobody", "--include-ignored", "--nocapture"])
        .uid(nobody.uid.as_raw())
        .gid(nobody.gid.as_raw())
        .output();
    // The test binary may lie where nobody may not look.
    let Ok(output) = output else { return eprintln!("skipped: `nobody` can't execute the test") };
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    if text.contains("no access") {
        return eprintln!("skipped: `nobody` can't execute the farm");
    }
    assert!(text.contains("only root can run as another user, and this process has UID"), "{text}");
}

#[test]
#[ignore = "run by others_than_root_are_refused, as another user"]
fn refused_as_nobody() {
    match std::process::Command::new(crate::support::program()).args(["--user", "root", "--logfile", "-"]).output() {
        Ok(output) => eprintln!("{}", String::from_utf8_lossy(&output.stderr)),
        Err(error) => eprintln!("no access: {error}"),
    }
}
