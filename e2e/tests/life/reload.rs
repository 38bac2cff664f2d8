//! New worker code comes in while everything goes on, or goes out again.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use e2e::{Farm, FarmBuilder, ServerKind, on_both_job_servers};
use gearman_testkit::{Gearmand, JobServer};
use nix::sys::signal::Signal;

use crate::support::client;

// Not on both, but with gearmand alone: code and configuration are the driver's matter.
on_both_job_servers! {
    new_code_replaces_the_old_and_no_job_fails_meanwhile,
    a_job_is_restarted_step_by_step,
    a_paused_job_finishes_what_it_has_and_takes_no_more_until_it_is_resumed,
}

const VERSION: &str = "reload_farm::workers::Code::version";
const SLEEP: &str = "reload_farm::workers::Code::sleep";

fn builder(server: &JobServer, code: &str) -> FarmBuilder {
    Farm::of(env!("CARGO_BIN_EXE_reload_farm"), server.address()).args("--interval 0").file("code", code)
}

fn deploy(farm: &Farm, code: &str) {
    fs::write(farm.dir().join("code"), code).unwrap();
}

/// The version that each of some jobs saw.
fn versions(server: &JobServer) -> BTreeSet<String> {
    let mut client = client(&server.address());
    let seen = (0..10).map(|_| client.run(VERSION, "").unwrap());
    seen.map(|seen| String::from_utf8(seen).unwrap().split(' ').next().unwrap().to_owned()).collect()
}

/// The host of generation 2, when it is the only one.
fn only_new_host(farm: &Farm) -> u32 {
    farm.wait("the old host has ended", || {
        let mut hosts = farm.processes().into_iter().filter(|process| process.title.contains("[host, "));
        let (first, second) = (hosts.next()?, hosts.next());
        (second.is_none() && first.title.contains("generation 2")).then_some(first.pid)
    })
}

/// Waits until all processes of a job are of that generation: old ones that have been asked to go may take a moment.
fn wait_generation(farm: &Farm, job: &str, generation: &str) {
    farm.wait("no process of old code", || {
        let rows = farm.console().ask(&format!("ps {job}"));
        let all = rows.iter().all(|row| row.split_whitespace().nth(1) == Some(generation));
        (all && !rows.is_empty()).then_some(())
    });
}

fn wait_version(farm: &Farm, server: &JobServer, version: &str) {
    farm.wait("all jobs see the new code", || (versions(server) == BTreeSet::from([version.to_owned()])).then_some(()));
}

fn new_code_replaces_the_old_and_no_job_fails_meanwhile(kind: ServerKind) {
    let server = kind.start();
    let farm = builder(&server, "one").start();
    let old = farm.console().pids(VERSION);
    assert_eq!(versions(&server), BTreeSet::from(["one".to_owned()]));
    let done = Arc::new(AtomicBool::new(false));
    let load: Vec<_> = (0..4)
        .map(|_| {
            let (done, address) = (Arc::clone(&done), server.address());
            thread::spawn(move || {
                let mut client = client(&address);
                let mut jobs = 0;
                while !done.load(Ordering::Relaxed) {
                    client.run(SLEEP, "5").unwrap();
                    jobs += 1;
                }
                jobs
            })
        })
        .collect();
    deploy(&farm, "two");
    farm.signal(Signal::SIGHUP);
    let _ = farm.wait_log("Reload: generation 2 has taken over");
    done.store(true, Ordering::Relaxed);
    let jobs: u32 = load.into_iter().map(|load| load.join().unwrap()).sum();
    assert!(jobs > 0);
    wait_generation(&farm, VERSION, "2");
    assert_eq!(versions(&server), BTreeSet::from(["two".to_owned()]));
    let new = farm.console().pids(VERSION);
    assert_eq!(new.len(), 3);
    assert!(new.iter().all(|pid| !old.contains(pid)), "{new:?} of {old:?}");
    let _ = only_new_host(&farm);
}

#[test]
fn the_executable_is_the_one_that_the_path_names_now() {
    let gearmand = Gearmand::start();
    let folder = tempfile::tempdir().unwrap();
    let (link, real) = (folder.path().join("current"), folder.path().join("second"));
    symlink(env!("CARGO_BIN_EXE_reload_farm"), &link).unwrap();
    let farm = Farm::of(link.to_str().unwrap(), gearmand.address()).args("--interval 0").start();
    fs::copy(env!("CARGO_BIN_EXE_reload_farm"), &real).unwrap();
    fs::remove_file(&link).unwrap();
    symlink(&real, &link).unwrap();
    assert_eq!(farm.console().ask("reload"), ["OK"]);
    let _ = farm.wait_log("Reload: generation 2 has taken over");
    wait_generation(&farm, VERSION, "2");
    let ran = client(&gearmand.address()).run(VERSION, "").unwrap();
    assert!(String::from_utf8(ran).unwrap().ends_with("/second"));
    // The file may go: a host that is replaced still runs the same code.
    fs::remove_file(&real).unwrap();
    let host = only_new_host(&farm);
    crate::support::signal(host, Signal::SIGKILL);
    farm.wait("another host", || {
        (farm.processes().iter().any(|process| process.title.contains("[host, ") && process.pid != host)).then_some(())
    });
    assert_eq!(farm.console().ask(&format!("set_processes {VERSION} 5 5")), ["OK"]);
    farm.wait("more processes", || (farm.console().pids(VERSION).len() == 5).then_some(()));
}

#[test]
fn code_that_fails_to_load_is_refused_and_changes_nothing() {
    let gearmand = Gearmand::start();
    let farm = builder(&gearmand, "one").start();
    let before = farm.wait("its processes", || Some(farm.console().pids(VERSION)).filter(|pids| pids.len() == 3));
    deploy(&farm, "fails to load");
    let answer = farm.console().ask("reload");
    assert!(
        answer[0].starts_with("ERR reload_failed: ") && answer[0].contains("this code fails to load"),
        "{answer:?}"
    );
    assert_eq!(farm.console().pids(VERSION), before);
    assert_eq!(versions(&gearmand), BTreeSet::from(["one".to_owned()]));
    let _ = farm.wait_log("the driver goes on with generation 1");
}

#[test]
fn code_whose_processes_die_at_once_is_taken_back() {
    let gearmand = Gearmand::start();
    let farm = builder(&gearmand, "one").start();
    let before = farm.wait("its processes", || Some(farm.console().pids(VERSION)).filter(|pids| pids.len() == 3));
    deploy(&farm, "dies at once");
    assert_eq!(farm.console().ask("reload"), ["OK"], "it loads");
    let said = farm.wait_log("Reload: generation 2 is taken back");
    assert!(said.contains("the driver goes on with generation 1"), "{said}");
    assert_eq!(farm.console().pids(VERSION), before, "no process of the old code was touched");
    assert_eq!(versions(&gearmand), BTreeSet::from(["one".to_owned()]));
    deploy(&farm, "three");
    assert_eq!(farm.console().ask("reload"), ["OK"]);
    wait_version(&farm, &gearmand, "three");
}

#[test]
fn configuration_is_applied_by_difference_and_live_changes_stay() {
    let gearmand = Gearmand::start();
    let attributes =
        |job: &str, min: u32| format!("[job_runtime_attributes.\"{job}\"]\nmin_processes = {min}\nmax_processes = 9\n");
    let farm =
        builder(&gearmand, "one").args("--configfile farm.toml").file("farm.toml", attributes(VERSION, 1)).start();
    assert_eq!(farm.console().row(VERSION).min, 1);
    assert_eq!(farm.console().ask(&format!("set_processes {SLEEP} 1 4")), ["OK"]);
    let text = format!("loglevel = \"DEBUG\"\nconsole_port = 1\n{}", attributes(VERSION, 2));
    fs::write(farm.dir().join("farm.toml"), &text).unwrap();
    assert_eq!(farm.console().ask("reload"), ["OK"]);
    assert_eq!(farm.console().row(VERSION).min, 2);
    assert_eq!(farm.console().row(SLEEP).max, 4, "changed live");
    let _ = farm.wait_log("DEBUG");
    // The port stands on the command line, which wins: nothing to say of it.
    assert!(!farm.log().contains("takes effect when the driver is started anew"));
    fs::write(farm.dir().join("farm.toml"), "no_such_option = 1\n").unwrap();
    let answer = farm.console().ask("reload");
    assert!(answer[0].contains("no_such_option"), "{answer:?}");
    assert_eq!(farm.console().row(VERSION).min, 2);
}

#[test]
fn what_the_new_program_sets_counts_and_what_it_sets_wrong_is_refused() {
    let gearmand = Gearmand::start();
    let program = |greeting: &str, max: u32, level: &str| {
        serde_json::json!({
            "loglevel": level,
            "worker_options": { "GLOBAL": { "greeting": greeting } },
            "job_runtime_attributes": { VERSION: { "min_processes": 1, "max_processes": max } },
        })
        .to_string()
    };
    let farm = builder(&gearmand, "one").file("program.json", program("hello", 4, "INFO")).start();
    let greeting = || client(&gearmand.address()).run("reload_farm::workers::Code::greeting", "").unwrap();
    assert_eq!((greeting(), farm.console().row(VERSION).max), (b"hello".to_vec(), 4));

    fs::write(farm.dir().join("program.json"), program("good evening", 6, "DEBUG")).unwrap();
    assert_eq!(farm.console().ask("reload"), ["OK"]);
    wait_generation(&farm, "reload_farm::workers::Code::greeting", "2");
    assert_eq!((greeting(), farm.console().row(VERSION).max), (b"good evening".to_vec(), 6));
    let _ = farm.wait_log("DEBUG");

    let refused = |program: &str| {
        fs::write(farm.dir().join("program.json"), program).unwrap();
        farm.console().ask("reload").join("\n")
    };
    assert_eq!(
        refused(&program("no", 6, "LOUD")),
        "ERR reload_failed: `loglevel`: `LOUD` is no log level: TRACE, DEBUG, INFO, WARN, ERROR, FATAL or OFF is, set by the program"
    );
    assert_eq!(
        refused(r#"{"worker_options":{"GLOBAL":5}}"#),
        "ERR reload_failed: worker_options: GLOBAL is 5; a map is expected"
    );
    assert_eq!((greeting(), farm.console().row(VERSION).max), (b"good evening".to_vec(), 6));
}

#[test]
fn live_changes_are_saved_into_the_config_file() {
    let gearmand = Gearmand::start();
    let farm = builder(&gearmand, "one")
        .args("--configfile farm.toml")
        .file("farm.toml", "# ours\nmax_idle_time = 3 # s\n")
        .start();
    let mut console = farm.console();
    assert_eq!(console.ask("save"), ["OK"]);
    assert_eq!(farm.file("farm.toml"), "# ours\nmax_idle_time = 3 # s\n");
    assert_eq!(console.ask(&format!("set_processes {SLEEP} 1 4")), ["OK"]);
    assert_eq!(console.ask("set_loglevel debug"), ["OK"]);
    assert_eq!(console.ask("save"), ["OK"]);
    let saved = farm.file("farm.toml");
    assert!(saved.starts_with("# ours\nmax_idle_time = 3 # s\nloglevel = \"DEBUG\"\n"), "{saved}");
    assert_eq!(console.ask("reload"), ["OK"], "what was saved is a config file");
    assert_eq!(console.row(SLEEP).max, 4);
    let other = builder(&gearmand, "one").start();
    assert_eq!(other.console().ask(&format!("set_processes {SLEEP} 1 4")), ["OK"]);
    let answer = other.console().ask("save");
    assert!(answer[0].starts_with("ERR save_failed: there is no config file"), "{answer:?}");
}

fn a_job_is_restarted_step_by_step(kind: ServerKind) {
    let server = kind.start();
    let farm = builder(&server, "one").start();
    let all = |job: &str, count: usize| {
        farm.wait("its processes", || Some(farm.console().pids(job)).filter(|pids| pids.len() == count))
    };
    let (before, others) = (all(VERSION, 3), all(SLEEP, 2));
    assert_eq!(farm.console().ask(&format!("restart {VERSION}")), ["OK"]);
    farm.wait("all are new", || {
        let now = farm.console().pids(VERSION);
        (now.len() == 3 && now.iter().all(|pid| !before.contains(pid))).then_some(())
    });
    assert_eq!(farm.console().pids(SLEEP), others);
    assert_eq!(versions(&server), BTreeSet::from(["one".to_owned()]));
}

fn a_paused_job_finishes_what_it_has_and_takes_no_more_until_it_is_resumed(kind: ServerKind) {
    let server = kind.start();
    let farm = builder(&server, "one").start();
    let mut console = farm.console();
    let address = server.address();
    let in_hand = thread::spawn(move || client(&address).run(SLEEP, "300").unwrap());
    farm.wait("a busy process", || {
        console.ask(&format!("ps {SLEEP}")).iter().any(|row| row.contains(" busy ")).then_some(())
    });
    assert_eq!(console.ask(&format!("pause {SLEEP}")), ["OK"]);
    assert_eq!(in_hand.join().unwrap(), b"one");
    farm.wait("all processes have ended", || console.pids(SLEEP).is_empty().then_some(()));
    let address = server.address();
    let waits = thread::spawn(move || client(&address).run(SLEEP, "1").unwrap());
    assert!(console.ask("status").iter().any(|row| row.contains(SLEEP) && row.contains("ERROR: paused: ")));
    // New code changes nothing about it; other jobs don't feel it.
    deploy(&farm, "two");
    assert_eq!(console.ask("reload"), ["OK"]);
    wait_version(&farm, &server, "two");
    assert!(console.pids(SLEEP).is_empty() && !waits.is_finished());
    assert_eq!(console.ask(&format!("resume {SLEEP}")), ["OK"]);
    assert_eq!(waits.join().unwrap(), b"two");
    assert_eq!(console.row(SLEEP).processes, 2);
}

#[test]
fn a_host_of_the_new_code_holds_nothing_of_the_driver() {
    let gearmand = Gearmand::start();
    let farm = builder(&gearmand, "one").start();
    assert_eq!(farm.console().ask("reload"), ["OK"]);
    let _ = farm.wait_log("Reload: generation 2 has taken over");
    let open = fs::read_dir(format!("/proc/{}/fd", only_new_host(&farm))).unwrap();
    let executable = Path::new(env!("CARGO_BIN_EXE_reload_farm")).canonicalize().unwrap();
    let targets: Vec<_> = open.filter_map(|entry| fs::read_link(entry.unwrap().path()).ok()).collect();
    assert!(!targets.contains(&executable), "{targets:?}");
}
