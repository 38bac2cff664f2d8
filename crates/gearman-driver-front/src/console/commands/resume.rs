//! `resume JOB`: a job that was paused goes on.

use gearman_driver_core::order::Order;

use super::{Action, Call, Command, CommandError};

pub(super) struct Resume;

impl Command for Resume {
    fn name(&self) -> &str {
        "resume"
    }

    fn arguments(&self) -> &str {
        "JOB"
    }

    fn summary(&self) -> &str {
        "Starts a job that was paused: as many processes as before"
    }

    fn examples(&self) -> &[&str] {
        &["resume {job}"]
    }

    fn run(&self, call: &Call<'_>) -> Result<Action, CommandError> {
        Ok(Action::Order(Order::Resume { job: call.job()?.name.clone() }))
    }
}
