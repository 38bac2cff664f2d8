//! `max_jobs`: never more, and no job lost.

use std::collections::BTreeMap;
use std::thread;

use gearman_testkit::Gearmand;

use super::{Notes, client, farm, function, run};

/// Runs so many jobs from several clients at once. Each is answered with its own workload.
fn many(server: &str, name: &str, clients: usize, each: usize) {
    thread::scope(|scope| {
        for c in 0..clients {
            scope.spawn(move || {
                let mut client = client(server);
                for n in 0..each {
                    let id = format!("c{c}n{n}");
                    assert_eq!(client.run(&function(name), &id).unwrap(), id.as_bytes());
                }
            });
        }
    });
}

/// How many jobs each process has begun.
fn begun(notes: &Notes, what: &str) -> BTreeMap<String, usize> {
    let mut begun = BTreeMap::new();
    for line in notes.of(what) {
        *begun.entry(line.split_once(' ').unwrap().0.to_owned()).or_default() += 1;
    }
    begun
}

#[test]
fn no_process_begins_more_than_max_jobs_and_no_job_is_lost() {
    let (gearmand, notes) = (Gearmand::start(), Notes::new());
    let farm = farm(&gearmand.address(), &notes).start();
    many(&gearmand.address(), "Few::ten", 6, 50);
    let begun = begun(&notes, "ten");
    assert_eq!(begun.values().sum::<usize>(), 300, "each once: {begun:?}\n{}", farm.state());
    assert!(begun.values().all(|count| *count <= 10), "{begun:?}");
    assert!(begun.len() >= 30, "{begun:?}");
    assert!(!farm.log().contains("could not be sent"), "{}", farm.log());
    assert!(!farm.log().contains("end as soon as they start"), "{}", farm.log());
    farm.wait("three again", || (farm.console().row(&function("Few::ten")).processes == 3).then_some(()));
}

#[test]
fn a_process_may_have_but_one_job() {
    let (gearmand, notes) = (Gearmand::start(), Notes::new());
    let farm = farm(&gearmand.address(), &notes).start();
    many(&gearmand.address(), "Few::one", 3, 10);
    let begun = begun(&notes, "one");
    assert_eq!(begun.len(), 30, "{begun:?}\n{}", farm.state());
}

#[test]
fn with_several_jobs_at_once_it_is_as_exact_and_with_two_servers() {
    let (one, two, notes) = (Gearmand::start(), Gearmand::start(), Notes::new());
    let servers = format!("{},{}", one.address(), two.address());
    let farm = farm(&servers, &notes).start();
    thread::scope(|scope| {
        scope.spawn(|| many(&one.address(), "FewAsync::ten", 8, 15));
        scope.spawn(|| many(&two.address(), "FewAsync::ten", 8, 15));
    });
    let begun = begun(&notes, "ten");
    assert_eq!(begun.values().sum::<usize>(), 240, "each once: {begun:?}\n{}", farm.state());
    assert!(begun.values().all(|count| *count <= 10), "{begun:?}");
    assert!(!farm.log().contains("could not be sent"), "{}", farm.log());
}

#[test]
fn the_operators_max_jobs_counts() {
    let (gearmand, notes) = (Gearmand::start(), Notes::new());
    let attributes = format!("[job_runtime_attributes.'{}']\nmax_jobs = 2\njitter = 0\n", function("Few::many"));
    let _farm =
        farm(&gearmand.address(), &notes).file("limits.toml", attributes).args("--configfile limits.toml").start();
    let mut jobs = BTreeMap::<String, usize>::new();
    for _ in 0..10 {
        *jobs.entry(run(&gearmand.address(), "Few::many", "").unwrap()).or_default() += 1;
    }
    assert!(jobs.len() >= 5 && jobs.values().all(|count| *count <= 2), "{jobs:?}");
}
