//! What a world looks like in which nothing goes wrong any more.

use std::time::Duration;

use gearman_driver_core::manager::Manager;
use gearman_driver_core::process::ActivityState;
use gearman_driver_core::time::Time;

use super::bounds::range;
use super::told::Entry;
use super::{Broken, Laws, law};

/// Hosts and processes are held back for 30 s each, then the queues are worked off.
const AFTER_TROUBLE: Duration = Duration::from_secs(150);

/// How long after its time the last process of a job is replaced, where a quarter is at once.
const RENEWAL: Duration = Duration::from_secs(15);

/// The manager's state as text: so much for itself, for each job, for each process, and for each job that has
/// taken down some.
const SIZE: [usize; 4] = [1500, 1600, 700, 500];

impl Laws {
    /// How long after the end of all trouble everything has settled.
    pub(in super::super) fn time_to_settle(&self) -> Duration {
        let own = self.before.max_idle_time;
        // No worker code of these worlds asks for more than 30 s.
        AFTER_TROUBLE + own.max(Duration::from_secs(30))
    }

    /// Nothing goes wrong any more, and nothing waits: all is as the bounds say, and stays so.
    pub(in super::super) fn settled(&mut self, now: Time, manager: &Manager) -> Result<(), Broken> {
        let snapshot = manager.snapshot(now);
        let hosts = self.hosts.len();
        law(hosts == 1 && self.hosts.values().all(|host| host.jobs.is_some()), || {
            format!("settled: there is one host, and it is ready: {:?}", self.hosts)
        })?;
        law(self.orders.is_empty() && snapshot.loading.is_none(), || {
            format!("settled: orders {:?} wait", self.orders)
        })?;
        law(!self.trial.is_on(), || "settled: the newest generation has taken over, or is taken back".to_owned())?;
        for job in &snapshot.jobs {
            let name = &job.name;
            let Some(number) = self.job(name) else { continue };
            let old = self.processes.iter().find(|(process, entry)| {
                entry.job == number && (self.is_old(**process, entry, self.generation) || self.is_left_over(entry, now))
            });
            law(old.is_none(), || {
                format!("settled: {name} has a process that was to be replaced: {:?}", old.map(|(process, _)| process))
            })?;
            let min = range(job).0 as usize;
            law(!job.retired, || format!("settled: {name} is retired and still there"))?;
            if self.renews_itself(number) && !job.paused {
                continue;
            }
            law(job.processes.len() == min && job.spawning == 0, || {
                let (count, spawning) = (job.processes.len(), job.spawning);
                format!("settled: {name} has {count} processes and {spawning} coming, min is {min}")
            })?;
            let draining = job.processes.iter().filter(|process| process.state == ActivityState::Draining).count();
            law(draining == 0, || format!("settled: {draining} of {name} drain"))?;
            let newest = self.jobs[number].failed.map(|(_, newest)| newest);
            let lives = |(process, entry): (&_, &Entry)| entry.job == number && Some(*process) > newest;
            law(job.failing.is_none() || !self.processes.iter().any(lives), || {
                format!("settled: {name} is failing, and its newest processes live")
            })?;
        }
        let size = format!("{manager:?}").len();
        let most =
            SIZE[0] + SIZE[1] * snapshot.jobs.len() + SIZE[2] * self.processes.len() + SIZE[3] * self.poison.known();
        law(size <= most, || format!("the manager is small: {size} bytes as text, at most {most} expected"))?;
        self.quiet = true;
        Ok(())
    }

    /// Whether processes of a job are replaced because of their age: that goes on for ever.
    pub(super) fn renews_itself(&self, job: usize) -> bool {
        self.jobs[job].lifespan.max_age.is_some()
    }

    /// Whether a process should have been replaced by now: it has reached a limit, and that a while ago.
    fn is_left_over(&self, entry: &Entry, now: Time) -> bool {
        let too_old =
            self.jobs[entry.job].lifespan.max_age.is_some_and(|most| now.since(entry.started) > most + RENEWAL);
        entry.spent || (too_old && entry.pid.is_some())
    }
}
