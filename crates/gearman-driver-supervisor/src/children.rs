//! Children of this process: hosts, workers whose host died, and strangers that were orphaned among their descendants.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use gearman_driver_core::level::Level;
use gearman_driver_core::log_entry::Entry;
use gearman_driver_core::manager::Event;
use gearman_driver_core::process::{ExitStatus, HostId, ProcessId};
use gearman_driver_sys::reap::{self, Ended};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::io::unix::AsyncFd;

use crate::event_loop::{News, Supervisor};
use crate::log::CATEGORY;
use crate::processes::Process;

/// How often a child is looked at whose end does not make itself known (where the kernel is too old for that).
const WATCH_INTERVAL: Duration = Duration::from_millis(100);

/// An exit as the host protocol tells it.
pub(crate) fn status(code: Option<i32>, signal: Option<i32>) -> ExitStatus {
    match (code, signal) {
        (Some(code), _) => ExitStatus::Code(code),
        (None, Some(signal)) => ExitStatus::Signal(signal),
        (None, None) => ExitStatus::Unknown,
    }
}

fn ended_status(ended: Option<Ended>) -> ExitStatus {
    match ended {
        Some(Ended::Code(code)) => ExitStatus::Code(code),
        Some(Ended::Signal(signal)) => ExitStatus::Signal(signal),
        None => ExitStatus::Unknown,
    }
}

impl Supervisor {
    /// Reaps what has ended.
    pub(crate) async fn reap(&mut self) {
        while let Some(pid) = self.next_ended() {
            if let Some(id) = self.hosts.iter().find(|(_, host)| host.pid == pid).map(|(id, _)| *id) {
                let status = ended_status(reap::reap(pid, false));
                if let Some(host) = self.hosts.get_mut(&id) {
                    host.ended = Some(status);
                }
                self.host_gone(id).await;
            } else if let Some(process) = self.processes.by_pid(pid) {
                // A worker of ours: its host is gone, or will be known to be in a moment.
                let status = ended_status(reap::reap(pid, true));
                self.exited(process, status).await;
            } else if let Some(run) = self.unknown_job_command.by_pid(pid) {
                let status = ended_status(reap::reap(pid, true));
                self.unknown_job_command.ended(run, status).await;
            } else {
                let _ = reap::reap(pid, false);
            }
        }
    }

    /// The next child that has ended: any, or of those that are known where others belong to the program around.
    fn next_ended(&self) -> Option<Pid> {
        if !self.setup.embedded {
            return reap::next_ended();
        }
        let hosts = self.hosts.values().filter(|host| host.ended.is_none()).map(|host| host.pid);
        let adopted =
            self.processes.iter().filter(|(_, process)| process.adopted).filter_map(|(_, process)| process.pid());
        let commands = self.unknown_job_command.pids();
        hosts.chain(adopted).chain(commands).find(|pid| reap::has_ended(*pid))
    }

    /// A child is there whose end is to become news. Where the signals are the program's, there is no SIGCHLD.
    pub(crate) fn watch(&self, pid: Pid) {
        if !self.setup.embedded {
            return;
        }
        let news = self.news.clone();
        #[allow(deprecated, reason = "meant are types whose descriptor may change under tokio; an OwnedFd's can't")]
        let end = reap::pidfd(pid).and_then(AsyncFd::new);
        tokio::spawn(async move {
            if let Ok(end) = end {
                // An error would be the runtime's end.
                let _ = end.readable().await;
            }
            while !reap::has_ended(pid) {
                tokio::time::sleep(WATCH_INTERVAL).await;
            }
            let _ = news.send(News::ChildEnded).await;
        });
    }

    /// A host's last message was read.
    pub(crate) async fn host_closed(&mut self, id: HostId, problem: Option<String>) {
        let Some(host) = self.hosts.get_mut(&id) else { return };
        host.closed = true;
        if let Some(problem) = problem {
            let message = format!("{problem}: it is replaced");
            self.log.write(&Entry {
                pid: Some(host.pid.as_raw().unsigned_abs()),
                job: Some("host"),
                ..Entry::new(Level::Error, CATEGORY, &message)
            });
            host.failure.get_or_insert(problem);
        }
        if host.ended.is_none() && host.ready {
            // Deaf: no use any more. (One that failed to load exits by itself, with its exit code.)
            let _ = kill(host.pid, Signal::SIGKILL);
        }
        self.host_gone(id).await;
    }

    /// When a host is reaped and its last message read: tells the manager, with what became of its workers.
    async fn host_gone(&mut self, id: HostId) {
        let Some((status, true)) = self.hosts.get(&id).and_then(|host| Some((host.ended?, host.closed))) else {
            return;
        };
        let Some(host) = self.hosts.remove(&id) else { return };
        host.output.finish().await;
        if !host.ready {
            let error = host.failure.unwrap_or_else(|| match status {
                ExitStatus::Signal(signal) => {
                    format!("the host was ended by signal {signal} before it had loaded the worker code")
                }
                status => format!(
                    "the host exited with status {status} before it had loaded the worker code; \
                     does the program's main come to run() with these arguments, and return its exit code?"
                ),
            });
            return self.event(Event::HostFailed { host: id, error }).await;
        }
        let (mut adopted, mut ended) = (Vec::new(), Vec::new());
        for process in self.processes.of_host(id) {
            match self.adopt(process) {
                Some(pid) => adopted.push((process, pid.as_raw().unsigned_abs())),
                None => {
                    let activity = self.activity(process);
                    self.forget(process).await;
                    ended.push((process, activity));
                }
            }
        }
        self.stop_strangers();
        self.event(Event::HostGone { host: id, status, adopted, ended }).await;
    }

    /// Takes over a worker whose host is gone; `None` when it has ended, or never came to be.
    fn adopt(&mut self, id: ProcessId) -> Option<Pid> {
        let slot = self.processes.get(id)?.slot;
        // One that was just forked may not have been told of: then its slot says its PID.
        let named = self.scoreboard.read(slot, id.0).and_then(|slot| i32::try_from(slot.pid).ok()).map(Pid::from_raw);
        let process = self.processes.get_mut(id)?;
        let pid = process.pid().or(named).filter(|pid| reap::is_child(*pid))?;
        process.adopted = true;
        process.set_pid(pid);
        self.watch(pid);
        Some(pid)
    }

    /// A host has died: children of this process that nothing names are asked to stop. One may have been forked
    /// by the host in its last moment. Where others belong to the program around, only what holds our lifeline is meant.
    fn stop_strangers(&self) {
        let known = |pid: Pid| {
            self.hosts.values().any(|host| host.pid == pid)
                || self.processes.by_pid(pid).is_some()
                || self.unknown_job_command.by_pid(pid).is_some()
        };
        let lifeline = self.runtime_dir.lifeline();
        let children = std::fs::read_to_string(format!("/proc/self/task/{}/children", std::process::id()));
        for pid in children.unwrap_or_default().split_whitespace().filter_map(|pid| pid.parse().ok()).map(Pid::from_raw)
        {
            if !known(pid) && (!self.setup.embedded || reads(pid, &lifeline)) {
                let _ = kill(pid, Signal::SIGTERM);
            }
        }
    }

    /// A worker process is running.
    pub(crate) async fn spawned(&mut self, id: ProcessId, pid: u32) {
        let Some(process) = self.processes.get_mut(id) else { return };
        let Some(raw) = i32::try_from(pid).ok().filter(|raw| *raw > 1) else {
            return self.log.error(&format!("a host says that it spawned PID {pid}: not believed"));
        };
        process.set_pid(Pid::from_raw(raw));
        self.event(Event::Spawned { process: id, pid }).await;
        self.replies.came(id);
    }

    /// A worker process ended and is reaped.
    pub(crate) async fn exited(&mut self, id: ProcessId, status: ExitStatus) {
        // What was answered before this end is not to be counted with it.
        self.note_answers().await;
        let final_activity = self.activity(id);
        if self.forget(id).await {
            self.event(Event::Exited { process: id, status, final_activity }).await;
        }
    }

    /// Ends what is kept for a process: its output is logged to the end, its slot is free. False: nothing was kept.
    pub(crate) async fn forget(&mut self, id: ProcessId) -> bool {
        let Some(Process { output, slot, fifos, .. }) = self.processes.remove(id) else { return false };
        output.finish().await;
        for fifo in fifos {
            // It has mostly been unlinked by the process itself.
            let _ = std::fs::remove_file(fifo);
        }
        self.scoreboard.free(slot);
        self.replies.came(id);
        true
    }
}

/// Whether a process has that file open for reading alone.
fn reads(pid: Pid, file: &Path) -> bool {
    let open = std::fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    let mut ways = open.filter(|entry| std::fs::read_link(entry.path()).is_ok_and(|target| target == file));
    // The link's mode is that of the descriptor.
    ways.any(|entry| std::fs::symlink_metadata(entry.path()).is_ok_and(|link| link.permissions().mode() & 0o200 == 0))
}
