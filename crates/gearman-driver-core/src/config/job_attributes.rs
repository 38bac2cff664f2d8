//! What an operator may say of one job, in `job_runtime_attributes`: the one list, from which the types, the readers of
//! files and of the builder, and the documentation follow.

use std::collections::BTreeMap;
use std::time::Duration;

use super::codec::{Codec, Seconds, ValueError, wrong_type};
use super::node::{Node, Value};
use super::safety::{self, Rlimit};
use super::{ConfigError, Origin, Place, Sourced};
use crate::size;

/// A `max_memory` below this is refused: a process grows by as much by merely running.
pub const MIN_MAX_MEMORY: u64 = 1 << 20;

/// An attribute of a job that the configuration may set.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct JobAttribute {
    /// The key.
    pub name: &'static str,
    /// What it takes, as help names it.
    pub takes: &'static str,
    /// One line that says what it is for.
    pub help: &'static str,
    /// Whether it is set.
    pub(super) is_set: fn(&JobOverride) -> bool,
    /// Sets it.
    pub(super) set: fn(&mut JobOverride, &Node, Origin) -> Result<(), ValueError>,
}

/// The attribute of this name, with `-` or `_` in it.
pub(super) fn find(name: &str) -> Option<&'static JobAttribute> {
    let name = name.replace('-', "_");
    JOB_ATTRIBUTES.iter().find(|attribute| attribute.name == name)
}

macro_rules! job_attributes {
    ($($name:ident: $type:ty = $read:path, $takes:literal, $help:literal;)*) => {
        /// What `job_runtime_attributes` says of one job; `None` leaves what the code says.
        #[derive(Debug, Clone, Default, PartialEq)]
        pub struct RuntimeAttributes {
            $(#[doc = $help] pub $name: Option<$type>,)*
        }

        /// What one source says of one job, each with where it came from.
        #[derive(Debug, Clone, Default, PartialEq)]
        #[non_exhaustive]
        pub struct JobOverride {
            $(#[doc = $help] pub $name: Option<Sourced<$type>>,)*
        }

        impl JobOverride {
            /// `self` where it says something, else `lower`.
            pub(super) fn over(self, lower: Self) -> Self {
                Self { $($name: self.$name.or(lower.$name),)* }
            }

            /// The values alone.
            pub(super) fn values(&self) -> RuntimeAttributes {
                RuntimeAttributes { $($name: self.$name.as_ref().map(|sourced| sourced.value.clone()),)* }
            }

            /// Where the first that is set came from.
            pub(super) fn origin(&self) -> Option<&Origin> {
                None$(.or_else(|| self.$name.as_ref().map(|sourced| &sourced.origin)))*
            }
        }

        /// All attributes of a job that the configuration may set.
        pub const JOB_ATTRIBUTES: &[JobAttribute] = &[
            $(JobAttribute {
                name: stringify!($name),
                takes: $takes,
                help: $help,
                is_set: |job| job.$name.is_some(),
                set: |job, node, origin| {
                    job.$name = Some(Sourced::new($read(node)?, origin));
                    Ok(())
                },
            },)*
        ];
    };
}

job_attributes! {
    min_processes: u32 = processes, "N", "Never fewer processes than this.";
    max_processes: u32 = processes, "N", "Never more processes than this.";
    max_idle_time: Duration = Seconds::from_node, "DURATION", "How long a process above the minimum may stay idle.";
    timeout: Duration = some_time, "DURATION",
        "How long a job may take before it fails; 5 s later a process that still has it is killed.";
    max_jobs: u64 = count, "N", "How many jobs a process does before it is replaced.";
    max_age: Duration = some_time, "DURATION", "How old a process becomes before it is replaced.";
    max_memory: u64 = memory, "SIZE",
        "By how much the memory of a process that it shares with no other may grow before it is replaced.";
    jitter: f64 = share, "SHARE",
        "By which part of them, at the most, the last three are lowered by chance in each process: 0.1 unless given.";
    drain_timeout: Duration = Seconds::from_node, "DURATION",
        "How long its processes may take to finish at a shutdown, where that is longer than shutdown_timeout.";
    user: String = safety::user, "USER", "Who its processes run as: a name or a number.";
    group: String = safety::group, "GROUP", "Their group, by name or number; the user's own unless given.";
    rlimits: BTreeMap<String, Rlimit> = safety::rlimits, "TABLE",
        "What the kernel lets each of them use: `{ nofile = 1024, as = \"2GB\", core = [0, \"unlimited\"] }`, both limits or [SOFT, HARD].";
    nice: i32 = safety::nice, "N", "Their priority: -20 (first) to 19 (last).";
    env_keep: Vec<String> = safety::env_keep, "LIST",
        "The only variables that they keep of the driver's environment; all unless given.";
    env: BTreeMap<String, String> = safety::env, "TABLE", "Variables that are set for them, over all others.";
    no_new_privs: bool = safety::no_new_privs, "BOOL",
        "Whether programs that they execute get no more rights than they have: set-user-ID bits count for nothing.";
}

impl JobOverride {
    /// Refuses a minimum above the maximum; `place` says where, given the origin of the maximum.
    pub(super) fn check(&self, job: &str, place: impl FnOnce(&Origin) -> Box<Place>) -> Result<(), ConfigError> {
        match (&self.min_processes, &self.max_processes) {
            (Some(min), Some(max)) if min.value > max.value => Err(ConfigError::MinOverMax {
                job: job.to_owned(),
                min: min.value,
                max: max.value,
                place: place(&max.origin),
            }),
            _ => Ok(()),
        }
    }
}

/// A number of processes: 65,535 at the most, as the console says.
fn processes(node: &Node) -> Result<u32, ValueError> {
    match node.value {
        Value::Integer(number) => u16::try_from(number)
            .map(u32::from)
            .map_err(|_| ValueError::invalid(format!("{number} is no number of processes: 0 to 65535 is"))),
        _ => wrong_type("a number of processes", node),
    }
}

/// A duration that is not zero.
fn some_time(node: &Node) -> Result<Duration, ValueError> {
    Seconds::from_node(node).and_then(|time| if time.is_zero() { Err(zero()) } else { Ok(time) })
}

fn count(node: &Node) -> Result<u64, ValueError> {
    match node.value {
        Value::Integer(0) => Err(zero()),
        Value::Integer(number) => {
            u64::try_from(number).map_err(|_| ValueError::invalid(format!("{number} is no number of jobs")))
        }
        _ => wrong_type("a number of jobs", node),
    }
}

fn zero() -> ValueError {
    ValueError::invalid("0 is no limit: leave it out where there is to be none")
}

fn memory(node: &Node) -> Result<u64, ValueError> {
    let bytes = match &node.value {
        Value::Integer(number) => size::parse(&number.to_string()),
        Value::String(text) => size::parse(text),
        _ => return wrong_type("a size (a number of bytes, or a text as \"100MB\")", node),
    }
    .map_err(|error| ValueError::invalid(error.to_string()))?;
    if bytes < MIN_MAX_MEMORY {
        return Err(ValueError::invalid(format!(
            "{bytes} bytes are too few: a process grows by as much by merely running; 1MiB is the least"
        )));
    }
    Ok(bytes)
}

fn share(node: &Node) -> Result<f64, ValueError> {
    let share = match node.value {
        // Exact for the two that are allowed.
        Value::Integer(number) => number as f64,
        Value::Float(number) => number,
        _ => return wrong_type("a number from 0 to 1", node),
    };
    if (0.0..=1.0).contains(&share) {
        Ok(share)
    } else {
        Err(ValueError::invalid(format!("{share} is no share: a number from 0 to 1 is")))
    }
}
