//! How long it takes from the driver's start until all its processes are registered, and (`forks.rs`) how
//! fast a host forks that has loaded much data.

use clap::Args;
use gearman_testkit::Gearmand;

use crate::side::Side;
use crate::stats::{median, range};
use crate::{Failure, forks, machine};

/// How the start is measured.
#[derive(Args)]
pub(crate) struct Options {
    /// Numbers of worker processes.
    #[arg(long, value_delimiter = ',', default_values_t = [50, 500])]
    processes: Vec<u16>,
    /// Starts, each from nothing.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..))]
    runs: u16,
    /// Someone else, as `NAME=SHELL COMMAND`, in which `{server}`, `{port}`, `{function}` and `{processes}`
    /// are replaced. Repeatable.
    #[arg(long = "peer", value_name = "NAME=COMMAND", value_parser = parse_peer)]
    peers: Vec<Peer>,
    /// The peers alone.
    #[arg(long, requires = "peers")]
    peers_only: bool,
    #[command(flatten)]
    forks: forks::Options,
}

#[derive(Clone, Debug, PartialEq)]
struct Peer {
    name: String,
    shell: String,
}

fn parse_peer(text: &str) -> Result<Peer, String> {
    match text.split_once('=') {
        Some((name, shell)) if !name.is_empty() && !shell.is_empty() => {
            Ok(Peer { name: name.to_owned(), shell: shell.to_owned() })
        }
        _ => Err("expected NAME=COMMAND".to_owned()),
    }
}

/// Measures and prints the table.
pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let gearmand = Gearmand::start();
    let logs = tempfile::tempdir().map_err(|error| Failure::new(error.to_string()))?;
    println!("| processes | who | all registered after | range |\n| --: | --- | --: | --: |");
    for &processes in &options.processes {
        let processes = usize::from(processes);
        if !options.peers_only {
            let log = logs.path().join("driver.log");
            let row = times(options, &gearmand, || Side::ours(&gearmand, processes, 5, &log))?;
            println!("| {processes} {row}");
        }
        for (at, peer) in options.peers.iter().enumerate() {
            let function = format!("peer_{at}");
            let start = || Side::peer(&peer.name, &peer.shell, &gearmand, &function, processes);
            println!("| {processes} {}", times(options, &gearmand, start)?);
        }
    }
    println!("\nMedian of {} starts.\n", options.runs);
    if !options.peers_only && options.forks.pairs > 0 {
        forks::run(&options.forks, &gearmand, logs.path())?;
    }
    println!("{}.", machine::describe(&gearmand));
    Ok(())
}

fn times(options: &Options, gearmand: &Gearmand, start: impl Fn() -> Result<Side, Failure>) -> Result<String, Failure> {
    let mut seconds = Vec::new();
    let mut name = String::new();
    for _ in 0..options.runs {
        let mut side = start()?;
        seconds.push(side.wait_until_ready(gearmand)?.as_secs_f64());
        name.clone_from(&side.name);
        let function = side.function.clone();
        drop(side);
        // The next start counts registrations: those of this one must be gone.
        gearman_testkit::eventually(
            "the job server to forget the last run",
            std::time::Duration::from_secs(20),
            || gearmand.status_of(&function).is_none_or(|row| row.workers == 0).then_some(()),
        );
    }
    let (least, most) = range(&seconds);
    Ok(format!("| {name} | {:.3} s | {least:.3}–{most:.3} s |", median(&seconds)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_is_a_name_and_a_command() {
        assert_eq!(
            parse_peer("perl=FOO=1 ./run {port}").unwrap(),
            Peer { name: "perl".into(), shell: "FOO=1 ./run {port}".into() }
        );
        for wrong in ["", "perl", "=x", "perl="] {
            assert!(parse_peer(wrong).is_err(), "{wrong}");
        }
    }
}
