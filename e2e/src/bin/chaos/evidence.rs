//! What is known of a run: what clients heard, what workers noted, what was killed and frozen when. No judgement here.

use std::collections::HashMap;

use crate::jobs::{Fate, Kind, Task};
use crate::note::{LINE, Mark, Note};

/// From SIGKILL's being sent to the end of a process that waits for a processor, in nanoseconds.
pub(crate) const SENT: u64 = 100_000_000;

/// One start of a job server: its number, and how often it had been started before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Incarnation {
    pub(crate) server: usize,
    pub(crate) generation: u32,
}

impl Incarnation {
    /// What the handles of its jobs begin with.
    pub(crate) fn prefix(self) -> String {
        format!("H:s{}g{}", self.server, self.generation)
    }

    /// The one that has given a job this handle.
    pub(crate) fn of_handle(handle: &str) -> Option<Self> {
        let (server, rest) = handle.strip_prefix("H:s")?.split_once('g')?;
        let (generation, _) = rest.split_once(':')?;
        Some(Self { server: server.parse().ok()?, generation: generation.parse().ok()? })
    }
}

/// From when until when, as [`crate::note::now`] says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) from: u64,
    pub(crate) until: u64,
}

impl Span {
    pub(crate) fn overlaps(self, other: Self) -> bool {
        self.from <= other.until && other.from <= self.until
    }
}

/// A job given to a job server by a client.
#[derive(Debug, Clone)]
pub(crate) struct Submission {
    pub(crate) server: usize,
    /// Until the answer came, or the connection was lost.
    pub(crate) span: Span,
    /// As the job server called it, where that was heard.
    pub(crate) handle: Option<String>,
    pub(crate) answer: Answer,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The right result.
    Result,
    /// WORK_FAIL: the last warning, with what else was said.
    Failed(String),
    /// A background job: the job server has it.
    Accepted,
    /// The connection was lost: the job is submitted again.
    ConnectionLost(String),
    /// Nothing came in time, or what came is no answer.
    None(String),
}

/// A process running a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Execution {
    pub(crate) pid: u32,
    /// The driver whose process it is.
    pub(crate) driver: u8,
    pub(crate) handle: String,
    /// When the process had begun.
    pub(crate) since: u64,
    pub(crate) begun: u64,
    /// When it took its process down.
    pub(crate) fell: Option<u64>,
    /// `None`: it was cut short.
    pub(crate) ended: Option<(u64, Mark)>,
}

impl Execution {
    fn is_open(&self) -> bool {
        self.ended.is_none() && self.fell.is_none()
    }

    /// While it lasted; one that was cut short lasts for ever.
    pub(crate) fn span(&self) -> Span {
        Span { from: self.begun, until: self.ended.map_or(u64::MAX, |(at, _)| at) }
    }
}

/// A worker process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Life {
    pub(crate) pid: u32,
    /// What it has run; `None`: nothing.
    pub(crate) kind: Option<Kind>,
    /// Jobs begun.
    pub(crate) begun: u32,
    pub(crate) started: u64,
    /// When it left, of its own will or because it was asked to.
    pub(crate) left: Option<u64>,
}

/// What workers have noted.
#[derive(Debug, Default)]
pub(crate) struct Noted {
    /// The executions of each job, by its number, in the order of their beginnings.
    pub(crate) executions: HashMap<u32, Vec<Execution>>,
    /// The worker processes, in the order of their beginnings.
    pub(crate) lives: Vec<Life>,
    /// Those that a job took down.
    pub(crate) falls: Vec<(u32, Span)>,
    /// Asynchronous ones that a job has blocked: from then on.
    pub(crate) blocked: Vec<(u32, Span)>,
}

/// Reads the workers' file of notes.
///
/// # Errors
/// When a line is none.
pub(crate) fn noted(notes: &[u8]) -> Result<Noted, String> {
    let mut noted = Noted::default();
    // PIDs are used again: of each, the process that has it now.
    let mut living: HashMap<u32, usize> = HashMap::new();
    for (index, line) in notes.chunks(LINE).enumerate() {
        let unreadable = || format!("line {} of the notes is {:?}", index + 1, String::from_utf8_lossy(line));
        let note = Note::parse(line).ok_or_else(unreadable)?;
        let Note { mark, number, pid, at, .. } = note;
        match mark {
            Mark::Started => {
                living.insert(pid, noted.lives.len());
                noted.lives.push(Life { pid, kind: None, begun: 0, started: at, left: None });
            }
            Mark::Left => {
                let life = living.get(&pid).and_then(|life| noted.lives.get_mut(*life));
                life.ok_or_else(unreadable)?.left = Some(at);
            }
            Mark::Begun => {
                let life = living.get(&pid).and_then(|life| noted.lives.get_mut(*life)).ok_or_else(unreadable)?;
                life.begun += 1;
                let task = Task::of(number);
                life.kind = Some(task.kind.of_process());
                if task.fate == Fate::Blocks {
                    noted.blocked.push((pid, Span { from: at, until: at }));
                }
                noted.executions.entry(number).or_default().push(Execution {
                    pid,
                    driver: note.driver,
                    handle: note.handle,
                    since: life.started,
                    begun: at,
                    fell: None,
                    ended: None,
                });
            }
            Mark::Done | Mark::Failed | Mark::Late | Mark::Falls => {
                let of_job = noted.executions.entry(number).or_default();
                let open = of_job
                    .iter_mut()
                    .rev()
                    .find(|execution| execution.pid == pid && execution.handle == note.handle && execution.is_open());
                let open = open.ok_or_else(unreadable)?;
                if mark == Mark::Falls {
                    open.fell = Some(at);
                    noted.falls.push((pid, Span { from: at, until: at + SENT }));
                } else {
                    open.ended = Some((at, mark));
                }
            }
        }
    }
    Ok(noted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(mark: Mark, number: u32, pid: u32, at: u64) -> Vec<u8> {
        Note { mark, number, pid, driver: 1, handle: "H:s1g2:3".into(), at }.line().unwrap()
    }

    #[test]
    fn handles_tell_the_start_of_the_job_server() {
        let incarnation = Incarnation { server: 1, generation: 12 };
        assert_eq!(Incarnation::of_handle(&format!("{}:345", incarnation.prefix())), Some(incarnation));
        assert_eq!(Incarnation::of_handle("H:host:1"), None);
    }

    #[test]
    fn beginnings_and_ends_are_put_together() {
        let notes = [
            note(Mark::Started, 0, 10, 0),
            note(Mark::Started, 0, 11, 0),
            note(Mark::Begun, 1, 10, 1),
            note(Mark::Begun, 2, 11, 2),
            note(Mark::Done, 1, 10, 3),
            note(Mark::Started, 0, 12, 3),
            note(Mark::Begun, 1, 12, 4),
            note(Mark::Falls, 1, 12, 5),
            note(Mark::Failed, 2, 11, 5),
        ];
        let Noted { executions, falls, .. } = noted(&notes.concat()).unwrap();
        let ends: Vec<_> =
            executions[&1].iter().map(|execution| (execution.pid, execution.ended, execution.fell)).collect();
        assert_eq!(ends, [(10, Some((3, Mark::Done)), None), (12, None, Some(5))]);
        assert_eq!(executions[&2][0].ended, Some((5, Mark::Failed)));
        assert_eq!(falls, [(12, Span { from: 5, until: 5 + SENT })]);
    }

    #[test]
    fn a_pid_that_is_used_again_is_another_process() {
        let of_kind = |kind| (0..).find(|&number| Task::of(number).kind == kind).unwrap();
        let notes = [
            note(Mark::Started, 0, 10, 1),
            note(Mark::Begun, of_kind(Kind::Slow), 10, 2),
            note(Mark::Done, of_kind(Kind::Slow), 10, 3),
            note(Mark::Left, 0, 10, 4),
            note(Mark::Started, 0, 10, 5),
            note(Mark::Begun, of_kind(Kind::PairTwo), 10, 6),
        ];
        let lives = noted(&notes.concat()).unwrap().lives;
        let life = |kind, started, left| Life { pid: 10, kind: Some(kind), begun: 1, started, left };
        assert_eq!(lives, [life(Kind::Slow, 1, Some(4)), life(Kind::PairOne, 5, None)]);
    }

    #[test]
    fn an_end_without_a_beginning_is_an_error() {
        assert!(noted(&note(Mark::Done, 1, 10, 1)).is_err());
        assert!(noted(&note(Mark::Begun, 1, 10, 1)).is_err());
        assert!(noted(b"B 1").is_err());
    }
}
