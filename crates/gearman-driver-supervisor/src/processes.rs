//! The worker processes that this driver has, and where to reach them.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use gearman_driver_core::process::{HostId, ProcessId};
use nix::unistd::Pid;
use tokio::sync::watch;

use crate::output::Output;

/// One worker process, from the order to spawn it until its end is told.
pub(crate) struct Process {
    /// The functions that it registers, for reading its slot.
    pub(crate) functions: Arc<[String]>,
    pub(crate) host: HostId,
    /// Its slot of the scoreboard.
    pub(crate) slot: u32,
    pub(crate) output: Output,
    /// The FIFOs, which it unlinks itself if it gets that far.
    pub(crate) fifos: [PathBuf; 2],
    /// Its host is gone: this process reaps and signals it.
    pub(crate) adopted: bool,
    pid: Option<Pid>,
    shown_pid: watch::Sender<u32>,
}

impl Process {
    pub(crate) fn new(
        functions: Arc<[String]>,
        host: HostId,
        slot: u32,
        output: Output,
        fifos: [PathBuf; 2],
        shown_pid: watch::Sender<u32>,
    ) -> Self {
        Self { functions, host, slot, output, fifos, adopted: false, pid: None, shown_pid }
    }

    pub(crate) fn pid(&self) -> Option<Pid> {
        self.pid
    }

    pub(crate) fn set_pid(&mut self, pid: Pid) {
        self.pid = Some(pid);
        // Its reader may have ended already.
        let _ = self.shown_pid.send(pid.as_raw().unsigned_abs());
    }
}

/// All of them.
#[derive(Default)]
pub(crate) struct Processes {
    by_id: BTreeMap<ProcessId, Process>,
}

impl Processes {
    pub(crate) fn insert(&mut self, id: ProcessId, process: Process) {
        self.by_id.insert(id, process);
    }

    pub(crate) fn remove(&mut self, id: ProcessId) -> Option<Process> {
        self.by_id.remove(&id)
    }

    pub(crate) fn get_mut(&mut self, id: ProcessId) -> Option<&mut Process> {
        self.by_id.get_mut(&id)
    }

    pub(crate) fn get(&self, id: ProcessId) -> Option<&Process> {
        self.by_id.get(&id)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (ProcessId, &Process)> {
        self.by_id.iter().map(|(id, process)| (*id, process))
    }

    pub(crate) fn of_host(&self, host: HostId) -> Vec<ProcessId> {
        self.iter().filter(|(_, process)| process.host == host && !process.adopted).map(|(id, _)| id).collect()
    }

    pub(crate) fn by_pid(&self, pid: Pid) -> Option<ProcessId> {
        self.iter().find(|(_, process)| process.pid == Some(pid)).map(|(id, _)| id)
    }
}
