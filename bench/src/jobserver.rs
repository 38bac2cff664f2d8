//! The embedded job server next to gearmand: jobs a second with the same client and the same C worker, and the memory
//! of queued jobs.
//!
//! Each server is a process of its own with C workers of its own; the client runs against one and then the other, and the
//! order changes from pair to pair.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;
use gearman_jobserver::JobServer;
use gearman_protocol::{Decoder, PacketType, request};
use gearman_testkit::Gearmand;

use crate::pipeline::Load;
use crate::side::command_that_dies_with_us;
use crate::stats::{median, range};
use crate::{Failure, c_worker, machine, usage};

/// How long the workers' start may take, and an answer.
const PATIENCE: Duration = Duration::from_secs(60);
const FUNCTION: &str = "echo_c";
/// Jobs sent before their answers are read, while the queue is filled.
const BATCH: usize = 1000;

/// How the job servers are measured.
#[derive(Args)]
pub(crate) struct Options {
    /// Pairs of runs for each number of workers.
    #[arg(long, default_value_t = 11, value_parser = clap::value_parser!(u16).range(1..))]
    pairs: u16,
    /// Numbers of C workers.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 4])]
    workers: Vec<usize>,
    /// Seconds of each run.
    #[arg(long, default_value_t = 1.2)]
    seconds: f64,
    /// Jobs outstanding at any time.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..))]
    window: u16,
    /// Bytes of workload.
    #[arg(long, default_value_t = 64)]
    payload: usize,
    /// Jobs that are queued for the measurement of memory.
    #[arg(long, default_value_t = 200_000)]
    queued: usize,
}

/// The hidden subcommand: a job server that says where it listens and runs until its standard input ends.
pub(crate) fn serve() -> Result<(), Failure> {
    let server = JobServer::start(([127, 0, 0, 1], 0)).map_err(|error| Failure::new(error.to_string()))?;
    println!("{}", server.address());
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
    server.stop();
    Ok(())
}

/// Measures and prints the tables.
pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let duration = Duration::try_from_secs_f64(options.seconds)
        .map_err(|_| Failure::new(format!("--seconds {}: not a duration", options.seconds)))?;
    let c_worker = c_worker::build()?;
    println!("| C workers | gearmand, jobs/s | embedded, jobs/s | ratio | gearmand, CPU/job | embedded, CPU/job |");
    println!("| --: | --: | --: | --: | --: | --: |");
    for &workers in &options.workers {
        let gearmand = Gearmand::start();
        let embedded = Embedded::start()?;
        let sides = [
            Side { address: socket_address(&gearmand.address())?, pid: gearmand.pid() },
            Side { address: embedded.address, pid: embedded.child.id() },
        ];
        let _workers = [Workers::start(&c_worker, &sides[0], workers)?, Workers::start(&c_worker, &sides[1], workers)?];
        let mut pairs = Vec::new();
        for pair in 0..options.pairs {
            let measure = |side: &Side| side.measure(options, duration);
            pairs.push(if pair % 2 == 0 {
                let first = measure(&sides[0])?;
                [first, measure(&sides[1])?]
            } else {
                let second = measure(&sides[1])?;
                [measure(&sides[0])?, second]
            });
        }
        println!("{}", row(workers, &pairs));
    }
    println!(
        "\n{} interleaved pairs of {} s for each row; medians, in brackets the range of the pairs' ratios; {} bytes, {} \
         jobs outstanding.\n",
        options.pairs, options.seconds, options.payload, options.window
    );
    memory(options)?;
    println!("\n{}.", machine::describe(&Gearmand::start()));
    Ok(())
}

/// One run.
#[derive(Clone, Copy)]
struct Run {
    jobs_per_second: f64,
    server_us_per_job: f64,
}

fn row(workers: usize, pairs: &[[Run; 2]]) -> String {
    let of =
        |side: usize, what: fn(&Run) -> f64| median(&pairs.iter().map(|pair| what(&pair[side])).collect::<Vec<_>>());
    let ratios: Vec<f64> = pairs.iter().map(|[theirs, ours]| ours.jobs_per_second / theirs.jobs_per_second).collect();
    let (least, most) = range(&ratios);
    format!(
        "| {workers} | {:.0} | {:.0} | **{:.2}** ({least:.2}–{most:.2}) | {:.1} µs | {:.1} µs |",
        of(0, |run| run.jobs_per_second),
        of(1, |run| run.jobs_per_second),
        median(&ratios),
        of(0, |run| run.server_us_per_job),
        of(1, |run| run.server_us_per_job),
    )
}

/// Memory before and after so many jobs are queued.
fn memory(options: &Options) -> Result<(), Failure> {
    println!("| queued jobs of {} bytes | gearmand, MB | embedded, MB |", options.payload);
    println!("| :-- | --: | --: |");
    for (what, uniques) in [("without unique", false), ("each with a unique of 36 bytes", true)] {
        let gearmand = Gearmand::start();
        let embedded = Embedded::start()?;
        let mut columns = Vec::new();
        for (address, pid) in
            [(socket_address(&gearmand.address())?, gearmand.pid()), (embedded.address, embedded.child.id())]
        {
            let before = usage::memory(pid)?.share;
            fill(address, options, uniques).map_err(|error| Failure::new(format!("filling {address}: {error}")))?;
            let after = usage::memory(pid)?.share;
            columns.push(format!("{:.1} (empty: {:.1})", after as f64 / 1024.0, before as f64 / 1024.0));
        }
        println!("| {}, {what} | {} |", options.queued, columns.join(" | "));
    }
    Ok(())
}

/// Queues the jobs, in the background.
fn fill(address: SocketAddr, options: &Options, uniques: bool) -> std::io::Result<()> {
    let invalid = |error: String| std::io::Error::new(std::io::ErrorKind::InvalidData, error);
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let workload = vec![b'w'; options.payload];
    let mut decoder = Decoder::new(1 << 20);
    let mut number = 0;
    while number < options.queued {
        let count = BATCH.min(options.queued - number);
        let mut out = Vec::new();
        for job in number..number + count {
            let unique = if uniques { format!("{job:036}") } else { String::new() };
            request::submit_job_bg(&mut out, "queued", unique, &workload)
                .map_err(|error| invalid(error.to_string()))?;
        }
        stream.write_all(&out)?;
        number += count;
        let mut answers = 0;
        while answers < count {
            match decoder.next_packet().map_err(|error| invalid(error.to_string()))? {
                Some(packet) if packet.kind == PacketType::JobCreated => answers += 1,
                Some(packet) => return Err(invalid(format!("{} for a job", packet.kind))),
                None => match stream.read(decoder.space())? {
                    0 => return Err(std::io::ErrorKind::UnexpectedEof.into()),
                    n => decoder.filled(n),
                },
            }
        }
    }
    Ok(())
}

/// A job server, as the client sees it.
struct Side {
    address: SocketAddr,
    pid: u32,
}

impl Side {
    fn measure(&self, options: &Options, duration: Duration) -> Result<Run, Failure> {
        let load = Load {
            server: &self.address.to_string(),
            function: FUNCTION,
            payload: options.payload,
            window: options.window.into(),
            warm_up: Duration::from_millis(100),
            duration,
        };
        let before = usage::cpu(self.pid)?;
        let answered = load.run()?;
        let used = usage::cpu(self.pid)?.saturating_sub(before);
        Ok(Run {
            jobs_per_second: answered.per_second,
            server_us_per_job: used.as_secs_f64() * 1e6 / answered.total as f64,
        })
    }

    /// How many workers the server lists for the function.
    fn registered(&self) -> Option<usize> {
        let mut stream = TcpStream::connect(self.address).ok()?;
        stream.set_read_timeout(Some(PATIENCE)).ok()?;
        stream.write_all(b"status\n").ok()?;
        let lines = BufReader::new(stream).lines().map_while(Result::ok).take_while(|line| line != ".");
        let row = lines.into_iter().find(|line| line.starts_with(FUNCTION))?;
        row.rsplit('\t').next()?.parse().ok()
    }
}

/// C workers, ended when this is dropped.
struct Workers(Vec<Child>);

impl Workers {
    fn start(program: &Path, side: &Side, count: usize) -> Result<Self, Failure> {
        let mut workers = Self(Vec::new());
        for _ in 0..count {
            let mut command = command_that_dies_with_us(program);
            command.args([&side.address.ip().to_string(), &side.address.port().to_string(), FUNCTION]);
            command.stdin(Stdio::null()).stdout(Stdio::null());
            workers.0.push(command.spawn().map_err(|error| Failure::new(format!("the C worker: {error}")))?);
        }
        let end = Instant::now() + PATIENCE;
        while side.registered() != Some(count) {
            if Instant::now() > end {
                return Err(Failure::new(format!("{count} C workers are not registered with {}", side.address)));
            }
            thread::sleep(Duration::from_millis(5));
        }
        Ok(workers)
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        for worker in &mut self.0 {
            let _ = worker.kill();
            let _ = worker.wait();
        }
    }
}

/// This program again, as the embedded job server; it ends when this is dropped.
struct Embedded {
    child: Child,
    address: SocketAddr,
}

impl Embedded {
    fn start() -> Result<Self, Failure> {
        let failed = |error: &dyn std::fmt::Display| Failure::new(format!("the embedded job server: {error}"));
        let own = std::env::current_exe().map_err(|error| failed(&error))?;
        let mut command = command_that_dies_with_us(&own);
        command.arg("job-server").stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().map_err(|error| failed(&error))?;
        let mut line = String::new();
        if let Some(stdout) = child.stdout.take() {
            BufReader::new(stdout).read_line(&mut line).map_err(|error| failed(&error))?;
        }
        let address = socket_address(line.trim_end())?;
        Ok(Self { child, address })
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

fn socket_address(text: &str) -> Result<SocketAddr, Failure> {
    text.parse().map_err(|_| Failure::new(format!("{text:?} is no address of a job server")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_has_medians_and_the_ratio_of_each_pair() {
        let run = |jobs_per_second| Run { jobs_per_second, server_us_per_job: 10.0 };
        let pairs = [[run(1000.0), run(1500.0)], [run(2000.0), run(2000.0)], [run(1500.0), run(1200.0)]];
        assert_eq!(row(4, &pairs), "| 4 | 1500 | 1500 | **1.00** (0.80–1.50) | 10.0 µs | 10.0 µs |");
    }

    #[test]
    fn a_queue_is_filled() {
        let server = JobServer::start(([127, 0, 0, 1], 0)).unwrap();
        let options = Options { pairs: 1, workers: vec![], seconds: 0.1, window: 1, payload: 64, queued: 1500 };
        fill(server.address(), &options, true).unwrap();
        let mut stream = TcpStream::connect(server.address()).unwrap();
        stream.write_all(b"status\n").unwrap();
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line).unwrap();
        assert_eq!(line, "queued\t1500\t0\t0\n");
    }
}
