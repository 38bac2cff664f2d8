//! How many processes a job has.

use std::time::Duration;

use gearman_driver_core::manager::Effect;
use gearman_driver_core::order::Order;
use gearman_driver_core::snapshot::{JobSnapshot, Snapshot};
use gearman_driver_core::time::Time;

use super::renewal::quarter;
use super::told::{Heard, JobEntry};
use super::{Broken, Case, Laws, law, shown};

/// The longest time for which what dies at once is held back.
const LONGEST_HOLD: Duration = Duration::from_secs(30);

/// Whether other worker code comes into force.
fn other_code(effects: &[Effect]) -> bool {
    effects.iter().any(|effect| matches!(effect, Effect::InForce { .. }))
}

/// How few and how many processes a job is to have.
pub(super) fn range(job: &JobSnapshot) -> (u32, u32) {
    if job.paused { (0, 0) } else { (job.limits.min(), job.limits.max()) }
}

impl Laws {
    /// Never above max; never below min without a reason that status shows.
    pub(super) fn bounds(
        &self,
        now: Time,
        snapshot: &Snapshot,
        case: &Case<'_>,
        effects: &[Effect],
    ) -> Result<(), Broken> {
        let &Case { job: JobEntry { name, started, failed, .. }, shown: job, before, has, .. } = case;
        let started = *started;
        let (min, max) = range(job);
        // What is renewed is replaced first. Where other worker code comes into force, the bounds change after the start.
        let before = before.filter(|_| other_code(effects)).map_or(0, |job| range(job).1);
        let most = max.max(before) + quarter(max.max(before));
        law(started == 0 || has.all <= most, || format!("{name}: {} processes after a start, max is {max}", has.all))?;
        law(has.unasked <= most || snapshot.shutting_down, || {
            format!("{name}: {} processes go on, max is {max}", has.unasked)
        })?;
        if snapshot.shutting_down || job.retired {
            return Ok(());
        }
        law((min..=max).contains(&job.target), || format!("{name}: target {} in bounds", job.target))?;
        if let Some(failing) = job.failing {
            let hold = failing.held_until.since(now);
            law(hold.is_zero() || started == 0, || format!("{name}: {started} are started and it is held back"))?;
            law(hold <= LONGEST_HOLD, || format!("{name}: held back for {hold:?}"))?;
            law(hold.is_zero() || failed.is_some_and(|(at, _)| now.since(at) <= LONGEST_HOLD), || {
                format!("{name}: failing, and no process has died")
            })?;
        }
        let host = self.hosts.values().any(|host| {
            let in_force = !host.stopped && Some(host.generation) == snapshot.generation;
            in_force && host.jobs.as_ref().is_some_and(|jobs| jobs.contains_key(name))
        });
        let held = job.failing.is_some_and(|failing| failing.held_until > now);
        law(has.counted >= min || !host || held || has.all >= max, || {
            let counted = has.counted;
            format!("{name}: {counted} processes serve, min is {min}, and nothing keeps more from starting")
        })
    }

    /// Bounds change by orders and by the worker code, and an operator's bounds stay.
    pub(super) fn limits(&self, case: &Case<'_>, effects: &[Effect]) -> Result<(), Broken> {
        let &Case { shown: job, before, .. } = case;
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
