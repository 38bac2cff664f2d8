//! Processes that end: replaced at once, unless they die at once again and again.

use super::*;

const CRASH: ExitStatus = ExitStatus::Signal(11);

#[test]
fn a_process_that_dies_unasked_is_replaced_at_once() {
    let mut d = driver([job("a", 1, 1)]);
    d.at(10.0).exited(1, CRASH).then("spawn a#2");
    d.spawned(2).then("");
    d.at(20.0).exited(2, ExitStatus::Code(1)).then("spawn a#3");
}

#[test]
fn a_process_above_the_minimum_is_replaced_too() {
    let mut d = driver([job("a", 0, 5)]);
    let answer = d.looked(&[("a", 2, 0)]);
    d.bring_up(&answer);
    d.at(10.0).exited(1, CRASH).then("spawn a#3");
}

#[test]
fn an_exit_that_was_asked_for_is_no_crash() {
    let mut d = driver([job("a", 1, 1)]);
    for process in 1..10 {
        d.order(Order::Stop { pids: vec![pid(process)] }).then(&format!("stop {process}; ok"));
        d.exited(process, CRASH).then(&format!("spawn a#{}", process + 1));
        d.spawned(process + 1).then("");
    }
    assert_eq!(d.job("a").failing, None);
}

#[test]
fn a_clean_exit_after_work_is_no_crash() {
    let mut d = driver([job("a", 1, 1)]);
    for process in 1..10 {
        d.exited_as(process, ExitStatus::Code(0), ActivityState::Draining, 1).then(&format!("spawn a#{}", process + 1));
        d.spawned(process + 1).then("");
    }
    assert_eq!(d.job("a").failing, None);
}

#[test]
fn a_process_killed_from_outside_while_idle_is_replaced_at_once_each_time() {
    let mut d = driver([job("a", 1, 1)]);
    for process in 1..=20 {
        d.exited_as(process, ExitStatus::Signal(9), ActivityState::Idle, 0).then(&format!("spawn a#{}", process + 1));
        d.spawned(process + 1).then("");
    }
    // But not for ever at full speed.
    d.exited_as(21, ExitStatus::Signal(9), ActivityState::Idle, 0).then("spawn a#22");
    d.spawned(22).then("");
    d.exited_as(22, ExitStatus::Signal(9), ActivityState::Idle, 0).then("");
}

#[test]
fn dying_at_once_again_and_again_is_held_back_for_growing_times() {
    let mut d = driver([job("a", 1, 1)]);
    d.exited(1, CRASH).then("spawn a#2");
    let mut process = 2;
    for nominal in [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0] {
        d.spawned(process).then("");
        d.exited(process, CRASH).then("");
        let wait = d.next_deadline_in().unwrap();
        assert!((nominal..=nominal * 1.1).contains(&wait) && wait <= 30.0, "{wait} for {nominal}");
        process += 1;
        d.tick().then(&format!("spawn a#{process}"));
    }
}

#[test]
fn an_exit_in_the_first_job_counts_as_dying_at_once_whatever_the_status() {
    let mut d = driver([job("a", 1, 1)]);
    d.exited_as(1, ExitStatus::Code(0), ActivityState::Busy, 0).then("spawn a#2");
    d.spawned(2).then("");
    d.exited_as(2, ExitStatus::Code(0), ActivityState::Busy, 0).then("");
    assert_eq!(d.job("a").failing.unwrap().times, 2);
}

#[test]
fn what_is_held_back_shows_as_failing_and_in_the_log() {
    let mut d = driver([job("a", 1, 1)]);
    d.exited(1, CRASH).then("spawn a#2");
    assert_eq!(d.job("a").failing, None);
    d.spawned(2).then("");
    d.log();
    d.exited(2, CRASH).then("");
    let failing = d.job("a").failing.unwrap();
    assert_eq!(failing.times, 2);
    assert!(failing.held_until > Time::START + Duration::from_secs(1));
    insta::assert_snapshot!(d.log(), @"
    INFO (102) [a] Exited with status 11 (by signal 11)
    WARN Processes of type a end as soon as they start, 2 times in a row: the next one in 1.0 s
    ");
}

#[test]
fn what_lives_and_is_all_that_is_wanted_by_now_is_not_failing() {
    let mut d = driver([job("a", 2, 2)]);
    d.at(10.0).exited(1, CRASH).then("spawn a#3");
    d.spawned(3).then("");
    // The first was a good run; these are not.
    d.exited(3, CRASH).then("spawn a#4");
    d.spawned(4).then("");
    d.exited(4, CRASH).then("");
    assert!(d.job("a").failing.is_some());
    d.order(set("a", 1, 1)).then("ok");
    assert_eq!(d.job("a").failing, None, "process 2 is all that is wanted, and lives");
    // What is known of its processes is remembered: the next one comes when it would have come.
    let held = d.manager.next_deadline();
    d.order(set("a", 2, 2)).then("ok");
    assert_eq!((held, d.job("a").failing.unwrap().times), (None, 2));
    d.tick().then("spawn a#5");
    assert_eq!(d.job("a").failing.unwrap().times, 2, "on trial");
    d.spawned(5).then("");
    d.exited(5, CRASH).then("");
    assert_eq!(d.job("a").failing.unwrap().times, 3);
    d.order(set("a", 0, 0)).then("stop 2; ok");
    d.exited(2, ExitStatus::Code(0)).then("");
    assert_eq!(d.job("a").failing, None, "nobody wants any");
}

#[test]
fn of_starts_that_fail_together_one_is_told() {
    let mut d = Driver::new(Settings::default());
    d.when(Event::Started).then("start host 1");
    d.host_ready([job("a", 3, 3)]).then("spawn a#1; spawn a#2; spawn a#3");
    d.log();
    d.spawned(1).then("");
    d.spawn_failed(2).then("spawn a#4");
    d.spawn_failed(3).then("spawn a#5");
    d.spawn_failed(4).then("");
    d.spawn_failed(5).then("");
    assert_eq!(d.job("a").failing.unwrap().failure, crate::snapshot::Failure::NotStarted);
    insta::assert_snapshot!(d.log(), @"
    INFO (101) [a] Process started
    ERROR Could not start a process of type a: no memory
    DEBUG Starting 1 new process(es) of type a
    DEBUG Could not start a process of type a: no memory
    DEBUG Starting 1 new process(es) of type a
    ERROR Could not start a process of type a: no memory
    WARN Processes of type a can't be started, 2 times in a row: the next one in 1.1 s
    DEBUG Could not start a process of type a: no memory
    ");
    d.tick().then("spawn a#6; spawn a#7");
}

#[test]
fn a_good_run_resets_the_delays() {
    let mut d = driver([job("a", 1, 1)]);
    d.exited(1, CRASH).then("spawn a#2");
    d.spawned(2).then("");
    d.exited(2, CRASH).then("");
    d.tick().then("spawn a#3");
    d.spawned(3).then("");
    assert_eq!(d.next_deadline_in(), Some(2.0));
    d.tick().then("");
    assert_eq!(d.job("a").failing, None);
    d.exited(3, CRASH).then("spawn a#4");
}

#[test]
fn a_job_that_was_answered_is_a_good_run() {
    let mut d = driver([job("a", 1, 1)]);
    d.exited(1, CRASH).then("spawn a#2");
    d.spawned(2).then("");
    d.exited(2, CRASH).then("");
    d.tick().then("spawn a#3");
    d.spawned(3).then("");
    d.is(3, ActivityState::Idle, 1);
    assert_eq!(d.job("a").failing, None);
}

#[test]
fn a_burst_that_dies_together_is_one_failure() {
    let mut d = driver([job("a", 3, 3)]);
    d.exited(1, CRASH).then("spawn a#4");
    d.exited(2, CRASH).then("spawn a#5");
    d.exited(3, CRASH).then("spawn a#6");
    for process in 4..=6 {
        d.spawned(process).then("");
    }
    d.exited(4, CRASH).then("");
    d.exited(5, CRASH).then("");
    d.exited(6, CRASH).then("");
    assert_eq!(d.job("a").failing.unwrap().times, 2);
    d.tick().then("spawn a#7; spawn a#8; spawn a#9");
}

#[test]
fn other_jobs_do_not_feel_it() {
    let mut d = driver([job("a", 1, 1), job("b", 1, 1)]);
    d.exited(1, CRASH).then("spawn a#3");
    d.spawned(3).then("");
    d.exited(3, CRASH).then("");
    d.at(0.5).exited(2, CRASH).then("spawn b#4");
}

#[test]
fn waiting_jobs_and_orders_do_not_break_the_hold() {
    let mut d = driver([job("a", 1, 5)]);
    d.exited(1, CRASH).then("spawn a#2");
    d.spawned(2).then("");
    d.exited(2, CRASH).then("");
    d.looked(&[("a", 3, 0)]).then("");
    d.order(Order::SetMin { job: "a".into(), min: 2 }).then("ok");
    d.tick().then("spawn a#3; spawn a#4; spawn a#5");
}

#[test]
fn replacements_that_nobody_waits_for_any_more_are_given_up() {
    let mut d = driver([job("a", 0, 5)]);
    let answer = d.looked(&[("a", 1, 0)]);
    d.bring_up(&answer);
    d.exited(1, CRASH).then("spawn a#2");
    d.spawned(2).then("");
    d.exited(2, CRASH).then("");
    d.at(0.5).looked(&[("a", 0, 0)]).then("");
    assert_eq!(d.next_deadline_in(), None);
    d.at(5.0).when(Event::Tick).then("");
}

#[test]
fn spawns_that_fail_back_off_the_same_way() {
    let mut d = Driver::new(Settings::default());
    d.when(Event::Started).then("start host 1");
    d.host_ready([job("a", 1, 1)]).then("spawn a#1");
    d.spawn_failed(1).then("spawn a#2");
    d.spawn_failed(2).then("");
    d.tick().then("spawn a#3");
    d.spawn_failed(3).then("");
    assert!(d.next_deadline_in().unwrap() >= 2.0);
}

#[test]
fn a_process_that_drains_by_itself_is_replaced_where_there_is_room() {
    let mut d = driver([job("a", 1, 2)]);
    let drains = d.at(3.0).activity(ActivityState::Draining, 5);
    d.when(Event::Observed { processes: vec![(ProcessId(1), drains)] }).then("spawn a#2");
    d.exited(1, ExitStatus::Code(0)).then("");
}

#[test]
fn news_of_processes_that_are_gone_is_passed_over() {
    let mut d = driver([job("a", 1, 1)]);
    d.at(10.0).exited(1, CRASH).then("spawn a#2");
    d.exited(1, CRASH).then("");
    d.spawned(1).then("");
    d.is(1, ActivityState::Idle, 5);
    d.spawned(99).then("");
    assert_eq!(d.job("a").processes.len(), 0);
}
