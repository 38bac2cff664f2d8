//! The pure heart of the driver: an [`Event`] in, the [`Effect`]s out.
//!
//! It decides what is started, stopped and killed, and when; it answers orders and keeps what console and
//! dashboard show. Starting, signalling, reading the scoreboard, asking the job servers and telling the time are
//! the shell's work (crate `gearman-driver-supervisor`).

mod effect;
mod event;

use std::time::Duration;

pub use effect::{Effect, LogLine};
pub use event::{Event, FunctionStatus, Signal};

use crate::scaling::{self, Policy};
use crate::snapshot::Snapshot;
use crate::time::Time;

/// What the manager needs to know from the configuration.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `max_idle_time`: how long a surplus process may stay idle, where its job does not say it.
    pub max_idle_time: Duration,
    /// `shutdown_timeout`: how long a drain waits before what is left is killed.
    pub shutdown_timeout: Duration,
    /// `scaling`, see [`scaling::by_name`].
    pub policy: &'static dyn Policy,
    /// Spreads the delays of several drivers; any number, the same one gives the same delays.
    pub seed: u64,
    /// The driver's version, for the snapshot.
    pub version: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            max_idle_time: Duration::ZERO,
            shutdown_timeout: Duration::from_secs(25),
            policy: &scaling::Classic,
            seed: 0,
            version: String::new(),
        }
    }
}

/// The driver's decisions.
#[derive(Debug)]
pub struct Manager {
    settings: Settings,
}

impl Manager {
    /// A manager that has heard nothing yet. [`Event::Started`] sets it going.
    pub fn new(settings: Settings) -> Self {
        Self { settings }
    }

    /// Takes an event in, and says what is to be done about it, in this order.
    pub fn handle(&mut self, _now: Time, _event: Event) -> Vec<Effect> {
        Vec::new()
    }

    /// When [`Event::Tick`] must be sent at the latest; asked again after each event.
    pub fn next_deadline(&self) -> Option<Time> {
        None
    }

    /// Everything that console and dashboard show.
    pub fn snapshot(&self, now: Time) -> Snapshot {
        Snapshot {
            at: now,
            version: self.settings.version.clone(),
            ..Snapshot::default()
        }
    }
}
