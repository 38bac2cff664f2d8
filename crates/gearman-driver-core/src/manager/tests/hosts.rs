//! The host is lost, and comes back.

use super::*;

#[test]
fn a_first_host_that_fails_ends_the_driver() {
    let mut d = Driver::new(Settings::default());
    d.when(Event::Started).then("start host 1");
    d.host_failed("my_app::workers::Image: no model").then("exit 1: my_app::workers::Image: no model");
    d.when(Event::Tick).then("");
    d.signal(Signal::Term).then("");
    d.order(set("a", 1, 1)).then("refused: invalid_job_name: a");
}

#[test]
fn adopted_processes_go_on_and_what_is_missing_waits_for_the_new_host() {
    let mut d = driver([job("a", 3, 3)]);
    d.at(60.0).host_gone(&[1], &[2, 3]).then("start host 2");
    d.at(61.0).looked(&[("a", 5, 1)]).then("");
    d.host_ready([job("a", 3, 3)]).then("spawn a#4; spawn a#5");
    assert_eq!(d.job("a").processes[0].pid, 101);
    d.at(70.0).exited(1, ExitStatus::Signal(11)).then("spawn a#6");
}

#[test]
fn a_spawn_that_the_host_took_with_it_is_made_again() {
    let mut d = driver([job("a", 0, 2)]);
    d.looked(&[("a", 2, 0)]).then("spawn a#1; spawn a#2");
    d.at(60.0).host_gone(&[1], &[2]).then("start host 2");
    assert_eq!(d.job("a").processes[0].pid, 101);
    d.host_ready([job("a", 0, 2)]).then("spawn a#3");
}

#[test]
fn a_process_that_should_have_stopped_is_stopped_when_adopted() {
    let mut d = driver([job("a", 0, 2)]);
    d.looked(&[("a", 1, 0)]).then("spawn a#1");
    d.order(set("a", 0, 0)).then("ok");
    d.at(60.0).host_gone(&[1], &[]).then("stop 1; start host 2");
}

#[test]
fn what_was_asked_of_a_process_is_asked_again_when_it_is_adopted_for_it_may_be_lost_with_the_host() {
    let mut d = driver([job("a", 2, 2)]);
    d.at(60.0).order(Order::Stop { pids: vec![pid(1)] }).then("stop 1; ok");
    d.host_gone(&[1, 2], &[]).then("stop 1; start host 2");

    let mut d = driver([job("a", 1, 1)]);
    d.signal(Signal::Quit).then("kill 1");
    d.host_gone(&[1], &[]).then("kill 1");
}

#[test]
fn a_process_that_is_in_neither_list_counts_as_ended() {
    let mut d = driver([job("a", 2, 2)]);
    d.at(60.0).host_gone(&[1], &[]).then("start host 2");
    d.host_ready([job("a", 2, 2)]).then("spawn a#3");
}

#[test]
fn losing_processes_with_the_host_is_no_crash_of_theirs() {
    let mut d = driver([job("a", 1, 1)]);
    d.host_gone(&[], &[1]).then("start host 2");
    d.host_ready([job("a", 1, 1)]).then("spawn a#2");
    d.spawned(2).then("");
    d.exited(2, ExitStatus::Code(1)).then("spawn a#3");
}

#[test]
fn a_host_that_dies_again_and_again_is_held_back() {
    let mut d = driver([job("a", 0, 1)]);
    d.at(1.0).host_gone(&[], &[]).then("start host 2");
    d.at(2.0).host_failed("cannot load").then("");
    let wait = d.next_deadline_in().unwrap();
    assert!((1.0..=1.1).contains(&wait), "{wait}");
    d.tick().then("start host 3");
    d.host_ready([job("a", 0, 1)]).then("");
    d.host_gone(&[], &[]).then("");
    assert!(d.next_deadline_in().unwrap() >= 2.0);
    d.tick().then("start host 4");
    d.host_ready([job("a", 0, 1)]).then("");
    d.at(100.0).host_gone(&[], &[]).then("start host 5");
}

#[test]
fn limits_that_an_operator_set_stay() {
    let mut d = driver([job("a", 1, 5), job("b", 1, 5)]);
    d.order(set("a", 2, 3)).then("spawn a#3; ok");
    d.spawned(3).then("");
    d.at(60.0).host_gone(&[1, 2, 3], &[]).then("start host 2");
    d.host_ready([job("a", 1, 9), job("b", 2, 2)]).then("spawn b#4");
    assert_eq!(d.job("a").limits, Limits::new(2, 3).unwrap());
    assert_eq!(d.job("b").limits, Limits::new(2, 2).unwrap());
}

#[test]
fn jobs_that_vanished_are_stopped_and_forgotten() {
    let mut d = driver([job("a", 1, 1), job("b", 1, 1)]);
    d.at(60.0).host_gone(&[1, 2], &[]).then("start host 2");
    d.log();
    d.host_ready([job("b", 1, 1), job("c", 1, 1)]).then("stop 1; spawn c#3");
    insta::assert_snapshot!(d.log(), @"
    DEBUG Added new job: c (processes: 1)
    WARN The worker code no longer has the job a: its processes are stopped
    DEBUG Stopping 1 process(es) of type a (idle: 60)
    INFO (101) [a] Process killed
    DEBUG Starting 1 new process(es) of type c
    ");
    assert!(d.job("a").retired);
    d.order(set("a", 1, 1)).then("refused: invalid_job_name: a");
    d.looked(&[("a", 1, 0)]).then("unknown a");
    d.exited(1, ExitStatus::Code(0)).then("");
    assert_eq!(d.snapshot().job("a"), None);
}

#[test]
fn a_process_of_a_lost_host_is_not_lost_again_with_the_next_one() {
    let mut d = driver([job("a", 1, 1)]);
    d.at(60.0).host_gone(&[1], &[]).then("start host 2");
    d.host_ready([job("a", 1, 1)]).then("");
    d.at(120.0).host_gone(&[], &[]).then("start host 3");
    assert_eq!(d.job("a").processes.len(), 1);
}
