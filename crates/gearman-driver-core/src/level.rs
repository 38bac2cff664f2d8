//! Log levels, as Log::Log4perl names and orders them.
//!
//! Decides the names and which record passes which threshold; writing records is the log's work.

use std::fmt;
use std::str::FromStr;

use crate::suggest;

/// How important a log record is, or, as a threshold, how important it has to be (`--loglevel`).
///
/// Ordered from the least to the most important. [`Level::Off`] is a threshold that no record reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Level {
    /// The finest steps, for whoever debugs the driver itself.
    Trace,
    /// Decisions and their reasons.
    Debug,
    /// What an operator wants to see in normal operation: processes started, exits. The default.
    #[default]
    Info,
    /// Something is not as it should be, and the driver copes with it.
    Warn,
    /// Something failed.
    Error,
    /// The driver cannot go on.
    Fatal,
    /// Only as a threshold: nothing is logged.
    Off,
}

impl Level {
    /// All levels, from the least to the most important.
    pub const ALL: [Level; 7] =
        [Level::Trace, Level::Debug, Level::Info, Level::Warn, Level::Error, Level::Fatal, Level::Off];

    /// The name as written in the log and in configuration: upper case, without padding.
    pub const fn name(self) -> &'static str {
        match self {
            Level::Trace => "TRACE",
            Level::Debug => "DEBUG",
            Level::Info => "INFO",
            Level::Warn => "WARN",
            Level::Error => "ERROR",
            Level::Fatal => "FATAL",
            Level::Off => "OFF",
        }
    }

    /// Whether a record of this level is written where `threshold` is set.
    pub fn passes(self, threshold: Level) -> bool {
        self >= threshold && threshold != Level::Off
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A text that names no level.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no log level: TRACE, DEBUG, INFO, WARN, ERROR, FATAL or OFF is")]
pub struct LevelError {
    /// The text as it was given.
    pub text: String,
    /// The level that was probably meant.
    pub suggestion: Option<&'static str>,
}

impl FromStr for Level {
    type Err = LevelError;

    fn from_str(text: &str) -> Result<Self, LevelError> {
        Level::ALL.into_iter().find(|level| level.name().eq_ignore_ascii_case(text)).ok_or_else(|| LevelError {
            text: text.to_owned(),
            suggestion: suggest::nearest(text, Level::ALL.map(Level::name)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_in_any_case() {
        for level in Level::ALL {
            assert_eq!(level.name().parse(), Ok(level));
            assert_eq!(level.name().to_lowercase().parse(), Ok(level));
        }
    }

    #[test]
    fn the_order_is_that_of_importance() {
        assert!(Level::ALL.is_sorted());
        assert!(Level::Warn.passes(Level::Info));
        assert!(Level::Info.passes(Level::Info));
        assert!(!Level::Debug.passes(Level::Info));
        assert!(!Level::Fatal.passes(Level::Off));
        assert!(!Level::Off.passes(Level::Off));
    }

    #[test]
    fn an_unknown_name_is_answered_with_those_that_exist() {
        let error = "INFOO".parse::<Level>().unwrap_err();
        insta::assert_snapshot!(error, @"`INFOO` is no log level: TRACE, DEBUG, INFO, WARN, ERROR, FATAL or OFF is");
        assert_eq!(error.suggestion, Some("INFO"));
    }
}
