//! Worker code: which jobs it has, with which functions and bounds.

use std::time::Duration;

use gearman_driver_core::job::{JobDeclaration, Lifespan};
use gearman_driver_core::limits::Limits;

use crate::Chance;

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
    /// Its hosts can't load it.
    pub(super) fails_to_load: bool,
    /// Its hosts end soon after they have loaded it.
    pub(super) hosts_die: bool,
}

/// A job in a version of the worker code.
#[derive(Debug, Clone)]
struct JobCode {
    limits: Limits,
    /// One function, or two.
    functions: usize,
    max_idle_time: Option<Duration>,
    timeout: Option<Duration>,
    drain_timeout: Option<Duration>,
    lifespan: Lifespan,
    /// So often in a thousand a job leaves a process with more memory than `max_memory` allows.
    growth: u32,
    /// Its processes die at once.
    dies: bool,
}

impl Code {
    /// The first version of a world with so many jobs; it works.
    pub(super) fn first(jobs: usize, chance: &mut Chance) -> Self {
        Self { jobs: (0..jobs).map(|_| Some(JobCode::any(chance))).collect(), fails_to_load: false, hosts_die: false }
    }

    /// The next version: some jobs are other ones, some gone, some new; some versions are broken.
    pub(super) fn next(&self, chance: &mut Chance) -> Self {
        let mut next = self.clone();
        next.jobs.resize_with(JOBS.len().min(self.jobs.len() + 1), || None);
        next.fails_to_load = chance.hits(150);
        next.hosts_die = chance.hits(100);
        let broken = chance.hits(250);
        for job in &mut next.jobs {
            if chance.hits(400) {
                *job = chance.hits(700).then(|| JobCode::any(chance));
            }
            if let Some(job) = job {
                job.dies = broken && chance.hits(500);
            }
        }
        next
    }

    /// Whether the processes of a job die at once.
    pub(super) fn dies(&self, job: usize) -> bool {
        self.job(job).is_some_and(|job| job.dies)
    }

    /// When the processes of a job are replaced.
    pub(super) fn lifespan(&self, job: usize) -> Lifespan {
        self.job(job).map_or(Lifespan::default(), |job| job.lifespan)
    }

    /// How often its processes reach `max_memory`.
    pub(super) fn growth(&self, job: usize) -> u32 {
        self.job(job).map_or(0, |job| job.growth)
    }

    /// Whether a job may not go on for ever.
    pub(super) fn has_timeout(&self, job: usize) -> bool {
        self.job(job).is_some_and(|job| job.timeout.is_some())
    }

    fn job(&self, job: usize) -> Option<&JobCode> {
        self.jobs.get(job).and_then(Option::as_ref)
    }

    /// What its host reports.
    pub(super) fn declarations(&self) -> Vec<JobDeclaration> {
        let declare = |(number, job): (usize, &Option<JobCode>)| {
            let job = job.as_ref()?;
            let functions = self.functions(number).map(|function| FUNCTIONS[function].to_owned()).collect();
            Some(JobDeclaration {
                max_idle_time: job.max_idle_time,
                timeout: job.timeout,
                drain_timeout: job.drain_timeout,
                lifespan: job.lifespan,
                ..JobDeclaration::new(job_name(number), functions, job.limits)
            })
        };
        self.jobs.iter().enumerate().filter_map(declare).collect()
    }

    /// The functions of all jobs.
    pub(super) fn all_functions(&self) -> impl Iterator<Item = usize> {
        (0..self.jobs.len()).flat_map(|job| self.functions(job))
    }

    /// The functions of a job.
    pub(super) fn functions(&self, job: usize) -> std::ops::Range<usize> {
        let count = self.job(job).map_or(0, |job| job.functions);
        2 * job..2 * job + count
    }
}

impl JobCode {
    fn any(chance: &mut Chance) -> Self {
        let min = chance.count(0..=3);
        let max = min + chance.count(0..=5);
        Self {
            limits: Limits::new(min, max).unwrap_or_default(),
            functions: chance.within(1..=2) as usize,
            max_idle_time: chance.hits(300).then(|| Duration::from_secs(chance.within(0..=30))),
            timeout: chance.hits(200).then(|| Duration::from_millis(chance.within(100..=10_000))),
            drain_timeout: chance.hits(200).then(|| Duration::from_secs(chance.within(0..=60))),
            lifespan: any_lifespan(chance),
            growth: if chance.hits(200) { 1000 } else { 30 },
            dies: false,
        }
    }
}

/// Most jobs have no limit, some have one or several.
fn any_lifespan(chance: &mut Chance) -> Lifespan {
    let mut lifespan = Lifespan::default();
    if chance.hits(150) {
        lifespan.max_jobs = Some(if chance.hits(300) { 1 } else { chance.within(1..=30) });
    }
    if chance.hits(150) {
        lifespan.max_age = Some(Duration::from_secs(chance.within(5..=120)));
    }
    if chance.hits(100) {
        lifespan.max_memory = Some(1 << 20);
    }
    lifespan
}
