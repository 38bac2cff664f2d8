//! Judges each job by what is known of it. Pure: evidence in, verdict out.
//!
//! A job may run again only for one of these reasons, and each is looked for in what happened to this very job:
//! - it was submitted again, because the connection was lost while that job server was killed;
//! - the process that ran it was killed or taken down, or its driver ended at once, while it ran or so soon after that its
//!   answer may not have arrived;
//! - it is a background job, and the job server that had given it out was killed before the answer was surely in its
//!   queue on disk: it gives it out again when it is started again.
//!
//! One such reason explains one further execution.

use crate::damage::Damage;
use crate::deaths::{self, POISON};
use crate::evidence::{Answer, Execution, Span, Submission};
use crate::jobs::{Fate, GRACE, Kind, Task};
use crate::note::Mark;
use crate::workers::ON_PURPOSE;

/// A process's own clock for a timeout is started so long before it notes that the job has begun, at the most.
const EARLY: u64 = 500_000_000;
/// What a client is told at a timeout.
const TIMEOUT: &str = "timeout after ";

/// What is known of one job.
#[derive(Debug)]
pub(crate) struct Story<'a> {
    pub(crate) task: Task,
    pub(crate) submissions: &'a [Submission],
    pub(crate) executions: &'a [Execution],
}

/// How a job ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum End {
    Done,
    FailedOnPurpose,
    /// On purpose too: it has outlived its timeout.
    TimedOut,
    /// It took down the processes that ran it, as it was to, until its driver failed it.
    Poison,
    /// The processes that ran it were killed so often that its driver took it for the cause.
    TakenForPoison,
    /// With the reason.
    Lost(String),
}

/// What is to be said of one job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) end: End,
    /// Executions that came to their end.
    pub(crate) finished: usize,
    /// Executions that did not.
    pub(crate) cut_short: usize,
    /// Whether all executions but one have their reason; `None` where there is only one.
    pub(crate) explained: Option<bool>,
    /// What must not happen, whatever was done.
    pub(crate) wrong: Vec<String>,
}

impl Verdict {
    /// Whether this job shows a fault.
    pub(crate) fn is_fault(&self) -> bool {
        matches!(self.end, End::Lost(_)) || self.explained == Some(false) || !self.wrong.is_empty()
    }
}

/// Judges one job.
pub(crate) fn judge(story: &Story<'_>, damage: &Damage) -> Verdict {
    let executions = story.executions;
    let finished = executions.iter().filter(|execution| execution.ended.is_some()).count();
    let mut wrong = deaths::wrong(story, damage);
    wrong.extend(executions.iter().filter_map(|execution| contradiction(story, execution, damage)));
    let end = end(story, damage).unwrap_or_else(|contradiction| {
        wrong.push(contradiction);
        End::Done
    });
    let explained = (executions.len() > 1).then(|| executions.len() <= 1 + reasons(story, damage));
    Verdict { end, finished, cut_short: executions.len() - finished, explained, wrong }
}

/// What must not have happened to this execution.
fn contradiction(story: &Story<'_>, execution: &Execution, damage: &Damage) -> Option<String> {
    let Execution { pid, driver, .. } = execution;
    let overdue = damage.overdue(execution, story.task.kind);
    let hangs = matches!(story.task.fate, Fate::Hangs | Fate::Blocks);
    match execution.ended {
        None if damage.killed(execution).is_none() && !overdue => {
            Some(format!("process {pid} was cut short, and nobody has killed it"))
        }
        Some((_, Mark::Late)) if hangs && !damage.left_alone(execution) => {
            Some(format!("it hung in process {pid}, which driver {driver} was to kill"))
        }
        _ => None,
    }
}

/// How it ended, or what contradicts itself.
fn end(story: &Story<'_>, damage: &Damage) -> Result<End, String> {
    let ended_as = |mark| story.executions.iter().any(|execution| execution.ended.is_some_and(|(_, as_)| as_ == mark));
    let may_be_poison = deaths::may_be_poison(story.executions, damage);
    let fate = story.task.fate;
    let poison = if story.task.is_poison() { End::Poison } else { End::TakenForPoison };
    let lost = |reason: String| Ok(End::Lost(reason));
    let Some(last) = story.submissions.last() else {
        return lost("never submitted".to_owned());
    };
    match &last.answer {
        Answer::ConnectionLost(error) => lost(format!("not submitted again after: {error}")),
        Answer::None(reason) => lost(reason.clone()),
        Answer::Result if fate != Fate::Done => Err(format!("{fate:?}, and its client got a result")),
        Answer::Result if ended_as(Mark::Done) => Ok(End::Done),
        Answer::Result => Err("its client got a result, but no process has finished it".to_owned()),
        Answer::Failed(message) if fate == Fate::Fails && ended_as(Mark::Failed) && message.contains(ON_PURPOSE) => {
            Ok(End::FailedOnPurpose)
        }
        Answer::Failed(message) if story.outlives_its_timeout() && message.contains(TIMEOUT) => {
            if told_in_time(story, last, damage) || held_up(story, damage) {
                Ok(End::TimedOut)
            } else {
                Err("its client was told of the timeout at a wrong time".to_owned())
            }
        }
        Answer::Failed(message) if message.contains(TIMEOUT) && held_up(story, damage) => Ok(End::TimedOut),
        Answer::Failed(message) if may_be_poison && message.contains(POISON) => Ok(poison),
        Answer::Failed(message) => lost(format!("failed, not as it was to: {message}")),
        Answer::Accepted if ended_as(Mark::Failed) => Ok(End::FailedOnPurpose),
        Answer::Accepted if fate == Fate::Done && ended_as(Mark::Done) => Ok(End::Done),
        Answer::Accepted if timed_out_unheard(story, damage) => Ok(End::TimedOut),
        // Nobody hears of that.
        Answer::Accepted if may_be_poison => Ok(poison),
        Answer::Accepted if held_up(story, damage) => Ok(End::TimedOut),
        Answer::Accepted => lost("a job server had it, and no process has finished it".to_owned()),
    }
}

/// Whether the client was told between a process's soft and hard limit.
fn told_in_time(story: &Story<'_>, last: &Submission, damage: &Damage) -> bool {
    let heard = last.span.until;
    story.executions.iter().any(|execution| {
        let due = story.due(execution);
        let hard = damage.thawed(&execution.handle, Span { from: due, until: due + nanos(GRACE) });
        (due - EARLY..=hard).contains(&heard)
    })
}

/// Whether a background job was in a process's hands for so long that its job server was told.
fn timed_out_unheard(story: &Story<'_>, damage: &Damage) -> bool {
    story.outlives_its_timeout()
        && story.executions.iter().any(|execution| {
            let killed = || damage.killed(execution).is_some_and(|killed| killed >= story.due(execution) - EARLY);
            execution.ended.is_some() || damage.overdue(execution, story.task.kind) || killed()
        })
}

/// Whether it may have come to its timeout, whatever it is, since another job held up its asynchronous process and there
/// was no driver that would have killed that.
fn held_up(story: &Story<'_>, damage: &Damage) -> bool {
    let held_up = |execution: &Execution| execution.ended.is_some() && damage.left_alone(execution);
    story.task.kind == Kind::LimitedWait && story.executions.iter().any(held_up)
}

/// How many further executions have a reason.
fn reasons(story: &Story<'_>, damage: &Damage) -> usize {
    let submitted_again = story
        .submissions
        .iter()
        .filter(|submission| matches!(submission.answer, Answer::ConnectionLost(_)))
        .filter(|submission| damage.server_died(submission.server, submission.span))
        .count();
    // What befell the last one explains none before it, and neither does what came after it had begun.
    let Some((last, others)) = story.executions.split_last() else {
        return submitted_again;
    };
    let before = |when: Option<u64>| when.is_some_and(|when| when <= last.begun);
    let again = others.iter().filter(|execution| {
        let span = Span { from: execution.begun, until: story.answered(execution) };
        let span = Span { until: damage.thawed(&execution.handle, damage.on_its_way(span)), ..span };
        let forgotten = || story.task.background && before(damage.forgotten(execution, span));
        // A job of a blocking process has had its answer when it is overdue.
        let overdue = story.task.kind == Kind::LimitedWait && damage.overdue(execution, Kind::LimitedWait);
        let held_up = story.task.kind == Kind::LimitedWait && before(damage.blocked_within(execution, span));
        overdue || held_up || before(damage.killed_within(execution, span)) || forgotten()
    });
    submitted_again + again.count()
}

impl Story<'_> {
    fn outlives_its_timeout(&self) -> bool {
        matches!(self.task.fate, Fate::Overruns | Fate::Hangs)
    }

    /// When its timeout is over.
    fn due(&self, execution: &Execution) -> u64 {
        execution.begun + nanos(self.task.kind.timeout().unwrap_or_default())
    }

    /// When the process has sent the answer; for ever later where it was cut short before.
    fn answered(&self, execution: &Execution) -> u64 {
        match self.task.kind {
            // An asynchronous process notes that itself, unless another job holds it up.
            Kind::Limited if self.outlives_its_timeout() => self.due(execution),
            _ => execution.span().until,
        }
    }
}

fn nanos(time: std::time::Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
