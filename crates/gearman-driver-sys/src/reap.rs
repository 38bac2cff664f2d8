//! Waiting for children without losing their PID: look first, kill the group, then reap.

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::Pid;

/// How a child ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// It exited with this code.
    Code(i32),
    /// This signal ended it.
    Signal(i32),
}

/// The next child of this process that has ended, not reaped yet: its PID can't be another's.
#[must_use]
pub fn next_ended() -> Option<Pid> {
    let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
    loop {
        match waitid(Id::All, flags) {
            Ok(status) => return status.pid(),
            Err(Errno::EINTR) => {}
            Err(_) => return None,
        }
    }
}

/// Whether `pid` is a child of this process (running, or ended and not reaped).
#[must_use]
pub fn is_child(pid: Pid) -> bool {
    let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
    waitid(Id::Pid(pid), flags).is_ok()
}

/// Reaps the ended child `pid`; with `group`, first kills what is left of its process group.
/// `None` when it has not ended, or is no child.
#[must_use]
pub fn reap(pid: Pid, group: bool) -> Option<Ended> {
    if group {
        // The group is still the child's: it is not reaped yet, so its number can't be used again.
        let _ = kill(Pid::from_raw(-pid.as_raw()), Signal::SIGKILL);
    }
    loop {
        return match waitid(Id::Pid(pid), WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG) {
            Ok(WaitStatus::Exited(_, code)) => Some(Ended::Code(code)),
            Ok(WaitStatus::Signaled(_, signal, _)) => Some(Ended::Signal(signal as i32)),
            Err(Errno::EINTR) => continue,
            _ => None,
        };
    }
}

/// Makes this process the one to which orphans among its descendants come.
///
/// # Errors
/// When the kernel refuses.
pub fn become_subreaper() -> std::io::Result<()> {
    nix::sys::prctl::set_child_subreaper(true)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::CommandExt;

    #[test]
    #[allow(clippy::zombie_processes, reason = "reaping without `Child::wait` is what is tested")]
    fn a_child_is_seen_before_it_is_reaped_and_its_group_dies_with_it() {
        let child =
            std::process::Command::new("sh").args(["-c", "sleep 600 & exit 3"]).process_group(0).spawn().unwrap();
        let pid = Pid::from_raw(i32::try_from(child.id()).unwrap());
        waitid(Id::Pid(pid), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT).unwrap();
        assert!(is_child(pid));
        assert_eq!(reap(pid, true), Some(Ended::Code(3)));
        assert!(!is_child(pid));
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
        while kill(Pid::from_raw(-pid.as_raw()), None).is_ok() {
            assert!(std::time::Instant::now() < deadline, "the group outlived its leader");
            std::thread::yield_now();
        }
    }
}
