//! Points in time as the driver's decisions see them.
//!
//! Nothing here reads a clock: the shell says what time it is.

use std::fmt;
use std::ops::Add;
use std::time::Duration;

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
        const DAY: u64 = 86_400;
        let seconds = self.0.min(Self::LAST_SHOWN);
        let (year, month, day) = civil(seconds / DAY);
        let second_of_day = seconds % DAY;
        let (hour, minute, second) = (second_of_day / 3600, second_of_day / 60 % 60, second_of_day % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")
    }
}

/// Year, month and day of the Gregorian calendar, `days` after 1970-01-01.
///
/// Counted from 1 March of the year 0, so that a leap day is the last day of its (shifted) year.
fn civil(days: u64) -> (u64, u64, u64) {
    const DAYS_TO_1970: u64 = 719_468;
    const DAYS_PER_ERA: u64 = 146_097; // 400 years
    let days = days + DAYS_TO_1970;
    let (era, day_of_era) = (days / DAYS_PER_ERA, days % DAYS_PER_ERA);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    (year, month, day)
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
