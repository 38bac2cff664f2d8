//! How long what fails again and again is held back.
//!
//! The first replacement comes at once, then after 1 s, doubling to 30 s, with a little jitter on top so that many
//! jobs (or drivers) that fail together don't come back together. A good run resets it.

use std::time::Duration;

use crate::time::Time;

const FIRST_DELAY: Duration = Duration::from_secs(1);
const LONGEST_DELAY: Duration = Duration::from_secs(30);

/// Failures in a row, and the hold that they earned.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Backoff {
    failures: u32,
    held_until: Time,
}

impl Backoff {
    /// Counts a failure, and holds back what comes next. Returns for how long; zero for the first failure.
    pub(super) fn failed(&mut self, now: Time, jitter: &mut Jitter) -> Duration {
        self.failures = self.failures.saturating_add(1);
        let delay = jitter.spread(nominal_delay(self.failures)).min(LONGEST_DELAY);
        self.held_until = now + delay;
        delay
    }

    /// A good run: the next failure is the first one again.
    pub(super) fn reset(&mut self) {
        *self = Self::default();
    }

    /// Failures in a row.
    pub(super) fn failures(&self) -> u32 {
        self.failures
    }

    /// Whether failures have come again and again: more than the one that is forgiven.
    pub(super) fn is_failing(&self) -> bool {
        self.failures > 1
    }

    /// Until when nothing may be started; not after `now` where something may.
    pub(super) fn held_until(&self) -> Time {
        self.held_until
    }

    /// Whether nothing may be started now.
    pub(super) fn holds(&self, now: Time) -> bool {
        now < self.held_until
    }
}

fn nominal_delay(failures: u32) -> Duration {
    match failures {
        0 | 1 => Duration::ZERO,
        more => FIRST_DELAY.saturating_mul(1 << (more - 2).min(5)).min(LONGEST_DELAY),
    }
}

/// Pseudo-random numbers (splitmix64) from a seed: the manager stays deterministic.
#[derive(Debug, Clone)]
pub(super) struct Jitter(u64);

impl Jitter {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// `delay` with up to a tenth on top.
    fn spread(&mut self, delay: Duration) -> Duration {
        let permille = u32::try_from(self.next() % 101).unwrap_or(0);
        delay.saturating_add(delay.saturating_mul(permille) / 1000)
    }

    /// Somewhere from 0.0 to 1.0.
    pub(super) fn part(&mut self) -> f64 {
        f64::from(u32::try_from(self.next() >> 32).unwrap_or(0)) / f64::from(u32::MAX)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_once_then_one_second_doubling_to_thirty() {
        let mut backoff = Backoff::default();
        let mut jitter = Jitter::new(7);
        let delays: Vec<Duration> = (0..9).map(|_| backoff.failed(Time::START, &mut jitter)).collect();
        for (delay, nominal) in delays.iter().zip([0, 1, 2, 4, 8, 16, 30, 30, 30]) {
            let nominal = Duration::from_secs(nominal);
            assert!((nominal..=nominal.mul_f64(1.1)).contains(delay), "{delay:?} for {nominal:?}");
            assert!(*delay <= LONGEST_DELAY);
        }
        assert!(backoff.is_failing());
        backoff.reset();
        assert_eq!(backoff.failed(Time::START, &mut jitter), Duration::ZERO);
        assert!(!backoff.is_failing());
    }

    #[test]
    fn the_same_seed_gives_the_same_delays() {
        let delays = |seed| {
            let mut jitter = Jitter::new(seed);
            [(); 5].map(|()| jitter.spread(Duration::from_secs(10)))
        };
        assert_eq!(delays(1), delays(1));
        assert_ne!(delays(1), delays(2));
    }
}
