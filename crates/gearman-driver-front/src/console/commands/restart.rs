//! `restart JOB`: one job's processes are replaced.

use gearman_driver_core::order::Order;

use super::{Action, Call, Command, CommandError};

pub(super) struct Restart;

impl Command for Restart {
    fn name(&self) -> &str {
        "restart"
    }

    fn arguments(&self) -> &str {
        "JOB"
    }

    fn summary(&self) -> &str {
        "Replaces the job's processes step by step, the new ones first; running jobs are finished"
    }

    fn details(&self) -> &[&str] {
        &["The worker code stays the one that is loaded; reload loads it anew."]
    }

    fn examples(&self) -> &[&str] {
        &["restart {job}", "restart no_such_job"]
    }

    fn run(&self, call: &Call<'_>) -> Result<Action, CommandError> {
        Ok(Action::Order(Order::Restart { job: call.job()?.name.clone() }))
    }
}
