//! Judges each job by what is known of it. Pure: evidence in, verdict out.
//!
//! A job may run again only for one of these reasons, and each is looked for in what happened to this very job:
//! - it was submitted again, because the connection was lost while that job server was killed;
//! - the process that ran it was killed, while it ran or so soon after that its answer may not have arrived;
//! - it is a background job, and the job server that had given it out was killed before the answer was surely in its
//!   queue on disk: it gives it out again when it is started again.
//!
//! One such reason explains one further execution.

use crate::evidence::{Answer, Damage, Execution, Incarnation, Span, Submission};
use crate::jobs::{Kind, Task};
use crate::note::Mark;

/// So long an answer may be on its way from the worker to the job server, and from there to the client or to the disk.
const ON_ITS_WAY: u64 = 2_000_000_000;

/// So many kills make a driver fail a job instead of running it once more (its `poison_limit`).
const POISON_LIMIT: usize = 3;
/// What it then says.
const POISON: &str = "poison job: ";

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
    /// The processes that ran it were killed so often that its driver took it for the cause.
    Poison,
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
    let mut wrong: Vec<String> = executions
        .iter()
        .filter(|execution| execution.ended.is_none() && damage.killed(execution).is_none())
        .map(|execution| format!("process {} was cut short, and nobody has killed it", execution.pid))
        .collect();
    let killed = executions.iter().filter(|execution| execution.ended.is_none()).count();
    let end = end(story, killed >= POISON_LIMIT).unwrap_or_else(|contradiction| {
        wrong.push(contradiction);
        End::Done
    });
    let explained = (executions.len() > 1).then(|| executions.len() <= 1 + reasons(story, damage));
    Verdict { end, finished, cut_short: executions.len() - finished, explained, wrong }
}

/// How it ended, or what contradicts itself.
fn end(story: &Story<'_>, may_be_poison: bool) -> Result<End, String> {
    let ended_as = |mark| story.executions.iter().any(|execution| execution.ended.is_some_and(|(_, as_)| as_ == mark));
    let fails = story.task.kind == Kind::Fail;
    let lost = |reason: &str| Ok(End::Lost(reason.to_owned()));
    match story.submissions.last().map(|submission| &submission.answer) {
        None => lost("never submitted"),
        Some(Answer::ConnectionLost(error)) => lost(&format!("not submitted again after: {error}")),
        Some(Answer::None(reason)) => lost(reason),
        Some(Answer::Result) if fails => Err("it was to fail, and its client got a result".to_owned()),
        Some(Answer::Result) if ended_as(Mark::Done) => Ok(End::Done),
        Some(Answer::Result) => Err("its client got a result, but no process has finished it".to_owned()),
        Some(Answer::Failed(_)) if fails && ended_as(Mark::Failed) => Ok(End::FailedOnPurpose),
        Some(Answer::Failed(message)) if may_be_poison && message.contains(POISON) => Ok(End::Poison),
        Some(Answer::Failed(message)) => lost(&format!("failed, not on purpose: {message}")),
        Some(Answer::Accepted) if ended_as(Mark::Failed) => Ok(End::FailedOnPurpose),
        Some(Answer::Accepted) if ended_as(Mark::Done) => Ok(End::Done),
        // Nobody hears of that.
        Some(Answer::Accepted) if may_be_poison => Ok(End::Poison),
        Some(Answer::Accepted) => lost("a job server had it, and no process has finished it"),
    }
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
        let forgotten = || story.task.background && before(damage.forgotten(execution));
        before(damage.killed(execution)) || forgotten()
    });
    submitted_again + again.count()
}

impl Damage {
    /// When its process was killed while it ran, or while its answer was on its way.
    fn killed(&self, execution: &Execution) -> Option<u64> {
        let span = self.with_the_answer(execution);
        let kill = self.workers.iter().find(|&&(pid, kill)| pid == execution.pid && kill.overlaps(span));
        kill.map(|(_, kill)| kill.from)
    }

    /// When the job server was killed that has given it out, before it had surely noted the answer.
    fn forgotten(&self, execution: &Execution) -> Option<u64> {
        let span = self.with_the_answer(execution);
        let of = Incarnation::of_handle(&execution.handle);
        // It may have been given out shortly before its job server died, and have begun after that.
        let kill = self.servers.iter().find(|&&(server, kill)| Some(server) == of && kill.from <= span.until);
        kill.map(|(_, kill)| kill.from)
    }

    /// Whether that job server was killed within the span.
    fn server_died(&self, server: usize, span: Span) -> bool {
        self.servers.iter().any(|&(incarnation, kill)| incarnation.server == server && kill.overlaps(span))
    }

    /// From its beginning until its answer must have arrived.
    fn with_the_answer(&self, execution: &Execution) -> Span {
        let mut span = execution.span();
        span.until = span.until.saturating_add(ON_ITS_WAY);
        // A frozen job server takes in nothing.
        let server = Incarnation::of_handle(&execution.handle).map(|incarnation| incarnation.server);
        for &(frozen, freeze) in &self.frozen {
            if Some(frozen) == server && freeze.overlaps(span) {
                span.until = span.until.max(freeze.until.saturating_add(ON_ITS_WAY));
            }
        }
        span
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn task(wanted: impl Fn(&Task) -> bool) -> Task {
        (0..).map(Task::of).find(wanted).unwrap()
    }

    fn foreground() -> Task {
        task(|task| task.kind == Kind::Slow && !task.background)
    }

    fn background() -> Task {
        task(|task| task.kind == Kind::Slow && task.background)
    }

    fn submitted(answer: Answer, from: u64, until: u64) -> Submission {
        Submission { server: 0, span: Span { from, until }, handle: None, answer }
    }

    fn ran(pid: u32, begun: u64, ended: Option<u64>) -> Execution {
        Execution { pid, handle: "H:s0g1:1".to_owned(), begun, ended: ended.map(|at| (at, Mark::Done)) }
    }

    fn at(at: u64) -> Span {
        Span { from: at, until: at }
    }

    fn server_killed(when: u64) -> Damage {
        Damage { servers: vec![(Incarnation { server: 0, generation: 1 }, at(when))], ..Damage::default() }
    }

    fn worker_killed(pid: u32, when: u64) -> Damage {
        Damage { workers: vec![(pid, at(when))], ..Damage::default() }
    }

    fn verdict(task: Task, submissions: &[Submission], executions: &[Execution], damage: &Damage) -> Verdict {
        judge(&Story { task, submissions, executions }, damage)
    }

    #[test]
    fn run_once_and_answered_is_done() {
        let answered = [submitted(Answer::Result, 0, 9)];
        let verdict = verdict(foreground(), &answered, &[ran(1, 1, Some(2))], &Damage::default());
        let done = Verdict { end: End::Done, finished: 1, cut_short: 0, explained: None, wrong: vec![] };
        assert_eq!(verdict, done);
        assert!(!verdict.is_fault());
    }

    #[test]
    fn a_result_that_nobody_has_made_is_a_fault() {
        let answered = [submitted(Answer::Result, 0, 9)];
        assert!(verdict(foreground(), &answered, &[], &Damage::default()).is_fault());
        let killed = worker_killed(1, 1);
        assert!(verdict(foreground(), &answered, &[ran(1, 1, None)], &killed).is_fault());
    }

    #[test]
    fn no_answer_is_lost_even_if_it_ran() {
        let silent = [submitted(Answer::None("silence".to_owned()), 0, 9)];
        let verdict = verdict(foreground(), &silent, &[ran(1, 1, Some(2))], &Damage::default());
        assert_eq!(verdict.end, End::Lost("silence".to_owned()));
    }

    #[test]
    fn a_background_job_that_has_not_run_is_lost() {
        let accepted = [submitted(Answer::Accepted, 0, 9)];
        let verdict = |executions: &[Execution]| verdict(background(), &accepted, executions, &worker_killed(1, 1));
        assert!(matches!(verdict(&[]).end, End::Lost(_)));
        assert!(matches!(verdict(&[ran(1, 1, None)]).end, End::Lost(_)));
        assert_eq!(verdict(&[ran(1, 1, None), ran(2, 2, Some(3))]).end, End::Done);
    }

    #[test]
    fn only_what_is_to_fail_fails_on_purpose() {
        let failed = [submitted(Answer::Failed("on purpose".to_owned()), 0, 9)];
        let to_fail = task(|task| task.kind == Kind::Fail && !task.background);
        let execution = Execution { ended: Some((2, Mark::Failed)), ..ran(1, 1, None) };
        let verdict = |task, executions: &[Execution]| verdict(task, &failed, executions, &Damage::default()).end;
        assert_eq!(verdict(to_fail, std::slice::from_ref(&execution)), End::FailedOnPurpose);
        assert!(matches!(verdict(to_fail, &[]), End::Lost(_)));
        assert!(matches!(verdict(foreground(), &[ran(1, 1, Some(2))]), End::Lost(_)));
    }

    #[test]
    fn poison_needs_three_kills() {
        let damage = Damage { workers: (1..=3).map(|pid| (pid, at(pid.into()))).collect(), ..Damage::default() };
        let thrice: Vec<Execution> = (1..=3).map(|pid| ran(pid, pid.into(), None)).collect();
        let said = "poison job: it has taken down 3 processes".to_owned();
        let told = |executions: &[Execution]| {
            verdict(foreground(), &[submitted(Answer::Failed(said.clone()), 0, 9)], executions, &damage)
        };
        assert_eq!((told(&thrice).end, told(&thrice).explained), (End::Poison, Some(true)));
        assert!(matches!(told(&thrice[..2]).end, End::Lost(_)));
        let unseen = |executions: &[Execution]| {
            verdict(background(), &[submitted(Answer::Accepted, 0, 1)], executions, &damage).end
        };
        assert_eq!(unseen(&thrice), End::Poison);
        assert!(matches!(unseen(&thrice[..2]), End::Lost(_)));
    }

    #[test]
    fn twice_needs_a_kill_of_that_process_or_of_that_job_server() {
        let answered = [submitted(Answer::Result, 0, 9)];
        let twice = [ran(1, SECOND, Some(2 * SECOND)), ran(2, 3 * SECOND, Some(4 * SECOND))];
        let explained = |damage: &Damage| verdict(foreground(), &answered, &twice, damage).explained;
        assert_eq!(explained(&Damage::default()), Some(false));
        // While it ran, and shortly after.
        assert_eq!(explained(&worker_killed(1, SECOND)), Some(true));
        assert_eq!(explained(&worker_killed(1, 3 * SECOND)), Some(true));
        // Before, too long after, and somebody else.
        assert_eq!(explained(&worker_killed(1, SECOND - 1)), Some(false));
        assert_eq!(explained(&worker_killed(1, 5 * SECOND)), Some(false));
        assert_eq!(explained(&worker_killed(3, SECOND)), Some(false));
        // The second time, by the process of the second time.
        assert_eq!(explained(&worker_killed(2, 4 * SECOND)), Some(false));
        // A job server keeps no foreground job, so its death alone gives out none again.
        assert_eq!(explained(&server_killed(SECOND)), Some(false));
    }

    #[test]
    fn submitted_again_after_a_job_server_died_is_a_reason() {
        let lost = submitted(Answer::ConnectionLost("closed".to_owned()), 0, 3 * SECOND);
        let submissions = [lost, submitted(Answer::Result, 3 * SECOND, 9 * SECOND)];
        let twice = [ran(1, SECOND, Some(2 * SECOND)), ran(2, 4 * SECOND, Some(5 * SECOND))];
        let explained = |damage: &Damage| verdict(foreground(), &submissions, &twice, damage).explained;
        assert_eq!(explained(&server_killed(2 * SECOND)), Some(true));
        assert_eq!(explained(&server_killed(4 * SECOND)), Some(false));
        let another = Incarnation { server: 1, generation: 1 };
        let other = Damage { servers: vec![(another, at(2 * SECOND))], ..Damage::default() };
        assert_eq!(explained(&other), Some(false));
    }

    #[test]
    fn a_queue_on_disk_gives_out_again_what_was_not_noted_as_done() {
        let accepted = [submitted(Answer::Accepted, 0, 1)];
        let twice = [ran(1, SECOND, Some(2 * SECOND)), ran(2, 8 * SECOND, Some(9 * SECOND))];
        let explained = |damage: &Damage| verdict(background(), &accepted, &twice, damage).explained;
        assert_eq!(explained(&server_killed(9 * SECOND)), Some(false));
        assert_eq!(explained(&server_killed(2 * SECOND)), Some(true));
        assert_eq!(explained(&server_killed(7 * SECOND)), Some(false));
        // Frozen meanwhile: the answer had not been read.
        let frozen = vec![(0, Span { from: 2 * SECOND, until: 6 * SECOND })];
        assert_eq!(explained(&Damage { frozen, ..server_killed(7 * SECOND) }), Some(true));
    }

    #[test]
    fn one_reason_explains_one_more() {
        let answered = [submitted(Answer::Result, 0, 9)];
        let thrice = [ran(1, 1, None), ran(2, 2, Some(3)), ran(3, 4, Some(5))];
        let verdict = verdict(foreground(), &answered, &thrice, &worker_killed(1, 1));
        assert_eq!((verdict.explained, verdict.finished, verdict.cut_short), (Some(false), 2, 1));
    }

    #[test]
    fn cut_short_by_nobody_is_a_fault() {
        let answered = [submitted(Answer::Result, 0, 9)];
        let executions = [ran(1, 1, None), ran(2, 2, Some(3))];
        assert_eq!(verdict(foreground(), &answered, &executions, &Damage::default()).wrong.len(), 1);
        assert!(!verdict(foreground(), &answered, &executions, &worker_killed(1, 1)).is_fault());
    }
}
