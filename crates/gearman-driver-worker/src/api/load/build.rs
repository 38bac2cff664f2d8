//! From one worker type, or one declared job, to a built worker and its jobs.

use gearman_driver_wire::job_limits::JobLimits;

use super::error::ADDED;
use super::{LoadError, LoadedFunction, LoadedJob, Runtime};
use crate::api::attributes::{Bounds, MAX_PROCESSES};
use crate::api::call::guard;
use crate::api::process::{AsyncBody, Body};
use crate::api::registry::{JobMethod, Run, WorkerType};
use crate::api::{AddedJob, Worker, WorkerOptions};

/// A worker and its jobs.
pub(crate) struct BuiltWorker {
    pub(crate) worker: Box<dyn Worker>,
    pub(crate) jobs: Vec<BuiltJob>,
}

/// A job and how its functions run, one body for each.
pub(crate) struct BuiltJob {
    pub(crate) job: LoadedJob,
    pub(crate) bodies: Vec<Body>,
}

/// Builds a worker once and works out its jobs.
pub(crate) fn build_worker(
    worker_type: &WorkerType,
    options: &WorkerOptions,
    runtime: &mut Runtime<'_>,
) -> Result<BuiltWorker, LoadError> {
    let path = worker_type.path;
    let worker = guard(|| (worker_type.build)(options))
        .map_err(|caught| LoadError::New { worker: path.to_owned(), message: caught.message })?;
    let prefix = ask(path, "prefix", || worker.prefix())?;
    let defaults = ask(path, "default_attributes", || worker.default_attributes())?;
    let overrides = ask(path, "override_attributes", || worker.override_attributes())?;

    // In all processes of the worker, since `process_start` runs in each, and may make what belongs to a runtime.
    let is_async = worker_type.methods.iter().any(|method| matches!(method.run, Run::Async(_)));

    let mut jobs = Vec::new();
    for group in groups(worker_type.methods) {
        let name = format!("{prefix}{}", group.name);
        let said = runtime.said(Some(format!("{path}::{}", group.name)), &name);
        let operator = Bounds::from(&said);
        let (min_processes, max_processes) =
            operator.over(overrides.into()).over(group.bounds(path)?).over(defaults.into()).resolve().map_err(
                |reason| LoadError::Bounds {
                    worker: path.to_owned(),
                    job: group.described(),
                    reason: operator.blame(reason),
                },
            )?;
        let limits = said.limits.over(overrides.limits).over(group.limits(path)?).over(defaults.limits);
        limits.check().map_err(|reason| LoadError::Bounds {
            worker: path.to_owned(),
            job: group.described(),
            reason,
        })?;
        let concurrency = group.once(path, "concurrency", |method| method.concurrency)?;
        let concurrency = is_async.then_some(concurrency.unwrap_or(1).max(1));
        let functions = group
            .methods
            .iter()
            .map(|method| LoadedFunction { name: format!("{prefix}{}", method.name), exceptions: method.exceptions })
            .collect();
        jobs.push(BuiltJob {
            job: LoadedJob {
                name,
                min_processes,
                max_processes,
                limits,
                safety: said.safety,
                concurrency,
                functions,
                worker: path.to_owned(),
            },
            bodies: group
                .methods
                .iter()
                .map(|method| match method.run {
                    Run::Sync(run) => Body::Written(run),
                    Run::Async(run) => Body::Async(AsyncBody::Written(run)),
                })
                .collect(),
        });
    }
    Ok(BuiltWorker { worker, jobs })
}

/// Checks a job that the program added.
pub(super) fn build_added(
    added: AddedJob,
    runtime: &mut Runtime<'_>,
) -> Result<(Box<dyn Worker>, BuiltJob), LoadError> {
    let worker = format!("{ADDED}{}", added.name);
    if added.functions.is_empty() {
        return Err(LoadError::NoMethod { job: worker });
    }
    if let Some(concurrency) = added.concurrency.filter(|concurrency| !(1..=MAX_PROCESSES).contains(concurrency)) {
        let reason = format!("concurrency is {concurrency}; a number from 1 to {MAX_PROCESSES} is expected");
        return Err(LoadError::Added { job: worker, reason });
    }
    let said = runtime.said(None, &added.name);
    let operator = Bounds::from(&said);
    let (min_processes, max_processes) = operator
        .over(Bounds { min: Some(added.min_processes), max: Some(added.max_processes) })
        .resolve()
        .map_err(|reason| LoadError::Added { job: worker.clone(), reason: operator.blame(reason) })?;
    let (functions, bodies) =
        added.functions.into_iter().map(|(name, body)| (LoadedFunction { name, exceptions: false }, body)).unzip();
    let defaults = ask(&worker, "default_attributes", || added.worker.default_attributes())?;
    let overrides = ask(&worker, "override_attributes", || added.worker.override_attributes())?;
    let limits = said.limits.over(overrides.limits).over(defaults.limits);
    limits.check().map_err(|reason| LoadError::Added { job: worker.clone(), reason })?;
    let AddedJob { name, concurrency, worker: built, .. } = added;
    let safety = said.safety;
    let job = LoadedJob { name, min_processes, max_processes, limits, safety, concurrency, functions, worker };
    Ok((built, BuiltJob { job, bodies }))
}

fn ask<T>(path: &str, hook: &'static str, answer: impl FnOnce() -> T) -> Result<T, LoadError> {
    guard(|| Ok(answer())).map_err(|caught| LoadError::Hook { worker: path.to_owned(), hook, message: caught.message })
}

/// The methods of one job.
struct Group {
    name: &'static str,
    is_process_group: bool,
    methods: Vec<&'static JobMethod>,
}

/// One group for each process group, and one for each method without; in the order of their first methods.
fn groups(methods: &'static [JobMethod]) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for method in methods {
        let Some(name) = method.process_group else {
            groups.push(Group { name: method.name, is_process_group: false, methods: vec![method] });
            continue;
        };
        match groups.iter_mut().find(|group| group.is_process_group && group.name == name) {
            Some(group) => group.methods.push(method),
            None => groups.push(Group { name, is_process_group: true, methods: vec![method] }),
        }
    }
    groups
}

impl Group {
    /// What the `#[job]`s of the group say, each bound at most once.
    fn bounds(&self, path: &str) -> Result<Bounds, LoadError> {
        Ok(Bounds {
            min: self.once(path, "min_processes", |method| method.min_processes)?,
            max: self.once(path, "max_processes", |method| method.max_processes)?,
        })
    }

    /// The limits that they say, each at most once.
    fn limits(&self, path: &str) -> Result<JobLimits, LoadError> {
        Ok(JobLimits {
            max_idle_time: self.once(path, "max_idle_time", |method| method.limits.max_idle_time)?,
            timeout: self.once(path, "timeout", |method| method.limits.timeout)?,
            max_jobs: self.once(path, "max_jobs", |method| method.limits.max_jobs)?,
            max_age: self.once(path, "max_age", |method| method.limits.max_age)?,
            max_memory: self.once(path, "max_memory", |method| method.limits.max_memory)?,
            jitter: self.once(path, "jitter", |method| method.limits.jitter)?,
            drain_timeout: self.once(path, "drain_timeout", |method| method.limits.drain_timeout)?,
        })
    }

    /// What one of the methods says for all; at most one may.
    fn once<T>(
        &self,
        path: &str,
        bound: &'static str,
        of: impl Fn(&JobMethod) -> Option<T>,
    ) -> Result<Option<T>, LoadError> {
        let mut setters = self.methods.iter().filter(|method| of(method).is_some());
        let first = setters.next();
        if let (Some(first), Some(second)) = (first, setters.next()) {
            return Err(LoadError::BoundTwice {
                worker: path.to_owned(),
                group: self.name.to_owned(),
                bound,
                first: first.method,
                second: second.method,
            });
        }
        Ok(first.and_then(|method| of(method)))
    }

    fn described(&self) -> String {
        if self.is_process_group {
            format!("process group {}", self.name)
        } else {
            format!("method {}", self.methods[0].method)
        }
    }
}
