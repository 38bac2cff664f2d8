//! What the manager asks for: of whom it may, and why.

use std::time::Duration;

use gearman_driver_core::order::Order;
use gearman_driver_core::process::{ActivityState, HostId, ProcessId};
use gearman_driver_core::time::Time;

use super::told::{Entry, Heard, HostEntry};
use super::{Broken, Laws, law};

/// How long after its timeout a job may still be in hand.
const TIMEOUT_GRACE: Duration = Duration::from_secs(5);

impl Laws {
    pub(super) fn host_is_started(&mut self, host: HostId, generation: u32) -> Result<(), Broken> {
        law(host.0 > self.last_host, || format!("{host} is a new one"))?;
        let twin = self.hosts.iter().find(|(_, entry)| !entry.stopped && entry.generation == generation);
        law(twin.is_none(), || format!("one host for each generation: {twin:?} and {host}"))?;
        law(!self.shutdown.is_on(), || "no host is started during a shutdown".to_owned())?;
        self.last_host = host.0;
        self.hosts.insert(host, HostEntry { generation, jobs: None, ready: None, stopped: false });
        Ok(())
    }

    pub(super) fn host_is_stopped(&mut self, host: HostId) -> Result<(), Broken> {
        let entry = self.hosts.get_mut(&host);
        let entry = entry.ok_or_else(|| Broken::new(format!("{host} is there to be stopped")))?;
        law(!entry.stopped, || format!("{host} is stopped once"))?;
        entry.stopped = true;
        Ok(())
    }

    pub(super) fn is_spawned(&mut self, process: ProcessId, name: &str, host: HostId) -> Result<(), Broken> {
        law(process.0 > self.last_process, || format!("{process} is a new one"))?;
        law(!self.shutdown.is_on(), || "no process is started during a shutdown".to_owned())?;
        let entry = self.hosts.get(&host);
        let entry = entry.ok_or_else(|| Broken::new(format!("{host} is there to fork")))?;
        let declared = entry.jobs.as_ref().and_then(|jobs| jobs.get(name)).zip(self.job(name));
        let Some((declared, job)) = declared.filter(|_| !entry.stopped) else {
            return Err(Broken::new(format!("{host} is ready, stays, and has the job {name}")));
        };
        law(Some(entry.generation) == self.generation, || format!("{process} is of the generation in force"))?;
        self.last_process = process.0;
        self.jobs[job].started += 1;
        let entry = Entry {
            job,
            host,
            generation: entry.generation,
            pid: None,
            started: Time::START,
            stopped: false,
            killed: false,
            asked: false,
            condemned: false,
            overran: false,
            says: None,
            jobs_done: 0,
            spent: false,
            hard_timeout: declared.timeout.map(|timeout| timeout + TIMEOUT_GRACE),
            job_since: None,
        };
        self.processes.insert(process, entry);
        Ok(())
    }

    pub(super) fn is_stopped(&mut self, now: Time, process: ProcessId) -> Result<(), Broken> {
        // Where one came back that had said that it drains, there are more than the scaling policy has asked for; and what
        // is to be replaced may be asked at any time.
        let looked = self.event == Heard::Looked
            && self
                .processes
                .get(&process)
                .is_some_and(|entry| !self.jobs[entry.job].fickle && !self.is_to_be_replaced(process, entry, now));
        let entry = self.running(process)?;
        law(!entry.stopped && !entry.killed, || format!("{process} is stopped once"))?;
        law(!looked || entry.says != Some(ActivityState::Busy), || {
            format!("a look at the queues stops no busy process: {process}")
        })?;
        entry.stopped = true;
        let first = !std::mem::replace(&mut entry.asked, true);
        let (job, drains) = (entry.job, entry.drains());
        self.jobs[job].stopped |= first && !drains;
        Ok(())
    }

    pub(super) fn is_killed(&mut self, now: Time, process: ProcessId) -> Result<(), Broken> {
        let ordered = matches!(&self.event, Heard::Order(_, Order::KillNow { .. }));
        let name = self.processes.get(&process).map_or("", |entry| &self.jobs[entry.job].name);
        let may_kill = self.shutdown.may_kill(now, name);
        // By what is seen of it at this very moment.
        let overran = self.event == Heard::Observed;
        let entry = self.running(process)?;
        let overran = overran && entry.overdue_at().is_some_and(|due| due <= now);
        law(!entry.killed, || format!("{process} is killed once"))?;
        entry.killed = true;
        entry.overran |= overran;
        let again = std::mem::replace(&mut entry.condemned, true);
        law(ordered || may_kill || overran || again, || format!("{process} is asked, not killed, before its deadline"))
    }

    fn running(&mut self, process: ProcessId) -> Result<&mut Entry, Broken> {
        let entry = self.processes.get_mut(&process).filter(|entry| entry.pid.is_some());
        entry.ok_or_else(|| Broken::new(format!("{process} is there to be signalled")))
    }
}
