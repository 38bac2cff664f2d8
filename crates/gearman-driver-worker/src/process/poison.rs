//! The job at work, and the list of those that have taken down processes before.
//!
//! The list is the supervisor's, in the scoreboard's file. Whether it has changed is one load for each job; while it is
//! empty, that is all. The driver's `loglevel` stands on the same page, and is followed here.

use std::cell::{Cell, RefCell};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::rc::Rc;

use gearman_driver_sys::shared::Slot;
use gearman_driver_wire::loglevel;
use gearman_driver_wire::poison::{
    ENTRIES, ENTRY_BYTES, Entry, HEAD_BYTES, IN_USE, Identity, LOGLEVEL, REGION, VERSION, at, entry_offset, key,
};
use gearman_protocol::JobAssignment;

use super::logger;

/// A job that was granted, as it is known beyond this process.
pub(super) struct AtWork {
    /// The place of its function in the job's functions, from 0.
    pub(super) function: usize,
    /// What stands in the slot while it is at work; `None`: it can't be told, and answers for nothing.
    pub(super) text: Option<String>,
    identity: Option<Identity>,
}

impl AtWork {
    pub(super) fn of(function: usize, assignment: &JobAssignment, server: &str) -> Self {
        let identity = Identity::of(assignment.handle(), assignment.unique(), server);
        Self { function, text: identity.as_ref().and_then(Identity::text), identity }
    }
}

/// The list, as this process last read it.
pub(super) struct Suspects {
    /// The functions of this process's job, by their places.
    functions: Rc<[String]>,
    head: Slot,
    scoreboard: File,
    version: Cell<u64>,
    loglevel: Cell<u64>,
    /// Each with its place.
    entries: RefCell<Vec<(usize, Entry)>>,
}

impl Suspects {
    pub(super) fn open(scoreboard: File, functions: Rc<[String]>) -> io::Result<Self> {
        let head = Slot::map(&scoreboard, REGION, HEAD_BYTES)?;
        let (version, loglevel) = (Cell::new(0), Cell::new(0));
        let suspects = Self { functions, head, scoreboard, version, loglevel, entries: RefCell::default() };
        suspects.refresh();
        Ok(suspects)
    }

    /// What to tell the client, where the job is poison: it is not to be run.
    pub(super) fn refuse(&self, work: &AtWork) -> Option<String> {
        self.find(work).filter(|(_, entry)| entry.poison).map(|(_, entry)| entry.message)
    }

    /// The job has its answer, whichever: from now on its entry counts for nobody. Called before the answer is sent, so that
    /// a client that submits the same again finds it so.
    pub(super) fn answered(&self, work: &AtWork) {
        if let Some((place, entry)) = self.find(work) {
            // Not by a write: a limit of the size of files (`rlimits.fsize`) would end this process, so far behind in the file.
            match Slot::map(&self.scoreboard, entry_offset(place) + at::ANSWERED as u64, 8) {
                Ok(word) => word.store(0, entry.number),
                Err(error) => log::warn!("that a suspect has been answered can't be noted: {error}"),
            }
        }
    }

    /// The job's entry as it is now.
    fn find(&self, work: &AtWork) -> Option<(usize, Entry)> {
        self.refresh();
        let entries = self.entries.borrow();
        if entries.is_empty() {
            return None;
        }
        let wanted = key(self.functions.get(work.function)?, work.identity.as_ref()?);
        let (place, known) = entries.iter().find(|(_, entry)| entry.key == wanted)?;
        // Another process may have answered the job since.
        let now = self.read(*place).ok()??;
        (now.number == known.number).then_some((*place, now))
    }

    fn refresh(&self) {
        let loglevel = self.head.load(LOGLEVEL);
        if loglevel != self.loglevel.replace(loglevel)
            && let Some(name) = loglevel::name(loglevel)
        {
            logger::set_level(name);
        }
        let version = self.head.load(VERSION);
        if version == self.version.replace(version) {
            return;
        }
        let in_use = usize::try_from(self.head.load(IN_USE)).unwrap_or(0).min(ENTRIES);
        let read = (0..in_use).filter_map(|place| Some((place, self.read(place).ok()??)));
        self.entries.replace(read.collect());
    }

    fn read(&self, place: usize) -> io::Result<Option<Entry>> {
        let mut bytes = [0; ENTRY_BYTES];
        self.scoreboard.read_exact_at(&mut bytes, entry_offset(place))?;
        Ok(Entry::read(&bytes))
    }
}
