//! While the processes of a new generation have yet to show that they live: nothing relies on them.

use super::*;

fn reloaded(jobs: &[JobDeclaration]) -> Driver {
    let mut d = driver(jobs.iter().cloned());
    d.at(60.0).order(Order::Reload).then("start host 2 of generation 2");
    d
}

#[test]
fn an_order_to_restart_sends_no_old_one_away_for_a_new_one_that_has_not_run_well() {
    let mut d = reloaded(&[job("a", 2, 2)]);
    d.host_ready([job("a", 2, 2)]).then("in force 2; spawn a#3; ok");
    d.spawned(3).then("");
    d.is(3, ActivityState::Idle, 0);
    d.at(61.0).order(Order::Restart { job: "a".to_owned() }).then("ok");
    d.when(Event::Tick).then("");
    d.at(62.0).when(Event::Tick).then("stop 1");
}

/// One process of the old generation is left, three of the new one run.
fn replaced_by_deaths() -> Driver {
    let mut d = reloaded(&[job("a", 4, 4)]);
    d.host_ready([job("a", 4, 4)]).then("in force 2; spawn a#5; ok");
    d.spawned(5).then("");
    d.exited(1, ExitStatus::Signal(11)).then("");
    for (gone, next) in [(2, 6), (3, 7)] {
        d.exited(gone, ExitStatus::Signal(11)).then(&format!("spawn a#{next}"));
        d.spawned(next).then("");
    }
    d
}

#[test]
fn a_maximum_that_is_lowered_takes_the_new_ones_that_have_not_run_well() {
    let mut d = replaced_by_deaths();
    for new in 5..=7 {
        d.is(new, ActivityState::Idle, 0);
    }
    d.at(61.0).order(set("a", 1, 1)).then("stop 5; stop 6; ok");
    let old: Vec<_> = d.job("a").processes.into_iter().filter(|process| process.generation == 1).collect();
    assert_eq!(old.iter().map(|process| process.state).collect::<Vec<_>>(), [ActivityState::Idle]);
}

#[test]
fn of_the_new_ones_those_that_take_no_jobs_yet_go_first() {
    let mut d = replaced_by_deaths();
    d.is(5, ActivityState::Idle, 0);
    d.at(61.0).order(set("a", 1, 1)).then("stop 6; stop 7; ok");
}

#[test]
fn the_death_that_takes_a_generation_back_starts_no_more_of_it() {
    let mut d = driver([job("a", 1, 1), job("bad", 1, 1)]);
    d.exited(2, ExitStatus::Code(1)).then("spawn bad#3");
    d.spawned(3).then("");
    d.exited(3, ExitStatus::Code(1)).then("");
    d.order(Order::Reload).then("start host 2 of generation 2");
    d.at(60.0).host_ready([job("a", 1, 1), job("bad", 1, 1)]).then("in force 2; spawn a#4; spawn bad#5; ok");
    for (id, next) in [(4, "spawn a#6"), (6, ""), (5, "spawn bad#7"), (7, "")] {
        if id == 5 {
            d.at(60.5);
        }
        d.spawned(id).then("");
        d.exited(id, ExitStatus::Code(1)).then(next);
    }
    d.tick().then("spawn a#8");
    d.spawned(8).then("");
    // By now the other job may start one as well.
    d.at(61.8).exited(8, ExitStatus::Code(1)).then("in force 1; spawn bad#9; stop host 2");
}

#[test]
fn a_job_that_failed_and_has_all_its_processes_now_is_judged_as_others_are() {
    let mut d = driver([job("a", 1, 2)]);
    d.order(set("a", 2, 2)).then("spawn a#2; ok");
    for (id, next) in [(2, "spawn a#3"), (3, "")] {
        d.spawned(id).then("");
        d.exited(id, ExitStatus::Code(1)).then(next);
    }
    assert!(d.job("a").failing.is_some());
    d.order(set("a", 1, 2)).then("ok");
    d.order(Order::RemoveProcess { job: "a".to_owned() }).then("ok");
    assert!(d.job("a").failing.is_none());
    d.order(Order::Reload).then("start host 2 of generation 2");
    d.host_ready([job("a", 1, 2)]).then("in force 2; spawn a#4; ok");
    for (id, next) in [(4, "spawn a#5"), (5, "")] {
        d.spawned(id).then("");
        d.exited(id, ExitStatus::Code(1)).then(next);
    }
    d.tick().then("spawn a#6");
    d.spawned(6).then("");
    d.exited(6, ExitStatus::Code(1)).then("in force 1; stop host 2");
}
