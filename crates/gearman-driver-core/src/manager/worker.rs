//! The life of one worker process, as a state that holds only what is true in it.

use std::time::Duration;

use crate::process::{Activity, ActivityState, HostId};
use crate::snapshot::ProcessSnapshot;
use crate::time::Time;

/// A process of a job, from the order to spawn it until its end has been reported.
#[derive(Debug, Clone)]
pub(super) struct Worker {
    pub(super) host: HostId,
    /// The worker code that it runs.
    pub(super) generation: u32,
    /// Its own random part, 0.0 to 1.0, of what is spread over processes that began together.
    pub(super) jitter: f64,
    /// The timeout of its jobs, as its own worker code has it.
    pub(super) timeout: Option<Duration>,
    pub(super) life: Life,
    /// It was killed because its job had outlived its timeout.
    pub(super) overran: bool,
    /// What it last said of itself.
    pub(super) activity: Option<Activity>,
    /// When it was last looked at: at its scoreboard slot, or (before there is one) by the host that forked it.
    pub(super) seen: Time,
}

/// Where a process is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Life {
    /// Asked for; no answer yet.
    Spawning { then: Then },
    /// Runs, and has not been asked to stop.
    Serving { pid: u32, started: Time },
    /// Has been asked to finish its job and exit.
    Draining { pid: u32, started: Time, since: Time },
    /// Has been killed; its end has not been reported yet.
    Killed { pid: u32, started: Time, since: Time },
}

/// What becomes of a process as soon as it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Then {
    /// It serves.
    Serve,
    /// It was wanted no longer: it is asked to stop.
    Stop,
    /// It is killed.
    Kill,
}

/// How readily a surplus process is given up; the smaller, the sooner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reluctance {
    /// It has no job: the longest idle first.
    Idle(std::cmp::Reverse<Duration>),
    /// It is not even there.
    Spawning,
    /// It has a job, which it finishes: the one that began first goes first.
    Busy(Time),
}

impl Worker {
    pub(super) fn spawning(host: HostId, generation: u32, jitter: f64, timeout: Option<Duration>) -> Self {
        let life = Life::Spawning { then: Then::Serve };
        Self { host, generation, jitter, timeout, life, overran: false, activity: None, seen: Time::START }
    }

    pub(super) fn pid(&self) -> Option<u32> {
        match self.life {
            Life::Spawning { .. } => None,
            Life::Serving { pid, .. } | Life::Draining { pid, .. } | Life::Killed { pid, .. } => Some(pid),
        }
    }

    /// Whether it was told to go, so that its end is no crash.
    pub(super) fn was_asked_to_go(&self) -> bool {
        match self.life {
            Life::Spawning { then } => then != Then::Serve,
            Life::Serving { .. } => false,
            Life::Draining { .. } | Life::Killed { .. } => true,
        }
    }

    /// Whether it has been killed, or will be as soon as it runs.
    pub(super) fn is_killed(&self) -> bool {
        matches!(self.life, Life::Killed { .. } | Life::Spawning { then: Then::Kill })
    }

    /// Whether it counts towards what the job should have: it takes jobs, or will.
    ///
    /// A process that drains by its own decision (after a panic, say) doesn't.
    pub(super) fn counts(&self) -> bool {
        !self.was_asked_to_go() && self.state() != ActivityState::Draining
    }

    /// Whether it has a job in hand, by its own account. A draining one says only that it drains: it is taken as busy
    /// while it names a job.
    pub(super) fn is_busy(&self) -> bool {
        self.activity.as_ref().is_some_and(|activity| match activity.state {
            ActivityState::Busy => true,
            ActivityState::Draining => activity.current.is_some(),
            ActivityState::Starting | ActivityState::Idle => false,
        })
    }

    /// How long it has had no job; `None` where it is not running, or has one, or takes none any more.
    ///
    /// One that has never run a job has been idle since its start.
    pub(super) fn idle(&self, now: Time) -> Option<Duration> {
        let Life::Serving { started, .. } = self.life else {
            return None;
        };
        match &self.activity {
            None => Some(now.since(started)),
            Some(activity) => match activity.state {
                ActivityState::Busy | ActivityState::Draining => None,
                _ if activity.jobs_done == 0 => Some(now.since(started)),
                _ => Some(now.since(activity.since)),
            },
        }
    }

    /// How readily it is given up.
    pub(super) fn reluctance(&self, now: Time) -> Reluctance {
        match (self.idle(now), self.pid(), &self.activity) {
            (Some(idle), ..) => Reluctance::Idle(std::cmp::Reverse(idle)),
            (None, None, _) => Reluctance::Spawning,
            (None, Some(_), activity) => Reluctance::Busy(activity.as_ref().map_or(now, |activity| activity.since)),
        }
    }

    /// How long it has been running and willing; `None` where it is not.
    pub(super) fn served_for(&self, now: Time) -> Option<Duration> {
        match self.life {
            Life::Serving { started, .. } => Some(now.since(started)),
            _ => None,
        }
    }

    pub(super) fn jobs_done(&self) -> u64 {
        self.activity.as_ref().map_or(0, |activity| activity.jobs_done)
    }

    /// What console and dashboard show; `None` before it has a PID.
    pub(super) fn snapshot(&self) -> Option<ProcessSnapshot> {
        let (pid, started, since) = match self.life {
            Life::Spawning { .. } => return None,
            Life::Serving { pid, started } => {
                (pid, started, self.activity.as_ref().map_or(started, |activity| activity.since))
            }
            Life::Draining { pid, started, since } | Life::Killed { pid, started, since } => (pid, started, since),
        };
        Some(ProcessSnapshot {
            pid,
            host: self.host,
            generation: self.generation,
            started,
            state: self.state(),
            since,
            jobs_done: self.jobs_done(),
            current: self.activity.as_ref().and_then(|activity| activity.current.clone()),
        })
    }

    fn state(&self) -> ActivityState {
        match self.life {
            Life::Spawning { .. } => ActivityState::Starting,
            Life::Serving { .. } => self.activity.as_ref().map_or(ActivityState::Starting, |activity| activity.state),
            Life::Draining { .. } | Life::Killed { .. } => ActivityState::Draining,
        }
    }
}
