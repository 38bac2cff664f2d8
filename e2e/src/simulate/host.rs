//! Hosts: they load, fork, report, and die.
//!
//! What a host is (`alive`) and what the supervisor knows of it differ: its messages are on their way for a while, and
//! the news of its end comes after the last of them.

use std::time::Duration;

use gearman_driver_core::manager::Event;
use gearman_driver_core::process::{ExitStatus, HostId, ProcessId};
use gearman_driver_core::time::Time;

use super::code::job_number;
use super::happening::{Happening, News, Way};
use super::laws::Broken;
use super::process::{Process, Stage};
use super::world::World;

/// How long the supervisor waits for a host that it has told to exit.
const HOST_EXIT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a fork takes.
pub(super) const FORK: Duration = Duration::from_micros(500);

/// A host process.
#[derive(Debug)]
pub(super) struct Host {
    generation: u32,
    /// Which worker code it loads.
    code: usize,
    alive: bool,
    /// The supervisor knows that it has loaded.
    ready: bool,
    /// It does nothing before.
    slow_until: Time,
    /// It has orders to fork until then.
    forks_until: Time,
    /// What it has to say.
    outbox: Vec<News>,
    /// When the last message that it has sent arrives.
    last_arrival: Time,
}

impl World {
    pub(super) fn start_host(&mut self, id: HostId, generation: u32) {
        self.account.hosts += 1;
        // A generation that is asked for the first time is what is on disk then.
        let code = *self.generations.entry(generation).or_insert(self.codes.len() - 1);
        let host = Host {
            generation,
            code,
            alive: true,
            ready: false,
            slow_until: self.now,
            forks_until: self.now,
            outbox: Vec::new(),
            last_arrival: self.now,
        };
        self.hosts.insert(id, host);
        self.within(self.nature.load, Happening::Loads(id));
        self.again(self.nature.hosts_die_every, Happening::HostCrashes(id));
    }

    pub(super) fn stop_host(&mut self, id: HostId) {
        let Some(host) = self.hosts.get(&id) else { return };
        // One that still loads is killed; a frozen one, too, in the end.
        let wait = if host.ready && (host.slow_until > self.now || self.trouble(self.nature.freezes)) {
            HOST_EXIT_TIMEOUT
        } else {
            self.chance.time(self.nature.delay)
        };
        self.after(wait, Happening::HostDies(id));
    }

    pub(super) fn host_loads(&mut self, id: HostId) {
        if self.hosts.get(&id).is_none_or(|host| !host.alive) {
            return;
        }
        // The driver would end at once if its very first host failed: that is rarely of interest.
        let first = id.0 == 1 && !self.chance.hits(20);
        let code = self.hosts[&id].code;
        let broken = self.troubled && self.codes[code].fails_to_load;
        if !first && (broken || self.trouble(self.nature.load_fails)) {
            self.host_dies(id);
        } else {
            self.host_says(id, News::Loaded(id));
        }
    }

    pub(super) fn host_dies(&mut self, id: HostId) {
        let Some(host) = self.hosts.get_mut(&id).filter(|host| host.alive) else { return };
        host.alive = false;
        self.account.hosts_ended += 1;
        self.host_sends(id, News::HostGone(id));
        let zombies = self.of_host(id, |process| matches!(process.stage, Stage::Dead(_)));
        for process in zombies {
            self.within(self.nature.delay, Happening::Arrives(News::Exited(process)));
        }
        self.note(|| format!("host {} dies", id.0));
    }

    /// A host that lives is slow for a while.
    pub(super) fn host_slows(&mut self) {
        let until = self.now + self.chance.time(Duration::from_secs(8));
        if self.troubled
            && let Some(host) = self.hosts.values_mut().find(|host| host.alive)
        {
            host.slow_until = until;
        }
        self.again(self.nature.host_slow, Happening::HostSlows);
    }

    /// A host has something to say, in this order; one that dies before it comes to it does not.
    pub(super) fn host_says(&mut self, id: HostId, news: News) {
        let Some(host) = self.hosts.get_mut(&id).filter(|host| host.alive) else { return };
        host.outbox.push(news);
        self.host_speaks(id);
    }

    pub(super) fn host_speaks(&mut self, id: HostId) {
        let Some(host) = self.hosts.get_mut(&id).filter(|host| host.alive) else { return };
        if host.slow_until > self.now {
            self.agenda.put(host.slow_until, Happening::Speaks(id));
            return;
        }
        for news in std::mem::take(&mut host.outbox) {
            self.host_sends(id, news);
        }
    }

    fn host_sends(&mut self, id: HostId, news: News) {
        let delay = self.chance.time(self.nature.delay);
        let Some(host) = self.hosts.get_mut(&id) else { return };
        host.last_arrival = host.last_arrival.max(self.now + delay);
        self.agenda.put(host.last_arrival, Happening::Arrives(news));
    }

    /// An order to spawn goes out. False: there is no host to take it.
    pub(super) fn spawn(&mut self, id: ProcessId, job: &str, host_id: HostId) -> bool {
        let Some(host) = self.hosts.get_mut(&host_id) else { return false };
        let Some(job) = job_number(job) else { return false };
        self.account.processes += 1;
        // One after the other, as the orders stand in the socket.
        host.forks_until = host.forks_until.max(host.slow_until).max(self.now) + FORK;
        let at = host.forks_until;
        let process = Process::ordered(job, host_id, host.code);
        self.processes.insert(id, process);
        self.agenda.put(at, Happening::Forks(id));
        true
    }

    pub(super) fn forks(&mut self, id: ProcessId) {
        let Some(host_id) = self.processes.get(&id).map(|process| process.host) else { return };
        if self.hosts.get(&host_id).is_none_or(|host| !host.alive) {
            return;
        }
        let wait = self.chance.time(FORK);
        if self.trouble(self.nature.spawn_fails) {
            self.after(wait, Happening::Says(host_id, News::SpawnFailed(id)));
        } else {
            self.after(wait, Happening::Says(host_id, News::Spawned(id)));
            self.is_forked(id);
        }
    }

    /// When a signal that goes out now reaches a process, and by which way.
    pub(super) fn hand(&mut self, id: ProcessId) -> (Time, Way) {
        let delay = self.chance.time(self.nature.delay);
        let process = self.processes.get(&id);
        match process.filter(|process| !process.adopted).map(|process| process.host) {
            Some(host) => {
                let slow_until = self.hosts.get(&host).map_or(self.now, |host| host.slow_until);
                (slow_until.max(self.now + delay), Way::Host(host))
            }
            None => (self.now, Way::Own),
        }
    }

    /// Whether a signal gets through: what was sent to a host that has died meanwhile is lost.
    pub(super) fn gets_through(&self, way: Way) -> bool {
        match way {
            Way::Host(host) => self.is_host_alive(host),
            Way::Own => true,
        }
    }

    pub(super) fn is_host_alive(&self, id: HostId) -> bool {
        self.hosts.get(&id).is_some_and(|host| host.alive)
    }

    /// The supervisor takes news in: it knows what is open, and tells the manager nothing twice.
    pub(super) fn arrives(&mut self, news: News) -> Result<(), Broken> {
        match news {
            News::Loaded(id) => {
                let Some(host) = self.hosts.get_mut(&id) else { return Ok(()) };
                host.ready = true;
                if self.codes[host.code].hosts_die {
                    self.within(Duration::from_secs(3), Happening::HostCrashes(id));
                }
                let Some(host) = self.hosts.get(&id) else { return Ok(()) };
                let (generation, jobs) = (host.generation, self.codes[host.code].declarations());
                self.tell(Event::HostReady { host: id, generation, jobs })
            }
            News::HostGone(id) => self.host_gone(id),
            News::Spawned(id) => {
                let pid = self.free_pid();
                let Some(process) = self.processes.get_mut(&id) else { return Ok(()) };
                process.pid.get_or_insert(pid);
                let pid = process.pid.unwrap_or(pid);
                // The scoreboard is read shortly after.
                self.within(Duration::from_millis(50), Happening::ObservesOnce);
                self.tell(Event::Spawned { process: id, pid })
            }
            News::SpawnFailed(id) => match self.processes.remove(&id) {
                Some(_) => self.tell(Event::SpawnFailed { process: id, error: "fork failed: EAGAIN".to_owned() }),
                None => Ok(()),
            },
            News::Exited(id) => self.exited(id),
            News::Looked(event) => {
                self.observe()?;
                self.tell(event)
            }
        }
    }

    /// The supervisor has reaped a host: its processes are adopted, or have ended.
    fn host_gone(&mut self, id: HostId) -> Result<(), Broken> {
        let Some(host) = self.hosts.remove(&id) else { return Ok(()) };
        let status = self.any_status();
        if !host.ready {
            return self.tell(Event::HostFailed { host: id, error: format!("it ended with status {status}") });
        }
        let (mut adopted, mut ended) = (Vec::new(), Vec::new());
        for process_id in self.of_host(id, |_| true) {
            let pid = self.free_pid();
            let zombie_counts = self.chance.hits(500);
            let Some(process) = self.processes.get_mut(&process_id) else { continue };
            let lives = match process.stage {
                Stage::Ordered => false,
                // A child that has ended and is not reaped yet is a child all the same.
                Stage::Dead(_) => process.pid.is_some() && zombie_counts,
                _ => true,
            };
            if lives {
                process.adopted = true;
                adopted.push((process_id, *process.pid.get_or_insert(pid)));
                if let Stage::Dead(_) = process.stage {
                    self.within(self.nature.delay, Happening::Arrives(News::Exited(process_id)));
                }
            } else {
                ended.push((process_id, process.slot.clone()));
                self.processes.remove(&process_id);
            }
        }
        self.tell(Event::HostGone { host: id, status, adopted, ended })
    }

    pub(super) fn any_status(&mut self) -> ExitStatus {
        let all = [
            ExitStatus::Code(0),
            ExitStatus::Code(1),
            ExitStatus::Signal(9),
            ExitStatus::Signal(11),
            ExitStatus::Unknown,
        ];
        self.chance.pick(&all).unwrap_or(ExitStatus::Unknown)
    }

    /// Hosts are quick again.
    pub(super) fn calm_hosts(&mut self) {
        for host in self.hosts.values_mut() {
            host.slow_until = self.now;
        }
    }

    fn of_host(&self, host: HostId, wanted: impl Fn(&Process) -> bool) -> Vec<ProcessId> {
        let theirs = self.processes.iter().filter(|(_, process)| process.host == host && !process.adopted);
        theirs.filter(|(_, process)| wanted(process)).map(|(id, _)| *id).collect()
    }
}
