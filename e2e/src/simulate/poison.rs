//! Jobs with a name of their own: those that take their process down, and those that were at work when one went down.
//!
//! As in the workers, a job is compared with the list of suspects before it is run, and when it is answered.

use std::time::Duration;

use gearman_driver_core::manager::{Event, Suspect};
use gearman_driver_core::process::{ActivityState, CurrentJob, ExitStatus, JobAtWork, ProcessId};
use gearman_driver_core::time::Time;

use super::code::FUNCTIONS;
use super::happening::Happening;
use super::laws::Broken;
use super::process::{Stage, Step};
use super::server::Held;
use super::world::World;
use crate::Chance;

/// So many of them a server has at most; clients give up beyond that.
const MOST: usize = 8;

/// A job that can be told from others.
#[derive(Debug, Clone)]
pub(super) struct Named {
    pub(super) function: usize,
    /// Part of its handle.
    pub(super) number: u64,
    unique: String,
    deed: Deed,
}

/// What a job does to the process that runs it.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Deed {
    Harmless,
    /// The process ends so.
    Fatal(ExitStatus),
    /// As `Fatal`, so many times; then it goes well.
    FatalFor(u32, ExitStatus),
    /// It never ends of itself, where it has a timeout.
    Endless,
}

impl World {
    /// Whether jobs have names here: that takes its time.
    pub(super) fn names_jobs(&self) -> bool {
        self.nature.poison > 0
    }

    /// A client submits a job that may be a bad one.
    pub(super) fn named_job_arrives(&mut self, server: usize, function: usize) {
        if self.servers[server].named.len() >= MOST {
            return;
        }
        self.account.grabbed += 1;
        let number = self.account.grabbed;
        let unique = match self.chance.below(3) {
            0 => String::new(),
            // Clients submit the same thing again.
            1 => format!("again {}", self.chance.below(3)),
            _ => format!("once {number}"),
        };
        let statuses = [
            ExitStatus::Signal(11),
            ExitStatus::Signal(9),
            ExitStatus::Signal(15),
            ExitStatus::Code(1),
            ExitStatus::Code(0),
        ];
        let status = self.chance.pick(&statuses).unwrap_or(ExitStatus::Unknown);
        let deed = match self.chance.below(5) {
            0 => Deed::Harmless,
            1 => Deed::Endless,
            2 => Deed::FatalFor(self.chance.count(1..=4), status),
            _ => Deed::Fatal(status),
        };
        self.servers[server].named.push_back(Named { function, number, unique, deed });
    }

    /// The job that has this name now, as its process knows it.
    fn at_work(&self, held: Held, unique: &str) -> Box<JobAtWork> {
        let server = if unique.is_empty() { format!("server {}", held.server) } else { String::new() };
        let function = FUNCTIONS[held.function].to_owned();
        Box::new(JobAtWork { function, handle: handle(held), unique: unique.to_owned(), server })
    }

    /// A process begins a job. One that is known as poison is failed instead: then it has none.
    pub(super) fn begins(&mut self, id: ProcessId, held: Held, named: Option<Named>) {
        let (now, names) = (self.now, self.names_jobs());
        let at_work = names.then(|| self.at_work(held, named.as_ref().map_or("", |named| &named.unique)));
        if let Some(at_work) = at_work.as_deref() {
            if self.suspects.iter().any(|suspect| suspect.poison && suspect.at_work.is_same(at_work)) {
                self.account.poison += 1;
                self.answered(held, Some(at_work));
                if let Some(slot) = self.processes.get_mut(&id).and_then(|process| process.slot.as_mut()) {
                    slot.jobs_done += 1;
                }
                // It comes back for the next one.
                return self.after(Duration::from_millis(1), Happening::Does(id, Step::Asks));
            }
            if let Err(broken) = self.laws.is_run(at_work) {
                self.broken.get_or_insert(broken);
            }
        }
        if let Some(named) = named {
            self.named.insert(held.number, named);
        }
        if let Some(process) = self.processes.get_mut(&id) {
            process.stage = Stage::Busy(held);
            process.says(ActivityState::Busy, now);
            if let Some(slot) = &mut process.slot {
                let function = FUNCTIONS[held.function].to_owned();
                slot.current = Some(CurrentJob { function, handle: handle(held), started: now });
                slot.at_work = at_work;
            }
        }
        self.within(self.nature.service, Happening::Does(id, Step::Finishes(held)));
    }

    /// What becomes of a process whose job would be done now; `None`: it is done.
    pub(super) fn deed(&mut self, held: Held, has_timeout: bool) -> Option<Fate> {
        let named = self.named.get_mut(&held.number)?;
        match &mut named.deed {
            Deed::Harmless | Deed::FatalFor(0, _) => None,
            Deed::Endless => has_timeout.then_some(Fate::GoesOn),
            Deed::Fatal(status) => Some(Fate::Dies(*status)),
            Deed::FatalFor(times, status) => {
                *times -= 1;
                Some(Fate::Dies(*status))
            }
        }
    }

    /// A job was answered; those that keep the list of suspects will know.
    pub(super) fn answered(&mut self, held: Held, at_work: Option<&JobAtWork>) {
        self.leaves(held);
        self.named.remove(&held.number);
        let Some(at_work) = at_work.filter(|_| !self.suspects.is_empty()) else { return };
        let known = self.suspects.iter().filter(|suspect| suspect.at_work.is_same(at_work));
        self.answers.extend(known.map(|suspect| suspect.number));
        if !self.answers.is_empty() {
            self.within(Duration::from_millis(500), Happening::Answers);
        }
    }

    /// The supervisor looks which suspects have been answered: so often, and before each end.
    pub(super) fn tell_answers(&mut self) -> Result<(), Broken> {
        let suspects = std::mem::take(&mut self.answers);
        if suspects.is_empty() { Ok(()) } else { self.tell(Event::Answered { suspects }) }
    }

    /// The process that had the job is gone: it waits again, with its name where jobs have one.
    pub(super) fn lost(&mut self, held: Held) {
        self.leaves(held);
        let named = self.named.remove(&held.number).or_else(|| {
            let (function, number) = (held.function, held.number);
            self.names_jobs().then_some(Named { function, number, unique: String::new(), deed: Deed::Harmless })
        });
        let server = &mut self.servers[held.server];
        server.known[held.function] = true;
        match named {
            Some(named) => server.named.push_back(named),
            None => server.waiting[held.function] += 1,
        }
        self.wake(held.function);
    }

    /// How much longer than others a world takes to settle in which a bad job is left: its deaths are held back.
    pub(super) fn time_to_stop_poison(&self) -> Duration {
        if self.names_jobs() { self.poison_limit * Duration::from_secs(30) } else { Duration::ZERO }
    }

    /// Where poison is stopped, one bad job is left when trouble ends: the driver has to settle all the same.
    pub(super) fn calm_jobs(&mut self) {
        let mut left = usize::from((1..=3).contains(&self.poison_limit));
        let named = self.servers.iter_mut().flat_map(|server| &mut server.named).chain(self.named.values_mut());
        for named in named.filter(|named| named.deed != Deed::Harmless) {
            // What ends by TERM is nobody's fault: it would go on for ever.
            if left == 0 || matches!(named.deed, Deed::Fatal(ExitStatus::Signal(15))) {
                named.deed = Deed::Harmless;
            } else {
                left -= 1;
            }
        }
    }
}

/// What a bad job makes of its process.
#[derive(Debug)]
pub(super) enum Fate {
    Dies(ExitStatus),
    GoesOn,
}

fn handle(held: Held) -> String {
    format!("H:here:{}", held.number)
}

/// What an earlier driver has counted: jobs that may come again, or not.
pub(super) fn remembered(limit: u32, chance: &mut Chance) -> Vec<Suspect> {
    let some = |again: u64| {
        let at_work = JobAtWork {
            function: FUNCTIONS[chance.below(4) as usize].to_owned(),
            handle: "H:before:1".to_owned(),
            unique: format!("again {again}"),
            server: String::new(),
        };
        Suspect {
            number: 0,
            job: "a".to_owned(),
            at_work,
            deaths: chance.count(1..=limit.max(1)),
            poison: false,
            last_end: ExitStatus::Signal(11),
            expires: Time::after_start(Duration::from_secs(chance.within(10..=600))),
        }
    };
    (0..2).map(some).collect()
}
