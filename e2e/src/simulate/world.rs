//! The world around a manager: its clock, and what happens next in it.
//!
//! The world keeps to the contract of the events, as the supervisor does: whatever goes wrong in it, each order to
//! spawn is answered once, each end is told once, and a host's messages come in the order in which they were sent. What
//! the manager makes of it is the [`Laws`]' business.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use gearman_driver_core::manager::{Effect, Event, Manager, Settings, Signal};
use gearman_driver_core::process::{HostId, ProcessId};
use gearman_driver_core::time::Time;

use super::agenda::Agenda;
use super::code::{self, Code};
use super::host::Host;
use super::laws::{Broken, Laws};
use super::nature::Nature;
use super::process::{Process, Step};
use super::server::Server;
use super::trace::Trace;
use super::{Account, operator};
use crate::Chance;

/// So many events are enough for any world: one that goes on has no end.
const MOST_EVENTS: u64 = 500_000;

/// How long nothing may happen in a world that has settled.
const QUIET: Duration = Duration::from_secs(70);

/// A driver and everything around it.
pub(super) struct World {
    pub(super) manager: Manager,
    pub(super) now: Time,
    pub(super) chance: Chance,
    pub(super) nature: Nature,
    pub(super) agenda: Agenda<Happening>,
    /// All versions of the worker code that there have been on disk; the last one is there now.
    pub(super) codes: Vec<Code>,
    /// Which of them each generation has.
    pub(super) generations: BTreeMap<u32, usize>,
    pub(super) hosts: BTreeMap<HostId, Host>,
    pub(super) processes: BTreeMap<ProcessId, Process>,
    pub(super) servers: Vec<Server>,
    /// By the job's number: its processes die at once.
    pub(super) epidemics: Vec<bool>,
    pub(super) orders: u64,
    pub(super) exited: bool,
    /// Trouble comes only while this is so.
    pub(super) troubled: bool,
    pub(super) laws: Laws,
    pub(super) account: Account,
    trace: Option<Trace>,
    /// Events that came out of performing effects.
    pending: VecDeque<Event>,
    tick: Option<Tick>,
    /// A shutdown is under way.
    ending: bool,
    /// .. without waiting for jobs.
    at_once: bool,
    over: bool,
}

/// When the supervisor's clock strikes, and for which deadline.
#[derive(Debug, Clone, Copy)]
struct Tick {
    deadline: Time,
    at: Time,
}

/// Something that happens.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "a world has few at a time")]
pub(super) enum Happening {
    /// A host has loaded its worker code, or failed to.
    Loads(HostId),
    /// A host ends because it was told to.
    HostDies(HostId),
    /// A host ends, by no fault of the supervisor's.
    HostCrashes(HostId),
    HostSlows,
    /// A host obeys an order to spawn.
    Forks(ProcessId),
    /// A host has a message to write.
    Says(HostId, News),
    /// A host comes to write its messages.
    Speaks(HostId),
    /// The supervisor takes news in.
    Arrives(News),
    /// A process does something, if it still can.
    Does(ProcessId, Step),
    /// TERM reaches a process by way of its host, or by the supervisor's own hand.
    StopReaches(ProcessId, Way),
    /// As TERM, KILL.
    KillReaches(ProcessId, Way),
    /// The kernel lets go of a process that KILL did not end at once.
    Dies(ProcessId),
    JobsArrive,
    ServerTurns,
    Epidemic,
    Looks,
    /// The scoreboard is read, as it is every so often.
    Observes,
    /// As [`Happening::Observes`], once.
    ObservesOnce,
    /// What was read from the scoreboard before is taken in.
    ObservedLate(Event),
    Orders,
    Signals,
    Spurious,
    Deploys,
    Reloads,
    /// Trouble ends.
    Calms,
    /// By now everything must have settled.
    Settles,
    /// By now nothing may have happened since.
    Ends,
    /// The driver must have exited.
    MustBeOver,
}

/// By whose hand a process is signalled.
#[derive(Debug, Clone, Copy)]
pub(super) enum Way {
    Host(HostId),
    Own,
}

/// What the supervisor learns of hosts and job servers.
#[derive(Debug)]
pub(super) enum News {
    Loaded(HostId),
    HostGone(HostId),
    Spawned(ProcessId),
    SpawnFailed(ProcessId),
    Exited(ProcessId),
    Looked(Event),
}

impl World {
    pub(super) fn new(seed: u64, trace: Option<Trace>) -> Self {
        let mut chance = Chance::of(seed);
        let nature = Nature::of(&mut chance);
        let settings = Settings {
            max_idle_time: nature.max_idle_time,
            shutdown_timeout: nature.shutdown_timeout,
            seed,
            ..Settings::default()
        };
        let codes = vec![Code::first(nature.jobs, &mut chance)];
        let laws = Laws::new(&settings, nature.late);
        Self {
            manager: Manager::new(settings),
            now: Time::START,
            agenda: Agenda::new(),
            codes,
            generations: BTreeMap::new(),
            hosts: BTreeMap::new(),
            processes: BTreeMap::new(),
            servers: vec![Server::new(); nature.servers],
            epidemics: vec![false; code::FUNCTIONS.len()],
            orders: 0,
            exited: false,
            troubled: true,
            laws,
            account: Account::default(),
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
                    self.observe()?;
                    self.tell(Event::Tick)?;
                }
                _ => {
                    let Some((at, happening)) = self.agenda.take() else {
                        return Err(Broken::new("something is always going to happen"));
                    };
                    self.now = self.now.max(at);
                    self.happens(happening)?;
                }
            }
        }
        self.account.worlds = 1;
        self.account.simulated = self.now.uptime();
        Ok(())
    }

    fn begin(&mut self) {
        let nature = self.nature.clone();
        self.after(nature.trouble, Happening::Calms);
        self.again(Some(nature.interval), Happening::Looks);
        self.again(Some(nature.arrivals_every), Happening::JobsArrive);
        self.again(nature.orders_every, Happening::Orders);
        self.again(nature.signals_every, Happening::Signals);
        self.again(nature.spurious_every, Happening::Spurious);
        self.again(nature.observed_every, Happening::Observes);
        self.again(nature.host_slow, Happening::HostSlows);
        self.again(nature.epidemics_every, Happening::Epidemic);
        self.again(nature.servers_turn_every, Happening::ServerTurns);
        self.again(nature.deployments_every, Happening::Deploys);
    }

    pub(super) fn after(&mut self, wait: Duration, what: Happening) {
        self.agenda.put(self.now + wait, what);
    }

    /// As [`World::after`], within at most `most`.
    pub(super) fn within(&mut self, most: Duration, what: Happening) {
        let wait = self.chance.time(most);
        self.after(wait, what);
    }

    /// What comes again and again, every so often.
    pub(super) fn again(&mut self, every: Option<Duration>, what: Happening) {
        if let Some(every) = every {
            let wait = self.chance.around(every);
            self.after(wait, what);
        }
    }

    fn happens(&mut self, happening: Happening) -> Result<(), Broken> {
        match happening {
            Happening::Loads(host) => self.host_loads(host),
            Happening::HostDies(host) => self.host_dies(host),
            Happening::HostCrashes(host) => {
                if self.troubled {
                    self.host_dies(host);
                }
            }
            Happening::HostSlows => self.host_slows(),
            Happening::Forks(process) => self.forks(process),
            Happening::Says(host, news) => self.host_says(host, news),
            Happening::Speaks(host) => self.host_speaks(host),
            Happening::Arrives(news) => return self.arrives(news),
            Happening::Does(process, step) => self.does(process, &step),
            Happening::StopReaches(process, way) => self.stop_reaches(process, way),
            Happening::KillReaches(process, way) => self.kill_reaches(process, way),
            Happening::Dies(process) => self.killed(process),
            Happening::JobsArrive => self.jobs_arrive(),
            Happening::ServerTurns => self.server_turns(),
            Happening::Epidemic => self.epidemic(),
            Happening::Looks => self.looks(),
            Happening::Observes => {
                self.again(self.nature.observed_every, Happening::Observes);
                return self.observe();
            }
            Happening::ObservesOnce => return self.observe(),
            Happening::ObservedLate(event) => return self.tell(event),
            Happening::Orders => {
                self.again(self.nature.orders_every, Happening::Orders);
                return if self.troubled { self.orders() } else { Ok(()) };
            }
            Happening::Signals => {
                self.again(self.nature.signals_every, Happening::Signals);
                return if self.troubled || self.ending { self.signals() } else { Ok(()) };
            }
            Happening::Spurious => {
                self.again(self.nature.spurious_every, Happening::Spurious);
                self.observe()?;
                return self.tell(Event::Tick);
            }
            Happening::Deploys => self.deploys(),
            Happening::Reloads => return if self.troubled { self.reloads() } else { Ok(()) },
            Happening::Calms => self.calms(),
            Happening::Settles => return self.settles(),
            Happening::Ends => return self.ends(),
            Happening::MustBeOver => {
                if !self.exited {
                    return Err(Broken::new("a shutdown ends in bounded time"));
                }
                return self.orders_after_the_end();
            }
        }
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

    /// The supervisor takes over the configuration of a generation.
    fn in_force(&mut self, generation: u32) {
        if generation > 1 {
            let max_idle_time = self.chance.hits(100).then(|| Duration::from_secs(self.chance.within(0..=40)));
            let shutdown_timeout = self.nature.shutdown_timeout;
            self.pending.push_back(Event::Configured { max_idle_time, shutdown_timeout, poison_limit: 3 });
        }
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
            Effect::Reply { .. } | Effect::UnknownJob { .. } | Effect::Suspects(_) | Effect::Log(_) => {}
        }
    }

    /// A remark for the trace.
    pub(super) fn note(&mut self, what: impl FnOnce() -> String) {
        if let Some(trace) = &mut self.trace {
            trace.note(&what());
        }
    }

    /// The end of all trouble: what is stuck comes loose, and what waits is soon done.
    fn calms(&mut self) {
        if self.laws.is_ending() {
            return;
        }
        self.note(|| "trouble ends".to_owned());
        self.troubled = false;
        self.nature.calm();
        self.epidemics.fill(false);
        self.calm_servers();
        self.calm_processes();
        self.calm_hosts();
        let wait = self.laws.time_to_settle() + 4 * self.nature.interval;
        self.after(wait, Happening::Settles);
    }

    fn settles(&mut self) -> Result<(), Broken> {
        if self.laws.is_ending() {
            return Ok(());
        }
        self.note(|| "everything must have settled".to_owned());
        self.laws.settled(self.now, &self.manager)?;
        self.after(QUIET, Happening::Ends);
        Ok(())
    }

    /// A shutdown, of any kind.
    fn ends(&mut self) -> Result<(), Broken> {
        self.laws.quiet_is_over();
        self.note(|| "the driver is told to end".to_owned());
        if self.nature.rough_end {
            self.troubled = true;
            let shutdown_timeout = self.nature.shutdown_timeout;
            self.nature = Nature { shutdown_timeout, ..Nature::of(&mut self.chance) };
            self.laws.clock_is_late_by(self.nature.late);
            self.trouble_processes();
        }
        self.observe()?;
        if self.chance.hits(400) {
            self.order(gearman_driver_core::order::Order::Shutdown)?;
        } else {
            let signal = operator::any_signal(&mut self.chance);
            self.tell(Event::Signal(signal))?;
        }
        if self.chance.hits(300) {
            self.within(Duration::from_secs(20), Happening::Signals);
        }
        Ok(())
    }

    fn signals(&mut self) -> Result<(), Broken> {
        let signal = operator::any_signal(&mut self.chance);
        self.observe()?;
        self.tell(Event::Signal(signal))
    }

    fn orders_after_the_end(&mut self) -> Result<(), Broken> {
        self.tell(Event::Tick)?;
        self.tell(Event::Signal(Signal::Quit))?;
        for _ in 0..3 {
            self.orders()?;
        }
        self.laws.over()?;
        self.over = true;
        Ok(())
    }
}
