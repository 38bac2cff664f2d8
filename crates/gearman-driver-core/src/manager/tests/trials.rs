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

#[test]
fn a_maximum_that_is_lowered_takes_the_new_ones_that_have_not_run_well() {
    let mut d = reloaded(&[job("a", 4, 4)]);
    d.host_ready([job("a", 4, 4)]).then("in force 2; spawn a#5; ok");
    d.spawned(5).then("");
    d.exited(1, ExitStatus::Signal(11)).then("");
    for (gone, next) in [(2, 6), (3, 7)] {
        d.exited(gone, ExitStatus::Signal(11)).then(&format!("spawn a#{next}"));
        d.spawned(next).then("");
    }
    for new in 5..=7 {
        d.is(new, ActivityState::Idle, 0);
    }
    d.at(61.0).order(set("a", 1, 1)).then("stop 5; stop 6; ok");
    let old: Vec<_> = d.job("a").processes.into_iter().filter(|process| process.generation == 1).collect();
    assert_eq!(old.iter().map(|process| process.state).collect::<Vec<_>>(), [ActivityState::Idle]);
}
