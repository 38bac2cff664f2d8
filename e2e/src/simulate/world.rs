//! The world around a manager: its clock, and what happens next in it.
//!
//! The world keeps to the contract of the events, as the supervisor does: whatever goes wrong in it, each order to
//! spawn is answered once, each end is told once, and a host's messages come in the order in which they were sent. What
//! the manager makes of it is the [`Laws`]' business.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use gearman_driver_core::manager::{Effect, Event, Manager, Settings, Suspect};
use gearman_driver_core::process::{HostId, ProcessId};
use gearman_driver_core::time::Time;

use super::Account;
use super::agenda::Agenda;
use super::code::{self, Code};
use super::happening::Happening;
use super::host::Host;
use super::laws::{Broken, Laws};
use super::nature::Nature;
use super::poison::{self, Named};
use super::process::Process;
use super::server::Server;
use super::trace::Trace;
use crate::Chance;

/// So many events are enough for any world: one that goes on has no end.
const MOST_EVENTS: u64 = 500_000;

/// A driver and everything around it.
pub(super) struct World {
    pub(super) manager: Manager,
    pub(super) now: Time,
    pub(super) chance: Chance,
    pub(super) nature: Nature,
    pub(super) agenda: Agenda<Happening>,
    /// All versions of the worker code that there have been on disk; the last one is there now.
    pub(super) codes: Vec<Code>,
    /// The generation in force.
    pub(super) generation: u32,
    /// Which of them each generation has.
    pub(super) generations: BTreeMap<u32, usize>,
    pub(super) hosts: BTreeMap<HostId, Host>,
    pub(super) processes: BTreeMap<ProcessId, Process>,
    pub(super) servers: Vec<Server>,
    /// By the job's number: its processes die at once.
    pub(super) epidemics: Vec<bool>,
    /// By their number: jobs with a name of their own, in the hands of processes.
    pub(super) named: BTreeMap<u64, Named>,
    pub(super) poison_limit: u32,
    /// What the workers know of jobs that have taken down processes.
    pub(super) suspects: Vec<Suspect>,
    /// Those of them that were answered since the supervisor last looked.
    pub(super) answers: Vec<u64>,
    pub(super) orders: u64,
    pub(super) exited: bool,
    /// Trouble comes only while this is so.
    pub(super) troubled: bool,
    pub(super) laws: Laws,
    pub(super) account: Account,
    /// A law that was broken between two events.
    pub(super) broken: Option<Broken>,
    trace: Option<Trace>,
    /// Events that came out of performing effects.
    pub(super) pending: VecDeque<Event>,
    tick: Option<Tick>,
    /// A shutdown is under way.
    pub(super) ending: bool,
    /// .. without waiting for jobs.
    at_once: bool,
    pub(super) over: bool,
}

/// When the supervisor's clock strikes, and for which deadline.
#[derive(Debug, Clone, Copy)]
struct Tick {
    deadline: Time,
    at: Time,
}

impl World {
    pub(super) fn new(seed: u64, trace: Option<Trace>) -> Self {
        let mut chance = Chance::of(seed);
        let nature = Nature::of(&mut chance);
        let poison_limit = if nature.poison > 0 { chance.count(0..=4) } else { 3 };
        let remembered = nature.poison > 0 && chance.hits(300);
        let settings = Settings {
            max_idle_time: nature.max_idle_time,
            shutdown_timeout: nature.shutdown_timeout,
            seed,
            poison_limit,
            suspects: if remembered { poison::remembered(poison_limit, &mut chance) } else { Vec::new() },
            ..Settings::default()
        };
        let codes = vec![Code::first(nature.jobs, &mut chance)];
        let laws = Laws::new(&settings, nature.late);
        Self {
            manager: Manager::new(settings),
            now: Time::START,
            agenda: Agenda::new(),
            codes,
            generation: 0,
            generations: BTreeMap::new(),
            hosts: BTreeMap::new(),
            processes: BTreeMap::new(),
            servers: vec![Server::new(); nature.servers],
            epidemics: vec![false; code::FUNCTIONS.len()],
            named: BTreeMap::new(),
            poison_limit,
            suspects: Vec::new(),
            answers: Vec::new(),
            orders: 0,
            exited: false,
            troubled: true,
            laws,
            account: Account::default(),
            broken: None,
            trace,
            pending: VecDeque::new(),
            tick: None,
            ending: false,
            at_once: false,
            over: false,
            chance,
            nature,
        }
    }

    /// Lets the world run to its end.
    pub(super) fn run(&mut self) -> Result<(), Broken> {
        if let Some(trace) = &mut self.trace {
            trace.note(&format!("{:?}", self.nature));
            trace.note(&format!("{:?}", self.codes[0]));
        }
        self.begin();
        self.tell(Event::Started)?;
        while !self.over {
            if self.account.events > MOST_EVENTS {
                return Err(Broken::new("the world comes to an end"));
            }
            let next = self.agenda.next();
            match self.tick {
                Some(tick) if next.is_none_or(|next| tick.at <= next) => {
                    self.now = self.now.max(tick.at);
                    self.tick = None;
                    self.ticks()?;
                }
                _ => {
                    let Some((at, happening)) = self.agenda.take() else {
                        return Err(Broken::new("something is always going to happen"));
                    };
                    self.now = self.now.max(at);
                    self.happens(happening)?;
                    if let Some(broken) = self.broken.take() {
                        return Err(broken);
                    }
                }
            }
        }
        self.account.worlds = 1;
        self.account.simulated = self.now.uptime();
        Ok(())
    }

    /// Hands an event to the manager, and performs what comes back, with what comes of that.
    pub(super) fn tell(&mut self, event: Event) -> Result<(), Broken> {
        self.pending.push_back(event);
        while let Some(event) = self.pending.pop_front() {
            self.account.events += 1;
            if let Some(trace) = &mut self.trace {
                trace.event(self.now, &event);
            }
            self.laws.hear(self.now, &event);
            let effects = self.manager.handle(self.now, event);
            if let Some(trace) = &mut self.trace {
                trace.effects(&effects);
            }
            self.laws.judge(self.now, &effects, &self.manager)?;
            for effect in effects {
                self.perform(effect);
            }
            let at_once = self.laws.is_ending_at_once();
            if self.laws.is_ending() && (!self.ending || (at_once && !self.at_once)) {
                (self.ending, self.at_once) = (true, at_once);
                let wait = self.laws.time_to_end();
                self.after(wait, Happening::MustBeOver);
            }
        }
        let deadline = self.manager.next_deadline();
        if self.tick.map(|tick| tick.deadline) != deadline {
            let late = self.chance.time(self.nature.late);
            self.tick = deadline.map(|deadline| Tick { deadline, at: deadline + late });
        }
        Ok(())
    }

    fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::StartHost { host, generation } => self.start_host(host, generation),
            Effect::StopHost { host } => self.stop_host(host),
            Effect::Spawn { process, job, host } => {
                if !self.spawn(process, &job, host) {
                    let error = "its host is gone".to_owned();
                    self.pending.push_back(Event::SpawnFailed { process, error });
                }
            }
            Effect::Stop { process } => {
                let (at, way) = self.hand(process);
                self.agenda.put(at, Happening::StopReaches(process, way));
            }
            Effect::Kill { process } => {
                let (at, way) = self.hand(process);
                self.agenda.put(at, Happening::KillReaches(process, way));
            }
            Effect::Exit { .. } => {
                self.exited = true;
                self.after(Duration::ZERO, Happening::MustBeOver);
            }
            Effect::InForce { generation } => self.in_force(generation),
            Effect::Reply { .. } | Effect::UnknownJob { .. } | Effect::Log(_) => {}
            Effect::Suspects(list) => self.suspects = list,
        }
    }

    /// A remark for the trace.
    pub(super) fn note(&mut self, what: impl FnOnce() -> String) {
        if let Some(trace) = &mut self.trace {
            trace.note(&what());
        }
    }
}
