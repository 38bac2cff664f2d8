//! What a file with workers needs: `use gearman_driver::prelude::*;`

pub use crate::Driver;
pub use gearman_driver_macros::{job, worker};
pub use gearman_driver_worker::{Error, Job, JobAttributes, JobSpec, Json, Method, TestWorker, Worker, WorkerOptions};
