//! Worker processes that were replaced at a limit of their life, and whether any outlived one.

use std::time::Duration;

use crate::evidence::Life;
use crate::jobs::Kind;

/// From so many jobs on there must be some for each reason.
const MANY: u32 = 4000;

/// How many, by the reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Recycled {
    /// By their own account.
    pub(crate) max_jobs: u32,
    /// That left when they had reached the age at which they are to.
    pub(crate) max_age: u32,
    /// By their own account.
    pub(crate) max_memory: u32,
}

impl Recycled {
    /// From what workers have noted, and from what they have said of themselves: `said` gives a number of log lines.
    pub(crate) fn of(lives: &[Life], said: impl Fn(&str) -> usize) -> Self {
        let said = |text| u32::try_from(said(text)).unwrap_or(u32::MAX);
        let old = lives.iter().filter(|life| life.left_of_age()).count();
        Self {
            max_jobs: said("max_jobs: this process has begun "),
            max_age: u32::try_from(old).unwrap_or(u32::MAX),
            max_memory: said("max_memory: this process has grown "),
        }
    }

    /// With the reason.
    pub(crate) fn rows(&self) -> [(u32, &'static str); 3] {
        [(self.max_jobs, "max_jobs"), (self.max_age, "max_age"), (self.max_memory, "max_memory")]
    }

    /// What should have happened in so many jobs.
    pub(crate) fn missing(&self, jobs: u32) -> Option<String> {
        let never = self.rows().into_iter().find(|(number, _)| *number == 0 && jobs >= MANY);
        never.map(|(_, reason)| format!("no process was recycled because of its {reason}"))
    }
}

/// Processes that began more jobs than they may.
pub(crate) fn overworked(lives: &[Life]) -> Vec<String> {
    let allowed = |life: &Life| life.kind.and_then(Kind::max_jobs);
    let more = lives.iter().filter(|life| allowed(life).is_some_and(|most| life.begun > most));
    more.map(|life| format!("a process has begun more than its max_jobs: {life:?}")).collect()
}

impl Life {
    fn left_of_age(&self) -> bool {
        let least = self.kind.and_then(Kind::least_age);
        let age = self.left.map(|left| Duration::from_nanos(left.saturating_sub(self.started)));
        least.zip(age).is_some_and(|(least, age)| age >= least)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn life(kind: Kind, begun: u32, left: Option<u64>) -> Life {
        Life { pid: 1, kind: Some(kind), begun, started: SECOND, left }
    }

    #[test]
    fn they_are_counted_by_reason() {
        let lives = [
            life(Kind::Slow, 9, Some(5 * SECOND)),
            life(Kind::Slow, 9, Some(3 * SECOND)),
            life(Kind::Slow, 9, None),
            life(Kind::Fail, 9, Some(9 * SECOND)),
        ];
        let recycled = Recycled::of(&lives, |text| if text.starts_with("max_jobs") { 7 } else { 0 });
        assert_eq!(recycled, Recycled { max_jobs: 7, max_age: 1, max_memory: 0 });
        assert_eq!(recycled.missing(MANY - 1), None);
        assert!(recycled.missing(MANY).is_some_and(|missing| missing.ends_with("max_memory")));
    }

    #[test]
    fn none_may_begin_more_than_its_max_jobs() {
        let most = Kind::Quick.max_jobs().unwrap();
        let lives = [life(Kind::Quick, most, None), life(Kind::Quick, most + 1, None), life(Kind::Slow, 9999, None)];
        assert_eq!(overworked(&lives).len(), 1);
    }
}
