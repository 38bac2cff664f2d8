//! Forking a worker process.

use nix::unistd::{ForkResult, Pid};

/// What [`fork`] returned, in which process.
#[derive(Debug)]
pub enum Forked {
    /// In the parent: the child's PID.
    Parent(Pid),
    /// In the child.
    Child,
}

/// A fork that was refused, or that failed.
#[derive(Debug, thiserror::Error)]
pub enum ForkError {
    /// The process has more than one thread.
    #[error(
        "this process has {} threads ({}), and only one may be there when a worker process is forked: \
         a lock that another thread holds would stay locked in the child for ever. \
         Start threads and runtimes in `process_start`, which runs in each worker process after the fork",
        names.len(), names.join(", ")
    )]
    Threads {
        /// The threads' names.
        names: Vec<String>,
    },
    /// The kernel refused.
    #[error(
        "fork failed: {0} (is the limit of processes reached? see `ulimit -u`, or the pids limit of the container)"
    )]
    Kernel(#[from] nix::Error),
    /// The threads could not be counted.
    #[error("the threads of this process can't be counted in /proc/self/task: {0}")]
    Uncounted(#[from] std::io::Error),
}

/// The names of this process's threads.
///
/// # Errors
/// When `/proc/self/task` cannot be read.
pub fn threads() -> std::io::Result<Vec<String>> {
    let mut names = Vec::new();
    for task in std::fs::read_dir("/proc/self/task")? {
        let comm = std::fs::read_to_string(task?.path().join("comm")).unwrap_or_default();
        names.push(comm.trim_end().to_owned());
    }
    Ok(names)
}

/// Forks, if this process has exactly one thread.
///
/// # Errors
/// When there are more threads, or the kernel refuses.
pub fn fork() -> Result<Forked, ForkError> {
    let names = threads()?;
    if names.len() != 1 {
        return Err(ForkError::Threads { names });
    }
    // SAFETY: one thread (counted above, and only this thread could start another), so no lock can be held by
    // somebody else across the fork, and the child may run any code that the parent could.
    match unsafe { nix::unistd::fork() }? {
        ForkResult::Parent { child } => Ok(Forked::Parent(child)),
        ForkResult::Child => Ok(Forked::Child),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_with_threads_is_refused_and_they_are_named() {
        let (stop, stopped) = std::sync::mpsc::channel::<()>();
        let (started, start) = std::sync::mpsc::channel();
        let name = "a-pool".to_owned();
        let thread = std::thread::Builder::new().name(name).spawn(move || {
            started.send(()).unwrap();
            let _ = stopped.recv();
        });
        start.recv().unwrap();
        let error = fork().map(drop).unwrap_err().to_string();
        drop(stop);
        thread.unwrap().join().unwrap();
        assert!(error.contains("a-pool") && error.contains("process_start"), "{error}");
    }
}
