//! Poison jobs: those that take their process down again and again.
//!
//! Counts deaths per job of the job servers: by its unique, and where it has none by its handle. At the limit the job is
//! poison, and the workers fail it instead of running it once more. That a job was answered after all, well or not, is
//! told by the worker ([`Event::Answered`](super::Event::Answered)), and its deaths are forgotten.
//!
//! The list is the manager's; making it known to the workers and keeping it for the next driver is the shell's work.

use std::collections::VecDeque;
use std::time::Duration;

use super::worker::Worker;
use super::{Effect, LogLine, Manager, log};
use crate::level::Level;
use crate::process::{Activity, ExitStatus, JobAtWork, ProcessId};
use crate::time::Time;

/// So many suspects are kept; then the one whose last death is longest ago goes.
pub const MAX_SUSPECTS: usize = 1000;

/// A suspect is forgotten when its last death is so long ago.
pub const MEMORY: Duration = Duration::from_secs(24 * 60 * 60);

/// For so long the end of a process can be told after the same job was answered by another: a job that was given to several,
/// one after the other, may have been answered before all of their ends are known. Such an end counts for nothing.
const LATE: Duration = Duration::from_secs(60);

/// A job that has taken down a process, and has not been answered since.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suspect {
    /// Names the entry as it is now. Another death gives it another number; none is used twice by one driver.
    pub number: u64,
    /// The job (in the driver's sense) whose process it was last.
    pub job: String,
    /// What it is known by.
    pub at_work: JobAtWork,
    /// The processes that it has taken down.
    pub deaths: u32,
    /// It has reached the limit: it is not to be run again.
    pub poison: bool,
    /// How the last of them ended.
    pub last_end: ExitStatus,
    /// When it is forgotten.
    pub expires: Time,
}

impl Suspect {
    /// What its client is told where it is poison.
    pub fn message(&self) -> String {
        let (deaths, end) = (self.deaths, end(self.last_end));
        let what = if deaths == 1 { "a process (it ended" } else { "processes (the last one ended" };
        let count = if deaths == 1 { String::new() } else { format!("{deaths} ") };
        format!("poison job: it has taken down {count}{what} {end}); it was not run again")
    }
}

fn end(status: ExitStatus) -> String {
    match status {
        ExitStatus::Code(code) => format!("with exit code {code}"),
        ExitStatus::Signal(signal) => format!("by signal {signal}"),
        ExitStatus::Unknown => "nobody knows how".to_owned(),
    }
}

/// The suspects, and the limit from which on one is poison.
#[derive(Debug)]
pub(super) struct Poison {
    /// 0: nothing is counted.
    limit: u32,
    next: u64,
    /// The one whose last death is longest ago comes first.
    suspects: VecDeque<Suspect>,
    /// Those that were answered, for [`LATE`]; the one that was answered first comes first.
    answered: VecDeque<(JobAtWork, Time)>,
}

impl Poison {
    /// With what an earlier driver has counted.
    pub(super) fn new(limit: u32, remembered: Vec<Suspect>) -> Self {
        let mut poison = Self { limit, next: 1, suspects: VecDeque::new(), answered: VecDeque::new() };
        if limit > 0 {
            let mut remembered = remembered;
            remembered.sort_by_key(|suspect| suspect.expires);
            for suspect in remembered {
                poison.keep(suspect);
            }
        }
        poison
    }

    fn keep(&mut self, mut suspect: Suspect) -> &Suspect {
        suspect.number = self.next;
        suspect.poison = suspect.deaths >= self.limit;
        self.next += 1;
        if self.suspects.len() == MAX_SUSPECTS {
            self.suspects.pop_front();
        }
        self.suspects.push_back(suspect);
        &self.suspects[self.suspects.len() - 1]
    }

    /// A process ended with that job at work.
    fn died(&mut self, job: &str, at_work: &JobAtWork, status: ExitStatus, now: Time) -> &Suspect {
        let known = self.suspects.iter().position(|suspect| suspect.at_work.is_same(at_work));
        let deaths = known.and_then(|place| self.suspects.remove(place)).map_or(0, |suspect| suspect.deaths);
        self.keep(Suspect {
            number: 0,
            job: job.to_owned(),
            at_work: at_work.clone(),
            deaths: deaths.saturating_add(1),
            poison: false,
            last_end: status,
            expires: now + MEMORY,
        })
    }

    /// Whether that very job, under the same handle, has been answered just now.
    fn is_answered(&self, at_work: &JobAtWork, now: Time) -> bool {
        self.answered.iter().any(|(job, when)| job == at_work && now.since(*when) < LATE)
    }

    /// Forgets those that workers have answered; whether there were any.
    fn answered(&mut self, numbers: &[u64], now: Time) -> bool {
        let answered = self.suspects.iter().filter(|suspect| numbers.contains(&suspect.number));
        self.answered.retain(|(_, when)| now.since(*when) < LATE);
        self.answered.extend(answered.map(|suspect| (suspect.at_work.clone(), now)));
        let surplus = self.answered.len().saturating_sub(MAX_SUSPECTS);
        self.answered.drain(..surplus);
        self.forget(|suspect| numbers.contains(&suspect.number))
    }

    /// Forgets those that `which` says; whether there were any.
    fn forget(&mut self, which: impl Fn(&Suspect) -> bool) -> bool {
        let before = self.suspects.len();
        self.suspects.retain(|suspect| !which(suspect));
        self.suspects.len() < before
    }

    fn list(&self) -> Effect {
        Effect::Suspects(self.suspects.iter().cloned().collect())
    }

    /// When the next one is forgotten.
    pub(super) fn next_deadline(&self) -> Option<Time> {
        self.suspects.front().map(|suspect| suspect.expires)
    }
}

impl Worker {
    /// The job that answers for this process's end, where one does.
    ///
    /// What the driver has killed was not taken down by its job, unless that had outlived its timeout; nor was what TERM or
    /// INT has ended (a job may have put another program in the process's place), nor what ended unseen with its host.
    pub(super) fn taken_down_by(&self, status: ExitStatus, last: Option<&Activity>) -> Option<JobAtWork> {
        const SIGINT: i32 = 2;
        const SIGTERM: i32 = 15;
        match status {
            ExitStatus::Unknown | ExitStatus::Signal(SIGINT | SIGTERM) => None,
            _ if self.is_killed() && !self.overran => None,
            _ => last?.at_work.as_deref().cloned(),
        }
    }
}

impl Manager {
    /// What an earlier driver has counted goes to the workers of this one.
    pub(super) fn remember_suspects(&self, out: &mut Vec<Effect>) {
        if !self.poison.suspects.is_empty() {
            let count = self.poison.suspects.len();
            out.push(log(Level::Info, format!("{count} job(s) have taken down processes of an earlier driver")));
            out.push(self.poison.list());
        }
    }

    /// The job that answers for the end of a process.
    pub(super) fn taken_down_by(
        &self,
        job: &str,
        process: ProcessId,
        status: ExitStatus,
        last: Option<&Activity>,
    ) -> Option<(Option<u32>, JobAtWork)> {
        let (_, worker) = self.jobs.get(job)?.workers().find(|(id, _)| *id == process)?;
        Some((worker.pid(), worker.taken_down_by(status, last)?))
    }

    /// Counts a death.
    pub(super) fn count_death(
        &mut self,
        job: &str,
        (pid, at_work): (Option<u32>, JobAtWork),
        status: ExitStatus,
        now: Time,
        out: &mut Vec<Effect>,
    ) {
        let limit = self.poison.limit;
        if limit == 0 || self.poison.is_answered(&at_work, now) {
            return;
        }
        let suspect = self.poison.died(job, &at_work, status, now);
        let deaths = suspect.deaths;
        let (level, message) = if suspect.poison {
            let end = end(status);
            (
                Level::Warn,
                format!(
                    "Poison job: {at_work} has taken down {deaths} process(es), the last one ended {end}: \
                     it is failed when it comes again"
                ),
            )
        } else {
            (Level::Info, format!("{at_work} was at work: death {deaths} of {limit}"))
        };
        // What the log says is kept by then.
        out.push(self.poison.list());
        out.push(Effect::Log(LogLine { level, pid, job: Some(job.to_owned()), message }));
    }

    /// Workers have answered these.
    pub(super) fn answered(&mut self, suspects: &[u64], now: Time, out: &mut Vec<Effect>) {
        if self.poison.answered(suspects, now) {
            out.push(self.poison.list());
        }
    }

    /// Other worker code is loaded: what took down the old one's processes gets its chance.
    pub(super) fn forget_suspects(&mut self, out: &mut Vec<Effect>) {
        if self.poison.forget(|_| true) {
            let message = "The deaths of jobs are counted anew: the worker code is another".to_owned();
            out.push(log(Level::Info, message));
            out.push(self.poison.list());
        }
    }

    /// The limit is another from now on, also for those that are known.
    pub(super) fn set_poison_limit(&mut self, limit: u32, out: &mut Vec<Effect>) {
        if limit == self.poison.limit {
            return;
        }
        let known = std::mem::take(&mut self.poison.suspects);
        let had_some = !known.is_empty();
        self.poison.limit = limit;
        for suspect in known.into_iter().filter(|_| limit > 0) {
            self.poison.keep(suspect);
        }
        if had_some {
            out.push(self.poison.list());
        }
    }

    /// Forgets those whose last death is long ago.
    pub(super) fn expire_suspects(&mut self, now: Time, out: &mut Vec<Effect>) {
        if self.poison.next_deadline().is_some_and(|due| due <= now) && self.poison.forget(|one| one.expires <= now) {
            out.push(self.poison.list());
        }
    }
}
