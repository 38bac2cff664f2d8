//! Bounds hold at once, with the observer on or off.

use super::*;

#[test]
fn the_minimum_is_started_when_the_host_is_ready() {
    let mut d = Driver::new(Settings::default());
    d.when(Event::Started).then("start host 1");
    d.host_ready([job("a", 2, 5), job("b", 0, 1), job("c", 1, 1)]).then("spawn a#1; spawn a#2; spawn c#3");
}

#[test]
fn nothing_is_started_before_the_host_is_ready() {
    let mut d = Driver::new(Settings::default());
    d.looked(&[("a", 5, 0)]).then("");
    d.when(Event::Started).then("start host 1");
    d.when(Event::Started).then("");
    d.looked(&[("a", 5, 0)]).then("");
}

#[test]
fn a_raised_minimum_is_started_at_once() {
    let mut d = driver([job("a", 1, 5)]);
    d.order(Order::SetMin { job: "a".into(), min: 3 }).then("spawn a#2; spawn a#3; ok");
    assert_eq!(d.job("a").limits, Limits::new(3, 5).unwrap());
    assert!(d.job("a").limits_changed);
}

#[test]
fn above_a_lowered_maximum_idle_processes_go_first_and_the_longest_idle_of_them() {
    let mut d = driver([job("a", 4, 4)]);
    d.at(1.0).is(1, ActivityState::Busy, 0);
    d.at(2.0).is(2, ActivityState::Idle, 1);
    d.at(3.0).is(3, ActivityState::Idle, 1);
    d.at(4.0).is(4, ActivityState::Busy, 0);
    d.at(9.0).order(set("a", 1, 3)).then("stop 2; ok");
    d.order(set("a", 1, 2)).then("stop 3; ok");
    d.order(set("a", 1, 1)).then("stop 1; ok");
    d.order(set("a", 0, 0)).then("stop 4; ok");
}

#[test]
fn busy_processes_above_the_maximum_are_asked_and_never_killed() {
    let mut d = driver([job("a", 2, 2)]);
    d.is(1, ActivityState::Busy, 0);
    d.is(2, ActivityState::Busy, 0);
    d.order(set("a", 0, 0)).then("stop 1; stop 2; ok");
    d.at(3600.0).when(Event::Tick).then("");
    assert_eq!(d.next_deadline_in(), None);
}

#[test]
fn a_process_that_was_not_even_spawned_yet_goes_before_a_busy_one() {
    let mut d = driver([job("a", 1, 3)]);
    d.is(1, ActivityState::Busy, 0);
    d.looked(&[("a", 2, 1)]).then("spawn a#2");
    d.order(set("a", 0, 1)).then("ok");
    d.spawned(2).then("stop 2");
    d.exited(2, ExitStatus::Code(0)).then("");
}

#[test]
fn a_draining_process_takes_up_a_place_until_it_has_exited() {
    let mut d = driver([job("a", 2, 2)]);
    d.is(1, ActivityState::Busy, 0);
    d.order(set("a", 0, 0)).then("stop 2; stop 1; ok");
    d.order(set("a", 2, 2)).then("ok");
    d.exited(2, ExitStatus::Code(0)).then("spawn a#3");
    d.exited(1, ExitStatus::Code(0)).then("spawn a#4");
}

#[test]
fn a_raised_maximum_gives_room_to_what_is_missing() {
    let mut d = driver([job("a", 1, 1)]);
    d.order(Order::Stop { pids: vec![101] }).then("stop 1; ok");
    d.order(Order::SetMax { job: "a".into(), max: 2 }).then("spawn a#2; ok");
    d.exited(1, ExitStatus::Code(0)).then("");
}

#[test]
fn setting_what_is_already_set_changes_nothing() {
    let mut d = driver([job("a", 1, 2)]);
    d.order(set("a", 1, 2)).then("ok");
    assert!(!d.job("a").limits_changed);
}
