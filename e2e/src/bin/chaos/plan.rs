//! What is done to drivers and job servers, in which order and how long after one another: all from the seed.

use std::time::Duration;

use e2e::Chance;

/// One way to disturb.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Kind {
    /// SIGKILL to a worker process.
    KillWorker,
    /// SIGKILL to a host.
    KillHost,
    /// SIGKILL to a supervisor; the driver is started again.
    KillSupervisor,
    /// The console's `kill_now PID`: SIGKILL to a worker process, by its driver.
    KillNow,
    /// TERM to a worker process.
    TermWorker,
    /// The console's `kill PID`.
    ConsoleKill,
    /// The console's `set_processes`.
    Scale,
    /// The console's `reload`.
    Reload,
    /// HUP to a supervisor: a reload that nobody is answered.
    Hup,
    /// The console's `restart JOB`.
    RestartJob,
    /// The console's `shutdown`; the driver is started again.
    Shutdown,
    /// TERM to a supervisor; the driver is started again.
    TermSupervisor,
    /// QUIT to a supervisor, which kills all that it runs; the driver is started again.
    QuitSupervisor,
    /// The console's `set_loglevel`.
    LogLevel,
    /// The console's `save`: other bounds stay over a new start.
    Save,
    /// SIGKILL to a job server, which is started again on its port.
    RestartServer,
    /// SIGSTOP to a job server, for a while.
    FreezeServer,
}

/// All of them: the name in the account, and how many of them there are for 100,000 jobs.
pub(crate) const KINDS: [(Kind, &str, u32); 17] = [
    (Kind::KillWorker, "workers killed", 230),
    (Kind::KillHost, "hosts killed", 25),
    (Kind::KillSupervisor, "supervisors killed, drivers started again", 10),
    (Kind::KillNow, "workers killed by the console", 10),
    (Kind::TermWorker, "workers terminated by TERM", 60),
    (Kind::ConsoleKill, "workers stopped by the console", 30),
    (Kind::Scale, "jobs given other bounds", 80),
    (Kind::Reload, "reloads by the console", 25),
    (Kind::Hup, "HUPs to drivers", 8),
    (Kind::RestartJob, "jobs restarted", 20),
    (Kind::Shutdown, "drivers drained by the console and started again", 8),
    (Kind::TermSupervisor, "drivers drained by TERM and started again", 8),
    (Kind::QuitSupervisor, "drivers ended at once by QUIT and started again", 8),
    (Kind::LogLevel, "log levels set", 6),
    (Kind::Save, "configurations saved", 6),
    (Kind::RestartServer, "job servers killed and started again", 14),
    (Kind::FreezeServer, "job servers frozen for a while", 14),
];

/// Pauses between two disturbances, at the most.
const PAUSE_MILLIS: u64 = 500;

/// How many of some kinds there are at the least.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct AtLeast {
    /// Of workers, hosts and supervisors together.
    pub(crate) kills: u32,
    pub(crate) reloads: u32,
    pub(crate) server_restarts: u32,
}

/// One thing to be done.
#[derive(Debug, Clone)]
pub(crate) struct Disturbance {
    pub(crate) kind: Kind,
    /// Not before so long after the one before.
    pub(crate) pause: Duration,
    /// For its own choices, so that these don't depend on what others have chosen.
    pub(crate) random: Chance,
}

/// The disturbances of a run.
pub(crate) fn plan(jobs: u32, seed: u64, at_least: AtLeast) -> Vec<Disturbance> {
    let mut random = Chance::of(seed);
    let mut kinds = Vec::new();
    for (kind, _, per_100_000) in KINDS {
        let usual = u64::from(per_100_000) * u64::from(jobs) / 100_000;
        let others = count(&kinds, Kind::KillHost) + count(&kinds, Kind::KillSupervisor);
        let wanted = match kind {
            // The hosts and supervisors that follow are at least one each.
            Kind::KillWorker => at_least.kills.saturating_sub(others + 2),
            Kind::Reload => at_least.reloads,
            Kind::RestartServer => at_least.server_restarts,
            _ => 1,
        };
        let number = usize::try_from(usual.max(u64::from(wanted)).max(1)).unwrap_or(usize::MAX);
        kinds.extend(std::iter::repeat_n(kind, number));
    }
    random.shuffle(&mut kinds);
    let pause = |random: &mut Chance| Duration::from_millis(random.below(PAUSE_MILLIS));
    kinds.into_iter().map(|kind| Disturbance { kind, pause: pause(&mut random), random: random.another() }).collect()
}

fn count(kinds: &[Kind], kind: Kind) -> u32 {
    u32::try_from(kinds.iter().filter(|&&other| other == kind).count()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(plan: &[Disturbance], kind: Kind) -> u32 {
        count(&plan.iter().map(|disturbance| disturbance.kind).collect::<Vec<_>>(), kind)
    }

    fn kills(plan: &[Disturbance]) -> u32 {
        [Kind::KillWorker, Kind::KillHost, Kind::KillSupervisor].iter().map(|&kind| counted(plan, kind)).sum()
    }

    #[test]
    fn the_long_run_has_all_that_is_wanted_of_it() {
        let plan = plan(100_000, 1, AtLeast::default());
        assert!(kills(&plan) >= 200);
        assert!(counted(&plan, Kind::Reload) >= 20);
        assert!(counted(&plan, Kind::RestartServer) >= 10);
    }

    #[test]
    fn a_short_run_has_one_of_each_and_what_is_asked_for() {
        let short = plan(10, 1, AtLeast::default());
        assert!(KINDS.iter().all(|&(kind, _, _)| counted(&short, kind) == 1));
        let more = plan(10, 1, AtLeast { kills: 50, reloads: 7, server_restarts: 5 });
        assert_eq!((kills(&more), counted(&more, Kind::Reload), counted(&more, Kind::RestartServer)), (50, 7, 5));
    }

    #[test]
    fn the_seed_decides() {
        let order = |seed| plan(5000, seed, AtLeast::default()).iter().map(|d| (d.kind, d.pause)).collect::<Vec<_>>();
        assert_eq!(order(1), order(1));
        assert_ne!(order(1), order(2));
    }
}
