//! The end: drain, then kill what is left, then let the host go.

use std::time::Duration;

use super::{Effect, Manager, Signal, log};
use crate::level::Level;
use crate::manager::job::Job;
use crate::process::ProcessId;
use crate::time::Time;

/// How long what was killed may take to be gone.
const KILL_GRACE: Duration = Duration::from_secs(5);

/// How long the host may take to end once it has nothing to do.
const HOST_GRACE: Duration = Duration::from_secs(5);

/// Where the driver is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Starts and stops processes as needed.
    Running,
    /// All processes have been asked to finish; of each job, what is left after its time is killed.
    Draining { since: Time },
    /// All processes that were left have been killed; what is left then is given up.
    Killing { give_up_at: Time },
    /// No process is left, the host has been asked to end.
    Leaving { give_up_at: Time },
    /// `Exit` is out.
    Ended,
}

impl Manager {
    pub(super) fn signal(&mut self, signal: Signal, now: Time, out: &mut Vec<Effect>) {
        match signal {
            Signal::Hup => self.reload(None, signal.name(), out),
            Signal::Quit | Signal::Abrt => self.end_at_once(signal.name(), now, out),
            Signal::Term | Signal::Int => {
                self.terms = self.terms.saturating_add(1);
                if self.terms > 1 {
                    self.end_at_once(&format!("a second TERM or INT ({})", signal.name()), now, out);
                } else {
                    self.drain(signal.name(), now, out);
                }
            }
        }
    }

    /// Asks every process to finish its job and exit. A drain that is under way goes on as it is.
    pub(super) fn drain(&mut self, why: &str, now: Time, out: &mut Vec<Effect>) {
        if self.phase != Phase::Running {
            return;
        }
        let processes = self.all_processes();
        let timeout = self.patiences().map(|(_, patience)| patience).max().unwrap_or(self.settings.shutdown_timeout);
        let message = format!(
            "Shutting down ({why}): {} process(es) finish their jobs, for at most {} s",
            processes.len(),
            timeout.as_secs_f64()
        );
        out.push(log(Level::Info, message));
        self.phase = Phase::Draining { since: now };
        self.give_up_hosts(out);
        for process in processes {
            if let Some(job) = self.owner(process) {
                job.stop(process, now, out);
            }
        }
    }

    /// What the shutdown's clock has run out on.
    pub(super) fn shutdown_deadlines(&mut self, now: Time, out: &mut Vec<Effect>) {
        match self.phase {
            Phase::Draining { since } => self.kill_late(since, now, out),
            Phase::Killing { give_up_at } if give_up_at <= now && self.jobs.values().any(Job::has_workers) => {
                let left: Vec<String> = self
                    .jobs
                    .values()
                    .flat_map(Job::workers)
                    .map(|(process, worker)| worker.pid().map_or(process.to_string(), |pid| pid.to_string()))
                    .collect();
                let message = format!("these processes are still there after SIGKILL: {}", left.join(", "));
                self.dismiss_hosts(out);
                self.exit(1, Some(message), out);
            }
            Phase::Leaving { give_up_at } if give_up_at <= now => {
                out.push(log(Level::Warn, "A host does not end: it is left behind".to_owned()));
                self.exit(0, None, out);
            }
            _ => {}
        }
    }

    /// Goes on to the next step of the shutdown when nothing is left to wait for.
    pub(super) fn finish_shutdown(&mut self, now: Time, out: &mut Vec<Effect>) {
        match self.phase {
            Phase::Draining { .. } | Phase::Killing { .. } if !self.jobs.values().any(Job::has_workers) => {
                self.dismiss_hosts(out);
                if self.hosts.are_gone() {
                    self.exit(0, None, out);
                } else {
                    self.phase = Phase::Leaving { give_up_at: now + HOST_GRACE };
                }
            }
            Phase::Leaving { .. } if self.hosts.are_gone() => self.exit(0, None, out),
            _ => {}
        }
    }

    pub(super) fn shutdown_deadline(&self) -> Option<Time> {
        match self.phase {
            Phase::Draining { since } => self.patiences().map(|(_, patience)| since + patience).min(),
            Phase::Killing { give_up_at } | Phase::Leaving { give_up_at } => Some(give_up_at),
            Phase::Running | Phase::Ended => None,
        }
    }

    fn end_at_once(&mut self, why: &str, now: Time, out: &mut Vec<Effect>) {
        match self.phase {
            Phase::Running | Phase::Draining { .. } => {
                out.push(log(Level::Warn, format!("Ending at once ({why})")));
                self.phase = Phase::Killing { give_up_at: now + KILL_GRACE };
                self.give_up_hosts(out);
                self.kill_all("the driver ends at once", now, out);
            }
            Phase::Killing { .. } | Phase::Leaving { .. } | Phase::Ended => {}
        }
    }

    /// Each process that is still waited for, and how long it may take in all.
    fn patiences(&self) -> impl Iterator<Item = (ProcessId, Duration)> {
        let shutdown_timeout = self.settings.shutdown_timeout;
        self.jobs.values().flat_map(move |job| {
            let patience = job.drain_patience(shutdown_timeout);
            let waited_for = job.workers().filter(|(_, worker)| !worker.is_killed());
            waited_for.map(move |(process, _)| (process, patience))
        })
    }

    /// Kills what has had its time.
    fn kill_late(&mut self, since: Time, now: Time, out: &mut Vec<Effect>) {
        let late: Vec<_> = self.patiences().filter(|&(_, patience)| since + patience <= now).collect();
        for (process, patience) in late {
            if let Some(job) = self.owner(process) {
                let why = format!("it had not finished after {} s", patience.as_secs_f64());
                job.kill(process, &why, now, out);
            }
        }
        if self.patiences().next().is_none() && self.jobs.values().any(Job::has_workers) {
            self.phase = Phase::Killing { give_up_at: now + KILL_GRACE };
        }
    }

    fn kill_all(&mut self, why: &str, now: Time, out: &mut Vec<Effect>) {
        for process in self.all_processes() {
            if let Some(job) = self.owner(process) {
                job.kill(process, why, now, out);
            }
        }
    }

    fn exit(&mut self, code: u8, message: Option<String>, out: &mut Vec<Effect>) {
        self.phase = Phase::Ended;
        out.push(Effect::Exit { code, message });
    }

    /// No host is started any more.
    fn give_up_hosts(&mut self, out: &mut Vec<Effect>) {
        self.hosts.give_up_waiting();
        self.end_reload(out);
    }

    fn dismiss_hosts(&mut self, out: &mut Vec<Effect>) {
        for host in self.hosts.needed() {
            self.hosts.dismiss(host, out);
        }
    }

    fn all_processes(&self) -> Vec<ProcessId> {
        self.jobs.values().flat_map(Job::workers).map(|(process, _)| process).collect()
    }
}
