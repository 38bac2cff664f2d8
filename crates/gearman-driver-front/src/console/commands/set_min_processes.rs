//! `set_min_processes JOB N`.

use gearman_driver_core::limits::Bound;
use gearman_driver_core::order::Order;

use super::{Action, Call, Command, CommandError};

pub(super) struct SetMinProcesses;

impl Command for SetMinProcesses {
    fn name(&self) -> &str {
        "set_min_processes"
    }

    fn arguments(&self) -> &str {
        "JOB N"
    }

    fn summary(&self) -> &str {
        "Sets how many processes the job has at least; missing ones are started at once"
    }

    fn examples(&self) -> &[&str] {
        &[
            "set_min_processes {job} 1",
            "set_min_processes no_such_job 1",
            "set_min_processes {job}",
            "set_min_processes {job} one",
            "set_min_processes {job} -1",
            "set_min_processes {job} 65535",
            "set_min_processes {job} 65536",
        ]
    }

    fn run(&self, call: &Call<'_>) -> Result<Action, CommandError> {
        let job = call.job()?.name.clone();
        let min = call.bound(1, Bound::Min)?;
        Ok(Action::Order(Order::SetMin { job, min }))
    }
}
