//! Job servers and their queues, as far as the driver sees them: numbers of jobs that wait and run.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use gearman_driver_core::manager::{Event, FunctionStatus};
use gearman_driver_core::process::ProcessId;

use super::code::{FUNCTIONS, NOBODYS, job_number};
use super::happening::{Happening, News};
use super::laws::Broken;
use super::poison::Named;
use super::world::World;

/// So many jobs of one function a server holds; clients give up beyond that.
const LONGEST_QUEUE: u64 = 200;

/// How long the observer waits for a server that does not answer.
const LOOK_TIMEOUT: Duration = Duration::from_secs(2);

/// A job server.
#[derive(Debug, Clone)]
pub(super) struct Server {
    answers: bool,
    /// By function.
    pub(super) waiting: [u64; FUNCTIONS.len()],
    running: [u64; FUNCTIONS.len()],
    /// Jobs with a name of their own, that wait.
    pub(super) named: VecDeque<Named>,
    /// It has a row for the function.
    pub(super) known: [bool; FUNCTIONS.len()],
}

/// A job in a process's hand.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Held {
    pub(super) server: usize,
    pub(super) function: usize,
    pub(super) number: u64,
}

impl Server {
    pub(super) fn new() -> Self {
        let none = [0; FUNCTIONS.len()];
        Self { answers: true, waiting: none, running: none, named: VecDeque::new(), known: [false; FUNCTIONS.len()] }
    }

    /// How many jobs wait.
    fn waits(&self, function: usize) -> u64 {
        let named = self.named.iter().filter(|named| named.function == function).count();
        self.waiting[function] + named as u64
    }
}

impl World {
    /// Clients submit jobs.
    pub(super) fn jobs_arrive(&mut self) {
        self.again(self.arrivals_every(), Happening::JobsArrive);
        let server = self.chance.below(self.servers.len() as u64) as usize;
        let function = if self.trouble(self.nature.unknown) { NOBODYS } else { self.any_function() };
        let jobs = self.chance.within(1..=self.nature.burst);
        if !self.servers[server].answers {
            return;
        }
        if self.trouble(self.nature.poison) {
            self.named_job_arrives(server, function);
        } else {
            let waiting = &mut self.servers[server].waiting[function];
            *waiting = (*waiting + jobs).min(LONGEST_QUEUE);
        }
        self.servers[server].known[function] = true;
        self.wake(function);
    }

    /// A function of the first worker code, or of the newest.
    fn any_function(&mut self) -> usize {
        let code = if self.chance.hits(500) { 0 } else { self.codes.len() - 1 };
        let functions: Vec<usize> = self.codes[code].all_functions().collect();
        self.chance.pick(&functions).unwrap_or(NOBODYS)
    }

    /// Jobs come as long as there is trouble.
    fn arrivals_every(&self) -> Option<Duration> {
        self.troubled.then_some(self.nature.arrivals_every)
    }

    /// Free processes come for what waits.
    pub(super) fn wake(&mut self, function: usize) {
        let free: Vec<ProcessId> = self
            .processes
            .iter()
            .filter(|(_, process)| process.job == function / 2 && process.is_free())
            .map(|(id, _)| *id)
            .collect();
        for id in free {
            self.takes_a_job(id);
        }
    }

    /// A process without a job takes the first that waits for one of its functions.
    pub(super) fn takes_a_job(&mut self, id: ProcessId) {
        let Some(process) = self.processes.get(&id).filter(|process| process.is_free()) else { return };
        let functions = self.codes[process.code].functions(process.job);
        let waits = |server: &Server| functions.clone().find(|&function| server.waiting[function] > 0);
        let is_ours = |named: &Named| functions.contains(&named.function);
        let places = self.servers.iter().enumerate().filter(|(_, server)| server.answers);
        let found = places.clone().find_map(|(place, server)| Some((place, server.named.iter().position(is_ours)?)));
        let (server, function, number, named) = if let Some((server, place)) = found {
            let Some(named) = self.servers[server].named.remove(place) else { return };
            (server, named.function, named.number, Some(named))
        } else {
            let found = places.clone().find_map(|(place, server)| Some((place, waits(server)?)));
            let Some((server, function)) = found else { return };
            self.servers[server].waiting[function] -= 1;
            self.account.grabbed += 1;
            (server, function, self.account.grabbed, None)
        };
        self.servers[server].running[function] += 1;
        self.begins(id, Held { server, function, number }, named);
    }

    /// A job is in nobody's hand any more.
    pub(super) fn leaves(&mut self, held: Held) {
        let running = &mut self.servers[held.server].running[held.function];
        *running = running.saturating_sub(1);
    }

    /// A server goes away, or comes back; now and then without its queues.
    pub(super) fn server_turns(&mut self) {
        self.again(self.nature.servers_turn_every, Happening::ServerTurns);
        if !self.troubled {
            return;
        }
        let place = self.chance.below(self.servers.len() as u64) as usize;
        let forgets = self.chance.hits(300);
        let server = &mut self.servers[place];
        server.answers ^= true;
        if server.answers && forgets {
            *server = Server::new();
        }
        if server.answers {
            for function in 0..FUNCTIONS.len() {
                self.wake(function);
            }
        }
    }

    /// The observer asks all servers, and tells the supervisor when it has heard from them.
    pub(super) fn looks(&mut self) {
        let mut functions: BTreeMap<String, FunctionStatus> = BTreeMap::new();
        let mut workers = [0; FUNCTIONS.len()];
        for process in self.processes.values().filter(|process| process.is_registered()) {
            for function in self.codes[process.code].functions(process.job) {
                workers[function] += 1;
            }
        }
        let complete = self.servers.iter().all(|server| server.answers);
        for server in self.servers.iter_mut().filter(|server| server.answers) {
            for (function, name) in FUNCTIONS.iter().enumerate() {
                server.known[function] |= workers[function] > 0;
                if !server.known[function] {
                    continue;
                }
                let (busy, waiting) = (server.running[function], server.waits(function));
                let row = FunctionStatus { queue: waiting + busy, busy, running: workers[function] };
                let sum = functions.entry((*name).to_owned()).or_default();
                *sum = sum.plus(row);
            }
        }
        if self.trouble(self.nature.odd_rows) {
            let row = FunctionStatus {
                queue: self.chance.below(9),
                busy: self.chance.below(9),
                running: self.chance.below(9),
            };
            let function = self.chance.pick(&FUNCTIONS).unwrap_or("odd");
            functions.insert(function.to_owned(), row);
        }
        let wait = if complete { self.chance.time(self.nature.delay) } else { LOOK_TIMEOUT.min(self.nature.interval) };
        self.after(wait, Happening::Arrives(News::Looked(Event::Looked { functions, complete })));
        self.again(Some(self.nature.interval), Happening::Looks);
    }

    /// Nothing waits for a job that may have processes.
    pub(super) fn all_is_served(&self) -> Result<(), Broken> {
        let snapshot = self.manager.snapshot(self.now);
        let code = snapshot.generation.and_then(|generation| self.generations.get(&generation));
        for job in snapshot.jobs.iter().filter(|job| job.limits.max() > 0 && !job.paused) {
            let Some((code, number)) = code.zip(job_number(&job.name)) else { continue };
            for function in self.codes[*code].functions(number) {
                let left: u64 =
                    self.servers.iter().map(|server| server.waits(function) + server.running[function]).sum();
                if left > 0 {
                    let function = FUNCTIONS[function];
                    return Err(Broken::new(format!("settled: {left} jobs of {function} are left in the queues")));
                }
            }
        }
        Ok(())
    }

    /// All servers answer, and the rest of the queues is short.
    pub(super) fn calm_servers(&mut self) {
        for server in &mut self.servers {
            server.answers = true;
            for waiting in &mut server.waiting {
                *waiting = (*waiting).min(3);
            }
        }
        for function in 0..FUNCTIONS.len() {
            self.wake(function);
        }
    }
}
