//! How few and how many processes a job may have.

use thiserror::Error;

/// The bounds of a job: never fewer than `min` processes, never more than `max`.
///
/// Checked once when made, trusted afterwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Limits {
    min: u32,
    max: u32,
}

impl Limits {
    /// The largest bound that is accepted: more processes than that no machine runs.
    pub const LARGEST: u32 = 65_535;

    /// `min_processes` and `max_processes` of a job. They may be equal, and both may be 0.
    ///
    /// # Errors
    /// When `min` is above `max`, or one of them is above [`Limits::LARGEST`].
    pub const fn new(min: u32, max: u32) -> Result<Self, LimitsError> {
        if min > Self::LARGEST {
            return Err(LimitsError::TooLarge { bound: Bound::Min, value: min });
        }
        if max > Self::LARGEST {
            return Err(LimitsError::TooLarge { bound: Bound::Max, value: max });
        }
        if min > max {
            return Err(LimitsError::MinAboveMax { min, max });
        }
        Ok(Self { min, max })
    }

    /// No process at all: what a job that is no longer declared has.
    pub const NONE: Limits = Limits { min: 0, max: 0 };

    /// As `MinProcesses` in Gearman::Driver::Worker.
    pub const fn min(self) -> u32 {
        self.min
    }

    /// As `MaxProcesses` in Gearman::Driver::Worker.
    pub const fn max(self) -> u32 {
        self.max
    }

    /// The number nearest to `processes` within the bounds.
    pub fn clamp(self, processes: u32) -> u32 {
        processes.clamp(self.min, self.max)
    }
}

impl Default for Limits {
    /// One process, as the original.
    fn default() -> Self {
        Self { min: 1, max: 1 }
    }
}

/// Which of the two bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Bound {
    /// `min_processes`.
    Min,
    /// `max_processes`.
    Max,
}

impl Bound {
    /// The name in configuration, attributes and console.
    pub const fn name(self) -> &'static str {
        match self {
            Bound::Min => "min_processes",
            Bound::Max => "max_processes",
        }
    }
}

impl std::fmt::Display for Bound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// Why two numbers can't be a job's bounds. Whoever knows the job names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum LimitsError {
    /// The lower bound is above the upper one.
    #[error("max_processes ({max}) is below min_processes ({min}); raise the one or lower the other")]
    MinAboveMax {
        /// `min_processes`, as given.
        min: u32,
        /// `max_processes`, as given.
        max: u32,
    },
    /// A bound is above [`Limits::LARGEST`].
    #[error("{bound} ({value}) must be <= {}", Limits::LARGEST)]
    TooLarge {
        /// The bound.
        bound: Bound,
        /// Its value, as given.
        value: u32,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_bounds_and_zero_are_allowed() {
        assert!(Limits::new(0, 0).is_ok());
        assert!(Limits::new(5, 5).is_ok());
        assert!(Limits::new(0, 65_535).is_ok());
        assert_eq!(Limits::default(), Limits::new(1, 1).unwrap());
    }

    #[test]
    fn what_is_refused_says_how_to_mend_it() {
        insta::assert_snapshot!(Limits::new(5, 2).unwrap_err(), @"max_processes (2) is below min_processes (5); raise the one or lower the other");
        insta::assert_snapshot!(Limits::new(0, 65_536).unwrap_err(), @"max_processes (65536) must be <= 65535");
        insta::assert_snapshot!(Limits::new(70_000, 1).unwrap_err(), @"min_processes (70000) must be <= 65535");
    }

    #[test]
    fn clamp_stays_within() {
        let limits = Limits::new(2, 4).unwrap();
        assert_eq!([0, 2, 3, 4, 9].map(|n| limits.clamp(n)), [2, 2, 3, 4, 4]);
    }
}
