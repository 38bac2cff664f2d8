//! Signals that end nothing, and those that are sent to the wrong process.

use std::fs;

use e2e::{ServerKind, on_both_job_servers};
use gearman_testkit::Gearmand;
use nix::sys::signal::Signal;

use crate::support::{Notes, farm, job, registered, run, scale, signal, wait_gone};

// Not on both, but with gearmand alone: logs and hosts know no job server.
on_both_job_servers! {
    term_to_one_process_drains_it,
    int_to_one_process_drains_it,
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
