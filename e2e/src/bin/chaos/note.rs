//! How an execution of a job is noted, so that a killed worker can take nothing back: one line and one `write` for its
//! beginning, one for its end, appended to a file that all worker processes share. Likewise for processes themselves.
//!
//! All lines are equally long, a power of two: so none lies across a page, where a kill in the middle of the write could
//! tear it.

use nix::time::{ClockId, clock_gettime};

/// Bytes of a line, with its line feed.
pub(crate) const LINE: usize = 64;

/// What has happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    /// A process has begun to run the job.
    Begun,
    /// It has run, and is about to be answered.
    Done,
    /// It has run and fails on purpose, and is about to be answered.
    Failed,
    /// It has come to its end after its timeout: nobody hears of that.
    Late,
    /// It takes its process down now.
    Falls,
    /// A process has begun; of no job.
    Started,
    /// A process is about to end, since it was asked to or may do no more; of no job.
    Left,
}

/// The handle of what is of no job.
pub(crate) const NOWHERE: &str = "-";

/// All of them, and the letters that stand for them.
const MARKS: [(Mark, &str); 7] = [
    (Mark::Begun, "B"),
    (Mark::Done, "D"),
    (Mark::Failed, "F"),
    (Mark::Late, "L"),
    (Mark::Falls, "X"),
    (Mark::Started, "S"),
    (Mark::Left, "E"),
];

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Note {
    pub(crate) mark: Mark,
    /// The job's number.
    pub(crate) number: u32,
    pub(crate) pid: u32,
    /// The driver whose process it is.
    pub(crate) driver: u8,
    /// As the job server calls the job; tells which job server it was, and which start of it.
    pub(crate) handle: String,
    /// See [`now`].
    pub(crate) at: u64,
}

impl Note {
    /// As it stands in the file.
    ///
    /// # Errors
    /// When it does not fit.
    pub(crate) fn line(&self) -> Result<Vec<u8>, String> {
        let letter = MARKS.iter().find(|(mark, _)| *mark == self.mark).map_or("?", |(_, letter)| letter);
        let Self { number, pid, driver, handle, at, .. } = self;
        let text = format!("{letter} {number} {pid} {driver} {handle} {at}");
        if text.len() >= LINE {
            return Err(format!("{text:?} is too long for a line of {LINE} bytes"));
        }
        Ok(format!("{text:<width$}\n", width = LINE - 1).into_bytes())
    }

    /// Reads a line.
    pub(crate) fn parse(line: &[u8]) -> Option<Self> {
        let mut words = std::str::from_utf8(line).ok()?.split_whitespace();
        let letter = words.next()?;
        Some(Self {
            mark: MARKS.iter().find(|(_, known)| *known == letter)?.0,
            number: words.next()?.parse().ok()?,
            pid: words.next()?.parse().ok()?,
            driver: words.next()?.parse().ok()?,
            handle: words.next()?.to_owned(),
            at: words.next()?.parse().ok()?,
        })
    }
}

/// Nanoseconds of a clock that all processes of this machine share, and that nobody sets.
pub(crate) fn now() -> u64 {
    let time = clock_gettime(ClockId::CLOCK_MONOTONIC).expect("Linux has this clock");
    u64::try_from(time.tv_sec()).unwrap_or(0) * 1_000_000_000 + u64::try_from(time.tv_nsec()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        for (mark, _) in MARKS {
            let handle = "H:s0g99:99999".to_owned();
            let note = Note { mark, number: 4_294_967_295, pid: 4_194_304, driver: 15, handle, at: now() };
            let line = note.line().unwrap();
            assert_eq!((line.len(), line.last()), (LINE, Some(&b'\n')));
            assert_eq!(Note::parse(&line).as_ref(), Some(&note));
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let note = Note { mark: Mark::Begun, number: 1, pid: 1, driver: 0, handle: "H".repeat(LINE), at: 1 };
        assert!(note.line().is_err());
        assert_eq!(Note::parse(b"B 1 2 0 H:"), None);
        assert_eq!(Note::parse(&[0; LINE]), None);
    }
}
