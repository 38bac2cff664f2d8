//! Operators: orders of every kind, sensible or not, and signals.

use std::time::Duration;

use gearman_driver_core::manager::{Event, Signal};
use gearman_driver_core::order::{JobSelection, Order, OrderId};

use super::code::job_name;
use super::laws::Broken;
use super::world::World;
use crate::Chance;

/// Any signal that ends the driver; TERM most of the time.
pub(super) fn any_signal(chance: &mut Chance) -> Signal {
    chance
        .pick(&[Signal::Term, Signal::Term, Signal::Term, Signal::Int, Signal::Quit, Signal::Abrt])
        .unwrap_or(Signal::Term)
}

impl World {
    /// Some order, from a console or a program.
    pub(super) fn orders(&mut self) -> Result<(), Broken> {
        let order = self.any_order();
        self.observe()?;
        self.order(order)
    }

    pub(super) fn order(&mut self, order: Order) -> Result<(), Broken> {
        self.orders += 1;
        self.account.orders += 1;
        self.tell(Event::Order { id: OrderId(self.orders), order })
    }

    fn any_order(&mut self) -> Order {
        let (min, max) = (self.any_bound(), self.any_bound());
        match self.chance.below(28) {
            0..=2 => Order::SetMin { job: self.any_job(), min },
            3..=5 => Order::SetMax { job: self.any_job(), max },
            6..=8 => Order::SetProcesses { job: self.any_job(), min, max },
            9..=10 => Order::Stop { pids: self.any_pids() },
            20 => Order::KillNow { pids: self.any_pids() },
            21..=23 => Order::Restart { job: self.any_job() },
            24 => Order::Reload,
            25 => Order::Pause { job: self.any_job() },
            26..=27 => Order::Resume { job: self.any_job() },
            11 => Order::KillAll(JobSelection::All),
            12..=13 => {
                let names = (0..self.chance.below(3)).map(|_| self.any_job()).collect();
                Order::KillAll(JobSelection::Named(names))
            }
            14..=16 => Order::AddProcess { job: self.any_job() },
            17..=18 => Order::RemoveProcess { job: self.any_job() },
            _ => Order::SetMaxIdleTime(Duration::from_secs(self.chance.within(0..=40))),
        }
    }

    fn any_pids(&mut self) -> Vec<u32> {
        let most = 100 + self.processes.len() as u32;
        (0..self.chance.below(4)).map(|_| self.chance.count(99..=most)).collect()
    }

    /// A job that there is, most of the time.
    fn any_job(&mut self) -> String {
        if self.chance.hits(20) {
            return "no such job".to_owned();
        }
        job_name(self.chance.below(self.nature.jobs as u64 + 1) as usize).to_owned()
    }

    fn any_bound(&mut self) -> u32 {
        match self.chance.below(100) {
            0 => self.chance.count(65_000..=70_000),
            1 => self.chance.count(10..=40),
            _ => self.chance.count(0..=7),
        }
    }
}
