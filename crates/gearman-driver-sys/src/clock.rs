//! The monotonic clock, which all processes of a machine share: what a worker writes into the scoreboard, the supervisor
//! compares with its own.

use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

/// The time since some moment before this machine's processes.
#[must_use]
pub fn monotonic() -> Duration {
    clock_gettime(ClockId::CLOCK_MONOTONIC).map(Duration::from).unwrap_or_default()
}
