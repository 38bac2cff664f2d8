//! `ps [JOB]`: the processes, a row each.

use gearman_driver_core::snapshot::{JobSnapshot, ProcessSnapshot, Snapshot};
use gearman_driver_core::time::Time;
use gearman_driver_sys::memory;

use super::{Action, Call, Command, CommandError, Task, text};

pub(super) struct Ps;

impl Command for Ps {
    fn name(&self) -> &str {
        "ps"
    }

    fn arguments(&self) -> &str {
        "[JOB]"
    }

    fn summary(&self) -> &str {
        "Shows the processes of all jobs, or of one, a row each"
    }

    fn details(&self) -> &[&str] {
        &[
            "Columns: PID, generation, state, seconds in that state, jobs done, memory of its own in KiB, job, function in hand.",
            "States are starting, idle, busy and draining; `-` stands for what is not known, or for no function.",
            "A row: 4711  1  busy  0.5  17  412  my_app::workers::image::Image::convert  my_app::workers::image::Image::convert",
        ]
    }

    fn examples(&self) -> &[&str] {
        &["ps no_such_job"]
    }

    fn run(&self, call: &Call<'_>) -> Result<Action, CommandError> {
        let job = if call.arguments.is_empty() { None } else { Some(call.job()?.name.clone()) };
        // Reading the memory of many processes takes its time, so it is no work for the event loop.
        Ok(Action::Run(Task::new(move |handle| {
            let snapshot = handle.snapshot_blocking()?;
            Ok(rows(&snapshot, job.as_deref(), |pid| memory::unique_of(pid).ok()))
        })))
    }
}

fn rows(snapshot: &Snapshot, job: Option<&str>, memory: impl Fn(u32) -> Option<u64>) -> Vec<String> {
    let wanted = snapshot.jobs.iter().filter(|known| job.is_none_or(|job| known.name == job));
    let rows: Vec<[String; 8]> = wanted
        .flat_map(|job| job.processes.iter().map(move |process| (job, process)))
        .map(|(job, process)| row(job, process, memory(process.pid), snapshot.at))
        .collect();
    let widths: Vec<usize> = (0..8).map(|column| rows.iter().map(|row| row[column].len()).max().unwrap_or(0)).collect();
    rows.iter()
        .map(|row| {
            let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, &width))| match column {
                // Words to the left, numbers to the right.
                2 | 6 | 7 => format!("{cell:<width$}"),
                _ => format!("{cell:>width$}"),
            });
            cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
        })
        .collect()
}

fn row(job: &JobSnapshot, process: &ProcessSnapshot, memory: Option<u64>, now: Time) -> [String; 8] {
    let function = process.current.as_ref().map_or_else(|| "-".to_owned(), |current| text::one_line(&current.function));
    [
        process.pid.to_string(),
        process.generation.to_string(),
        process.state.name().to_owned(),
        format!("{:.1}", now.since(process.since).as_secs_f64()),
        process.jobs_done.to_string(),
        memory.map_or_else(|| "-".to_owned(), |bytes| (bytes >> 10).to_string()),
        text::one_line(&job.name),
        function,
    ]
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use gearman_driver_core::process::{ActivityState, CurrentJob, HostId};

    use super::*;

    #[test]
    fn a_row_shows_what_a_process_does() {
        let process = ProcessSnapshot {
            pid: 4711,
            host: HostId(2),
            generation: 2,
            started: Time::START,
            state: ActivityState::Busy,
            since: Time::after_start(Duration::from_millis(500)),
            jobs_done: 17,
            current: Some(CurrentJob {
                function: "a\u{1b}f".to_owned(),
                handle: "H:x:1".to_owned(),
                started: Time::START,
            }),
        };
        let job = super::super::tests::job("a::f", 0, 1, &[12]);
        let busy = JobSnapshot { processes: vec![process], ..super::super::tests::job("a::group", 0, 1, &[]) };
        let snapshot =
            Snapshot { at: Time::after_start(Duration::from_secs(2)), jobs: vec![job, busy], ..Snapshot::default() };
        let memory = |pid| (pid == 4711).then_some(422_000);
        insta::assert_snapshot!(rows(&snapshot, None, memory).join("\n"), @r#"
          12  1  idle  2.0   0    -  a::f      -
        4711  2  busy  1.5  17  412  a::group  a\x1bf
        "#);
        assert_eq!(rows(&snapshot, Some("a::group"), memory).len(), 1);
    }
}
