//! Worker processes: they start, serve, obey or don't, and end.

use std::time::Duration;

use gearman_driver_core::process::{Activity, ActivityState, ExitStatus, HostId, LastError, ProcessId, Spent};
use gearman_driver_core::time::{Time, UnixSeconds};

use super::happening::{Happening, News, Way};
use super::host::FORK;
use super::poison::Fate;
use super::server::Held;
use super::world::World;

/// A process, from the order to spawn it until its end has been told.
#[derive(Debug)]
pub(super) struct Process {
    pub(super) job: usize,
    pub(super) host: HostId,
    pub(super) code: usize,
    /// As soon as the supervisor knows it.
    pub(super) pid: Option<u32>,
    pub(super) stage: Stage,
    /// Its slot of the scoreboard, once it has taken it.
    pub(super) slot: Option<Activity>,
    /// The supervisor reaps and signals it.
    pub(super) adopted: bool,
    /// TERM has reached it, or it has decided so itself: it takes no more jobs.
    leaving: bool,
    /// It does nothing; TERM waits.
    pub(super) frozen: bool,
    pub(super) mad: bool,
}

/// What a process really does.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Stage {
    /// Not forked yet.
    Ordered,
    Starting,
    Idle,
    Busy(Held),
    /// Has nothing left to do but to exit.
    Exiting,
    Dead(ExitStatus),
}

/// Something that a process does.
#[derive(Debug)]
pub(super) enum Step {
    TakesSlot,
    Registers,
    Finishes(Held),
    Exits(ExitStatus),
    /// Trouble, that comes to nothing where trouble has ended meanwhile.
    Crashes(ExitStatus),
    Freezes,
    Thaws,
    Drains,
    /// It comes for another job.
    Asks,
}

impl Process {
    pub(super) fn ordered(job: usize, host: HostId, code: usize) -> Self {
        Self {
            job,
            host,
            code,
            pid: None,
            stage: Stage::Ordered,
            slot: None,
            adopted: false,
            leaving: false,
            frozen: false,
            mad: false,
        }
    }

    pub(super) fn is_alive(&self) -> bool {
        !matches!(self.stage, Stage::Ordered | Stage::Dead(_))
    }

    /// Whether it would take a job.
    pub(super) fn is_free(&self) -> bool {
        let has_had_its_jobs = self.slot.as_ref().is_some_and(|slot| slot.spent == Some(Spent::Jobs));
        self.stage == Stage::Idle && !self.frozen && !self.leaving && !has_had_its_jobs
    }

    /// Whether a job server counts it among a function's workers.
    pub(super) fn is_registered(&self) -> bool {
        matches!(self.stage, Stage::Idle | Stage::Busy(_))
    }

    pub(super) fn says(&mut self, state: ActivityState, now: Time) {
        if let Some(slot) = &mut self.slot {
            slot.state = state;
            slot.since = now;
        }
    }
}

impl World {
    /// A process has been forked. What will become of it is mostly decided now.
    pub(super) fn is_forked(&mut self, id: ProcessId) {
        let mad = self.trouble(self.nature.mad);
        let Some(process) = self.processes.get_mut(&id) else { return };
        process.stage = Stage::Starting;
        process.mad = mad;
        let job = process.job;
        self.within(Duration::from_millis(2), Happening::Does(id, Step::TakesSlot));
        let boot = if self.troubled { Duration::from_millis(500) } else { Duration::from_millis(50) };
        self.within(boot, Happening::Does(id, Step::Registers));
        self.troubles(id, job);
    }

    pub(super) fn does(&mut self, id: ProcessId, step: &Step) {
        let now = self.now;
        let Some(process) = self.processes.get_mut(&id).filter(|process| process.is_alive()) else { return };
        match step {
            &Step::Exits(status) => self.dies(id, status),
            &Step::Crashes(status) if self.troubled => self.dies(id, status),
            Step::Freezes if self.troubled => {
                process.frozen = true;
                self.within(Duration::from_secs(120), Happening::Does(id, Step::Thaws));
                self.note(|| format!("{id} freezes"));
            }
            Step::Thaws => self.thaws(id),
            Step::Drains if self.troubled => self.drains(id),
            Step::Crashes(_) | Step::Freezes | Step::Drains => {}
            // A frozen one starts where it stopped, see `thaws`.
            &Step::Finishes(held) if process.stage == Stage::Busy(held) && !process.frozen => self.finishes(id, held),
            Step::Finishes(_) => {}
            Step::Asks => self.goes_on(id),
            Step::TakesSlot => {
                let mut slot = Activity::idle(now);
                slot.state = ActivityState::Starting;
                process.slot.get_or_insert(slot);
            }
            Step::Registers => {
                if process.stage == Stage::Starting {
                    process.slot.get_or_insert(Activity::idle(now));
                    process.stage = Stage::Idle;
                    process.says(ActivityState::Idle, now);
                    self.goes_on(id);
                }
            }
        }
    }

    /// Exits where it has been asked to and has nothing in hand; else takes the next job, where one waits.
    pub(super) fn goes_on(&mut self, id: ProcessId) {
        let now = self.now;
        let Some(process) = self.processes.get_mut(&id).filter(|process| !process.frozen) else { return };
        match process.stage {
            Stage::Starting | Stage::Idle if process.leaving => {
                process.stage = Stage::Exiting;
                process.says(ActivityState::Draining, now);
                self.within(self.nature.exit, Happening::Does(id, Step::Exits(ExitStatus::Code(0))));
            }
            Stage::Idle => self.takes_a_job(id),
            _ => {}
        }
    }

    fn finishes(&mut self, id: ProcessId, held: Held) {
        let failed = self.chance.hits(50);
        let at = UnixSeconds(1_000_000_000 + self.now.uptime().as_secs());
        let Some(process) = self.processes.get(&id) else { return };
        let code = &self.codes[process.code];
        let (job, lifespan) = (process.job, code.lifespan(process.job));
        let (has_timeout, growth) = (code.has_timeout(job), code.growth(job));
        match self.deed(held, has_timeout) {
            Some(Fate::GoesOn) => return,
            Some(Fate::Dies(status)) => return self.dies(id, status),
            None => {}
        }
        self.account.jobs += 1;
        let grows = self.chance.hits(growth);
        let at_work = self.processes.get_mut(&id).and_then(|process| process.slot.as_mut()?.at_work.take());
        self.answered(held, at_work.as_deref());
        let Some(process) = self.processes.get_mut(&id) else { return };
        process.stage = Stage::Idle;
        if let Some(slot) = &mut process.slot {
            slot.jobs_done += 1;
            if lifespan.max_jobs.is_some_and(|most| slot.jobs_done >= most) {
                slot.spent = Some(Spent::Jobs);
            } else if lifespan.max_memory.is_some() && grows {
                slot.spent = Some(Spent::Memory);
            }
            slot.last_run = Some(at);
            slot.current = None;
            if failed {
                slot.last_error = Some(LastError { at, message: "it did not work".to_owned() });
            }
        }
        process.says(ActivityState::Idle, self.now);
        self.goes_on(id);
    }

    /// TERM, or its own decision: it finishes its job and exits.
    fn drains(&mut self, id: ProcessId) {
        let says_so = self.chance.hits(700);
        let now = self.now;
        let Some(process) = self.processes.get_mut(&id) else { return };
        process.leaving = true;
        if says_so && !process.frozen {
            process.says(ActivityState::Draining, now);
        }
        self.goes_on(id);
    }

    pub(super) fn stop_reaches(&mut self, id: ProcessId, way: Way) {
        if self.gets_through(way) && self.processes.get(&id).is_some_and(Process::is_alive) {
            self.drains(id);
        }
    }

    pub(super) fn kill_reaches(&mut self, id: ProcessId, way: Way) {
        if !self.gets_through(way) {
            return;
        }
        if self.trouble(self.nature.clings) {
            self.within(Duration::from_secs(60), Happening::Dies(id));
        } else {
            self.killed(id);
        }
    }

    pub(super) fn killed(&mut self, id: ProcessId) {
        self.dies(id, ExitStatus::Signal(9));
    }

    fn dies(&mut self, id: ProcessId, status: ExitStatus) {
        let Some(process) = self.processes.get_mut(&id).filter(|process| process.is_alive()) else { return };
        let stage = std::mem::replace(&mut process.stage, Stage::Dead(status));
        let (adopted, host) = (process.adopted, process.host);
        self.account.ends += 1;
        if let Stage::Busy(held) = stage {
            self.lost(held);
        }
        if adopted || !self.is_host_alive(host) {
            self.within(self.nature.delay, Happening::Arrives(News::Exited(id)));
        } else {
            // Reaping takes a moment: a process that dies at once is reported as started before.
            self.after(FORK, Happening::Says(host, News::Exited(id)));
        }
    }

    /// The lowest PID that none of the processes has that the supervisor knows.
    pub(super) fn free_pid(&self) -> u32 {
        let mut taken: Vec<u32> = self.processes.values().filter_map(|process| process.pid).collect();
        taken.sort_unstable();
        (100..).zip(taken).take_while(|(free, taken)| free == taken).count() as u32 + 100
    }
}
