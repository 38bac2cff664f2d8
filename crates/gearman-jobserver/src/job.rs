//! One job, in as few bytes as it takes: there may be hundreds of thousands.

use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;
use std::time::Duration;

use gearman_protocol::Priority;

use crate::function::FunctionId;
use crate::links::ConnectionId;

/// The number in a job's handle. Never used again.
pub(crate) type JobNumber = u64;

/// All jobs, by number.
pub(crate) type Jobs = std::collections::HashMap<JobNumber, Job, BuildHasherDefault<NumberHasher>>;

/// What a job's record takes besides its workload and unique, about: the record in the table, its places in queue and
/// indices.
pub(crate) const JOB_RECORD: usize = 256;

/// A job from its submission to its end.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) function: FunctionId,
    pub(crate) priority: Priority,
    pub(crate) state: State,
    /// Submitted in the background at least once: it runs whoever goes.
    pub(crate) background: bool,
    /// Nobody wants it any more, or it was cancelled: it is dropped when a worker would get it.
    pub(crate) abandoned: bool,
    /// How often it was taken from a worker and queued again.
    pub(crate) retries: u32,
    pub(crate) numerator: u32,
    pub(crate) denominator: u32,
    /// Empty when it has none.
    pub(crate) unique: Arc<[u8]>,
    pub(crate) reducer: Option<Box<[u8]>>,
    pub(crate) workload: Arc<[u8]>,
    pub(crate) clients: Clients,
    /// What it takes of the server's memory for jobs.
    pub(crate) cost: usize,
}

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// For a later time (SUBMIT_JOB_EPOCH), in seconds since 1970; not in its function's queue yet.
    Later { due: u64 },
    /// In its function's queue.
    Waiting,
    /// With a worker, who loses it at the deadline.
    Running { worker: ConnectionId, deadline: Option<Duration> },
}

impl Job {
    pub(crate) fn is_running(&self) -> bool {
        matches!(self.state, State::Running { .. })
    }
}

/// The clients that get a job's packets. One that submitted it twice is in twice, as in gearmand.
#[derive(Debug)]
pub(crate) enum Clients {
    None,
    One(ConnectionId),
    Many(Vec<ConnectionId>),
}

impl Clients {
    pub(crate) fn as_slice(&self) -> &[ConnectionId] {
        match self {
            Self::None => &[],
            Self::One(id) => std::slice::from_ref(id),
            Self::Many(ids) => ids,
        }
    }

    pub(crate) fn add(&mut self, id: ConnectionId) {
        match self {
            Self::None => *self = Self::One(id),
            Self::One(first) => *self = Self::Many(vec![*first, id]),
            Self::Many(ids) => ids.push(id),
        }
    }

    /// Takes all entries of `id` out; returns whether there were any.
    pub(crate) fn remove(&mut self, id: ConnectionId) -> bool {
        let before = self.as_slice().len();
        match self {
            Self::None => {}
            Self::One(one) => {
                if *one == id {
                    *self = Self::None;
                }
            }
            Self::Many(ids) => ids.retain(|&other| other != id),
        }
        self.as_slice().len() != before
    }
}

/// Numbers that count up spread well enough by one multiplication; nobody outside chooses them.
#[derive(Debug, Default)]
pub(crate) struct NumberHasher(u64);

impl Hasher for NumberHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(self.0 ^ u64::from(byte));
        }
    }

    fn write_u64(&mut self, number: u64) {
        let product = u128::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
        // Both halves: the table takes its index from the low bits and its tag from the high ones.
        self.0 = (product >> 64) as u64 ^ product as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_come_and_go() {
        let (a, b) = (ConnectionId(1), ConnectionId(2));
        let mut clients = Clients::None;
        assert!(!clients.remove(a));
        clients.add(a);
        clients.add(b);
        clients.add(a);
        assert_eq!(clients.as_slice(), [a, b, a]);
        assert!(clients.remove(a));
        assert_eq!(clients.as_slice(), [b]);
        assert!(clients.remove(b));
        assert!(clients.as_slice().is_empty());
    }

    #[test]
    fn a_record_is_small() {
        assert!(size_of::<Job>() <= 160, "{}", size_of::<Job>());
    }
}
