//! The ages of a world: trouble, then calm, then the end.

use std::time::Duration;

use gearman_driver_core::manager::{Event, Signal};
use gearman_driver_core::order::Order;

use super::happening::Happening;
use super::laws::Broken;
use super::nature::Nature;
use super::operator;
use super::world::World;

/// How long nothing may happen in a world that has settled.
const QUIET: Duration = Duration::from_secs(70);

impl World {
    /// The end of all trouble: what is stuck comes loose, and what waits is soon done.
    pub(super) fn calms(&mut self) {
        if self.laws.is_ending() {
            return;
        }
        self.note(|| "trouble ends".to_owned());
        self.troubled = false;
        self.nature.calm();
        self.epidemics.fill(false);
        self.calm_jobs();
        self.calm_servers();
        self.calm_processes();
        self.calm_hosts();
        let wait = self.laws.time_to_settle() + 4 * self.nature.interval + self.time_to_stop_poison();
        self.after(wait, Happening::Settles);
    }

    pub(super) fn settles(&mut self) -> Result<(), Broken> {
        if self.laws.is_ending() {
            return Ok(());
        }
        self.note(|| "everything must have settled".to_owned());
        self.laws.settled(self.now, &self.manager)?;
        self.all_is_served()?;
        self.after(QUIET, Happening::Ends);
        Ok(())
    }

    /// A shutdown, of any kind.
    pub(super) fn ends(&mut self) -> Result<(), Broken> {
        self.laws.quiet_is_over();
        self.note(|| "the driver is told to end".to_owned());
        if self.nature.rough_end {
            self.troubled = true;
            let (shutdown_timeout, poison) = (self.nature.shutdown_timeout, self.nature.poison);
            self.nature = Nature { shutdown_timeout, poison, ..Nature::of(&mut self.chance) };
            self.laws.clock_is_late_by(self.nature.late);
            self.trouble_processes();
        }
        self.observe()?;
        if self.chance.hits(400) {
            self.order(Order::Shutdown)?;
        } else {
            let signal = operator::any_signal(&mut self.chance);
            self.tell(Event::Signal(signal))?;
        }
        if self.chance.hits(300) {
            self.within(Duration::from_secs(20), Happening::Signals);
        }
        Ok(())
    }

    pub(super) fn signals(&mut self) -> Result<(), Broken> {
        let signal = operator::any_signal(&mut self.chance);
        self.observe()?;
        self.tell(Event::Signal(signal))
    }

    pub(super) fn orders_after_the_end(&mut self) -> Result<(), Broken> {
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
