//! Measures gearman-driver next to others, on one machine and in one go. `README.md` says how to read it.
//!
//! This file decides the command line only; each measurement has its module. The hidden subcommand
//! `worker-farm` is our side: a driver program of its own, started by the measurements.

mod c_worker;
mod console;
mod data;
mod farm;
mod forks;
mod idle;
mod jobserver;
mod machine;
mod memory;
mod pipeline;
mod recover;
mod reload;
mod side;
mod spawn;
mod stats;
mod throughput;
mod usage;
mod waiting;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Measures gearman-driver on this machine, with a gearmand of its own.
#[derive(Parser)]
#[command(name = "bench")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Jobs a second and CPU per job, in interleaved pairs with a C worker over libgearman.
    Throughput(throughput::Options),
    /// The time from the driver's start until all its processes are registered with the job server, and forks a
    /// second with much data loaded.
    Spawn(spawn::Options),
    /// The time from a worker's death until its replacement is registered.
    Recover(recover::Options),
    /// Jobs that fail while all processes are replaced under full load, and how far the throughput falls.
    Reload(reload::Options),
    /// What the driver costs while its workers have nothing to do, and how soon its console answers.
    Idle(idle::Options),
    /// Memory of worker processes whose host has loaded much data, next to those that share nothing.
    Memory(memory::Options),
    /// A job that waits: 64 at once in one asynchronous process, next to 64 processes.
    Async(waiting::Options),
    /// The embedded job server next to gearmand: jobs a second with C workers, memory of queued jobs.
    #[command(name = "jobserver")]
    JobServer(jobserver::Options),
    /// The embedded job server alone: what `jobserver` starts as our side.
    #[command(hide = true, name = "job-server")]
    JobServerAlone,
    /// A driver and its workers: what the measurements start as our side.
    #[command(hide = true)]
    WorkerFarm(farm::Options),
}

/// Why there is no result: a sentence for the person who measures.
#[derive(Debug)]
struct Failure(String);

impl Failure {
    fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Throughput(options) => throughput::run(&options),
        Command::Spawn(options) => spawn::run(&options),
        Command::Recover(options) => recover::run(&options),
        Command::Reload(options) => reload::run(&options),
        Command::Idle(options) => idle::run(&options),
        Command::Memory(options) => memory::run(&options),
        Command::Async(options) => waiting::run(&options),
        Command::JobServer(options) => jobserver::run(&options),
        Command::JobServerAlone => jobserver::serve(),
        // Also reached in the driver's host role, which is this program started again.
        Command::WorkerFarm(options) => return farm::run(&options),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("bench: {failure}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }
}
