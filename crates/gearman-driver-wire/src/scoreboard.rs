//! The scoreboard: shared memory in which each worker process says what it does, in a slot of its own.
//!
//! No message is sent per job; the supervisor reads a slot when it is asked. Readers never wait for a writer:
//! each number is one aligned 64-bit word in the machine's byte order, and the texts have two places each, of which
//! the writer fills the one that is not shown before it says that it counts. A writer that has no shared memory
//! at hand (Perl, Python) can serve it with `pwrite`. A slot is a worker's word: whatever it holds, reading it is bounded.
//!
//! | offset | what (u64) |
//! | --- | --- |
//! | 0 | PID, written last when a process takes the slot; 0: free |
//! | 8 | the supervisor's number for the process, written by the supervisor before it orders the process |
//! | 16 | state: 1 starting, 2 idle, 3 busy, 4 draining |
//! | 24 | when the state began: monotonic clock, nanoseconds |
//! | 32 | jobs answered with success |
//! | 40 | jobs that failed |
//! | 48 | last run: Unix time, milliseconds; 0: never |
//! | 56 | last error: Unix time, milliseconds; 0: never |
//! | 64 | when the job in hand began: monotonic clock, nanoseconds; 0: none in hand |
//! | 72 | the function of the job in hand: its place in the job's functions, from 1; 0: none |
//! | 80 | job servers that it is registered with |
//! | 88 | service time of all jobs, summed, microseconds |
//! | 96 | service times: 32 counts, the n-th of those below 2ⁿ µs (the last: all above) |
//! | 352 | last error message: how often one was written; the n-th is in place n mod 2 |
//! | 360, 368 | length of the message in place 0, in place 1 |
//! | 376, 888 | the places: 512 bytes each |
//! | 1400 | handle of the job in hand: how often one was written |
//! | 1408, 1416 | length of the handle in place 0, in place 1 |
//! | 1424, 1488 | the places: 64 bytes each |
//! | 1552 | the function of the job at work: its place in the job's functions, from 1; 0: none |
//! | 1560 | what the job at work is known by: how often it was written |
//! | 1568, 1576 | length of the text in place 0, in place 1 |
//! | 1584, 1752 | the places: 168 bytes each |
//! | 1920 | the limit of its life that the process has reached, so that it is to be replaced: 1 `max_jobs`, 2 `max_memory`; 0: none |
//!
//! The *job at work* is the one that answers for it if the process goes down, see [`crate::poison`]. After the slots
//! comes the list of such jobs.

use crate::poison::Identity;

/// Bytes of a slot: two share a page, none crosses one.
pub const SLOT_BYTES: usize = 2048;
/// Slots of a scoreboard: as many as a driver can have processes. The memory is sparse.
pub const SLOTS: u32 = 65_536;
/// The longest last error message kept, in bytes.
pub const MESSAGE_BYTES: usize = 512;
/// The longest handle kept, in bytes.
pub const HANDLE_BYTES: usize = 64;
/// The longest text by which a job at work is known, in bytes. One that is longer is not written.
pub const AT_WORK_BYTES: usize = 168;
/// Counts of the histogram of service times.
pub const HISTOGRAM: usize = 32;

/// Offsets of the words in a slot.
#[allow(missing_docs, reason = "the module's table says what each is")]
pub mod at {
    pub const PID: usize = 0;
    pub const PROCESS: usize = 8;
    pub const STATE: usize = 16;
    pub const STATE_SINCE: usize = 24;
    pub const DONE: usize = 32;
    pub const FAILED: usize = 40;
    pub const LAST_RUN: usize = 48;
    pub const LAST_ERROR: usize = 56;
    pub const JOB_STARTED: usize = 64;
    pub const FUNCTION: usize = 72;
    pub const SERVERS: usize = 80;
    pub const SERVICE_MICROS: usize = 88;
    pub const HISTOGRAM: usize = 96;
    pub const MESSAGE: usize = 352;
    pub const HANDLE: usize = 1400;
    pub const AT_WORK_FUNCTION: usize = 1552;
    pub const AT_WORK: usize = 1560;
    pub const SPENT: usize = 1920;
}

/// One of the texts of a slot: a count, two lengths, two places.
#[derive(Debug, Clone, Copy)]
pub struct TextPlace {
    /// Offset of its count.
    pub at: usize,
    /// Bytes of each of its places.
    pub capacity: usize,
}

/// The last error message.
pub const MESSAGE: TextPlace = TextPlace { at: at::MESSAGE, capacity: MESSAGE_BYTES };
/// The handle of the job in hand.
pub const HANDLE: TextPlace = TextPlace { at: at::HANDLE, capacity: HANDLE_BYTES };
/// What the job at work is known by.
pub const AT_WORK: TextPlace = TextPlace { at: at::AT_WORK, capacity: AT_WORK_BYTES };

impl TextPlace {
    /// Offset of the length of the `n`-th text.
    #[must_use]
    pub fn length_at(self, n: u64) -> usize {
        self.at + 8 + 8 * usize::from(n % 2 == 1)
    }

    /// Offset of the bytes of the `n`-th text.
    #[must_use]
    pub fn bytes_at(self, n: u64) -> usize {
        self.at + 24 + self.capacity * usize::from(n % 2 == 1)
    }
}

/// Where slot `slot` begins in the scoreboard.
#[must_use]
pub fn offset(slot: u32) -> u64 {
    u64::from(slot) * SLOT_BYTES as u64
}

/// The word at offset `at` of `bytes`, which are long enough.
pub(crate) fn word(bytes: &[u8], at: usize) -> u64 {
    let mut eight = [0; 8];
    eight.copy_from_slice(&bytes[at..at + 8]);
    u64::from_ne_bytes(eight)
}

/// The place in the histogram for a service time.
#[must_use]
pub fn bucket(micros: u64) -> usize {
    ((u64::BITS - micros.leading_zeros()) as usize).min(HISTOGRAM - 1)
}

/// What a worker process does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Forked; its `process_start` may be running.
    Starting = 1,
    /// Has no job.
    Idle = 2,
    /// Has a job.
    Busy = 3,
    /// Was asked to stop; may still have a job.
    Draining = 4,
}

impl State {
    fn from_word(word: u64) -> Option<Self> {
        Some(match word {
            1 => Self::Starting,
            2 => Self::Idle,
            3 => Self::Busy,
            4 => Self::Draining,
            _ => return None,
        })
    }
}

/// A limit of a process's life that it has reached. It takes jobs all the same, until it is asked to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spent {
    /// `max_jobs`, less its part of the jitter.
    Jobs = 1,
    /// `max_memory`, less its part of the jitter.
    Memory = 2,
}

impl Spent {
    fn from_word(word: u64) -> Option<Self> {
        match word {
            1 => Some(Self::Jobs),
            2 => Some(Self::Memory),
            _ => None,
        }
    }
}

/// A slot, as read.
#[derive(Debug, Clone, PartialEq)]
pub struct Slot {
    /// The process's PID.
    pub pid: u32,
    /// The supervisor's number for the process.
    pub process: u64,
    /// What it does.
    pub state: State,
    /// When the state began: monotonic clock, nanoseconds.
    pub state_since: u64,
    /// Jobs answered with success.
    pub done: u64,
    /// Jobs that failed.
    pub failed: u64,
    /// Unix time of the last run, milliseconds.
    pub last_run: Option<u64>,
    /// Unix time of the last error, milliseconds.
    pub last_error: Option<u64>,
    /// The last error's message.
    pub message: String,
    /// When the job in hand began: monotonic clock, nanoseconds.
    pub job_started: Option<u64>,
    /// The place of the function of the job in hand in the job's functions, from 0.
    pub function: Option<usize>,
    /// The handle of the job in hand, or of the last one.
    pub handle: String,
    /// Job servers that it is registered with.
    pub servers: u64,
    /// Service time of all jobs, summed, microseconds.
    pub service_micros: u64,
    /// Histogram of service times, see [`bucket`].
    pub histogram: [u64; HISTOGRAM],
    /// The job that answers for it if the process goes down now.
    pub at_work: Option<AtWork>,
    /// The limit that it has reached.
    pub spent: Option<Spent>,
}

/// A job at work, as its process names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AtWork {
    /// The place of its function in the job's functions, from 0.
    pub function: usize,
    /// What it is known by.
    pub identity: Identity,
}

impl Slot {
    /// Reads a slot's bytes; `None` when no process has it (or what is there is no slot).
    #[must_use]
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let bytes = bytes.get(..SLOT_BYTES)?;
        let word = |at: usize| word(bytes, at);
        let pid = u32::try_from(word(at::PID)).ok().filter(|pid| *pid != 0)?;
        let text = |place: TextPlace| {
            let n = word(place.at);
            let length = usize::try_from(word(place.length_at(n))).unwrap_or(usize::MAX).min(place.capacity);
            let start = place.bytes_at(n);
            String::from_utf8_lossy(&bytes[start..start + length]).into_owned()
        };
        let some = |word: u64| (word != 0).then_some(word);
        let mut histogram = [0; HISTOGRAM];
        for (i, count) in histogram.iter_mut().enumerate() {
            *count = word(at::HISTOGRAM + 8 * i);
        }
        Some(Self {
            pid,
            process: word(at::PROCESS),
            state: State::from_word(word(at::STATE))?,
            state_since: word(at::STATE_SINCE),
            done: word(at::DONE),
            failed: word(at::FAILED),
            last_run: some(word(at::LAST_RUN)),
            last_error: some(word(at::LAST_ERROR)),
            message: text(MESSAGE),
            job_started: some(word(at::JOB_STARTED)),
            function: some(word(at::FUNCTION)).and_then(|n| usize::try_from(n - 1).ok()),
            handle: text(HANDLE),
            servers: word(at::SERVERS),
            service_micros: word(at::SERVICE_MICROS),
            histogram,
            at_work: some(word(at::AT_WORK_FUNCTION)).and_then(|n| {
                let identity = Identity::read(&text(AT_WORK))?;
                Some(AtWork { function: usize::try_from(n - 1).ok()?, identity })
            }),
            spent: Spent::from_word(word(at::SPENT)),
        })
    }
}

const _: () = {
    assert!(at::MESSAGE == at::HISTOGRAM + 8 * HISTOGRAM);
    assert!(at::HANDLE == at::MESSAGE + 24 + 2 * MESSAGE_BYTES);
    assert!(at::AT_WORK_FUNCTION == at::HANDLE + 24 + 2 * HANDLE_BYTES);
    assert!(at::AT_WORK + 24 + 2 * AT_WORK_BYTES == at::SPENT);
    assert!(at::SPENT + 8 <= SLOT_BYTES);
    assert!(4096 % SLOT_BYTES == 0);
};

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn service_times_fall_into_powers_of_two() {
        assert_eq!([0, 1, 2, 3, 4, 1023, 1024].map(bucket), [0, 1, 2, 2, 3, 10, 11]);
        assert_eq!(bucket(u64::MAX), HISTOGRAM - 1);
    }

    #[test]
    fn a_free_slot_is_none() {
        assert_eq!(Slot::read(&[0; SLOT_BYTES]), None);
        assert_eq!(Slot::read(&[1; 100]), None);
    }

    proptest! {
        #[test]
        fn a_mad_workers_slot_reads_bounded(bytes in proptest::collection::vec(any::<u8>(), SLOT_BYTES), pid in 1u64..4_000_000, state in 1u64..5) {
            let mut bytes = bytes;
            bytes[..8].copy_from_slice(&pid.to_ne_bytes());
            bytes[at::STATE..at::STATE + 8].copy_from_slice(&state.to_ne_bytes());
            let slot = Slot::read(&bytes).expect("PID and state are sound");
            // A byte that is no UTF-8 is shown as three.
            prop_assert!(slot.message.len() <= 3 * MESSAGE_BYTES && slot.handle.len() <= 3 * HANDLE_BYTES);
        }
    }
}
