//! The workers, and the driver program that they make: this executable, started again.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::process::ExitCode;

use gearman_driver::prelude::*;
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::{Signal, raise};

use crate::jobs::{Fate, Task, Way};
use crate::note::{Mark, NOWHERE, Note, now};

/// Names the file of notes; where it is set, this executable is a driver or a host.
pub(crate) const NOTES: &str = "CHAOS_NOTES";
/// The driver's number.
pub(crate) const DRIVER: &str = "CHAOS_DRIVER";
/// What a job of `leak` leaves behind.
const LEAK: usize = 256 << 10;

/// Runs the driver, or its host, with the command line's arguments.
pub(crate) fn run() -> ExitCode {
    gearman_driver::Driver::from_args().namespaces(["chaos::workers"]).run()
}

/// The message of jobs that fail on purpose.
pub(crate) const ON_PURPOSE: &str = "on purpose";

/// Notes what happens. Both workers have one.
#[derive(Default)]
struct Notes {
    file: Option<File>,
    driver: u8,
}

impl Notes {
    fn open() -> Result<Self, Error> {
        let variable = |name| std::env::var(name).map_err(|error| format!("{name}: {error}"));
        let file = OpenOptions::new().append(true).create(true).open(variable(NOTES)?)?;
        // Jobs abort on purpose.
        setrlimit(Resource::RLIMIT_CORE, 0, 0)?;
        let notes = Self { file: Some(file), driver: variable(DRIVER)?.parse()? };
        notes.write(Mark::Started, 0, NOWHERE)?;
        Ok(notes)
    }

    fn write(&self, mark: Mark, number: u32, handle: &str) -> Result<(), Error> {
        let mut file = self.file.as_ref().ok_or("process_start has opened it")?;
        let (pid, handle) = (std::process::id(), handle.to_owned());
        Ok(file.write_all(&Note { mark, number, pid, driver: self.driver, handle, at: now() }.line()?)?)
    }

    /// Where an error has nowhere to go.
    fn write_at_an_end(&self, mark: Mark, number: u32, handle: &str) {
        if let Err(error) = self.write(mark, number, handle) {
            log::error!("{mark:?} of job {number} can't be noted: {error}");
        }
    }

    fn note(&self, mark: Mark, task: &Task, job: &Job) -> Result<(), Error> {
        self.write(mark, task.number, job.handle())
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

    /// Takes the process down where the job is one that does.
    fn fall(&self, job: &Job, task: &Task) -> Result<(), Error> {
        let Fate::Deadly(way) = task.fate else { return Ok(()) };
        self.note(Mark::Falls, task, job)?;
        match way {
            Way::Kill => Ok(raise(Signal::SIGKILL)?),
            Way::Abort => std::process::abort(),
            Way::Exit => std::process::exit(3),
        }
    }
}

/// Its functions note when they begin and end, and answer with the job's number. What is declared as a limit,
/// [`Kind`](crate::jobs::Kind) knows too.
#[derive(Default)]
pub(crate) struct Chaos(Notes);

#[worker]
impl Chaos {
    #[job(min_processes = 2, max_processes = 6, max_jobs = 40, jitter = 0.5)]
    fn quick(&self, job: &mut Job, workload: &str) -> Result<String, Error> {
        self.0.at_once(job, workload)
    }

    #[job(min_processes = 2, max_processes = 10, max_age = "4s", jitter = 0.25)]
    fn slow(&self, job: &mut Job, workload: &str) -> Result<String, Error> {
        let task = self.0.begun(job, workload)?;
        std::thread::sleep(task.time());
        self.0.done(job, &task)
    }

    #[job(process_group = "pair", min_processes = 1, max_processes = 4, max_jobs = 30, jitter = 0.5)]
    fn one(&self, job: &mut Job, workload: &str) -> Result<String, Error> {
        self.0.at_once(job, workload)
    }

    #[job(process_group = "pair")]
    fn two(&self, job: &mut Job, workload: &str) -> Result<String, Error> {
        self.0.at_once(job, workload)
    }

    #[job(min_processes = 1, max_processes = 2, max_memory = "2MB", jitter = 0.25)]
    fn leak(&self, job: &mut Job, workload: &str) -> Result<String, Error> {
        let task = self.0.begun(job, workload)?;
        // Not so that a compiler sees that nobody wants it.
        std::hint::black_box(vec![1_u8; LEAK].leak());
        self.0.done(job, &task)
    }

    #[job(min_processes = 1, max_processes = 4, timeout = "1s")]
    fn limited(&self, job: &mut Job, workload: &str) -> Result<String, Error> {
        let task = self.0.begun(job, workload)?;
        std::thread::sleep(task.time());
        if task.fate != Fate::Done {
            self.0.note(Mark::Late, &task, job)?;
            return Ok(task.result(std::process::id()));
        }
        self.0.done(job, &task)
    }

    #[job(min_processes = 1, max_processes = 3)]
    fn risky(&self, job: &mut Job, workload: &str) -> Result<String, Error> {
        let task = self.0.begun(job, workload)?;
        self.0.fall(job, &task)?;
        self.0.done(job, &task)
    }

    fn process_start(&mut self) -> Result<(), Error> {
        self.0 = Notes::open()?;
        Ok(())
    }

    fn process_stop(&mut self) {
        self.0.write_at_an_end(Mark::Left, 0, NOWHERE);
    }
}

/// The same in asynchronous processes, which a worker with an asynchronous method has only.
#[derive(Default)]
pub(crate) struct Waiting(Notes);

/// Notes the end of a job that is dropped where it waits.
struct Dropped<'a> {
    notes: &'a Notes,
    number: u32,
    handle: String,
    waits: bool,
}

impl Drop for Dropped<'_> {
    fn drop(&mut self) {
        if self.waits {
            self.notes.write_at_an_end(Mark::Late, self.number, &self.handle);
        }
    }
}

#[worker]
impl Waiting {
    #[job(concurrency = 8, min_processes = 1, max_processes = 3, max_jobs = 80, jitter = 0.5)]
    async fn wait(&self, job: &mut Job, workload: &str) -> Result<String, Error> {
        let task = self.0.begun(job, workload)?;
        tokio::time::sleep(task.time()).await;
        self.0.fall(job, &task)?;
        self.0.done(job, &task)
    }

    #[job(concurrency = 4, min_processes = 1, max_processes = 2, timeout = "1.5s")]
    async fn limited_wait(&self, job: &mut Job, workload: &str) -> Result<String, Error> {
        let task = self.0.begun(job, workload)?;
        let mut end = Dropped { notes: &self.0, number: task.number, handle: job.handle().to_owned(), waits: true };
        if task.fate == Fate::Blocks {
            std::thread::sleep(task.time());
            return Ok(String::new());
        }
        tokio::time::sleep(task.time()).await;
        end.waits = false;
        self.0.done(job, &task)
    }

    /// Not asynchronous itself.
    #[job(min_processes = 1, max_processes = 3)]
    fn fail(&self, job: &mut Job, workload: &str) -> Result<String, Error> {
        let task = self.0.begun(job, workload)?;
        self.0.note(Mark::Failed, &task, job)?;
        Err(ON_PURPOSE.into())
    }

    fn process_start(&mut self) -> Result<(), Error> {
        self.0 = Notes::open()?;
        Ok(())
    }

    fn process_stop(&mut self) {
        self.0.write_at_an_end(Mark::Left, 0, NOWHERE);
    }
}
