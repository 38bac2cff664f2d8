//! Processes that have reached a limit are replaced, the new one first.

use super::*;
use crate::job::Lifespan;
use crate::process::Spent;

fn mortal(lifespan: Lifespan) -> JobDeclaration {
    JobDeclaration { lifespan, ..job("a", 2, 2) }
}

#[test]
fn a_process_of_max_age_is_replaced_a_share_of_the_job_at_once() {
    let hour = Duration::from_secs(3600);
    let mut d = driver([mortal(Lifespan { max_age: Some(hour), jitter: 0.0, ..Lifespan::default() })]);
    d.at(2.5).when(Event::Tick).then("");
    d.tick().then("spawn a#3");
    assert_eq!(d.now, Time::after_start(hour));
    d.spawned(3).then("");
    d.when(Event::Observed { processes: vec![(ProcessId(3), d.activity(ActivityState::Idle, 0))] }).then("stop 1");
    d.exited(1, ExitStatus::Code(0)).then("spawn a#4");
}

#[test]
fn ages_are_spread_by_the_jitter_and_never_above_the_limit() {
    let hour = Duration::from_secs(3600);
    let lifespan = Lifespan { max_age: Some(hour), jitter: 0.5, ..Lifespan::default() };
    let mut d = driver([JobDeclaration { lifespan, ..job("a", 40, 40) }]);
    d.at(2.5).when(Event::Tick).then("");
    let first = d.next_deadline_in().unwrap() + 2.5;
    assert!((1800.0..2000.0).contains(&first), "the first of 40 after {first} s");
    let mut later = driver([JobDeclaration { lifespan, ..job("a", 40, 40) }]);
    later.at(2700.0).when(Event::Tick).then("spawn a#41; spawn a#42; spawn a#43; spawn a#44; spawn a#45; spawn a#46; spawn a#47; spawn a#48; spawn a#49; spawn a#50");
    let old = later.job("a").processes.len();
    assert_eq!(old, 40, "none has gone before another one is there");
}

#[test]
fn a_process_that_says_it_is_spent_is_replaced_and_looked_for() {
    let mut d = driver([mortal(Lifespan { max_jobs: Some(100), ..Lifespan::default() })]);
    assert!(d.next_deadline_in().is_some_and(|due| due <= 0.25));
    let spent = Activity { spent: Some(Spent::Jobs), ..d.activity(ActivityState::Busy, 95) };
    d.at(3.0).when(Event::Observed { processes: vec![(ProcessId(2), spent)] }).then("spawn a#3");
    d.spawned(3).then("");
    d.when(Event::Observed { processes: vec![(ProcessId(3), d.activity(ActivityState::Idle, 0))] }).then("stop 2");
}

#[test]
fn replacements_that_die_at_once_leave_the_old_ones_at_work() {
    let mut d =
        driver([mortal(Lifespan { max_age: Some(Duration::from_secs(60)), jitter: 0.0, ..Lifespan::default() })]);
    d.at(60.0).when(Event::Tick).then("spawn a#3");
    d.spawned(3).then("");
    d.exited(3, ExitStatus::Code(1)).then("spawn a#4");
    d.spawned(4).then("");
    d.exited(4, ExitStatus::Code(1)).then("");
    assert_eq!(d.job("a").processes.len(), 2);
    d.tick().then("spawn a#5");
}

#[test]
fn a_replacement_that_comes_first_is_not_taken_for_an_idle_process_when_nothing_waits() {
    let mut d = driver([job("a", 0, 4)]);
    let answer = d.looked(&[("a", 2, 0)]);
    d.bring_up(&answer);
    d.at(10.0).is(1, ActivityState::Busy, 0);
    d.order(Order::Restart { job: "a".to_owned() }).then("spawn a#3; ok");
    d.spawned(3).then("");
    // The job server has been restarted, and does not know of the job in hand.
    d.looked(&[]).then("stop 2");
}
