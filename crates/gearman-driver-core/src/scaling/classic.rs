//! The original's rules, on sums over the functions of a process group, and on processes.
//!
//! At each look:
//! - **Up**, when `processes <= busy && queue > 0`: start `min(waiting, max − processes)`. `processes` counts what
//!   is starting, idle or busy, so a process that was started for a waiting job and has not come to take it yet
//!   closes the gate: no job is served twice. A draining process that still has a job counts on both sides (the job
//!   servers count its job as running); places that draining processes take up are not given away before they exit.
//!   `busy` is what the job servers say or what our own processes say, whichever is more: when one job server does not
//!   answer, its running jobs are not in the sum, and must not hide what waits at the others.
//! - **Down**, when `processes > min && queue == 0` on complete news, and no process of the job has run anything for
//!   `max_idle_time`: down to min, but only by processes that have themselves been idle that long (one that never ran
//!   a job: since its start). A process with a job is never counted in.
//! - What nobody knows ([`News::Stale`]) changes nothing.
//!
//! The original looks at each function of a group alone. An idle function then stops the processes that its busy
//! sibling's queue has just started (a livelock), and one long job closes the gate for the short jobs behind it only
//! because its row is compared with the whole group's processes (starvation). On the sums neither happens: one 8 s
//! job and five waiting ones are `queue 6, busy 1`, so with one process the gate is open and five are started.

use std::time::Duration;

use super::{Decision, News, Observation, Policy};
use crate::limits::Limits;

/// `--scaling classic`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Classic;

impl Policy for Classic {
    fn name(&self) -> &'static str {
        "classic"
    }

    fn decide(&self, seen: &Observation, limits: Limits) -> Decision {
        let keep = |reason: String| Decision { target: limits.clamp(seen.processes), reason };
        match seen.news {
            News::Stale => keep("no news from the job servers: hold".to_owned()),
            News::Complete | News::Partial if seen.status.queue > 0 => up(seen, limits),
            News::Partial => keep("not all job servers answered: nothing surplus is stopped".to_owned()),
            News::Complete => down(seen, limits),
        }
    }
}

fn up(seen: &Observation, limits: Limits) -> Decision {
    let keep = |reason: String| Decision { target: limits.clamp(seen.processes), reason };
    let processes = u64::from(seen.processes.saturating_add(seen.draining_busy));
    let own_busy = u64::from(seen.busy.saturating_add(seen.draining_busy));
    let busy = seen.status.busy.max(own_busy);
    if seen.waiting == 0 {
        return keep(format!("{} running, none waits", seen.status.queue));
    }
    if processes > busy {
        return keep(format!("{} waiting, and {} without a job", seen.waiting, processes - busy));
    }
    let room = limits.max().saturating_sub(seen.processes.saturating_add(seen.draining));
    let start = u32::try_from(seen.waiting).unwrap_or(u32::MAX).min(room);
    if start == 0 {
        return keep(format!("{} waiting, all places of max_processes are taken", seen.waiting));
    }
    Decision {
        target: limits.clamp(seen.processes.saturating_add(start)),
        reason: format!("{} waiting, no process without a job: start {start}", seen.waiting),
    }
}

fn down(seen: &Observation, limits: Limits) -> Decision {
    let keep = |reason: String| Decision { target: limits.clamp(seen.processes), reason };
    let surplus = seen.processes.saturating_sub(limits.min());
    if surplus == 0 {
        return keep("nothing waits, none is surplus".to_owned());
    }
    let long_enough = |idle: Duration| idle >= seen.max_idle_time;
    if !seen.last_run.is_none_or(long_enough) {
        return keep(format!("{surplus} surplus, the last job is not max_idle_time ago"));
    }
    let retire = seen.idle.iter().filter(|&&idle| long_enough(idle)).count();
    let stop = u32::try_from(retire).unwrap_or(u32::MAX).min(surplus);
    if stop == 0 {
        return keep(format!("{surplus} surplus, none idle for max_idle_time"));
    }
    Decision {
        target: limits.clamp(seen.processes - stop),
        reason: format!("nothing waits, {surplus} surplus: stop {stop}"),
    }
}
