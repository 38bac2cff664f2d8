//! Whether a job server is still there when nothing is heard of it: when it is asked (ECHO_REQ), how long its answer may
//! take, and what follows where none comes.
//!
//! Pure: time comes in as an argument. Each connection has one; the blocking loop and the asynchronous one follow it. The
//! question goes out behind the registration, and then whenever an idle connection has been silent for a while; never while
//! a job is held or asked for, whose own answer then tells as much.

use std::time::{Duration, Instant};

/// What ECHO_REQ says. Not what the exit fence says: the answer to one is none to the other.
pub(super) const QUESTION: &[u8] = b"still there";

/// An idle connection is asked when it has been silent for so long, less a random part, half of it at the most: processes
/// that were started together don't ask in step.
const SILENCE: Duration = Duration::from_secs(20);
/// How long the answer may take before the job server is left aside.
const ECHO_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a connection to a job server that is left aside is kept.
const ASIDE_TIMEOUT: Duration = Duration::from_secs(120);

/// How long each step takes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Times {
    /// Silence before a question.
    pub(super) silence: Duration,
    /// Question to answer.
    pub(super) answer: Duration,
    /// Left aside.
    pub(super) aside: Duration,
}

impl Default for Times {
    fn default() -> Self {
        Self { silence: SILENCE, answer: ECHO_TIMEOUT, aside: ASIDE_TIMEOUT }
    }
}

/// What is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// ECHO_REQ is to be sent.
    Ask,
    /// The job server has not answered: it no longer counts, and is told of.
    LeaveAside,
    /// It has not answered for long: the connection is given up, and another one tried.
    GiveUp,
}

/// Signs of life on one connection.
#[derive(Debug)]
pub(super) struct Pulse {
    times: Times,
    state: State,
}

#[derive(Debug, Clone, Copy)]
enum State {
    /// It owes no answer, and was heard last then.
    Heard { at: Instant },
    /// It owes an answer; since then nothing has come. Whether it was heard before on this connection.
    Owes { since: Instant, heard: bool },
    /// It did not give that in time.
    Aside { since: Instant },
}

impl Pulse {
    /// A new connection; the registration that was sent ends in the question. `unit`: chance, from 0 to 1.
    pub(super) fn begin(times: Times, now: Instant, unit: f64) -> Self {
        let silence = times.silence - times.silence.mul_f64(unit.clamp(0.0, 1.0) / 2.0);
        Self { times: Times { silence, ..times }, state: State::Owes { since: now, heard: false } }
    }

    /// Whether the process may say that it is registered there.
    pub(super) fn counts(&self) -> bool {
        matches!(self.state, State::Heard { .. } | State::Owes { heard: true, .. })
    }

    /// Something was sent that it owes an answer to.
    pub(super) fn asked(&mut self, now: Instant) {
        self.state = State::Owes { since: now, heard: self.counts() };
    }

    /// Bytes have come, which need not be a packet yet.
    pub(super) fn moved(&mut self, now: Instant) {
        if let State::Owes { since, .. } = &mut self.state {
            *since = now;
        }
    }

    /// A packet has come; it is well, and owes no more.
    pub(super) fn heard(&mut self, now: Instant) {
        self.state = State::Heard { at: now };
    }

    /// Since when nothing has come.
    pub(super) fn silent_since(&self) -> Instant {
        match self.state {
            State::Heard { at: since } | State::Owes { since, .. } | State::Aside { since } => since,
        }
    }

    /// What is due if nothing comes, and when. `idle`: no job is held or asked for on this connection.
    pub(super) fn due(&self, idle: bool) -> Option<(Instant, Step)> {
        match self.state {
            State::Heard { at } if idle => Some((at + self.times.silence, Step::Ask)),
            State::Owes { since, .. } => Some((since + self.times.answer, Step::LeaveAside)),
            State::Aside { since } if idle => Some((since + self.times.answer + self.times.aside, Step::GiveUp)),
            State::Heard { .. } | State::Aside { .. } => None,
        }
    }

    /// Takes the step that is due by now, if one is. What has come is to be taken before.
    pub(super) fn step(&mut self, now: Instant, idle: bool) -> Option<Step> {
        let (_, step) = self.due(idle).filter(|(when, _)| *when <= now)?;
        match (step, self.state) {
            (Step::Ask, _) => self.asked(now),
            (Step::LeaveAside, State::Owes { since, .. }) => self.state = State::Aside { since },
            (Step::LeaveAside | Step::GiveUp, _) => {}
        }
        Some(step)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMES: Times =
        Times { silence: Duration::from_secs(20), answer: Duration::from_secs(5), aside: Duration::from_secs(120) };

    fn after(start: Instant, seconds: u64) -> Instant {
        start + Duration::from_secs(seconds)
    }

    /// A connection that was answered as it began.
    fn well(start: Instant, unit: f64) -> Pulse {
        let mut pulse = Pulse::begin(TIMES, start, unit);
        pulse.heard(start);
        pulse
    }

    #[test]
    fn the_times_are_those_of_the_page_of_operations() {
        let Times { silence, answer, aside } = Times::default();
        assert_eq!([silence, answer, aside], [TIMES.silence, TIMES.answer, TIMES.aside]);
    }

    #[test]
    fn a_connection_counts_when_the_job_server_has_answered_on_it() {
        let start = Instant::now();
        let mut pulse = Pulse::begin(TIMES, start, 0.0);
        assert!(!pulse.counts(), "a frozen job server takes connections, too");
        pulse.heard(start);
        assert!(pulse.counts());
    }

    #[test]
    fn one_that_is_silent_is_asked_waited_for_left_aside_and_given_up() {
        let start = Instant::now();
        let mut pulse = well(start, 0.0);
        let mut steps = Vec::new();
        for second in 0..200 {
            if let Some(step) = pulse.step(after(start, second), true) {
                steps.push((second, step, pulse.counts()));
                if step == Step::GiveUp {
                    break;
                }
            }
        }
        let expected = [(20, Step::Ask, true), (25, Step::LeaveAside, false), (145, Step::GiveUp, false)];
        assert_eq!(steps, expected);
    }

    #[test]
    fn an_answer_puts_everything_off_and_one_that_comes_late_makes_it_count_again() {
        let start = Instant::now();
        let mut pulse = well(start, 0.0);
        assert_eq!(pulse.step(after(start, 20), true), Some(Step::Ask));
        pulse.heard(after(start, 24));
        assert_eq!(pulse.due(true), Some((after(start, 44), Step::Ask)));
        assert_eq!(pulse.step(after(start, 44), true), Some(Step::Ask));
        assert_eq!(pulse.step(after(start, 49), true), Some(Step::LeaveAside));
        pulse.moved(after(start, 60));
        assert!(!pulse.counts(), "bytes are no packet");
        pulse.heard(after(start, 100));
        assert!(pulse.counts());
        assert_eq!(pulse.due(true), Some((after(start, 120), Step::Ask)));
    }

    #[test]
    fn while_a_job_is_in_hand_nothing_is_asked_and_while_one_is_asked_for_nothing_is_given_up() {
        let start = Instant::now();
        let mut pulse = well(start, 0.0);
        assert_eq!(pulse.step(after(start, 1000), false), None);
        assert_eq!(pulse.due(false), None);
        pulse.asked(after(start, 1000));
        // A large job on its way.
        pulse.moved(after(start, 1004));
        assert_eq!(pulse.silent_since(), after(start, 1004));
        assert_eq!(pulse.step(after(start, 1008), false), None);
        assert_eq!(pulse.step(after(start, 1009), false), Some(Step::LeaveAside));
        assert_eq!(pulse.due(false), None, "the answer to GRAB_JOB may hold a job");
        assert_eq!(pulse.silent_since(), after(start, 1004));
    }

    #[test]
    fn processes_ask_at_times_of_their_own() {
        let start = Instant::now();
        for (unit, seconds) in [(0.0, 20), (0.5, 15), (1.0, 10)] {
            assert_eq!(well(start, unit).due(true), Some((after(start, seconds), Step::Ask)));
        }
    }
}
