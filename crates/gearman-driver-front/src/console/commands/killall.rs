//! `killall JOB...`, `killall *`.

use gearman_driver_core::order::{JobSelection, Order, OrderError};

use super::{Action, Call, Command, CommandError};

pub(super) struct KillAll;

impl Command for KillAll {
    fn name(&self) -> &str {
        "killall"
    }

    fn arguments(&self) -> &str {
        "JOB...|*"
    }

    fn summary(&self) -> &str {
        "As stop, for all processes of these jobs, or of all jobs"
    }

    fn details(&self) -> &[&str] {
        &["All names are checked before any process is touched."]
    }

    fn examples(&self) -> &[&str] {
        &["killall {job}", "killall *", "killall {job} no_such_job", "killall"]
    }

    fn run(&self, call: &Call<'_>) -> Result<Action, CommandError> {
        let selection = match call.arguments {
            [] => return Err(OrderError::NoJobNames.into()),
            ["*", ..] => JobSelection::All,
            names => {
                if let Some(unknown) = names.iter().find(|name| call.snapshot.job(name).is_none()) {
                    return Err(CommandError::unknown_job(unknown));
                }
                JobSelection::Named(names.iter().map(ToString::to_string).collect())
            }
        };
        Ok(Action::Order(Order::KillAll(selection)))
    }
}
