//! A disk that is full: what is written there is lost or refused, whole, and told; jobs don't feel it.
//!
//! The disk is a small tmpfs in a mount namespace of the driver's own, so it is gone when the driver is, however that ends.

use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;
use std::process::Command;

use e2e::{Farm, FarmBuilder};
use gearman_testkit::{Gearmand, free_port};
use nix::unistd::geteuid;

use crate::support::{self, Notes, client, job, registered, run, scale};

/// The folder `disk` in the driver's is a tmpfs of 128 KiB with few inodes; `script` is run before the driver starts.
fn with_a_small_disk(builder: FarmBuilder, script: &str) -> FarmBuilder {
    let unshare: &[&str] =
        if geteuid().is_root() { &["unshare", "--mount"] } else { &["unshare", "--map-root-user", "--mount"] };
    let may = Command::new(unshare[0]).args(&unshare[1..]).arg("true").output();
    assert!(
        may.as_ref().is_ok_and(|output| output.status.success()),
        "this test mounts a tmpfs in a mount namespace: that takes root with CAP_SYS_ADMIN (in a container: \
         --cap-add SYS_ADMIN), or a kernel that lets users have namespaces of their own: {may:?}"
    );
    let mount = "mkdir disk && mount -t tmpfs -o size=128k,nr_inodes=24 none disk && cp config.toml disk";
    builder.file("config.toml", CONFIG).under(unshare).under(&["sh", "-c", &format!("{mount} && {script}")])
}

const CONFIG: &str = "# ours\ninterval = 0\n";
const START: &str = r#"exec "$0" "$@""#;

/// The disk as the driver sees it, and what fills it up.
struct Disk {
    root: PathBuf,
}

impl Disk {
    fn of(farm: &Farm) -> Self {
        let inside = farm.dir().join("disk");
        let root = PathBuf::from(format!("/proc/{}/root", farm.pid())).join(inside.strip_prefix("/").unwrap());
        Self { root }
    }

    fn read(&self, name: &str) -> String {
        String::from_utf8_lossy(&fs::read(self.root.join(name)).unwrap_or_default()).into_owned()
    }

    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> =
            fs::read_dir(&self.root).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// Takes all room that there is.
    fn fill(&self) {
        let mut ballast = File::options().append(true).create(true).open(self.root.join("ballast")).unwrap();
        for bytes in [4096, 1] {
            while ballast.write_all(&vec![b'.'; bytes]).is_ok() {}
        }
    }

    /// Takes all inodes that there are.
    fn use_up_inodes(&self) {
        let mut number = 0;
        while File::create(self.root.join(format!("ballast{number}"))).is_ok() {
            number += 1;
        }
    }

    fn make_room(&self) {
        for name in self.names().iter().filter(|name| name.starts_with("ballast")) {
            fs::remove_file(self.root.join(name)).unwrap();
        }
    }
}

/// Ends processes of `echo`, which makes lines in the log, until something holds.
fn replace_until(farm: &Farm, what: &str, mut holds: impl FnMut() -> bool) {
    let name = job("echo");
    farm.wait(what, || {
        let [pid] = farm.console().pids(&name)[..] else { return None };
        assert_eq!(farm.console().ask(&format!("kill_now {pid}")), ["OK"]);
        farm.wait("it is replaced", || (!farm.console().pids(&name).contains(&pid)).then_some(()));
        holds().then_some(())
    });
}

#[test]
fn lines_of_the_log_are_lost_and_counted_and_it_goes_on_when_there_is_room() {
    let (server, notes, port) = (Gearmand::start(), Notes::new(), free_port());
    let builder = support::farm(&server.address(), &notes, "--logfile disk/own.log").bare().console_port(port);
    let farm =
        with_a_small_disk(builder, START).args(&format!("--server {} --console-port {port}", server.address())).start();
    let disk = Disk::of(&farm);
    disk.fill();
    let told = || farm.stderr().matches("disk/own.log can't be written: No space left on device").count();
    replace_until(&farm, "it is told on standard error", || told() > 0);

    // The driver goes on, and that is all that is said.
    let (mut client, stderr) = (client(&server.address()), farm.stderr());
    for _ in 0..20 {
        assert_eq!(client.run(&job("echo"), "hello").unwrap(), b"hello");
    }
    replace_until(&farm, "once more", || true);
    assert_eq!((told(), farm.stderr()), (1, stderr));

    disk.make_room();
    replace_until(&farm, "the log goes on", || disk.read("own.log").contains("were lost here"));
    let log = disk.read("own.log");
    let warning = log.lines().find(|line| line.contains("were lost here")).unwrap();
    assert!(warning.contains("WARN") && warning.contains("No space left on device"), "{warning}");
    let lost: u32 = warning.split("WARN ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
    println!("{warning}");
    assert!(lost >= 3, "{warning}");
    assert!(log.lines().all(|line| line.starts_with('[')), "a line that was cut runs into the next one: {log}");
    assert_eq!(log.matches("were lost here").count(), 1, "{log}");
}

#[test]
fn save_leaves_the_config_file_whole_and_deaths_are_kept_when_there_is_room() {
    let (server, notes) = (Gearmand::start(), Notes::new());
    let builder = support::farm(
        &server.address(),
        &notes,
        "--configfile disk/config.toml --state-dir disk/state --poison-limit 100",
    );
    let farm = with_a_small_disk(builder, START).start();
    let disk = Disk::of(&farm);
    scale(&farm, &server, "fall", 1);
    disk.fill();
    let names = disk.names();
    let answer = farm.console().ask("save").join("\n");
    assert!(answer.starts_with("ERR ") && answer.contains("config.toml can't be written: No space left"), "{answer}");
    assert_eq!(
        (disk.read("config.toml"), disk.names()),
        (CONFIG.to_owned(), names),
        "as before, and nothing beside it"
    );

    // A job that takes down one process after the other: each death is counted all the same.
    let answer = run(&server.address(), "fall", "a");
    let _ = farm.wait_log("was at work: death 2 of 100");
    let told = || farm.log().matches("the deaths of jobs can't be kept in disk/state: No space left").count();
    assert_eq!(told(), 1, "{}", farm.log());
    assert_eq!(disk.read("state/suspects.json"), "");

    disk.make_room();
    farm.wait("the deaths are kept", || disk.read("state/suspects.json").contains("\"deaths\":").then_some(()));
    fs::write(notes.path().join("mended"), "").unwrap();
    assert_eq!(answer.join().unwrap().unwrap(), "a");
    assert_eq!(farm.console().ask("save"), ["OK"]);
    let saved = disk.read("config.toml");
    assert!(saved.starts_with(CONFIG) && saved.contains(&job("fall")), "{saved}");
    assert_eq!(told(), 1, "{}", farm.log());
}

#[test]
fn without_room_for_fifos_no_process_is_started_and_with_it_they_are_there_again() {
    let (server, notes) = (Gearmand::start(), Notes::new());
    let script = format!(r#"export XDG_RUNTIME_DIR="$PWD/disk" && {START}"#);
    let farm = with_a_small_disk(support::farm(&server.address(), &notes, ""), &script).start();
    let disk = Disk::of(&farm);
    scale(&farm, &server, "note", 1);
    disk.use_up_inodes();
    assert_eq!(farm.console().ask(&format!("set_processes {} 5 5", job("note"))), ["OK"]);
    let line = farm.wait_log("Could not start a process");
    assert!(line.contains("disk/gearman-driver-") && line.contains("No space left on device"), "{line}");
    let _ = farm.wait_log("can't be started, 2 times in a row");
    assert_eq!(client(&server.address()).run(&job("note"), "id 0").unwrap(), b"id");
    disk.make_room();
    farm.wait("all are there", || (registered(&server, "note").len() == 5).then_some(()));
    let left = disk.names().into_iter().filter(|name| name.contains("ballast")).count();
    assert_eq!(left, 0);
}

#[test]
fn a_driver_that_cannot_write_its_pidfile_says_so_and_leaves_none() {
    let server = Gearmand::start();
    let fill = "{ head -c 200000 /dev/zero >disk/ballast; } 2>/dev/null";
    // The shell stays, to look at the disk.
    let script = format!(r#"{{ {fill}; "$0" "$@"; code=$?; ls disk >left; exit $code; }}"#);
    let notes = Notes::new();
    let builder = support::farm(&server.address(), &notes, "--pidfile disk/d.pid");
    let mut farm = with_a_small_disk(builder, &script).start_unwatched();
    assert_eq!(farm.wait_exit().code(), Some(1), "{}", farm.state());
    let told = "the pidfile disk/d.pid can't be written: No space left on device";
    assert!(farm.stderr().contains(told), "{}", farm.stderr());
    assert_eq!(farm.file("left"), "ballast\nconfig.toml\n");
}

/// A limit of the size of files is a full disk too, and the kernel's signal for it would end the driver.
#[test]
fn a_log_as_large_as_files_may_be_ends_nobody() {
    let (server, notes) = (Gearmand::start(), Notes::new());
    // The scoreboard is a file to the kernel, of 128 MiB and a bit.
    let large = 200 << 20;
    let limit = format!("--fsize={large}");
    let farm = support::farm(&server.address(), &notes, "").under(&["prlimit", &limit]).start();
    File::options().write(true).open(farm.dir().join("driver.log")).unwrap().set_len(large).unwrap();
    replace_until(&farm, "it is told", || farm.stderr().contains("driver.log can't be written: File too large"));
    assert_eq!(client(&server.address()).run(&job("echo"), "hello").unwrap(), b"hello");
    // What is rotated away by copying leaves room.
    File::options().write(true).open(farm.dir().join("driver.log")).unwrap().set_len(0).unwrap();
    replace_until(&farm, "the log goes on", || farm.log().contains("were lost here: File too large"));
    assert_eq!(farm.stderr().lines().count(), 1, "{}", farm.stderr());

    let mut refused =
        support::farm(&server.address(), &notes, "").under(&["prlimit", "--fsize=1000000"]).start_unwatched();
    assert_eq!(refused.wait_exit().code(), Some(1), "{}", refused.state());
    let stderr = refused.stderr();
    assert!(
        stderr.contains("the scoreboard can't be set up: File too large") && stderr.contains("ulimit -f"),
        "{stderr}"
    );
}
