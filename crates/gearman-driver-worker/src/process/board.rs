//! This process's slot of the scoreboard, written as the job loop goes on.

use std::fs::File;
use std::io;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use gearman_driver_sys::clock::monotonic;
use gearman_driver_sys::shared::Slot;
use gearman_driver_wire::scoreboard::{self, AT_WORK, HANDLE, MESSAGE, SLOT_BYTES, Spent, State, TextPlace, at};

use super::poison::AtWork;
use crate::api::Notes;

/// The writer of a slot.
pub(super) struct Board {
    slot: Slot,
}

impl Board {
    /// Takes the slot for this process, which is starting.
    pub(super) fn open(scoreboard: &File, slot: u32, process: u64) -> io::Result<Self> {
        let board = Self { slot: Slot::map(scoreboard, scoreboard::offset(slot), SLOT_BYTES)? };
        // The supervisor has zeroed the slot and written for whom it is. A process that its host forked in its last moment
        // may be known to nobody: by now its slot may be another's.
        if board.slot.load(at::PROCESS) != process {
            return Err(io::Error::other("it was given to another process meanwhile"));
        }
        board.state(State::Starting);
        // Last: with the PID the slot counts.
        board.slot.store(at::PID, u64::from(std::process::id()));
        Ok(board)
    }

    pub(super) fn state(&self, state: State) {
        self.slot.store(at::STATE_SINCE, monotonic().as_nanos() as u64);
        self.slot.store(at::STATE, state as u64);
    }

    /// A job begins: the `function`-th of the job's functions, from 0.
    pub(super) fn begin(&self, function: usize, handle: &[u8], started: Duration, was_idle: bool) {
        let nanos = started.as_nanos() as u64;
        self.text(HANDLE, handle);
        self.slot.store(at::FUNCTION, function as u64 + 1);
        self.slot.store(at::JOB_STARTED, nanos);
        if was_idle {
            self.slot.store(at::STATE_SINCE, nanos);
            self.slot.store(at::STATE, State::Busy as u64);
        }
    }

    /// This job answers for it if the process goes down.
    pub(super) fn at_work(&self, work: &AtWork) {
        let Some(text) = &work.text else { return self.nobody_at_work() };
        self.text(AT_WORK, text.as_bytes());
        self.slot.store(at::AT_WORK_FUNCTION, work.function as u64 + 1);
    }

    /// No job answers for it.
    pub(super) fn nobody_at_work(&self) {
        self.slot.store(at::AT_WORK_FUNCTION, 0);
    }

    /// The job has its answer, which is not sent yet.
    pub(super) fn finish(&self, succeeded: bool, took: Duration) {
        self.count(succeeded, took);
        self.none_in_hand();
    }

    /// Counts a job that has its answer.
    pub(super) fn count(&self, succeeded: bool, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.slot.add(if succeeded { at::DONE } else { at::FAILED }, 1);
        self.slot.add(at::SERVICE_MICROS, micros);
        self.slot.add(at::HISTOGRAM + 8 * scoreboard::bucket(micros), 1);
    }

    /// No job is in hand.
    pub(super) fn none_in_hand(&self) {
        self.nobody_at_work();
        self.slot.store(at::JOB_STARTED, 0);
        self.slot.store(at::FUNCTION, 0);
    }

    /// How many job servers this process is registered with.
    pub(super) fn servers(&self, count: usize) {
        self.slot.store(at::SERVERS, count as u64);
    }

    /// The process has reached a limit of its life.
    pub(super) fn spent(&self, limit: Spent) {
        self.slot.store(at::SPENT, limit as u64);
    }

    /// Keeps the last error and its message.
    pub(super) fn note_error(&self, message: &str) {
        self.text(MESSAGE, message.as_bytes());
        self.slot.store(at::LAST_ERROR, unix_millis());
    }

    fn text(&self, place: TextPlace, text: &[u8]) {
        let n = self.slot.load(place.at).wrapping_add(1);
        let text = &text[..text.len().min(place.capacity)];
        self.slot.write(place.bytes_at(n), text);
        self.slot.store(place.length_at(n), text.len() as u64);
        self.slot.store(place.at, n);
    }
}

impl Notes for Board {
    fn ran(&self) {
        self.slot.store(at::LAST_RUN, unix_millis());
    }

    fn failed(&self, message: &str) {
        self.note_error(message);
    }
}

fn unix_millis() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
