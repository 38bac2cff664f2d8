//! What is known of a run: what clients heard, what workers noted, what was killed and frozen when. No judgement here.

use std::collections::HashMap;

use crate::note::{LINE, Mark, Note};

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
    pub(crate) handle: String,
    pub(crate) begun: u64,
    /// `None`: it was cut short.
    pub(crate) ended: Option<(u64, Mark)>,
}

impl Execution {
    /// While it lasted; one that was cut short lasts for ever.
    pub(crate) fn span(&self) -> Span {
        Span { from: self.begun, until: self.ended.map_or(u64::MAX, |(at, _)| at) }
    }
}

/// What was done to workers and job servers, as far as it can make a job run again.
///
/// Killed hosts and supervisors are not in it: their workers finish what they run, so they explain nothing.
#[derive(Debug, Clone, Default)]
pub(crate) struct Damage {
    /// Worker processes, killed.
    pub(crate) workers: Vec<(u32, Span)>,
    /// Job servers, killed.
    pub(crate) servers: Vec<(Incarnation, Span)>,
    /// Job servers, frozen: until they went on.
    pub(crate) frozen: Vec<(usize, Span)>,
}

/// Reads the workers' file of notes: the executions of each job, by its number, in the order of their beginnings.
///
/// # Errors
/// When a line is none.
pub(crate) fn executions(notes: &[u8]) -> Result<HashMap<u32, Vec<Execution>>, String> {
    let mut executions: HashMap<u32, Vec<Execution>> = HashMap::new();
    for (index, line) in notes.chunks(LINE).enumerate() {
        let unreadable = || format!("line {} of the notes is {:?}", index + 1, String::from_utf8_lossy(line));
        let Note { mark, number, pid, handle, at } = Note::parse(line).ok_or_else(unreadable)?;
        let of_job = executions.entry(number).or_default();
        if mark == Mark::Begun {
            of_job.push(Execution { pid, handle, begun: at, ended: None });
            continue;
        }
        let open = of_job
            .iter_mut()
            .rev()
            .find(|execution| execution.pid == pid && execution.handle == handle && execution.ended.is_none());
        open.ok_or_else(unreadable)?.ended = Some((at, mark));
    }
    Ok(executions)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(mark: Mark, number: u32, pid: u32, at: u64) -> Vec<u8> {
        Note { mark, number, pid, handle: "H:s1g2:3".into(), at }.line().unwrap()
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
            note(Mark::Begun, 1, 10, 1),
            note(Mark::Begun, 2, 11, 2),
            note(Mark::Done, 1, 10, 3),
            note(Mark::Begun, 1, 12, 4),
            note(Mark::Failed, 2, 11, 5),
        ];
        let executions = executions(&notes.concat()).unwrap();
        let ends: Vec<_> = executions[&1].iter().map(|execution| (execution.pid, execution.ended)).collect();
        assert_eq!(ends, [(10, Some((3, Mark::Done))), (12, None)]);
        assert_eq!(executions[&2][0].ended, Some((5, Mark::Failed)));
    }

    #[test]
    fn an_end_without_a_beginning_is_an_error() {
        assert!(executions(&note(Mark::Done, 1, 10, 1)).is_err());
        assert!(executions(b"B 1").is_err());
    }
}
