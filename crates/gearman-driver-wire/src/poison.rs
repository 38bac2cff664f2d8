//! Poison jobs: those that take their process down again and again, and how the workers learn of them.
//!
//! A process names in its slot the job that answers for it if the process goes down ([`Identity`]). The supervisor counts,
//! and keeps a list behind the slots of the scoreboard: *suspects*, which have taken down a process, and among them
//! *poison jobs*, which are not run any more. A worker looks whether the list has changed (one load) before and after each
//! job: it fails a job that is poison, and marks an entry whose job it answers, however it ends, as answered. From then on
//! the entry counts for nobody, so that a new job with the same unique is none the worse for it.
//!
//! The region begins at [`REGION`], behind the last slot; all numbers are 64-bit words in the machine's byte order:
//!
//! | offset | what |
//! | --- | --- |
//! | 0 | version: raised after each change of the list |
//! | 8 | how many entries may be in use: those after them are free |
//! | 16 | the driver's `loglevel` now, see [`crate::loglevel`] |
//! | 4096 + 1024 × N | entry N |
//!
//! | offset in the entry | what |
//! | --- | --- |
//! | 0 | its number, never used twice, written last; 0: free |
//! | 8 | the number of the entry when its job was answered, written by the worker that did |
//! | 16 | 1: a suspect, 2: a poison job |
//! | 24 | length of the key |
//! | 32 | length of the message |
//! | 40 | the key, see [`key`]: 600 bytes |
//! | 640 | what the client of a poison job is told: 384 bytes |

use crate::scoreboard::{self, AT_WORK_BYTES, SLOT_BYTES, SLOTS};

/// Where the region begins in the scoreboard's file.
pub const REGION: u64 = SLOTS as u64 * SLOT_BYTES as u64;
/// Offset of the version in the region.
pub const VERSION: usize = 0;
/// Offset of the number of entries that may be in use.
pub const IN_USE: usize = 8;
/// Offset of the driver's `loglevel`: it stands here because workers look into this page at each job.
pub const LOGLEVEL: usize = 16;
/// Bytes before the first entry.
pub const HEAD_BYTES: usize = 4096;
/// Bytes of an entry.
pub const ENTRY_BYTES: usize = 1024;
/// Entries of the list.
pub const ENTRIES: usize = 1000;
/// The longest key; a job with a longer one is never listed.
pub const KEY_BYTES: usize = 600;
/// The longest message.
pub const MESSAGE_BYTES: usize = 384;
/// Bytes of the scoreboard with the list.
pub const FILE_BYTES: u64 = REGION + (HEAD_BYTES + ENTRIES * ENTRY_BYTES) as u64;

/// Offsets in an entry.
#[allow(missing_docs, reason = "the module's table says what each is")]
pub mod at {
    pub const NUMBER: usize = 0;
    pub const ANSWERED: usize = 8;
    pub const VERDICT: usize = 16;
    pub const KEY_LENGTH: usize = 24;
    pub const MESSAGE_LENGTH: usize = 32;
    pub const KEY: usize = 40;
    pub const MESSAGE: usize = 640;
}

/// The value of [`at::VERDICT`] of a suspect.
pub const SUSPECT: u64 = 1;
/// The value of [`at::VERDICT`] of a poison job.
pub const POISON: u64 = 2;

/// Where entry `n` begins in the scoreboard's file.
#[must_use]
pub const fn entry_offset(n: usize) -> u64 {
    REGION + (HEAD_BYTES + n * ENTRY_BYTES) as u64
}

/// What a job is known by, wherever it turns up.
///
/// Written in a slot as HANDLE NUL UNIQUE, and where the job has no unique as HANDLE NUL NUL SERVER: the same handle comes
/// from more than one job server. The unique `-`, which all jobs of a client may have, is none.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Identity {
    /// The job server's handle.
    pub handle: String,
    /// The client's unique; empty: it gave none.
    pub unique: String,
    /// The job server as `HOST:PORT`; empty where there is a unique.
    pub server: String,
}

impl Identity {
    /// Of a job as it was granted. `None` where handle or unique are no UTF-8.
    #[must_use]
    pub fn of(handle: &[u8], unique: Option<&[u8]>, server: &str) -> Option<Self> {
        let unique = std::str::from_utf8(unique.unwrap_or_default()).ok()?;
        let unique = if unique == "-" { "" } else { unique };
        let server = if unique.is_empty() { server } else { "" };
        let handle = std::str::from_utf8(handle).ok()?;
        Some(Self { handle: handle.to_owned(), unique: unique.to_owned(), server: server.to_owned() })
    }

    /// The text in the slot; `None` where it has no room there.
    #[must_use]
    pub fn text(&self) -> Option<String> {
        let Self { handle, unique, server } = self;
        let text = if unique.is_empty() { format!("{handle}\0\0{server}") } else { format!("{handle}\0{unique}") };
        (text.len() <= AT_WORK_BYTES).then_some(text)
    }

    /// What stands in a slot; `None` where it is none.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, '\0').map(str::to_owned);
        let (handle, unique) = (parts.next()?, parts.next()?);
        let server = parts.next().filter(|_| unique.is_empty()).unwrap_or_default();
        (!handle.is_empty()).then_some(Self { handle, unique, server })
    }
}

/// What a job is found by in the list: FUNCTION NUL UNIQUE, and where it has no unique FUNCTION NUL NUL SERVER NUL HANDLE.
#[must_use]
pub fn key(function: &str, identity: &Identity) -> String {
    let Identity { handle, unique, server } = identity;
    if unique.is_empty() { format!("{function}\0\0{server}\0{handle}") } else { format!("{function}\0{unique}") }
}

/// An entry of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its number.
    pub number: u64,
    /// Its job is not run any more.
    pub poison: bool,
    /// See [`key`].
    pub key: String,
    /// What the client of a poison job is told.
    pub message: String,
}

impl Entry {
    /// Reads an entry's bytes. `None`: it is free, or was answered, or is none.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let bytes = bytes.get(..ENTRY_BYTES)?;
        let number = Some(scoreboard::word(bytes, at::NUMBER)).filter(|number| *number != 0)?;
        if scoreboard::word(bytes, at::ANSWERED) == number {
            return None;
        }
        let text = |length: usize, from: usize, capacity: usize| {
            let length = usize::try_from(scoreboard::word(bytes, length)).ok().filter(|length| *length <= capacity)?;
            String::from_utf8(bytes[from..from + length].to_vec()).ok()
        };
        Some(Self {
            number,
            poison: scoreboard::word(bytes, at::VERDICT) == POISON,
            key: text(at::KEY_LENGTH, at::KEY, KEY_BYTES)?,
            message: text(at::MESSAGE_LENGTH, at::MESSAGE, MESSAGE_BYTES)?,
        })
    }

    /// The bytes of the entry, its number left out: that is written when all else is there. `None` where the key has no
    /// room; a message is cut.
    #[must_use]
    pub fn bytes(&self) -> Option<Vec<u8>> {
        if self.key.len() > KEY_BYTES {
            return None;
        }
        let mut cut = self.message.len().min(MESSAGE_BYTES);
        while !self.message.is_char_boundary(cut) {
            cut -= 1;
        }
        let message = &self.message.as_bytes()[..cut];
        let mut bytes = vec![0; ENTRY_BYTES];
        let mut put = |at: usize, word: u64| bytes[at..at + 8].copy_from_slice(&word.to_ne_bytes());
        put(at::VERDICT, if self.poison { POISON } else { SUSPECT });
        put(at::KEY_LENGTH, self.key.len() as u64);
        put(at::MESSAGE_LENGTH, message.len() as u64);
        bytes[at::KEY..at::KEY + self.key.len()].copy_from_slice(self.key.as_bytes());
        bytes[at::MESSAGE..at::MESSAGE + message.len()].copy_from_slice(message);
        Some(bytes)
    }
}

const _: () = {
    assert!(at::KEY + KEY_BYTES == at::MESSAGE && at::MESSAGE + MESSAGE_BYTES == ENTRY_BYTES);
    assert!(REGION.is_multiple_of(4096));
};

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn identity(handle: &str, unique: &str, server: &str) -> Identity {
        Identity::of(handle.as_bytes(), Some(unique.as_bytes()), server).unwrap()
    }

    #[test]
    fn a_unique_is_enough_and_without_one_the_server_counts() {
        let with = identity("H:a:1", "u", "a:4730");
        assert_eq!(with.text().unwrap(), "H:a:1\0u");
        assert_eq!(key("f", &with), key("f", &identity("H:b:9", "u", "b:4730")));
        let without = identity("H:a:1", "", "a:4730");
        assert_eq!(without.text().unwrap(), "H:a:1\0\0a:4730");
        assert_ne!(key("f", &without), key("f", &identity("H:a:1", "", "b:4730")));
        assert_eq!(identity("H:a:1", "-", "a:4730"), without);
        for one in [with, without] {
            assert_eq!(Identity::read(&one.text().unwrap()), Some(one));
        }
    }

    #[test]
    fn what_has_no_room_or_is_no_text_is_not_named() {
        assert_eq!(identity("H:a:1", &"u".repeat(200), "").text(), None);
        assert_eq!(Identity::of(b"\xff", None, "a:1"), None);
        assert_eq!(Identity::of(b"H", Some(b"\xff"), "a:1"), None);
        assert_eq!(Identity::read(""), None);
    }

    #[test]
    fn an_entry_reads_back_until_its_job_is_answered() {
        let entry = Entry { number: 7, poison: true, key: "f\0u".to_owned(), message: "ü".repeat(300) };
        let mut bytes = entry.bytes().unwrap();
        assert_eq!(Entry::read(&bytes), None, "free until its number stands there");
        bytes[..8].copy_from_slice(&7u64.to_ne_bytes());
        let read = Entry::read(&bytes).unwrap();
        assert_eq!((read.number, read.poison, read.key.as_str()), (7, true, "f\0u"));
        assert_eq!(read.message, "ü".repeat(192));
        bytes[8..16].copy_from_slice(&6u64.to_ne_bytes());
        assert!(Entry::read(&bytes).is_some(), "an earlier entry was answered, not this one");
        bytes[8..16].copy_from_slice(&7u64.to_ne_bytes());
        assert_eq!(Entry::read(&bytes), None);
        assert_eq!(Entry { key: "f".repeat(601), ..entry }.bytes(), None);
    }

    proptest! {
        #[test]
        fn a_mad_workers_entry_reads_bounded(bytes in proptest::collection::vec(any::<u8>(), ENTRY_BYTES)) {
            let _ = Entry::read(&bytes);
        }
    }
}
