//! `unknown_job_callback`: jobs wait for a function that no job of this driver has.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use gearman_driver_core::manager::FunctionStatus;
use gearman_driver_front::Handle;

use crate::UnknownJobCallback;
use crate::log::Log;

/// A function that no job has, as the job servers show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownJob {
    /// The function's name.
    pub function: String,
    /// The job servers' rows for it, added up.
    pub status: FunctionStatus,
}

/// Calls the callback off the event loop, one call a function at a time.
pub(crate) struct UnknownJobs {
    callback: Option<UnknownJobCallback>,
    handle: Handle,
    running: Arc<Mutex<BTreeSet<String>>>,
    log: Log,
}

impl UnknownJobs {
    pub(crate) fn new(callback: Option<UnknownJobCallback>, handle: Handle, log: Log) -> Self {
        Self { callback, handle, running: Arc::default(), log }
    }

    pub(crate) fn call(&self, unknown: UnknownJob) {
        let Some(callback) = self.callback.clone() else { return };
        let running = Arc::clone(&self.running);
        if !running.lock().unwrap_or_else(PoisonError::into_inner).insert(unknown.function.clone()) {
            return; // The last call for this function has not come back yet.
        }
        let (handle, log) = (self.handle.clone(), self.log.clone());
        tokio::task::spawn_blocking(move || {
            if catch_unwind(AssertUnwindSafe(|| callback(&handle, &unknown))).is_err() {
                log.error(&format!("unknown_job_callback panicked for function {}", unknown.function));
            }
            running.lock().unwrap_or_else(PoisonError::into_inner).remove(&unknown.function);
        });
    }
}
