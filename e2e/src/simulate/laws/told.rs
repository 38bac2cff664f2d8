//! What the manager was told: hosts, processes and jobs as far as the laws need them.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use gearman_driver_core::job::{JobDeclaration, Lifespan};
use gearman_driver_core::manager::Event;
use gearman_driver_core::order::{Order, OrderId};
use gearman_driver_core::process::{Activity, ActivityState, HostId, ProcessId};
use gearman_driver_core::time::Time;

use super::Laws;
use super::trial::Row;

/// The jobs of some worker code, by their names.
pub(super) type Declared = Rc<BTreeMap<String, JobDeclaration>>;

#[derive(Debug)]
pub(super) struct HostEntry {
    pub(super) generation: u32,
    /// The jobs that it has; `None` while it loads.
    pub(super) jobs: Option<Declared>,
    pub(super) ready: Option<Time>,
    pub(super) stopped: bool,
}

/// A job that there is or was.
#[derive(Debug)]
pub(super) struct JobEntry {
    pub(super) name: String,
    /// When a process of it last ended unasked, or could not be started, and the newest process by then.
    pub(super) failed: Option<(Time, ProcessId)>,
    /// One of its processes said that it drains, and then not: what it has is more than anybody asked for.
    pub(super) fickle: bool,
    /// The newest process when it was last ordered to be restarted.
    pub(super) restarted: Option<ProcessId>,
    /// When its processes are to be replaced, by the worker code in force.
    pub(super) lifespan: Lifespan,
    /// What became of its processes of the generation in force.
    pub(super) row: Row,
    /// How many processes this event has started, and whether it has asked some to go for the first time.
    pub(super) started: u32,
    pub(super) stopped: bool,
}

impl JobEntry {
    fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            failed: None,
            fickle: false,
            restarted: None,
            lifespan: Lifespan::default(),
            row: Row::default(),
            started: 0,
            stopped: false,
        }
    }

    pub(super) fn next_event(&mut self) {
        (self.started, self.stopped) = (0, false);
    }
}

/// A process, from the order to spawn it until its end was told.
#[derive(Debug)]
pub(super) struct Entry {
    /// The number of its job.
    pub(super) job: usize,
    pub(super) host: HostId,
    pub(super) generation: u32,
    pub(super) pid: Option<u32>,
    /// When that was told.
    pub(super) started: Time,
    pub(super) stopped: bool,
    pub(super) killed: bool,
    /// It was asked to go, or killed, before; its host may have taken that with it.
    pub(super) asked: bool,
    pub(super) condemned: bool,
    /// It was killed because its job took too long.
    pub(super) overran: bool,
    /// What it last said that it does.
    pub(super) says: Option<ActivityState>,
    pub(super) jobs_done: u64,
    /// It has said that it has reached a limit.
    pub(super) spent: bool,
    /// How long its jobs may be in hand.
    pub(super) hard_timeout: Option<Duration>,
    /// When the job began that it was last seen with.
    pub(super) job_since: Option<Time>,
}

impl Entry {
    pub(super) fn is_asked_to_go(&self) -> bool {
        self.asked || self.condemned
    }

    /// When the job that it was last seen with will have been in its hand for too long.
    pub(super) fn overdue_at(&self) -> Option<Time> {
        let since = self.job_since.filter(|_| self.pid.is_some() && !self.condemned)?;
        Some(since + self.hard_timeout?)
    }

    /// Whether it drains by its own decision, as far as is known.
    pub(super) fn drains(&self) -> bool {
        self.says == Some(ActivityState::Draining)
    }

    /// Whether it serves, or will.
    pub(super) fn counts(&self) -> bool {
        !self.is_asked_to_go() && (self.pid.is_none() || !self.drains())
    }

    /// Whether it takes jobs.
    pub(super) fn serves(&self) -> bool {
        let registered = matches!(self.says, Some(ActivityState::Idle | ActivityState::Busy));
        self.pid.is_some() && registered && !self.is_asked_to_go()
    }

    /// Takes in what it says; whether it has come back from draining.
    fn observed(&mut self, activity: &Activity) -> bool {
        let back = self.says == Some(ActivityState::Draining) && activity.state != ActivityState::Draining;
        self.says = Some(activity.state);
        self.jobs_done = activity.jobs_done;
        self.spent = activity.spent.is_some();
        self.job_since = activity.current.as_ref().map(|current| current.started);
        back
    }
}

/// An event, as far as the laws distinguish them.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Heard {
    Order(OrderId, Order),
    Looked,
    Observed,
    Tick,
    /// The host of that generation has loaded.
    HostReady(u32),
    /// The host that was loading that generation is gone.
    NotLoaded(u32),
    /// What was asked before of a process can be passed on from now on, or is asked again.
    NowWithPid,
    Other,
}

impl Laws {
    /// Takes note of an event before the manager does.
    pub(in super::super) fn hear(&mut self, now: Time, event: &Event) {
        self.shutdown.hear(now, event);
        self.hear_of_poison(now, event);
        self.event = self.heard(event);
        match event {
            Event::HostReady { host, jobs, generation } => {
                let jobs: Declared = Rc::new(jobs.iter().map(|job| (job.name.clone(), job.clone())).collect());
                for name in jobs.keys().filter(|name| self.job(name).is_none()).collect::<Vec<_>>() {
                    self.jobs.push(JobEntry::new(name));
                }
                self.codes.insert(*generation, Rc::clone(&jobs));
                if let Some(entry) = self.hosts.get_mut(host) {
                    (entry.jobs, entry.ready) = (Some(jobs), Some(now));
                }
            }
            Event::HostFailed { host, .. } => self.host_is_gone(*host, now),
            Event::HostGone { host, adopted, ended, .. } => {
                self.host_is_gone(*host, now);
                for (process, pid) in adopted {
                    if let Some(entry) = self.processes.get_mut(process) {
                        if entry.pid.replace(*pid).is_none() {
                            entry.started = now;
                        }
                        // What was asked of it may have been lost with its host.
                        (entry.stopped, entry.killed) = (false, false);
                    }
                }
                for (process, last) in ended {
                    self.last_words(*process, last.as_ref());
                    self.processes.remove(process);
                }
            }
            Event::Spawned { process, pid } => {
                if let Some(entry) = self.processes.get_mut(process) {
                    (entry.pid, entry.started) = (Some(*pid), now);
                }
            }
            Event::SpawnFailed { process, .. } => self.ended(*process, now, |row, _, _| row.not_started()),
            Event::Exited { process, status, final_activity } => {
                self.last_words(*process, final_activity.as_ref());
                self.ended(*process, now, |row, newest, entry| row.ended(*process, entry, *status, newest, now));
            }
            Event::Observed { processes } => {
                for (process, activity) in processes {
                    self.last_words(*process, Some(activity));
                }
            }
            Event::Order { id, .. } => {
                self.orders.insert(*id);
            }
            _ => {}
        }
    }

    fn heard(&self, event: &Event) -> Heard {
        match event {
            Event::Order { id, order } => Heard::Order(*id, order.clone()),
            Event::Looked { .. } => Heard::Looked,
            Event::Observed { .. } => Heard::Observed,
            Event::Tick => Heard::Tick,
            Event::HostReady { generation, .. } => Heard::HostReady(*generation),
            Event::HostFailed { host, .. } => match self.hosts.get(host) {
                Some(entry) if !entry.stopped && self.generation.is_some_and(|now| now != entry.generation) => {
                    Heard::NotLoaded(entry.generation)
                }
                _ => Heard::Other,
            },
            Event::Spawned { .. } | Event::HostGone { .. } => Heard::NowWithPid,
            _ => Heard::Other,
        }
    }

    fn last_words(&mut self, process: ProcessId, activity: Option<&Activity>) {
        let Some((entry, activity)) = self.processes.get_mut(&process).zip(activity) else { return };
        let job = &mut self.jobs[entry.job];
        job.fickle |= entry.observed(activity);
        if activity.jobs_done > 0 {
            job.row.ran_well(process, true);
            job.row.ran_well(process, false);
        }
    }

    fn ended(&mut self, process: ProcessId, now: Time, count: impl FnOnce(&mut Row, ProcessId, &Entry)) {
        let newest = ProcessId(self.last_process);
        if let Some(entry) = self.processes.remove(&process)
            && !entry.is_asked_to_go()
        {
            let job = &mut self.jobs[entry.job];
            job.failed = Some((now, newest));
            count(&mut job.row, newest, &entry);
        }
    }

    /// The number of a job.
    pub(super) fn job(&self, name: &str) -> Option<usize> {
        self.jobs.iter().position(|job| job.name == name)
    }
}
