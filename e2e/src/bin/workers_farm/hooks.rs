//! What happens around a job, also when it fails.
use gearman_driver::prelude::*;

#[derive(Default)]
pub(crate) struct Hooks;

#[worker]
impl Hooks {
    #[job(process_group = "all", min_processes = 1, max_processes = 1)]
    fn work(&self, job: &mut Job, workload: &str) -> Result<String, Error> {
        run(job, workload)
    }

    #[job(process_group = "all", exceptions = true)]
    fn work_with_exceptions(&self, job: &mut Job, workload: &str) -> Result<String, Error> {
        run(job, workload)
    }

    #[job(process_group = "all", decode = "reversed")]
    fn decoded(&self, workload: String) -> String {
        crate::trace(&format!("method {workload}"));
        workload
    }

    fn reversed(&self, workload: &[u8]) -> Result<String, Error> {
        crate::trace("decode");
        Ok(std::str::from_utf8(workload)?.chars().rev().collect())
    }

    fn begin(&self, job: &Job, workload: &[u8]) -> Result<(), Error> {
        assert_eq!(job.workload(), workload);
        let text = String::from_utf8_lossy(workload);
        crate::trace(&format!("begin {text}"));
        if text == "no begin" { Err("not today".into()) } else { Ok(()) }
    }

    fn end(&self, _job: &Job, workload: &[u8]) {
        crate::trace(&format!("end {}", String::from_utf8_lossy(workload)));
    }
}

fn run(job: &Job, workload: &str) -> Result<String, Error> {
    crate::trace(&format!("method {workload}"));
    match workload {
        "err" => Err(format!("error of {}", std::process::id()).into()),
        "long" => Err(format!("line one\nline two\x1b[31m {}", "x".repeat(2000)).into()),
        "panic" => panic!("panic of {}", std::process::id()),
        _ => Ok(format!("{} {}", std::process::id(), job.handle())),
    }
}
