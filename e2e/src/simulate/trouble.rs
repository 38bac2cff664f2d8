//! Trouble with processes: it strikes while the world is troubled, and is over when that ends.

use std::time::Duration;

use gearman_driver_core::process::ProcessId;

use super::happening::Happening;
use super::process::{Stage, Step};
use super::world::World;

impl World {
    /// Whether trouble of that rate strikes now.
    pub(super) fn trouble(&mut self, per_mille: u32) -> bool {
        self.troubled && self.chance.hits(per_mille)
    }

    /// The trouble that a process will have.
    pub(super) fn troubles(&mut self, id: ProcessId, job: usize) {
        let life = self.nature.life;
        let code = self.processes.get(&id).map_or(0, |process| process.code);
        if self.epidemics[job] || (self.troubled && self.codes[code].dies(job)) {
            let status = self.any_status();
            self.within(Duration::from_millis(1500), Happening::Does(id, Step::Crashes(status)));
        }
        if self.trouble(self.nature.crashes) {
            let status = self.any_status();
            self.within(life, Happening::Does(id, Step::Crashes(status)));
        }
        if self.trouble(self.nature.freezes) {
            self.within(life, Happening::Does(id, Step::Freezes));
        }
        if self.trouble(self.nature.own_drains) {
            self.within(life, Happening::Does(id, Step::Drains));
        }
    }

    /// What lives gets its share of new trouble.
    pub(super) fn trouble_processes(&mut self) {
        let all: Vec<_> = self.processes.iter().map(|(id, process)| (*id, process.job)).collect();
        for (id, job) in all {
            self.troubles(id, job);
        }
    }

    /// A frozen process goes on where it stopped.
    pub(super) fn thaws(&mut self, id: ProcessId) {
        let Some(process) = self.processes.get_mut(&id).filter(|process| process.frozen) else { return };
        process.frozen = false;
        if let Stage::Busy(held) = process.stage {
            self.within(self.nature.service, Happening::Does(id, Step::Finishes(held)));
        }
        self.goes_on(id);
    }

    /// All processes of some job die at once from now on, or no longer.
    pub(super) fn epidemic(&mut self) {
        let job = self.chance.below(self.nature.jobs as u64) as usize;
        if self.troubled {
            self.epidemics[job] ^= true;
            let how = if self.epidemics[job] { "begin" } else { "cease" };
            self.note(|| format!("processes of {} {how} to die at once", super::code::job_name(job)));
        }
        self.again(self.nature.epidemics_every, Happening::Epidemic);
    }

    /// What is frozen comes loose, and what is long gets short.
    pub(super) fn calm_processes(&mut self) {
        let all: Vec<ProcessId> = self.processes.keys().copied().collect();
        for id in all {
            self.thaws(id);
            if let Some(Stage::Busy(held)) = self.processes.get(&id).map(|process| process.stage.clone()) {
                self.within(self.nature.service, Happening::Does(id, Step::Finishes(held)));
            }
        }
    }
}
