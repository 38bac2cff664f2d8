//! A reading of the clocks, as it comes into [`crate::Server`].

use std::time::{Duration, Instant, SystemTime};

/// One moment, by both clocks that a job server needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// Since any fixed point, never going back: timeouts of jobs count by it.
    pub elapsed: Duration,
    /// Since 1970-01-01T00:00:00Z: SUBMIT_JOB_EPOCH names times by it.
    pub unix: Duration,
}

impl Moment {
    /// Now, with `start` as the fixed point.
    pub(crate) fn now(start: Instant) -> Self {
        // A clock before 1970 makes jobs of a time wait, and nothing else.
        let unix = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Self { elapsed: start.elapsed(), unix }
    }
}
