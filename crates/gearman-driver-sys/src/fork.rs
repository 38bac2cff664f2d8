//! Forking a worker process.

use std::time::{Duration, Instant};

use nix::unistd::{ForkResult, Pid, gettid};

use crate::limits::process_refused;
use crate::stat;

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
#[non_exhaustive]
pub enum ForkError {
    /// The process has other threads.
    #[error(
        "this process has {} ({}), and only the one that called run() may be there when a worker process is forked: \
         a lock that another thread holds would stay locked in the child for ever. \
         Start threads and runtimes in `process_start`, which runs in each worker process after the fork",
        count(names.len()), names.join(", ")
    )]
    Threads {
        /// The names of the other threads.
        names: Vec<String>,
    },
    /// The kernel refused.
    #[error("fork failed: {}", process_refused(&(*.0).into()))]
    Kernel(#[from] nix::Error),
    /// The threads could not be counted.
    #[error("the threads of this process can't be counted in /proc/self/task: {0}")]
    Uncounted(#[from] std::io::Error),
}

fn count(threads: usize) -> String {
    if threads == 1 { "another thread".to_owned() } else { format!("{threads} other threads") }
}

/// How long a thread that has been joined may still be listed in `/proc/self/task`.
const GOING: Duration = Duration::from_millis(200);

/// The names of this process's other threads, none as a rule.
///
/// The kernel wakes who joins a thread a little before the thread is off its list, so this waits up to 200 ms for what
/// is there to go. (By then a thread that has just been started bears its own name, too.)
///
/// # Errors
/// When `/proc/self/task` cannot be read.
pub fn other_threads() -> std::io::Result<Vec<String>> {
    // The usual case without a list, for which the C library would allocate 32 KiB.
    if stat::threads()? == Some(1) {
        return Ok(Vec::new());
    }
    threads_that_stay()
}

#[cold]
#[inline(never)]
fn threads_that_stay() -> std::io::Result<Vec<String>> {
    let end = Instant::now() + GOING;
    loop {
        let names = listed_threads()?;
        if names.is_empty() || Instant::now() >= end {
            return Ok(names);
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn listed_threads() -> std::io::Result<Vec<String>> {
    let this = gettid().to_string();
    let mut names = Vec::new();
    for task in std::fs::read_dir("/proc/self/task")? {
        let task = task?;
        if task.file_name() != this.as_str() {
            let comm = std::fs::read_to_string(task.path().join("comm")).unwrap_or_default();
            names.push(comm.trim_end().to_owned());
        }
    }
    Ok(names)
}

/// Forks, if this process has exactly one thread.
///
/// # Errors
/// When there are more threads, or the kernel refuses.
pub fn fork() -> Result<Forked, ForkError> {
    let names = other_threads()?;
    if !names.is_empty() {
        return Err(ForkError::Threads { names });
    }
    // SAFETY: one thread (counted above, and only this thread could start another), so no lock can be held by
    // somebody else across the fork, and the child may run any code that the parent could.
    match unsafe { nix::unistd::fork() }? {
        ForkResult::Parent { child } => Ok(Forked::Parent(child)),
        ForkResult::Child => Ok(Forked::Child),
    }
}

/// Ends this process at once: nothing that is registered for its exit runs, and nothing is dropped or flushed. For a copy
/// of a process that is not to do what the process itself does at its end.
pub fn leave(code: i32) -> ! {
    // SAFETY: _exit(2) ends this process at once, and touches nothing.
    unsafe { libc::_exit(code) }
}

#[cfg(test)]
mod tests {
    use super::*;

    // The threads of the test harness are there in any case, so these look for one by its name.
    fn is_listed(name: &str) -> bool {
        listed_threads().unwrap().iter().any(|listed| listed == name)
    }

    #[test]
    fn other_threads_are_listed_by_name_until_they_have_gone() {
        let (stop, stopped) = std::sync::mpsc::channel::<()>();
        let thread = std::thread::Builder::new().name("a-pool".to_owned()).spawn(move || stopped.recv()).unwrap();
        assert!(other_threads().unwrap().contains(&"a-pool".to_owned()));
        assert!(matches!(fork(), Err(ForkError::Threads { names }) if names.contains(&"a-pool".to_owned())));
        drop(stop);
        let _ = thread.join().unwrap();
        let end = Instant::now() + Duration::from_secs(10);
        while is_listed("a-pool") {
            assert!(Instant::now() < end, "a joined thread stays listed");
        }
    }

    #[test]
    fn the_refusal_says_how_to_mend_it() {
        let error = ForkError::Threads { names: vec!["a-pool".to_owned()] };
        assert_eq!(
            error.to_string(),
            "this process has another thread (a-pool), and only the one that called run() may be there when a worker \
             process is forked: a lock that another thread holds would stay locked in the child for ever. Start threads \
             and runtimes in `process_start`, which runs in each worker process after the fork"
        );
    }
}
