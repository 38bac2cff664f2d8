//! Finds the workers that are asked for, builds each once, and works out the jobs that they make.
//!
//! Runs in the host, before any fork. Everything that can be wrong with the workers of a program is found here, before
//! a function is registered with a job server.

mod build;
mod error;
mod select;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::rc::Rc;

use serde_json::{Map, Value};

use gearman_driver_wire::host::RuntimeBounds;
use gearman_driver_wire::job_limits::JobLimits;
use gearman_driver_wire::safety::JobSafety;

use super::attributes::Bounds;
use super::process::{Body, ProcessWorker};
use super::registry::{WorkerType, worker_types};
use super::shared::SharedLayers;
use super::{AddedJob, Worker, WorkerOptions};

pub(crate) use build::{BuiltJob, build_worker};
pub use error::LoadError;

/// The key of `worker_options` that holds for all workers.
const GLOBAL: &str = "GLOBAL";

/// What to load.
pub struct LoadRequest<'a> {
    /// Module paths: the worker types whose path is one of them or lies below one are taken.
    pub namespaces: &'a [String],
    /// Says of a type path whether it is wanted; one that is refused is not built.
    pub wanted: Option<&'a dyn Fn(&str) -> bool>,
    /// The driver's job servers, `host:port,host:port`.
    pub server: &'a str,
    /// Options by type path, and under `GLOBAL`.
    pub worker_options: &'a BTreeMap<String, Map<String, Value>>,
    /// Bounds, limits and rights that the operator sets, by type path + `::` + method or process group, or by the job's name in the
    /// console, which wins where both are there.
    pub job_runtime_attributes: &'a BTreeMap<String, RuntimeBounds>,
    /// Jobs declared without macros.
    pub added: Vec<AddedJob>,
    /// Whether it is fine that there is no job at all: a driver may be there for its `unknown_job_callback` alone.
    pub may_be_empty: bool,
}

/// One job: what the driver keeps processes for.
#[derive(Debug, Clone, PartialEq)]
pub struct LoadedJob {
    /// Its name in console and status: prefix + method, or prefix + process group.
    pub name: String,
    /// Never fewer processes than this.
    pub min_processes: u32,
    /// Never more processes than this.
    pub max_processes: u32,
    /// Its limits.
    pub limits: JobLimits,
    /// What its processes may not do, or do as another user.
    pub safety: JobSafety,
    /// How many jobs a process runs at once, on a runtime, where a method of its worker is asynchronous; `None`: one after
    /// the other, without a runtime.
    pub concurrency: Option<u32>,
    /// What its processes register with the job servers.
    pub functions: Vec<LoadedFunction>,
    /// Path of the worker type, or that the program added the job: for messages.
    pub worker: String,
}

/// One function of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadedFunction {
    /// The name registered with the job servers.
    pub name: String,
    /// Its failures go out as WORK_EXCEPTION.
    pub exceptions: bool,
}

/// Workers, built, and the jobs that they make.
pub struct Loaded {
    workers: Vec<Box<dyn Worker>>,
    jobs: Vec<LoadedJob>,
    /// One for each of `jobs`.
    plans: Vec<Plan>,
    types: Vec<&'static str>,
    warnings: Vec<String>,
}

/// How a job runs.
struct Plan {
    /// Its worker's place in [`Loaded::workers`].
    worker: usize,
    /// One for each function.
    bodies: Vec<Body>,
}

/// Loads the workers of this program that `request` asks for.
///
/// # Errors
/// [`LoadError`]; nothing built so far is kept then.
pub fn load(request: LoadRequest<'_>) -> Result<Loaded, LoadError> {
    load_from(&worker_types(), request)
}

fn load_from(types: &[&'static WorkerType], request: LoadRequest<'_>) -> Result<Loaded, LoadError> {
    let selected = select::select(types, request.namespaces, request.wanted)?;
    let shared = Rc::<SharedLayers>::default();
    let mut runtime = Runtime { attributes: request.job_runtime_attributes, used: Vec::new() };
    let mut workers = Vec::new();
    let mut jobs: Vec<(LoadedJob, Plan)> = Vec::new();
    let mut refused: Vec<&str> = Vec::new();
    let mut loaded: Vec<&'static str> = Vec::new();

    for selected in selected {
        let path = selected.worker.path;
        if selected.refused {
            refused.push(path);
            continue;
        }
        let options =
            WorkerOptions::for_worker(path, merged_options(request.worker_options, path), &shared, request.server);
        let built = build_worker(selected.worker, &options, &mut runtime)?;
        loaded.push(path);
        jobs.extend(
            built.jobs.into_iter().map(|BuiltJob { job, bodies }| (job, Plan { worker: workers.len(), bodies })),
        );
        workers.push(built.worker);
    }
    for added in request.added {
        let (worker, BuiltJob { job, bodies }) = build::build_added(added, &mut runtime)?;
        jobs.push((job, Plan { worker: workers.len(), bodies }));
        workers.push(worker);
    }

    if jobs.is_empty() && !request.may_be_empty {
        return Err(LoadError::NoJob { namespaces: request.namespaces.to_vec(), known: select::modules(types) });
    }
    jobs.sort_by(|(a, _), (b, _)| a.name.cmp(&b.name));
    let mut warnings = runtime.unused_keys(&jobs, &refused);
    warnings.extend(unused_options(request.worker_options, types));
    let (jobs, plans): (Vec<_>, Vec<_>) = jobs.into_iter().unzip();
    check_names(&jobs)?;
    loaded.sort_unstable();
    Ok(Loaded { workers, jobs, plans, types: loaded, warnings })
}

impl Loaded {
    /// The jobs, sorted by name.
    #[must_use]
    pub fn jobs(&self) -> &[LoadedJob] {
        &self.jobs
    }

    /// The worker types that were found by namespace and built, by path, sorted. (Those of added jobs have none that
    /// is known.)
    #[must_use]
    pub fn types(&self) -> &[&'static str] {
        &self.types
    }

    /// What is odd without being wrong, such as options for a worker that does not exist: to be logged as WARN.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Keeps what a process of `job` needs. `None` if there is no such job.
    ///
    /// For the child, right after the fork. All is leaked, this process's worker too: destructors belong to the host, and
    /// freeing, or moving things about, would copy pages that all processes share.
    #[must_use]
    pub fn into_process(self, job: &str) -> Option<ProcessWorker> {
        let Self { workers, jobs, plans, types, warnings } = self;
        std::mem::forget((types, warnings));
        let (workers, jobs, plans) = (workers.leak(), jobs.leak(), plans.leak());
        let index = jobs.iter().position(|candidate| candidate.name == job)?;
        let plan = &plans[index];
        Some(ProcessWorker::of_host(&mut *workers[plan.worker], &jobs[index], &plan.bodies))
    }
}

impl std::fmt::Debug for Loaded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Loaded").field("jobs", &self.jobs).field("warnings", &self.warnings).finish_non_exhaustive()
    }
}

/// The operator's attributes, and which of their keys named a job.
pub(crate) struct Runtime<'a> {
    attributes: &'a BTreeMap<String, RuntimeBounds>,
    used: Vec<String>,
}

impl<'a> Runtime<'a> {
    /// For tests of one worker: nothing set.
    pub(crate) fn none(attributes: &'a BTreeMap<String, RuntimeBounds>) -> Self {
        Self { attributes, used: Vec::new() }
    }

    /// What the operator says about a job, under the name of its type and under its own.
    fn said(&mut self, by_type: Option<String>, by_name: &str) -> RuntimeBounds {
        let mut said = RuntimeBounds::default();
        for key in by_type.into_iter().chain([by_name.to_owned()]) {
            if let Some(attributes) = self.attributes.get(&key) {
                let Bounds { min, max } = Bounds::from(attributes).over(Bounds::from(&said));
                let limits = attributes.limits.over(said.limits);
                let safety = attributes.safety.clone().over(said.safety);
                said = RuntimeBounds { min_processes: min, max_processes: max, limits, safety };
                self.used.push(key);
            }
        }
        said
    }

    /// A warning for each key that named no job. Those of workers that `wanted` refused are fine.
    fn unused_keys(&self, jobs: &[(LoadedJob, Plan)], refused: &[&str]) -> Vec<String> {
        let known = jobs.iter().map(|(job, _)| job.name.as_str());
        let of_refused = |key: &str| refused.iter().any(|path| select::lies_in(key, path));
        let mut warnings = Vec::new();
        for key in self.attributes.keys().filter(|key| !self.used.contains(key) && !of_refused(key)) {
            let of_group = jobs.iter().find(|(job, _)| job.functions.iter().any(|function| function.name == *key));
            let advice = match (of_group, select::nearest(key, known.clone())) {
                (Some((job, _)), _) => format!("; that function is part of job {}, which has the bounds", job.name),
                (None, Some(near)) => format!("; did you mean {near}?"),
                (None, None) => String::new(),
            };
            warnings.push(format!("job_runtime_attributes: no job is called {key}{advice}"));
        }
        warnings
    }
}

fn merged_options(options: &BTreeMap<String, Map<String, Value>>, path: &str) -> Map<String, Value> {
    let mut merged = options.get(GLOBAL).cloned().unwrap_or_default();
    merged.extend(options.get(path).cloned().unwrap_or_default());
    merged
}

fn unused_options(options: &BTreeMap<String, Map<String, Value>>, types: &[&'static WorkerType]) -> Vec<String> {
    let known = || types.iter().map(|worker| worker.path).chain([GLOBAL]);
    options
        .keys()
        .filter(|key| !known().any(|path| path == key.as_str()))
        .map(|key| {
            let advice = select::nearest(key, known()).map_or(String::new(), |near| format!("; did you mean {near}?"));
            format!("worker_options: no worker is called {key}{advice}")
        })
        .collect()
}

/// Each function and each job has a name of its own, one that job servers and the console can carry.
fn check_names(jobs: &[LoadedJob]) -> Result<(), LoadError> {
    let mut functions: BTreeMap<&str, &LoadedJob> = BTreeMap::new();
    let mut names: BTreeMap<&str, &LoadedJob> = BTreeMap::new();
    for job in jobs {
        let all = job.functions.iter().map(|function| &function.name).chain([&job.name]);
        for name in all {
            if name.is_empty() || name.chars().any(|c| c.is_whitespace() || c.is_control()) {
                return Err(LoadError::Name { worker: job.worker.clone(), name: name.clone() });
            }
        }
        for function in &job.functions {
            if let Some(other) = functions.insert(&function.name, job) {
                return Err(LoadError::FunctionTwice {
                    function: function.name.clone(),
                    first: other.worker.clone(),
                    second: job.worker.clone(),
                });
            }
        }
        if let Some(other) = names.insert(&job.name, job) {
            return Err(LoadError::JobTwice {
                job: job.name.clone(),
                first: other.worker.clone(),
                second: job.worker.clone(),
            });
        }
    }
    Ok(())
}
