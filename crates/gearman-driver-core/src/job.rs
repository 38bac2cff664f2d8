//! A job as its worker code declares it: the unit that has bounds and processes of its own.

use std::time::Duration;

use crate::limits::Limits;

/// What a host reports of each job that it has loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobDeclaration {
    /// The name in console and status: prefix and method, or prefix and process group. Unique.
    pub name: String,
    /// The functions that each of its processes registers, as the job servers know them. Several for a process group.
    pub functions: Vec<String>,
    /// The bounds after attributes and `job_runtime_attributes` have been merged.
    pub limits: Limits,
    /// How long a surplus process of this job may stay idle; `None` leaves it to the driver's `max_idle_time`.
    pub max_idle_time: Option<Duration>,
}
