//! `kill PID...`: the original's name for `stop`. It never kills a job.

use super::stop::Stop;
use super::{Action, Call, Command, CommandError};

pub(super) struct Kill;

impl Command for Kill {
    fn name(&self) -> &str {
        "kill"
    }

    fn arguments(&self) -> &str {
        Stop.arguments()
    }

    fn summary(&self) -> &str {
        "As stop: no job is killed"
    }

    fn details(&self) -> &[&str] {
        Stop.details()
    }

    fn examples(&self) -> &[&str] {
        &["kill {pid}", "kill 1", "kill"]
    }

    fn run(&self, call: &Call<'_>) -> Result<Action, CommandError> {
        Stop.run(call)
    }
}
