//! How a worker process learns that the supervisor is gone, in the middle of a job too.
//!
//! The lifeline is a pipe whose write end only the supervisor holds. A worker that waits for a job polls it; one that
//! runs a job gets SIGIO at its end of file. The handler then turns standard output and error to /dev/null (nobody
//! reads them any more: a job that prints must neither fail nor block) and raises the drain flag. A write that
//! was blocked on the full pipe is restarted by the kernel and finds /dev/null.
//!
//! Children of the job and writes of its other threads still hold the pipes. So where a job runs, the handler first
//! leaves a *drain* behind: a copy of this process that reads both pipes and throws away what comes, and ends with it.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::signal::Signal;

/// What the handler needs; together, for the reason that `signal::Pipe` has.
struct Watched {
    lifeline: AtomicI32,
    dev_null: AtomicI32,
    job: AtomicBool,
}

static WATCHED: Watched =
    Watched { lifeline: AtomicI32::new(-1), dev_null: AtomicI32::new(-1), job: AtomicBool::new(false) };

/// Says whether a job runs: what it has started may hold this process's output then.
pub fn job(runs: bool) {
    WATCHED.job.store(runs, Ordering::SeqCst);
}

/// The read end of the lifeline.
#[derive(Debug)]
pub struct Lifeline {
    pipe: File,
}

impl Lifeline {
    /// Opens the lifeline at `path` (the FIFO, or another process's descriptor in `/proc`).
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn open(path: &str) -> io::Result<Self> {
        let pipe = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK | libc::O_CLOEXEC).open(path)?;
        Ok(Self { pipe })
    }

    /// Opens it once more, with a description of its own: what [`Lifeline::watch`] sets must not be shared
    /// with the host's other children.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn reopen(&self) -> io::Result<Self> {
        Self::open(&format!("/proc/self/fd/{}", self.pipe.as_raw_fd()))
    }

    /// Whether the supervisor is gone.
    #[must_use]
    pub fn ended(&self) -> bool {
        at_end(self.pipe.as_raw_fd())
    }

    /// From now on, the end of the lifeline turns this process's output to /dev/null and raises the flag of
    /// [`SelfPipe`](crate::signal::SelfPipe).
    ///
    /// # Errors
    /// When the kernel refuses, or /dev/null cannot be opened.
    pub fn watch(&self) -> io::Result<()> {
        let null = OpenOptions::new().read(true).write(true).open("/dev/null")?;
        // Both stay open for the process's life: the handler uses them.
        WATCHED.dev_null.store(std::os::fd::IntoRawFd::into_raw_fd(null), Ordering::SeqCst);
        WATCHED.lifeline.store(self.pipe.as_raw_fd(), Ordering::SeqCst);
        crate::signal::handle_with(Signal::SIGIO, on_io)?;
        self.own()?;
        let flags = OFlag::from_bits_retain(fcntl(&self.pipe, FcntlArg::F_GETFL)?);
        fcntl(&self.pipe, FcntlArg::F_SETFL(flags | OFlag::O_ASYNC))?;
        // It may have ended before it was watched.
        on_io(0);
        Ok(())
    }

    /// Has the kernel signal this process as the user that it is now: who asked counts, and one who is not root of the whole
    /// machine may not signal another user. To be called anew after a change of the user.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn own(&self) -> io::Result<()> {
        // SAFETY: F_SETOWN with our own PID on a descriptor that we own; nix has no wrapper for it.
        if unsafe { libc::fcntl(self.pipe.as_raw_fd(), libc::F_SETOWN, libc::getpid()) } < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(())
    }
}

impl AsFd for Lifeline {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pipe.as_fd()
    }
}

impl Drop for Lifeline {
    fn drop(&mut self) {
        // The handler must not poll a number that may be somebody else's by then.
        let _ = WATCHED.lifeline.compare_exchange(self.pipe.as_raw_fd(), -1, Ordering::SeqCst, Ordering::SeqCst);
    }
}

extern "C" fn on_io(_signal: libc::c_int) {
    let fd = WATCHED.lifeline.load(Ordering::SeqCst);
    let null = WATCHED.dev_null.load(Ordering::SeqCst);
    if fd < 0 || null < 0 {
        return;
    }
    let errno = Errno::last_raw();
    if at_end(fd) {
        // SAFETY: dup2(2) is async-signal-safe, and so is `leave_drain`; the descriptor of /dev/null stays open for the
        // process's life (`watch`), and 1 and 2 are standard output and error by definition.
        unsafe {
            if WATCHED.job.swap(false, Ordering::SeqCst) {
                leave_drain();
            }
            libc::dup2(null, 1);
            libc::dup2(null, 2);
        }
        crate::signal::wake();
    }
    Errno::set_raw(errno);
}

/// Whether nobody holds the write end. By reading, since poll says nothing of a FIFO whose last writer had gone before
/// it was opened. Async-signal-safe.
fn at_end(fd: libc::c_int) -> bool {
    let mut byte = 0u8;
    // SAFETY: read(2) into a byte of our own, on a descriptor that is non-blocking (`Lifeline::open`).
    unsafe { libc::read(fd, (&raw mut byte).cast(), 1) == 0 }
}

/// Starts a process that reads what comes on 1 and 2, as long as this process lives.
///
/// Not inlined: its buffer is not to be in the frame of the handler, which each worker process calls once.
///
/// # Safety
/// Async-signal-safe: system calls alone, on its own stack, in the new process too, which never returns.
#[inline(never)]
unsafe fn leave_drain() {
    // SAFETY: see above. fork(2) without the C library's handlers, which may take locks; without an exit signal, so
    // that a job that waits for "any child" is not told of this one.
    unsafe {
        let parent = libc::getpid();
        // All zero: the order of the arguments, which differs between architectures, does not matter.
        if libc::syscall(libc::SYS_clone, 0, 0, 0, 0, 0) != 0 {
            return;
        }
        // SIGKILL alone ends it. It is in this process's group as well, which whoever reaps this process kills.
        let mut all = std::mem::zeroed();
        libc::sigfillset(&raw mut all);
        libc::sigprocmask(libc::SIG_SETMASK, &raw const all, std::ptr::null_mut());
        libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
        if libc::getppid() != parent {
            libc::_exit(0);
        }
        // The job servers must see the connections' end when this process's parent closes them.
        libc::syscall(libc::SYS_close_range, 3, libc::c_uint::MAX, 0);
        let mut fds = [1, 2].map(|fd| libc::pollfd { fd, events: libc::POLLIN, revents: 0 });
        for pipe in &mut fds {
            let mut stat: libc::stat = std::mem::zeroed();
            // Whatever else a job has made of them is not ours to read.
            if libc::fstat(pipe.fd, &raw mut stat) < 0 || stat.st_mode & libc::S_IFMT != libc::S_IFIFO {
                pipe.fd = -1;
            }
        }
        let mut bytes = [0_u8; 4096];
        while fds.iter().any(|pipe| pipe.fd >= 0) {
            libc::poll(fds.as_mut_ptr(), 2, -1);
            for pipe in &mut fds {
                if pipe.revents != 0 && libc::read(pipe.fd, bytes.as_mut_ptr().cast(), bytes.len()) <= 0 {
                    pipe.fd = -1;
                }
                pipe.revents = 0;
            }
        }
        libc::_exit(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_end_is_seen_also_when_it_is_opened_after_the_writer_has_gone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lifeline");
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
        let early = Lifeline::open(path.to_str().unwrap()).unwrap();
        let writer = OpenOptions::new().write(true).open(&path).unwrap();
        assert!(!early.ended() && !early.reopen().unwrap().ended());
        drop(writer);
        assert!(early.ended() && early.reopen().unwrap().ended());
    }
}
