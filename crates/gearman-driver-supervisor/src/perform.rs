//! Carries out what the manager asks for. Nothing here waits.

use std::collections::BTreeSet;
use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use gearman_driver_core::log_entry::Entry;
use gearman_driver_core::manager::{Effect, Event};
use gearman_driver_core::process::{HostId, ProcessId};
use gearman_driver_sys::limits;
use gearman_driver_wire::host::ToHost;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::UnknownJob;
use crate::event_loop::{News, Supervisor};
use crate::host::Host;
use crate::log::CATEGORY;
use crate::output::{Output, Speaker};
use crate::processes::Process;

/// How long a host that was told to exit may take.
const HOST_EXIT_TIMEOUT: Duration = Duration::from_secs(5);

impl Supervisor {
    /// Performs one effect. `spawning` are the processes that it and those beside it bring about.
    pub(crate) fn perform(&mut self, effect: Effect, spawning: &BTreeSet<ProcessId>) {
        match effect {
            Effect::StartHost { host, generation } => self.start_host(host, generation),
            Effect::InForce { generation } => self.put_in_force(generation),
            Effect::StopHost { host } => self.stop_host(host),
            Effect::Spawn { process, job, host } => {
                if let Err(error) = self.spawn(process, &job, host) {
                    self.pending.push_back(Event::SpawnFailed { process, error: error.to_string() });
                }
            }
            Effect::Stop { process } => self.signal(process, &ToHost::Stop { process: process.0 }, Signal::SIGTERM),
            Effect::Kill { process } => self.signal(process, &ToHost::Kill { process: process.0 }, Signal::SIGKILL),
            Effect::Reply { id, result } => self.replies.answer(id, result, spawning),
            Effect::UnknownJob { function, status } => {
                let unknown = UnknownJob { function, status };
                if let Some(pid) = self.unknown_job_command.run(&unknown) {
                    self.watch(pid);
                }
                self.unknown_jobs.call(unknown);
            }
            Effect::Suspects(suspects) => self.suspects(&suspects),
            Effect::Log(line) => self.log.write(&Entry::of(&line, CATEGORY)),
            Effect::Exit { code, message } => self.exit = Some((code, message)),
        }
    }

    fn start_host(&mut self, id: HostId, generation: u32) {
        if let Err(error) = self.try_start_host(id, generation) {
            self.pending.push_back(Event::HostFailed { host: id, error });
        }
    }

    /// Starts a host and tells it to load its worker code, or first to describe what is new.
    pub(crate) fn try_start_host(&mut self, id: HostId, number: u32) -> Result<(), String> {
        let executable = self.generations.executable(number, &self.setup.host)?;
        let host = Host::start(id, number, &executable, &self.setup.host, &self.log, &self.news)
            .map_err(|error| format!("a host can't be started: {}", limits::process_refused(&error)))?;
        host.send(&match self.generations.get(number) {
            Some(generation) => self.load(number, generation),
            None => ToHost::Describe,
        });
        self.watch(host.pid);
        self.hosts.insert(id, host);
        Ok(())
    }

    /// Tells a host to exit. One that is still loading does not read its socket and has nothing to lose.
    fn stop_host(&mut self, id: HostId) {
        let Some(host) = self.hosts.get(&id) else { return };
        if !host.ready {
            return self.kill_host(id);
        }
        host.send(&ToHost::Exit);
        let news = self.news.clone();
        tokio::spawn(async move {
            tokio::time::sleep(HOST_EXIT_TIMEOUT).await;
            let _ = news.send(News::HostOverdue(id)).await;
        });
    }

    /// Kills a host that is not reaped yet.
    pub(crate) fn kill_host(&self, id: HostId) {
        if let Some(host) = self.hosts.get(&id).filter(|host| host.ended.is_none()) {
            let _ = kill(host.pid, Signal::SIGKILL);
        }
    }

    /// Orders a worker process from its host.
    fn spawn(&mut self, id: ProcessId, job: &str, host: HostId) -> io::Result<()> {
        if !self.hosts.contains_key(&host) {
            return Err(io::Error::other("its host is gone"));
        }
        let slot = self.scoreboard.take(id.0)?;
        let ordered = self.order_spawn(id, job, host, slot);
        if ordered.is_err() {
            self.scoreboard.free(slot);
        }
        ordered
    }

    fn order_spawn(&mut self, id: ProcessId, job: &str, host: HostId, slot: u32) -> io::Result<()> {
        let (out_path, out) = self.runtime_dir.fifo(&format!("{}.out", id.0))?;
        let (err_path, err) = self.runtime_dir.fifo(&format!("{}.err", id.0)).inspect_err(|_| {
            let _ = std::fs::remove_file(&out_path);
        })?;
        let order = ToHost::Spawn {
            process: id.0,
            job: job.to_owned(),
            slot,
            stdout: out_path.display().to_string(),
            stderr: err_path.display().to_string(),
        };
        let functions = self.hosts[&host].functions.get(job).cloned().unwrap_or_default();
        let (pid, speaker) = Speaker::ordered(job.into());
        let output = Output::read(OwnedFd::from(out), OwnedFd::from(err), speaker, self.log.clone())?;
        self.processes.insert(id, Process::new(functions, host, slot, output, [out_path, err_path], pid));
        self.hosts[&host].send(&order);
        Ok(())
    }

    /// Signals a worker process: its host does, or this process where it has adopted it. Only who reaps it may, since
    /// only then the PID can't be another's.
    fn signal(&self, id: ProcessId, order: &ToHost, signal: Signal) {
        let Some(process) = self.processes.get(id) else { return };
        if !process.adopted {
            if let Some(host) = self.hosts.get(&process.host) {
                host.send(order);
            }
            return;
        }
        let Some(pid) = process.pid() else { return };
        let _ = kill(pid, signal);
        if signal == Signal::SIGKILL {
            let _ = kill(Pid::from_raw(-pid.as_raw()), signal);
        }
    }
}
