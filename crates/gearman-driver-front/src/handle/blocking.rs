//! The same for threads that may block: those of a program around the driver, of callbacks and of console commands.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::Duration;

use gearman_driver_core::level::Level;
use gearman_driver_core::order::{Order, OrderError};
use gearman_driver_core::snapshot::Snapshot;

use super::{DriverGone, Handle};

impl Handle {
    /// As [`Handle::order`]; blocks this thread. Not for the event loop's own, which would wait for itself.
    ///
    /// # Errors
    /// When the driver has ended.
    pub fn order_blocking(&self, order: Order) -> Result<Result<(), OrderError>, DriverGone> {
        block_on(self.order(order))
    }

    /// As [`Handle::snapshot`]; blocks this thread. Not for the event loop's own, which would wait for itself.
    ///
    /// # Errors
    /// When the driver has ended.
    pub fn snapshot_blocking(&self) -> Result<Arc<Snapshot>, DriverGone> {
        block_on(self.snapshot())
    }

    /// As [`Handle::set_interval`]; blocks this thread. Not for the event loop's own, which would wait for itself.
    ///
    /// # Errors
    /// When the driver has ended.
    pub fn set_interval_blocking(&self, interval: Duration) -> Result<(), DriverGone> {
        block_on(self.set_interval(interval))
    }

    /// As [`Handle::set_loglevel`]; blocks this thread. Not for the event loop's own, which would wait for itself.
    ///
    /// # Errors
    /// When the driver has ended.
    pub fn set_loglevel_blocking(&self, level: Level) -> Result<(), DriverGone> {
        block_on(self.set_loglevel(level))
    }

    /// As [`Handle::save`]; blocks this thread. Not for the event loop's own, which would wait for itself.
    ///
    /// # Errors
    /// When the driver has ended.
    pub fn save_blocking(&self) -> Result<Result<(), String>, DriverGone> {
        block_on(self.save())
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Waits by parking this thread. tokio's own ways to block panic where the thread belongs to a runtime, which a
/// program's may.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    // Within a task of some runtime, whose budget is not ours to respect: used up, it would stay so while we block.
    let mut future = pin!(tokio::task::unconstrained(future));
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut context = Context::from_waker(&waker);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(value) => return value,
            Poll::Pending => std::thread::park(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use tokio::sync::mpsc;

    use super::*;
    use crate::Request;

    /// A driver that answers on a thread of its own, until its last handle is gone.
    fn driver() -> Handle {
        let (requests, mut incoming) = mpsc::channel(1);
        thread::spawn(move || {
            while let Some(request) = block_on(incoming.recv()) {
                match request {
                    Request::Order { reply, .. } => drop(reply.send(Err(OrderError::NotOurs))),
                    Request::Snapshot { reply } => {
                        let version = "1.2.3".to_owned();
                        drop(reply.send(Arc::new(Snapshot { version, ..Snapshot::default() })));
                    }
                    Request::SetInterval { reply, .. } | Request::SetLogLevel { reply, .. } => drop(reply.send(())),
                    Request::Save { reply } => drop(reply.send(Ok(()))),
                }
            }
        });
        Handle::new(requests)
    }

    #[test]
    fn any_thread_may_ask_and_several_at_once() {
        let handle = driver();
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..50 {
                        assert_eq!(handle.snapshot_blocking().unwrap().version, "1.2.3");
                        assert_eq!(handle.order_blocking(Order::Shutdown), Ok(Err(OrderError::NotOurs)));
                        assert_eq!(handle.set_interval_blocking(Duration::ZERO), Ok(()));
                    }
                });
            }
        });
    }

    #[tokio::test]
    async fn a_task_may_ask_also_when_its_budget_is_used_up() {
        let handle = driver();
        let (sender, mut receiver) = mpsc::unbounded_channel();
        for number in 0..1000 {
            sender.send(number).unwrap();
        }
        // Each message takes a piece of the budget; when none is left, `poll_recv` says so although there are more.
        let used_up = std::future::poll_fn(|context| {
            while receiver.poll_recv(context).is_ready() {}
            assert!(!receiver.is_empty());
            Poll::Ready(handle.snapshot_blocking().unwrap().version.clone())
        });
        assert_eq!(used_up.await, "1.2.3");
    }

    #[test]
    fn a_driver_that_has_ended_is_an_error() {
        let (requests, incoming) = mpsc::channel(1);
        let handle = Handle::new(requests);
        drop(incoming);
        assert_eq!(handle.snapshot_blocking().unwrap_err(), DriverGone);
        assert_eq!(handle.order_blocking(Order::Shutdown), Err(DriverGone));
        // One that ends before it answers.
        let (requests, mut incoming) = mpsc::channel(1);
        thread::spawn(move || drop(block_on(incoming.recv())));
        assert_eq!(Handle::new(requests).order_blocking(Order::Shutdown), Err(DriverGone));
    }
}
