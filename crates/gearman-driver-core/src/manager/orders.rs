//! Operators' orders: checked whole before anything is touched, answered exactly once.

use super::job::Job;
use super::{Effect, Manager, Phase};
use crate::limits::{Bound, Limits, LimitsError};
use crate::order::{JobSelection, Order, OrderError, OrderId};
use crate::process::ProcessId;
use crate::time::Time;

impl Manager {
    pub(super) fn order(&mut self, id: OrderId, order: Order, now: Time, out: &mut Vec<Effect>) {
        if order == Order::Shutdown {
            out.push(Effect::Reply { id, result: Ok(()) });
            self.drain("shutdown was ordered", now, out);
            return;
        }
        if order == Order::Reload {
            return self.reload(Some(id), "ordered", out);
        }
        let result = self.carry_out(order, now, out);
        out.push(Effect::Reply { id, result });
    }

    fn carry_out(&mut self, order: Order, now: Time, out: &mut Vec<Effect>) -> Result<(), OrderError> {
        match order {
            Order::SetMin { job, min } => {
                self.set_limits(&job, now, out, |limits| match Limits::new(min, limits.max()) {
                    Err(LimitsError::MinAboveMax { .. }) => Err(OrderError::MinAboveMax),
                    checked => checked.map_err(refusal),
                })
            }
            Order::SetMax { job, max } => {
                self.set_limits(&job, now, out, |limits| Limits::new(limits.min(), max).map_err(refusal))
            }
            Order::SetProcesses { job, min, max } => {
                self.set_limits(&job, now, out, |_| Limits::new(min, max).map_err(refusal))
            }
            Order::Stop { pids } => {
                let ours = self.ours(&pids)?;
                self.end_all(&ours, now, out, Job::stop_ordered);
                Ok(())
            }
            Order::KillNow { pids } => {
                let ours = self.ours(&pids)?;
                self.end_all(&ours, now, out, |job, process, now, out| {
                    job.kill(process, "an operator ordered it", now, out);
                });
                Ok(())
            }
            Order::Restart { job } => {
                let next = ProcessId(self.next_process);
                self.change(&job, now, out, |job| {
                    job.restart(next);
                    Ok(())
                })
            }
            Order::Pause { job } => self.change(&job, now, out, |job| {
                job.pause();
                Ok(())
            }),
            Order::Resume { job } => self.change(&job, now, out, |job| {
                job.resume();
                Ok(())
            }),
            Order::KillAll(selection) => {
                let processes = match selection {
                    JobSelection::All => self.processes_where(|_, _| true),
                    JobSelection::Named(names) => {
                        if names.is_empty() {
                            return Err(OrderError::NoJobNames);
                        }
                        if let Some(unknown) = names.iter().find(|name| !self.jobs.contains_key(*name)) {
                            return Err(OrderError::UnknownJob(unknown.clone()));
                        }
                        self.processes_where(|job, _| names.iter().any(|name| name == job))
                    }
                };
                self.end_all(&processes, now, out, Job::stop_ordered);
                Ok(())
            }
            Order::AddProcess { job } => self.change(&job, now, out, Job::want_one_more),
            Order::RemoveProcess { job } => self.change(&job, now, out, Job::want_one_less),
            Order::SetMaxIdleTime(time) => {
                self.settings.max_idle_time = time;
                Ok(())
            }
            // `order` has dealt with them: answered before they take effect, or later.
            Order::Shutdown | Order::Reload => Ok(()),
        }
    }

    fn set_limits(
        &mut self,
        name: &str,
        now: Time,
        out: &mut Vec<Effect>,
        limits: impl FnOnce(Limits) -> Result<Limits, OrderError>,
    ) -> Result<(), OrderError> {
        let job = self.declared_job(name)?;
        let limits = limits(job.limits())?;
        job.set_limits(limits);
        if self.phase == Phase::Running {
            self.balance(name, now, out);
        }
        Ok(())
    }

    /// Changes what a job should have; not while the driver ends, which starts nothing.
    fn change(
        &mut self,
        name: &str,
        now: Time,
        out: &mut Vec<Effect>,
        change: impl FnOnce(&mut Job) -> Result<(), OrderError>,
    ) -> Result<(), OrderError> {
        let ending = self.phase != Phase::Running;
        let job = self.declared_job(name)?;
        if ending {
            return Err(OrderError::ShuttingDown);
        }
        change(job)?;
        self.balance(name, now, out);
        Ok(())
    }

    fn declared_job(&mut self, name: &str) -> Result<&mut Job, OrderError> {
        let job = self.jobs.get_mut(name).filter(|job| !job.is_retired());
        job.ok_or_else(|| OrderError::UnknownJob(name.to_owned()))
    }

    fn processes_where(&self, wanted: impl Fn(&str, Option<u32>) -> bool) -> Vec<ProcessId> {
        self.jobs
            .iter()
            .flat_map(|(name, job)| job.workers().map(move |(process, worker)| (name, process, worker.pid())))
            .filter(|&(name, _, pid)| wanted(name, pid))
            .map(|(_, process, _)| process)
            .collect()
    }

    /// Those of these PIDs that are our processes'; refused where none is.
    fn ours(&self, pids: &[u32]) -> Result<Vec<ProcessId>, OrderError> {
        let ours = self.processes_where(|_, pid| pid.is_some_and(|pid| pids.contains(&pid)));
        if ours.is_empty() { Err(OrderError::NotOurs) } else { Ok(ours) }
    }

    /// Ends these processes in that way, and starts what is missing then.
    fn end_all(
        &mut self,
        processes: &[ProcessId],
        now: Time,
        out: &mut Vec<Effect>,
        end: impl Fn(&mut Job, ProcessId, Time, &mut Vec<Effect>),
    ) {
        for &process in processes {
            if let Some(job) = self.owner(process) {
                end(job, process, now, out);
            }
        }
        if self.phase == Phase::Running {
            self.balance_all(now, out);
        }
    }
}

/// What an operator is told of bounds that can't be.
fn refusal(error: LimitsError) -> OrderError {
    match error {
        LimitsError::MinAboveMax { .. } => OrderError::MaxBelowMin,
        LimitsError::TooLarge { bound: Bound::Min, .. } => OrderError::TooLarge(Bound::Min),
        LimitsError::TooLarge { bound: Bound::Max, .. } => OrderError::TooLarge(Bound::Max),
    }
}
