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

/// Whether a driver may have taken the job for poison: so many processes of it ended with that job in hand.
pub(crate) fn may_be_poison(executions: &[Execution], damage: &Damage) -> bool {
    let died = |execution: &&Execution| execution.ended.is_none() || damage.killed(execution).is_some();
    let deaths = |driver| executions.iter().filter(died).filter(|execution| execution.driver == driver).count();
    executions.iter().any(|execution| deaths(execution.driver) >= POISON_LIMIT)
}

/// Executions that should not have been, since their driver knew what comes of it.
pub(crate) fn needless(story: &Story<'_>, damage: &Damage) -> Vec<String> {
    let mut drivers: Vec<u8> = story.executions.iter().map(|execution| execution.driver).collect();
    drivers.sort_unstable();
    drivers.dedup();
    drivers.into_iter().flat_map(|driver| needless_in(driver, story, damage)).collect()
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
        seen.extend(execution.fell.filter(|&fell| !damage.hides(driver, fell)));
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

    /// Whether a driver may not have seen a death.
    fn hides(&self, driver: u8, death: u64) -> bool {
        let all = [&self.supervisors, &self.hosts, &self.quits];
        let span = Span { from: death.saturating_sub(UNSEEN), until: death + UNSEEN };
        all.into_iter().flatten().any(|&(of, away)| of == driver && away.overlaps(span))
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
        Execution { pid, driver, handle: "H:s0g1:1".to_owned(), begun: at, fell: Some(at), ended: None }
    }

    fn needless_of(executions: &[Execution], damage: &Damage) -> usize {
        let task = (0..).map(Task::of).find(|task| matches!(task.fate, Fate::Deadly(_))).unwrap();
        needless(&Story { task, submissions: &[], executions }, damage).len()
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
