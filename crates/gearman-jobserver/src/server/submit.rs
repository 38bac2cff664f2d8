//! Jobs come in.

use gearman_protocol::{PacketError, PacketType, Priority};

use super::{Server, args, leading_number};
use crate::clock::Moment;
use crate::job::{Clients, JOB_RECORD, Job, State};
use crate::links::ConnectionId;

/// The longest unique (gearmand: GEARMAN_MAX_UNIQUE_SIZE).
const UNIQUE_LIMIT: usize = 64;

struct Submission<'a> {
    priority: Priority,
    background: bool,
    function: &'a [u8],
    unique: &'a [u8],
    reducer: Option<&'a [u8]>,
    workload: &'a [u8],
    /// Seconds since 1970 before which it is not given to a worker.
    due: u64,
}

impl Server {
    /// SUBMIT_JOB and all its like.
    pub(super) fn submit(
        &mut self,
        now: Moment,
        id: ConnectionId,
        kind: PacketType,
        body: &[u8],
    ) -> Result<(), PacketError> {
        let Some(submission) = self.submission(id, kind, body)? else {
            return Ok(());
        };
        if submission.unique.len() > UNIQUE_LIMIT {
            self.links.error(id, "ARGUMENT_TOO_LARGE", "Unique value too large");
            return Ok(());
        }
        self.accept(now, id, &submission);
        Ok(())
    }

    /// The packet taken apart; `None` when it was answered with an error.
    fn submission<'a>(
        &mut self,
        id: ConnectionId,
        kind: PacketType,
        body: &'a [u8],
    ) -> Result<Option<Submission<'a>>, PacketError> {
        use PacketType as P;
        let (priority, background) = match kind {
            P::SubmitJobHigh => (Priority::High, false),
            P::SubmitJobHighBg => (Priority::High, true),
            P::SubmitJobLow => (Priority::Low, false),
            P::SubmitJobLowBg => (Priority::Low, true),
            P::SubmitJobBg | P::SubmitJobEpoch | P::SubmitReduceJobBackground => (Priority::Normal, true),
            _ => (Priority::Normal, false),
        };
        let submission = match kind {
            P::SubmitJobEpoch => {
                let [function, unique, due, workload] = args(kind, body)?;
                let due = leading_number(due);
                if due == i64::MAX {
                    self.links.error(id, "ARGUMENT_TOO_LARGE", "The job's time is beyond all times");
                    return Ok(None);
                }
                let due = u64::try_from(due).unwrap_or(0);
                Submission { priority, background, function, unique, reducer: None, workload, due }
            }
            P::SubmitReduceJob | P::SubmitReduceJobBackground => {
                // The fourth says how the reducer's results are put together; no worker is told.
                let [function, unique, reducer, _, workload] = args(kind, body)?;
                let reducer = Some(reducer).filter(|reducer| !reducer.is_empty());
                Submission { priority, background, function, unique, reducer, workload, due: 0 }
            }
            _ => {
                let [function, unique, workload] = args(kind, body)?;
                Submission { priority, background, function, unique, reducer: None, workload, due: 0 }
            }
        };
        Ok(Some(submission))
    }

    fn accept(&mut self, now: Moment, id: ConnectionId, submission: &Submission<'_>) {
        let &Submission { priority, background, function, unique, workload, .. } = submission;
        let Some(function) = self.function(function) else {
            return self.refuse_for_memory(id);
        };
        let known = self.functions.get(function);
        let job = match known.same_job(unique, workload) {
            Some(job) => job,
            None if known.is_full(priority) => {
                return self.links.error(id, "QUEUE_ERROR", "Job queue is full");
            }
            None => {
                let reducer_len = submission.reducer.map_or(0, <[u8]>::len);
                let cost = JOB_RECORD + workload.len() + unique.len() + reducer_len;
                if !self.budget.take(cost) {
                    return self.refuse_for_memory(id);
                }
                self.last_number += 1;
                let later = submission.due > now.unix.as_secs();
                let job = Job {
                    function,
                    priority,
                    state: if later { State::Later { due: submission.due } } else { State::Waiting },
                    background,
                    abandoned: false,
                    retries: 0,
                    numerator: 0,
                    denominator: 0,
                    unique: unique.into(),
                    reducer: submission.reducer.map(Into::into),
                    workload: workload.into(),
                    clients: Clients::None,
                    cost,
                };
                self.add(self.last_number, job);
                self.last_number
            }
        };
        if let Some(record) = self.jobs.get_mut(&job) {
            record.background |= background;
            if !background {
                record.clients.add(id);
                let jobs = &self.jobs;
                if let Some(link) = self.links.get_mut(id) {
                    link.waits_for(job, |job| {
                        jobs.get(&job).is_none_or(|record| !record.clients.as_slice().contains(&id))
                    });
                }
            }
        }
        let handle = self.handle(job);
        self.links.packet(id, PacketType::JobCreated, &[handle.as_bytes()]);
    }

    pub(super) fn refuse_for_memory(&mut self, id: ConnectionId) {
        let limit = self.budget.limit();
        let text = format!("The job server's memory for jobs ({limit} bytes) is full: try again when some are done");
        self.links.error(id, "QUEUE_ERROR", &text);
    }
}
