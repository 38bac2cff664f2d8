//! A worker process: from the fork to its exit.
//!
//! It talks to the job servers itself, takes jobs, runs them, answers. What the supervisor knows of it stands in its
//! slot of the scoreboard; what it prints goes to its two FIFOs. It drains on TERM, on INT and at the lifeline's end.

mod async_loop;
mod backoff;
mod board;
mod chance;
mod health;
mod job_loop;
pub(crate) mod logger;
mod outgoing;
mod packets;
mod poison;
mod pulse;
mod report;
mod server;
mod socket;
mod watchdog;
mod wear;

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::rc::Rc;
use std::sync::Arc;

use gearman_driver_sys::lifeline::Lifeline;
use gearman_driver_sys::limits::process_refused;
use gearman_driver_sys::{signal, title};
use gearman_driver_wire::client_id::client_id;
use gearman_driver_wire::scoreboard::State;
use gearman_protocol::ServerList;
use nix::sys::signal::{SigSet, Signal};
use nix::unistd::{Pid, getpid, setpgid};

use self::async_loop::{AsyncLoop, Shared};
use self::board::Board;
use self::job_loop::JobLoop;
use self::poison::Suspects;
use crate::api::Loaded;
use crate::safety::Rights;

/// What a worker process takes over from its host.
pub(crate) struct Plan {
    pub(crate) process: u64,
    pub(crate) job: String,
    pub(crate) slot: u32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) program: String,
    pub(crate) loaded: Loaded,
    /// `None`: the host's.
    pub(crate) rights: Option<Rights>,
    pub(crate) lifeline: Lifeline,
    pub(crate) scoreboard: File,
    pub(crate) server: String,
    pub(crate) driver_pid: u32,
    pub(crate) host_name: String,
}

/// Runs a worker process; its exit code: 0 when it drained, 1 when it could not start.
pub(crate) fn run(plan: Plan) -> i32 {
    let code = match start(plan) {
        Ok(code) => code,
        Err(error) => {
            log::error!("{error}");
            1
        }
    };
    let _ = io::stdout().flush();
    code
}

fn start(plan: Plan) -> Result<i32, String> {
    let _ = setpgid(Pid::from_raw(0), Pid::from_raw(0));
    let stop = signal::SelfPipe::install(&[Signal::SIGINT, Signal::SIGTERM])
        .and_then(|stop| signal::restore(&[Signal::SIGCHLD, Signal::SIGQUIT, Signal::SIGUSR2]).map(|()| stop))
        .map_err(|error| format!("signal handlers can't be set: {error}"))?;
    // The host held all signals back for the fork; from here on ours are in place. An empty mask, not the host's:
    // nothing held back may be passed on to what a job executes.
    signal::set_mask(&SigSet::empty()).map_err(|error| format!("the signal mask can't be set: {error}"))?;
    redirect(&plan.stdout, &plan.stderr)?;
    let lifeline = plan
        .lifeline
        .reopen()
        .and_then(|lifeline| lifeline.watch().map(|()| lifeline))
        .map_err(|error| format!("the lifeline can't be watched: {error}"))?;
    drop(plan.lifeline);

    let board = Board::open(&plan.scoreboard, plan.slot, plan.process)
        .map(Arc::new)
        .map_err(|error| format!("slot {} of the scoreboard can't be mapped: {error}", plan.slot))?;
    let functions: Rc<[String]> = plan
        .loaded
        .jobs()
        .iter()
        .find(|job| job.name == plan.job)
        .map(|job| job.functions.iter().map(|function| function.name.clone()).collect())
        .unwrap_or_default();
    let suspects = Suspects::open(plan.scoreboard, Rc::clone(&functions))
        .map_err(|error| format!("the list of suspects can't be mapped: {error}"))?;
    if let Some(rights) = &plan.rights {
        rights
            .apply()
            .and_then(|()| lifeline.own().map_err(|error| format!("the lifeline can't be watched: {error}")))
            .inspect_err(|error| board.note_error(error))?;
    }
    let Some(mut worker) = plan.loaded.into_process(&plan.job) else {
        return Err(format!("the host has no job {:?}", plan.job));
    };
    let runtime = worker
        .job()
        .concurrency
        .map(AsyncLoop::new)
        .transpose()
        .map_err(|error| format!("the runtime for asynchronous jobs can't be made: {error}"))?;
    let title = worker.process_name(&plan.program).unwrap_or_else(|| format!("{} [worker {}]", plan.program, plan.job));
    let _ = title::set(&title);

    let started = match &runtime {
        Some(runtime) => runtime.within(|| worker.start()),
        None => worker.start(),
    };
    if let Err(error) = started {
        let message = format!("process_start failed: {error}");
        board.note_error(&message);
        return Err(message);
    }
    let servers = ServerList::parse(&plan.server).map_err(|error| error.to_string())?;
    let id = client_id(&plan.host_name, plan.driver_pid, getpid().as_raw().unsigned_abs(), &plan.job);
    board.state(State::Idle);
    match runtime {
        None => {
            JobLoop::new(&servers, &plan.server, &functions, &id, &worker, &board, &suspects, &stop)
                .map_err(|error| {
                    format!("the thread that watches the jobs' time can't be started: {}", process_refused(&error))
                })?
                .run();
            worker.stop();
        }
        Some(runtime) => {
            let process = Shared::new(Rc::new(worker), board, suspects, functions, &id, &plan.server, &runtime);
            runtime.run(&servers, process, &stop);
        }
    }
    drop(lifeline);
    Ok(0)
}

/// Opens the two FIFOs as standard output and error, and unlinks them: nobody else can open them then.
///
/// They are opened for reading too: a write then never fails while the supervisor dies, and the lifeline's end
/// turns both to /dev/null a moment later.
fn redirect(stdout: &str, stderr: &str) -> Result<(), String> {
    let open = |path: &str| {
        OpenOptions::new().read(true).write(true).open(path).map_err(|error| format!("{path} can't be opened: {error}"))
    };
    // Standard error first: an error of the other is told there.
    let err = open(stderr)?;
    nix::unistd::dup2_stderr(err.as_fd()).map_err(|error| format!("standard error can't be set: {error}"))?;
    let out = open(stdout)?;
    nix::unistd::dup2_stdout(out.as_fd()).map_err(|error| format!("standard output can't be set: {error}"))?;
    let _ = std::fs::remove_file(stderr);
    let _ = std::fs::remove_file(stdout);
    Ok(())
}
