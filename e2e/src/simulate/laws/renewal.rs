//! What serves goes on serving while processes are replaced.

use gearman_driver_core::order::Order;
use gearman_driver_core::process::ProcessId;
use gearman_driver_core::time::Time;

use super::bounds::range;
use super::told::{Entry, Heard};
use super::{Broken, Case, Laws, law};

/// How many processes a job has.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Tally {
    pub(super) all: u32,
    /// They run, and nobody has asked them to go.
    pub(super) unasked: u32,
    /// They serve, or will.
    pub(super) counted: u32,
    /// Of those, the ones that run already.
    pub(super) running: u32,
    /// They take jobs.
    pub(super) serving: u32,
    /// Of those that count, the ones that are to be replaced.
    pub(super) outdated: u32,
    /// Of those, the ones of another generation than that in force.
    pub(super) old: u32,
}

/// How many processes may be there beyond max while some are replaced.
pub(super) fn quarter(max: u32) -> u32 {
    max.div_ceil(4)
}

impl Laws {
    /// Takes note of an order to restart that was accepted.
    pub(super) fn note_restart(&mut self, accepted: bool) {
        if let Heard::Order(_, Order::Restart { job }) = &self.event
            && let Some(job) = self.job(job).filter(|_| accepted)
        {
            self.jobs[job].restarted = Some(ProcessId(self.last_process));
        }
    }

    /// The processes of each job, with regard to this generation.
    pub(super) fn tally(&self, now: Time, generation: Option<u32>) -> Vec<Tally> {
        let mut tallies = vec![Tally::default(); self.jobs.len()];
        for (&process, entry) in &self.processes {
            let tally = &mut tallies[entry.job];
            tally.all += 1;
            if entry.is_asked_to_go() {
                continue;
            }
            let runs = u32::from(entry.pid.is_some());
            tally.unasked += runs;
            if !entry.counts() {
                continue;
            }
            // It is killed as soon as it is looked at.
            let overdue = self.event == Heard::Observed && entry.overdue_at().is_some_and(|due| due <= now);
            tally.counted += 1;
            tally.running += runs;
            let old = self.is_old(process, entry, generation);
            tally.old += u32::from(Some(entry.generation) != generation && !overdue);
            tally.outdated += u32::from(old || self.has_reached_a_limit(entry, now));
            tally.serving += u32::from(entry.serves() && !overdue);
        }
        tallies
    }

    /// Whether there may be a reason to replace a process: other code, an order to restart its job, a limit of its own.
    pub(super) fn is_to_be_replaced(&self, process: ProcessId, entry: &Entry, now: Time) -> bool {
        self.is_old(process, entry, self.generation) || self.has_reached_a_limit(entry, now)
    }

    pub(super) fn is_old(&self, process: ProcessId, entry: &Entry, generation: Option<u32>) -> bool {
        Some(entry.generation) != generation || Some(process) <= self.jobs[entry.job].restarted
    }

    fn has_reached_a_limit(&self, entry: &Entry, now: Time) -> bool {
        let lifespan = self.jobs[entry.job].lifespan;
        let least = lifespan.max_age.map(|most| most.mul_f64(1.0 - lifespan.jitter));
        entry.spent || (entry.pid.is_some() && least.is_some_and(|least| now.since(entry.started) >= least))
    }

    /// What the manager asks to go of its own accord leaves as many that serve as the job is to have, or as it had; and it
    /// replaces a few at once.
    pub(super) fn goes_on_serving(&self, case: &Case<'_>) -> Result<(), Broken> {
        let &Case { job, shown, before, had, has } = case;
        let (name, target) = (&job.name, shown.target);
        if shown.retired || self.shutdown.is_on() {
            return Ok(());
        }
        let max = before.map_or(0, |job| range(job).1).max(range(shown).1);
        let ahead = if has.outdated > 0 { quarter(max) } else { 0 };
        let wanted = target + ahead;
        let counted = has.running + job.started;
        law(job.started == 0 || counted <= wanted, || {
            format!("{name}: {counted} processes serve or are started, {wanted} are wanted, {ahead} of them ahead")
        })?;
        let ordered =
            matches!(&self.event, Heard::Order(_, Order::Stop { .. } | Order::KillNow { .. } | Order::KillAll(_)));
        // A process that nobody wanted any more when it was started may be asked now.
        if ordered || self.event == Heard::NowWithPid {
            return Ok(());
        }
        law(!job.stopped || has.counted >= target, || {
            format!("{name}: processes were asked to go, {} serve or will, {target} are wanted", has.counted)
        })?;
        law(job.fickle || has.serving >= had.serving.min(target), || {
            format!("{name}: {} processes served and {} do, {target} are wanted", had.serving, has.serving)
        })?;
        let trusted = !self.trial.is_on() || job.row.has_run_well();
        law(trusted || job.fickle || has.old >= had.old.min(target), || {
            format!(
                "{name}: no process of the new generation has run well; {} of the old ones are left, of {}; {target} are wanted",
                has.old, had.old
            )
        })
    }
}
