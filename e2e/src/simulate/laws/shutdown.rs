//! The end of the driver.

use std::collections::BTreeMap;
use std::time::Duration;

use gearman_driver_core::manager::{Event, Settings, Signal};
use gearman_driver_core::order::Order;
use gearman_driver_core::time::Time;

use super::{Broken, Laws, law};

/// What was killed may take that long, and the host after it.
const GRACE: Duration = Duration::from_secs(5);

/// How far the shutdown is.
#[derive(Debug)]
pub(super) struct Shutdown {
    timeout: Duration,
    /// The shortest and the longest `drain_timeout` that worker code has given each job.
    drain_timeouts: BTreeMap<String, (Duration, Duration)>,
    /// How late the clock may strike.
    pub(super) late: Duration,
    began: Option<Time>,
    terms: u32,
    at_once: bool,
    exited: bool,
}

impl Shutdown {
    pub(super) fn new(settings: &Settings, late: Duration) -> Self {
        let drain_timeouts = BTreeMap::new();
        Self {
            timeout: settings.shutdown_timeout,
            drain_timeouts,
            late,
            began: None,
            terms: 0,
            at_once: false,
            exited: false,
        }
    }

    pub(super) fn hear(&mut self, now: Time, event: &Event) {
        match event {
            Event::Signal(Signal::Term | Signal::Int) => {
                self.terms += 1;
                self.at_once |= self.terms > 1;
            }
            Event::Signal(Signal::Quit | Signal::Abrt) => self.at_once = true,
            Event::Order { order: Order::Shutdown, .. } => {}
            Event::Configured { shutdown_timeout, .. } if !self.is_on() => {
                self.timeout = *shutdown_timeout;
                return;
            }
            Event::HostReady { jobs, .. } => {
                for job in jobs {
                    let own = job.drain_timeout.unwrap_or_default();
                    let (least, most) = self.drain_timeouts.entry(job.name.clone()).or_insert((own, own));
                    (*least, *most) = (own.min(*least), own.max(*most));
                }
                return;
            }
            _ => return,
        }
        self.began.get_or_insert(now);
    }

    pub(super) fn is_on(&self) -> bool {
        self.began.is_some()
    }

    pub(super) fn is_at_once(&self) -> bool {
        self.at_once
    }

    pub(super) fn is_over(&self) -> bool {
        self.exited
    }

    /// From its beginning to the exit; where it is to be at once, from that signal on.
    pub(super) fn longest(&self) -> Duration {
        if self.at_once {
            return 2 * GRACE + 3 * self.late + Duration::from_millis(1);
        }
        let own = self.drain_timeouts.values().map(|&(_, most)| most).max().unwrap_or_default();
        self.timeout.max(own) + 2 * GRACE + 3 * self.late + Duration::from_millis(1)
    }

    /// Nothing is killed before its time.
    pub(super) fn may_kill(&self, now: Time, job: &str) -> bool {
        let own = self.drain_timeouts.get(job).map_or(Duration::ZERO, |&(least, _)| least);
        self.at_once || self.began.is_some_and(|began| began + self.timeout.max(own) <= now)
    }

    pub(super) fn exits(&mut self, code: u8, processes: usize, has_been_ready: bool) -> Result<(), Broken> {
        law(!self.exited, || "the driver ends once".to_owned())?;
        self.exited = true;
        if !self.is_on() {
            law(!has_been_ready && code == 1, || "only a host that never was ready ends the driver".to_owned())?;
            self.began = Some(Time::START);
            return Ok(());
        }
        law((code == 0) == (processes == 0), || format!("exit code {code}, and {processes} processes are left"))
    }
}

impl Laws {
    /// The world is over: nothing is owed.
    pub(in super::super) fn over(&self) -> Result<(), Broken> {
        law(self.orders.is_empty(), || format!("each order is answered: {:?}", self.orders))
    }
}
