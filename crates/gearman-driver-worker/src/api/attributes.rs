//! Bounds and limits of a job: who may set them, and who wins.
//!
//! Per bound: `job_runtime_attributes`, else `override_attributes`, else `#[job]`, else `default_attributes`, else
//! min 1, and max 1 or min where that is larger. Limits ([`JobLimits`]) go the same way, and have no default but the jitter's.

use std::time::Duration;

use gearman_driver_wire::host::RuntimeBounds;
use gearman_driver_wire::job_limits::JobLimits;

/// The most processes a bound may name, as in the console.
pub const MAX_PROCESSES: u32 = 65_535;

/// Bounds and limits that a worker gives all its jobs, from [`default_attributes`](super::Worker::default_attributes) or
/// [`override_attributes`](super::Worker::override_attributes). Once per process group.
///
/// Codecs for all methods of a worker are `#[worker(decode = "..", encode = "..")]`: the compiler checks their types,
/// which it cannot do with names that come at run time.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
#[must_use]
pub struct JobAttributes {
    pub(crate) min_processes: Option<u32>,
    pub(crate) max_processes: Option<u32>,
    pub(crate) limits: JobLimits,
}

impl JobAttributes {
    /// Nothing set.
    pub fn new() -> Self {
        Self::default()
    }

    /// Never fewer processes than this (as `MinProcesses`).
    pub fn min_processes(mut self, min_processes: u32) -> Self {
        self.min_processes = Some(min_processes);
        self
    }

    /// Never more processes than this (as `MaxProcesses`).
    pub fn max_processes(mut self, max_processes: u32) -> Self {
        self.max_processes = Some(max_processes);
        self
    }

    /// How long a process above the minimum may stay idle; without it, the driver's `max_idle_time`.
    pub fn max_idle_time(mut self, time: Duration) -> Self {
        self.limits.max_idle_time = Some(time);
        self
    }

    /// How long a job may take: then its client is told that it failed. A process that still has the job 5 s later is
    /// killed.
    pub fn timeout(mut self, time: Duration) -> Self {
        self.limits.timeout = Some(time);
        self
    }

    /// How many jobs a process does before it is replaced; never more.
    pub fn max_jobs(mut self, jobs: u64) -> Self {
        self.limits.max_jobs = Some(jobs);
        self
    }

    /// How old a process becomes before it is replaced.
    pub fn max_age(mut self, age: Duration) -> Self {
        self.limits.max_age = Some(age);
        self
    }

    /// By how many bytes the memory that a process shares with no other may grow before it is replaced: 1 MiB at least.
    pub fn max_memory(mut self, bytes: u64) -> Self {
        self.limits.max_memory = Some(bytes);
        self
    }

    /// By which part of them, 0.0 to 1.0, `max_jobs`, `max_age` and `max_memory` are lowered at the most, by chance, in
    /// each process; without it, 0.1.
    pub fn jitter(mut self, share: f64) -> Self {
        self.limits.jitter = Some(share);
        self
    }

    /// How long a process may take to finish its job when the driver ends, where that is longer than its
    /// `shutdown_timeout`.
    pub fn drain_timeout(mut self, time: Duration) -> Self {
        self.limits.drain_timeout = Some(time);
        self
    }
}

/// What one source says about one job's bounds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Bounds {
    pub(crate) min: Option<u32>,
    pub(crate) max: Option<u32>,
}

impl From<JobAttributes> for Bounds {
    fn from(attributes: JobAttributes) -> Self {
        Self { min: attributes.min_processes, max: attributes.max_processes }
    }
}

impl From<&RuntimeBounds> for Bounds {
    fn from(attributes: &RuntimeBounds) -> Self {
        Self { min: attributes.min_processes, max: attributes.max_processes }
    }
}

impl Bounds {
    /// `self` where it says something, else `weaker`.
    pub(crate) fn over(self, weaker: Bounds) -> Bounds {
        Bounds { min: self.min.or(weaker.min), max: self.max.or(weaker.max) }
    }

    /// The bounds in force, or what is wrong with them.
    pub(crate) fn resolve(self) -> Result<(u32, u32), String> {
        let min = self.min.unwrap_or(1);
        let max = self.max.unwrap_or(min.max(1));
        for (bound, value) in [("min_processes", min), ("max_processes", max)] {
            if value > MAX_PROCESSES {
                return Err(format!("{bound} ({value}) must be <= {MAX_PROCESSES}"));
            }
        }
        if min > max {
            let default = if self.min.is_none() { ", the default" } else { "" };
            return Err(format!("min_processes ({min}{default}) is above max_processes ({max})"));
        }
        Ok((min, max))
    }

    /// `reason` (from [`Bounds::resolve`]), and that the operator had a part in it, where these are the operator's bounds.
    pub(crate) fn blame(self, reason: String) -> String {
        match (self.min, self.max) {
            (None, None) => reason,
            (Some(_), None) => {
                format!("{reason}; job_runtime_attributes sets min_processes alone: set max_processes there too")
            }
            (None, Some(_)) => {
                format!("{reason}; job_runtime_attributes sets max_processes alone: set min_processes there too")
            }
            (Some(_), Some(_)) => format!("{reason}; job_runtime_attributes sets both"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bounds(min: Option<u32>, max: Option<u32>) -> Bounds {
        Bounds { min, max }
    }

    #[test]
    fn what_is_left_open_is_one_or_min() {
        assert_eq!(bounds(None, None).resolve(), Ok((1, 1)));
        assert_eq!(bounds(Some(0), None).resolve(), Ok((0, 1)));
        assert_eq!(bounds(Some(5), None).resolve(), Ok((5, 5)));
        assert_eq!(bounds(None, Some(5)).resolve(), Ok((1, 5)));
        assert_eq!(bounds(Some(0), Some(0)).resolve(), Ok((0, 0)));
    }

    #[test]
    fn wrong_bounds_say_what_is_wrong() {
        let message = |min, max| bounds(min, max).resolve().unwrap_err();
        assert_eq!(message(Some(5), Some(2)), "min_processes (5) is above max_processes (2)");
        assert_eq!(message(None, Some(0)), "min_processes (1, the default) is above max_processes (0)");
        assert_eq!(message(Some(0), Some(70_000)), "max_processes (70000) must be <= 65535");
    }

    #[test]
    fn each_bound_has_its_own_winner() {
        assert_eq!(bounds(Some(2), None).over(bounds(Some(1), Some(9))), bounds(Some(2), Some(9)));
    }
}
