//! What was done to workers, drivers and job servers, and what of it befell an execution.

use std::collections::HashMap;

use crate::deaths::Counted;
use crate::evidence::{Execution, Incarnation, Span};
use crate::jobs::Kind;

/// So long an answer may be on its way from the worker to the job server, and from there to the client or to the disk.
const ON_ITS_WAY: u64 = 2_000_000_000;

/// What was done to workers, drivers and job servers, as far as it can make a job run again or be counted anew.
#[derive(Debug, Clone, Default)]
pub(crate) struct Damage {
    /// Worker processes, killed.
    pub(crate) workers: Vec<(u32, Span)>,
    /// Worker processes that their driver was asked to kill.
    pub(crate) ordered: Vec<(u32, Span)>,
    /// Worker processes that a job of theirs took down.
    pub(crate) falls: Vec<(u32, Span)>,
    /// Worker processes that their driver has killed, since a job had long outlived its timeout; with the handle of the job
    /// that the process had had longest.
    pub(crate) overdue: Vec<(u32, String)>,
    /// Asynchronous worker processes that a job has blocked: what the others had to answer stays there.
    pub(crate) blocked: Vec<(u32, Span)>,
    /// Deaths that drivers have counted, by the job's number.
    pub(crate) counted: HashMap<u32, Vec<Counted>>,
    /// Drivers, ended at once: with all that they ran.
    pub(crate) quits: Vec<(u8, Span)>,
    /// Drivers whose supervisor was killed: until the next one was there. Their processes finish what they run.
    pub(crate) supervisors: Vec<(u8, Span)>,
    /// Drivers whose host was killed. Likewise.
    pub(crate) hosts: Vec<(u8, Span)>,
    /// Drivers that were reloaded.
    pub(crate) reloads: Vec<(u8, Span)>,
    /// Job servers, killed.
    pub(crate) servers: Vec<(Incarnation, Span)>,
    /// Job servers, frozen: until they went on.
    pub(crate) frozen: Vec<(usize, Span)>,
}

impl Damage {
    /// When its process was killed while it ran, or while its answer was on its way.
    pub(crate) fn killed(&self, execution: &Execution) -> Option<u64> {
        let span = self.on_its_way(execution.span());
        self.killed_within(execution, Span { until: self.thawed(&execution.handle, span), ..span })
    }

    /// The same within another span.
    pub(crate) fn killed_within(&self, execution: &Execution, span: Span) -> Option<u64> {
        let of_process = [&self.workers, &self.ordered, &self.falls].into_iter().flatten();
        let of_process = of_process.filter(|(pid, _)| *pid == execution.pid).map(|(_, kill)| kill);
        let of_driver = self.quits.iter().filter(|(driver, _)| *driver == execution.driver).map(|(_, quit)| quit);
        of_process.chain(of_driver).filter(|kill| kill.overlaps(span)).map(|kill| kill.from).min()
    }

    /// When another job blocked its asynchronous process, while it ran or before its answer had gone.
    pub(crate) fn blocked_within(&self, execution: &Execution, span: Span) -> Option<u64> {
        let of_process = self.blocked.iter().filter(|(pid, _)| *pid == execution.pid).map(|(_, block)| block);
        of_process.filter(|block| block.overlaps(span)).map(|block| block.from).min()
    }

    /// When the job server was killed that has given it out, before it had surely noted the answer.
    pub(crate) fn forgotten(&self, execution: &Execution, span: Span) -> Option<u64> {
        let of = Incarnation::of_handle(&execution.handle);
        // It may have been given out shortly before its job server died, and have begun after that.
        let kill = self.servers.iter().find(|&&(server, kill)| Some(server) == of && kill.from <= span.until);
        kill.map(|(_, kill)| kill.from)
    }

    /// Whether that job server was killed within the span.
    pub(crate) fn server_died(&self, server: usize, span: Span) -> bool {
        self.servers.iter().any(|&(incarnation, kill)| incarnation.server == server && kill.overlaps(span))
    }

    /// Whether its driver has killed its process for a job that had long outlived its timeout: this one, or in an
    /// asynchronous process perhaps another.
    pub(crate) fn overdue(&self, execution: &Execution, kind: Kind) -> bool {
        let of_it = |(pid, handle): &(u32, String)| {
            *pid == execution.pid && (*handle == execution.handle || kind == Kind::LimitedWait)
        };
        execution.ended.is_none() && self.overdue.iter().any(of_it)
    }

    /// Whether its process had lost its supervisor, which would have killed it. (The next one knows nothing of it.)
    pub(crate) fn left_alone(&self, execution: &Execution) -> bool {
        let span = Span { from: execution.since, ..execution.span() };
        self.supervisors.iter().any(|(driver, away)| *driver == execution.driver && away.overlaps(span))
    }

    /// Until the answer must have arrived.
    pub(crate) fn on_its_way(&self, span: Span) -> Span {
        Span { until: span.until.saturating_add(ON_ITS_WAY), ..span }
    }

    /// The end of the span, or later: a frozen job server takes in nothing.
    pub(crate) fn thawed(&self, handle: &str, mut span: Span) -> u64 {
        let server = Incarnation::of_handle(handle).map(|incarnation| incarnation.server);
        for &(frozen, freeze) in &self.frozen {
            if Some(frozen) == server && freeze.overlaps(span) {
                span.until = span.until.max(freeze.until.saturating_add(ON_ITS_WAY));
            }
        }
        span.until
    }
}
