//! What the supervisor and its hosts say to each other while worker code is loaded, and what follows from what a host says.

use gearman_driver_core::job::JobDeclaration;
use gearman_driver_core::manager::Event;
use gearman_driver_core::process::{HostId, ProcessId};
use gearman_driver_wire::host::{FromHost, JobDeclaration as WireJob, Load, PROTOCOL_VERSION, ToHost};
use gearman_driver_wire::program::ProgramConfiguration;

use crate::attributes;
use crate::declarations::declarations;
use crate::event_loop::{Supervisor, sorted};
use crate::generations::Generation;
use crate::names;

impl Supervisor {
    /// Makes a host load its worker code.
    pub(crate) fn load(&self, number: u32, generation: &Generation) -> ToHost {
        let config = &generation.config;
        ToHost::Load(Box::new(Load {
            protocol: PROTOCOL_VERSION,
            generation: number,
            driver_pid: std::process::id(),
            host_name: names::host_name(),
            driver_name: config.name.clone(),
            lifeline: self.runtime_dir.lifeline().display().to_string(),
            scoreboard: self.scoreboard.path(),
            loglevel: Some(config.loglevel.name().to_owned()),
            server: generation.servers.to_string(),
            may_be_empty: self.setup.unknown_job.is_some() || !config.unknown_job_command.is_empty(),
            namespaces: config.namespaces.clone(),
            lib: config.lib.iter().map(|lib| lib.display().to_string()).collect(),
            worker_options: config.worker_options.clone(),
            job_runtime_attributes: attributes::of(config),
        }))
    }

    /// Takes a message of a host.
    pub(crate) async fn host_message(&mut self, id: HostId, message: FromHost) {
        match message {
            FromHost::Described { program } => self.host_described(id, &program),
            FromHost::Loaded { protocol, jobs, workers, safety, warnings } => {
                for warning in &warnings {
                    self.log.warn(warning);
                }
                self.host_loaded(id, protocol, jobs, workers, safety).await;
            }
            FromHost::Failed { error } => {
                if let Some(host) = self.hosts.get_mut(&id) {
                    host.failure = Some(error);
                }
            }
            FromHost::Spawned { process, pid } => self.spawned(ProcessId(process), pid).await,
            FromHost::SpawnFailed { process, error } => {
                let process = ProcessId(process);
                if self.forget(process).await {
                    self.event(Event::SpawnFailed { process, error }).await;
                }
            }
            FromHost::Exited { process, code, signal } => {
                self.exited(ProcessId(process), crate::children::status(code, signal)).await;
            }
        }
    }

    /// The jobs that a host of a generation has declared, where it speaks this driver's protocol and keeps what is asked of it.
    pub(crate) fn accepted(
        &self,
        generation: u32,
        protocol: u32,
        jobs: Vec<WireJob>,
        keeps_safety: bool,
    ) -> Result<Vec<JobDeclaration>, String> {
        if protocol != PROTOCOL_VERSION {
            return Err(format!(
                "it speaks version {protocol} of the host protocol and this driver version {PROTOCOL_VERSION}"
            ));
        }
        if let Some(generation) = self.generations.get(generation) {
            attributes::kept(&generation.config, keeps_safety)?;
        }
        declarations(jobs)
    }

    async fn host_loaded(
        &mut self,
        id: HostId,
        protocol: u32,
        jobs: Vec<WireJob>,
        workers: Vec<String>,
        keeps_safety: bool,
    ) {
        let Some(generation) = self.hosts.get(&id).filter(|host| !host.ready).map(|host| host.generation) else {
            return;
        };
        let jobs = self.accepted(generation, protocol, jobs, keeps_safety);
        let Some(host) = self.hosts.get_mut(&id) else { return };
        match jobs {
            Ok(jobs) => {
                host.ready = true;
                host.functions = jobs.iter().map(|job| (job.name.clone(), job.functions.clone().into())).collect();
                if let Some(generation) = self.generations.get_mut(generation) {
                    generation.workers = sorted(workers);
                }
                self.event(Event::HostReady { host: id, generation, jobs }).await;
                if let Some(ready) = self.setup.ready.take() {
                    ready();
                }
                if self.observer.is_none() {
                    self.start_observing();
                }
            }
            Err(error) => {
                host.failure = Some(error);
                host.send(&ToHost::Exit);
            }
        }
    }

    /// The host of a new generation has said what its program sets: its configuration can be made, and its workers loaded.
    fn host_described(&mut self, id: HostId, program: &ProgramConfiguration) {
        let Some(host) = self.hosts.get_mut(&id) else { return };
        let number = host.generation;
        if let Err(error) = self.generations.make(number, program) {
            host.failure = Some(error);
            return self.kill_host(id);
        }
        if let (Some(host), Some(generation)) = (self.hosts.get(&id), self.generations.get(number)) {
            host.send(&self.load(number, generation));
        }
    }
}
