//! The way from the front to the supervisor's event loop, and back.

mod blocking;

use std::sync::Arc;
use std::time::Duration;

use gearman_driver_core::level::Level;
use gearman_driver_core::order::{Order, OrderError};
use gearman_driver_core::snapshot::Snapshot;
use thiserror::Error;
use tokio::sync::{mpsc, oneshot};

/// What the front asks the supervisor for. Each is answered exactly once; one that is dropped unanswered means that
/// the driver is gone.
#[derive(Debug)]
pub enum Request {
    /// An order for the manager.
    Order {
        /// The order.
        order: Order,
        /// Resolves when it has taken effect, or was refused.
        reply: oneshot::Sender<Result<(), OrderError>>,
    },
    /// The driver as it is now: the supervisor reads the scoreboard first.
    Snapshot {
        /// Where to send it.
        reply: oneshot::Sender<Arc<Snapshot>>,
    },
    /// The time between two looks at the queues is another one from now on; zero turns the observer off.
    SetInterval {
        /// The time.
        interval: Duration,
        /// Resolves when it holds.
        reply: oneshot::Sender<()>,
    },
    /// Lines below another level are not logged from now on.
    SetLogLevel {
        /// The level.
        level: Level,
        /// Resolves when it holds.
        reply: oneshot::Sender<()>,
    },
    /// What was changed live is to be written into the configuration.
    Save {
        /// Resolves when it is, or says in a sentence why it is not.
        reply: oneshot::Sender<Result<(), String>>,
    },
}

/// A cheap handle to the driver. All its copies lead to the same one.
#[derive(Debug, Clone)]
pub struct Handle {
    requests: mpsc::Sender<Request>,
}

/// The driver has ended: nothing can be asked of it any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the driver has ended")]
pub struct DriverGone;

impl Handle {
    /// A handle whose requests arrive at the other end of `requests`.
    pub fn new(requests: mpsc::Sender<Request>) -> Self {
        Self { requests }
    }

    /// Gives an order, and waits until it has taken effect or was refused.
    ///
    /// # Errors
    /// When the driver has ended.
    pub async fn order(&self, order: Order) -> Result<Result<(), OrderError>, DriverGone> {
        self.ask(|reply| Request::Order { order, reply }).await
    }

    /// The driver as it is now.
    ///
    /// # Errors
    /// When the driver has ended.
    pub async fn snapshot(&self) -> Result<Arc<Snapshot>, DriverGone> {
        self.ask(|reply| Request::Snapshot { reply }).await
    }

    /// Sets the time between two looks at the queues; zero turns the observer off.
    ///
    /// # Errors
    /// When the driver has ended.
    pub async fn set_interval(&self, interval: Duration) -> Result<(), DriverGone> {
        self.ask(|reply| Request::SetInterval { interval, reply }).await
    }

    /// Sets the least important level that is logged.
    ///
    /// # Errors
    /// When the driver has ended.
    pub async fn set_loglevel(&self, level: Level) -> Result<(), DriverGone> {
        self.ask(|reply| Request::SetLogLevel { level, reply }).await
    }

    /// Writes what was changed live into the configuration; says in a sentence why that can't be.
    ///
    /// # Errors
    /// When the driver has ended.
    pub async fn save(&self) -> Result<Result<(), String>, DriverGone> {
        self.ask(|reply| Request::Save { reply }).await
    }

    async fn ask<T>(&self, request: impl FnOnce(oneshot::Sender<T>) -> Request) -> Result<T, DriverGone> {
        let (reply, answer) = oneshot::channel();
        self.requests.send(request(reply)).await.map_err(|_| DriverGone)?;
        answer.await.map_err(|_| DriverGone)
    }
}
