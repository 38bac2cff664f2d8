//! `pause JOB`: a job stops for a while.

use gearman_driver_core::order::Order;

use super::{Action, Call, Command, CommandError};

pub(super) struct Pause;

impl Command for Pause {
    fn name(&self) -> &str {
        "pause"
    }

    fn arguments(&self) -> &str {
        "JOB"
    }

    fn summary(&self) -> &str {
        "Stops the job: running jobs are finished, its processes exit, none is started"
    }

    fn details(&self) -> &[&str] {
        &[
            "What is queued waits at the job servers. Bounds stay, a reload changes nothing about it; a restart of the driver does.",
        ]
    }

    fn examples(&self) -> &[&str] {
        &["pause {job}"]
    }

    fn run(&self, call: &Call<'_>) -> Result<Action, CommandError> {
        Ok(Action::Order(Order::Pause { job: call.job()?.name.clone() }))
    }
}
