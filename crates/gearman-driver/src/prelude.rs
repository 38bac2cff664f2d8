//! What a file with workers needs: `use gearman_driver::prelude::*;`
//!
//! The attributes [`macro@worker`] and [`macro@job`], the types that stand in the signatures of their methods, [`TestWorker`] for
//! unit tests, [`JobSpec`] and [`Method`] for jobs without macros, and [`Driver`] for `main`. `Error` is a boxed error, which `?`
//! makes of any other. What is needed less often ([`Sent`](crate::Sent), [`JobError`](crate::JobError),
//! [`DriverHandle`](crate::DriverHandle), [`AsyncJobSpec`](crate::AsyncJobSpec), ..) is named by its path.

pub use crate::Driver;
pub use gearman_driver_macros::{job, worker};
pub use gearman_driver_worker::{Error, Job, JobAttributes, JobSpec, Json, Method, TestWorker, Worker, WorkerOptions};
