//! What is to happen, and when.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use gearman_driver_core::time::Time;

/// Entries in the order of their time; of the same time, as they were put in.
#[derive(Debug)]
pub(super) struct Agenda<T> {
    entries: BinaryHeap<Entry<T>>,
    next: u64,
}

#[derive(Debug)]
struct Entry<T> {
    at: Reverse<(Time, u64)>,
    what: T,
}

impl<T> Agenda<T> {
    pub(super) fn new() -> Self {
        Self { entries: BinaryHeap::new(), next: 0 }
    }

    pub(super) fn put(&mut self, at: Time, what: T) {
        self.entries.push(Entry { at: Reverse((at, self.next)), what });
        self.next += 1;
    }

    /// When the next entry is due.
    pub(super) fn next(&self) -> Option<Time> {
        self.entries.peek().map(|entry| entry.at.0.0)
    }

    pub(super) fn take(&mut self) -> Option<(Time, T)> {
        self.entries.pop().map(|entry| (entry.at.0.0, entry.what))
    }
}

impl<T> PartialEq for Entry<T> {
    fn eq(&self, other: &Self) -> bool {
        self.at == other.at
    }
}

impl<T> Eq for Entry<T> {}

impl<T> PartialOrd for Entry<T> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Entry<T> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.at.cmp(&other.at)
    }
}
