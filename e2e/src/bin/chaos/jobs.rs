//! What the jobs are: everything about one follows from its number, so that clients, workers and the account agree
//! without talking.

use e2e::Chance;

/// The type path of the worker.
const WORKER: &str = "chaos::workers::Chaos";
/// A large result: it does not fit into a socket's buffer at once, and is lost where a connection is cut off.
const LARGE: usize = 100_000;

/// The function that a job asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Done at once.
    Quick,
    /// Takes 10 to 100 ms.
    Slow,
    /// Fails on purpose.
    Fail,
    /// In a process group with the next.
    PairOne,
    /// In a process group with the one before.
    PairTwo,
    /// Asynchronous, several at once in a process; takes 5 to 50 ms.
    Wait,
}

impl Kind {
    /// Its function's name without the worker's.
    fn method(self) -> &'static str {
        match self {
            Self::Quick => "quick",
            Self::Slow => "slow",
            Self::Fail => "fail",
            Self::PairOne => "one",
            Self::PairTwo => "two",
            Self::Wait => "wait",
        }
    }

    /// The function's name as job servers know it.
    pub(crate) fn function(self) -> String {
        format!("{WORKER}::{}", self.method())
    }
}

/// One job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Task {
    pub(crate) number: u32,
    pub(crate) kind: Kind,
    pub(crate) background: bool,
    /// How long it takes, where it takes time.
    pub(crate) millis: u64,
    /// Bytes of its result, at the least.
    pub(crate) size: usize,
}

impl Task {
    /// The job of this number.
    pub(crate) fn of(number: u32) -> Self {
        let mut random = Chance::of(u64::from(number));
        let kind = match random.below(100) {
            0..30 => Kind::Quick,
            30..65 => Kind::Slow,
            65..73 => Kind::Fail,
            73..80 => Kind::PairOne,
            80..87 => Kind::PairTwo,
            _ => Kind::Wait,
        };
        let background = random.below(4) == 0;
        let millis = match kind {
            Kind::Slow => 10 + random.below(91),
            Kind::Wait => 5 + random.below(46),
            _ => 0,
        };
        let size = if random.below(50) == 0 { LARGE } else { 0 };
        Self { number, kind, background, millis, size }
    }

    /// The result of this job when that process has run it.
    pub(crate) fn result(&self, pid: u32) -> String {
        let mut result = format!("{} {pid} ", self.number);
        result.extend(std::iter::repeat_n('.', self.size.saturating_sub(result.len())));
        result
    }

    /// Whether this is a result of this job.
    pub(crate) fn is_result(&self, result: &[u8]) -> bool {
        result.starts_with(format!("{} ", self.number).as_bytes()) && result.len() >= self.size
    }
}

/// The names of the jobs, as the console knows them.
pub(crate) fn console_names() -> [String; 5] {
    ["quick", "slow", "fail", "pair", "wait"].map(|name| format!("{WORKER}::{name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_kinds_come_up_in_both_ways() {
        let tasks: Vec<Task> = (0..1000).map(Task::of).collect();
        for kind in [Kind::Quick, Kind::Slow, Kind::Fail, Kind::PairOne, Kind::PairTwo, Kind::Wait] {
            for background in [false, true] {
                assert!(tasks.iter().any(|task| task.kind == kind && task.background == background), "{kind:?}");
            }
        }
        assert!(tasks.iter().any(|task| task.size == LARGE));
    }

    #[test]
    fn a_result_is_that_of_its_job() {
        let task = (0..).map(Task::of).find(|task| task.size == LARGE).unwrap();
        assert!(task.is_result(task.result(1).as_bytes()));
        assert!(!task.is_result(format!("{} 1 ", task.number).as_bytes()));
        assert!(!Task::of(1).is_result(Task::of(11).result(1).as_bytes()));
    }
}
