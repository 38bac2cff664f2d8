//! Classic scaling: the original's rules, on sums over functions and on processes.

use super::*;

#[test]
fn waiting_jobs_start_processes_up_to_the_maximum() {
    let mut d = driver([job("a", 0, 3)]);
    d.looked(&[("a", 2, 0)]).then("spawn a#1; spawn a#2");
    let mut d = driver([job("a", 0, 3)]);
    d.looked(&[("a", 50, 0)]).then("spawn a#1; spawn a#2; spawn a#3");
}

#[test]
fn running_jobs_are_not_waiting_jobs() {
    let mut d = driver([job("a", 1, 9)]);
    d.looked(&[("a", 1, 1)]).then("");
    d.looked(&[("a", 3, 1)]).then("spawn a#2; spawn a#3");
}

#[test]
fn a_waiting_job_is_not_served_twice() {
    let mut d = driver([job("a", 0, 9)]);
    d.looked(&[("a", 1, 0)]).then("spawn a#1");
    d.looked(&[("a", 1, 0)]).then("");
    d.spawned(1).then("");
    d.looked(&[("a", 1, 0)]).then("");
}

#[test]
fn while_a_process_is_without_a_job_no_other_is_started() {
    let mut d = driver([job("a", 2, 9)]);
    d.is(1, ActivityState::Busy, 0);
    d.looked(&[("a", 4, 1)]).then("");
    d.is(2, ActivityState::Busy, 0);
    d.looked(&[("a", 4, 2)]).then("spawn a#3; spawn a#4");
}

#[test]
fn jobs_that_other_drivers_run_open_the_gate_and_do_not_wait() {
    let mut d = driver([job("a", 1, 9)]);
    d.looked(&[("a", 7, 5)]).then("spawn a#2; spawn a#3");
}

#[test]
fn short_jobs_do_not_starve_behind_a_long_one_of_their_group() {
    let mut d = driver([group("g", &["long", "short"], 1, 10)]);
    d.is(1, ActivityState::Busy, 0);
    d.looked(&[("long", 1, 1), ("short", 5, 0)]).then("spawn g#2; spawn g#3; spawn g#4; spawn g#5; spawn g#6");
}

#[test]
fn an_idle_function_does_not_stop_the_processes_of_its_busy_sibling() {
    let mut d = driver([group("g", &["busy", "idle"], 0, 10)]);
    let answer = d.looked(&[("busy", 2, 0), ("idle", 0, 0)]);
    d.bring_up(&answer);
    for second in [5.0, 10.0, 15.0] {
        d.at(second).looked(&[("busy", 2, 2), ("idle", 0, 0)]).then("");
    }
}

#[test]
fn surplus_goes_when_nothing_waits() {
    let mut d = driver([job("a", 1, 9)]);
    let answer = d.looked(&[("a", 3, 1)]);
    d.bring_up(&answer);
    d.at(5.0).looked(&[("a", 1, 1)]).then("");
    d.at(10.0).looked(&[("a", 0, 0)]).then("stop 1; stop 2");
}

#[test]
fn surplus_with_a_job_in_hand_stays() {
    let mut d = driver([job("a", 0, 9)]);
    let answer = d.looked(&[("a", 2, 0)]);
    d.bring_up(&answer);
    d.is(1, ActivityState::Busy, 0);
    d.is(2, ActivityState::Busy, 0);
    d.at(5.0).looked(&[("a", 0, 0)]).then("");
    d.is(2, ActivityState::Idle, 1);
    d.at(10.0).looked(&[("a", 0, 0)]).then("stop 2");
}

fn patient(seconds: u64) -> Settings {
    Settings { max_idle_time: Duration::from_secs(seconds), ..Settings::default() }
}

#[test]
fn surplus_waits_for_max_idle_time_after_the_last_run() {
    let mut d = driver_with(patient(60), [job("a", 0, 9)]);
    let answer = d.looked(&[("a", 2, 0)]);
    d.bring_up(&answer);
    d.at(3.0).is(1, ActivityState::Idle, 1);
    d.at(20.0).is(2, ActivityState::Idle, 1);
    d.at(70.0).looked(&[("a", 0, 0)]).then("");
    d.at(79.9).looked(&[("a", 0, 0)]).then("");
    d.at(80.0).looked(&[("a", 0, 0)]).then("stop 1; stop 2");
}

#[test]
fn a_process_that_never_ran_has_been_idle_since_its_start() {
    let mut d = driver_with(patient(60), [job("a", 0, 9)]);
    let answer = d.at(10.0).looked(&[("a", 1, 0)]);
    d.bring_up(&answer);
    d.at(65.0).is(1, ActivityState::Idle, 0);
    d.at(69.0).looked(&[("a", 0, 0)]).then("");
    d.at(70.0).looked(&[("a", 0, 0)]).then("stop 1");
}

#[test]
fn a_process_that_never_ran_outlives_its_siblings_last_run() {
    let mut d = driver_with(patient(60), [job("a", 0, 9)]);
    let answer = d.looked(&[("a", 1, 0)]);
    d.bring_up(&answer);
    d.at(1.0).is(1, ActivityState::Idle, 1);
    let answer = d.at(50.0).looked(&[("a", 2, 1)]);
    d.bring_up(&answer);
    d.at(62.0).looked(&[("a", 0, 0)]).then("stop 1");
    d.at(110.0).looked(&[("a", 0, 0)]).then("stop 2");
}

#[test]
fn max_idle_time_of_the_job_overrides_the_drivers() {
    let own = JobDeclaration { max_idle_time: Some(Duration::from_secs(5)), ..job("a", 0, 9) };
    let mut d = driver_with(patient(60), [own, job("b", 0, 9)]);
    let answer = d.looked(&[("a", 1, 0), ("b", 1, 0)]);
    d.bring_up(&answer);
    d.at(5.0).looked(&[]).then("stop 1");
    d.at(60.0).looked(&[]).then("stop 2");
}

#[test]
fn what_stopped_surplus_leaves_is_not_started_again() {
    let mut d = driver([job("a", 0, 9)]);
    let answer = d.looked(&[("a", 1, 0)]);
    d.bring_up(&answer);
    d.at(5.0).looked(&[]).then("stop 1");
    d.exited(1, ExitStatus::Code(0)).then("");
    d.at(10.0).looked(&[]).then("");
}

#[test]
fn on_news_in_part_nothing_is_stopped_and_what_is_seen_waiting_is_served() {
    let mut d = driver([job("a", 0, 9)]);
    let answer = d.looked(&[("a", 1, 0)]);
    d.bring_up(&answer);
    d.at(5.0).looked_in_part(&[("a", 0, 0)]).then("");
    d.at(10.0).looked_in_part(&[]).then("");
    d.at(15.0).looked_in_part(&[("a", 2, 1)]).then("spawn a#2");
}

#[test]
fn jobs_of_a_server_that_does_not_answer_do_not_hide_what_waits_at_the_others() {
    let mut d = driver([job("a", 0, 9)]);
    let answer = d.looked(&[("a", 1, 0)]);
    d.bring_up(&answer);
    d.is(1, ActivityState::Busy, 0);
    d.at(5.0).looked_in_part(&[("a", 2, 0)]).then("spawn a#2; spawn a#3");
}

#[test]
fn the_last_look_is_in_the_snapshot_with_its_reason() {
    let mut d = driver([group("g", &["f", "h"], 0, 3)]);
    d.looked(&[("f", 4, 1), ("h", 2, 0)]).then("spawn g#1; spawn g#2; spawn g#3");
    let seen = d.job("g");
    assert_eq!(seen.queue.unwrap().status, FunctionStatus { queue: 6, busy: 1, running: 1 });
    assert_eq!(seen.spawning, 3);
    insta::assert_snapshot!(seen.decision.unwrap().reason, @"5 waiting, no process without a job: start 3");
}

#[test]
fn a_function_that_no_job_has_is_reported_at_each_look_while_jobs_wait() {
    let mut d = driver([job("a", 0, 1)]);
    d.looked(&[("new", 1, 0), ("old", 0, 0)]).then("unknown new");
    d.looked(&[("new", 1, 0)]).then("unknown new");
    d.looked(&[("new", 0, 0)]).then("");
}
