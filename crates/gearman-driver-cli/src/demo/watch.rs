//! What the view shows, asked of those who know: the job server its queue, the driver its processes.
//!
//! Whoever does not answer leaves its columns empty; the next look asks again.

use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use gearman_protocol::admin::StatusRow;

use super::load::{Load, Sum};
use super::workers::Kind;

/// One answer may take so long, and be so long.
const PATIENCE: Duration = Duration::from_millis(300);
const MAX_ANSWER: u64 = 1 << 20;

/// A job at one moment.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct JobNow {
    pub(crate) name: &'static str,
    /// Jobs that wait, and jobs that a worker holds. `None`: not known.
    pub(crate) queue: Option<(u64, u64)>,
    pub(crate) processes: Option<u64>,
    /// Answers a second since the look before.
    pub(crate) rate: f64,
    pub(crate) sum: Sum,
}

/// Asks, and keeps what rates are made of.
pub(crate) struct Watch {
    port: u16,
    last: (Instant, HashMap<&'static str, u64>),
}

impl Watch {
    /// Of the job server on `port`.
    pub(crate) fn new(port: u16) -> Self {
        Self { port, last: (Instant::now(), HashMap::new()) }
    }

    /// The jobs now; the driver's console is on `console`.
    pub(crate) fn jobs(&mut self, console: u16, load: &Load) -> Vec<JobNow> {
        let rows = ask(self.port, "status").unwrap_or_default();
        let queues: HashMap<String, (u64, u64)> = rows
            .iter()
            .filter_map(|row| StatusRow::parse(row).ok())
            .map(|row| (row.function.clone(), (row.waiting(), row.running)))
            .collect();
        let processes = processes(&ask(console, "snapshot").unwrap_or_default());
        let now = Instant::now();
        let seconds = (now - self.last.0).as_secs_f64().max(0.001);
        let jobs = Kind::ALL.into_iter().map(|kind| {
            let (name, sum) = (kind.name(), load.sum(kind));
            let answered = sum.done + sum.failed;
            let before = self.last.1.insert(name, answered).unwrap_or(0);
            JobNow {
                name,
                queue: queues.get(name).copied(),
                processes: processes.get(name).copied(),
                rate: (answered - before) as f64 / seconds,
                sum,
            }
        });
        let jobs = jobs.collect();
        self.last.0 = now;
        jobs
    }
}

/// The PID of the driver whose console is on this port.
pub(crate) fn driver(console: u16) -> Option<u32> {
    let pid = snapshot(&ask(console, "snapshot").ok()?)["pid"].as_u64()?;
    u32::try_from(pid).ok()
}

fn snapshot(lines: &[String]) -> serde_json::Value {
    lines.first().and_then(|line| serde_json::from_str(line).ok()).unwrap_or_default()
}

/// The number of processes of each job, out of the console's `snapshot`.
fn processes(lines: &[String]) -> HashMap<String, u64> {
    let snapshot = snapshot(lines);
    let jobs = snapshot["jobs"].as_array().into_iter().flatten();
    jobs.filter_map(|job| Some((job["name"].as_str()?.to_owned(), job["processes"].as_array()?.len() as u64))).collect()
}

/// The lines that job server or console answer, without the closing dot.
fn ask(port: u16, command: &str) -> io::Result<Vec<String>> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.write_all(format!("{command}\n").as_bytes())?;
    let mut lines = Vec::new();
    for line in BufReader::new(stream.take(MAX_ANSWER)).lines() {
        let line = line?;
        match line.trim_end() {
            "." => return Ok(lines),
            _ => lines.push(line),
        }
    }
    Err(io::ErrorKind::UnexpectedEof.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processes_are_counted_by_job() {
        let line = r#"{"pid":1,"jobs":[{"name":"a","processes":[{"pid":2},{"pid":3}]},{"name":"b","processes":[]}]}"#;
        let found = processes(&[line.to_owned()]);
        assert_eq!((found.get("a"), found.get("b"), found.get("c")), (Some(&2), Some(&0), None));
        assert!(processes(&[]).is_empty() && processes(&["no JSON".to_owned()]).is_empty());
    }
}
