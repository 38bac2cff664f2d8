//! The jobs that an asynchronous process has in hand, and what the scoreboard shows of them.
//!
//! The process is busy while there is one. Start, function and handle in its slot are those of the job that has been
//! there longest; counts and service times are each job's. The job that answers for the process if it goes down is the one
//! whose code runs.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use gearman_driver_sys::clock::monotonic;
use gearman_driver_wire::scoreboard::State;
use gearman_protocol::JobAssignment;
use tokio::sync::Notify;

use crate::process::board::Board;
use crate::process::poison::AtWork;

/// All jobs in hand.
pub(super) struct Held {
    board: Arc<Board>,
    /// In the order of their starts.
    jobs: RefCell<Vec<InHand>>,
    begun: Cell<u64>,
    draining: Cell<bool>,
    ended: Notify,
}

struct InHand {
    number: u64,
    function: usize,
    assignment: Rc<JobAssignment>,
    started: Duration,
    work: Rc<AtWork>,
}

/// One job in hand; it is so until this is dropped.
pub(super) struct Hold {
    held: Rc<Held>,
    number: u64,
    started: Duration,
}

impl Held {
    pub(super) fn new(board: Arc<Board>) -> Self {
        Self { board, jobs: RefCell::default(), begun: Cell::new(0), draining: Cell::new(false), ended: Notify::new() }
    }

    /// A job begins: the `function`-th of the job's functions, from 0.
    pub(super) fn begin(self: &Rc<Self>, work: Rc<AtWork>, assignment: Rc<JobAssignment>) -> Hold {
        let function = work.function;
        let (number, started) = (self.begun.get(), monotonic());
        self.begun.set(number + 1);
        let mut jobs = self.jobs.borrow_mut();
        if jobs.is_empty() {
            self.board.begin(function, assignment.handle(), started, !self.draining.get());
        }
        jobs.push(InHand { number, function, assignment, started, work });
        self.show_at_work(&jobs);
        Hold { held: Rc::clone(self), number, started }
    }

    /// A job's code runs from now on, until it waits. With others in hand, it alone answers for what happens meanwhile.
    pub(super) fn runs(&self, work: &AtWork) {
        if self.jobs.borrow().len() > 1 {
            self.board.at_work(work);
        }
    }

    /// It waits, or has ended.
    pub(super) fn waits(&self) {
        if self.jobs.borrow().len() > 1 {
            self.board.nobody_at_work();
        }
    }

    /// A job that is the only one in hand answers for the process, also while it waits: for what it has started elsewhere.
    fn show_at_work(&self, jobs: &[InHand]) {
        match jobs {
            [only] => self.board.at_work(&only.work),
            _ => self.board.nobody_at_work(),
        }
    }

    /// The process is to stop; it may still have jobs.
    pub(super) fn drain(&self) {
        if !self.draining.replace(true) {
            self.board.state(State::Draining);
        }
    }

    /// Waits until no job is in hand.
    pub(super) async fn none(&self) {
        while !self.jobs.borrow().is_empty() {
            self.ended.notified().await;
        }
    }

    fn end(&self, number: u64) {
        let mut jobs = self.jobs.borrow_mut();
        let Some(place) = jobs.iter().position(|job| job.number == number) else { return };
        jobs.remove(place);
        self.show_at_work(&jobs);
        match jobs.first() {
            Some(next) if place == 0 => {
                self.board.begin(next.function, next.assignment.handle(), next.started, false);
            }
            Some(_) => {}
            None => {
                self.board.none_in_hand();
                if !self.draining.get() {
                    self.board.state(State::Idle);
                }
            }
        }
        self.ended.notify_one();
    }
}

impl Hold {
    /// The job has its answer, which is not sent yet.
    pub(super) fn finish(self, succeeded: bool) {
        self.held.board.count(succeeded, monotonic().saturating_sub(self.started));
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.held.end(self.number);
    }
}
