//! `set_max_processes JOB N`.

use gearman_driver_core::limits::Bound;
use gearman_driver_core::order::Order;

use super::{Action, Call, Command, CommandError};

pub(super) struct SetMaxProcesses;

impl Command for SetMaxProcesses {
    fn name(&self) -> &str {
        "set_max_processes"
    }

    fn arguments(&self) -> &str {
        "JOB N"
    }

    fn summary(&self) -> &str {
        "Sets how many processes the job has at most; those beyond are asked to finish their job and exit"
    }

    fn examples(&self) -> &[&str] {
        &[
            "set_max_processes {job} 3",
            "set_max_processes no_such_job 3",
            "set_max_processes {job}",
            "set_max_processes {job} 3.5",
            "set_max_processes {job} 0",
            "set_max_processes {job} 65536",
        ]
    }

    fn run(&self, call: &Call<'_>) -> Result<Action, CommandError> {
        let job = call.job()?.name.clone();
        let max = call.bound(1, Bound::Max)?;
        Ok(Action::Order(Order::SetMax { job, max }))
    }
}
