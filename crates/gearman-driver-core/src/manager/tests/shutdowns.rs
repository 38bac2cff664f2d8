//! TERM, INT, QUIT, ABRT.

use super::*;

#[test]
fn term_lets_every_process_finish_and_then_the_host_go() {
    let mut d = driver([job("a", 2, 2), job("b", 1, 1)]);
    d.is(1, ActivityState::Busy, 0);
    d.signal(Signal::Term).then("stop 1; stop 2; stop 3");
    assert!(d.snapshot().shutting_down);
    d.exited(2, ExitStatus::Code(0)).then("");
    d.exited(3, ExitStatus::Code(0)).then("");
    d.at(20.0).exited(1, ExitStatus::Code(0)).then("stop host 1");
    d.host_gone(&[], &[]).then("exit 0");
    assert_eq!(d.next_deadline_in(), None);
}

#[test]
fn nothing_is_started_during_a_shutdown() {
    let mut d = driver([job("a", 1, 5)]);
    d.signal(Signal::Int).then("stop 1");
    d.looked(&[("a", 9, 1), ("unknown", 1, 0)]).then("");
    d.order(set("a", 3, 5)).then("ok");
    d.order(Order::KillAll(JobSelection::All)).then("ok");
}

#[test]
fn what_has_not_finished_in_time_is_killed_and_named() {
    let mut d = driver([job("a", 2, 2)]);
    d.is(1, ActivityState::Busy, 0);
    d.signal(Signal::Term).then("stop 1; stop 2");
    d.exited(2, ExitStatus::Code(0)).then("");
    assert_eq!(d.next_deadline_in(), Some(25.0));
    d.log();
    d.tick().then("kill 1");
    insta::assert_snapshot!(d.log(), @"WARN (101) [a] Process killed: it had not finished after 25 s, in f (H:here:7)");
    d.exited(1, ExitStatus::Signal(9)).then("stop host 1");
}

#[test]
fn a_second_term_kills() {
    let mut d = driver([job("a", 2, 2)]);
    d.signal(Signal::Term).then("stop 1; stop 2");
    d.signal(Signal::Int).then("kill 1; kill 2");
    d.signal(Signal::Term).then("");
    d.exited(1, ExitStatus::Signal(9)).then("");
    d.exited(2, ExitStatus::Signal(9)).then("stop host 1");
}

#[test]
fn quit_and_abrt_kill_at_once() {
    for signal in [Signal::Quit, Signal::Abrt] {
        let mut d = driver([job("a", 1, 1)]);
        d.signal(signal).then("kill 1");
        d.exited(1, ExitStatus::Signal(9)).then("stop host 1");
        d.host_gone(&[], &[]).then("exit 0");
    }
}

#[test]
fn what_ends_when_its_time_is_over_has_ended() {
    let mut d = driver([job("a", 1, 1)]);
    d.signal(Signal::Quit).then("kill 1");
    assert_eq!(d.next_deadline_in(), Some(5.0));
    // The news of its end comes before the tick.
    d.at(5.0).exited(1, ExitStatus::Signal(9)).then("stop host 1");
    d.host_gone(&[], &[]).then("exit 0");
}

#[test]
fn no_reload_that_was_queued_begins_when_the_driver_ends_at_once() {
    let mut d = driver([job("a", 1, 1)]);
    d.order(Order::Reload).then("start host 2 of generation 2");
    d.order(Order::Reload).then("");
    let refused = "refused: shutting_down: the driver ends as soon as its processes have finished their jobs";
    d.signal(Signal::Quit).then(&format!("stop host 2; {refused}; {refused}; kill 1"));
    d.host_failed("killed").then("");
    d.exited(1, ExitStatus::Signal(9)).then("stop host 1");
    d.this_host_gone(1, &[], &[]).then("exit 0");
}

#[test]
fn the_first_term_after_an_ordered_shutdown_does_not_kill() {
    let mut d = driver([job("a", 1, 1)]);
    d.order(Order::Shutdown).then("ok; stop 1");
    d.signal(Signal::Term).then("");
    d.signal(Signal::Term).then("kill 1");
}

#[test]
fn a_process_that_comes_up_during_a_shutdown_is_stopped_or_killed_at_once() {
    let mut d = driver([job("a", 0, 2)]);
    d.looked(&[("a", 2, 0)]).then("spawn a#1; spawn a#2");
    d.signal(Signal::Term).then("");
    d.spawned(1).then("stop 1");
    d.signal(Signal::Quit).then("kill 1");
    d.spawned(2).then("kill 2");
}

#[test]
fn a_driver_without_processes_ends_as_soon_as_its_host_has() {
    let mut d = driver([job("a", 0, 1)]);
    d.signal(Signal::Term).then("stop host 1");
    d.host_gone(&[], &[]).then("exit 0");
}

#[test]
fn a_shutdown_while_the_first_host_loads_stops_it() {
    let mut d = Driver::new(Settings::default());
    d.when(Event::Started).then("start host 1");
    d.signal(Signal::Term).then("stop host 1");
    d.host_ready([job("a", 1, 1)]).then("");
    d.host_gone(&[], &[]).then("exit 0");

    let mut d = Driver::new(Settings::default());
    d.when(Event::Started).then("start host 1");
    d.signal(Signal::Term).then("stop host 1");
    d.host_failed("stopped").then("exit 0");
}

#[test]
fn a_shutdown_before_anything_has_started_ends_at_once() {
    let mut d = Driver::new(Settings::default());
    d.signal(Signal::Term).then("exit 0");
}

#[test]
fn a_shutdown_while_the_next_host_is_held_back_does_not_wait_for_it() {
    let mut d = driver([job("a", 1, 1)]);
    d.host_gone(&[1], &[]).then("start host 2");
    d.host_failed("cannot load").then("");
    d.signal(Signal::Term).then("stop 1");
    d.exited(1, ExitStatus::Code(0)).then("exit 0");
}

#[test]
fn a_host_that_dies_during_the_drain_is_not_replaced() {
    let mut d = driver([job("a", 2, 2)]);
    d.signal(Signal::Term).then("stop 1; stop 2");
    d.host_gone(&[1], &[2]).then("stop 1");
    d.exited(1, ExitStatus::Code(0)).then("exit 0");
}

#[test]
fn a_host_that_does_not_end_is_left_behind() {
    let mut d = driver([job("a", 0, 1)]);
    d.signal(Signal::Term).then("stop host 1");
    d.tick().then("exit 0");
}

#[test]
fn processes_that_survive_sigkill_are_given_up_and_named() {
    let mut d = driver([job("a", 1, 1)]);
    d.signal(Signal::Quit).then("kill 1");
    d.tick().then("stop host 1; exit 1: these processes are still there after SIGKILL: 101");
}
