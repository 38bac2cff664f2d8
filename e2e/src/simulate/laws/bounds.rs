//! How many processes a job has.

use std::time::Duration;

use gearman_driver_core::manager::Effect;
use gearman_driver_core::order::Order;
use gearman_driver_core::snapshot::{JobSnapshot, Snapshot};
use gearman_driver_core::time::Time;

use super::{Broken, Heard, Laws, law, shown};

/// The longest time for which what dies at once is held back.
const LONGEST_HOLD: Duration = Duration::from_secs(30);

/// Whether other worker code comes into force.
pub(super) fn other_code(effects: &[Effect]) -> bool {
    effects.iter().any(|effect| matches!(effect, Effect::InForce { .. }))
}

impl Laws {
    /// Never above max; never below min without a reason that status shows.
    pub(super) fn bounds(
        &self,
        now: Time,
        snapshot: &Snapshot,
        job: &JobSnapshot,
        has_started: bool,
        other_code: bool,
    ) -> Result<(), Broken> {
        let name = &job.name;
        let count = |wanted: fn(&super::Entry) -> bool| {
            self.processes.values().filter(|entry| entry.job == *name && wanted(entry)).count()
        };
        let (min, max) = (job.limits.min() as usize, job.limits.max() as usize);
        // What is renewed is replaced first. Where other worker code comes into force, the bounds change after the start.
        let before = self.before.job(name).filter(|_| other_code).map_or(0, |job| job.limits.max() as usize);
        let most = max.max(before) + max.max(before).div_ceil(4);
        let all = count(|_| true);
        let unasked = count(|entry| entry.pid.is_some() && !entry.is_asked_to_go());
        law(!has_started || all <= most, || format!("{name}: {all} processes after a start, max is {max}"))?;
        law(unasked <= most || snapshot.shutting_down, || format!("{name}: {unasked} processes go on, max is {max}"))?;
        if snapshot.shutting_down || job.retired {
            return Ok(());
        }
        law(job.limits.clamp(job.target) == job.target, || format!("{name}: target {} in bounds", job.target))?;
        if let Some(failing) = job.failing {
            let hold = failing.held_until.since(now);
            law(hold <= LONGEST_HOLD, || format!("{name}: held back for {hold:?}"))?;
            law(hold.is_zero() || self.failed.get(name).is_some_and(|(at, _)| now.since(*at) <= LONGEST_HOLD), || {
                format!("{name}: failing, and no process has died")
            })?;
        }
        let counted = count(super::Entry::counts);
        let host = self.hosts.values().any(|host| {
            let in_force = !host.stopped && Some(host.generation) == snapshot.generation;
            in_force && host.jobs.as_ref().is_some_and(|jobs| jobs.contains_key(name))
        });
        let held = job.failing.is_some_and(|failing| failing.held_until > now);
        law(counted >= min || !host || held || all >= max, || {
            format!("{name}: {counted} processes serve, min is {min}, and nothing keeps more from starting")
        })
    }

    /// Bounds change by orders and by the worker code, and an operator's bounds stay.
    pub(super) fn limits(&self, job: &JobSnapshot, effects: &[Effect]) -> Result<(), Broken> {
        let before = self.before.job(&job.name);
        let (name, limits) = (&job.name, job.limits);
        if let Heard::Order(_, order) = &self.event
            && effects.iter().any(|effect| matches!(effect, Effect::Reply { result: Ok(()), .. }))
        {
            let wanted = match order {
                Order::SetMin { job, min } if job == name => Some((*min, before.map_or(0, |job| job.limits.max()))),
                Order::SetMax { job, max } if job == name => Some((before.map_or(0, |job| job.limits.min()), *max)),
                Order::SetProcesses { job, min, max } if job == name => Some((*min, *max)),
                _ => None,
            };
            if let Some(wanted) = wanted {
                return law(wanted == (limits.min(), limits.max()), || {
                    format!("{name}: bounds are as ordered, {wanted:?}: {}", shown(limits))
                });
            }
        }
        let Some(before) = before else { return Ok(()) };
        if before.limits == limits {
            return Ok(());
        }
        law(other_code(effects), || format!("{name}: bounds change by orders or worker code"))?;
        let kept = !before.limits_changed || before.retired || job.retired;
        law(kept, || format!("{name}: an operator's bounds {} stay: {}", shown(before.limits), shown(limits)))
    }
}
