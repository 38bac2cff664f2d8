//! Answers to orders: given when an order has taken effect, so not before the processes that it brought about are there.

use std::collections::{BTreeMap, BTreeSet};

use gearman_driver_core::order::{OrderError, OrderId};
use gearman_driver_core::process::ProcessId;
use tokio::sync::oneshot;

type Answer = Result<(), OrderError>;

/// The orders that are not answered yet.
#[derive(Default)]
pub(crate) struct Replies {
    askers: BTreeMap<OrderId, oneshot::Sender<Answer>>,
    /// Orders that the manager has carried out, and the processes that are still to come.
    awaiting: Vec<(BTreeSet<ProcessId>, oneshot::Sender<Answer>)>,
}

impl Replies {
    /// Somebody waits for the answer to this order.
    pub(crate) fn expect(&mut self, id: OrderId, asker: oneshot::Sender<Answer>) {
        self.askers.insert(id, asker);
    }

    /// The manager has answered; `spawning` are the processes that it ordered on the way.
    pub(crate) fn answer(&mut self, id: OrderId, result: Answer, spawning: &BTreeSet<ProcessId>) {
        let Some(asker) = self.askers.remove(&id) else { return };
        if result.is_ok() && !spawning.is_empty() {
            self.awaiting.push((spawning.clone(), asker));
        } else {
            // Whoever asked may be gone.
            let _ = asker.send(result);
        }
    }

    /// A process is there, or will never be.
    pub(crate) fn came(&mut self, process: ProcessId) {
        for (spawning, _) in &mut self.awaiting {
            spawning.remove(&process);
        }
        for (_, asker) in self.awaiting.extract_if(.., |(spawning, _)| spawning.is_empty()) {
            let _ = asker.send(Ok(()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_is_answered_when_its_processes_are_there() {
        let mut replies = Replies::default();
        let (asker, mut answer) = oneshot::channel();
        replies.expect(OrderId(1), asker);
        replies.answer(OrderId(1), Ok(()), &[ProcessId(4), ProcessId(5)].into());
        replies.came(ProcessId(5));
        assert!(answer.try_recv().is_err());
        replies.came(ProcessId(4));
        assert_eq!(answer.try_recv(), Ok(Ok(())));
    }

    #[test]
    fn what_is_refused_or_starts_nothing_is_answered_at_once() {
        let mut replies = Replies::default();
        for result in [Ok(()), Err(OrderError::NotOurs)] {
            let (asker, mut answer) = oneshot::channel();
            replies.expect(OrderId(1), asker);
            replies.answer(OrderId(1), result.clone(), &BTreeSet::new());
            assert_eq!(answer.try_recv(), Ok(result));
        }
    }
}
