//! Nothing is lost: real job servers, real drivers and clients, broken at random, and an account of every job.
//!
//! ```text
//! cargo run --release -p e2e --bin chaos -- --jobs 100000 --seed 1
//! ```
//!
//! Two `gearmand`s serve two drivers (supervisor, host, worker processes; this executable started again) and 40
//! clients, which submit jobs with numbers, each number as the job's unique too, three of four in the foreground.
//! Meanwhile the plan that follows from the seed is carried out ([`plan`]): workers, hosts and supervisors are killed,
//! workers terminated, drivers drained, ended at once, reloaded, given other bounds and log levels and told to save them,
//! job servers killed, started again and frozen.
//!
//! Jobs and workers do their part ([`jobs`]): processes are replaced all the time, since they have `max_jobs`, `max_age` or
//! `max_memory`; of the jobs with a timeout some overrun it, and few hang, so that their process is killed; few jobs take
//! their process down whenever they are run, and very few block an asynchronous one until it is killed, which is the same.
//!
//! # How a job is accounted for
//!
//! Workers append a line to a file when they begin and when they end a job ([`note`]); the clients keep what they have
//! heard; whatever is killed is kept with its time. When all is over, each job is judged by what happened to it alone
//! ([`verdict`]):
//!
//! - **done**: its client got the right result and a process had finished it; in the background: a process has finished
//!   it. **Failed on purpose** likewise.
//! - **failed on purpose at its timeout**: it was to take too long, and its client was told so after the timeout and within
//!   the 5 s of grace. One that hangs must be cut short after that by its driver, unless there was none; and not run again.
//! - **failed as poison**: one that takes down its processes must end so, after three deaths in one driver, each of
//!   which that driver has counted as its log says; and no process may begin it that could have been told of three
//!   deaths ([`deaths`]). A job that is none may be **taken for poison**, where three processes that ran it were
//!   killed. That is what drivers promise, and few jobs meet three kills.
//! - **lost**: anything else: no answer within two minutes, a failure that was not on purpose, a background job that a
//!   job server had confirmed and no process has finished.
//! - **done twice**: more than one process has finished it. This, and any second beginning, must be explained: by a
//!   kill of the process that had run it (also by a job in the same process that took it down, and by QUIT to its driver),
//!   or by a kill of the job server that was to hear of it. Killed hosts and supervisors, TERM, reloads, drains, recycling
//!   and frozen job servers explain nothing: there the driver promises that no job runs again.
//! - An execution that was **cut short** without a kill of its process is a fault too.
//!
//! Of worker processes, none may begin more jobs than its `max_jobs`; and from some thousand jobs on some must have been
//! recycled for each reason ([`recycled`]).
//!
//! # What clients and job servers do about a dead job server
//!
//! gearmand keeps foreground jobs in memory only. A client whose connection is lost submits the job again, to the next
//! job server or to the same one, as real clients do; this is counted (`submitted again`). Background jobs are kept in
//! gearmand's queue on disk (`--queue-type=libsqlite3`, the only one that it has without a further server), which
//! outlives a SIGKILL: none of them is submitted again after it was confirmed. A background job whose confirmation did
//! not arrive, because its job server was killed, is submitted again, since the client can't know; where it had been
//! taken all the same, it is done twice.
//!
//! # How it ends
//!
//! With code 0 where no job and no process shows a fault; else with 1 and the histories of those jobs, and the folder
//! with all logs is kept. It can't hang: without any progress for 90 s, or when it takes far too long, it ends and says
//! so. Whatever it has started it ends by its PID, also after a failure or a Ctrl-C. The last line on standard output
//! is for programs: `jobs N, done N, done twice N (explained N), failed on purpose N, failed as poison N, lost N`.
#![allow(clippy::expect_used, clippy::missing_panics_doc, reason = "as the helpers of tests: a panic ends the run")]

mod account;
mod clients;
mod damage;
mod deaths;
mod disturb;
mod driver;
mod evidence;
mod jobs;
mod note;
mod options;
mod plan;
mod recycled;
mod run;
mod server;
mod verdict;
mod watch;
mod workers;
mod world;

use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;

use crate::options::Options;
use crate::world::Stop;

fn main() -> ExitCode {
    // First thing: this is also the drivers' and their hosts' program.
    if std::env::var_os(workers::NOTES).is_some() {
        return workers::run();
    }
    let options = Options::parse();
    let stop = Arc::new(Stop::default());
    if let Err(error) = watch::interrupts(Arc::clone(&stop)) {
        eprintln!("chaos: signals can't be waited for: {error}");
        return ExitCode::FAILURE;
    }
    watch::panics_in_short();
    run::run(&options, &stop)
}
