//! The supervisor's side of the scoreboard: the memory, which slots are taken, and what stands in them.

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;

use gearman_driver_core::level::Level;
use gearman_driver_core::process::{Activity, ActivityState, CurrentJob, JobAtWork, LastError, Spent};
use gearman_driver_wire::loglevel;
use gearman_driver_wire::poison::{self, FILE_BYTES};
use gearman_driver_wire::scoreboard::{self, SLOT_BYTES, SLOTS, Slot, State, at};
use nix::sys::memfd::{MFdFlags, memfd_create};

use crate::clock::{Clock, unix_seconds};

/// The scoreboard.
#[derive(Debug)]
pub(crate) struct Scoreboard {
    memory: File,
    freed: BTreeSet<u32>,
    next: u32,
}

impl Scoreboard {
    pub(crate) fn create() -> io::Result<Self> {
        let memory = File::from(memfd_create(c"gearman-driver-scoreboard", MFdFlags::MFD_CLOEXEC)?);
        memory.set_len(FILE_BYTES)?;
        Ok(Self { memory, freed: BTreeSet::new(), next: 0 })
    }

    /// Tells the processes the driver's `loglevel`.
    pub(crate) fn tell_loglevel(&self, level: Level) -> io::Result<()> {
        self.memory.write_all_at(&loglevel::word(level.name()).to_ne_bytes(), poison::REGION + poison::LOGLEVEL as u64)
    }

    /// The file, for what stands behind the slots.
    pub(crate) fn file(&self) -> &File {
        &self.memory
    }

    /// The path under which a host opens it.
    pub(crate) fn path(&self) -> String {
        format!("/proc/{}/fd/{}", std::process::id(), self.memory.as_raw_fd())
    }

    /// Takes a free slot for a process: the lowest, so that few pages are used.
    pub(crate) fn take(&mut self, process: u64) -> io::Result<u32> {
        let slot = match self.freed.pop_first() {
            Some(slot) => slot,
            None if self.next == SLOTS => return Err(io::Error::other("all slots of the scoreboard are taken")),
            None => {
                self.next += 1;
                self.next - 1
            }
        };
        self.memory.write_all_at(&process.to_ne_bytes(), scoreboard::offset(slot) + at::PROCESS as u64)?;
        Ok(slot)
    }

    /// Gives a slot back; what stood there no longer counts.
    pub(crate) fn free(&mut self, slot: u32) {
        // Zeroing a slot of our own memory can't fail; if it did, the process's number in it would tell it from a new one.
        let _ = self.memory.write_all_at(&[0; SLOT_BYTES], scoreboard::offset(slot));
        self.freed.insert(slot);
    }

    /// What the process with that number has written into its slot; `None` before it has.
    pub(crate) fn read(&self, slot: u32, process: u64) -> Option<Slot> {
        let mut bytes = [0; SLOT_BYTES];
        self.memory.read_exact_at(&mut bytes, scoreboard::offset(slot)).ok()?;
        let mut read = Slot::read(&bytes).filter(|read| read.process == process)?;
        // A text that was written twice meanwhile may be half of each: then it is left out.
        let written_twice = |place: usize| {
            let mut count = [0; 8];
            self.memory.read_exact_at(&mut count, scoreboard::offset(slot) + place as u64).ok()?;
            let before = u64::from_ne_bytes(bytes[place..place + 8].try_into().expect("eight bytes"));
            Some(u64::from_ne_bytes(count).wrapping_sub(before) > 1)
        };
        for (place, text) in [(at::MESSAGE, &mut read.message), (at::HANDLE, &mut read.handle)] {
            if written_twice(place)? {
                text.clear();
            }
        }
        if written_twice(at::AT_WORK)? {
            read.at_work = None;
        }
        Some(read)
    }
}

/// A slot in the manager's terms. `functions` are those of the process's job.
pub(crate) fn activity(slot: &Slot, clock: Clock, functions: &[String]) -> Activity {
    let state = match slot.state {
        State::Starting => ActivityState::Starting,
        State::Idle => ActivityState::Idle,
        State::Busy => ActivityState::Busy,
        State::Draining => ActivityState::Draining,
    };
    let at_work = slot.at_work.as_ref().and_then(|work| {
        let function = functions.get(work.function)?.clone();
        let gearman_driver_wire::poison::Identity { handle, unique, server } = work.identity.clone();
        Some(Box::new(JobAtWork { function, handle, unique, server }))
    });
    let current = slot.function.and_then(|function| functions.get(function)).map(|function| CurrentJob {
        function: function.clone(),
        handle: slot.handle.clone(),
        started: clock.workers(slot.job_started.unwrap_or(slot.state_since)),
    });
    Activity {
        state,
        since: clock.workers(slot.state_since),
        last_run: slot.last_run.map(unix_seconds),
        last_error: slot.last_error.map(|millis| LastError { at: unix_seconds(millis), message: slot.message.clone() }),
        jobs_done: slot.done.saturating_add(slot.failed),
        current,
        at_work,
        spent: slot.spent.map(|spent| match spent {
            scoreboard::Spent::Jobs => Spent::Jobs,
            scoreboard::Spent::Memory => Spent::Memory,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_free_slot_is_taken_and_a_freed_one_reads_as_nobodys() {
        let mut board = Scoreboard::create().unwrap();
        assert_eq!([5, 7, 9].map(|process| board.take(process).unwrap()), [0, 1, 2]);
        let mut bytes = [0; SLOT_BYTES];
        bytes[at::PID..at::PID + 8].copy_from_slice(&42u64.to_ne_bytes());
        bytes[at::PROCESS..at::PROCESS + 8].copy_from_slice(&7u64.to_ne_bytes());
        bytes[at::STATE..at::STATE + 8].copy_from_slice(&2u64.to_ne_bytes());
        board.memory.write_all_at(&bytes, scoreboard::offset(1)).unwrap();
        assert_eq!(board.read(1, 7).unwrap().pid, 42);
        assert_eq!(board.read(1, 8), None, "another process's");
        board.free(1);
        assert_eq!(board.read(1, 7), None);
        assert_eq!(board.take(8).unwrap(), 1);
        let mut process = [0; 8];
        board.memory.read_exact_at(&mut process, scoreboard::offset(1) + at::PROCESS as u64).unwrap();
        assert_eq!(u64::from_ne_bytes(process), 8, "told before the process is ordered");
    }
}
