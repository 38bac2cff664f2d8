//! The supervisor is killed: jobs are finished and answered, then nothing is left.

use std::fs;
use std::thread;
use std::time::Duration;

use e2e::{ServerKind, inhabitants, is_alive, on_both_job_servers};
use gearman_testkit::Gearmand;
use nix::sys::signal::Signal;

use crate::support::{Notes, Usage, everybody, farm, registered, run, scale, signal, timed, wait_gone};

// Not on both, but with gearmand alone: a job's child knows no job server.
on_both_job_servers! {
    running_jobs_are_answered_then_no_process_is_left,
    a_job_that_prints_neither_fails_nor_blocks,
    supervisor_and_host_killed_together_leave_nothing,
    killed_while_processes_are_being_started_nothing_is_left,
}

fn running_jobs_are_answered_then_no_process_is_left(kind: ServerKind) {
    let (server, notes) = (kind.start(), Notes::new());
    let mut farm = farm(&server.address(), &notes, "").start();
    let echo = farm.console().pids(&crate::support::job("echo"));
    scale(&farm, &server, "gate", 3);
    let address = server.address();
    let jobs = [run(&address, "gate", "a"), run(&address, "gate", "b")];
    let busy: Vec<u32> = notes.wait_begun(&farm, 2).into_iter().map(|(_, pid)| pid).collect();
    let host = farm.host();
    let all = everybody(&farm);
    let idle: Vec<u32> = all.iter().copied().filter(|pid| !busy.contains(pid) && *pid != host).collect();

    farm.signal(Signal::SIGKILL);
    farm.wait_exit();
    let ((), took) = timed(|| wait_gone(&idle));
    println!("idle processes were gone after {took:?}");
    assert!(took < Duration::from_secs(3), "{took:?}");
    assert!(echo.iter().all(|pid| !is_alive(*pid)));

    // Busy ones and the host wait, and use no CPU for it. (The jobs look at their gates 100 times a second.)
    let waiting: Vec<u32> = busy.iter().copied().chain([host]).collect();
    let usage = Usage::of(&waiting);
    thread::sleep(Duration::from_secs(1));
    let (used, wall) = usage.so_far();
    assert!(waiting.iter().all(|pid| is_alive(*pid)), "busy ones finish their jobs, the host reaps them");
    assert!(used < wall / 10, "{used:?} of CPU in {wall:?}");

    notes.open("a");
    notes.open("b");
    for (job, id) in jobs.into_iter().zip(["a", "b"]) {
        assert_eq!(job.join().unwrap().unwrap(), id);
    }
    let ((), took) = timed(|| wait_gone(&all));
    println!("all were gone {took:?} after the last answer");
    assert!(took < Duration::from_secs(3), "{took:?}");
    assert!(notes.counts().values().all(|count| *count == 1));
    assert!(registered(&server, "gate").is_empty());
}

fn a_job_that_prints_neither_fails_nor_blocks(kind: ServerKind) {
    let (server, notes) = (kind.start(), Notes::new());
    let mut farm = farm(&server.address(), &notes, "").start();
    scale(&farm, &server, "chatter", 2);
    let address = server.address();
    let jobs = [run(&address, "chatter", "a"), run(&address, "chatter", "b")];
    let chatting: Vec<u32> = notes.wait_begun(&farm, 2).into_iter().map(|(_, pid)| pid).collect();
    let _ = farm.wait_log("STDOUT: chatter");
    let all = everybody(&farm);
    // Stopped first: the pipes fill up, and the jobs are blocked in their writes when the supervisor dies.
    farm.signal(Signal::SIGSTOP);
    farm.wait("the jobs are blocked", || {
        let before = written(&chatting);
        // They would print every 5 ms.
        thread::sleep(Duration::from_millis(200));
        (written(&chatting) == before).then_some(())
    });
    farm.signal(Signal::SIGKILL);
    farm.wait_exit();
    notes.open("a");
    notes.open("b");
    for (job, id) in jobs.into_iter().zip(["a", "b"]) {
        assert_eq!(job.join().unwrap().unwrap(), id);
    }
    wait_gone(&all);
    assert!(notes.counts().values().all(|count| *count == 1));
}

#[test]
fn a_child_that_prints_on_its_jobs_streams_neither_fails_nor_blocks() {
    let (server, notes) = (Gearmand::start(), Notes::new());
    let mut farm = farm(&server.address(), &notes, "").start();
    scale(&farm, &server, "shout", 2);
    let address = server.address();
    // One child is there when the supervisor dies and blocked on a full pipe, the other one is started afterwards.
    let jobs = [run(&address, "shout", "a"), run(&address, "shout", "b")];
    notes.wait_begun(&farm, 2);
    farm.signal(Signal::SIGSTOP);
    notes.open("a");
    farm.wait("a child prints", || {
        farm.processes().iter().any(|process| process.title.starts_with("yes")).then_some(())
    });
    let all = everybody(&farm);
    thread::sleep(Duration::from_millis(50));
    farm.signal(Signal::SIGKILL);
    farm.wait_exit();
    notes.open("b");
    for (job, id) in jobs.into_iter().zip(["a", "b"]) {
        assert_eq!(job.join().unwrap().unwrap(), id);
    }
    wait_gone(&all);
    farm.wait("no process of that driver is left", || inhabitants(farm.dir()).is_empty().then_some(()));
}

fn supervisor_and_host_killed_together_leave_nothing(kind: ServerKind) {
    let (server, notes) = (kind.start(), Notes::new());
    let mut farm = farm(&server.address(), &notes, "").start();
    scale(&farm, &server, "gate", 2);
    let job = run(&server.address(), "gate", "a");
    notes.wait_begun(&farm, 1);
    let all = everybody(&farm);
    let host = farm.host();
    farm.signal(Signal::SIGKILL);
    signal(host, Signal::SIGKILL);
    farm.wait_exit();
    notes.open("a");
    assert_eq!(job.join().unwrap().unwrap(), "a");
    wait_gone(&all);
}

fn killed_while_processes_are_being_started_nothing_is_left(kind: ServerKind) {
    let (server, notes) = (kind.start(), Notes::new());
    for delay in [0, 3, 10] {
        let mut farm = farm(&server.address(), &notes, "").start();
        let host = farm.host();
        assert_eq!(farm.console().ask(&format!("set_processes {} 30 30", crate::support::job("note"))), ["OK"]);
        thread::sleep(Duration::from_millis(delay));
        farm.signal(Signal::SIGKILL);
        farm.wait_exit();
        assert!(!inhabitants(farm.dir()).is_empty() || !is_alive(host));
        farm.wait("no process of that driver is left", || inhabitants(farm.dir()).is_empty().then_some(()));
        farm.wait("none is registered", || registered(&server, "note").is_empty().then_some(()));
    }
}

/// Bytes that these processes have given to write(2) so far.
fn written(pids: &[u32]) -> u64 {
    let of = |pid: &u32| {
        let io = fs::read_to_string(format!("/proc/{pid}/io")).unwrap();
        io.lines().find_map(|line| line.strip_prefix("wchar: ")?.parse::<u64>().ok()).unwrap()
    };
    pids.iter().map(of).sum()
}
