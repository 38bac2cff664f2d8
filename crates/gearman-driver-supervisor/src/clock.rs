//! The two clocks: the driver's time for the manager, the wall clock for what people read.

use std::time::Duration;

use gearman_driver_core::time::{Time, UnixSeconds};
use gearman_driver_sys::clock::monotonic;

/// The monotonic clock, counted from the driver's start. Workers use the same clock in the scoreboard.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    start: Duration,
}

impl Clock {
    pub(crate) fn start() -> Self {
        Self { start: monotonic() }
    }

    pub(crate) fn now(self) -> Time {
        self.at(monotonic())
    }

    /// The moment for which a worker read `nanos` on the monotonic clock.
    pub(crate) fn workers(self, nanos: u64) -> Time {
        self.at(Duration::from_nanos(nanos))
    }

    fn at(self, monotonic: Duration) -> Time {
        Time::after_start(monotonic.saturating_sub(self.start))
    }

    /// How long until `time`; zero when it has come.
    pub(crate) fn until(self, time: Time) -> Duration {
        time.since(self.now())
    }
}

/// Milliseconds since 1970, as workers write them, in seconds.
pub(crate) fn unix_seconds(millis: u64) -> UnixSeconds {
    UnixSeconds(millis / 1000)
}
