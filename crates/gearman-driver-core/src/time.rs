//! Points in time as the driver's decisions see them.
//!
//! Nothing here reads a clock: the shell says what time it is.

use std::fmt;
use std::ops::Add;
use std::time::Duration;

use jiff::SignedDuration;
use jiff::civil::DateTime;

/// How long after the driver's start something happened, by the monotonic clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Time(Duration);

impl Time {
    /// The driver's start.
    pub const START: Time = Time(Duration::ZERO);

    /// The point that lies `after_start` after the driver's start.
    pub const fn after_start(after_start: Duration) -> Self {
        Self(after_start)
    }

    /// The time from the driver's start to this point.
    pub const fn uptime(self) -> Duration {
        self.0
    }

    /// The time from `earlier` to this point; zero where `earlier` is the later one.
    pub const fn since(self, earlier: Time) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

impl Add<Duration> for Time {
    type Output = Time;

    /// Saturates: a point beyond all times stays the last one.
    fn add(self, duration: Duration) -> Time {
        Time(self.0.saturating_add(duration))
    }
}

/// Whole seconds since 1970-01-01T00:00:00 UTC, as workers note when a job ran or failed.
///
/// Displayed as the console shows it: `2010-01-29T20:37:17`. What lies after the year 9999 (a slot that
/// a mad worker has scribbled over) is shown as that year's last second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct UnixSeconds(pub u64);

impl UnixSeconds {
    /// 1970-01-01T00:00:00: what the console shows for "never".
    pub const EPOCH: UnixSeconds = UnixSeconds(0);

    /// 9999-12-31T23:59:59.
    const LAST_SHOWN: u64 = 253_402_300_799;
}

impl fmt::Display for UnixSeconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = i64::try_from(self.0.min(Self::LAST_SHOWN)).expect("the last second that is shown is an i64");
        // By the calendar, which goes on to the year's last second; jiff's time stamps end a day earlier.
        let date = DateTime::constant(1970, 1, 1, 0, 0, 0, 0)
            .checked_add(SignedDuration::from_secs(seconds))
            .expect("the last second that is shown is the calendar's last");
        write!(f, "{date}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        let shown = |seconds| UnixSeconds(seconds).to_string();
        assert_eq!(shown(0), "1970-01-01T00:00:00");
        assert_eq!(shown(1_264_797_437), "2010-01-29T20:37:17");
        assert_eq!(shown(951_782_399), "2000-02-28T23:59:59");
        assert_eq!(shown(951_782_400), "2000-02-29T00:00:00");
        assert_eq!(shown(951_868_800), "2000-03-01T00:00:00");
        assert_eq!(shown(4_107_542_400), "2100-03-01T00:00:00");
        assert_eq!(shown(1_798_761_599), "2026-12-31T23:59:59");
        assert_eq!(shown(u64::MAX), "9999-12-31T23:59:59");
    }

    #[test]
    fn the_time_since_a_later_point_is_zero() {
        let early = Time::after_start(Duration::from_secs(1));
        let late = early + Duration::from_secs(2);
        assert_eq!(late.since(early), Duration::from_secs(2));
        assert_eq!(early.since(late), Duration::ZERO);
        assert_eq!(late + Duration::MAX, Time::after_start(Duration::MAX));
    }
}
