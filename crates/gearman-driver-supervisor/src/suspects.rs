//! The list of jobs that have taken down processes: for the workers in the scoreboard's file, for the next driver in the
//! state directory.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use gearman_driver_core::manager::{Event, MAX_SUSPECTS, Suspect};
use gearman_driver_wire::poison::{ENTRIES, Entry, IN_USE, Identity, REGION, VERSION, at, entry_offset, key};

use crate::event_loop::Supervisor;

/// The list as it stands in the scoreboard's file.
#[derive(Debug, Default)]
pub(crate) struct Published {
    /// The place of each entry, by its number.
    places: BTreeMap<u64, usize>,
    version: u64,
}

impl Published {
    /// Whether there is anything that a worker could answer.
    pub(crate) fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Makes the file say what `suspects` says.
    fn publish(&mut self, file: &File, suspects: &[Suspect]) -> io::Result<()> {
        let wanted: BTreeSet<u64> = suspects.iter().map(|suspect| suspect.number).collect();
        let gone: Vec<(u64, usize)> =
            self.places.iter().filter(|(number, _)| !wanted.contains(number)).map(|(n, place)| (*n, *place)).collect();
        for (number, place) in gone {
            write(file, entry_offset(place) + at::NUMBER as u64, 0)?;
            self.places.remove(&number);
        }
        let taken: BTreeSet<usize> = self.places.values().copied().collect();
        let mut free = (0..ENTRIES).filter(|place| !taken.contains(place));
        for suspect in suspects {
            if self.places.contains_key(&suspect.number) {
                continue;
            }
            let Some(bytes) = entry(suspect).bytes() else { continue };
            let Some(place) = free.next() else { break };
            file.write_all_at(&bytes, entry_offset(place))?;
            write(file, entry_offset(place) + at::NUMBER as u64, suspect.number)?;
            self.places.insert(suspect.number, place);
        }
        let in_use = self.places.values().max().map_or(0, |place| place + 1);
        write(file, REGION + IN_USE as u64, in_use as u64)?;
        self.version += 1;
        write(file, REGION + VERSION as u64, self.version)
    }

    /// The numbers of those that workers have answered.
    fn answered(&self, file: &File) -> Vec<u64> {
        let is_answered = |number: u64, place: usize| {
            let mut word = [0; 8];
            file.read_exact_at(&mut word, entry_offset(place) + at::ANSWERED as u64).is_ok()
                && u64::from_ne_bytes(word) == number
        };
        self.places.iter().filter(|&(number, place)| is_answered(*number, *place)).map(|(number, _)| *number).collect()
    }
}

fn entry(suspect: &Suspect) -> Entry {
    let work = &suspect.at_work;
    let identity = Identity { handle: work.handle.clone(), unique: work.unique.clone(), server: work.server.clone() };
    Entry {
        number: suspect.number,
        poison: suspect.poison,
        key: key(&work.function, &identity),
        message: suspect.message(),
    }
}

fn write(file: &File, offset: u64, word: u64) -> io::Result<()> {
    file.write_all_at(&word.to_ne_bytes(), offset)
}

impl Supervisor {
    /// Tells the workers, and keeps the list for the next driver.
    pub(crate) fn suspects(&mut self, suspects: &[Suspect]) {
        if let Err(error) = self.published.publish(self.scoreboard.file(), suspects) {
            self.log.error(&format!("the workers can't be told of jobs that take processes down: {error}"));
        }
        self.state.keep(suspects, self.clock.now(), &self.log);
    }

    /// Tells the manager which suspects the workers have answered meanwhile.
    pub(crate) async fn note_answers(&mut self) {
        let suspects = self.published.answered(self.scoreboard.file());
        if !suspects.is_empty() {
            self.event(Event::Answered { suspects }).await;
        }
    }
}

const _: () = assert!(ENTRIES >= MAX_SUSPECTS);

#[cfg(test)]
mod tests {
    use gearman_driver_core::process::{ExitStatus, JobAtWork};
    use gearman_driver_core::time::Time;
    use gearman_driver_wire::poison::{ENTRY_BYTES, FILE_BYTES};

    use super::*;

    fn suspect(number: u64, unique: &str) -> Suspect {
        let at_work = JobAtWork {
            function: "f".into(),
            handle: "H:a:1".into(),
            unique: unique.into(),
            server: if unique.is_empty() { "a:4730".into() } else { String::new() },
        };
        Suspect {
            number,
            job: "job".into(),
            at_work,
            deaths: 3,
            poison: true,
            last_end: ExitStatus::Signal(6),
            expires: Time::START,
        }
    }

    fn listed(file: &File) -> Vec<(usize, Entry)> {
        let mut bytes = [0; ENTRY_BYTES];
        let read = |place| {
            file.read_exact_at(&mut bytes, entry_offset(place)).unwrap();
            Some((place, Entry::read(&bytes)?))
        };
        (0..ENTRIES).filter_map(read).collect()
    }

    #[test]
    fn the_file_follows_the_list_and_answers_are_found() {
        let file = tempfile::tempfile().unwrap();
        file.set_len(FILE_BYTES).unwrap();
        let mut published = Published::default();
        published.publish(&file, &[suspect(1, "u"), suspect(2, "")]).unwrap();
        let found = listed(&file);
        assert_eq!(
            found.iter().map(|(_, entry)| entry.key.as_str()).collect::<Vec<_>>(),
            ["f\0u", "f\0\0a:4730\0H:a:1"]
        );
        assert!(found[0].1.message.contains("3 processes (the last one ended by signal 6)"));
        assert_eq!(published.answered(&file), [0; 0]);
        write(&file, entry_offset(1) + at::ANSWERED as u64, 2).unwrap();
        assert_eq!(published.answered(&file), [2]);
        // A place that is used again is not answered by what was there before.
        published.publish(&file, &[suspect(1, "u"), suspect(3, "")]).unwrap();
        assert_eq!(published.answered(&file), [0; 0]);
        assert_eq!(
            listed(&file).iter().map(|(place, entry)| (*place, entry.number)).collect::<Vec<_>>(),
            [(0, 1), (1, 3)]
        );
        published.publish(&file, &[]).unwrap();
        assert!(listed(&file).is_empty() && published.is_empty());
        let mut head = [0; 16];
        file.read_exact_at(&mut head, REGION).unwrap();
        assert_eq!((head[0], head[8]), (3, 0), "version, entries in use");
    }
}
