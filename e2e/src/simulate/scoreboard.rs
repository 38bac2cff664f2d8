//! The scoreboard, as the supervisor reads it.

use std::time::Duration;

use gearman_driver_core::manager::Event;
use gearman_driver_core::process::{ActivityState, ProcessId};
use gearman_driver_core::time::Time;

use super::happening::Happening;
use super::laws::Broken;
use super::process::{Process, Stage};
use super::world::World;

impl World {
    /// The supervisor reads the scoreboard.
    pub(super) fn observe(&mut self) -> Result<(), Broken> {
        let mut seen = Vec::with_capacity(self.processes.len());
        for (id, process) in &self.processes {
            let Some(slot) = &process.slot else { continue };
            let mut slot = slot.clone();
            if process.mad && self.troubled {
                let states =
                    [ActivityState::Starting, ActivityState::Idle, ActivityState::Busy, ActivityState::Draining];
                slot.state = self.chance.pick(&states).unwrap_or(ActivityState::Idle);
                slot.jobs_done = self.chance.below(5);
                slot.since = Time::after_start(Duration::from_millis(self.chance.below(2_000_000)));
            }
            seen.push((*id, slot));
        }
        if seen.is_empty() {
            return Ok(());
        }
        if self.trouble(self.nature.stale) {
            self.within(Duration::from_secs(3), Happening::ObservedLate(Event::Observed { processes: seen.clone() }));
        }
        self.tell(Event::Observed { processes: seen })
    }

    /// The supervisor's clock strikes.
    pub(super) fn ticks(&mut self) -> Result<(), Broken> {
        self.observe()?;
        self.tell(Event::Tick)
    }

    /// The supervisor learns of an end; of one whose start it has not heard of, with the host's end.
    pub(super) fn exited(&mut self, id: ProcessId) -> Result<(), Broken> {
        if self.processes.get(&id).is_none_or(|process| process.pid.is_none()) {
            return Ok(());
        }
        let Some(Process { stage: Stage::Dead(status), slot: final_activity, .. }) = self.processes.remove(&id) else {
            return Ok(());
        };
        self.tell_answers()?;
        self.tell(Event::Exited { process: id, status, final_activity })
    }
}
