//! `set_processes JOB MIN MAX`.

use gearman_driver_core::limits::Bound;
use gearman_driver_core::order::Order;

use super::{Action, Call, Command, CommandError};

pub(super) struct SetProcesses;

impl Command for SetProcesses {
    fn name(&self) -> &str {
        "set_processes"
    }

    fn arguments(&self) -> &str {
        "JOB MIN MAX"
    }

    fn summary(&self) -> &str {
        "Sets both bounds in one step"
    }

    fn examples(&self) -> &[&str] {
        &[
            "set_processes {job} 2 4",
            "set_processes {job} 2 2",
            "set_processes no_such_job 1 2",
            "set_processes {job}",
            "set_processes {job} 1",
            "set_processes {job} 3 2",
        ]
    }

    fn run(&self, call: &Call<'_>) -> Result<Action, CommandError> {
        let job = call.job()?.name.clone();
        // Both must be numbers before either can be too large.
        call.digits(1, Bound::Min)?;
        call.digits(2, Bound::Max)?;
        let (min, max) = (call.bound(1, Bound::Min)?, call.bound(2, Bound::Max)?);
        Ok(Action::Order(Order::SetProcesses { job, min, max }))
    }
}
