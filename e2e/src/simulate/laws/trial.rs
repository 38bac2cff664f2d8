//! Generations: which comes in force, and when it has to go again.
//!
//! What the manager may take for a good run, or for an end of a process that counts, can't always be told from outside: a
//! process that was asked to go before it was forked, say. So each is counted twice, once as what must be, and once as
//! what may be.

use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Duration;

use gearman_driver_core::level::Level;
use gearman_driver_core::manager::Effect;
use gearman_driver_core::process::{ActivityState, ExitStatus, HostId, ProcessId};
use gearman_driver_core::snapshot::Snapshot;
use gearman_driver_core::time::Time;

use super::told::{Entry, Heard};
use super::{Broken, Laws, law};

/// So many ends in a row take a generation back.
const DEATHS: u32 = 3;

/// A process that has lived so long runs well, and a host.
const GOOD_RUN: Duration = Duration::from_secs(2);
const GOOD_RUN_OF_A_HOST: Duration = Duration::from_secs(30);

/// So many ends of young processes in a row are forgiven where they seem to be nobody's fault.
const FORGIVEN: u32 = 20;

/// The trial of the generation in force.
#[derive(Debug, Default)]
pub(super) struct Trial {
    on: Option<On>,
    /// Hosts of the generation in force that ended in a row.
    host_deaths: u32,
}

#[derive(Debug)]
struct On {
    /// Which comes back if it fails.
    proven: u32,
    failing_before: BTreeSet<String>,
}

impl Trial {
    pub(super) fn is_on(&self) -> bool {
        self.on.is_some()
    }
}

/// What became of a job's processes of the generation on trial.
#[derive(Debug, Default)]
pub(super) struct Row {
    first: Option<ProcessId>,
    /// Only ends of processes from this one on count.
    from: Option<ProcessId>,
    least: u32,
    most: u32,
    forgiven: u32,
    surely_ran_well: bool,
    perhaps_ran_well: bool,
    /// It can't be told which ends count.
    murky: bool,
}

impl Row {
    fn new(first: ProcessId) -> Self {
        Self { first: Some(first), from: Some(first), ..Self::default() }
    }

    /// Whether a process may be said to have run well.
    pub(super) fn has_run_well(&self) -> bool {
        self.perhaps_ran_well
    }

    pub(super) fn ran_well(&mut self, process: ProcessId, surely: bool) {
        let in_row = Some(process) >= self.from;
        let of_the_generation = Some(process) >= self.first;
        if surely {
            self.surely_ran_well |= of_the_generation;
            if in_row && !self.murky {
                self.most = 0;
            }
        } else {
            self.perhaps_ran_well |= of_the_generation;
            if in_row {
                (self.least, self.forgiven) = (0, 0);
            }
        }
    }

    /// It could not be started; whether it was still wanted is not known.
    pub(super) fn not_started(&mut self) {
        self.most += 1;
        self.murky = true;
    }

    /// A process ended that nobody had asked to.
    pub(super) fn ended(
        &mut self,
        process: ProcessId,
        entry: &Entry,
        status: ExitStatus,
        newest: ProcessId,
        now: Time,
    ) {
        if entry.jobs_done > 0 || (entry.pid.is_some() && now.since(entry.started) >= GOOD_RUN) {
            self.ran_well(process, true);
            return self.ran_well(process, false);
        }
        let forgivable = match status {
            ExitStatus::Code(0) => entry.says == Some(ActivityState::Draining),
            ExitStatus::Signal(9) => entry.says == Some(ActivityState::Idle),
            _ => false,
        };
        if forgivable {
            self.forgiven += 1;
            self.murky |= self.forgiven > FORGIVEN;
            self.most += u32::from(self.murky);
        } else if self.murky || Some(process) >= self.from {
            self.from = Some(ProcessId(newest.0.max(process.0) + 1));
            self.least += 1;
            self.most += 1;
        }
    }
}

impl Laws {
    pub(super) fn host_is_gone(&mut self, host: HostId, now: Time) {
        let Some(entry) = self.hosts.remove(&host) else { return };
        if Some(entry.generation) == self.generation && !entry.stopped {
            if entry.ready.is_some_and(|ready| now.since(ready) >= GOOD_RUN_OF_A_HOST) {
                self.trial.host_deaths = 0;
            }
            self.trial.host_deaths += 1;
        }
    }

    /// What has lived for long enough has run well: perhaps, as it stands at the beginning of an event, and surely, at its
    /// end.
    pub(super) fn note_good_runs(&mut self, now: Time, surely: bool) {
        if !self.trial.is_on() {
            return;
        }
        for (&process, entry) in &self.processes {
            if entry.pid.is_some() && !entry.is_asked_to_go() && now.since(entry.started) >= GOOD_RUN {
                self.jobs[entry.job].row.ran_well(process, surely);
            }
        }
    }

    /// A generation is in force from now on.
    pub(super) fn is_in_force(&mut self, generation: u32) -> Result<(), Broken> {
        let loaded = self.event == Heard::HostReady(generation);
        let before = self.generation.replace(generation);
        if let Some(code) = self.codes.get(&generation).map(Rc::clone) {
            for job in &mut self.jobs {
                job.lifespan = code.get(&job.name).map_or(job.lifespan, |code| code.lifespan);
            }
        }
        let Some(before) = before.filter(|before| *before != generation) else {
            return law(loaded, || format!("generation {generation} is in force when it has loaded"));
        };
        if generation > before {
            law(loaded, || format!("generation {generation} is in force when it has loaded"))?;
            let failing = self.before.jobs.iter().filter(|job| job.failing.is_some()).map(|job| job.name.clone());
            self.trial.on.get_or_insert(On { proven: before, failing_before: failing.collect() });
            let first = ProcessId(self.last_process + 1);
            self.jobs.iter_mut().for_each(|job| job.row = Row::new(first));
        } else {
            let Some(On { proven, failing_before }) = self.trial.on.take() else {
                return Err(Broken::new(format!("generation {before} has taken over, and is taken back")));
            };
            law(proven == generation, || format!("the last good generation {proven} comes back, not {generation}"))?;
            let judged = |name: &str| !failing_before.contains(name);
            let bad =
                self.jobs.iter().any(|job| judged(&job.name) && job.row.most >= DEATHS && !job.row.surely_ran_well);
            law(bad || self.trial.host_deaths >= DEATHS, || {
                format!("generation {before} is taken back, and neither its processes nor its hosts die at once")
            })?;
        }
        self.trial.host_deaths = 0;
        Ok(())
    }

    /// A generation that fails is taken back at once; that it is, or could not be loaded, or has taken over, is said once.
    pub(super) fn judge_generation(&mut self, snapshot: &Snapshot, effects: &[Effect]) -> Result<(), Broken> {
        let said = |what: &str, level: Level| {
            let said = |effect: &&Effect| matches!(effect, Effect::Log(line) if line.level == level && line.message.contains(what));
            effects.iter().filter(said).count()
        };
        let back = self.before.generation.is_some_and(|before| snapshot.generation.is_some_and(|now| now < before));
        let times = said("is taken back", Level::Error);
        law(times == usize::from(back), || format!("a generation is taken back: {back}, said {times} times"))?;
        if let Heard::NotLoaded(generation) = self.event {
            let times = said("Reload failed", Level::Error);
            law(times == 1 || self.shutdown.is_on(), || {
                format!("generation {generation} can't be loaded: said {times} times")
            })?;
            law(snapshot.generation == self.before.generation, || "what can't be loaded changes nothing".to_owned())?;
        }
        let Some(on) = &self.trial.on else { return Ok(()) };
        if self.shutdown.is_on() {
            return Ok(());
        }
        let judged = || self.jobs.iter().filter(|job| !on.failing_before.contains(&job.name));
        let bad = judged().find(|job| job.row.least >= DEATHS && !job.row.perhaps_ran_well && !job.row.murky);
        law(bad.is_none(), || {
            format!("a generation whose processes die at once is taken back: {:?}", bad.map(|job| &job.name))
        })?;
        let deaths = self.trial.host_deaths;
        law(deaths < DEATHS, || format!("a generation whose hosts die is taken back: {deaths} have died"))?;
        if said("has taken over", Level::Info) > 0 {
            let fresh = judged().find(|job| {
                let wanted = snapshot.job(&job.name).is_some_and(|job| !job.retired && job.target > 0);
                wanted && !job.row.perhaps_ran_well
            });
            law(fresh.is_none(), || {
                format!("a generation takes over whose processes have run well: {:?}", fresh.map(|job| &job.name))
            })?;
            self.trial.on = None;
        }
        Ok(())
    }
}
