//! What the jobs are: everything about one follows from its number, so that clients, workers and the account agree
//! without talking.

use std::time::Duration;

use e2e::Chance;

/// The type paths of the workers.
const CHAOS: &str = "chaos::workers::Chaos";
const WAITING: &str = "chaos::workers::Waiting";
/// A large result: it does not fit into a socket's buffer at once, and is lost where a connection is cut off.
const LARGE: usize = 100_000;
/// A job that hangs comes back after so long: a driver that was killed meanwhile leaves nobody who would kill it.
const HANG: u64 = 12_000;
/// So long after the timeout a driver kills a process that still has the job in hand.
pub(crate) const GRACE: Duration = Duration::from_secs(5);

/// The function that a job asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Done at once. Its processes have `max_jobs`.
    Quick,
    /// Takes 10 to 100 ms. Its processes have `max_age`.
    Slow,
    /// Fails on purpose.
    Fail,
    /// In a process group with the next, with `max_jobs`.
    PairOne,
    /// In a process group with the one before.
    PairTwo,
    /// Asynchronous, several at once in a process, with `max_jobs`; takes 5 to 50 ms. Few take the process down.
    Wait,
    /// Leaves some of its memory behind. Its processes have `max_memory`.
    Leak,
    /// Has a timeout, which few outlive.
    Limited,
    /// The same, asynchronous.
    LimitedWait,
    /// Done at once, but that few take their process down.
    Risky,
}

/// How a job is to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// With a result.
    Done,
    /// With a failure that is its own.
    Fails,
    /// At its timeout; its method comes back some time after that.
    Overruns,
    /// At its timeout; its process is killed, since its method does not come back.
    Hangs,
    /// It holds up its asynchronous process, which is killed whenever that runs it, until its driver fails it.
    Blocks,
    /// It takes its process down whenever it is run, until its driver fails it.
    Deadly(Way),
}

/// How a job takes its process down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Kill,
    Abort,
    Exit,
}

impl Kind {
    const ALL: [Self; 10] = [
        Self::Quick,
        Self::Slow,
        Self::Fail,
        Self::PairOne,
        Self::PairTwo,
        Self::Wait,
        Self::Leak,
        Self::Limited,
        Self::LimitedWait,
        Self::Risky,
    ];

    /// Its function's name without the worker's, and how many of 10,000 jobs ask for it.
    fn method(self) -> (&'static str, u64) {
        match self {
            Self::Quick => ("quick", 2800),
            Self::Slow => ("slow", 3300),
            Self::Fail => ("fail", 700),
            Self::PairOne => ("one", 650),
            Self::PairTwo => ("two", 650),
            Self::Wait => ("wait", 1000),
            Self::Leak => ("leak", 300),
            Self::Limited => ("limited", 250),
            Self::LimitedWait => ("limited_wait", 150),
            Self::Risky => ("risky", 200),
        }
    }

    /// The function's name as job servers know it.
    pub(crate) fn function(self) -> String {
        let worker = if matches!(self, Self::Wait | Self::LimitedWait | Self::Fail) { WAITING } else { CHAOS };
        format!("{worker}::{}", self.method().0)
    }

    /// The same kind for all that run in the same process.
    pub(crate) fn of_process(self) -> Self {
        if self == Self::PairTwo { Self::PairOne } else { self }
    }

    /// The timeout that its worker declares.
    pub(crate) fn timeout(self) -> Option<Duration> {
        match self {
            Self::Limited => Some(Duration::from_secs(1)),
            Self::LimitedWait => Some(Duration::from_millis(1500)),
            _ => None,
        }
    }

    /// The `max_jobs` that its worker declares.
    pub(crate) fn max_jobs(self) -> Option<u32> {
        match self {
            Self::Quick => Some(40),
            Self::PairOne | Self::PairTwo => Some(30),
            Self::Wait => Some(80),
            _ => None,
        }
    }

    /// The least age at which its processes are replaced: the `max_age` that its worker declares, less all the jitter.
    pub(crate) fn least_age(self) -> Option<Duration> {
        (self == Self::Slow).then_some(Duration::from_secs(3))
    }

    fn fate(self, random: &mut Chance) -> Fate {
        let chance = random.below(1000);
        let way = [Way::Kill, Way::Abort, Way::Exit][random.below(3) as usize];
        match (self, chance) {
            (Self::Fail, _) => Fate::Fails,
            (Self::Limited, 0..15) => Fate::Hangs,
            (Self::Limited, 15..60) | (Self::LimitedWait, 0..50) => Fate::Overruns,
            (Self::LimitedWait, 50..53) => Fate::Blocks,
            (Self::Risky, 0..20) | (Self::Wait, 0..2) => Fate::Deadly(way),
            _ => Fate::Done,
        }
    }
}

/// One job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Task {
    pub(crate) number: u32,
    pub(crate) kind: Kind,
    pub(crate) fate: Fate,
    pub(crate) background: bool,
    /// How long it takes, where it takes time.
    pub(crate) millis: u64,
    /// Bytes of its result, at the least.
    pub(crate) size: usize,
}

impl Task {
    /// The job of this number.
    pub(crate) fn of(number: u32) -> Self {
        let mut random = Chance::of(u64::from(number));
        let mut place = random.below(10_000);
        let kind = Kind::ALL.into_iter().find(|kind| {
            let share = kind.method().1;
            let is_it = place < share;
            place = place.saturating_sub(share);
            is_it
        });
        let kind = kind.unwrap_or(Kind::Quick);
        let fate = kind.fate(&mut random);
        let background = random.below(4) == 0;
        let overrun = 1800 + random.below(600);
        let millis = match kind {
            _ if matches!(fate, Fate::Hangs | Fate::Blocks) => HANG,
            _ if fate == Fate::Overruns => overrun,
            Kind::Slow => 10 + random.below(91),
            Kind::Wait | Kind::LimitedWait => 5 + random.below(46),
            _ => 0,
        };
        let size = if random.below(50) == 0 { LARGE } else { 0 };
        Self { number, kind, fate, background, millis, size }
    }

    /// Whether it is run again and again until it is poison.
    pub(crate) fn is_poison(&self) -> bool {
        matches!(self.fate, Fate::Deadly(_) | Fate::Blocks)
    }

    /// How long it takes, where it takes time.
    pub(crate) fn time(&self) -> Duration {
        Duration::from_millis(self.millis)
    }

    /// The result of this job when that process has run it.
    pub(crate) fn result(&self, pid: u32) -> String {
        let mut result = format!("{} {pid} ", self.number);
        result.extend(std::iter::repeat_n('.', self.size.saturating_sub(result.len())));
        result
    }

    /// Whether this is a result of this job.
    pub(crate) fn is_result(&self, result: &[u8]) -> bool {
        result.starts_with(format!("{} ", self.number).as_bytes()) && result.len() >= self.size
    }
}

/// The names of the jobs, as the console knows them.
pub(crate) fn console_names() -> Vec<String> {
    let alone = Kind::ALL.into_iter().filter(|kind| kind.of_process() != Kind::PairOne).map(Kind::function);
    alone.chain([format!("{CHAOS}::pair")]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_kinds_come_up_in_both_ways() {
        assert_eq!(Kind::ALL.iter().map(|kind| kind.method().1).sum::<u64>(), 10_000);
        let tasks: Vec<Task> = (0..2000).map(Task::of).collect();
        for kind in Kind::ALL {
            for background in [false, true] {
                assert!(tasks.iter().any(|task| task.kind == kind && task.background == background), "{kind:?}");
            }
        }
        assert!(tasks.iter().any(|task| task.size == LARGE));
    }

    #[test]
    fn few_end_badly_but_some_do_in_a_short_run_too() {
        let count = |jobs: u32, wanted: &dyn Fn(&Task) -> bool| (0..jobs).map(Task::of).filter(wanted).count();
        let deadly = |task: &Task| matches!(task.fate, Fate::Deadly(_));
        for fate in [Fate::Overruns, Fate::Hangs] {
            assert!(count(4000, &|task| task.fate == fate && !task.background) > 0, "{fate:?}");
        }
        assert!(count(4000, &|task| deadly(task) && !task.background) > 0);
        // Each takes seconds of a process or of a client.
        assert!((10..50).contains(&count(100_000, &|task| task.fate == Fate::Hangs)));
        assert!((20..80).contains(&count(100_000, &deadly)));
        assert!((50..400).contains(&count(100_000, &|task| task.fate == Fate::Overruns)));
        assert!(count(100_000, &|task| deadly(task) && task.kind == Kind::Wait) > 0);
        let blocks = |task: &Task| task.fate == Fate::Blocks;
        assert!((1..20).contains(&count(100_000, &blocks)));
        assert_eq!(count(4000, &blocks), 0, "half a minute each");
    }

    #[test]
    fn a_result_is_that_of_its_job() {
        let task = (0..).map(Task::of).find(|task| task.size == LARGE).unwrap();
        assert!(task.is_result(task.result(1).as_bytes()));
        assert!(!task.is_result(format!("{} 1 ", task.number).as_bytes()));
        assert!(!Task::of(1).is_result(Task::of(11).result(1).as_bytes()));
    }
}
