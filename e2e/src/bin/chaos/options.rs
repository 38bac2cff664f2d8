//! The command line.

use clap::Parser;

use crate::plan::AtLeast;

/// Runs job servers, drivers and clients, breaks them at random, and accounts for every job.
///
/// Workers, hosts and supervisors are killed, drivers drained, ended at once (QUIT), reloaded, scaled and told to save,
/// job servers killed and frozen. Processes have max_jobs, max_age or max_memory; few jobs outlive their timeout, hang, or
/// take their process down. The account says what became of each: done, failed on purpose, failed as poison, lost (a
/// fault), done twice (a fault unless a kill explains it); and how many processes were recycled, by reason.
#[derive(Debug, Parser)]
#[command(name = "chaos")]
pub(crate) struct Options {
    /// Jobs, each with a number of its own.
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    pub(crate) jobs: u32,
    /// What is done, in which order, and to whom follows from it.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Drivers.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=16))]
    pub(crate) drivers: u8,
    /// Kills of workers, hosts and supervisors, at the least; as many as fit the number of jobs without it.
    #[arg(long, default_value_t = 0)]
    pub(crate) kills: u32,
    /// Reloads, at the least.
    #[arg(long, default_value_t = 0)]
    pub(crate) reloads: u32,
    /// Job servers killed and started again, at the least.
    #[arg(long, default_value_t = 0)]
    pub(crate) restarts: u32,
    /// Keeps the folder with all logs also after a good run.
    #[arg(long)]
    pub(crate) keep: bool,
}

impl Options {
    pub(crate) fn at_least(&self) -> AtLeast {
        AtLeast { kills: self.kills, reloads: self.reloads, server_restarts: self.restarts }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        use clap::CommandFactory;
        Options::command().debug_assert();
    }
}
