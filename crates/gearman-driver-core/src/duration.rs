//! Durations as people write them: `5`, `0.5`, `500ms`, `5s`, `5m`, `1h`, `2d`.
//!
//! Decides what such a text means and how a duration is shown. A bare number is seconds. Exact down to
//! the nanosecond: no floating point is involved.

use std::fmt;
use std::time::Duration;

/// The longest duration that is accepted: a hundred years of 365 days.
///
/// A bound well inside what `Instant + Duration` can hold, so that no deadline overflows.
pub const MAX: Duration = Duration::from_secs(36_500 * DAY);

const DAY: u64 = 86_400;

/// Units with their length in nanoseconds, longest first. `ms` stands before `m` for the reader only.
const UNITS: [(&str, u64); 5] = [
    ("d", DAY * 1_000_000_000),
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
];

/// Why a text is no duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DurationError {
    /// Nothing, or nothing but white space.
    #[error("a duration is empty: write for example 5, 0.5, 500ms, 5s or 5m")]
    Empty,
    /// What stands before the unit is no plain decimal number.
    #[error("`{0}` is no duration: write for example 5, 0.5, 500ms, 5s or 5m")]
    Number(String),
    /// A number is followed by a unit that does not exist.
    #[error("`{text}` has the unknown unit `{unit}`: ms, s, m, h and d are known")]
    Unit {
        /// The text as it was given.
        text: String,
        /// What stands behind the number.
        unit: String,
    },
    /// Below zero.
    #[error("`{0}` is negative: a duration is 0 or more")]
    Negative(String),
    /// Finer than a nanosecond.
    #[error("`{0}` is finer than a nanosecond")]
    TooFine(String),
    /// Longer than [`MAX`].
    #[error("`{0}` is longer than a hundred years")]
    TooLong(String),
}

/// Reads a duration; a bare number is seconds. White space around it is ignored.
///
/// # Errors
/// [`DurationError`] for anything but a decimal number with or without one of the units ms, s, m, h, d.
///
/// ```
/// use std::time::Duration;
/// use gearman_driver_core::duration;
///
/// assert_eq!(duration::parse("0.5"), Ok(Duration::from_millis(500)));
/// assert_eq!(duration::parse("5m"), Ok(Duration::from_secs(300)));
/// ```
pub fn parse(text: &str) -> Result<Duration, DurationError> {
    let trimmed = text.trim();
    if trimmed.is_empty() {
        return Err(DurationError::Empty);
    }
    let number_error = || DurationError::Number(trimmed.to_owned());
    if let Some(rest) = trimmed.strip_prefix('-') {
        // `-0` is zero, but nobody means it.
        return Err(if rest.starts_with(|c: char| c.is_ascii_digit()) {
            DurationError::Negative(trimmed.to_owned())
        } else {
            number_error()
        });
    }
    let end = trimmed.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(trimmed.len());
    let (number, unit) = trimmed.split_at(end);
    let unit = unit.trim_start();
    let (whole, fraction) = match number.split_once('.') {
        None => (number, ""),
        Some((_, "")) => return Err(number_error()),
        Some(parts) => parts,
    };
    if whole.is_empty() || fraction.contains('.') {
        return Err(number_error());
    }
    let unit_nanos = match unit {
        "" => 1_000_000_000,
        _ => UNITS
            .iter()
            .find(|(name, _)| *name == unit)
            .map(|(_, nanos)| *nanos)
            .ok_or_else(|| DurationError::Unit { text: trimmed.to_owned(), unit: unit.to_owned() })?,
    };
    nanoseconds(whole, fraction, u128::from(unit_nanos), trimmed)
}

/// `whole.fraction` units; both are digits, `fraction` may be empty.
fn nanoseconds(whole: &str, fraction: &str, unit: u128, text: &str) -> Result<Duration, DurationError> {
    let too_long = || DurationError::TooLong(text.to_owned());
    let too_fine = || DurationError::TooFine(text.to_owned());
    let whole: u128 = whole.parse().map_err(|_| too_long())?;
    let fraction = fraction.trim_end_matches('0');
    let fraction_nanos = if fraction.is_empty() {
        0
    } else {
        // A unit has at most 14 digits of nanoseconds, so that more digits are finer than one.
        let digits = u32::try_from(fraction.len()).map_err(|_| too_fine())?;
        let scale = 10_u128.checked_pow(digits).filter(|_| digits <= 18).ok_or_else(too_fine)?;
        let scaled = fraction.parse::<u128>().map_err(|_| too_fine())? * unit;
        if !scaled.is_multiple_of(scale) {
            return Err(too_fine());
        }
        scaled / scale
    };
    let total = whole
        .checked_mul(unit)
        .and_then(|nanos| nanos.checked_add(fraction_nanos))
        .filter(|nanos| *nanos <= MAX.as_nanos())
        .ok_or_else(too_long)?;
    let seconds = u64::try_from(total / 1_000_000_000).map_err(|_| too_long())?;
    // The remainder of a division by 10^9 fits.
    let nanos = u32::try_from(total % 1_000_000_000).map_err(|_| too_long())?;
    Ok(Duration::new(seconds, nanos))
}

/// A duration given as a number of seconds, as in TOML and YAML.
///
/// # Errors
/// [`DurationError`] where it is negative, no finite number, or out of range.
pub fn from_seconds(seconds: f64) -> Result<Duration, DurationError> {
    // Displayed without an exponent and with just the digits that tell it from its neighbours,
    // so that 0.1 means a tenth.
    parse(&seconds.to_string())
}

/// Shows `duration` so that [`parse`] reads it back: the longest unit that makes a whole number
/// (`5m`, `500ms`), else decimal seconds (`1.5s`).
pub fn display(duration: Duration) -> DisplayDuration {
    DisplayDuration(duration)
}

/// A duration that is shown as people write it; made by [`display`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DisplayDuration(Duration);

impl fmt::Display for DisplayDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = self.0.as_nanos();
        if nanos == 0 {
            return f.pad("0s");
        }
        // Above a second, milliseconds are harder to read than a decimal.
        let whole = UNITS
            .iter()
            .filter(|(name, _)| *name != "ms" || nanos < 1_000_000_000)
            .find(|(_, unit)| nanos.is_multiple_of(u128::from(*unit)));
        match whole {
            Some((name, unit)) => f.pad(&format!("{}{name}", nanos / u128::from(*unit))),
            None => {
                let decimal = format!("{}.{:09}", self.0.as_secs(), self.0.subsec_nanos());
                f.pad(&format!("{}s", decimal.trim_end_matches('0')))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn millis(text: &str) -> u128 {
        parse(text).unwrap().as_millis()
    }

    #[test]
    fn a_bare_number_is_seconds() {
        assert_eq!(millis("5"), 5_000);
        assert_eq!(millis("0"), 0);
        assert_eq!(millis("0.5"), 500);
        assert_eq!(millis(" 5 "), 5_000);
    }

    #[test]
    fn units_are_known() {
        assert_eq!(millis("500ms"), 500);
        assert_eq!(millis("5s"), 5_000);
        assert_eq!(millis("5m"), 300_000);
        assert_eq!(millis("1.5h"), 5_400_000);
        assert_eq!(millis("2d"), 172_800_000);
        assert_eq!(millis("5 s"), 5_000);
    }

    #[test]
    fn numbers_of_config_files_are_seconds() {
        assert_eq!(from_seconds(0.1), Ok(Duration::from_millis(100)));
        assert_eq!(from_seconds(1e3), Ok(Duration::from_secs(1000)));
        assert!(from_seconds(f64::NAN).is_err());
        assert!(from_seconds(f64::INFINITY).is_err());
        assert!(from_seconds(-1.0).is_err());
        assert!(from_seconds(1e300).is_err());
    }

    #[test]
    fn errors_say_how_to_write_it() {
        let error = |text: &str| parse(text).unwrap_err().to_string();
        insta::assert_snapshot!(error(""), @"a duration is empty: write for example 5, 0.5, 500ms, 5s or 5m");
        insta::assert_snapshot!(error("soon"), @"`soon` is no duration: write for example 5, 0.5, 500ms, 5s or 5m");
        insta::assert_snapshot!(error("1.2.3"), @"`1.2.3` is no duration: write for example 5, 0.5, 500ms, 5s or 5m");
        insta::assert_snapshot!(error("5min"), @"`5min` has the unknown unit `min`: ms, s, m, h and d are known");
        insta::assert_snapshot!(error("-5"), @"`-5` is negative: a duration is 0 or more");
        insta::assert_snapshot!(error("0.0000000001"), @"`0.0000000001` is finer than a nanosecond");
        insta::assert_snapshot!(error("36501d"), @"`36501d` is longer than a hundred years");
        insta::assert_snapshot!(error("1e3"), @"`1e3` has the unknown unit `e3`: ms, s, m, h and d are known");
    }

    #[test]
    fn shown_in_the_longest_whole_unit() {
        let shown = |millis| display(Duration::from_millis(millis)).to_string();
        assert_eq!(shown(0), "0s");
        assert_eq!(shown(500), "500ms");
        assert_eq!(shown(1_500), "1.5s");
        assert_eq!(shown(25_000), "25s");
        assert_eq!(shown(300_000), "5m");
        assert_eq!(shown(172_800_000), "2d");
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read_back(seconds in 0..MAX.as_secs(), nanos in 0..1_000_000_000_u32) {
            let duration = Duration::new(seconds, nanos);
            prop_assert_eq!(parse(&display(duration).to_string()), Ok(duration));
        }

        #[test]
        fn whole_units_are_read_back(count in 0..36_500_u64, unit in 0..UNITS.len()) {
            let duration = Duration::from_nanos(count * UNITS[unit].1);
            prop_assert_eq!(parse(&display(duration).to_string()), Ok(duration));
        }

        #[test]
        fn any_text_is_read_or_refused(text in "\\PC*") {
            let _ = parse(&text);
        }

        #[test]
        fn nearly_durations_are_read_or_refused(text in "-?[0-9]{0,45}\\.?[0-9]{0,45}(ms|s|m|h|d|x)?") {
            let _ = parse(&text);
        }
    }
}
