//! What serves goes on serving while processes are replaced.

use std::collections::BTreeMap;

use gearman_driver_core::order::Order;
use gearman_driver_core::process::ActivityState;
use gearman_driver_core::snapshot::Snapshot;
use gearman_driver_core::time::Time;

use super::{Broken, Heard, Laws, law};

impl Laws {
    /// How many processes of each job take jobs.
    pub(super) fn serving(&self, now: Time) -> BTreeMap<String, u32> {
        let mut serving = BTreeMap::new();
        for entry in self.processes.values() {
            let registered = matches!(entry.says, Some(ActivityState::Idle | ActivityState::Busy));
            if entry.pid.is_some() && registered && !entry.is_asked_to_go() && !entry.is_overdue(now) {
                *serving.entry(entry.job.clone()).or_default() += 1;
            }
        }
        serving
    }

    /// What the manager asks to go of its own accord leaves as many that serve as the job is to have, or as it had.
    pub(super) fn goes_on_serving(
        &self,
        now: Time,
        snapshot: &Snapshot,
        before: &BTreeMap<String, u32>,
    ) -> Result<(), Broken> {
        let ordered = matches!(
            &self.event,
            Heard::Order(_, Order::Stop { .. } | Order::KillNow { .. } | Order::KillAll(_)) | Heard::NowWithPid
        );
        if ordered || snapshot.shutting_down {
            return Ok(());
        }
        let after = self.serving(now);
        for job in snapshot.jobs.iter().filter(|job| !job.retired && !self.fickle.contains(&job.name)) {
            let count = |serving: &BTreeMap<String, u32>| serving.get(&job.name).copied().unwrap_or_default();
            let (had, has) = (count(before), count(&after));
            law(has >= had.min(job.target), || {
                format!("{}: {had} processes served and {has} do, {} are wanted", job.name, job.target)
            })?;
        }
        Ok(())
    }
}
