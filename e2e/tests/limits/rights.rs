//! Fewer rights for a job: `user`, `group`, `rlimits`, `nice`, `env_keep`, `env`, `no_new_privs`.
//!
//! A driver that becomes other users is root's: run by somebody else, those tests look whether it is refused, and say so.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use e2e::{Farm, FarmBuilder, is_alive};
use gearman_testkit::Gearmand;
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, User, geteuid};

use super::{Notes, farm, function, run, start};

/// What a driver needs that is not root.
const CAPABILITIES: &str = "+setuid,+setgid,+kill";

/// Whether such a driver can be started. Where it can't, since this is not root, it is to be refused.
fn can_run(server: &Gearmand, notes: &Notes, config: &str) -> bool {
    if geteuid().is_root() {
        return true;
    }
    eprintln!(
        "not root: that a driver without rights is refused is all that is tested here; run it as root for the rest"
    );
    let said = refused(rights(server, notes, config));
    assert!(said.contains(&format!("this driver runs as uid {} and may not ", geteuid())), "{said}");
    false
}

fn user(name: &str) -> User {
    let found = User::from_name(name).unwrap();
    found.unwrap_or_else(|| panic!("this test needs the user {name:?}, which every Debian has"))
}

/// A driver of the `Rights` jobs, with such a config file.
fn rights(server: &Gearmand, notes: &Notes, config: &str) -> FarmBuilder {
    // Whoever a job runs as, it may note what it does.
    fs::set_permissions(notes.0.path(), Permissions::from_mode(0o777)).unwrap();
    farm(&server.address(), notes)
        .args("--namespaces limits_farm::workers::Rights --namespaces limits_farm::workers::RightsAsync")
        .args("--configfile rights.toml")
        .file("rights.toml", config)
}

/// The table of one job.
fn table(job: &str, attributes: &str) -> String {
    format!("[job_runtime_attributes.\"{}\"]\n{attributes}\n", function(job))
}

/// What a job has seen.
struct Seen(String);

impl Seen {
    fn by(server: &Gearmand, job: &str) -> Self {
        Self(run(&server.address(), job, "").unwrap())
    }

    /// The lines of a kind, of `own` or `shell`, split once.
    fn of(&self, who: &str, kind: &str, at: char) -> BTreeMap<String, String> {
        let prefix = format!("{who} {kind} ");
        let lines = self.0.lines().filter_map(|line| line.strip_prefix(&prefix)?.split_once(at));
        lines.map(|(name, value)| (name.to_owned(), value.split_whitespace().collect::<Vec<_>>().join(" "))).collect()
    }

    fn status(&self, who: &str, name: &str) -> String {
        self.of(who, "STATUS", ':')[name].clone()
    }

    fn environment(&self, who: &str) -> BTreeMap<String, String> {
        let mut variables = self.of(who, "ENV", '=');
        // A shell's own.
        variables.retain(|name, _| !["PWD", "OLDPWD", "SHLVL", "_"].contains(&name.as_str()));
        variables
    }

    /// Soft and hard limit.
    fn limit(&self, who: &str, name: &str) -> String {
        let line = self.0.lines().find_map(|line| line.strip_prefix(&format!("{who} LIMIT {name}"))).unwrap();
        line.split_whitespace().take(2).collect::<Vec<_>>().join(" ")
    }

    fn nice(&self, who: &str) -> String {
        let line = self.0.lines().find_map(|line| line.strip_prefix(&format!("{who} STAT "))).unwrap();
        // The 19th in proc(5); the line begins with the third.
        line.split_whitespace().nth(16).unwrap().to_owned()
    }
}

fn four(id: impl std::fmt::Display) -> String {
    format!("{id} {id} {id} {id}")
}

fn said(lines: &[&str]) -> BTreeMap<String, String> {
    lines.iter().map(|line| line.split_once('=').unwrap()).map(|(a, b)| (a.to_owned(), b.to_owned())).collect()
}

/// Starts a driver that must not start; what it says.
fn refused(builder: FarmBuilder) -> String {
    let mut farm = builder.start_unwatched();
    let status = farm.wait_exit();
    assert_eq!(status.code(), Some(1), "{}", farm.state());
    assert_eq!(farm.stderr().lines().count(), 1, "{}", farm.state());
    farm.stderr()
}

fn pid(pid: u32) -> Pid {
    Pid::from_raw(pid.try_into().unwrap())
}

#[test]
fn a_job_and_what_it_starts_have_the_rights_that_are_left_to_it() {
    let (gearmand, notes) = (Gearmand::start(), Notes::new());
    let attributes = "user = 'daemon'\nnice = 7\nno_new_privs = true\nenv_keep = ['LIMITS_NOTES', 'PATH', 'HOME', 'NO_SUCH']\n\
                      env = { GREETING = 'hello', SHELL = '/bin/other', N = 1 }\n\
                      rlimits = { nofile = [60, 70], fsize = '1MB', cpu = 1000 }";
    let config = table("Rights::fewer", attributes) + &table("RightsAsync::fewer", attributes);
    if !can_run(&gearmand, &notes, &config) {
        return;
    }
    let farm = rights(&gearmand, &notes, &config).env("SECRET", "of the driver").start();
    let daemon = user("daemon");
    let (seen, asynchronous) = (Seen::by(&gearmand, "Rights::fewer"), Seen::by(&gearmand, "RightsAsync::fewer"));
    for (seen, who) in [(&seen, "own"), (&seen, "shell"), (&asynchronous, "own"), (&asynchronous, "shell")] {
        assert_eq!(seen.status(who, "Uid"), four(daemon.uid), "{}", seen.0);
        assert_eq!(seen.status(who, "Gid"), four(daemon.gid), "{}", seen.0);
        assert_eq!(seen.status(who, "Groups"), daemon.gid.to_string(), "{}", seen.0);
        for capabilities in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
            assert_eq!(seen.status(who, capabilities), "0000000000000000", "{}", seen.0);
        }
        assert_eq!(seen.status(who, "NoNewPrivs"), "1");
        assert_eq!(seen.limit(who, "Max open files"), "60 70");
        assert_eq!(seen.limit(who, "Max file size"), "1000000 1000000");
        assert_eq!(seen.limit(who, "Max cpu time"), "1000 1000");
        assert_eq!(seen.nice(who), "7");
        let notes = format!("LIMITS_NOTES={}", notes.0.path().display());
        let path = format!("PATH={}", std::env::var("PATH").unwrap());
        let home = format!("HOME={}", daemon.dir.display());
        let left = ["GREETING=hello", &home, &notes, "LOGNAME=daemon", "N=1", &path, "SHELL=/bin/other", "USER=daemon"];
        assert_eq!(seen.environment(who), said(&left));
    }
    let line = farm.wait_log("opened by a shell");
    assert!(line.contains("STDERR: opened by a shell"), "{line}");

    // The job beside it is what the driver is.
    let all = Seen::by(&gearmand, "Rights::all");
    assert_eq!(all.status("own", "Uid"), four(0));
    assert_eq!((all.status("own", "NoNewPrivs").as_str(), all.nice("own").as_str()), ("0", "0"));
    assert_ne!(all.status("shell", "CapEff"), "0000000000000000");
    assert_eq!(all.environment("own")["SECRET"], "of the driver");
    assert!(!farm.log().contains("ERROR"), "{}", farm.log());
}

#[test]
fn numbers_and_groups_alone_are_enough() {
    let (gearmand, notes) = (Gearmand::start(), Notes::new());
    let config = table("Rights::fewer", "user = 64711\ngroup = 64712") + &table("Rights::all", "group = 'daemon'");
    if !can_run(&gearmand, &notes, &config) {
        return;
    }
    let _farm = rights(&gearmand, &notes, &config).start();
    let number = Seen::by(&gearmand, "Rights::fewer");
    assert_eq!(number.status("shell", "Uid"), four(64711));
    assert_eq!((number.status("own", "Gid"), number.status("own", "Groups")), (four(64712), "64712".to_owned()));
    let variables = number.environment("own");
    assert_eq!(variables["HOME"], "/", "nothing is known of it, but that root's home is not its own");
    assert!(["USER", "LOGNAME", "SHELL"].iter().all(|name| !variables.contains_key(*name)), "{variables:?}");
    let group = Seen::by(&gearmand, "Rights::all");
    let daemon = user("daemon").gid;
    assert_eq!((group.status("own", "Uid"), group.status("own", "Gid")), (four(0), four(daemon)));
    assert_eq!(group.status("own", "Groups"), daemon.to_string());
}

#[test]
fn an_unknown_user_is_refused_at_the_start() {
    let (gearmand, notes) = (Gearmand::start(), Notes::new());
    let said = refused(rights(&gearmand, &notes, &table("Rights::fewer", "user = 'no-such-one'")));
    let expected =
        "job \"limits_farm::workers::Rights::fewer\": there is no user \"no-such-one\" on this machine: add it, or";
    assert!(said.contains(expected), "{said}");
    let said = refused(rights(&gearmand, &notes, &table("Rights::fewer", "user = 64711")));
    assert!(said.contains("user 64711 has no entry on this machine"), "{said}");
    let said = refused(rights(&gearmand, &notes, &table("Rights::fewer", "rlimits.nofile = 4000000000")));
    assert!(said.contains("rlimits.nofile: 4000000000 is above the hard limit of this driver"), "{said}");
    let said = refused(rights(&gearmand, &notes, &table("Rights::fewer", "rlimits.as = '1MB'")));
    assert!(said.contains("rlimits.as: 1000000 bytes are fewer than the"), "{said}");
    assert!(gearmand.status().is_empty(), "nothing was registered: {:?}", gearmand.status());
}

#[test]
fn a_driver_that_may_not_is_refused_and_told_what_it_needs() {
    let (gearmand, notes) = (Gearmand::start(), Notes::new());
    let mine = || if geteuid().is_root() { user("nobody") } else { User::from_uid(geteuid()).unwrap().unwrap() };
    // As root this is tried with a driver of nobody's, else with one of our own.
    let refused = |attributes: &str| {
        let builder = rights(&gearmand, &notes, &table("Rights::fewer", attributes));
        refused(if geteuid().is_root() { builder.user(mine(), "") } else { builder })
    };
    let said = refused("user = 'root'");
    let expected = format!(
        "job \"limits_farm::workers::Rights::fewer\": user \"root\": this driver runs as uid {} and may not become another \
         user: start it as root (and without --user), or give it CAP_SETUID and CAP_SETGID",
        mine().uid
    );
    assert!(said.contains(&expected), "{said}");
    let said = refused("group = 'root'");
    assert!(said.contains("group \"root\": this driver runs as uid"), "{said}");
    let said = refused("nice = -5");
    assert!(said.contains("nice: -5 is a higher priority") && said.contains("CAP_SYS_NICE"), "{said}");
    let said = refused("rlimits.core = 'unlimited'\nrlimits.nofile = 'unlimited'");
    assert!(said.contains("CAP_SYS_RESOURCE"), "{said}");
    if geteuid().is_root() {
        // What it is already it may ask for, and lower what is its own.
        let config = table("Rights::fewer", "user = 'nobody'\nrlimits.nofile = [60, 70]\nno_new_privs = true");
        let _farm = rights(&gearmand, &notes, &config).user(mine(), "").start();
        let seen = Seen::by(&gearmand, "Rights::fewer");
        assert_eq!(
            (seen.status("own", "Uid"), seen.limit("own", "Max open files")),
            (four(mine().uid), "60 70".to_owned())
        );
    }
}

#[test]
fn a_driver_with_few_capabilities_hands_none_of_them_on() {
    let (gearmand, notes) = (Gearmand::start(), Notes::new());
    let config = table("Rights::fewer", "user = 'daemon'");
    if !can_run(&gearmand, &notes, &config) {
        return;
    }
    let driver = |capabilities| rights(&gearmand, &notes, &config).user(user("nobody"), capabilities);
    let said = refused(driver("+setuid,+setgid"));
    assert!(said.contains("may not signal another user's processes") && said.contains("give it CAP_KILL"), "{said}");

    let mut farm = driver(CAPABILITIES).start();
    let seen = Seen::by(&gearmand, "Rights::fewer");
    for who in ["own", "shell"] {
        assert_eq!(seen.status(who, "Uid"), four(user("daemon").uid), "{}", seen.0);
        for capabilities in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
            assert_eq!(seen.status(who, capabilities), "0000000000000000", "{}", seen.0);
        }
    }
    // It may not give the FIFOs away, and the shell has written to one all the same.
    let _ = farm.wait_log("STDERR: opened by a shell");
    let rows = farm.console().ask(&format!("ps {}", function("Rights::fewer")));
    assert_eq!(rows[0].split_whitespace().nth(5), Some("-"), "its memory is not this driver's to know: {rows:?}");
    let pids = farm.console().pids(&function("Rights::fewer"));
    assert_eq!(farm.console().ask(&format!("kill {}", pids[0])), ["OK"]);
    farm.wait("it has stopped", || (!is_alive(pids[0])).then_some(()));
    farm.signal(Signal::SIGTERM);
    assert!(farm.wait_exit().success(), "{}", farm.state());
}

#[test]
fn a_reload_changes_rights_or_is_refused_before_anything_is_stopped() {
    let (gearmand, notes) = (Gearmand::start(), Notes::new());
    let config = |nice: i32| table("Rights::fewer", &format!("nice = {nice}\nenv = {{ N = {nice} }}"));
    let farm = rights(&gearmand, &notes, &config(3)).start();
    let nice = || {
        let seen = Seen::by(&gearmand, "Rights::fewer");
        (seen.nice("own"), seen.environment("own")["N"].clone())
    };
    assert_eq!(nice(), ("3".to_owned(), "3".to_owned()));
    let before = farm.console().pids(&function("Rights::fewer"));

    fs::write(farm.dir().join("rights.toml"), table("Rights::fewer", "user = 'no-such-one'")).unwrap();
    let answer = farm.console().ask("reload");
    assert!(
        answer[0].starts_with("ERR reload_failed: ") && answer[0].contains("no user \"no-such-one\""),
        "{answer:?}"
    );
    assert_eq!(farm.console().pids(&function("Rights::fewer")), before);
    assert_eq!(nice(), ("3".to_owned(), "3".to_owned()));

    fs::write(farm.dir().join("rights.toml"), config(4)).unwrap();
    assert_eq!(farm.console().ask("reload"), ["OK"]);
    let _ = farm.wait_log("has taken over");
    farm.wait("the new priority", || (nice() == ("4".to_owned(), "4".to_owned())).then_some(()));
    // Bounds that are changed live are saved, and what else is said of the job stays.
    let job = function("Rights::fewer");
    assert_eq!(farm.console().ask(&format!("set_processes {job} 1 4")), ["OK"]);
    assert_eq!(farm.console().ask("save"), ["OK"]);
    let saved = farm.file("rights.toml");
    assert!(saved.starts_with(&config(4)) && saved.ends_with("min_processes = 1\nmax_processes = 4\n"), "{saved}");
}

#[test]
fn memory_is_measured_whoever_a_process_runs_as() {
    let (gearmand, notes) = (Gearmand::start(), Notes::new());
    let config = table("Rights::leak", "user = 'daemon'");
    if !can_run(&gearmand, &notes, &config) {
        return;
    }
    let farm = rights(&gearmand, &notes, &config).start();
    let leak = |bytes: &str| run(&gearmand.address(), "Rights::leak", bytes).unwrap();
    let first = leak("1000000");
    // It has its title; and the driver can measure it, too: the sixth column is a number.
    let title = farm.processes().into_iter().find(|process| process.pid.to_string() == first).unwrap().title;
    assert!(title.contains("[worker limits_farm::workers::Rights::leak]"), "{title}");
    let rows = farm.console().ask(&format!("ps {}", function("Rights::leak")));
    let columns: Vec<&str> = rows[0].split_whitespace().collect();
    assert!(columns[0] == first && columns[5].parse::<u32>().is_ok_and(|kib| kib > 900), "{rows:?}");
    farm.wait("another process", || (leak("5000000") != first).then_some(()));
    let told = farm.wait_log("max_memory: this process has grown by");
    assert!(told.contains(&format!("({first})")), "{told}");
}

/// Waits until a process has begun the job `wait`; its PID.
fn waiting(farm: &Farm, notes: &Notes) -> u32 {
    notes.wait(farm, "waits").parse().unwrap()
}

#[test]
fn a_process_of_another_user_finishes_its_job_when_the_driver_is_killed() {
    finishes_when_the_driver_is_killed(|driver| driver);
}

/// Of a driver that is not root, the kernel signals another user's process only in that user's name.
#[test]
fn so_does_that_of_a_driver_with_few_capabilities() {
    finishes_when_the_driver_is_killed(|driver| driver.user(user("nobody"), CAPABILITIES));
}

fn finishes_when_the_driver_is_killed(who: impl Fn(FarmBuilder) -> FarmBuilder) {
    let (gearmand, notes) = (Gearmand::start(), Notes::new());
    let config = table("Rights::wait", "user = 'daemon'");
    if !can_run(&gearmand, &notes, &config) {
        return;
    }
    let mut farm = who(rights(&gearmand, &notes, &config)).start();
    let job = start(&gearmand.address(), "Rights::wait", "gate");
    let worker = waiting(&farm, &notes);
    let _ = farm.wait_log("STDOUT: still waiting");
    let memory = fs::metadata(format!("/proc/{worker}/mem")).unwrap();
    assert_eq!(memory.uid(), 0, "its memory is not for other processes of its user: it was the driver's");
    farm.signal(Signal::SIGKILL);
    farm.wait_exit();
    // What it prints goes nowhere from then on: only so it neither fails nor blocks.
    farm.wait("its output goes to /dev/null", || {
        let target = fs::read_link(format!("/proc/{worker}/fd/1")).ok()?;
        (target.as_os_str() == "/dev/null").then_some(())
    });
    fs::write(notes.0.path().join("gate"), "").unwrap();
    assert_eq!(job.join().unwrap().unwrap(), user("daemon").uid.to_string());
    farm.wait("the process has ended", || (!is_alive(worker)).then_some(()));
}

#[test]
fn a_process_of_another_user_obeys_when_its_host_has_died() {
    let (gearmand, notes) = (Gearmand::start(), Notes::new());
    let config = table("Rights::wait", "user = 'daemon'");
    if !can_run(&gearmand, &notes, &config) {
        return;
    }
    let farm = rights(&gearmand, &notes, &config).start();
    let job = start(&gearmand.address(), "Rights::wait", "gate");
    let worker = waiting(&farm, &notes);
    kill(pid(farm.host()), Signal::SIGKILL).unwrap();
    let _ = farm.wait_log("The host ended with status");
    // Asked to stop, it finishes; killed, it is gone, and its job goes to another.
    assert_eq!(farm.console().ask(&format!("kill_now {worker}")), ["OK"]);
    farm.wait("it is gone", || (!is_alive(worker)).then_some(()));
    fs::write(notes.0.path().join("gate"), "").unwrap();
    assert_eq!(job.join().unwrap().unwrap(), user("daemon").uid.to_string());
    let next = farm.wait("the next one", || farm.console().pids(&function("Rights::wait")).first().copied());
    assert_ne!(next, worker);
    assert_eq!(farm.console().ask(&format!("kill {next}")), ["OK"]);
    farm.wait("it has stopped", || (!is_alive(next)).then_some(()));
}
