//! Jobs that take their process down: counted right, and not run again from some number on.

use std::time::Duration;

use gearman_driver_core::manager::{Effect, Event, MEMORY, Settings, Suspect};
use gearman_driver_core::process::{Activity, ExitStatus, JobAtWork, ProcessId};
use gearman_driver_core::time::Time;

use super::{Broken, Laws, law};

/// For so long an end that is told after the same job was answered by another process counts for nothing.
const LATE: Duration = Duration::from_secs(60);

/// What is to be known of jobs that have taken down processes.
#[derive(Debug)]
pub(super) struct Poison {
    limit: u32,
    /// The one whose last death is longest ago comes first.
    counted: Vec<Counted>,
    answered: Vec<(JobAtWork, Time)>,
    /// What the manager has made known.
    listed: Vec<Suspect>,
    last_number: u64,
    generation: Option<u32>,
}

#[derive(Debug)]
struct Counted {
    at_work: JobAtWork,
    deaths: u32,
    expires: Time,
}

impl Poison {
    pub(super) fn new(settings: &Settings) -> Self {
        let mut counted: Vec<Counted> = settings
            .suspects
            .iter()
            .filter(|_| settings.poison_limit > 0)
            .map(|one| Counted { at_work: one.at_work.clone(), deaths: one.deaths, expires: one.expires })
            .collect();
        counted.sort_by_key(|one| one.expires);
        Self {
            limit: settings.poison_limit,
            counted,
            answered: Vec::new(),
            listed: Vec::new(),
            last_number: 0,
            generation: None,
        }
    }

    fn died(&mut self, at_work: &JobAtWork, now: Time) {
        if self.limit == 0 || self.answered.iter().any(|(job, at)| job == at_work && now.since(*at) < LATE) {
            return;
        }
        let known = self.counted.iter().position(|one| one.at_work.is_same(at_work));
        let deaths = known.map_or(0, |place| self.counted.remove(place).deaths) + 1;
        self.counted.push(Counted { at_work: at_work.clone(), deaths, expires: now + MEMORY });
    }

    fn answered(&mut self, numbers: &[u64], now: Time) {
        for suspect in self.listed.iter().filter(|suspect| numbers.contains(&suspect.number)) {
            self.answered.push((suspect.at_work.clone(), now));
            self.counted.retain(|one| !one.at_work.is_same(&suspect.at_work));
        }
    }

    /// How many jobs the manager may know.
    pub(super) fn known(&self) -> usize {
        self.counted.len() + self.answered.len()
    }

    /// A process is about to run that job.
    pub(super) fn is_run(&self, job: &JobAtWork) -> Result<(), Broken> {
        let known = self.counted.iter().find(|one| one.at_work.is_same(job));
        let poison = known.filter(|one| self.limit > 0 && one.deaths >= self.limit);
        law(poison.is_none(), || {
            let deaths = poison.map_or(0, |one| one.deaths);
            format!("{job} has taken down {deaths} processes, and is run again")
        })
    }
}

impl Laws {
    pub(super) fn hear_of_poison(&mut self, now: Time, event: &Event) {
        if self.shutdown.is_over() {
            return;
        }
        match event {
            Event::Exited { process, status, final_activity } => {
                if let Some(job) = self.taken_down_by(*process, *status, final_activity.as_ref()) {
                    self.poison.died(job, now);
                }
            }
            Event::Answered { suspects } => self.poison.answered(suspects, now),
            Event::Configured { poison_limit, .. } => {
                self.poison.limit = *poison_limit;
                if *poison_limit == 0 {
                    self.poison.counted.clear();
                }
            }
            _ => {}
        }
    }

    /// The job that answers for an end, if one does.
    fn taken_down_by<'a>(
        &self,
        process: ProcessId,
        status: ExitStatus,
        last: Option<&'a Activity>,
    ) -> Option<&'a JobAtWork> {
        let entry = self.processes.get(&process)?;
        let by_the_driver = entry.condemned && !entry.overran;
        let counts = !matches!(status, ExitStatus::Unknown | ExitStatus::Signal(2 | 15)) && !by_the_driver;
        last?.at_work.as_deref().filter(|_| counts)
    }

    /// The list that the workers have says what has been counted, no more and no less.
    pub(super) fn judge_suspects(&mut self, now: Time, effects: &[Effect]) -> Result<(), Broken> {
        let running = !self.shutdown.is_on();
        let poison = &mut self.poison;
        if poison.generation.is_some_and(|before| Some(before) != self.generation) {
            // Other worker code.
            poison.counted.clear();
        }
        poison.generation = self.generation;
        if running {
            poison.counted.retain(|one| one.expires > now);
        }
        for effect in effects {
            let Effect::Suspects(list) = effect else { continue };
            for suspect in list {
                let known = poison.listed.iter().find(|one| one.number == suspect.number);
                let same = known.map_or(suspect.number > poison.last_number, |one| one == suspect);
                law(same, || format!("a suspect that has changed has another number: {suspect:?}"))?;
            }
            poison.last_number = list.iter().map(|one| one.number).max().unwrap_or_default().max(poison.last_number);
            poison.listed.clone_from(list);
        }
        let mut pairs = poison.counted.iter().zip(&poison.listed);
        let wrong = pairs.find(|(counted, listed)| {
            let poisonous = counted.deaths >= poison.limit;
            (&counted.at_work, counted.deaths, poisonous) != (&listed.at_work, listed.deaths, listed.poison)
        });
        law(wrong.is_none() && poison.counted.len() == poison.listed.len(), || {
            format!(
                "what has taken down processes is {:?}, and the workers are told {:?}",
                poison.counted, poison.listed
            )
        })
    }
}
