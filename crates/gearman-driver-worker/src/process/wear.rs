//! What a worker process has used up of its life: jobs and memory.
//!
//! At a limit, lowered by this process's part of the jitter, it says in the scoreboard that it is spent, and goes on: the
//! driver starts its replacement first and then asks it to stop. At `max_jobs` itself it begins no further job.

use std::cell::Cell;
use std::time::Duration;

use gearman_driver_sys::clock::monotonic;
use gearman_driver_sys::memory;
use gearman_driver_wire::job_limits::JobLimits;
use gearman_driver_wire::scoreboard::Spent;

use super::board::Board;
use super::chance::{lowered, unit};

/// Memory is measured no more often than this.
const MEASURE_EVERY: Duration = Duration::from_secs(1);
/// Nor so often that it takes more than this part of the time: a hundredth.
const MEASURE_PART: u32 = 100;

/// The wear of this process.
pub(super) struct Wear {
    /// Jobs begun.
    begun: Cell<u64>,
    /// When it is spent.
    spent_at: u64,
    /// When it begins no more.
    max_jobs: u64,
    memory: Option<Memory>,
}

/// A limit of memory.
struct Memory {
    /// What the process had to itself at its start.
    at_start: u64,
    /// By how much that may grow.
    may_grow: u64,
    max_memory: u64,
    /// When it is measured next, by the monotonic clock. `None`: not any more.
    next: Cell<Option<Duration>>,
}

impl Wear {
    /// The wear of a process that begins now: `process_start` is done.
    pub(super) fn new(limits: &JobLimits) -> Self {
        let jitter = limits.jitter.unwrap_or(JobLimits::JITTER);
        let memory = limits.max_memory.and_then(|max_memory| {
            let at_start = memory::unique().map_err(|error| cannot_measure(&error)).ok()?;
            let may_grow = lowered(max_memory, jitter, unit());
            Some(Memory { at_start, may_grow, max_memory, next: Cell::new(Some(Duration::ZERO)) })
        });
        Self {
            begun: Cell::new(0),
            spent_at: limits.max_jobs.map_or(u64::MAX, |max_jobs| lowered(max_jobs, jitter, unit())),
            max_jobs: limits.max_jobs.unwrap_or(u64::MAX),
            memory,
        }
    }

    /// A job begins. Whether it is the last one that this process may begin.
    pub(super) fn begin(&self, board: &Board) -> bool {
        let begun = self.begun.get() + 1;
        self.begun.set(begun);
        if begun == self.spent_at {
            log::debug!("max_jobs: this process has begun {begun} jobs, and is to be replaced");
            board.spent(Spent::Jobs);
        }
        begun >= self.max_jobs
    }

    /// Measures the memory, where it has a limit and a measurement is due. For between two jobs.
    pub(super) fn measure(&self, board: &Board) {
        let Some(memory) = &self.memory else { return };
        let now = monotonic();
        if memory.next.get().is_none_or(|next| now < next) {
            return;
        }
        let grown = match memory::unique() {
            Ok(unique) => unique.saturating_sub(memory.at_start),
            Err(error) => {
                cannot_measure(&error);
                return memory.next.set(None);
            }
        };
        if grown >= memory.may_grow {
            log::info!(
                "max_memory: this process has grown by {:.1} MB of at most {:.1} MB, and is to be replaced",
                megabytes(grown),
                megabytes(memory.max_memory)
            );
            board.spent(Spent::Memory);
            return memory.next.set(None);
        }
        let ended = monotonic();
        let pause = MEASURE_EVERY.max(ended.saturating_sub(now) * MEASURE_PART);
        memory.next.set(Some(ended + pause));
    }
}

fn cannot_measure(error: &std::io::Error) {
    log::warn!("max_memory can't be kept: the memory of this process can't be measured: {error}");
}

fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}
