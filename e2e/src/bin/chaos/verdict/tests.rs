//! Tests of the judgement of one job.

use super::*;
use crate::deaths::Counted;
use crate::evidence::Incarnation;
use crate::jobs::Kind;

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

fn ran_as(mark: Mark, pid: u32, begun: u64, ended: Option<u64>) -> Execution {
    let ended = ended.map(|at| (at, mark));
    Execution { pid, driver: 0, handle: "H:s0g1:1".to_owned(), since: 0, begun, fell: None, ended }
}

fn ran(pid: u32, begun: u64, ended: Option<u64>) -> Execution {
    ran_as(Mark::Done, pid, begun, ended)
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
    let execution = ran_as(Mark::Failed, 1, 1, Some(2));
    let verdict = |task, executions: &[Execution]| verdict(task, &failed, executions, &Damage::default()).end;
    assert_eq!(verdict(to_fail, std::slice::from_ref(&execution)), End::FailedOnPurpose);
    assert!(matches!(verdict(to_fail, &[]), End::Lost(_)));
    assert!(matches!(verdict(foreground(), &[ran(1, 1, Some(2))]), End::Lost(_)));
}

#[test]
fn a_job_that_outlives_its_timeout_fails_between_both_limits() {
    let overruns = |task: &Task| task.kind == Kind::Limited && task.fate == Fate::Overruns;
    let told = |until| [submitted(Answer::Failed("timeout after 1 s".to_owned()), 0, until)];
    let executions = [ran_as(Mark::Late, 1, SECOND, Some(3 * SECOND))];
    let verdict = |task: &dyn Fn(&Task) -> bool, submissions: &[Submission]| {
        verdict(self::task(task), submissions, &executions, &Damage::default())
    };
    let heard = |task: &Task| overruns(task) && !task.background;
    assert_eq!(verdict(&heard, &told(2 * SECOND)).end, End::TimedOut);
    assert!(verdict(&heard, &told(SECOND)).is_fault());
    assert!(verdict(&heard, &told(8 * SECOND)).is_fault());
    assert!(verdict(&heard, &[submitted(Answer::Result, 0, 3 * SECOND)]).is_fault());
    assert!(verdict(&|task| task == &foreground(), &told(2 * SECOND)).is_fault());
    let unheard = |task: &Task| overruns(task) && task.background;
    assert_eq!(verdict(&unheard, &[submitted(Answer::Accepted, 0, 1)]).end, End::TimedOut);
}

#[test]
fn a_job_that_hangs_is_killed_by_its_driver_and_not_run_again() {
    let hangs = task(|task| task.fate == Fate::Hangs && !task.background);
    let told = [submitted(Answer::Failed("timeout after 1 s".to_owned()), 0, 2 * SECOND)];
    let verdict = |executions: &[Execution], damage: &Damage| verdict(hangs, &told, executions, damage);
    let overdue = Damage { overdue: vec![(1, "H:s0g1:1".to_owned())], ..Damage::default() };
    let cut = ran(1, SECOND, None);
    let once = std::slice::from_ref(&cut);
    assert_eq!((verdict(once, &overdue).end, verdict(once, &overdue).is_fault()), (End::TimedOut, false));
    assert!(verdict(once, &Damage::default()).is_fault());
    assert!(verdict(&[cut.clone(), ran(2, 7 * SECOND, None)], &overdue).is_fault());
    // It has failed by then, so this is no reason either.
    let killed_late = Damage { overdue: overdue.overdue, ..worker_killed(1, 5 * SECOND) };
    assert!(verdict(&[cut, ran(2, 7 * SECOND, None)], &killed_late).is_fault());
    // Nobody was there to kill it.
    let hung = [ran_as(Mark::Late, 1, SECOND, Some(13 * SECOND))];
    assert!(verdict(&hung, &Damage::default()).is_fault());
    let alone = Damage { supervisors: vec![(0, at(3 * SECOND))], ..Damage::default() };
    assert!(!verdict(&hung, &alone).is_fault());
}

#[test]
fn a_job_that_blocks_its_asynchronous_process_ends_as_poison_and_its_neighbours_run_again() {
    let overdue = (1..=3).map(|pid| (pid, "H:s0g1:7".to_owned())).collect();
    let damage = Damage { overdue, ..Damage::default() };
    let thrice: Vec<Execution> = (1..=3).map(|pid| ran(pid, u64::from(pid) * 7 * SECOND, None)).collect();
    let said = Answer::Failed("poison job: it has taken down 3 processes".to_owned());
    let blocks = task(|task| task.fate == Fate::Blocks);
    let of = verdict(blocks, &[submitted(said, 0, 30 * SECOND)], &thrice, &damage);
    assert_eq!((of.end.clone(), of.is_fault()), (End::Poison, false));
    let beside = [thrice[0].clone(), ran(9, 15 * SECOND, Some(16 * SECOND))];
    let answered = [submitted(Answer::Result, 0, 17 * SECOND)];
    let waits = |task: &Task| task.kind == Kind::LimitedWait && task.fate == Fate::Done && !task.background;
    assert!(!verdict(task(waits), &answered, &beside, &damage).is_fault());
    assert!(verdict(foreground(), &answered, &beside, &damage).is_fault());
    // Its method had returned, and its answer had not gone.
    let done = [ran(1, 5 * SECOND, Some(6 * SECOND)), ran(9, 15 * SECOND, Some(16 * SECOND))];
    let blocked = |second: u64| Damage { blocked: vec![(1, at(second * SECOND))], ..damage.clone() };
    assert!(!verdict(task(waits), &answered, &done, &blocked(7)).is_fault());
    assert!(verdict(task(waits), &answered, &done, &blocked(9)).is_fault());
}

#[test]
fn where_nobody_kills_a_blocked_process_its_jobs_are_told_when_it_goes_on() {
    let overruns = task(|task| task.kind == Kind::LimitedWait && task.fate == Fate::Overruns && !task.background);
    let told = [submitted(Answer::Failed("timeout after 1.5 s".to_owned()), 0, 15 * SECOND)];
    let hung = |begun| ran(1, begun, Some(14 * SECOND));
    let alone = Damage { supervisors: vec![(0, at(2 * SECOND))], ..Damage::default() };
    // Also one that begins only then, granted before.
    for begun in [SECOND, 3 * SECOND] {
        assert!(verdict(overruns, &told, &[hung(begun)], &Damage::default()).is_fault());
        assert_eq!(verdict(overruns, &told, &[hung(begun)], &alone).end, End::TimedOut);
    }
}

#[test]
fn of_two_kills_with_that_pid_the_first_explains() {
    let answered = [submitted(Answer::Result, 0, 9)];
    let again = [ran(1, SECOND, None), ran(2, 3 * SECOND, Some(4 * SECOND))];
    let workers = vec![(1, at(9 * SECOND)), (1, at(2 * SECOND))];
    let damage = Damage { workers, ..Damage::default() };
    assert!(!verdict(foreground(), &answered, &again, &damage).is_fault());
}

#[test]
fn a_deadly_job_must_end_as_poison() {
    let deadly = task(|task| matches!(task.fate, Fate::Deadly(_)) && !task.background);
    let said = Answer::Failed("poison job: it has taken down 3 processes".to_owned());
    let fell: Vec<Execution> =
        (1..=3).map(|pid| Execution { fell: Some(pid.into()), ..ran(pid, pid.into(), None) }).collect();
    let falls = (1..=3).map(|pid| (pid, at(pid.into()))).collect();
    let counted = (1..=3).map(|deaths| Counted { driver: 0, deaths, poison: deaths == 3 }).collect();
    let damage = Damage { falls, counted: [(deadly.number, counted)].into(), ..Damage::default() };
    let verdict =
        |answer: Answer, executions: &[Execution]| verdict(deadly, &[submitted(answer, 0, 9)], executions, &damage);
    assert_eq!((verdict(said.clone(), &fell).end, verdict(said.clone(), &fell).is_fault()), (End::Poison, false));
    assert!(matches!(verdict(said, &fell[..2]).end, End::Lost(_)));
    assert!(verdict(Answer::Result, &fell).is_fault());
}

#[test]
fn a_driver_that_ends_at_once_explains_what_it_ran() {
    let answered = [submitted(Answer::Result, 0, 9)];
    let again = [ran(1, SECOND, None), ran(2, 3 * SECOND, Some(4 * SECOND))];
    let fault = |driver| {
        let damage = Damage { quits: vec![(driver, at(2 * SECOND))], ..Damage::default() };
        verdict(foreground(), &answered, &again, &damage).is_fault()
    };
    assert_eq!((fault(0), fault(1)), (false, true));
}

#[test]
fn poison_needs_three_kills() {
    let damage = Damage { workers: (1..=3).map(|pid| (pid, at(pid.into()))).collect(), ..Damage::default() };
    let thrice: Vec<Execution> = (1..=3).map(|pid| ran(pid, pid.into(), None)).collect();
    let said = "poison job: it has taken down 3 processes".to_owned();
    let told = |executions: &[Execution]| {
        verdict(foreground(), &[submitted(Answer::Failed(said.clone()), 0, 9)], executions, &damage)
    };
    assert_eq!((told(&thrice).end, told(&thrice).explained), (End::TakenForPoison, Some(true)));
    assert!(matches!(told(&thrice[..2]).end, End::Lost(_)));
    let unseen =
        |executions: &[Execution]| verdict(background(), &[submitted(Answer::Accepted, 0, 1)], executions, &damage).end;
    assert_eq!(unseen(&thrice), End::TakenForPoison);
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
