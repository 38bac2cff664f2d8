//! The worker: what runs in the forked processes, and nowhere else.

use gearman_driver::prelude::*;

use crate::codec::Target;

/// Converts images; one job for each kind of result.
#[derive(Default)]
pub(crate) struct Convert;

#[worker]
impl Convert {
    #[job(min_processes = 0, max_processes = 5)]
    fn convert_to_jpeg(&self, workload: &[u8]) -> Result<Vec<u8>, Error> {
        Target::Jpeg.convert(workload)
    }

    #[job(min_processes = 0, max_processes = 5)]
    fn convert_to_gif(&self, workload: &[u8]) -> Result<Vec<u8>, Error> {
        Target::Gif.convert(workload)
    }

    /// What `ps` shows of such a process.
    fn process_name(&self, original: &str, job_name: &str) -> Option<String> {
        Some(format!("{original} ({job_name})"))
    }
}
