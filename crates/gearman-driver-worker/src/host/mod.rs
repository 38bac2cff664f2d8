//! A host: a fork server with one thread.
//!
//! It loads the worker code and its data once, tells the supervisor which jobs there are, forks a worker process when
//! it is told to, reaps, and reports. It decides nothing. It obeys its socket and the lifeline, and no signal: a
//! terminal or a service manager signals the whole tree.

mod guard;

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::mem;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;

use gearman_driver_sys::fork::{Forked, fork};
use gearman_driver_sys::lifeline::Lifeline;
use gearman_driver_sys::reap::{self, Ended};
use gearman_driver_sys::{heap, hugepages, signal, title};
use gearman_driver_wire::host::{
    FromHost, JobDeclaration, Lines, Load, MessageError, PROTOCOL_VERSION, ToHost, encode,
};
use gearman_driver_wire::program::ProgramConfiguration;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, setpgid};

use crate::api::{AddedJob, LoadRequest, Loaded, load};
use crate::process::{self, Plan};
use crate::safety::{self, Rights};

/// What the program says about its workers, besides what the supervisor sends.
pub struct Program<'a> {
    /// The program's name as it was started. With the driver's name, where it has one, `process_name` hooks get it as `original`.
    pub name: String,
    /// What it says of the configuration, for a driver that runs another executable; an error: why it can't be told.
    pub configuration: Result<ProgramConfiguration, String>,
    /// Which worker types are loaded, by type path.
    pub wanted: Option<&'a dyn Fn(&str) -> bool>,
    /// Jobs that were added without macros.
    pub added: Vec<AddedJob>,
}

/// Runs a host over its end of the host protocol; in a forked worker process, runs that. The exit code of either.
pub fn serve(socket: OwnedFd, program: Program<'_>) -> i32 {
    let mut channel = Channel::new(socket);
    let program_name = program.name.clone();
    match Host::load(&mut channel, program) {
        Ok(Some(host)) => {
            let name = shown_name(&program_name, &host.load);
            // Last: what loading freed is not to be used again either.
            channel.settle();
            heap::settle();
            match host.serve(channel, &name) {
                Stopped::Host => 0,
                Stopped::Worker(plan) => process::run(*plan),
            }
        }
        // The supervisor went away before it asked for anything.
        Ok(None) => 0,
        Err(error) => {
            channel.send(&FromHost::Failed { error });
            1
        }
    }
}

/// What stands in titles: the program's name, and the driver's, where it was given one.
fn shown_name(program: &str, load: &Load) -> String {
    match &load.driver_name {
        Some(driver) => format!("{program} [{driver}]"),
        None => program.to_owned(),
    }
}

/// Where [`Host::serve`] came back, and as what.
enum Stopped {
    Host,
    Worker(Box<Plan>),
}

struct Host {
    load: Load,
    loaded: Loaded,
    /// By job, of those that have fewer.
    rights: BTreeMap<String, Rights>,
    lifeline: Lifeline,
    scoreboard: File,
    children: signal::SelfPipe,
    workers: BTreeMap<Pid, u64>,
}

/// Signals that the rest of the tree may get; a host goes on.
const DISREGARDED: [Signal; 7] = [
    Signal::SIGINT,
    Signal::SIGTERM,
    Signal::SIGHUP,
    Signal::SIGQUIT,
    Signal::SIGUSR1,
    Signal::SIGUSR2,
    Signal::SIGPIPE,
];

impl Host {
    /// Reads the first message and loads the workers. `None` when the supervisor is gone.
    ///
    /// Not inlined: its frame is large, and that of the caller is there in all processes.
    #[inline(never)]
    fn load(channel: &mut Channel, program: Program<'_>) -> Result<Option<Self>, String> {
        // The mask last: what was held back arrives at handlers. A program may have started its driver from a thread that
        // takes no signals, and a host that never hears of its children's ends reports none.
        let children = signal::disregard(&DISREGARDED)
            .and_then(|()| signal::SelfPipe::install(&[Signal::SIGCHLD]))
            .and_then(|children| signal::take_all().map(|()| children))
            .map_err(|error| format!("signal handlers can't be set: {error}"))?;
        let mut message = channel.receive()?;
        if let Some(ToHost::Describe) = message {
            channel.send(&FromHost::Described { program: program.configuration? });
            message = channel.receive()?;
        }
        let load_message = match message {
            None => return Ok(None),
            Some(ToHost::Load(load)) => *load,
            Some(other) => {
                return Err(format!("a host must be told to `load` before anything else, and this was {other:?}"));
            }
        };
        if load_message.protocol != PROTOCOL_VERSION {
            return Err(format!(
                "the supervisor speaks version {} of the host protocol and this executable version {PROTOCOL_VERSION}: \
                 start the driver again, so that both are the same",
                load_message.protocol
            ));
        }
        let shown = shown_name(&program.name, &load_message);
        let _ = title::set(&format!("{shown} [host, generation {}]", load_message.generation));
        process::logger::install(load_message.loglevel.as_deref());
        let lifeline = Lifeline::open(&load_message.lifeline)
            .map_err(|error| format!("the lifeline {} can't be opened: {error}", load_message.lifeline))?;
        let scoreboard = OpenOptions::new()
            .read(true)
            .write(true)
            .open(&load_message.scoreboard)
            .map_err(|error| format!("the scoreboard {} can't be opened: {error}", load_message.scoreboard))?;

        guard::one_thread("before run() or start() was called")?;
        let before = guard::Sockets::now();
        let loaded = load(LoadRequest {
            namespaces: &load_message.namespaces,
            wanted: program.wanted,
            server: &load_message.server,
            worker_options: &load_message.worker_options,
            job_runtime_attributes: &load_message.job_runtime_attributes,
            added: program.added,
            may_be_empty: load_message.may_be_empty,
        })
        .map_err(|error| error.to_string())?;
        guard::one_thread("by a worker's constructor")?;
        before.no_new_connection()?;
        collapse();
        // A look-up may leave sockets and threads behind, so this is not done here, but in children.
        let rights = safety::try_all(loaded.jobs())?;

        channel.send(&FromHost::Loaded {
            protocol: PROTOCOL_VERSION,
            jobs: loaded.jobs().iter().map(declaration).collect(),
            workers: loaded.types().iter().map(ToString::to_string).collect(),
            safety: true,
            warnings: loaded.warnings().to_vec(),
        });
        Ok(Some(Self { load: load_message, loaded, rights, lifeline, scoreboard, children, workers: BTreeMap::new() }))
    }

    /// Obeys the socket until the supervisor needs this host no more, or is gone and the last worker too.
    fn serve(mut self, mut channel: Channel, name: &str) -> Stopped {
        let mut supervised = true;
        loop {
            self.reap(&mut channel);
            loop {
                if !supervised {
                    break;
                }
                match channel.next() {
                    Ok(Some(ToHost::Spawn { process, job, slot, stdout, stderr })) => {
                        match self.spawn(&mut channel, process, &job) {
                            Some(Forked::Child) => {
                                channel.leave();
                                return Stopped::Worker(Box::new(self.into_plan(
                                    process,
                                    job,
                                    slot,
                                    stdout,
                                    stderr,
                                    name.to_owned(),
                                )));
                            }
                            Some(Forked::Parent(_)) | None => {}
                        }
                    }
                    Ok(Some(ToHost::Stop { process })) => self.signal(process, Signal::SIGTERM),
                    Ok(Some(ToHost::Kill { process })) => self.signal(process, Signal::SIGKILL),
                    Ok(Some(ToHost::Exit)) => return Stopped::Host,
                    Ok(Some(ToHost::Load(_) | ToHost::Describe)) => {
                        log::warn!("this host has loaded its workers: `load` and `describe` come before that");
                    }
                    Ok(None) => break,
                    Err(error @ MessageError::TooLong) => {
                        log::error!("{error}: this host stops, since it can't tell where the next one begins");
                        channel.closed = true;
                        break;
                    }
                    Err(error) => log::error!("{error}; it is not obeyed"),
                }
            }
            if supervised && (channel.closed || self.lifeline.ended()) {
                supervised = false;
                // The workers see the lifeline's end themselves; this reaches those whose supervisor only dropped us.
                for pid in self.workers.keys() {
                    let _ = kill(*pid, Signal::SIGTERM);
                }
            }
            if !supervised && self.workers.is_empty() {
                return Stopped::Host;
            }
            let mut fds = vec![PollFd::new(self.children.as_fd(), PollFlags::POLLIN)];
            if supervised {
                fds.push(PollFd::new(channel.socket.as_fd(), PollFlags::POLLIN));
                fds.push(PollFd::new(self.lifeline.as_fd(), PollFlags::empty()));
            }
            match poll(&mut fds, PollTimeout::NONE) {
                Ok(_) | Err(Errno::EINTR) => {}
                Err(error) => log::error!("a host can't wait for its socket: {error}"),
            }
            let readable = fds.get(1).and_then(PollFd::any).unwrap_or(false);
            self.children.take();
            if readable {
                channel.fill();
            }
        }
    }

    /// Forks one worker process; in the parent, reports it. `None` when that failed, and was reported.
    fn spawn(&mut self, channel: &mut Channel, process: u64, job: &str) -> Option<Forked> {
        let refuse = |channel: &mut Channel, error: String| {
            channel.send(&FromHost::SpawnFailed { process, error });
            None
        };
        if !self.loaded.jobs().iter().any(|loaded| loaded.name == job) {
            return refuse(channel, format!("this host has no job {job:?}"));
        }
        let _ = io::stdout().flush();
        let mask = match signal::block_all() {
            Ok(mask) => mask,
            Err(error) => return refuse(channel, format!("signals can't be held back: {error}")),
        };
        let forked = fork();
        if matches!(forked, Ok(Forked::Child)) {
            // Handlers first, see `process::run`; the mask is lifted there.
            return Some(Forked::Child);
        }
        if let Err(error) = signal::set_mask(&mask) {
            log::error!("the signal mask can't be set back: {error}");
        }
        match forked {
            Ok(Forked::Parent(pid)) => {
                // In the child too: whichever comes first, the group is there before anybody signals it.
                let _ = setpgid(pid, pid);
                self.workers.insert(pid, process);
                channel.send(&FromHost::Spawned { process, pid: pid.as_raw().unsigned_abs() });
                Some(Forked::Parent(pid))
            }
            Ok(Forked::Child) => Some(Forked::Child),
            Err(error) => refuse(channel, error.to_string()),
        }
    }

    /// In the child: what a worker process needs of the host, and no more. The host's socket is closed by the caller.
    ///
    /// The rest is leaked: each block that is freed here would cost the child a copy of a page of the host's.
    fn into_plan(self, process: u64, job: String, slot: u32, stdout: String, stderr: String, program: String) -> Plan {
        let Self { mut load, loaded, mut rights, lifeline, scoreboard, children: _, workers } = self;
        let own = rights.get_mut(&job).map(mem::take);
        let (server, host_name) = (mem::take(&mut load.server), mem::take(&mut load.host_name));
        let driver_pid = load.driver_pid;
        mem::forget((load, rights, workers));
        Plan {
            process,
            job,
            slot,
            stdout,
            stderr,
            program,
            loaded,
            rights: own,
            lifeline,
            scoreboard,
            server,
            driver_pid,
            host_name,
        }
    }

    /// Signals one of this host's workers. It is not reaped yet, so the PID is its own.
    fn signal(&self, process: u64, signal: Signal) {
        let Some(pid) = self.workers.iter().find(|(_, worker)| **worker == process).map(|(pid, _)| *pid) else {
            return; // It has ended, and its exit is on its way to the supervisor.
        };
        let _ = kill(pid, signal);
        if signal == Signal::SIGKILL {
            let _ = kill(Pid::from_raw(-pid.as_raw()), signal);
        }
    }

    /// Reaps what has ended, kills what is left of each one's group, and reports.
    fn reap(&mut self, channel: &mut Channel) {
        while let Some(pid) = reap::next_ended() {
            let worker = self.workers.remove(&pid);
            let ended = reap::reap(pid, worker.is_some());
            if let (Some(process), Some(ended)) = (worker, ended) {
                let (code, signal) = match ended {
                    Ended::Code(code) => (Some(code), None),
                    Ended::Signal(signal) => (None, Some(signal)),
                };
                channel.send(&FromHost::Exited { process, code, signal });
            }
        }
    }
}

/// Puts what was loaded into huge pages, so that forking is quick. Where the kernel refuses, forking is only slower.
fn collapse() {
    match hugepages::collapse() {
        Ok(done) => {
            if let Some(error) = done.refused {
                log::debug!("huge pages: the kernel refused a region: {error}");
            }
            if done.bytes > 0 {
                log::debug!("huge pages: {} MiB of loaded data", done.bytes >> 20);
            }
        }
        Err(error) => log::debug!("huge pages: the regions of this process can't be read: {error}"),
    }
}

fn declaration(job: &crate::api::LoadedJob) -> JobDeclaration {
    JobDeclaration {
        name: job.name.clone(),
        functions: job.functions.iter().map(|function| function.name.clone()).collect(),
        min_processes: job.min_processes,
        max_processes: job.max_processes,
        limits: job.limits,
    }
}

/// The host's end of the host protocol.
struct Channel {
    socket: UnixStream,
    lines: Lines,
    closed: bool,
}

impl Channel {
    fn new(socket: OwnedFd) -> Self {
        Self { socket: UnixStream::from(socket), lines: Lines::default(), closed: false }
    }

    /// Moves what is buffered to where the next allocations lie, since this is written to between two forks.
    fn settle(&mut self) {
        self.lines.reallocate();
    }

    /// In the child: closes the socket, and leaves the buffer as it is.
    fn leave(self) {
        drop(self.socket);
        mem::forget(self.lines);
    }

    /// Sends a message. When the supervisor is gone, that is noted, and shows in `closed`.
    fn send(&mut self, message: &FromHost) {
        if self.socket.write_all(&encode(message)).is_err() {
            self.closed = true;
        }
    }

    /// Reads once, blocking if nothing is there.
    fn fill(&mut self) {
        // Little at once: what a host writes to between two forks is no longer shared by the processes.
        let mut bytes = [0; 512];
        match self.socket.read(&mut bytes) {
            Ok(0) => self.closed = true,
            Ok(n) => self.lines.push(&bytes[..n]),
            Err(error) if matches!(error.kind(), io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock) => {}
            Err(_) => self.closed = true,
        }
    }

    /// The next message that was read already.
    fn next(&mut self) -> Result<Option<ToHost>, MessageError> {
        self.lines.next_message()
    }

    /// Waits for a message; `None` when the supervisor is gone.
    fn receive(&mut self) -> Result<Option<ToHost>, String> {
        loop {
            if let Some(message) = self.next().map_err(|error| error.to_string())? {
                return Ok(Some(message));
            }
            if self.closed {
                return Ok(None);
            }
            self.fill();
        }
    }
}
