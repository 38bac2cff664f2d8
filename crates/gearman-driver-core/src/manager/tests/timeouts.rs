//! Jobs that take too long, and how long a shutdown waits for whom.

use super::*;

fn timed(name: &str, max: u32, timeout: f64) -> JobDeclaration {
    JobDeclaration { timeout: Some(Duration::from_secs_f64(timeout)), ..job(name, 1, max) }
}

/// What a process says of a job that it began at `began`.
fn busy(d: &Driver, began: f64) -> Activity {
    let mut activity = d.activity(ActivityState::Busy, 0);
    activity.current.as_mut().unwrap().started = Time::after_start(Duration::from_secs_f64(began));
    activity
}

fn observe(d: &mut Driver, id: u64, activity: Activity) -> Answer {
    d.when(Event::Observed { processes: vec![(ProcessId(id), activity)] })
}

#[test]
fn a_process_that_still_has_its_job_after_timeout_and_grace_is_killed_and_replaced() {
    let mut d = driver([timed("a", 2, 30.0)]);
    d.at(10.0);
    let activity = busy(&d, 7.0);
    observe(&mut d, 1, activity.clone()).then("");
    assert_eq!(d.next_deadline_in(), Some(32.0));
    d.at(41.9);
    observe(&mut d, 1, activity.clone()).then("");
    d.at(42.0).log();
    observe(&mut d, 1, activity).then("kill 1; spawn a#2");
    insta::assert_snapshot!(d.log(), @"
    WARN (101) [a] Process killed: its job has taken 35.0 s, and its timeout is 30 s (and 5 s of grace), in f (H:here:7)
    DEBUG Starting 1 new process(es) of type a
    ");
    d.exited(1, ExitStatus::Signal(9)).then("");
    assert_eq!(d.job("a").failing, None, "no crash");
}

#[test]
fn where_there_is_no_room_beside_it_the_replacement_waits_for_its_end() {
    let mut d = driver([timed("a", 1, 1.0)]);
    d.at(6.0);
    let activity = busy(&d, 0.0);
    observe(&mut d, 1, activity).then("kill 1");
    d.exited(1, ExitStatus::Signal(9)).then("spawn a#2");
}

#[test]
fn a_job_that_began_after_the_last_look_is_looked_for_in_time() {
    let mut d = driver([timed("a", 1, 10.0)]);
    d.at(3.0).is(1, ActivityState::Idle, 0);
    // It may begin at once, so it may be overdue 15 s later.
    assert_eq!(d.next_deadline_in(), Some(15.0));
    d.at(18.0);
    let activity = busy(&d, 4.0);
    observe(&mut d, 1, activity.clone()).then("");
    d.when(Event::Tick).then("");
    assert_eq!(d.next_deadline_in(), Some(1.0));
    d.at(19.0);
    observe(&mut d, 1, activity).then("kill 1");
}

#[test]
fn nobody_is_killed_by_what_was_seen_earlier() {
    let mut d = driver([timed("a", 1, 10.0), job("b", 1, 1)]);
    let activity = busy(&d, 0.0);
    observe(&mut d, 1, activity).then("");
    d.at(16.0).exited(2, ExitStatus::Code(1)).then("spawn b#3");
    assert_eq!(d.next_deadline_in(), Some(0.0), "a look is overdue");
    // It has another job by now.
    let next = busy(&d, 15.5);
    observe(&mut d, 1, next).then("");
    d.when(Event::Tick).then("");
    assert_eq!(d.next_deadline_in(), Some(14.5));
}

#[test]
fn a_process_whose_slot_says_nothing_makes_no_endless_ticks() {
    let mut d = driver([timed("a", 1, 10.0)]);
    let activity = busy(&d, 0.0);
    observe(&mut d, 1, activity).then("");
    d.tick().then("");
    assert_eq!(d.next_deadline_in(), Some(15.0));
    d.tick().then("");
    assert_eq!(d.next_deadline_in(), Some(15.0));
}

#[test]
fn a_job_without_timeout_may_take_for_ever() {
    let mut d = driver([job("a", 1, 1)]);
    d.at(1e6);
    let activity = busy(&d, 0.0);
    observe(&mut d, 1, activity).then("");
    assert_eq!(d.next_deadline_in(), None);
}

#[test]
fn the_timeout_holds_while_a_process_drains_too() {
    let mut d = driver([timed("a", 1, 2.0)]);
    let activity = busy(&d, 0.0);
    observe(&mut d, 1, activity.clone()).then("");
    d.signal(Signal::Term).then("stop 1");
    assert_eq!(d.next_deadline_in(), Some(7.0), "before the shutdown's 25 s");
    d.at(7.0);
    observe(&mut d, 1, activity).then("kill 1");
    assert_eq!(d.next_deadline_in(), Some(5.0), "SIGKILL may not take for ever");
    d.exited(1, ExitStatus::Signal(9)).then("stop host 1");
}

#[test]
fn each_job_has_its_own_time_to_drain() {
    let patient = JobDeclaration { drain_timeout: Some(Duration::from_secs(60)), ..job("patient", 1, 1) };
    let hasty = JobDeclaration { drain_timeout: Some(Duration::from_secs(1)), ..job("hasty", 1, 1) };
    let mut d = driver([hasty, patient]);
    d.log();
    d.signal(Signal::Term).then("stop 1; stop 2");
    assert!(d.log().contains("finish their jobs, for at most 60 s"), "the longest is told");
    assert_eq!(d.next_deadline_in(), Some(25.0), "less than shutdown_timeout shortens nothing");
    d.tick().then("kill 1");
    assert!(d.log().contains("it had not finished after 25 s"));
    d.exited(1, ExitStatus::Signal(9)).then("");
    assert_eq!(d.next_deadline_in(), Some(35.0));
    d.tick().then("kill 2");
    assert!(d.log().contains("it had not finished after 60 s"));
    assert_eq!(d.next_deadline_in(), Some(5.0));
    d.exited(2, ExitStatus::Signal(9)).then("stop host 1");
}

#[test]
fn a_second_term_does_not_wait_for_anybodys_drain_timeout() {
    let mut d = driver([JobDeclaration { drain_timeout: Some(Duration::from_secs(60)), ..job("a", 1, 1) }]);
    d.signal(Signal::Term).then("stop 1");
    d.signal(Signal::Term).then("kill 1");
}

#[test]
fn a_timeout_that_a_shutdown_does_not_wait_for_is_told_at_the_start() {
    let mut d = driver([timed("short", 1, 20.0), timed("long", 1, 30.0), {
        JobDeclaration { drain_timeout: Some(Duration::from_secs(35)), ..timed("enough", 1, 30.0) }
    }]);
    let log = d.log();
    let warnings: Vec<&str> = log.lines().filter(|line| line.starts_with("WARN")).collect();
    insta::assert_snapshot!(warnings.join("\n"), @"WARN Job long: its jobs may take 35 s (a timeout of 30 s and 5 s of grace), but a shutdown kills them after 25 s; give it a drain_timeout of 35 s, or the driver such a shutdown_timeout");
}
