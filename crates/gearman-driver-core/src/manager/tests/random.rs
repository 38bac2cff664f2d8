//! Random sequences of events: laws that hold in all of them.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest::sample::Index;

use super::*;

/// Something that happens. What it happens to is picked from what is there.
#[derive(Debug, Clone)]
enum Step {
    Spawned(Index),
    SpawnFailed(Index),
    Exited(Index, ExitStatus, Option<(ActivityState, u64)>),
    Observed(Index, ActivityState, u64),
    Looked(Vec<(u64, u64)>, bool),
    Order(Order),
    HostReady(Vec<(usize, u32, u32)>),
    HostFailed,
    /// Each of its processes is adopted or has ended, by the bits.
    HostGone(u64),
    Time(u64),
    Tick,
}

const NAMES: [&str; 4] = ["a", "b", "c", "d"];

fn state() -> impl Strategy<Value = ActivityState> {
    prop_oneof![
        1 => Just(ActivityState::Starting),
        3 => Just(ActivityState::Idle),
        3 => Just(ActivityState::Busy),
        1 => Just(ActivityState::Draining),
    ]
}

fn status() -> impl Strategy<Value = ExitStatus> {
    prop_oneof![(0..3).prop_map(ExitStatus::Code), (9..12).prop_map(ExitStatus::Signal), Just(ExitStatus::Unknown)]
}

fn name() -> impl Strategy<Value = String> {
    prop::sample::select(&NAMES[..]).prop_map(str::to_owned)
}

fn order() -> impl Strategy<Value = Order> {
    prop_oneof![
        (name(), 0_u32..6).prop_map(|(job, min)| Order::SetMin { job, min }),
        (name(), 0_u32..6).prop_map(|(job, max)| Order::SetMax { job, max }),
        (name(), 0_u32..6, 0_u32..70_000).prop_map(|(job, min, max)| Order::SetProcesses { job, min, max: max % 9 }),
        prop::collection::vec(100_u32..140, 0..4).prop_map(|pids| Order::Stop { pids }),
        prop::collection::vec(name(), 0..3).prop_map(|names| Order::KillAll(JobSelection::Named(names))),
        Just(Order::KillAll(JobSelection::All)),
        name().prop_map(|job| Order::AddProcess { job }),
        name().prop_map(|job| Order::RemoveProcess { job }),
        (0_u64..9).prop_map(|seconds| Order::SetMaxIdleTime(Duration::from_secs(seconds))),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => any::<Index>().prop_map(Step::Spawned),
        1 => any::<Index>().prop_map(Step::SpawnFailed),
        4 => (any::<Index>(), status(), prop::option::of((state(), 0_u64..3)))
            .prop_map(|(which, status, last)| Step::Exited(which, status, last)),
        4 => (any::<Index>(), state(), 0_u64..5).prop_map(|(which, state, done)| Step::Observed(which, state, done)),
        4 => (prop::collection::vec((0_u64..9, 0_u64..9), 4), any::<bool>())
            .prop_map(|(rows, complete)| Step::Looked(rows, complete)),
        3 => order().prop_map(Step::Order),
        3 => prop::collection::vec((0_usize..4, 0_u32..4, 0_u32..4), 1..4).prop_map(Step::HostReady),
        1 => Just(Step::HostFailed),
        1 => any::<u64>().prop_map(Step::HostGone),
        3 => (0_u64..20_000).prop_map(Step::Time),
        3 => Just(Step::Tick),
    ]
}

/// A shell that keeps to the contract of the events, and checks that the manager keeps to that of the effects.
struct World {
    manager: Manager,
    now: Time,
    host: Option<(HostId, bool)>,
    /// Spawns that wait for their answer.
    pending: BTreeMap<ProcessId, String>,
    alive: BTreeMap<ProcessId, String>,
    /// Forked by a host that is there.
    of_host: BTreeSet<ProcessId>,
    told_to_go: BTreeSet<ProcessId>,
    killed: BTreeSet<ProcessId>,
    exits: u32,
    orders: u64,
}

impl World {
    fn new() -> Self {
        let mut world = Self {
            manager: Manager::new(Settings { max_idle_time: Duration::from_secs(3), ..Settings::default() }),
            now: Time::START,
            host: None,
            pending: BTreeMap::new(),
            alive: BTreeMap::new(),
            of_host: BTreeSet::new(),
            told_to_go: BTreeSet::new(),
            killed: BTreeSet::new(),
            exits: 0,
            orders: 0,
        };
        world.event(Event::Started);
        world.take(Step::HostReady(vec![(0, 1, 3), (1, 0, 2), (2, 2, 0)]));
        world
    }

    fn event(&mut self, event: Event) {
        let asked = if let Event::Order { id, .. } = event { vec![id] } else { vec![] };
        let ended_before = self.exits > 0;
        let mut answered = Vec::new();
        let mut spawned_for = BTreeSet::new();
        for effect in self.manager.handle(self.now, event) {
            match effect {
                Effect::Log(_) | Effect::UnknownJob { .. } | Effect::InForce { .. } | Effect::Suspects(_) => {}
                Effect::Reply { id, .. } => answered.push(id),
                Effect::StartHost { host, .. } => {
                    assert_eq!(self.host, None, "one host at a time");
                    self.host = Some((host, false));
                }
                Effect::StopHost { host } => {
                    assert_eq!(self.host.map(|(host, _)| host), Some(host));
                }
                Effect::Spawn { process, job, host } => {
                    assert_eq!(self.host, Some((host, true)), "only a ready host forks");
                    spawned_for.insert(job.clone());
                    self.of_host.insert(process);
                    assert_eq!(self.pending.insert(process, job), None);
                }
                Effect::Stop { process } => {
                    assert!(self.alive.contains_key(&process), "{process} is not there to be stopped");
                    assert!(self.told_to_go.insert(process), "{process} is stopped twice");
                }
                Effect::Kill { process } => {
                    assert!(self.alive.contains_key(&process), "{process} is not there to be killed");
                    assert!(self.killed.insert(process), "{process} is killed twice");
                }
                Effect::Exit { .. } => self.exits += 1,
            }
            assert!(!ended_before || answered.len() == 1, "only replies follow the end");
        }
        assert_eq!(answered, asked, "each order is answered exactly once");
        if self.exits == 0 {
            self.check_bounds(&spawned_for);
        }
        assert!(self.manager.next_deadline().is_none_or(|due| due > self.now), "nothing that is due is left undone");
    }

    fn check_bounds(&self, spawned_for: &BTreeSet<String>) {
        let snapshot = self.manager.snapshot(self.now);
        for job in snapshot.jobs {
            let all = self.pending.values().chain(self.alive.values()).filter(|name| **name == job.name).count();
            let asked_to_go = self
                .alive
                .iter()
                .filter(|(id, name)| **name == job.name && (self.told_to_go.contains(id) || self.killed.contains(id)))
                .count();
            let max = job.limits.max() as usize;
            if spawned_for.contains(&job.name) {
                assert!(all <= max, "{}: {all} of {max} after a start", job.name);
            }
            let alive = self.alive.values().filter(|name| **name == job.name).count();
            assert!(alive - asked_to_go <= max || self.exits > 0, "{}: {alive} alive, max {max}", job.name);
            if !snapshot.shutting_down {
                assert_eq!(job.limits.clamp(job.target), job.target);
            }
            assert_eq!(job.processes.len(), alive);
            assert_eq!(job.processes.len() + job.spawning as usize, all);
        }
    }

    fn activity(&self, state: ActivityState, jobs_done: u64) -> Activity {
        Activity { state, jobs_done, ..Activity::idle(self.now) }
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Spawned(which) => {
                if let Some(process) = pick(&self.pending, &which) {
                    let job = self.pending.remove(&process).unwrap();
                    self.alive.insert(process, job);
                    self.event(Event::Spawned { process, pid: pid(process.0) });
                }
            }
            Step::SpawnFailed(which) => {
                if let Some(process) = pick(&self.pending, &which) {
                    self.pending.remove(&process);
                    self.event(Event::SpawnFailed { process, error: "no".to_owned() });
                }
            }
            Step::Exited(which, status, last) => {
                if let Some(process) = pick(&self.alive, &which) {
                    self.alive.remove(&process);
                    let final_activity = last.map(|(state, done)| self.activity(state, done));
                    self.event(Event::Exited { process, status, final_activity });
                }
            }
            Step::Observed(which, state, done) => {
                if let Some(process) = pick(&self.alive, &which) {
                    let activity = self.activity(state, done);
                    self.event(Event::Observed { processes: vec![(process, activity)] });
                }
            }
            Step::Looked(rows, complete) => {
                let functions = NAMES
                    .into_iter()
                    .zip(rows)
                    .map(|(name, (queue, busy))| (name.to_owned(), FunctionStatus { queue, busy, running: busy }))
                    .collect();
                self.event(Event::Looked { functions, complete });
            }
            Step::Order(order) => {
                self.orders += 1;
                self.event(Event::Order { id: OrderId(self.orders), order });
            }
            Step::HostReady(jobs) => {
                if let Some((host, false)) = self.host {
                    self.host = Some((host, true));
                    let jobs: BTreeMap<usize, JobDeclaration> =
                        jobs.into_iter().map(|(name, min, more)| (name, job(NAMES[name], min, min + more))).collect();
                    self.event(Event::HostReady { host, generation: 1, jobs: jobs.into_values().collect() });
                }
            }
            Step::HostFailed => {
                if let Some((host, false)) = self.host {
                    self.host = None;
                    self.event(Event::HostFailed { host, error: "no".to_owned() });
                }
            }
            Step::HostGone(bits) => {
                if let Some((host, true)) = self.host {
                    self.host = None;
                    let (mut adopted, mut ended) = (Vec::new(), Vec::new());
                    for process in std::mem::take(&mut self.of_host) {
                        let job = self.pending.remove(&process).or_else(|| self.alive.remove(&process));
                        match job {
                            Some(job) if bits >> (process.0 % 64) & 1 == 1 => {
                                self.alive.insert(process, job);
                                // What it was told may be lost with its host: it is told again.
                                self.told_to_go.remove(&process);
                                self.killed.remove(&process);
                                adopted.push((process, pid(process.0)));
                            }
                            Some(_) => ended.push((process, None)),
                            None => {}
                        }
                    }
                    let status = ExitStatus::Signal(9);
                    self.event(Event::HostGone { host, status, adopted, ended });
                }
            }
            Step::Time(millis) => {
                self.now = self.now + Duration::from_millis(millis);
                self.event(Event::Tick);
            }
            Step::Tick => {
                if let Some(due) = self.manager.next_deadline() {
                    self.now = due;
                    self.event(Event::Tick);
                }
            }
        }
    }
}

fn pick(processes: &BTreeMap<ProcessId, String>, which: &Index) -> Option<ProcessId> {
    (!processes.is_empty()).then(|| *which.get(&processes.keys().copied().collect::<Vec<_>>()))
}

proptest! {
    #[test]
    fn bounds_hold_and_orders_are_answered_whatever_happens(steps in prop::collection::vec(step(), 0..80)) {
        let mut world = World::new();
        for step in steps {
            world.take(step);
        }
        prop_assert_eq!(world.exits, 0);
    }

    #[test]
    fn a_shutdown_always_ends_when_processes_do(
        before in prop::collection::vec(step(), 0..50),
        during in prop::collection::vec(step(), 0..20),
        signals in prop::collection::vec(prop::sample::select(&[Signal::Term, Signal::Int, Signal::Quit][..]), 1..3),
        any_one in any::<Index>(),
    ) {
        let mut world = World::new();
        for step in before {
            world.take(step);
        }
        for signal in signals {
            world.event(Event::Signal(signal));
        }
        for step in during {
            world.take(step);
        }
        while !world.pending.is_empty() {
            world.take(Step::Spawned(any_one));
        }
        while !world.alive.is_empty() {
            world.take(Step::Exited(any_one, ExitStatus::Code(0), None));
        }
        world.take(Step::HostFailed);
        world.take(Step::HostGone(0));
        prop_assert_eq!(world.exits, 1);
    }

    #[test]
    fn a_shutdown_ends_by_the_clock_when_processes_do_not(before in prop::collection::vec(step(), 0..50)) {
        let mut world = World::new();
        for step in before {
            world.take(step);
        }
        world.event(Event::Signal(Signal::Term));
        for _ in 0..4 {
            world.take(Step::Tick);
        }
        prop_assert_eq!(world.exits, 1);
        prop_assert!(world.now.since(Time::START) < Duration::from_secs(86_400));
    }

    #[test]
    fn the_same_events_have_the_same_effects(steps in prop::collection::vec(step(), 0..40)) {
        let run = || {
            let mut world = World::new();
            steps.iter().cloned().for_each(|step| world.take(step));
            world.manager.snapshot(world.now)
        };
        prop_assert_eq!(run(), run());
    }
}
