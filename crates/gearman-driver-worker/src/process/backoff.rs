//! How long to wait before a job server that is away is tried again: growing, jittered, at most 800 ms.

use std::time::Duration;

use super::chance::unit;

const FIRST: Duration = Duration::from_millis(50);
const LONGEST: Duration = Duration::from_millis(800);

/// How long the first attempt to connect may take, and any.
///
/// A job server that many workers come to at once drops what its queue of connections can't hold, and the kernel asks
/// again only after a second: a new attempt gets through sooner.
const FIRST_PATIENCE: Duration = Duration::from_millis(200);
const LONGEST_PATIENCE: Duration = Duration::from_secs(5);

/// The attempts since the server was last seen well.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    attempts: u32,
}

impl Backoff {
    /// The next delay: between half and all of 50 ms, 100 ms, .., 800 ms, so that the workers of a farm
    /// don't come back all at once.
    pub(super) fn next(&mut self) -> Duration {
        let whole = FIRST.saturating_mul(1 << self.attempts.min(8)).min(LONGEST);
        self.attempts = self.attempts.saturating_add(1);
        let half = whole / 2;
        half + half.mul_f64(unit())
    }

    /// How long the present attempt to connect may take: 200 ms, then doubling up to 5 s, for servers far away.
    pub(super) fn patience(&self) -> Duration {
        FIRST_PATIENCE.saturating_mul(1 << self.attempts.min(8)).min(LONGEST_PATIENCE)
    }

    /// The server answered as a job server does.
    pub(super) fn reset(&mut self) {
        self.attempts = 0;
    }

    /// Whether something failed since the server was last seen well.
    pub(super) fn failing(&self) -> bool {
        self.attempts > 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_grow_and_stay_within_800_ms_jitter_included() {
        let mut backoff = Backoff::default();
        let delays: Vec<_> = (0..20).map(|_| backoff.next()).collect();
        assert!(delays[0] >= FIRST / 2 && delays[0] <= FIRST);
        assert!(delays.iter().all(|delay| *delay <= LONGEST));
        assert!(delays[6..].iter().all(|delay| *delay >= LONGEST / 2));
        assert_eq!(backoff.patience(), LONGEST_PATIENCE);
        backoff.reset();
        assert_eq!(backoff.patience(), FIRST_PATIENCE);
        assert!(backoff.next() <= FIRST);
    }
}
