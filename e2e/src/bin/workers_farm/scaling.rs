//! Jobs that are scaled.
use std::time::Duration;

use gearman_driver::prelude::*;

#[derive(Default)]
pub(crate) struct Scaling;

fn sleep(millis: &str) -> Result<String, Error> {
    let millis = millis.parse()?;
    crate::trace("begun");
    std::thread::sleep(Duration::from_millis(millis));
    crate::trace("done");
    Ok(std::process::id().to_string())
}

#[worker]
impl Scaling {
    #[job(min_processes = 0, max_processes = 4)]
    fn from_zero(&self, workload: &str) -> Result<String, Error> {
        sleep(workload)
    }

    #[job(min_processes = 1, max_processes = 4)]
    fn from_one(&self, workload: &str) -> Result<String, Error> {
        sleep(workload)
    }
}
