//! A new generation comes in step by step, or goes out again; a job is restarted.

use super::*;

fn reload() -> Order {
    Order::Reload
}

fn restart(job: &str) -> Order {
    Order::Restart { job: job.to_owned() }
}

/// They are seen waiting for jobs.
fn registers(d: &mut Driver, ids: &[u64]) -> Answer {
    let processes = ids.iter().map(|&id| (ProcessId(id), d.activity(ActivityState::Idle, 0))).collect();
    d.when(Event::Observed { processes })
}

/// A process registers, and has answered a job by the next look.
fn runs_well(d: &mut Driver, id: u64) -> Answer {
    d.spawned(id).then("");
    let activity = d.activity(ActivityState::Idle, 1);
    d.when(Event::Observed { processes: vec![(ProcessId(id), activity)] })
}

#[test]
fn a_new_generation_sends_one_process_ahead_and_then_replaces_step_by_step() {
    let mut d = driver([job("a", 4, 4)]);
    d.at(60.0).order(reload()).then("start host 2 of generation 2");
    assert_eq!(d.snapshot().loading, Some(2));
    d.at(61.0).host_ready([job("a", 4, 4)]).then("in force 2; spawn a#5; ok");
    d.spawned(5).then("");
    d.is(5, ActivityState::Idle, 0);
    // Registered is not enough for the first one of a generation.
    d.at(62.0).when(Event::Tick).then("");
    d.at(63.0).when(Event::Tick).then("stop 1");
    d.at(64.0).exited(1, ExitStatus::Code(0)).then("spawn a#6");
    d.spawned(6).then("");
    registers(&mut d, &[6]).then("stop 2");
    d.exited(2, ExitStatus::Code(0)).then("spawn a#7");
    runs_well(&mut d, 7).then("stop 3");
    d.exited(3, ExitStatus::Code(0)).then("spawn a#8");
    runs_well(&mut d, 8).then("stop 4");
    d.exited(4, ExitStatus::Code(0)).then("stop host 1");
    d.this_host_gone(1, &[], &[]).then("");
    assert_eq!(d.snapshot().generation, Some(2));
    assert!(d.job("a").processes.iter().all(|process| process.generation == 2));
    let log = d.log();
    let said: Vec<&str> = log.lines().filter(|line| line.contains("Reload")).collect();
    insta::assert_snapshot!(said.join("\n"), @"
    INFO Reload (ordered): generation 2 is being loaded
    INFO Reload: generation 2 is loaded: 1 job(s); the processes of generation 1 are replaced step by step
    INFO Reload: generation 2 has taken over
    ");
}

#[test]
fn many_are_replaced_by_a_quarter_at_a_time() {
    let mut d = driver([job("a", 8, 8)]);
    d.at(60.0).order(reload()).then("start host 2 of generation 2");
    d.host_ready([job("a", 8, 8)]).then("in force 2; spawn a#9; ok");
    runs_well(&mut d, 9).then("stop 1; spawn a#10");
    d.exited(1, ExitStatus::Code(0)).then("spawn a#11");
    d.spawned(10).then("");
    d.spawned(11).then("");
    registers(&mut d, &[10, 11]).then("stop 2; stop 3");
    // Those that still finish their jobs take up the room for more.
    d.exited(2, ExitStatus::Code(0)).then("spawn a#12");
}

#[test]
fn what_cannot_load_changes_nothing_and_is_said() {
    let mut d = driver([job("a", 1, 1)]);
    d.order(reload()).then("start host 2 of generation 2");
    d.host_failed("my_app::workers::Image: no model").then("refused: reload_failed: my_app::workers::Image: no model");
    d.exited(1, ExitStatus::Signal(11)).then("spawn a#2");
    assert_eq!((d.snapshot().generation, d.snapshot().loading), (Some(1), None));
    d.order(reload()).then("start host 3 of generation 3");
    d.host_ready([job("a", 1, 1)]).then("in force 3; spawn a#3; ok");
}

#[test]
fn processes_that_die_at_once_take_the_reload_back() {
    let mut d = driver([job("a", 2, 2), job("b", 0, 3)]);
    d.at(60.0).order(reload()).then("start host 2 of generation 2");
    d.host_ready([job("a", 2, 2), job("b", 0, 3)]).then("in force 2; spawn a#3; ok");
    d.spawned(3).then("");
    d.exited(3, ExitStatus::Code(1)).then("spawn a#4");
    d.spawned(4).then("");
    d.exited(4, ExitStatus::Code(1)).then("");
    d.tick().then("spawn a#5");
    d.spawned(5).then("");
    d.exited(5, ExitStatus::Code(1)).then("in force 1; stop host 2");
    assert_eq!(d.job("a").processes.len(), 2, "the old ones were never asked to go");
    assert!(d.job("a").failing.is_none());
    d.this_host_gone(2, &[], &[]).then("");
    d.looked(&[("b", 1, 0)]).then("spawn b#6");
    insta::assert_snapshot!(d.log().lines().filter(|line| line.contains("taken back")).collect::<String>(), @"ERROR Reload: generation 2 is taken back, processes of type a end as soon as they start, 3 times in a row: the driver goes on with generation 1");
}

#[test]
fn a_job_that_was_failing_before_says_nothing_against_the_new_code() {
    let mut d = driver([job("a", 1, 1), job("bad", 1, 1)]);
    for id in [2, 3] {
        d.exited(id, ExitStatus::Code(1)).then(if id == 2 { "spawn bad#3" } else { "" });
        if id == 2 {
            d.spawned(3).then("");
        }
    }
    d.order(reload()).then("start host 2 of generation 2");
    d.host_ready([job("a", 1, 1), job("bad", 1, 1)]).then("in force 2; spawn a#4; spawn bad#5; ok");
    for (id, next) in [(5, "spawn bad#6"), (6, "")] {
        d.spawned(id).then("");
        d.exited(id, ExitStatus::Code(1)).then(next);
    }
    runs_well(&mut d, 4).then("stop 1");
    d.exited(1, ExitStatus::Code(0)).then("stop host 1");
}

#[test]
fn one_death_in_the_first_round_does_not_keep_the_others_from_proving_the_new_code() {
    let mut d = driver([job("a", 3, 3)]);
    d.at(60.0).host_gone(&[1], &[2, 3]).then("start host 2");
    d.order(reload()).then("start host 3 of generation 2");
    d.host_ready([job("a", 3, 3)]).then("stop host 2; in force 2; spawn a#4; spawn a#5; spawn a#6; ok");
    for process in 4..=6 {
        d.spawned(process).then("");
    }
    d.exited(4, ExitStatus::Signal(11)).then("");
    registers(&mut d, &[5, 6]).then("");
    d.at(62.0).when(Event::Tick).then("spawn a#7");
    runs_well(&mut d, 7).then("stop 1");
}

#[test]
fn a_host_of_the_new_generation_that_dies_again_and_again_takes_it_back() {
    let mut d = driver([job("a", 1, 1)]);
    d.order(reload()).then("start host 2 of generation 2");
    d.host_ready([job("a", 1, 1)]).then("in force 2; spawn a#2; ok");
    d.host_gone(&[], &[2]).then("start host 3 of generation 2");
    d.host_failed("killed").then("");
    d.tick().then("start host 4 of generation 2");
    d.host_failed("killed").then("in force 1");
    d.exited(1, ExitStatus::Signal(11)).then("spawn a#3");
}

#[test]
fn taking_back_starts_the_old_code_again_where_its_host_is_gone() {
    let mut d = driver([job("a", 1, 1)]);
    d.order(reload()).then("start host 2 of generation 2");
    d.host_ready([job("a", 1, 1)]).then("in force 2; spawn a#2; ok");
    d.this_host_gone(1, &[1], &[]).then("");
    d.spawned(2).then("");
    d.exited(2, ExitStatus::Code(1)).then("spawn a#3");
    d.spawned(3).then("");
    d.exited(3, ExitStatus::Code(1)).then("");
    d.tick().then("spawn a#4");
    d.spawned(4).then("");
    d.exited(4, ExitStatus::Code(1)).then("start host 3; in force 1; stop host 2");
    d.host_ready([job("a", 1, 1)]).then("");
    d.exited(1, ExitStatus::Signal(11)).then("spawn a#5");
}

#[test]
fn a_host_of_the_generation_in_force_is_replaced_by_one_of_the_same() {
    let mut d = driver([job("a", 0, 1)]);
    d.order(reload()).then("start host 2 of generation 2");
    d.host_ready([job("a", 0, 1)]).then("in force 2; ok; stop host 1");
    d.at(90.0).host_gone(&[], &[]).then("start host 3 of generation 2");
}

#[test]
fn jobs_come_and_go_with_the_code_and_live_changes_stay() {
    let mut d = driver([job("a", 1, 1), job("b", 1, 3)]);
    d.order(set("b", 2, 4)).then("spawn b#3; ok");
    d.spawned(3).then("");
    d.at(60.0).order(reload()).then("start host 2 of generation 2");
    d.host_ready([job("b", 1, 3), job("c", 1, 1)]).then("in force 2; stop 1; spawn b#4; spawn c#5; ok");
    assert_eq!(d.job("b").limits, Limits::new(2, 4).unwrap());
    assert!(d.job("a").retired);
}

#[test]
fn a_reload_during_another_one_follows_it() {
    let mut d = driver([job("a", 1, 1)]);
    d.order(reload()).then("start host 2 of generation 2");
    d.order(reload()).then("");
    d.signal(Signal::Hup).then("");
    d.host_ready([job("a", 1, 1)]).then("in force 2; spawn a#2; ok; start host 3 of generation 3");
    // Generation 2 has not shown that it lives: what is come back to is still 1.
    d.host_ready([job("a", 1, 1)]).then("in force 3; ok");
    d.spawned(2).then("stop 2");
    d.exited(2, ExitStatus::Code(0)).then("spawn a#3; stop host 2");
    for id in [3, 4] {
        d.spawned(id).then("");
        d.exited(id, ExitStatus::Code(1)).then(if id == 3 { "spawn a#4" } else { "" });
    }
    d.tick().then("spawn a#5");
    d.spawned(5).then("");
    d.exited(5, ExitStatus::Code(1)).then("in force 1; stop host 3");
}

#[test]
fn a_shutdown_ends_a_reload() {
    let mut d = driver([job("a", 1, 1)]);
    d.order(reload()).then("start host 2 of generation 2");
    d.signal(Signal::Term).then("stop host 2; refused: shutting_down: the driver ends as soon as its processes have finished their jobs; stop 1");
    d.host_failed("killed").then("");
    d.exited(1, ExitStatus::Code(0)).then("stop host 1");
    d.order(reload()).then("refused: shutting_down: the driver ends as soon as its processes have finished their jobs");
    d.this_host_gone(1, &[], &[]).then("exit 0");
}

#[test]
fn a_job_is_restarted_new_processes_first() {
    let mut d = driver([job("a", 1, 1), job("b", 1, 1)]);
    d.at(60.0).order(restart("nobody")).then("refused: invalid_job_name: nobody");
    d.order(restart("a")).then("spawn a#3; ok");
    d.spawned(3).then("");
    d.at(60.01).is(3, ActivityState::Starting, 0);
    d.tick().then("");
    registers(&mut d, &[3]).then("stop 1");
    d.exited(1, ExitStatus::Code(0)).then("");
    assert_eq!(d.next_deadline_in(), None);
}

#[test]
fn the_load_goes_on_being_followed_while_processes_are_replaced() {
    let mut d = driver([job("a", 1, 5)]);
    d.at(60.0).order(restart("a")).then("spawn a#2; ok");
    d.spawned(2).then("");
    d.at(61.0).is(1, ActivityState::Busy, 0);
    d.at(62.0).looked(&[("a", 3, 1)]).then("spawn a#3; spawn a#4");
}

#[test]
fn a_maximum_that_is_lowered_while_processes_are_replaced_takes_those_that_do_not_serve_yet() {
    let mut d = driver([job("a", 2, 8)]);
    d.order(set("a", 4, 8)).then("spawn a#3; spawn a#4; ok");
    d.spawned(3).then("");
    d.spawned(4).then("");
    registers(&mut d, &[3, 4]).then("");
    d.order(restart("a")).then("spawn a#5; spawn a#6; ok");
    // Three go on serving; one may be there beyond them.
    d.order(set("a", 2, 3)).then("stop 1; ok");
    d.spawned(5).then("stop 5");
    d.spawned(6).then("");
}
