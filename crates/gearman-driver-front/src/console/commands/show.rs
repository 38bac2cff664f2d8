//! `show JOB`: one job's row, and its processes.

use super::status::{Row, Widths};
use super::{Action, Call, Command, CommandError};

pub(super) struct Show;

impl Command for Show {
    fn name(&self) -> &str {
        "show"
    }

    fn arguments(&self) -> &str {
        "JOB"
    }

    fn summary(&self) -> &str {
        "Shows one job: its row as in status, not padded, then the PID of each of its processes"
    }

    fn examples(&self) -> &[&str] {
        &["show {job}", "show no_such_job", "show"]
    }

    fn run(&self, call: &Call<'_>) -> Result<Action, CommandError> {
        let job = call.job()?;
        let row = Row::of(job).line(Widths::default());
        let pids = job.processes.iter().map(|process| process.pid.to_string());
        Ok(Action::Answer(std::iter::once(row).chain(pids).collect()))
    }
}
