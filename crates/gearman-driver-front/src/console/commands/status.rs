//! `status`: all jobs, a row each.

use gearman_driver_core::snapshot::{Failing, JobSnapshot};
use gearman_driver_core::time::UnixSeconds;

use super::{Action, Call, Command, CommandError, text};

pub(super) struct Status;

impl Command for Status {
    fn name(&self) -> &str {
        "status"
    }

    fn summary(&self) -> &str {
        "Shows all jobs, a row each, sorted by name"
    }

    fn details(&self) -> &[&str] {
        &[
            "Columns: name, min_processes, max_processes, processes, last run, last error, ERROR: message.",
            "Processes that still finish their job count. Times are UTC; 1970-01-01T00:00:00 means never.",
            "Where processes die as soon as they start, again and again, the message says so: ERROR: failing: ...",
            "Of a job that is paused it says: ERROR: paused: ...",
        ]
    }

    fn examples(&self) -> &[&str] {
        &["status"]
    }

    fn run(&self, call: &Call<'_>) -> Result<Action, CommandError> {
        let rows: Vec<Row> = call.snapshot.jobs.iter().map(Row::of).collect();
        let widest = |column: fn(&Row) -> &str| rows.iter().map(|row| column(row).chars().count()).max().unwrap_or(0);
        let widths = Widths {
            name: widest(|row| &row.name),
            min: widest(|row| &row.min),
            max: widest(|row| &row.max),
            current: widest(|row| &row.current),
        };
        Ok(Action::Answer(rows.iter().map(|row| row.line(widths)).collect()))
    }
}

/// A job's row, cell by cell.
pub(super) struct Row {
    name: String,
    min: String,
    max: String,
    current: String,
    last_run: String,
    last_error: String,
    message: String,
}

/// How wide columns are; what is wider is not cut.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Widths {
    name: usize,
    min: usize,
    max: usize,
    current: usize,
}

impl Row {
    pub(super) fn of(job: &JobSnapshot) -> Self {
        let error = job.last_error.as_ref();
        let message = message(job);
        Self {
            name: text::one_line(&job.name),
            min: job.limits.min().to_string(),
            max: job.limits.max().to_string(),
            current: job.processes.len().to_string(),
            last_run: job.last_run.unwrap_or(UnixSeconds::EPOCH).to_string(),
            last_error: error.map_or(UnixSeconds::EPOCH, |error| error.at).to_string(),
            message: message.map(|message| format!("ERROR: {message}")).unwrap_or_default(),
        }
    }

    /// The cells, two spaces between them: those before an empty message stay.
    pub(super) fn line(&self, widths: Widths) -> String {
        let Self { name, min, max, current, last_run, last_error, message } = self;
        format!(
            "{name:<name_width$}  {min:>min_width$}  {max:>max_width$}  {current:>current_width$}  {last_run}  {last_error}  {message}",
            name_width = widths.name,
            min_width = widths.min,
            max_width = widths.max,
            current_width = widths.current,
        )
    }
}

/// What is wrong with a job: it is paused, its processes die, or the last error of one of them. In the column that the
/// original has for it, so that whoever watches that sees both.
fn message(job: &JobSnapshot) -> Option<String> {
    let last = job.last_error.as_ref().map(|error| error.message.as_str()).filter(|message| !message.is_empty());
    let failing = job
        .failing
        .map(|Failing { times, failure, .. }| format!("failing: its processes {failure}, {times} times in a row"));
    let now = if job.paused { Some("paused: it has no process until resume".to_owned()) } else { failing };
    match (now, last) {
        (Some(now), Some(last)) => Some(text::one_line(&format!("{now}; last error: {last}"))),
        (Some(now), None) => Some(now),
        (None, last) => last.map(text::one_line),
    }
}
