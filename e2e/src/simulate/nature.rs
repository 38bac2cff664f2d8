//! How bad a world is. Each kind of trouble is absent from many worlds, so that the others show alone, too.

use std::time::Duration;

use crate::Chance;

/// What a world is like. "Every" is the mean time between two, `None` where there is none; rates are per mille.
#[derive(Debug, Clone)]
pub(super) struct Nature {
    pub(super) jobs: usize,
    pub(super) servers: usize,
    /// How long there is trouble.
    pub(super) trouble: Duration,
    /// Between two looks at the queues.
    pub(super) interval: Duration,
    pub(super) max_idle_time: Duration,
    pub(super) shutdown_timeout: Duration,
    /// New jobs.
    pub(super) arrivals_every: Duration,
    pub(super) burst: u64,
    /// A job's longest run.
    pub(super) service: Duration,
    pub(super) orders_every: Option<Duration>,
    /// The driver is signalled, or told to shut down, in the middle of the trouble.
    pub(super) signals_every: Option<Duration>,
    /// News that reach the supervisor late, by at most so much.
    pub(super) delay: Duration,
    /// The supervisor's clock strikes late, by at most so much.
    pub(super) late: Duration,
    /// A tick that nobody has asked for.
    pub(super) spurious_every: Option<Duration>,
    /// The scoreboard is read at odd times.
    pub(super) observed_every: Option<Duration>,
    /// What was read is taken in late.
    pub(super) stale: u32,
    pub(super) load: Duration,
    pub(super) load_fails: u32,
    pub(super) hosts_die_every: Option<Duration>,
    /// The host answers nobody for as long as this.
    pub(super) host_slow: Option<Duration>,
    pub(super) spawn_fails: u32,
    /// Processes that end of themselves, within at most `life`.
    pub(super) crashes: u32,
    pub(super) life: Duration,
    /// All processes of a job die at once, for a while.
    pub(super) epidemics_every: Option<Duration>,
    /// A process does nothing, and obeys nothing but KILL.
    pub(super) freezes: u32,
    /// Not even KILL ends it, for a while.
    pub(super) clings: u32,
    /// Ends as soon as its job is done, by its own decision.
    pub(super) own_drains: u32,
    /// Writes nonsense into its slot.
    pub(super) mad: u32,
    /// Jobs that take their process down.
    pub(super) poison: u32,
    /// The time between the order to stop and the exit.
    pub(super) exit: Duration,
    pub(super) servers_turn_every: Option<Duration>,
    /// Rows that no job server should send.
    pub(super) odd_rows: u32,
    /// Functions that no job has.
    pub(super) unknown: u32,
    /// The worker code on disk changes.
    pub(super) deployments_every: Option<Duration>,
    /// Trouble goes on during the shutdown.
    pub(super) rough_end: bool,
}

impl Nature {
    pub(super) fn of(chance: &mut Chance) -> Self {
        let seconds = Duration::from_secs;
        let millis = Duration::from_millis;
        // Most worlds are short; in a few, what is slow has its time.
        let trouble = match chance.below(20) {
            0 => seconds(chance.within(300..=1200)),
            1..=5 => seconds(chance.within(60..=300)),
            _ => seconds(chance.within(5..=60)),
        };
        Self {
            jobs: chance.within(1..=5) as usize,
            servers: chance.within(1..=3) as usize,
            trouble,
            interval: millis(chance.within(100..=4000)),
            max_idle_time: if chance.hits(300) { Duration::ZERO } else { seconds(chance.within(0..=40)) },
            shutdown_timeout: millis(chance.within(0..=30_000)),
            arrivals_every: millis(chance.within(20..=3000)),
            burst: if chance.hits(300) { chance.within(5..=60) } else { chance.within(1..=4) },
            service: millis(chance.within(20..=20_000)),
            orders_every: every(chance, 700, 300, 15_000),
            signals_every: every(chance, 150, 5_000, 300_000),
            delay: if chance.hits(300) { millis(chance.within(10..=2000)) } else { millis(5) },
            late: if chance.hits(200) { millis(chance.within(10..=4000)) } else { millis(2) },
            spurious_every: every(chance, 300, 100, 5000),
            observed_every: every(chance, 500, 50, 3000),
            stale: rate(chance, 200, 300),
            load: millis(chance.within(1..=8000)),
            load_fails: rate(chance, 300, 600),
            hosts_die_every: every(chance, 400, 1000, 60_000),
            host_slow: every(chance, 200, 500, 20_000),
            spawn_fails: rate(chance, 300, 500),
            crashes: rate(chance, 600, 1000),
            life: millis(chance.within(1..=60_000)),
            epidemics_every: every(chance, 300, 5000, 90_000),
            freezes: rate(chance, 300, 300),
            clings: rate(chance, 250, 600),
            own_drains: rate(chance, 300, 300),
            mad: rate(chance, 150, 500),
            poison: rate(chance, 300, 300),
            exit: millis(chance.within(1..=6000)),
            servers_turn_every: every(chance, 500, 1000, 60_000),
            odd_rows: rate(chance, 100, 200),
            unknown: rate(chance, 200, 200),
            deployments_every: every(chance, 400, 2000, 60_000),
            rough_end: chance.hits(500),
        }
    }

    /// No trouble any more: everything works, and soon.
    pub(super) fn calm(&mut self) {
        let soon = Duration::from_millis(500);
        self.service = self.service.min(soon);
        self.exit = self.exit.min(soon);
        self.delay = self.delay.min(Duration::from_millis(5));
        self.late = self.late.min(Duration::from_millis(5));
        for every in [
            &mut self.orders_every,
            &mut self.signals_every,
            &mut self.hosts_die_every,
            &mut self.host_slow,
            &mut self.epidemics_every,
            &mut self.servers_turn_every,
            &mut self.deployments_every,
        ] {
            *every = None;
        }
    }
}

/// A mean time, in so many worlds of a thousand.
fn every(chance: &mut Chance, worlds: u32, least: u64, most: u64) -> Option<Duration> {
    let mean = Duration::from_millis(chance.within(least..=most));
    chance.hits(worlds).then_some(mean)
}

/// A rate, in so many worlds of a thousand.
fn rate(chance: &mut Chance, worlds: u32, most: u32) -> u32 {
    let rate = chance.count(1..=most);
    if chance.hits(worlds) { rate } else { 0 }
}
