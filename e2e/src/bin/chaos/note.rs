//! How an execution of a job is noted, so that a killed worker can take nothing back: one line and one `write` for its
//! beginning, one for its end, appended to a file that all worker processes share.
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
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Note {
    pub(crate) mark: Mark,
    /// The job's number.
    pub(crate) number: u32,
    pub(crate) pid: u32,
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
        let mark = match self.mark {
            Mark::Begun => 'B',
            Mark::Done => 'D',
            Mark::Failed => 'F',
        };
        let text = format!("{mark} {} {} {} {}", self.number, self.pid, self.handle, self.at);
        if text.len() >= LINE {
            return Err(format!("{text:?} is too long for a line of {LINE} bytes"));
        }
        Ok(format!("{text:<width$}\n", width = LINE - 1).into_bytes())
    }

    /// Reads a line.
    pub(crate) fn parse(line: &[u8]) -> Option<Self> {
        let mut words = std::str::from_utf8(line).ok()?.split_whitespace();
        let mark = match words.next()? {
            "B" => Mark::Begun,
            "D" => Mark::Done,
            "F" => Mark::Failed,
            _ => return None,
        };
        Some(Self {
            mark,
            number: words.next()?.parse().ok()?,
            pid: words.next()?.parse().ok()?,
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
        for mark in [Mark::Begun, Mark::Done, Mark::Failed] {
            let note = Note { mark, number: 4_294_967_295, pid: 4_194_304, handle: "H:s0g99:99999".into(), at: now() };
            let line = note.line().unwrap();
            assert_eq!((line.len(), line.last()), (LINE, Some(&b'\n')));
            assert_eq!(Note::parse(&line).as_ref(), Some(&note));
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let note = Note { mark: Mark::Begun, number: 1, pid: 1, handle: "H".repeat(LINE), at: 1 };
        assert!(note.line().is_err());
        assert_eq!(Note::parse(b"B 1 2 H:"), None);
        assert_eq!(Note::parse(&[0; LINE]), None);
    }
}
