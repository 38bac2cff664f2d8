//! `list`: the names of all jobs.

use super::{Action, Call, Command, CommandError, text};

pub(super) struct List;

impl Command for List {
    fn name(&self) -> &str {
        "list"
    }

    fn summary(&self) -> &str {
        "Lists the names of all jobs, sorted"
    }

    fn examples(&self) -> &[&str] {
        &["list"]
    }

    fn run(&self, call: &Call<'_>) -> Result<Action, CommandError> {
        Ok(Action::Answer(call.snapshot.jobs.iter().map(|job| text::one_line(&job.name)).collect()))
    }
}
