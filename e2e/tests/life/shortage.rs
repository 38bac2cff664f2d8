//! A machine that has no processes left, or no memory.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use gearman_testkit::{Gearmand, eventually_or, free_port};
use nix::sys::signal::Signal;
use nix::unistd::{User, geteuid};

use crate::support::{self, Notes, Usage, client, everybody, job, prlimit, registered, run, scale, signal, timed};

/// Processes of a user that has no others, which take places from the driver's.
struct Sleepers(Vec<Child>);

impl Sleepers {
    fn of(user: &User, count: usize) -> Self {
        let sleeper = || {
            let mut command = Command::new("sleep");
            command.arg("600").uid(user.uid.as_raw()).gid(user.gid.as_raw());
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
        };
        Self((0..count).map(|_| sleeper()).collect())
    }
}

impl Drop for Sleepers {
    fn drop(&mut self) {
        for sleeper in &mut self.0 {
            let _ = sleeper.kill();
            let _ = sleeper.wait();
        }
    }
}

/// Processes and threads that run as that user.
fn tasks_of(user: &User) -> usize {
    let all = fs::read_dir("/proc").unwrap().flatten();
    let statuses = all.filter_map(|process| fs::read_to_string(process.path().join("status")).ok());
    let value = |status: &str, name: &str| {
        status.lines().find_map(|line| line.strip_prefix(name)?.split_whitespace().next()?.parse::<usize>().ok())
    };
    statuses
        .filter(|status| value(status, "Uid:") == Some(user.uid.as_raw() as usize))
        .filter_map(|status| value(&status, "Threads:"))
        .sum()
}

#[test]
fn without_processes_it_serves_with_those_that_it_has_and_with_some_all_are_there_again() {
    let user = ["games", "news", "uucp", "lp"].iter().find_map(|name| User::from_name(name).unwrap());
    let user = user.filter(|_| geteuid().is_root()).expect(
        "this test lets a driver run as a user that has no other processes (games, news, uucp or lp), which takes root: \
         the kernel counts the processes of a user, and root's without a limit",
    );
    let (server, notes, port) = (Gearmand::start(), Notes::new(), free_port());
    fs::set_permissions(notes.path(), Permissions::from_mode(0o777)).unwrap();
    let log = notes.path().join("d.log");
    let others = tasks_of(&user);
    assert_eq!(others, 0, "somebody else runs as {}", user.name);
    let sleepers = Sleepers::of(&user, 12);
    let mut farm = support::farm(&server.address(), &notes, "--state-dir off")
        .bare()
        .under(&["prlimit", "--nproc=24"])
        .args(&format!("--user {} --server {}", user.name, server.address()))
        .args(&format!("--console-port {port} --logfile {}", log.display()))
        .console_port(port)
        .env("XDG_RUNTIME_DIR", "")
        .start();
    let logged = || fs::read_to_string(&log).unwrap_or_default();
    let wait_log = |text: &str| {
        let line = || logged().lines().find(|line| line.contains(text)).map(str::to_owned);
        eventually_or(&format!("the log says {text:?}"), support::PATIENCE, line, logged)
    };
    scale(&farm, &server, "gate", 1);
    let held = run(&server.address(), "gate", "held");
    notes.wait_begun(&farm, 1);
    let asked = Instant::now();
    assert_eq!(farm.console().ask(&format!("set_processes {} 15 15", job("note"))), ["OK"]);
    let line = wait_log("Could not start a process");
    println!("{line}");
    assert!(
        line.contains("fork failed: ") && line.contains("`ulimit -u` is 24") && line.contains("TasksMax="),
        "{line}"
    );
    let _ = wait_log("can't be started, 3 times in a row");

    let row = farm.console().row(&job("note"));
    assert!((3..15).contains(&row.processes), "{row:?}");
    assert!(row.message.unwrap().starts_with("failing: its processes can't be started, "));
    // One that dies meanwhile is replaced: its place is free.
    let all = everybody(&farm);
    let usage = Usage::of(&all);
    let mut client = client(&server.address());
    while usage.wall() < Duration::from_secs(2) {
        assert_eq!(client.run(&job("note"), "id 0").unwrap(), b"id");
        thread::sleep(Duration::from_millis(50));
    }
    let (used, wall) = usage.so_far();
    let errors = logged().matches("Could not start a process").count();
    println!(
        "{} of 15 processes; {errors} errors in {:?}; {used:?} of CPU in {wall:?}",
        row.processes,
        asked.elapsed()
    );
    assert!(used < wall / 5, "{used:?} of CPU in {wall:?}");
    // At once twice, then after 1, 2, 4, .. s.
    assert!(errors <= 3 + asked.elapsed().as_secs() as usize, "{errors} errors: {}", logged());

    drop(sleepers);
    let ((), took) = timed(|| farm.wait("all are there", || (registered(&server, "note").len() == 15).then_some(())));
    println!("all are there {took:?} after there was room");
    farm.wait("and that is told", || farm.console().row(&job("note")).message.is_none().then_some(()));
    notes.open("held");
    assert_eq!(held.join().unwrap().unwrap(), "held");
    farm.signal(Signal::SIGTERM);
    assert!(farm.wait_exit().success(), "{}", logged());
}

/// What the host may have is all that it has: a copy of it can be made, and then asks for more.
#[test]
fn without_memory_for_new_processes_those_that_are_there_serve_and_with_it_all_are_there_again() {
    let (server, notes) = (Gearmand::start(), Notes::new());
    let farm = support::farm(&server.address(), &notes, "").start();
    let first = scale(&farm, &server, "note", 2);
    let status = fs::read_to_string(format!("/proc/{}/status", farm.host())).unwrap();
    let size = status.lines().find_map(|line| line.strip_prefix("VmSize:")?.split_whitespace().next()).unwrap();
    let bytes = size.parse::<u64>().unwrap() * 1024;
    prlimit(farm.host(), &format!("--as={bytes}:"));
    assert_eq!(farm.console().ask(&format!("set_processes {} 4 4", job("note"))), ["OK"]);
    let line = farm.wait_log("Cannot allocate memory");
    println!("{line}");
    assert!(line.contains("ERROR") && line.contains(&job("note")), "{line}");
    let _ = farm.wait_log("end as soon as they start, 2 times in a row");
    assert_eq!(client(&server.address()).run(&job("note"), "id 0").unwrap(), b"id");
    assert!(first.iter().all(|pid| farm.console().pids(&job("note")).contains(pid)), "{}", farm.state());
    prlimit(farm.host(), "--as=unlimited:");
    farm.wait("all are there", || (registered(&server, "note").len() == 4).then_some(()));
    farm.wait("and that is told", || farm.console().row(&job("note")).message.is_none().then_some(()));
}

/// The kernel kills what takes memory away from others, from outside and without a word. The driver can't tell why.
#[test]
fn a_process_that_is_killed_with_a_job_is_replaced_and_the_job_is_counted_and_given_up_after_three() {
    let (server, notes) = (Gearmand::start(), Notes::new());
    let farm = support::farm(&server.address(), &notes, "").start();
    scale(&farm, &server, "gate", 1);
    let answer = run(&server.address(), "gate", "big");
    for death in 1..=3 {
        let begun = notes.wait_begun(&farm, death);
        signal(begun[death - 1].1, Signal::SIGKILL);
        let told = if death < 3 { format!("was at work: death {death} of 3") } else { "Poison job: ".to_owned() };
        let _ = farm.wait_log(&told);
    }
    let told = format!("{:?}", answer.join().unwrap().unwrap_err());
    assert!(told.contains("it has taken down 3 processes (the last one ended by signal 9)"), "{told}");
    farm.wait("the next one serves", || (registered(&server, "gate").len() == 1).then_some(()));
    let other = run(&server.address(), "gate", "small");
    notes.open("small");
    assert_eq!(other.join().unwrap().unwrap(), "small");
}
