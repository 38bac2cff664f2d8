//! Orders: each answered once, after it has taken effect.

use super::*;

#[test]
fn stop_lets_each_process_finish_and_replaces_it() {
    let mut d = driver([job("a", 2, 3)]);
    d.log();
    d.order(Order::Stop { pids: vec![101] }).then("stop 1; spawn a#3; ok");
    d.exited(1, ExitStatus::Code(0)).then("");
    insta::assert_snapshot!(d.log(), @"
    INFO (101) [a] Process killed
    DEBUG Starting 1 new process(es) of type a
    INFO (101) [a] Exited with status 0
    ");
}

#[test]
fn without_room_the_replacement_waits_for_the_exit() {
    let mut d = driver([job("a", 2, 2)]);
    d.order(Order::Stop { pids: vec![101, 102] }).then("stop 1; stop 2; ok");
    d.exited(2, ExitStatus::Code(0)).then("spawn a#3");
    d.exited(1, ExitStatus::Code(0)).then("spawn a#4");
}

#[test]
fn what_was_stopped_above_the_minimum_is_not_replaced() {
    let mut d = driver([job("a", 0, 5)]);
    let answer = d.looked(&[("a", 2, 0)]);
    d.bring_up(&answer);
    d.order(Order::Stop { pids: vec![102] }).then("stop 2; ok");
    d.exited(2, ExitStatus::Code(0)).then("");
}

#[test]
fn pids_of_others_are_passed_over_unless_none_is_ours() {
    let mut d = driver([job("a", 1, 2)]);
    d.order(Order::Stop { pids: vec![1, 101, 9999] }).then("stop 1; spawn a#2; ok");
    d.order(Order::Stop { pids: vec![1, 9999] }).then("refused: invalid_value: the given PID(s) do not belong to us");
    d.order(Order::Stop { pids: vec![] }).then("refused: invalid_value: the given PID(s) do not belong to us");
}

#[test]
fn stopping_twice_changes_nothing() {
    let mut d = driver([job("a", 0, 5)]);
    let answer = d.looked(&[("a", 3, 0)]);
    d.bring_up(&answer);
    d.order(Order::Stop { pids: vec![101] }).then("stop 1; ok");
    d.order(Order::Stop { pids: vec![101] }).then("ok");
    assert_eq!(d.job("a").target, 2);
}

#[test]
fn killall_checks_all_names_before_it_touches_any() {
    let mut d = driver([job("a", 1, 1), job("b", 1, 1)]);
    let named = |names: &[&str]| Order::KillAll(JobSelection::Named(names.iter().map(ToString::to_string).collect()));
    d.order(named(&["a", "x", "y"])).then("refused: invalid_job_name: x");
    d.order(named(&[])).then("refused: invalid_value: no job_names given");
    d.order(named(&["b", "b"])).then("stop 2; ok");
    d.order(Order::KillAll(JobSelection::All)).then("stop 1; ok");
}

#[test]
fn killall_reaches_processes_that_are_being_spawned() {
    let mut d = driver([job("a", 0, 2)]);
    d.looked(&[("a", 2, 0)]).then("spawn a#1; spawn a#2");
    d.order(Order::KillAll(JobSelection::All)).then("ok");
    d.spawned(1).then("stop 1");
    d.spawned(2).then("stop 2");
}

#[test]
fn refusals_are_the_consoles_words() {
    let mut d = driver([job("a", 2, 4)]);
    d.order(Order::SetMin { job: "x".into(), min: 1 }).then("refused: invalid_job_name: x");
    d.order(Order::SetMin { job: "a".into(), min: 5 })
        .then("refused: invalid_value: min_processes must be smaller than max_processes");
    d.order(Order::SetMax { job: "a".into(), max: 1 })
        .then("refused: invalid_value: max_processes must be greater than min_processes");
    d.order(set("a", 3, 2)).then("refused: invalid_value: max_processes must be greater than min_processes");
    d.order(Order::SetMax { job: "a".into(), max: 65_536 })
        .then("refused: invalid_value: max_processes must be <= 65535");
    d.order(set("a", 70_000, 70_000)).then("refused: invalid_value: min_processes must be <= 65535");
    assert!(!d.job("a").limits_changed);
}

#[test]
fn equal_bounds_are_allowed() {
    let mut d = driver([job("a", 1, 2)]);
    d.order(Order::SetMin { job: "a".into(), min: 2 }).then("spawn a#2; ok");
    d.order(Order::SetMax { job: "a".into(), max: 2 }).then("ok");
}

#[test]
fn a_lowered_minimum_leaves_the_surplus_to_the_next_look() {
    let mut d = driver([job("a", 2, 2)]);
    d.order(set("a", 0, 2)).then("ok");
    d.at(5.0).looked(&[("a", 0, 0)]).then("stop 1; stop 2");
}

#[test]
fn shutdown_is_answered_before_anything_is_stopped() {
    let mut d = driver([job("a", 1, 1)]);
    d.order(Order::Shutdown).then("ok; stop 1");
    d.order(Order::Shutdown).then("ok");
    d.exited(1, ExitStatus::Code(0)).then("stop host 1");
}

fn add(job: &str) -> Order {
    Order::AddProcess { job: job.to_owned() }
}

fn remove(job: &str) -> Order {
    Order::RemoveProcess { job: job.to_owned() }
}

#[test]
fn processes_are_added_one_by_one_up_to_the_maximum() {
    let mut d = driver([job("a", 1, 3)]);
    d.order(add("a")).then("spawn a#2; ok");
    d.spawned(2).then("");
    d.order(add("a")).then("spawn a#3; ok");
    d.order(add("a")).then("refused: invalid_value: max_processes is reached");
    d.order(add("x")).then("refused: invalid_job_name: x");
    assert_eq!(d.job("a").target, 3);
}

#[test]
fn an_idle_process_is_removed_first_and_none_below_the_minimum() {
    let mut d = driver([job("a", 1, 3)]);
    let answer = d.order(add("a"));
    d.bring_up(&answer);
    let answer = d.order(add("a"));
    d.bring_up(&answer);
    d.at(1.0).is(1, ActivityState::Busy, 0);
    d.at(2.0).is(2, ActivityState::Busy, 0);
    d.at(3.0).order(remove("a")).then("stop 3; ok");
    d.order(remove("a")).then("stop 1; ok");
    d.order(remove("a")).then("refused: invalid_value: min_processes is reached");
    d.order(remove("x")).then("refused: invalid_job_name: x");
}

#[test]
fn an_added_process_waits_for_room_and_for_the_host() {
    let mut d = driver([job("a", 0, 1)]);
    let answer = d.order(add("a"));
    d.bring_up(&answer);
    d.order(remove("a")).then("stop 1; ok");
    d.order(add("a")).then("ok");
    d.exited(1, ExitStatus::Code(0)).then("spawn a#2");
    d.host_gone(&[], &[2]).then("start host 2");
    d.order(remove("a")).then("ok");
    d.order(add("a")).then("ok");
    d.host_ready([job("a", 0, 1)]).then("spawn a#3");
}

#[test]
fn an_added_process_is_surplus_once_it_was_idle_for_max_idle_time() {
    let mut d = driver([job("a", 0, 2)]);
    d.order(Order::SetMaxIdleTime(Duration::from_secs(10))).then("ok");
    assert_eq!(d.snapshot().max_idle_time, Duration::from_secs(10));
    let answer = d.order(add("a"));
    d.bring_up(&answer);
    d.at(9.0).looked(&[]).then("");
    d.at(11.0).looked(&[]).then("stop 1");
}

#[test]
fn no_process_is_added_or_removed_while_the_driver_ends() {
    let mut d = driver([job("a", 1, 3)]);
    d.signal(Signal::Term).then("stop 1");
    let refused = "refused: shutting_down: the driver ends as soon as its processes have finished their jobs";
    d.order(add("a")).then(refused);
    d.order(remove("a")).then(refused);
}

fn pause(job: &str) -> Order {
    Order::Pause { job: job.to_owned() }
}

fn resume(job: &str) -> Order {
    Order::Resume { job: job.to_owned() }
}

#[test]
fn a_paused_job_has_no_process_until_it_is_resumed() {
    let mut d = driver([job("a", 1, 4)]);
    d.looked(&[("a", 3, 1)]).then("spawn a#2; spawn a#3");
    d.spawned(2).then("");
    d.spawned(3).then("");
    d.order(pause("a")).then("stop 2; stop 3; stop 1; ok");
    d.order(pause("a")).then("ok");
    assert!(d.job("a").paused && !d.job("a").limits_changed);
    for process in 1..=3 {
        d.exited(process, ExitStatus::Code(0)).then("");
    }
    d.looked(&[("a", 9, 0)]).then("");
    d.order(add("a")).then("refused: invalid_value: the job is paused, resume it first");
    d.order(remove("a")).then("refused: invalid_value: min_processes is reached");
    d.order(set("a", 2, 5)).then("ok");
    d.order(resume("a")).then("spawn a#4; spawn a#5; spawn a#6; ok");
    d.order(resume("a")).then("ok");
    assert!(!d.job("a").paused);
    d.order(pause("x")).then("refused: invalid_job_name: x");
}

#[test]
fn a_process_that_is_being_started_when_its_job_is_paused_ends_and_bounds_hold_when_it_goes_on() {
    let mut d = driver([job("a", 0, 4)]);
    d.looked(&[("a", 3, 0)]).then("spawn a#1; spawn a#2; spawn a#3");
    d.order(pause("a")).then("ok");
    d.spawned(1).then("stop 1");
    d.spawn_failed(2).then("");
    d.spawned(3).then("stop 3");
    d.order(set("a", 0, 1)).then("ok");
    d.order(resume("a")).then("ok");
    d.exited(1, ExitStatus::Code(0)).then("");
    d.exited(3, ExitStatus::Code(0)).then("spawn a#4");
}
