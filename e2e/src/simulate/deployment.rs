//! New worker code: it comes onto the disk, and operators ask for it.

use std::time::Duration;

use gearman_driver_core::manager::{Event, Signal};
use gearman_driver_core::order::Order;

use super::happening::Happening;
use super::laws::Broken;
use super::world::World;

impl World {
    /// The worker code on disk is replaced.
    pub(super) fn deploys(&mut self) {
        self.again(self.nature.deployments_every, Happening::Deploys);
        if self.troubled {
            let next = self.codes[self.codes.len() - 1].next(&mut self.chance);
            self.note(|| format!("the worker code on disk changes: {next:?}"));
            self.codes.push(next);
            self.within(Duration::from_secs(3), Happening::Reloads);
        }
    }

    /// The operators want what is on disk; now and then they ask twice, in a row or while it loads.
    pub(super) fn reloads(&mut self) -> Result<(), Broken> {
        self.account.reloads += 1;
        self.observe()?;
        match self.chance.below(10) {
            0 => self.within(Duration::from_secs(4), Happening::Reloads),
            1 => {
                self.tell(Event::Signal(Signal::Hup))?;
                self.account.reloads += 1;
            }
            _ => {}
        }
        if self.chance.hits(500) { self.tell(Event::Signal(Signal::Hup)) } else { self.order(Order::Reload) }
    }

    /// The supervisor takes over the configuration of a generation.
    pub(super) fn in_force(&mut self, generation: u32) {
        let before = std::mem::replace(&mut self.generation, generation);
        self.account.taken_back += u64::from(generation < before);
        if generation > 1 {
            let max_idle_time = self.chance.hits(100).then(|| Duration::from_secs(self.chance.within(0..=40)));
            if self.trouble(200) {
                self.poison_limit = self.chance.count(0..=4);
            }
            let (shutdown_timeout, poison_limit) = (self.nature.shutdown_timeout, self.poison_limit);
            self.pending.push_back(Event::Configured { max_idle_time, shutdown_timeout, poison_limit });
        }
    }
}
