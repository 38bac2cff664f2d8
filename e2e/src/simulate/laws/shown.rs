//! What console and dashboard are shown.

use gearman_driver_core::level::Level;
use gearman_driver_core::manager::Effect;
use gearman_driver_core::process::ActivityState;
use gearman_driver_core::snapshot::Snapshot;

use super::{Broken, Laws, law};

impl Laws {
    /// The snapshot shows exactly the processes that there are.
    pub(super) fn judge_snapshot(&self, snapshot: &Snapshot) -> Result<(), Broken> {
        law(snapshot.shutting_down == self.shutdown.is_on(), || "the snapshot says whether it ends".to_owned())?;
        law(snapshot.generation == self.generation, || {
            format!("the generation is shown as {:?}", snapshot.generation)
        })?;
        let mut known = 0;
        for job in &snapshot.jobs {
            let number = self.job(&job.name);
            let ours = || self.processes.values().filter(|entry| Some(entry.job) == number);
            let spawning = ours().filter(|entry| entry.pid.is_none()).count();
            law(job.spawning as usize == spawning, || format!("{}: spawning is shown as {}", job.name, job.spawning))?;
            // Both stand in the order in which they were asked for.
            let running = ours().filter(|entry| entry.pid.is_some());
            known += spawning + job.processes.len();
            let count = running.clone().count();
            law(count == job.processes.len(), || format!("{}: {count} run, {:?}", job.name, job.processes))?;
            for (entry, process) in running.zip(&job.processes) {
                law(entry.pid == Some(process.pid), || format!("{} is one of ours", process.pid))?;
                law((entry.host, entry.generation) == (process.host, process.generation), || {
                    format!("{} is of {} and generation {}", process.pid, entry.host, entry.generation)
                })?;
                law(!entry.is_asked_to_go() || process.state == ActivityState::Draining, || {
                    format!("{} was asked to go, and is shown so", process.pid)
                })?;
            }
        }
        law(known == self.processes.len(), || format!("{known} of {} processes are shown", self.processes.len()))
    }

    /// What may happen in a world that has settled.
    pub(super) fn is_quiet(&self, effect: &Effect) -> bool {
        match effect {
            // Suspects are forgotten in their time.
            Effect::UnknownJob { .. } | Effect::Suspects(_) => true,
            Effect::Log(line) => line.level <= Level::Info,
            Effect::Spawn { job, .. } => self.job(job).is_some_and(|job| self.renews_itself(job)),
            Effect::Stop { process } => self.processes.get(process).is_some_and(|entry| self.renews_itself(entry.job)),
            _ => false,
        }
    }
}
