//! What a host declares, in the manager's terms.
//!
//! A host of ours has checked most of it; one in another language may not have.

use std::collections::BTreeSet;
use std::time::Duration;

use gearman_driver_core::job::JobDeclaration;
use gearman_driver_core::limits::Limits;
use gearman_driver_wire::host::JobDeclaration as WireJob;

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
    let max_idle_time = job
        .max_idle_time
        .map(Duration::try_from_secs_f64)
        .transpose()
        .map_err(|error| format!("job {}: max_idle_time: {error}", job.name))?;
    Ok(JobDeclaration { max_idle_time, ..JobDeclaration::new(job.name, job.functions, limits) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(name: &str) -> WireJob {
        let functions = vec![format!("{name}::f")];
        WireJob { name: name.to_owned(), functions, min_processes: 1, max_processes: 2, max_idle_time: None }
    }

    fn refused(jobs: Vec<WireJob>) -> String {
        declarations(jobs).unwrap_err()
    }

    #[test]
    fn what_can_be_is_taken_as_it_is() {
        let jobs = declarations(vec![job("a"), WireJob { max_idle_time: Some(1.5), ..job("b c") }]).unwrap();
        assert_eq!((jobs[0].name.as_str(), jobs[0].max_idle_time), ("a", None));
        assert_eq!((jobs[1].name.as_str(), jobs[1].max_idle_time), ("b c", Some(Duration::from_millis(1500))));
        assert_eq!(jobs[1].functions, ["b c::f"]);
    }

    #[test]
    fn what_cannot_be_is_told_with_its_job() {
        assert_eq!(refused(vec![job("a"), job("a")]), r#"job "a" is declared twice"#);
        assert_eq!(refused(vec![job("a\nb")]), r#"job "a\nb": the name "a\nb::f" has a control character"#);
        let crossed = WireJob { min_processes: 3, ..job("a") };
        assert!(refused(vec![crossed]).starts_with("job a: "));
        for time in [-1.0, f64::NAN, f64::INFINITY] {
            let said = refused(vec![WireJob { max_idle_time: Some(time), ..job("a") }]);
            assert!(said.starts_with("job a: max_idle_time: "), "{said}");
        }
    }
}
