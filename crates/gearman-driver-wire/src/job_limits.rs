//! What may be said of a job besides its bounds: how long its jobs may take, and when its processes are replaced.
//!
//! The same fields in `load` (what the operator says) and in `loaded` (what holds); durations are seconds there.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The least `max_memory`: a process grows by as much by merely running.
pub const MIN_MAX_MEMORY: u64 = 1 << 20;

/// Limits of a job; `None`: nothing is said.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct JobLimits {
    /// How long a process above the minimum may stay idle; without it, the driver's `max_idle_time`.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "seconds")]
    pub max_idle_time: Option<Duration>,
    /// How long a job may take before its client is told that it has failed.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "seconds")]
    pub timeout: Option<Duration>,
    /// How many jobs a process begins at the most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_jobs: Option<u64>,
    /// How old a process becomes.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "seconds")]
    pub max_age: Option<Duration>,
    /// By how many bytes the memory that a process shares with no other may grow after its fork.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_memory: Option<u64>,
    /// By which part of them, 0.0 to 1.0, the three above are lowered at the most, by chance, in each process.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jitter: Option<f64>,
    /// How long a process may take to finish its job at a shutdown, where that is longer than `shutdown_timeout`.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "seconds")]
    pub drain_timeout: Option<Duration>,
}

impl JobLimits {
    /// The jitter where nothing is said.
    pub const JITTER: f64 = 0.1;

    /// Nothing said: [`Default`] for constants.
    pub const NONE: Self = Self {
        max_idle_time: None,
        timeout: None,
        max_jobs: None,
        max_age: None,
        max_memory: None,
        jitter: None,
        drain_timeout: None,
    };

    /// `self` where it says something, else `weaker`.
    #[must_use]
    pub fn over(self, weaker: Self) -> Self {
        Self {
            max_idle_time: self.max_idle_time.or(weaker.max_idle_time),
            timeout: self.timeout.or(weaker.timeout),
            max_jobs: self.max_jobs.or(weaker.max_jobs),
            max_age: self.max_age.or(weaker.max_age),
            max_memory: self.max_memory.or(weaker.max_memory),
            jitter: self.jitter.or(weaker.jitter),
            drain_timeout: self.drain_timeout.or(weaker.drain_timeout),
        }
    }

    /// Refuses what can't be kept.
    ///
    /// # Errors
    /// The first limit that is wrong, and why.
    pub fn check(&self) -> Result<(), String> {
        let zero = |name| Err(format!("{name} is 0, which is no limit: leave it out where there is to be none"));
        match *self {
            Self { timeout: Some(Duration::ZERO), .. } => zero("timeout"),
            Self { max_jobs: Some(0), .. } => zero("max_jobs"),
            Self { max_age: Some(Duration::ZERO), .. } => zero("max_age"),
            Self { max_memory: Some(bytes), .. } if bytes < MIN_MAX_MEMORY => Err(format!(
                "max_memory ({bytes} bytes) is below 1 MiB ({MIN_MAX_MEMORY} bytes): a process grows by as much by merely \
                 running"
            )),
            Self { jitter: Some(jitter), .. } if !(0.0..=1.0).contains(&jitter) => {
                Err(format!("jitter ({jitter}) is a share, from 0 to 1"))
            }
            _ => Ok(()),
        }
    }
}

/// Durations as numbers of seconds.
mod seconds {
    use std::time::Duration;

    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[allow(clippy::ref_option, reason = "as serde calls it")]
    pub(super) fn serialize<S: Serializer>(time: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
        time.map(|time| time.as_secs_f64()).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
        Option::<f64>::deserialize(deserializer)?
            .map(|seconds| {
                Duration::try_from_secs_f64(seconds)
                    .map_err(|error| D::Error::custom(format!("{seconds} is no number of seconds: {error}")))
            })
            .transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_seconds_and_what_is_not_said_is_not_there() {
        let limits = JobLimits {
            timeout: Some(Duration::from_millis(1500)),
            max_jobs: Some(1000),
            max_memory: Some(100_000_000),
            ..JobLimits::NONE
        };
        let json = serde_json::to_string(&limits).unwrap();
        assert_eq!(json, r#"{"timeout":1.5,"max_jobs":1000,"max_memory":100000000}"#);
        assert_eq!(serde_json::from_str::<JobLimits>(&json).unwrap(), limits);
        let error = serde_json::from_str::<JobLimits>(r#"{"max_age":-1}"#).unwrap_err();
        assert!(error.to_string().starts_with("-1 is no number of seconds"), "{error}");
    }

    #[test]
    fn each_limit_has_its_own_winner() {
        let strong = JobLimits { max_jobs: Some(1), ..JobLimits::NONE };
        let weak = JobLimits { max_jobs: Some(2), jitter: Some(0.0), ..JobLimits::NONE };
        assert_eq!(strong.over(weak), JobLimits { max_jobs: Some(1), jitter: Some(0.0), ..JobLimits::NONE });
    }

    #[test]
    fn what_cannot_be_kept_is_refused() {
        let wrong = [
            JobLimits { timeout: Some(Duration::ZERO), ..JobLimits::NONE },
            JobLimits { max_jobs: Some(0), ..JobLimits::NONE },
            JobLimits { max_memory: Some(4096), ..JobLimits::NONE },
            JobLimits { jitter: Some(f64::NAN), ..JobLimits::NONE },
        ];
        insta::assert_snapshot!(wrong.map(|limits| limits.check().unwrap_err()).join("\n"), @"
        timeout is 0, which is no limit: leave it out where there is to be none
        max_jobs is 0, which is no limit: leave it out where there is to be none
        max_memory (4096 bytes) is below 1 MiB (1048576 bytes): a process grows by as much by merely running
        jitter (NaN) is a share, from 0 to 1
        ");
        assert_eq!(JobLimits { drain_timeout: Some(Duration::ZERO), ..JobLimits::NONE }.check(), Ok(()));
    }
}
