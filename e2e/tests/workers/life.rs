//! A process from its start to its stop; layers that processes share.

use std::collections::BTreeSet;

use nix::sys::signal::Signal;

use crate::Site;

const ALIVE: &str = "workers_farm::life::Life::alive";

#[test]
fn process_start_and_process_stop_run_once_in_each_process() {
    let site = Site::new();
    let mut farm = site.farm("life::Life").start();
    farm.wait("both processes have started", || (site.count("start") == 2).then_some(()));
    let pids: BTreeSet<u32> = farm.console().pids(ALIVE).into_iter().collect();
    let started: BTreeSet<u32> = site.trace().iter().filter(|(_, what)| what == "start").map(|(pid, _)| *pid).collect();
    assert_eq!(started, pids);
    assert!(!pids.contains(&farm.host()));
    let by: u32 = site.run(ALIVE, "").parse().unwrap();
    assert!(pids.contains(&by));
    assert_eq!(site.count("stop"), 0);
    farm.signal(Signal::SIGTERM);
    assert!(farm.wait_exit().success(), "{}", farm.state());
    let stopped: BTreeSet<u32> = site.trace().iter().filter(|(_, what)| what == "stop").map(|(pid, _)| *pid).collect();
    assert_eq!(stopped, pids);
    assert_eq!(site.count("stop"), 2);
    let returned: Vec<_> = site.trace().into_iter().filter(|(_, what)| what == "run() has returned").collect();
    assert_eq!(returned.len(), 1, "what main does after run() is done once: {returned:?}");
    assert_eq!(returned[0].0, farm.pid());
    for pid in pids {
        let line = format!("({pid}) [{ALIVE}] STDOUT: stopped in order");
        assert!(farm.log().contains(&line), "what process_stop prints is logged: {}", farm.log());
    }
}

#[test]
fn process_name_gives_the_title() {
    let site = Site::new();
    let farm = site.farm("life::Life life::Untitled").start();
    let program = env!("CARGO_BIN_EXE_workers_farm");
    farm.wait("both processes have started", || (site.count("start") == 2).then_some(()));
    let untitled = "workers_farm::life::Untitled::untitled";
    let pid: u32 = site.run(untitled, "").parse().unwrap();
    let processes = farm.processes();
    let title = |pid| processes.iter().find(|process| process.pid == pid).unwrap().title.clone();
    for pid in farm.console().pids(ALIVE) {
        assert_eq!(title(pid), format!("{program} ({ALIVE})"));
    }
    assert_eq!(title(pid), format!("{program} [worker {untitled}]"));
    assert_eq!(title(farm.host()), format!("{program} [host, generation 1]"));
}

#[test]
fn processes_that_cannot_start_are_held_back_and_others_do_not_feel_it() {
    let site = Site::new();
    let failing = "workers_farm::life::failing::Failing::failing";
    let farm = site.farm("life").start();
    let line = farm.wait_log("process_start failed");
    assert!(line.contains("] ERROR ("), "{line}");
    assert!(line.ends_with(&format!(") [{failing}] process_start failed: the database is away")), "{line}");
    let _ = farm.wait_log(&format!("[{failing}] Exited with status 1"));
    let _ = farm.wait_log(&format!(
        "Processes of type {failing} end as soon as they start, 2 times in a row: the next one in 1."
    ));
    // It is held back: the other job is served meanwhile, by processes that stay.
    let served = farm.console().pids(ALIVE);
    let by: u32 = site.run(ALIVE, "").parse().unwrap();
    assert!(served.contains(&by));
    let _ = farm.wait_log("3 times in a row: the next one in 2.");
    assert_eq!(site.count("tried"), 3);
    let row = farm.console().row(failing);
    let message = row.message.unwrap();
    assert!(message.starts_with("failing: its processes end as soon as they start, 3 times in a row"), "{message}");
    assert!(message.ends_with("; last error: process_start failed: the database is away"), "{message}");
    assert_eq!(farm.console().pids(ALIVE), served);
}

#[test]
fn a_shared_layer_is_built_once_in_the_host_and_each_process_has_its_copy() {
    let site = Site::new();
    let farm = site.farm("shared").start();
    let built: Vec<_> = site.trace().into_iter().filter(|(_, what)| what == "base built").collect();
    assert_eq!(built, [(farm.host(), "base built".to_owned())]);
    let uses = |function: &str| {
        let answer = site.run(function, "");
        let words: Vec<_> = answer.split(' ').map(str::to_owned).collect();
        assert_eq!(words[0], "shared");
        (words[1].clone(), words[2].clone())
    };
    let (first, second) = ("workers_farm::shared::First::first", "workers_farm::shared::Second::second");
    let (before, pid_of_first) = uses(first);
    assert_eq!(before, "0");
    let (before, pid_of_second) = uses(second);
    assert_eq!(before, "0", "the other process did not change this one's copy");
    assert_ne!(pid_of_first, pid_of_second);
    assert_eq!(uses(first).0, "1");
    assert_eq!(site.count("base built"), 1);
}

#[test]
fn a_constructor_may_use_threads_that_have_ended_when_it_returns() {
    let site = Site::new();
    let _farm = site.farm("life::Loaded").start();
    assert_eq!(site.run("workers_farm::life::Loaded::loaded", ""), "28");
}
