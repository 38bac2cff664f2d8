//! Jobs that take their process down, and what drivers may make of that. Pure, as [`crate::verdict`] is.
//!
//! Each driver counts for itself: at the third death that it sees, the job is poison to it, and a process that begins after
//! that does not run it. Processes that stood by idle may have got it before. A driver does not see a death while its
//! supervisor or host is away, and begins anew after a reload and after the job was answered: then somebody has submitted
//! it again, or a job server its queue.

use crate::damage::Damage;
use crate::evidence::{Execution, Span};
use crate::verdict::Story;

/// So many deaths make a driver fail a job instead of running it once more (its `poison_limit`).
pub(crate) const POISON_LIMIT: usize = 3;
/// What it then says.
pub(crate) const POISON: &str = "poison job: it has taken down ";

/// From a death until all processes know of it.
const TOLD: u64 = 3_000_000_000;
/// A death so shortly before its driver lost its supervisor or host, or after, may have been nobody's to see.
const UNSEEN: u64 = 2_000_000_000;
/// A reload may be taken back so long after its answer.
const RELOADING: u64 = 10_000_000_000;

/// A death that a driver has counted, as its log says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counted {
    pub(crate) driver: u8,
    /// The job's.
    pub(crate) deaths: usize,
    /// It is failed when it comes again.
    pub(crate) poison: bool,
}

impl Counted {
    /// What a line of a driver's log says, and of which job.
    pub(crate) fn parse(driver: u8, line: &str) -> Option<(u32, Self)> {
        let (_, job) = line.split_once(", unique ")?;
        let (number, what) = job.split_once(')')?;
        let before_poison = what.strip_prefix(" was at work: death ");
        let count = before_poison.or_else(|| what.strip_prefix(" has taken down "))?;
        let deaths = count.split(' ').next()?.parse().ok()?;
        Some((number.parse().ok()?, Self { driver, deaths, poison: before_poison.is_none() }))
    }
}

/// Whether a driver may have taken the job for poison: so many processes of it ended with that job in hand.
pub(crate) fn may_be_poison(executions: &[Execution], damage: &Damage) -> bool {
    let died = |execution: &&Execution| execution.ended.is_none() || damage.killed(execution).is_some();
    let deaths = |driver| executions.iter().filter(died).filter(|execution| execution.driver == driver).count();
    executions.iter().any(|execution| deaths(execution.driver) >= POISON_LIMIT)
}

/// Whether a driver's supervisor was killed between deaths of the job in that driver: the next one knew of the earlier ones.
pub(crate) fn over_a_new_start(executions: &[Execution], damage: &Damage) -> bool {
    damage.supervisors.iter().any(|&(driver, away)| {
        let begun = |wanted: &dyn Fn(u64) -> bool| {
            executions.iter().any(|execution| execution.driver == driver && wanted(execution.begun))
        };
        begun(&|begun| begun < away.from) && begun(&|begun| begun > away.until)
    })
}

/// What drivers have made of the job's deaths, where that was wrong, and executions that should not have been, since their
/// driver knew what comes of it.
pub(crate) fn wrong(story: &Story<'_>, damage: &Damage) -> Vec<String> {
    let counted = damage.counted.get(&story.task.number).map(Vec::as_slice).unwrap_or_default();
    let misjudged = counted.iter().filter(|counted| counted.poison != (counted.deaths >= POISON_LIMIT));
    let mut wrong: Vec<String> = misjudged.map(|counted| format!("a driver misjudged it: {counted:?}")).collect();
    let mut drivers: Vec<u8> = story.executions.iter().map(|execution| execution.driver).collect();
    drivers.sort_unstable();
    drivers.dedup();
    for driver in drivers {
        // It is answered at the limit: deaths that its driver hears of after that count for nothing.
        let seen = story.executions.iter().filter(|execution| execution.driver == driver && damage.shows(execution));
        let (seen, told) = (seen.count(), counted.iter().filter(|counted| counted.driver == driver).count());
        if told < seen.min(POISON_LIMIT) {
            wrong.push(format!("driver {driver} has counted {told} deaths of {seen}"));
        }
        wrong.extend(needless_in(driver, story, damage));
    }
    wrong
}

fn needless_in(driver: u8, story: &Story<'_>, damage: &Damage) -> Vec<String> {
    let mut needless = Vec::new();
    let mut seen: Vec<u64> = Vec::new();
    for execution in story.executions.iter().filter(|execution| execution.driver == driver) {
        let begun = execution.begun;
        if let Some(&first) = seen.first()
            && damage.counts_anew(driver, Span { from: first, until: begun })
        {
            seen.clear();
        }
        if let Some(third) = seen.get(POISON_LIMIT - 1)
            && begun > third + TOLD
        {
            let (pid, deaths) = (execution.pid, seen.len());
            needless.push(format!("process {pid} began it, though driver {driver} knew of {deaths} deaths of it"));
        }
        seen.extend(execution.fell.filter(|_| damage.shows(execution)));
    }
    needless
}

impl Damage {
    /// Whether a driver may have forgotten what it had counted.
    fn counts_anew(&self, driver: u8, span: Span) -> bool {
        let reloading = |reload: Span| Span { from: reload.from, until: reload.until + RELOADING };
        self.reloads.iter().any(|&(of, reload)| of == driver && reloading(reload).overlaps(span))
            || self.servers.iter().any(|(_, kill)| kill.overlaps(span))
    }

    /// Whether it took down its process, and its driver must have seen that.
    fn shows(&self, execution: &Execution) -> bool {
        let Some(fell) = execution.fell else { return false };
        let killed = [&self.workers, &self.ordered].into_iter().flatten();
        let span = Span { from: fell.saturating_sub(UNSEEN), until: fell + UNSEEN };
        let away = [&self.supervisors, &self.hosts, &self.quits].into_iter().flatten();
        !away.filter(|(driver, _)| *driver == execution.driver).any(|(_, away)| away.overlaps(span))
            && !killed.filter(|(pid, _)| *pid == execution.pid).any(|(_, kill)| kill.overlaps(span))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::Incarnation;
    use crate::jobs::{Fate, Task};

    const SECOND: u64 = 1_000_000_000;

    fn fell(driver: u8, at: u64) -> Execution {
        let pid = u32::try_from(at / SECOND).unwrap();
        Execution { pid, driver, handle: "H:s0g1:1".to_owned(), since: 0, begun: at, fell: Some(at), ended: None }
    }

    fn needless_of(executions: &[Execution], damage: &Damage) -> usize {
        let task = (0..).map(Task::of).find(|task| matches!(task.fate, Fate::Deadly(_))).unwrap();
        let deaths = |driver| (1..=3).map(move |deaths| Counted { driver, deaths, poison: deaths == 3 });
        let counted = [(task.number, (0..2).flat_map(deaths).collect())].into();
        let damage = Damage { counted, ..damage.clone() };
        wrong(&Story { task, submissions: &[], executions }, &damage).len()
    }

    #[test]
    fn a_log_tells_what_was_counted() {
        let line = "[..] INFO (1) [j] a::b (handle H:s0g1:5, unique 17) was at work: death 2 of 3";
        assert_eq!(Counted::parse(1, line), Some((17, Counted { driver: 1, deaths: 2, poison: false })));
        let line =
            "[..] Poison job: a::b (handle H:a:1, unique 17) has taken down 4 process(es), the last one ended ..";
        assert_eq!(Counted::parse(0, line), Some((17, Counted { driver: 0, deaths: 4, poison: true })));
        assert_eq!(Counted::parse(0, "a::b (handle H:a:1, unique 17) was at lunch"), None);
    }

    #[test]
    fn a_driver_counts_what_it_sees_and_judges_by_its_limit() {
        let task = (0..).map(Task::of).find(Task::is_poison).unwrap();
        let wrong = |executions: &[Execution], counted: &[(usize, bool)]| {
            let counted = counted.iter().map(|&(deaths, poison)| Counted { driver: 0, deaths, poison }).collect();
            let damage = Damage { counted: [(task.number, counted)].into(), ..Damage::default() };
            super::wrong(&Story { task, submissions: &[], executions }, &damage).len()
        };
        let fell = [1, 2, 3, 4].map(|second| super::tests::fell(0, second * SECOND));
        assert_eq!(wrong(&fell, &[(1, false), (2, false), (3, true)]), 0, "the fourth stood by");
        assert_eq!(wrong(&fell[..2], &[(1, false)]), 1, "one was not counted");
        assert_eq!(wrong(&fell[..3], &[(1, false), (2, false), (3, false)]), 1, "it is poison");
        assert_eq!(wrong(&fell[..2], &[(1, false), (2, true)]), 1, "it is none yet");
    }

    #[test]
    fn three_deaths_of_one_driver_make_poison() {
        let of = |executions: &[Execution]| may_be_poison(executions, &Damage::default());
        assert!(of(&[fell(0, 1), fell(0, 2), fell(0, 3)]));
        assert!(!of(&[fell(0, 1), fell(1, 2), fell(0, 3), fell(1, 4)]));
    }

    #[test]
    fn a_fourth_one_is_needless_once_all_know() {
        let thrice = [fell(0, SECOND), fell(0, 2 * SECOND), fell(0, 3 * SECOND)];
        let with = |fourth: Execution| [thrice.as_slice(), &[fourth]].concat();
        let none = Damage::default();
        assert_eq!(needless_of(&with(fell(0, 4 * SECOND)), &none), 0, "it stood by");
        assert_eq!(needless_of(&with(fell(0, 9 * SECOND)), &none), 1);
        assert_eq!(needless_of(&with(fell(1, 9 * SECOND)), &none), 0, "another driver");
    }

    #[test]
    fn deaths_before_and_after_a_supervisors_kill_are_told() {
        let killed = |driver, second: u64| {
            let at = Span { from: second * SECOND, until: second * SECOND };
            Damage { supervisors: vec![(driver, at)], ..Damage::default() }
        };
        let executions = [1, 3].map(|second| fell(0, second * SECOND));
        assert!(over_a_new_start(&executions, &killed(0, 2)));
        assert!(!over_a_new_start(&executions, &killed(1, 2)) && !over_a_new_start(&executions, &killed(0, 4)));
    }

    #[test]
    fn what_a_driver_has_forgotten_or_not_seen_does_not_count() {
        let executions = [1, 2, 3, 20].map(|second| fell(0, second * SECOND));
        let at = |second: u64| Span { from: second * SECOND, until: second * SECOND };
        let reloads = |driver| Damage { reloads: vec![(driver, at(8))], ..Damage::default() };
        assert_eq!((needless_of(&executions, &reloads(0)), needless_of(&executions, &reloads(1))), (0, 1));
        let hosts = |second| Damage { hosts: vec![(0, at(second))], ..Damage::default() };
        assert_eq!((needless_of(&executions, &hosts(4)), needless_of(&executions, &hosts(8))), (0, 1));
        let server = Incarnation { server: 0, generation: 1 };
        assert_eq!(needless_of(&executions, &Damage { servers: vec![(server, at(9))], ..Damage::default() }), 0);
    }
}
