//! Signals that end nothing, and those that are sent to the wrong process.

use std::fs;
use std::os::unix::process::ExitStatusExt;

use e2e::{ServerKind, on_both_job_servers};
use gearman_testkit::Gearmand;
use nix::sys::signal::Signal;

use crate::support::{Notes, assert_no_zombies, everybody, farm, job, registered, run, scale, signal, wait_gone};

// Not on both, but with gearmand alone: logs and hosts know no job server.
on_both_job_servers! {
    term_to_one_process_drains_it,
    int_to_one_process_drains_it,
}

/// Supervisors hold signals back in the process that starts others, `nohup` ignores HUP, a shell INT and QUIT of what it
/// starts in the background, and who wants no zombies CHLD: each of it is passed on by exec.
fn it_obeys_whatever_its_parent_did_to_signals(under: &[&str]) {
    let (server, notes) = (Gearmand::start(), Notes::new());
    let mut farm = farm(&server.address(), &notes, "").under(under).start();
    scale(&farm, &server, "gate", 1);
    scale(&farm, &server, "seen_by_child", 1);
    let dead = scale(&farm, &server, "note", 1)[0];
    signal(dead, Signal::SIGKILL);
    let _ = farm.wait_log(&format!("({dead}) [{}] Exited with status 9", job("note")));
    assert_no_zombies(&farm);
    let seen = run(&server.address(), "seen_by_child", "").join().unwrap().unwrap();
    let held_back = seen.lines().find(|line| line.starts_with("STATUS SigBlk:")).unwrap();
    assert!(held_back.ends_with("\t0000000000000000"), "{held_back}");
    let log = farm.dir().join("driver.log");
    fs::rename(&log, farm.dir().join("driver.log.1")).unwrap();
    farm.signal(Signal::SIGUSR1);
    let _ = farm.wait_log("log file opened anew");
    farm.signal(Signal::SIGHUP);
    let _ = farm.wait_log("generation 2 has taken over");
    // The host that is no longer needed is reaped, too.
    assert_no_zombies(&farm);
    let answer = run(&server.address(), "gate", "a");
    notes.wait_begun(&farm, 1);
    let all = everybody(&farm);
    farm.signal(Signal::SIGINT);
    let _ = farm.wait_log("INT");
    notes.open("a");
    assert_eq!(answer.join().unwrap().unwrap(), "a");
    assert!(farm.wait_exit().success(), "{}", farm.state());
    wait_gone(&all);
    assert_eq!(notes.counts()["a"], 1);
}

#[test]
fn signals_that_were_held_back_when_it_was_started_are_obeyed() {
    it_obeys_whatever_its_parent_did_to_signals(&["env", "--block-signal"]);
}

#[test]
fn signals_that_were_ignored_when_it_was_started_are_obeyed() {
    it_obeys_whatever_its_parent_did_to_signals(&["env", "--ignore-signal"]);
}

#[test]
fn a_term_that_was_sent_while_it_was_held_back_ends_a_driver_that_is_starting() {
    let (server, notes) = (Gearmand::start(), Notes::new());
    // The shell that becomes the driver signals itself before.
    let mut farm = farm(&server.address(), &notes, "")
        .under(&["env", "--block-signal=TERM", "sh", "-c", r#"kill $$; exec "$0" "$@""#])
        .start_unwatched();
    assert_eq!(farm.wait_exit().signal(), Some(15), "nothing is there yet that could be drained: {}", farm.state());
}

#[test]
fn usr1_reopens_the_log_after_a_rename() {
    let (server, notes) = (Gearmand::start(), Notes::new());
    let farm = farm(&server.address(), &notes, "").start();
    let _ = farm.wait_log("Process started");
    let (log, old) = (farm.dir().join("driver.log"), farm.dir().join("driver.log.1"));
    fs::rename(&log, &old).unwrap();
    farm.signal(Signal::SIGUSR1);
    let _ = farm.wait_log("log file opened anew");
    let pid = farm.console().pids(&job("echo"))[0];
    assert_eq!(farm.console().ask(&format!("kill {pid}")), ["OK"]);
    let _ = farm.wait_log(&format!("({pid}) [{}] Exited with status 0", job("echo")));
    let old = fs::read_to_string(old).unwrap();
    assert!(old.contains("Process started") && !old.contains("Exited"), "{old}");
}

#[test]
fn copying_and_truncating_the_log_works_without_a_signal() {
    let (server, notes) = (Gearmand::start(), Notes::new());
    let farm = farm(&server.address(), &notes, "").start();
    let _ = farm.wait_log("Process started");
    fs::File::options().write(true).open(farm.dir().join("driver.log")).unwrap().set_len(0).unwrap();
    farm.signal(Signal::SIGHUP);
    let _ = farm.wait_log("HUP");
    assert!(farm.log().starts_with('['), "no hole of NULs before it: {:?}", farm.log());
}

#[test]
fn a_host_obeys_no_signal() {
    let (server, notes) = (Gearmand::start(), Notes::new());
    let mut farm = farm(&server.address(), &notes, "").start();
    let pids = scale(&farm, &server, "echo", 2);
    let host = farm.host();
    let signals = [
        Signal::SIGHUP,
        Signal::SIGINT,
        Signal::SIGTERM,
        Signal::SIGQUIT,
        Signal::SIGUSR1,
        Signal::SIGUSR2,
        Signal::SIGPIPE,
    ];
    for name in signals {
        signal(host, name);
        // It forks when told, after each of them.
        let pid = farm.console().pids(&job("echo"))[0];
        assert_eq!(farm.console().ask(&format!("kill {pid}")), ["OK"]);
        wait_gone(&[pid]);
        farm.wait("two again", || {
            let now = registered(&server, "echo");
            (now.len() == 2 && !now.contains(&pid)).then_some(())
        });
    }
    assert_eq!(farm.host(), host);
    assert!(!farm.log().contains("The host ended"), "{}", farm.log());
    assert!(!farm.console().pids(&job("echo")).contains(&pids[0]));
    farm.signal(Signal::SIGTERM);
    assert!(farm.wait_exit().success());
    wait_gone(&[host]);
}

/// A process is signalled by itself, again and again: it finishes its job and is replaced.
fn a_signal_to_one_process_drains_it(kind: ServerKind, name: Signal) {
    let (server, notes) = (kind.start(), Notes::new());
    let farm = farm(&server.address(), &notes, "").start();
    scale(&farm, &server, "gate", 1);
    let answer = run(&server.address(), "gate", "a");
    let worker = notes.wait_begun(&farm, 1)[0].1;
    for _ in 0..20 {
        signal(worker, name);
    }
    notes.open("a");
    assert_eq!(answer.join().unwrap().unwrap(), "a");
    wait_gone(&[worker]);
    let _ = farm.wait_log(&format!("({worker}) [{}] Exited with status 0", job("gate")));
    farm.wait("a replacement", || {
        let now = registered(&server, "gate");
        (now.len() == 1 && now[0] != worker).then_some(())
    });
    assert_eq!(notes.counts()["a"], 1);
}

fn term_to_one_process_drains_it(kind: ServerKind) {
    a_signal_to_one_process_drains_it(kind, Signal::SIGTERM);
}

fn int_to_one_process_drains_it(kind: ServerKind) {
    a_signal_to_one_process_drains_it(kind, Signal::SIGINT);
}
