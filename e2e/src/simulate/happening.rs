//! What happens in a world, and who deals with it.

use std::time::Duration;

use gearman_driver_core::manager::Event;
use gearman_driver_core::process::{HostId, ProcessId};

use super::laws::Broken;
use super::process::Step;
use super::world::World;

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
    /// The supervisor looks which suspects have been answered.
    Answers,
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
    /// What a world begins with.
    pub(super) fn begin(&mut self) {
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

    pub(super) fn happens(&mut self, happening: Happening) -> Result<(), Broken> {
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
            Happening::Answers => return self.tell_answers(),
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
                return self.ticks();
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
}
