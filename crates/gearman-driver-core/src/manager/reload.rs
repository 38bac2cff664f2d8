//! Reload: a new generation of worker code comes in without a job lost, or goes out again.
//!
//! A host of its own loads the new code while everything goes on. When it has loaded, new processes come from it, and
//! those of older generations are replaced step by step (`job/renewal.rs`). Until that has gone well the old host stays:
//! where the processes of the new generation die at once, the reload is taken back.

use std::collections::BTreeSet;

use super::host::State;
use super::{Effect, Manager, Phase, log};
use crate::job::JobDeclaration;
use crate::level::Level;
use crate::manager::job::Job;
use crate::order::{OrderError, OrderId};
use crate::process::{HostId, ProcessId};
use crate::time::Time;

/// So many first processes of a new generation that die at once, one after the other, take it back.
const DEATHS_ON_TRIAL: u32 = 3;

/// What is under way.
#[derive(Debug, Default)]
pub(super) struct Reload {
    loading: Option<Loading>,
    /// Asked for while another was loading: what is on disk may have changed since that one looked.
    queued: Option<Vec<OrderId>>,
    trial: Option<Trial>,
}

/// A new generation that has not loaded yet.
#[derive(Debug)]
struct Loading {
    host: HostId,
    generation: u32,
    /// Who waits for the outcome.
    askers: Vec<OrderId>,
}

/// The generation in force has to show that its processes live.
#[derive(Debug)]
struct Trial {
    /// What comes back otherwise: the last generation that has shown it.
    proven: u32,
    /// The jobs of that one.
    declarations: Vec<JobDeclaration>,
    /// Jobs whose processes died at once before the reload, too: they say nothing against it.
    failing_before: BTreeSet<String>,
}

impl Reload {
    pub(super) fn is_loading(&self, host: HostId) -> bool {
        self.loading.as_ref().is_some_and(|loading| loading.host == host)
    }

    /// The generation whose processes are on trial may have to give way to this one.
    pub(super) fn may_return_to(&self) -> Option<u32> {
        self.trial.as_ref().map(|trial| trial.proven)
    }

    /// The generation that is being loaded.
    pub(super) fn loading_generation(&self) -> Option<u32> {
        self.loading.as_ref().map(|loading| loading.generation)
    }
}

impl Manager {
    /// A reload is asked for, by somebody who waits for the outcome or by a signal.
    pub(super) fn reload(&mut self, asker: Option<OrderId>, why: &str, out: &mut Vec<Effect>) {
        if self.phase != Phase::Running {
            return out.extend(asker.map(|id| Effect::Reply { id, result: Err(OrderError::ShuttingDown) }));
        }
        if self.hosts.generation.is_none() {
            let error = OrderError::ReloadFailed("the worker code is being loaded for the first time".to_owned());
            return out.extend(asker.map(|id| Effect::Reply { id, result: Err(error) }));
        }
        if self.reload.loading.is_some() {
            self.reload.queued.get_or_insert_default().extend(asker);
            return;
        }
        self.start_loading(asker.into_iter().collect(), why, out);
    }

    fn start_loading(&mut self, askers: Vec<OrderId>, why: &str, out: &mut Vec<Effect>) {
        let (host, generation) = self.hosts.of_a_new_generation();
        out.push(log(Level::Info, format!("Reload ({why}): generation {generation} is being loaded")));
        out.push(Effect::StartHost { host, generation });
        self.reload.loading = Some(Loading { host, generation, askers });
    }

    /// The new worker code has loaded: it is in force, on trial.
    pub(super) fn reloaded(
        &mut self,
        host: HostId,
        declarations: Vec<JobDeclaration>,
        now: Time,
        out: &mut Vec<Effect>,
    ) {
        let Some(loading) = self.reload.loading.take() else { return };
        let before = self.hosts.generation;
        let failing_before =
            self.jobs.iter().filter(|(_, job)| job.failing(now).is_some()).map(|(name, _)| name.clone());
        let trial = Trial {
            proven: before.unwrap_or(loading.generation),
            declarations: self.hosts.declarations.clone(),
            failing_before: failing_before.collect(),
        };
        // A generation that has itself not shown yet that its processes live is nothing to come back to.
        self.reload.trial.get_or_insert(trial);
        self.hosts.put_in_force(host, loading.generation, now, out);
        self.forget_suspects(out);
        let names = |jobs: &[JobDeclaration]| jobs.iter().map(|job| job.name.clone()).collect::<BTreeSet<_>>();
        let (old, new) = (names(&self.hosts.declarations), names(&declarations));
        out.push(log(
            Level::Info,
            format!(
                "Reload: generation {} is loaded: {} job(s){}{}; the processes of generation {} are replaced step by step",
                loading.generation,
                new.len(),
                listed("new", new.difference(&old)),
                listed("gone", old.difference(&new)),
                before.unwrap_or_default(),
            ),
        ));
        self.begin_generation(loading.generation, declarations, now, out);
        out.extend(loading.askers.into_iter().map(|id| Effect::Reply { id, result: Ok(()) }));
        self.start_queued(out);
    }

    /// The new worker code can't be loaded: everything is as it was.
    pub(super) fn reload_failed(&mut self, error: &str, out: &mut Vec<Effect>) {
        let Some(loading) = self.reload.loading.take() else { return };
        let in_force = self.hosts.generation.unwrap_or_default();
        let ending = self.phase != Phase::Running;
        if !ending {
            let message = format!("Reload failed: {error}; the driver goes on with generation {in_force}");
            out.push(log(Level::Error, message));
        }
        let refusal = if ending { OrderError::ShuttingDown } else { OrderError::ReloadFailed(error.to_owned()) };
        out.extend(loading.askers.into_iter().map(|id| Effect::Reply { id, result: Err(refusal.clone()) }));
        self.start_queued(out);
    }

    fn start_queued(&mut self, out: &mut Vec<Effect>) {
        let Some(askers) = self.reload.queued.take() else { return };
        if self.phase == Phase::Running {
            self.start_loading(askers, "asked for during another one", out);
        } else {
            out.extend(askers.into_iter().map(|id| Effect::Reply { id, result: Err(OrderError::ShuttingDown) }));
        }
    }

    /// No reload goes on while the driver ends.
    pub(super) fn end_reload(&mut self, out: &mut Vec<Effect>) {
        self.reload.trial = None;
        if let Some(Loading { host, askers, .. }) = self.reload.loading.take() {
            self.hosts.dismiss(host, out);
            let refused = |id| Effect::Reply { id, result: Err(OrderError::ShuttingDown) };
            out.extend(askers.into_iter().map(refused));
        }
        self.start_queued(out);
    }

    /// The jobs are those of this generation from now on.
    pub(super) fn begin_generation(
        &mut self,
        generation: u32,
        declarations: Vec<JobDeclaration>,
        now: Time,
        out: &mut Vec<Effect>,
    ) {
        out.push(Effect::InForce { generation });
        self.hosts.declarations.clone_from(&declarations);
        self.declare(declarations, out);
        let first = ProcessId(self.next_process);
        let on_trial = self.reload.trial.is_some();
        for job in self.jobs.values_mut() {
            job.begin_generation(generation, first);
            if !on_trial {
                job.trust_generation();
            }
        }
        self.balance_all(now, out);
        self.drop_retired();
    }

    fn declare(&mut self, declarations: Vec<JobDeclaration>, out: &mut Vec<Effect>) {
        let declared: BTreeSet<String> = declarations.iter().map(|declaration| declaration.name.clone()).collect();
        for declaration in declarations {
            let name = declaration.name.clone();
            if let Some(job) = self.jobs.get_mut(&name) {
                job.declare_again(declaration);
            } else {
                let job = Job::new(declaration);
                let message = format!("Added new job: {name} (processes: {})", job.limits().min());
                out.push(log(Level::Debug, message));
                self.jobs.insert(name, job);
            }
        }
        for (name, job) in &mut self.jobs {
            if !declared.contains(name) && !job.is_retired() {
                let message = format!("The worker code no longer has the job {name}: its processes are stopped");
                out.push(log(Level::Warn, message));
                job.retire();
            }
        }
    }

    /// Ends the trial of a new generation: it has shown that its processes live, or that they don't.
    pub(super) fn judge_generation(&mut self, now: Time, out: &mut Vec<Effect>) {
        if self.phase != Phase::Running {
            return;
        }
        let Some(trial) = &self.reload.trial else { return };
        let mut judged = self.jobs.iter().filter(|(name, _)| !trial.failing_before.contains(*name));
        let dead = judged.clone().find(|(_, job)| !job.is_proven() && job.deaths_in_a_row() >= DEATHS_ON_TRIAL);
        if let Some((name, job)) = dead {
            let (failure, times) = (job.last_failure(), job.deaths_in_a_row());
            let why = format!("processes of type {name} {failure}, {times} times in a row");
            return self.take_back(&why, now, out);
        }
        if self.hosts.state.is_ready() && judged.all(|(_, job)| job.has_settled()) {
            self.reload.trial = None;
            let generation = self.hosts.generation.unwrap_or_default();
            out.push(log(Level::Info, format!("Reload: generation {generation} has taken over")));
        }
    }

    /// The host of a new generation dies, again and again.
    pub(super) fn host_failed_on_trial(&mut self, failures: u32, now: Time, out: &mut Vec<Effect>) -> bool {
        if self.reload.trial.is_none() || failures < DEATHS_ON_TRIAL {
            return false;
        }
        self.take_back(&format!("its host ends again and again, {failures} times in a row"), now, out);
        true
    }

    fn take_back(&mut self, why: &str, now: Time, out: &mut Vec<Effect>) {
        let Some(Trial { proven, declarations, .. }) = self.reload.trial.take() else { return };
        let generation = self.hosts.generation.unwrap_or_default();
        let message = format!(
            "Reload: generation {generation} is taken back, {why}: the driver goes on with generation {proven}"
        );
        out.push(log(Level::Error, message));
        self.hosts.return_to(proven, now, out);
        self.forget_suspects(out);
        self.begin_generation(proven, declarations, now, out);
    }

    /// Hosts of other generations end when their last process has.
    pub(super) fn release_hosts(&mut self, out: &mut Vec<Effect>) {
        if self.phase != Phase::Running {
            return;
        }
        let idle: Vec<HostId> = self
            .hosts
            .others()
            .filter(|(_, generation)| Some(*generation) != self.reload.may_return_to())
            .map(|(host, _)| host)
            .filter(|host| !self.jobs.values().flat_map(Job::workers).any(|(_, worker)| worker.host == *host))
            .collect();
        for host in idle {
            self.hosts.dismiss(host, out);
        }
    }
}

impl State {
    fn is_ready(self) -> bool {
        matches!(self, State::Ready { .. })
    }
}

/// `, 2 new (a, b)`, or nothing.
fn listed<'a>(what: &str, names: impl Iterator<Item = &'a String>) -> String {
    const SHOWN: usize = 5;
    let names: Vec<&str> = names.map(String::as_str).collect();
    if names.is_empty() {
        return String::new();
    }
    let more = if names.len() > SHOWN { ", .." } else { "" };
    format!(", {} {what} ({}{more})", names.len(), names[..names.len().min(SHOWN)].join(", "))
}
