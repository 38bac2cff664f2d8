//! Waiting for children without losing their PID: look first, kill the group, then reap.

use std::io;
use std::os::fd::{FromRawFd, OwnedFd};

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

/// The next child of this thread that has ended, not reaped yet: its PID can't be another's. Orphans come to the
/// process's first thread; what another thread has started is that thread's to wait for.
#[must_use]
pub fn next_ended() -> Option<Pid> {
    let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT | WaitPidFlag::__WNOTHREAD;
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

/// Whether the child `pid` has ended, reaped by somebody else or not at all.
#[must_use]
pub fn has_ended(pid: Pid) -> bool {
    let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
    loop {
        match waitid(Id::Pid(pid), flags) {
            Err(Errno::EINTR) => {}
            status => return status != Ok(WaitStatus::StillAlive),
        }
    }
}

/// A descriptor that becomes readable when the child `pid` ends: to know it without a signal handler.
///
/// # Errors
/// When there is no such process, the kernel has none (before Linux 5.3), or no descriptor is free.
pub fn pidfd(pid: Pid) -> io::Result<OwnedFd> {
    // SAFETY: pidfd_open(2) takes two integers; what it returns is a descriptor of our own (closed at exec), or negative.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid.as_raw(), 0) };
    let fd = i32::try_from(fd).ok().filter(|fd| *fd >= 0).ok_or_else(io::Error::last_os_error)?;
    // SAFETY: just opened, and nobody else knows its number.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Reaps the ended child `pid`; with `group`, first kills what is left of its process group.
/// `None` when it has not ended, or is no child.
#[must_use]
pub fn reap(pid: Pid, group: bool) -> Option<Ended> {
    if group && is_child(pid) {
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

    #[test]
    #[allow(clippy::zombie_processes, reason = "reaping without `Child::wait` is what is tested")]
    fn the_end_of_a_child_is_seen_without_a_signal() {
        let mut child = std::process::Command::new("cat").stdin(std::process::Stdio::piped()).spawn().unwrap();
        let pid = Pid::from_raw(i32::try_from(child.id()).unwrap());
        let end = pidfd(pid).unwrap();
        assert!(!has_ended(pid));
        drop(child.stdin.take());
        let mut fds = [nix::poll::PollFd::new(std::os::fd::AsFd::as_fd(&end), nix::poll::PollFlags::POLLIN)];
        assert_eq!(nix::poll::poll(&mut fds, nix::poll::PollTimeout::from(10_000u16)), Ok(1));
        assert!(has_ended(pid) && is_child(pid));
        assert_eq!(reap(pid, false), Some(Ended::Code(0)));
        assert!(has_ended(pid) && !is_child(pid));
        assert_eq!(reap(pid, true), None);
    }

    #[test]
    fn a_child_of_another_thread_is_left_to_it() {
        let (to_main, from_child) = std::sync::mpsc::channel();
        let (go_on, may_go_on) = std::sync::mpsc::channel::<()>();
        let thread = std::thread::spawn(move || {
            let mut child = std::process::Command::new("sh").args(["-c", "exit 7"]).spawn().unwrap();
            let pid = Pid::from_raw(i32::try_from(child.id()).unwrap());
            waitid(Id::Pid(pid), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT).unwrap();
            to_main.send(pid).unwrap();
            may_go_on.recv().unwrap();
            child.wait().unwrap().code()
        });
        let pid = from_child.recv().unwrap();
        assert_ne!(next_ended(), Some(pid));
        go_on.send(()).unwrap();
        assert_eq!(thread.join().unwrap(), Some(7));
    }
}
