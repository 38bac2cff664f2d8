//! The running driver, as a program sees it: [`DriverHandle`] and [`JobRef`].
//!
//! Every question and every order goes to the driver's event loop and waits for its answer there; nothing is kept here.

use std::fmt;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use gearman_driver_core::level::LevelError;
use gearman_driver_core::order::{Order, OrderError};
use gearman_driver_core::snapshot::{JobSnapshot, Snapshot};
use gearman_driver_core::time::UnixSeconds;
use gearman_driver_front::{DriverGone, Handle};

/// The running driver: from [`Driver::start`](crate::Driver::start), and given to
/// [`unknown_job_callback`](crate::Driver::unknown_job_callback) and to [console commands](crate::ConsoleCommand).
///
/// Cheap to clone; may be kept, sent, and used from any thread, in asynchronous code too. Each call asks the driver and
/// blocks until it answers, which takes well under a millisecond; an order that starts processes is answered when they
/// are there. When the driver has ended, orders fail with [`DriverError::Ended`] and questions are answered as by a
/// driver without jobs.
#[derive(Clone)]
pub struct DriverHandle {
    handle: Handle,
    end: Arc<End>,
}

/// A job of the running driver, as Gearman::Driver::Job: from [`DriverHandle::jobs`] and [`DriverHandle::job`].
///
/// It is a name and the way to the driver, so what it says is so now. When the worker code that is loaded no longer has the job,
/// or the driver has ended, numbers are 0, lists are empty, and orders fail.
#[derive(Clone)]
pub struct JobRef {
    name: Arc<str>,
    driver: DriverHandle,
}

/// Why the driver did not do as it was told. Displayed in the console's words, where the console has such an error.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DriverError {
    /// The worker code that is loaded has no job of that name.
    #[error("invalid_job_name: {0}")]
    UnknownJob(String),
    /// A value is refused; says which, and why.
    #[error("invalid_value: {0}")]
    InvalidValue(String),
    /// The driver ends as soon as its processes have finished their jobs, and starts none.
    #[error("shutting_down: the driver ends as soon as its processes have finished their jobs")]
    ShuttingDown,
    /// The new worker code or configuration can't be had; says why. Everything is as it was. From [`DriverHandle::reload`].
    #[error("reload_failed: {0}")]
    ReloadFailed(String),
    /// The driver has ended.
    #[error("the driver has ended")]
    Ended,
    /// The driver has ended, not by a clean shutdown; says why. From [`DriverHandle::wait`].
    #[error("{0}")]
    Failed(String),
}

impl DriverHandle {
    pub(crate) fn new(handle: Handle, end: Arc<End>) -> Self {
        Self { handle, end }
    }

    /// The jobs, sorted by name.
    #[doc(alias = "get_jobs")]
    pub fn jobs(&self) -> Vec<JobRef> {
        let snapshot = self.snapshot();
        let jobs = snapshot.jobs.iter().filter(|job| !job.retired);
        jobs.map(|job| JobRef { name: job.name.as_str().into(), driver: self.clone() }).collect()
    }

    /// The job of that name, as console and status show it: prefix and method, or prefix and process group.
    #[doc(alias = "get_job")]
    pub fn job(&self, name: &str) -> Option<JobRef> {
        self.has_job(name).then(|| JobRef { name: name.into(), driver: self.clone() })
    }

    /// Whether there is a job of that name.
    pub fn has_job(&self, name: &str) -> bool {
        self.snapshot().job(name).is_some_and(|job| !job.retired)
    }

    /// The namespaces, sorted: the module paths under which workers are looked for.
    #[doc(alias = "get_namespaces")]
    pub fn namespaces(&self) -> Vec<String> {
        self.snapshot().namespaces.to_vec()
    }

    /// The worker types that are loaded, by path, sorted: those that were found by namespace, wanted, and have a job.
    #[doc(alias = "get_modules")]
    #[doc(alias = "has_modules")]
    #[doc(alias = "modules")]
    pub fn workers(&self) -> Vec<String> {
        self.snapshot().workers.to_vec()
    }

    /// How long a process above the minimum may stay idle, where its job does not say it.
    pub fn max_idle_time(&self) -> Duration {
        self.snapshot().max_idle_time
    }

    /// Sets [`max_idle_time`](DriverHandle::max_idle_time). Holds from the next look at the queues on.
    ///
    /// # Errors
    /// [`DriverError::Ended`].
    pub fn set_max_idle_time(&self, time: Duration) -> Result<(), DriverError> {
        self.order(Order::SetMaxIdleTime(time))
    }

    /// The time between two looks at the queues; zero: they are not looked at.
    pub fn interval(&self) -> Duration {
        self.snapshot().interval
    }

    /// Sets the [`interval`](DriverHandle::interval). The first look is at once; zero turns the observer off.
    ///
    /// # Errors
    /// [`DriverError::Ended`].
    pub fn set_interval(&self, interval: Duration) -> Result<(), DriverError> {
        self.handle.set_interval_blocking(interval).map_err(|DriverGone| DriverError::Ended)
    }

    /// Loads worker code and configuration anew, as HUP and the console's `reload`, and returns when the new code has loaded;
    /// the processes are then replaced step by step.
    ///
    /// # Errors
    /// [`DriverError::ReloadFailed`] where the new code or configuration can't be had, and nothing has changed;
    /// [`DriverError::ShuttingDown`]; [`DriverError::Ended`].
    pub fn reload(&self) -> Result<(), DriverError> {
        self.order(Order::Reload)
    }

    /// Sets the least important level that is logged, by name: `DEBUG`, `INFO`, ..
    ///
    /// # Errors
    /// [`DriverError::InvalidValue`] for what is no level; [`DriverError::Ended`].
    pub fn set_loglevel(&self, level: impl AsRef<str>) -> Result<(), DriverError> {
        let level = level.as_ref().parse().map_err(|error: LevelError| DriverError::InvalidValue(error.to_string()))?;
        self.handle.set_loglevel_blocking(level).map_err(|DriverGone| DriverError::Ended)
    }

    /// Asks the driver to shut down, as the console's `shutdown` and the first TERM: it stops starting, lets every
    /// process finish its job, and ends. Does not wait for that: see [`wait`](DriverHandle::wait). No error where it is
    /// shutting down already, or has ended.
    pub fn shutdown(&self) {
        // One that has ended has done so.
        let _ = self.order(Order::Shutdown);
    }

    /// Waits until the driver has ended, for whatever reason.
    ///
    /// For programs that have [started](crate::Driver::start) it: under [`run`](crate::Driver::run) the process exits then.
    ///
    /// # Errors
    /// [`DriverError::Failed`] where that was no clean shutdown. What `run` would make the exit code 1.
    pub fn wait(&self) -> Result<(), DriverError> {
        self.end.wait().map_err(DriverError::Failed)
    }

    fn snapshot(&self) -> Arc<Snapshot> {
        self.handle.snapshot_blocking().unwrap_or_default()
    }

    fn order(&self, order: Order) -> Result<(), DriverError> {
        match self.handle.order_blocking(order) {
            Ok(result) => result.map_err(DriverError::from),
            Err(DriverGone) => Err(DriverError::Ended),
        }
    }
}

impl JobRef {
    /// Its name in console and status.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The functions that each of its processes registers with the job servers. Several for a process group.
    #[doc(alias = "methods")]
    pub fn functions(&self) -> Vec<String> {
        self.ask(|job| job.functions.clone())
    }

    /// Never fewer processes than this, as it is now.
    #[doc(alias = "min_childs")]
    pub fn min_processes(&self) -> u32 {
        self.ask(|job| job.limits.min())
    }

    /// Never more processes than this, as it is now.
    #[doc(alias = "max_childs")]
    pub fn max_processes(&self) -> u32 {
        self.ask(|job| job.limits.max())
    }

    /// Sets the lower bound, as the console's `set_min_processes`. What is missing is started before this returns.
    ///
    /// # Errors
    /// [`DriverError::InvalidValue`] where it is above the upper bound, or above 65,535; [`DriverError::UnknownJob`];
    /// [`DriverError::Ended`].
    pub fn set_min_processes(&self, min: u32) -> Result<(), DriverError> {
        self.driver.order(Order::SetMin { job: self.name.to_string(), min })
    }

    /// Sets the upper bound, as the console's `set_max_processes`. Processes above it finish their jobs and exit.
    ///
    /// # Errors
    /// [`DriverError::InvalidValue`] where it is below the lower bound, or above 65,535; [`DriverError::UnknownJob`];
    /// [`DriverError::Ended`].
    pub fn set_max_processes(&self, max: u32) -> Result<(), DriverError> {
        self.driver.order(Order::SetMax { job: self.name.to_string(), max })
    }

    /// Sets both bounds in one step, as the console's `set_processes`.
    ///
    /// # Errors
    /// [`DriverError::InvalidValue`] where `min` is above `max`, or one of them above 65,535;
    /// [`DriverError::UnknownJob`]; [`DriverError::Ended`].
    pub fn set_processes(&self, min: u32, max: u32) -> Result<(), DriverError> {
        self.driver.order(Order::SetProcesses { job: self.name.to_string(), min, max })
    }

    /// Replaces its processes step by step, the new ones first, as the console's `restart`. Returns when the first new ones are
    /// there.
    ///
    /// # Errors
    /// [`DriverError::UnknownJob`]; [`DriverError::ShuttingDown`]; [`DriverError::Ended`].
    pub fn restart(&self) -> Result<(), DriverError> {
        self.driver.order(Order::Restart { job: self.name.to_string() })
    }

    /// Stops it, as the console's `pause`: its processes finish what they hold and exit, and none is started until it is
    /// resumed.
    ///
    /// # Errors
    /// [`DriverError::UnknownJob`]; [`DriverError::ShuttingDown`]; [`DriverError::Ended`].
    pub fn pause(&self) -> Result<(), DriverError> {
        self.driver.order(Order::Pause { job: self.name.to_string() })
    }

    /// Starts it again, with as many processes as it had, as the console's `resume`.
    ///
    /// # Errors
    /// [`DriverError::UnknownJob`]; [`DriverError::ShuttingDown`]; [`DriverError::Ended`].
    pub fn resume(&self) -> Result<(), DriverError> {
        self.driver.order(Order::Resume { job: self.name.to_string() })
    }

    /// Whether it is paused.
    pub fn is_paused(&self) -> bool {
        self.ask(|job| job.paused)
    }

    /// The PIDs of its processes, oldest first; those that finish their last job are among them.
    #[doc(alias = "get_processes")]
    #[doc(alias = "get_process")]
    #[doc(alias = "processes")]
    pub fn pids(&self) -> Vec<u32> {
        self.ask(|job| job.processes.iter().map(|process| process.pid).collect())
    }

    /// How many processes it has, as console and status show it.
    #[doc(alias = "has_processes")]
    pub fn count_processes(&self) -> usize {
        self.ask(|job| job.processes.len())
    }

    /// Starts one process more, within the bounds. Where none can be started now (its processes die at once, the host is
    /// being replaced), it is started as soon as one can. What is surplus is stopped when it has been idle for
    /// `max_idle_time`: to keep it, raise the lower bound.
    ///
    /// # Errors
    /// [`DriverError::InvalidValue`] at the upper bound; [`DriverError::UnknownJob`]; [`DriverError::ShuttingDown`];
    /// [`DriverError::Ended`].
    pub fn add_process(&self) -> Result<(), DriverError> {
        self.driver.order(Order::AddProcess { job: self.name.to_string() })
    }

    /// Stops one process, within the bounds: an idle one, else one that finishes its job first.
    ///
    /// # Errors
    /// [`DriverError::InvalidValue`] at the lower bound; [`DriverError::UnknownJob`]; [`DriverError::ShuttingDown`];
    /// [`DriverError::Ended`].
    pub fn remove_process(&self) -> Result<(), DriverError> {
        self.driver.order(Order::RemoveProcess { job: self.name.to_string() })
    }

    /// When one of its processes last ran a job, to the second; `None`: never.
    #[doc(alias = "lastrun")]
    pub fn last_run(&self) -> Option<SystemTime> {
        self.ask(|job| job.last_run.map(system_time))
    }

    /// When one of its jobs last failed, to the second; `None`: never.
    #[doc(alias = "lasterror")]
    pub fn last_error(&self) -> Option<SystemTime> {
        self.ask(|job| job.last_error.as_ref().map(|error| system_time(error.at)))
    }

    /// The message of that failure, as the job gave it: it may have several lines.
    #[doc(alias = "lasterror_msg")]
    pub fn last_error_message(&self) -> Option<String> {
        self.ask(|job| job.last_error.as_ref().map(|error| error.message.clone()))
    }

    fn ask<T: Default>(&self, question: impl FnOnce(&JobSnapshot) -> T) -> T {
        let snapshot = self.driver.snapshot();
        snapshot.job(&self.name).filter(|job| !job.retired).map_or_else(T::default, question)
    }
}

impl fmt::Debug for DriverHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DriverHandle").finish_non_exhaustive()
    }
}

impl fmt::Debug for JobRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JobRef").field("name", &self.name).finish_non_exhaustive()
    }
}

impl From<OrderError> for DriverError {
    fn from(error: OrderError) -> Self {
        match error {
            OrderError::UnknownJob(name) => Self::UnknownJob(name),
            OrderError::ShuttingDown => Self::ShuttingDown,
            OrderError::ReloadFailed(why) => Self::ReloadFailed(why),
            error => {
                let text = error.to_string();
                Self::InvalidValue(text.strip_prefix("invalid_value: ").unwrap_or(&text).to_owned())
            }
        }
    }
}

fn system_time(seconds: UnixSeconds) -> SystemTime {
    // A slot that a mad worker has scribbled over may say a time that there is not.
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds.0)).unwrap_or(SystemTime::UNIX_EPOCH)
}

/// The driver's end, for those who wait for it.
#[derive(Debug, Default)]
pub(crate) struct End {
    result: Mutex<Option<Result<(), String>>>,
    came: Condvar,
}

impl End {
    /// The driver has ended. Only the first word counts.
    pub(crate) fn come(&self, result: Result<(), String>) {
        self.result.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(result);
        self.came.notify_all();
    }

    fn wait(&self) -> Result<(), String> {
        let mut result = self.result.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(result) = &*result {
                return result.clone();
            }
            result = self.came.wait(result).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

#[cfg(test)]
mod tests {
    use gearman_driver_core::limits::Bound;

    use super::*;

    fn shared<T: Clone + Send + Sync + 'static>() {}

    #[test]
    fn handles_can_be_shared() {
        shared::<DriverHandle>();
        shared::<JobRef>();
    }

    #[test]
    fn errors_are_the_consoles_words() {
        let errors = [
            OrderError::UnknownJob("x".to_owned()),
            OrderError::MinAboveMax,
            OrderError::MaxBelowMin,
            OrderError::TooLarge(Bound::Min),
            OrderError::AtMax,
            OrderError::AtMin,
            OrderError::ShuttingDown,
            OrderError::ReloadFailed("no model".to_owned()),
        ];
        for error in errors {
            assert_eq!(DriverError::from(error.clone()).to_string(), error.to_string());
        }
    }

    #[test]
    fn a_driver_that_has_ended_has_no_jobs_and_refuses_orders() {
        let (requests, _) = tokio_requests();
        let end = Arc::new(End::default());
        let driver = DriverHandle::new(Handle::new(requests), Arc::clone(&end));
        assert!(driver.jobs().is_empty() && driver.namespaces().is_empty() && driver.workers().is_empty());
        assert!(driver.job("a").is_none());
        assert_eq!(driver.set_max_idle_time(Duration::ZERO), Err(DriverError::Ended));
        assert_eq!(driver.set_interval(Duration::ZERO), Err(DriverError::Ended));
        driver.shutdown();
        let job = JobRef { name: "a".into(), driver: driver.clone() };
        assert_eq!((job.count_processes(), job.max_processes(), job.last_run()), (0, 0, None));
        assert_eq!(job.add_process(), Err(DriverError::Ended));
        end.come(Err("why".to_owned()));
        end.come(Ok(()));
        assert_eq!(driver.wait(), Err(DriverError::Failed("why".to_owned())));
    }

    fn tokio_requests() -> (tokio::sync::mpsc::Sender<gearman_driver_front::Request>, ()) {
        (tokio::sync::mpsc::channel(1).0, ())
    }
}
