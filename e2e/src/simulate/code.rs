//! Worker code: which jobs it has, with which functions and bounds.

use std::time::Duration;

use gearman_driver_core::job::JobDeclaration;
use gearman_driver_core::limits::Limits;

use super::chance::Chance;

/// The names of jobs: a world has the first few of them.
const JOBS: [&str; 6] = ["a", "b", "c", "d", "e", "f"];

/// The functions: each job's own, and a second one that its process group may have; last, one that no job has.
pub(super) const FUNCTIONS: [&str; 13] = ["a", "a2", "b", "b2", "c", "c2", "d", "d2", "e", "e2", "f", "f2", "nobody's"];

/// The function that no job has.
pub(super) const NOBODYS: usize = FUNCTIONS.len() - 1;

/// A job's name, by its number.
pub(super) fn job_name(job: usize) -> &'static str {
    JOBS[job]
}

/// A job's number, by its name.
pub(super) fn job_number(name: &str) -> Option<usize> {
    JOBS.iter().position(|job| *job == name)
}

/// A version of the worker code.
#[derive(Debug, Clone)]
pub(super) struct Code {
    /// By the job's number; `None`: it does not have it.
    jobs: Vec<Option<JobCode>>,
    /// By the job's number: it has one function, or two.
    functions: [usize; JOBS.len()],
}

/// A job in a version of the worker code.
#[derive(Debug, Clone)]
struct JobCode {
    limits: Limits,
    max_idle_time: Option<Duration>,
}

impl Code {
    /// The first version of a world with so many jobs.
    pub(super) fn first(jobs: usize, chance: &mut Chance) -> Self {
        Self {
            jobs: (0..jobs).map(|_| Some(JobCode::any(chance))).collect(),
            functions: std::array::from_fn(|_| chance.within(1..=2) as usize),
        }
    }

    /// The next version: some jobs have other bounds, some are gone, some new. A job's functions stay: as long as there is
    /// no reload, its old processes serve on, and would not serve a new function.
    pub(super) fn next(&self, chance: &mut Chance) -> Self {
        let mut next = self.clone();
        next.jobs.resize_with(JOBS.len().min(self.jobs.len() + 1), || None);
        for job in &mut next.jobs {
            if chance.hits(400) {
                *job = chance.hits(700).then(|| JobCode::any(chance));
            }
        }
        next
    }

    /// What its host reports.
    pub(super) fn declarations(&self) -> Vec<JobDeclaration> {
        let declare = |(number, job): (usize, &Option<JobCode>)| {
            let job = job.as_ref()?;
            let functions = self.functions(number).map(|function| FUNCTIONS[function].to_owned()).collect();
            let max_idle_time = job.max_idle_time;
            Some(JobDeclaration { max_idle_time, ..JobDeclaration::new(job_name(number), functions, job.limits) })
        };
        self.jobs.iter().enumerate().filter_map(declare).collect()
    }

    /// The functions of all jobs.
    pub(super) fn all_functions(&self) -> impl Iterator<Item = usize> {
        (0..self.jobs.len()).flat_map(|job| self.functions(job))
    }

    /// The functions of a job.
    pub(super) fn functions(&self, job: usize) -> impl Iterator<Item = usize> + use<> {
        let count = if self.jobs.get(job).is_some_and(Option::is_some) { self.functions[job] } else { 0 };
        2 * job..2 * job + count
    }
}

impl JobCode {
    fn any(chance: &mut Chance) -> Self {
        let min = chance.count(0..=3);
        let max = min + chance.count(0..=5);
        Self {
            limits: Limits::new(min, max).unwrap_or_default(),
            max_idle_time: chance.hits(300).then(|| Duration::from_secs(chance.within(0..=30))),
        }
    }
}
