//! The host is killed: its workers go on, the supervisor takes them over, and a new host takes its place.

use std::thread;
use std::time::Duration;

use e2e::{Farm, ServerKind, on_both_job_servers};
use gearman_testkit::Gearmand;
use nix::sys::signal::Signal;

use crate::support::{Notes, assert_no_zombies, client, farm, job, registered, run, run_all, scale, signal, wait_gone};

// Not on both, but with gearmand alone: starting many processes is the host's matter.
on_both_job_servers! {
    workers_go_on_are_adopted_and_obey,
    a_shutdown_waits_for_the_jobs_of_adopted_workers,
}

fn parent(farm: &Farm, pid: u32) -> u32 {
    farm.processes()
        .iter()
        .find(|process| process.pid == pid)
        .unwrap_or_else(|| panic!("{pid}: {}", farm.state()))
        .parent
}

/// Waits for a host other than the old one.
fn new_host(farm: &Farm, old: u32) -> u32 {
    farm.wait("a new host", || {
        let hosts = farm.processes();
        hosts.into_iter().find(|process| process.title.contains("[host, generation") && process.pid != old)
    })
    .pid
}

fn workers_go_on_are_adopted_and_obey(kind: ServerKind) {
    let (server, notes) = (kind.start(), Notes::new());
    let mut farm = farm(&server.address(), &notes, "").start();
    let mut pids = scale(&farm, &server, "gate", 3);
    let ids = ["a", "b", "c"].map(str::to_owned);
    let jobs = run_all(&server.address(), "gate", &ids);
    notes.wait_begun(&farm, 3);
    let host = farm.host();
    assert!(pids.iter().all(|pid| parent(&farm, *pid) == host));

    signal(host, Signal::SIGKILL);
    let line = farm.wait_log("The host ended with status");
    assert!(line.contains("4 process(es) go on, 0 ended with it"), "{line}");
    let next = new_host(&farm, host);
    assert!(pids.iter().all(|pid| parent(&farm, *pid) == farm.pid()), "adopted: {}", farm.state());
    assert_eq!(farm.console().row(&job("gate")).processes, 3);
    ids.iter().for_each(|id| notes.open(id));
    for (job, id) in jobs.into_iter().zip(&ids) {
        assert_eq!(&job.join().unwrap().unwrap(), id);
    }
    assert_eq!(notes.counts().values().copied().collect::<Vec<_>>(), [1, 1, 1]);

    // An adopted one obeys, is reaped, and its replacement comes from the new host.
    assert_eq!(farm.console().ask(&format!("kill {}", pids[0])), ["OK"]);
    wait_gone(&pids[..1]);
    let _ = farm.wait_log(&format!("({}) [{}] Exited with status 0", pids[0], job("gate")));
    farm.wait("three again", || (registered(&server, "gate").len() == 3).then_some(()));
    let now = farm.wait("their PIDs", || Some(farm.console().pids(&job("gate"))).filter(|now| now.len() == 3));
    let new: Vec<u32> = now.iter().copied().filter(|pid| !pids.contains(pid)).collect();
    assert_eq!(new.len(), 1, "{now:?} after {pids:?}");
    assert_eq!(parent(&farm, new[0]), next);

    // One that is killed from outside is replaced as well.
    signal(pids[1], Signal::SIGKILL);
    let _ = farm.wait_log(&format!("({}) [{}] Exited with status", pids[1], job("gate")));
    farm.wait("three again", || {
        let now = registered(&server, "gate");
        (now.len() == 3 && !now.contains(&pids[1])).then_some(())
    });
    assert_no_zombies(&farm);
    notes.open("d");
    assert_eq!(client(&server.address()).run(&job("gate"), "d").unwrap(), b"d");

    // TERM drains adopted ones and others alike.
    pids.extend([host, next]);
    farm.signal(Signal::SIGTERM);
    assert!(farm.wait_exit().success());
    wait_gone(&pids);
}

fn a_shutdown_waits_for_the_jobs_of_adopted_workers(kind: ServerKind) {
    let (server, notes) = (kind.start(), Notes::new());
    let mut farm = farm(&server.address(), &notes, "").start();
    scale(&farm, &server, "gate", 1);
    let answer = run(&server.address(), "gate", "a");
    let worker = notes.wait_begun(&farm, 1)[0].1;
    let host = farm.host();
    signal(host, Signal::SIGKILL);
    new_host(&farm, host);
    farm.signal(Signal::SIGTERM);
    let _ = farm.wait_log(&format!("({worker}) [{}] Process killed", job("gate")));
    notes.open("a");
    assert_eq!(answer.join().unwrap().unwrap(), "a");
    assert!(farm.wait_exit().success());
    wait_gone(&[worker]);
}

#[test]
fn killed_while_it_starts_many_the_driver_settles_at_the_wanted_number() {
    let (server, notes) = (Gearmand::start(), Notes::new());
    let farm = farm(&server.address(), &notes, "").start();
    for (round, delay) in [0, 4, 9].into_iter().enumerate() {
        let host = farm.host();
        assert_eq!(farm.console().ask(&format!("set_processes {} 0 0", job("note"))), ["OK"]);
        farm.wait("none", || registered(&server, "note").is_empty().then_some(()));
        assert_eq!(farm.console().ask(&format!("set_processes {} 0 40", job("note"))), ["OK"]);
        assert_eq!(farm.console().ask(&format!("set_min_processes {} 30", job("note"))), ["OK"]);
        thread::sleep(Duration::from_millis(delay));
        signal(host, Signal::SIGKILL);
        new_host(&farm, host);
        let seen = || {
            let mut shown = farm.console().pids(&job("note"));
            // In the order in which they were asked for, which is not that of PIDs where these begin again.
            shown.sort_unstable();
            let mut registered = registered(&server, "note");
            registered.sort_unstable();
            // Supervisor's children and the host's: the note processes, echo, and the host itself.
            let below = farm.processes().len();
            (shown.len(), registered == shown, below)
        };
        farm.wait(&format!("round {round}: 30 and no stranger"), || (seen() == (30, true, 32)).then_some(()));
        let log = farm.log();
        assert_eq!(log.matches("The host ended with status").count(), round + 1, "{log}");
    }
    assert_no_zombies(&farm);
}
