//! A thread that tells clients that their job takes too long, while its method still runs. Only processes of jobs with a
//! `timeout` have it; the blocking loop's, since there the only other thread is in the method.
//!
//! What goes out over the connection of the job in hand goes out under one lock: the failure from here, data and status from
//! the method. After the failure nothing more of that job is sent. The lock also orders what both threads write to the
//! scoreboard.
//!
//! A job costs two locks that are free, and no system call: the thread is not told of each job. It sleeps until the job
//! that it saw last would be due, and looks then whether that or a later one is in hand; only where it saw none it waits
//! to be woken.

use std::io;
use std::net::TcpStream;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use gearman_driver_sys::clock::monotonic;
use gearman_driver_sys::signal;

use super::board::Board;
use super::outgoing::Outgoing;
use crate::api::{Answer, Notes, timed_out};

/// It writes a few lines and packets.
const STACK_BYTES: usize = 128 << 10;

/// The watchdog of this process. It ends when this is dropped.
pub(super) struct Watchdog {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    timeout: Duration,
    board: Arc<Board>,
    state: Mutex<State>,
    wake: Condvar,
}

#[derive(Default)]
struct State {
    job: Option<InHand>,
    /// The handle of that job; kept, so that no job allocates.
    handle: Vec<u8>,
    /// The thread waits to be woken.
    waits: bool,
    over: bool,
}

/// The job in hand.
struct InHand {
    stream: Arc<TcpStream>,
    exceptions: bool,
    started: Duration,
    /// When it fails; `None`: it has failed.
    due: Option<Instant>,
}

impl Watchdog {
    /// Starts the thread. All signals are the main thread's: one that came here would not interrupt what that waits for.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub(super) fn start(timeout: Duration, board: Arc<Board>) -> io::Result<Self> {
        let shared = Arc::new(Shared { timeout, board, state: Mutex::default(), wake: Condvar::new() });
        let mask = signal::block_all()?;
        let of_thread = Arc::clone(&shared);
        let thread = Builder::new().name("timeout".to_owned()).stack_size(STACK_BYTES).spawn(move || of_thread.watch());
        signal::set_mask(&mask)?;
        Ok(Self { shared, thread: Some(thread?) })
    }

    /// A job begins that came over `stream`.
    pub(super) fn begin(&self, stream: &Arc<TcpStream>, handle: &[u8], exceptions: bool, started: Duration) {
        // Where the timeout is longer than the clock goes, there is none.
        let due = Instant::now().checked_add(self.shared.timeout);
        let mut state = self.shared.lock();
        state.handle.clear();
        state.handle.extend_from_slice(handle);
        state.job = Some(InHand { stream: Arc::clone(stream), exceptions, started, due });
        if state.waits {
            self.shared.wake.notify_one();
        }
    }

    /// The method has returned. Whether its job has failed before.
    pub(super) fn end(&self) -> bool {
        self.shared.lock().job.take().is_some_and(|job| job.due.is_none())
    }

    /// Does something for the job in hand; `None`, and not done, where that has failed. The failure waits meanwhile.
    pub(super) fn unless_failed<T>(&self, act: impl FnOnce() -> T) -> Option<T> {
        let state = self.shared.lock();
        let failed = state.job.as_ref().is_some_and(|job| job.due.is_none());
        (!failed).then(act)
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.shared.lock().over = true;
        self.shared.wake.notify_one();
        if let Some(thread) = self.thread.take() {
            // It has no code of a worker's in it.
            let _ = thread.join();
        }
    }
}

/// The notes of a job that has not failed yet; a late error does not take the place of the timeout.
impl Notes for Watchdog {
    fn ran(&self) {
        self.shared.board.ran();
    }

    fn failed(&self, message: &str) {
        self.unless_failed(|| self.shared.board.failed(message));
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn watch(&self) {
        let mut state = self.lock();
        while !state.over {
            let due = state.job.as_ref().and_then(|job| job.due);
            let Some(due) = due else {
                state.waits = true;
                state = self.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
                state.waits = false;
                continue;
            };
            let wait = due.saturating_duration_since(Instant::now());
            if wait.is_zero() {
                self.fail(&mut state);
            } else {
                state = self.wake.wait_timeout(state, wait).unwrap_or_else(PoisonError::into_inner).0;
            }
        }
    }

    /// Fails the job in hand, as if its method had.
    fn fail(&self, state: &mut State) {
        let State { job: Some(job), handle, .. } = state else { return };
        job.due = None;
        let message = timed_out(self.timeout);
        // Before it is sent: who gets it and asks the console then sees it.
        self.board.note_error(&message);
        self.board.count(false, monotonic().saturating_sub(job.started));
        log::warn!("{message}: the job's client is told that it has failed; its method still runs");
        let answer = if job.exceptions { Answer::Exception { message } } else { Answer::Fail { message } };
        let mut out = Outgoing::default();
        let sent = out.answer(handle, answer).map_err(io::Error::other).and_then(|()| out.send(&job.stream));
        if let Err(error) = sent {
            // The main thread finds the same out when it sends next.
            log::warn!("the failure of job {} could not be sent: {error}", String::from_utf8_lossy(handle));
        }
    }
}
