//! Processes are asked to stop while they work: nothing is lost, nothing is done twice.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use e2e::{ServerKind, on_both_job_servers};

use crate::support::{Notes, client, farm, job, run_all, scale, wait_gone};

on_both_job_servers! {
    a_busy_process_above_max_finishes_its_job_and_goes,
    jobs_that_come_and_go_while_the_observer_starts_and_stops_processes_are_each_done_once,
    results_of_300_kb_are_not_lost_when_processes_are_stopped_all_the_time,
}

fn a_busy_process_above_max_finishes_its_job_and_goes(kind: ServerKind) {
    let (server, notes) = (kind.start(), Notes::new());
    let farm = farm(&server.address(), &notes, "--interval 0.2").start();
    let pids = scale(&farm, &server, "gate", 3);
    let ids: Vec<String> = (0..3).map(|n| format!("job{n}")).collect();
    let jobs = run_all(&server.address(), "gate", &ids);
    notes.wait_begun(&farm, 3);
    assert_eq!(farm.console().ask(&format!("set_processes {} 0 1", job("gate"))), ["OK"]);
    // Two are asked; being busy, they are still there at several looks of the observer.
    farm.wait("two were asked to go", || {
        (farm.log().matches(&format!("[{}] Process killed", job("gate"))).count() == 2).then_some(())
    });
    thread::sleep(Duration::from_millis(500));
    assert_eq!(farm.console().pids(&job("gate")), pids, "{}", farm.state());
    ids.iter().for_each(|id| notes.open(id));
    for (job, id) in jobs.into_iter().zip(&ids) {
        assert_eq!(&job.join().unwrap().unwrap(), id);
    }
    // None is needed now: the observer stops the last one too.
    wait_gone(&pids);
    farm.wait("none is left", || (farm.console().row(&job("gate")).processes == 0).then_some(()));
    assert_eq!(notes.counts(), ids.iter().map(|id| (id.clone(), 1)).collect());
}

fn jobs_that_come_and_go_while_the_observer_starts_and_stops_processes_are_each_done_once(kind: ServerKind) {
    let (server, notes) = (kind.start(), Notes::new());
    let farm = farm(&server.address(), &notes, "--interval 0.1").start();
    let address = server.address();
    let clients: Vec<_> = (0..4)
        .map(|c| {
            let address = address.clone();
            thread::spawn(move || {
                let mut client = client(&address);
                // Bursts, and gaps about as long as the observer's interval: its looks fall into both.
                for n in 0..24 {
                    let id = format!("c{c}n{n}");
                    let answer = client.run(&job("note"), format!("{id} {}", n % 5 * 8)).unwrap();
                    assert_eq!(answer, id.as_bytes());
                    if n % 3 == c % 3 {
                        thread::sleep(Duration::from_millis(20 * (n % 7)));
                    }
                }
            })
        })
        .collect();
    clients.into_iter().for_each(|client| client.join().unwrap());
    let counts = notes.counts();
    assert_eq!(counts.len(), 96);
    assert!(counts.values().all(|count| *count == 1), "{counts:?}");
    farm.wait("none is left", || (farm.console().row(&job("note")).processes == 0).then_some(()));
}

fn results_of_300_kb_are_not_lost_when_processes_are_stopped_all_the_time(kind: ServerKind) {
    let (server, notes) = (kind.start(), Notes::new());
    let farm = farm(&server.address(), &notes, "").start();
    let pids = scale(&farm, &server, "big", 4);
    let address = server.address();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        // Twice as many as processes: job servers then have a wake-up to send while an answer is on its way.
        let clients: Vec<_> = (0..8)
            .map(|c| {
                let address = address.clone();
                scope.spawn(move || {
                    let mut client = client(&address);
                    for n in 0..40 {
                        let id = format!("c{c}n{n}");
                        let answer = client.run(&job("big"), &id).unwrap();
                        assert!(answer.len() == 300_000 && answer.starts_with(format!("{id}.").as_bytes()), "{id}");
                    }
                })
            })
            .collect();
        let stopper = scope.spawn(|| {
            let mut console = farm.console();
            for n in 0.. {
                if done.load(Ordering::Relaxed) {
                    return n;
                }
                // By name and by PID in turn: one process, or all of them.
                match n % 3 {
                    0 => assert_eq!(console.ask(&format!("killall {}", job("big"))), ["OK"]),
                    _ => {
                        if let Some(pid) = console.pids(&job("big")).first() {
                            // It may have gone meanwhile, by the last `killall`.
                            console.ask(&format!("kill {pid}"));
                        }
                    }
                }
                thread::sleep(Duration::from_millis(5));
            }
            0
        });
        let ended: Vec<_> = clients.into_iter().map(thread::ScopedJoinHandle::join).collect();
        done.store(true, Ordering::Relaxed);
        let stops = stopper.join().unwrap();
        assert!(ended.iter().all(Result::is_ok), "{}", farm.state());
        println!("asked to stop {stops} times");
        assert!(stops > 5, "processes were stopped only {stops} times");
    });
    let counts = notes.counts();
    assert_eq!(counts.len(), 320);
    let twice: Vec<_> = counts.iter().filter(|(_, count)| **count != 1).collect();
    assert!(twice.is_empty(), "{twice:?}\n{}", farm.state());
    wait_gone(&pids);
    farm.wait("four again", || (farm.console().row(&job("big")).processes == 4).then_some(()));
    let log = farm.log();
    assert!(!log.contains("could not be sent"), "{log}");
}
