//! Jobs that take their process down again and again.

use super::*;
use crate::manager::{MAX_SUSPECTS, MEMORY, Suspect};
use crate::process::JobAtWork;

const CRASH: ExitStatus = ExitStatus::Signal(11);

/// A job of function `f` by its handle; with a unique where `handle` is `HANDLE/UNIQUE`.
fn work(handle: &str) -> JobAtWork {
    let (handle, unique) = handle.split_once('/').unwrap_or((handle, ""));
    let server = if unique.is_empty() { "a:4730" } else { "" };
    JobAtWork { function: "f".into(), handle: handle.into(), unique: unique.into(), server: server.into() }
}

/// The process that is there dies with that job at work, and the next one comes up; what was asked for.
fn dies(d: &mut Driver, job: &str, at_work: &JobAtWork, status: ExitStatus) -> String {
    let process = d.job(job).processes[0].pid - 100;
    // Each of them had a good run: holding back is not the subject here.
    let mut last = d.activity(ActivityState::Busy, 1);
    last.at_work = Some(Box::new(at_work.clone()));
    let event = Event::Exited { process: ProcessId(u64::from(process)), status, final_activity: Some(last) };
    let answer = d.when(event);
    d.bring_up(&answer);
    answer.0
}

fn answered(d: &mut Driver, number: u64) -> Answer {
    d.when(Event::Answered { suspects: vec![number] })
}

#[test]
fn the_third_death_makes_it_poison_before_the_next_process_starts() {
    let mut d = driver([job("a", 1, 1)]);
    d.log();
    assert_eq!(dies(&mut d, "a", &work("H:1/u"), CRASH), "suspects [H:1:1]; spawn a#2");
    assert_eq!(dies(&mut d, "a", &work("H:1/u"), CRASH), "suspects [H:1:2]; spawn a#3");
    assert_eq!(dies(&mut d, "a", &work("H:1/u"), ExitStatus::Code(134)), "suspects [H:1:3!]; spawn a#4");
    let log = d.log();
    let lines: Vec<&str> = log.lines().filter(|line| line.contains("H:1")).collect();
    insta::assert_snapshot!(lines.join("\n"), @"
    INFO (101) [a] f (handle H:1, unique u) was at work: death 1 of 3
    INFO (102) [a] f (handle H:1, unique u) was at work: death 2 of 3
    WARN (103) [a] Poison job: f (handle H:1, unique u) has taken down 3 process(es), the last one ended with exit code 134: it is failed when it comes again
    ");
}

#[test]
fn a_unique_counts_under_any_handle_and_a_handle_only_at_its_server() {
    let mut d = driver([job("a", 1, 1)]);
    let _ = dies(&mut d, "a", &work("H:1/u"), CRASH);
    assert_eq!(dies(&mut d, "a", &work("H:2/u"), CRASH), "suspects [H:2:2]; spawn a#3");
    let elsewhere = JobAtWork { server: "b:4730".into(), ..work("H:9") };
    let _ = dies(&mut d, "a", &work("H:9"), CRASH);
    assert_eq!(dies(&mut d, "a", &elsewhere, CRASH), "suspects [H:2:2 H:9:1 H:9:1]; spawn a#5");
    let other = JobAtWork { function: "g".into(), ..work("H:2/u") };
    assert!(dies(&mut d, "a", &other, CRASH).contains("H:2:2 H:9:1 H:9:1 H:2:1]"));
}

#[test]
fn an_answer_clears_it_and_one_to_an_earlier_state_does_not() {
    let mut d = driver([job("a", 1, 1)]);
    let _ = dies(&mut d, "a", &work("H:1"), CRASH);
    let _ = dies(&mut d, "a", &work("H:1"), CRASH);
    answered(&mut d, 1).then("");
    answered(&mut d, 2).then("suspects []");
    d.at(60.0);
    assert_eq!(dies(&mut d, "a", &work("H:1"), CRASH), "suspects [H:1:1]; spawn a#4");
}

#[test]
fn an_end_that_is_told_after_the_answer_counts_for_nothing() {
    let mut d = driver([job("a", 1, 1)]);
    let _ = dies(&mut d, "a", &work("H:1/u"), CRASH);
    // Two processes had it, one after the other; a third one has answered it before the second one's end is told.
    answered(&mut d, 1).then("suspects []");
    assert_eq!(dies(&mut d, "a", &work("H:1/u"), CRASH), "spawn a#3");
    // A new job with the same unique is another.
    assert_eq!(dies(&mut d, "a", &work("H:2/u"), CRASH), "suspects [H:2:1]; spawn a#4");
}

#[test]
fn what_the_driver_killed_or_a_signal_asked_to_stop_was_not_taken_down_by_its_job() {
    let mut d = driver([job("a", 1, 1)]);
    for status in [ExitStatus::Signal(15), ExitStatus::Signal(2), ExitStatus::Unknown] {
        assert!(!dies(&mut d, "a", &work("H:1"), status).contains("suspects"));
    }
    // Asked to stop, it goes down all the same: also at a shutdown, for the next driver.
    d.signal(Signal::Term).then("stop 4");
    d.spawned(4).then("");
    let mut last = d.activity(ActivityState::Draining, 0);
    last.at_work = Some(Box::new(work("H:1")));
    let exited =
        |process| Event::Exited { process: ProcessId(process), status: CRASH, final_activity: Some(last.clone()) };
    d.when(exited(4)).then("suspects [H:1:1]; stop host 1");

    let mut d = driver([job("a", 1, 1)]);
    d.signal(Signal::Quit).then("kill 1");
    let killed =
        Event::Exited { process: ProcessId(1), status: ExitStatus::Signal(9), final_activity: Some(last.clone()) };
    d.when(killed).then("stop host 1");
}

#[test]
fn a_job_that_outlives_its_timeout_has_taken_its_process_down() {
    let mut d = driver([JobDeclaration { timeout: Some(Duration::from_secs(1)), ..job("a", 1, 1) }]);
    d.at(60.0);
    let mut last = d.activity(ActivityState::Busy, 0);
    last.at_work = Some(Box::new(work("H:1")));
    last.current.as_mut().unwrap().started = Time::START;
    d.when(Event::Observed { processes: vec![(ProcessId(1), last.clone())] }).then("kill 1");
    let killed = ExitStatus::Signal(9);
    d.when(Event::Exited { process: ProcessId(1), status: killed, final_activity: Some(last) })
        .then("suspects [H:1:1]; spawn a#2");
}

#[test]
fn a_limit_of_zero_counts_nothing_and_a_limit_of_one_is_enough() {
    let with = |poison_limit| driver_with(Settings { poison_limit, ..Settings::default() }, [job("a", 1, 1)]);
    assert_eq!(dies(&mut with(0), "a", &work("H:1"), CRASH), "spawn a#2");
    assert_eq!(dies(&mut with(1), "a", &work("H:1"), CRASH), "suspects [H:1:1!]; spawn a#2");
}

#[test]
fn new_worker_code_gets_its_chance() {
    let mut d = driver([job("a", 1, 1)]);
    let _ = dies(&mut d, "a", &work("H:1"), CRASH);
    d.host_gone(&[2], &[]).then("start host 2");
    // The same worker code again.
    d.host_ready([job("a", 1, 1)]).then("");
    d.at(60.0).order(Order::Reload).then("start host 3 of generation 2");
    assert_eq!(d.host_ready([job("a", 1, 1)]).0.split("; ").next(), Some("suspects []"));
}

#[test]
fn the_limit_can_change() {
    let mut d = driver([job("a", 1, 1)]);
    let configured = |poison_limit| Event::Configured {
        max_idle_time: None,
        shutdown_timeout: Duration::from_secs(25),
        poison_limit,
    };
    let _ = dies(&mut d, "a", &work("H:1"), CRASH);
    d.when(configured(3)).then("");
    d.when(configured(1)).then("suspects [H:1:1!]");
    d.when(configured(2)).then("suspects [H:1:1]");
    d.when(configured(0)).then("suspects []");
    assert_eq!(dies(&mut d, "a", &work("H:1"), CRASH), "spawn a#3");
}

#[test]
fn the_oldest_go_and_a_day_later_all_have_gone() {
    let mut d = driver([job("a", 1, 1)]);
    let mut last = String::new();
    for number in 0..=MAX_SUSPECTS {
        last = dies(&mut d, "a", &work(&format!("H:{number}")), CRASH);
    }
    assert!(last.starts_with("suspects [H:1:1 H:2:1 "), "{}", &last[..60]);
    assert_eq!(last.matches(":1 ").count() + 1, MAX_SUSPECTS);
    d.at(60.0);
    assert!(dies(&mut d, "a", &work("H:5"), CRASH).contains(" H:1000:1 H:5:2]"));
    d.tick().then("suspects [H:5:2]");
    assert_eq!(d.next_deadline_in(), Some(60.0));
    d.tick().then("suspects []");
}

#[test]
fn deaths_count_across_drivers() {
    let remembered = Suspect {
        number: 77,
        job: "a".into(),
        at_work: work("H:1/u"),
        deaths: 2,
        poison: false,
        last_end: CRASH,
        expires: Time::START + MEMORY,
    };
    let older = Suspect { deaths: 9, at_work: work("H:0"), expires: Time::START + MEMORY / 2, ..remembered.clone() };
    let settings = Settings { suspects: vec![remembered, older], ..Settings::default() };
    let mut d = Driver::new(settings.clone());
    d.when(Event::Started).then("suspects [H:0:9! H:1:2]; start host 1");
    let answer = d.host_ready([job("a", 1, 1)]);
    d.bring_up(&answer);
    assert_eq!(dies(&mut d, "a", &work("H:8/u"), CRASH), "suspects [H:0:9! H:8:3!]; spawn a#2");
    let mut off = Driver::new(Settings { poison_limit: 0, ..settings });
    off.when(Event::Started).then("start host 1");
}

#[test]
fn the_client_is_told_how_often_and_how() {
    let suspect = |deaths, last_end| Suspect {
        number: 1,
        job: "a".into(),
        at_work: work("H:1"),
        deaths,
        poison: true,
        last_end,
        expires: Time::START,
    };
    insta::assert_snapshot!(suspect(3, CRASH).message(), @"poison job: it has taken down 3 processes (the last one ended by signal 11); it was not run again");
    insta::assert_snapshot!(suspect(1, ExitStatus::Code(0)).message(), @"poison job: it has taken down a process (it ended with exit code 0); it was not run again");
}
