//! The workers, and the driver program that they make: this executable, started again.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use gearman_driver::prelude::*;

use crate::jobs::Task;
use crate::note::{Mark, Note, now};

/// Names the file of notes; where it is set, this executable is a driver or a host.
pub(crate) const NOTES: &str = "CHAOS_NOTES";

/// Runs the driver, or its host, with the command line's arguments.
pub(crate) fn run() -> ExitCode {
    gearman_driver::Driver::from_args().namespaces(["chaos::workers"]).run()
}

/// Its functions note when they begin and end, and answer with the job's number.
#[derive(Default)]
pub(crate) struct Chaos {
    notes: Option<File>,
}

impl Chaos {
    fn note(&self, mark: Mark, task: &Task, job: &Job) -> Result<(), Error> {
        let mut notes = self.notes.as_ref().ok_or("process_start has opened it")?;
        let (pid, handle) = (std::process::id(), job.handle().to_owned());
        Ok(notes.write_all(&Note { mark, number: task.number, pid, handle, at: now() }.line()?)?)
    }

    fn begun(&self, job: &Job, workload: &str) -> Result<Task, Error> {
        let task = Task::of(workload.parse()?);
        self.note(Mark::Begun, &task, job)?;
        Ok(task)
    }

    fn done(&self, job: &Job, task: &Task) -> Result<String, Error> {
        self.note(Mark::Done, task, job)?;
        Ok(task.result(std::process::id()))
    }

    fn at_once(&self, job: &Job, workload: &str) -> Result<String, Error> {
        let task = self.begun(job, workload)?;
        self.done(job, &task)
    }
}

#[worker]
impl Chaos {
    #[job(min_processes = 2, max_processes = 6)]
    fn quick(&self, job: &mut Job, workload: &str) -> Result<String, Error> {
        self.at_once(job, workload)
    }

    #[job(min_processes = 2, max_processes = 10)]
    fn slow(&self, job: &mut Job, workload: &str) -> Result<String, Error> {
        let task = self.begun(job, workload)?;
        std::thread::sleep(Duration::from_millis(task.millis));
        self.done(job, &task)
    }

    #[job(min_processes = 1, max_processes = 3)]
    fn fail(&self, job: &mut Job, workload: &str) -> Result<String, Error> {
        let task = self.begun(job, workload)?;
        self.note(Mark::Failed, &task, job)?;
        Err(ON_PURPOSE.into())
    }

    #[job(process_group = "pair", min_processes = 1, max_processes = 4)]
    fn one(&self, job: &mut Job, workload: &str) -> Result<String, Error> {
        self.at_once(job, workload)
    }

    #[job(process_group = "pair")]
    fn two(&self, job: &mut Job, workload: &str) -> Result<String, Error> {
        self.at_once(job, workload)
    }

    #[job(concurrency = 8, min_processes = 1, max_processes = 3)]
    async fn wait(&self, job: &mut Job, workload: &str) -> Result<String, Error> {
        let task = self.begun(job, workload)?;
        tokio::time::sleep(Duration::from_millis(task.millis)).await;
        self.done(job, &task)
    }

    fn process_start(&mut self) -> Result<(), Error> {
        let path = std::env::var_os(NOTES).ok_or(format!("{NOTES} is not set"))?;
        self.notes = Some(OpenOptions::new().append(true).create(true).open(path)?);
        Ok(())
    }
}

/// The message of jobs that fail on purpose.
pub(crate) const ON_PURPOSE: &str = "on purpose";
