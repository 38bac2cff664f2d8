//! What a host declares, in the manager's terms.
//!
//! A host of ours has checked most of it; one in another language may not have.

use std::collections::BTreeSet;

use gearman_driver_core::job::{JobDeclaration, Lifespan};
use gearman_driver_core::limits::Limits;
use gearman_driver_wire::host::JobDeclaration as WireJob;
use gearman_driver_wire::job_limits::JobLimits;

/// The jobs that a host has told; an error says what can't be, and of which job.
pub(crate) fn declarations(jobs: Vec<WireJob>) -> Result<Vec<JobDeclaration>, String> {
    let mut names = BTreeSet::new();
    for job in &jobs {
        // The console shows a name on a line of its own, and the job server's lists show functions so.
        if let Some(name) = job.functions.iter().chain([&job.name]).find(|name| name.contains(char::is_control)) {
            return Err(format!("job {:?}: the name {name:?} has a control character", job.name));
        }
        if !names.insert(&job.name) {
            return Err(format!("job {:?} is declared twice", job.name));
        }
    }
    jobs.into_iter().map(declaration).collect()
}

fn declaration(job: WireJob) -> Result<JobDeclaration, String> {
    let limits =
        Limits::new(job.min_processes, job.max_processes).map_err(|error| format!("job {}: {error}", job.name))?;
    job.limits.check().map_err(|error| format!("job {}: {error}", job.name))?;
    let JobLimits { max_idle_time, timeout, max_jobs, max_age, max_memory, jitter, drain_timeout } = job.limits;
    let lifespan = Lifespan { max_jobs, max_age, max_memory, jitter: jitter.unwrap_or(JobLimits::JITTER) };
    let bare = JobDeclaration::new(job.name, job.functions, limits);
    Ok(JobDeclaration { max_idle_time, timeout, drain_timeout, lifespan, ..bare })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn job(name: &str) -> WireJob {
        let functions = vec![format!("{name}::f")];
        WireJob { name: name.to_owned(), functions, min_processes: 1, max_processes: 2, limits: JobLimits::NONE }
    }

    fn refused(jobs: Vec<WireJob>) -> String {
        declarations(jobs).unwrap_err()
    }

    #[test]
    fn what_can_be_is_taken_as_it_is() {
        let limits = JobLimits {
            max_idle_time: Some(Duration::from_millis(1500)),
            timeout: Some(Duration::from_secs(30)),
            max_jobs: Some(1000),
            ..JobLimits::NONE
        };
        let jobs = declarations(vec![job("a"), WireJob { limits, ..job("b c") }]).unwrap();
        assert_eq!((jobs[0].name.as_str(), jobs[0].max_idle_time, jobs[0].lifespan), ("a", None, Lifespan::default()));
        assert_eq!((jobs[1].name.as_str(), jobs[1].max_idle_time), ("b c", limits.max_idle_time));
        assert_eq!((jobs[1].timeout, jobs[1].drain_timeout), (limits.timeout, None));
        assert_eq!(jobs[1].lifespan, Lifespan { max_jobs: Some(1000), ..Lifespan::default() });
        assert_eq!(jobs[1].functions, ["b c::f"]);
    }

    #[test]
    fn what_cannot_be_is_told_with_its_job() {
        assert_eq!(refused(vec![job("a"), job("a")]), r#"job "a" is declared twice"#);
        assert_eq!(refused(vec![job("a\nb")]), r#"job "a\nb": the name "a\nb::f" has a control character"#);
        let crossed = WireJob { min_processes: 3, ..job("a") };
        assert!(refused(vec![crossed]).starts_with("job a: "));
        let limits = JobLimits { max_jobs: Some(0), ..JobLimits::NONE };
        assert!(refused(vec![WireJob { limits, ..job("a") }]).starts_with("job a: max_jobs is 0"));
    }
}
