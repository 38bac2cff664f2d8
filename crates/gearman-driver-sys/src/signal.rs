//! Signal handlers that set a flag and write to a pipe.
//!
//! A handler, unlike an ignored signal, is not inherited by a program that a job executes; SA_RESTART keeps
//! a job's system calls from failing where the system allows it.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, IntoRawFd, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, SigmaskHow, Signal, sigaction, sigprocmask};

/// What the handler needs. All that a worker process writes is in `.data`, where what is not zero makes it be: were some
/// of it in `.bss`, that would be one more page which each process has for itself.
struct Pipe {
    raised: AtomicBool,
    /// The write end.
    write: AtomicI32,
}

static PIPE: Pipe = Pipe { raised: AtomicBool::new(false), write: AtomicI32::new(-1) };

/// Notes that one of the signals of [`SelfPipe::install`] arrived.
extern "C" fn note(_signal: libc::c_int) {
    wake();
}

/// Does nothing, so that the signal is neither fatal nor ignored by what a job executes.
extern "C" fn nothing(_signal: libc::c_int) {}

/// Sets the flag and wakes the pipe's reader; for signal handlers (async-signal-safe).
pub(crate) fn wake() {
    PIPE.raised.store(true, Ordering::SeqCst);
    let fd = PIPE.write.load(Ordering::SeqCst);
    if fd >= 0 {
        let errno = Errno::last_raw();
        // SAFETY: write(2) is async-signal-safe; the descriptor is the pipe's write end, which is never closed
        // once installed; a full pipe (EAGAIN) already wakes the reader.
        unsafe { libc::write(fd, [0u8; 1].as_ptr().cast(), 1) };
        Errno::set_raw(errno);
    }
}

/// A pipe whose read end becomes readable when a signal arrives. One a process: a new one takes the place of the old.
#[derive(Debug)]
pub struct SelfPipe {
    read: OwnedFd,
}

impl SelfPipe {
    /// Makes the pipe and has `signals` write to it.
    ///
    /// # Errors
    /// When the pipe or a handler cannot be made.
    pub fn install(signals: &[Signal]) -> io::Result<Self> {
        let (read, write) = nix::unistd::pipe2(OFlag::O_CLOEXEC | OFlag::O_NONBLOCK)?;
        PIPE.raised.store(false, Ordering::SeqCst);
        let old = PIPE.write.swap(write.into_raw_fd(), Ordering::SeqCst);
        if old >= 0 {
            // The old pipe was made by this very function, in this process or in the parent before the fork.
            nix::unistd::close(old)?;
        }
        handle(signals, SigHandler::Handler(note))?;
        Ok(Self { read })
    }

    /// Whether a signal arrived since the pipe was made, or since [`SelfPipe::take`].
    #[must_use]
    pub fn raised(&self) -> bool {
        PIPE.raised.load(Ordering::SeqCst)
    }

    /// Empties the pipe and takes back the flag; whether a signal had arrived.
    pub fn take(&self) -> bool {
        let mut sink = [0; 64];
        while matches!(nix::unistd::read(self.read.as_fd(), &mut sink), Ok(n) if n == sink.len()) {}
        PIPE.raised.swap(false, Ordering::SeqCst)
    }
}

impl AsFd for SelfPipe {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.read.as_fd()
    }
}

/// Gives `signals` a handler that does nothing.
///
/// # Errors
/// When a handler cannot be installed.
pub fn disregard(signals: &[Signal]) -> io::Result<()> {
    handle(signals, SigHandler::Handler(nothing))
}

/// Gives `signals` their default effect.
///
/// # Errors
/// When the kernel refuses.
pub fn restore(signals: &[Signal]) -> io::Result<()> {
    handle(signals, SigHandler::SigDfl)
}

fn handle(signals: &[Signal], handler: SigHandler) -> io::Result<()> {
    let action = SigAction::new(handler, SaFlags::SA_RESTART, SigSet::empty());
    for signal in signals {
        // SAFETY: both handlers only store to atomics, write to a pipe and keep errno: async-signal-safe.
        unsafe { sigaction(*signal, &action) }?;
    }
    Ok(())
}

pub(crate) fn handle_with(signal: Signal, handler: extern "C" fn(libc::c_int)) -> io::Result<()> {
    let action = SigAction::new(SigHandler::Handler(handler), SaFlags::SA_RESTART, SigSet::empty());
    // SAFETY: the only caller is `lifeline`, whose handler calls read, dup2 and write alone: async-signal-safe.
    unsafe { sigaction(signal, &action) }?;
    Ok(())
}

/// Undoes what whoever started this process did to its signals: none is held back any more (those that wait arrive), and
/// the end of a child is told again where it was ignored (the kernel would reap it, and nobody could learn how it ended).
///
/// Of the signals that are handled here, an ignored one needs nothing: the handler takes its place. The mask is that of
/// the calling thread, and of those that it starts.
///
/// # Errors
/// When the kernel refuses.
pub fn take_all() -> io::Result<()> {
    let default = SigAction::new(SigHandler::SigDfl, SaFlags::empty(), SigSet::empty());
    // SAFETY: no handler is installed; the old action is given back, as `restore` would lose a handler.
    let old = unsafe { sigaction(Signal::SIGCHLD, &default) }?;
    if !matches!(old.handler(), SigHandler::SigIgn) {
        // SAFETY: what was there a moment ago.
        unsafe { sigaction(Signal::SIGCHLD, &old) }?;
    }
    set_mask(&SigSet::empty())
}

/// Holds back all signals around a fork, so that the child handles none with the parent's handlers.
///
/// # Errors
/// When the kernel refuses.
pub fn block_all() -> io::Result<SigSet> {
    let mut old = SigSet::empty();
    sigprocmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::all()), Some(&mut old))?;
    Ok(old)
}

/// Sets the mask of signals that are held back.
///
/// # Errors
/// When the kernel refuses.
pub fn set_mask(mask: &SigSet) -> io::Result<()> {
    sigprocmask(SigmaskHow::SIG_SETMASK, Some(mask), None)?;
    Ok(())
}

/// The read end's number, for messages.
impl AsRawFd for SelfPipe {
    fn as_raw_fd(&self) -> i32 {
        self.read.as_raw_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // One test: the pipe and its flag are the process's.
    #[test]
    fn a_signal_raises_the_flag_and_the_pipe_once_taken_is_quiet() {
        let pipe = SelfPipe::install(&[Signal::SIGWINCH]).unwrap();
        assert!(!pipe.raised());
        nix::sys::signal::raise(Signal::SIGWINCH).unwrap();
        assert!(pipe.raised());
        assert!(pipe.take());
        assert!(!pipe.raised() && !pipe.take());
        restore(&[Signal::SIGWINCH]).unwrap();
    }
}
