//! The client of the throughput measurement: keeps so many jobs outstanding that the workers never wait
//! for it.
//!
//! One connection, foreground jobs, one write for all that one read allows. It is the same for both
//! sides, and checks each answer.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use gearman_protocol::{Decoder, Packet, PacketType, request};

use crate::Failure;

/// No answer for so long: the workers are gone or stuck.
const SILENCE: Duration = Duration::from_secs(10);
/// Larger than any packet here.
const LIMIT: usize = 1 << 20;

/// What is to be submitted.
pub(crate) struct Load<'a> {
    /// `HOST:PORT` of the job server.
    pub(crate) server: &'a str,
    pub(crate) function: &'a str,
    /// Bytes of workload.
    pub(crate) payload: usize,
    /// Jobs outstanding at any time.
    pub(crate) window: usize,
    /// Before the clock starts.
    pub(crate) warm_up: Duration,
    /// While the clock runs.
    pub(crate) duration: Duration,
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Answered {
    /// Jobs a second while the clock ran.
    pub(crate) per_second: f64,
    /// All jobs, those of the warm-up and of the rest after the clock included.
    pub(crate) total: u64,
}

impl Load<'_> {
    /// Submits until the time is over and the last job has been answered.
    pub(crate) fn run(&self) -> Result<Answered, Failure> {
        self.exchange()
            .map_err(|error| Failure::new(format!("the client of {} at {}: {error}", self.function, self.server)))
    }

    fn exchange(&self) -> io::Result<Answered> {
        let mut stream = TcpStream::connect(self.server)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(SILENCE))?;
        let workload: Vec<u8> = (0..self.payload).map(|at| b'a' + (at % 26) as u8).collect();
        let mut submit = Vec::new();
        request::submit_job(&mut submit, self.function, "", &workload).map_err(invalid)?;

        let mut decoder = Decoder::new(LIMIT);
        let mut out = submit.repeat(self.window);
        let (mut outstanding, mut total) = (self.window, 0);
        let began = Instant::now();
        let mut clock: Option<(Instant, u64)> = None;
        let mut per_second: Option<f64> = None;
        while outstanding > 0 {
            stream.write_all(&out)?;
            out.clear();
            let read = stream.read(decoder.space())?;
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            decoder.filled(read);
            let now = Instant::now();
            while let Some(packet) = decoder.next_packet().map_err(invalid)? {
                if !is_answer(&packet, &workload)? {
                    continue;
                }
                total += 1;
                if per_second.is_none() {
                    out.extend_from_slice(&submit);
                } else {
                    outstanding -= 1;
                }
            }
            match clock {
                None if now - began >= self.warm_up => clock = Some((now, total)),
                Some((start, before)) if per_second.is_none() && now - start >= self.duration => {
                    per_second = Some((total - before) as f64 / (now - start).as_secs_f64());
                }
                _ => {}
            }
        }
        // The loop ends only after `per_second` is set: until then each answer submits the next job.
        Ok(Answered { per_second: per_second.unwrap_or(f64::NAN), total })
    }
}

/// Whether the packet ends a job; anything but its own workload as the result is an error.
fn is_answer(packet: &Packet, workload: &[u8]) -> io::Result<bool> {
    match packet.kind {
        PacketType::JobCreated => Ok(false),
        PacketType::WorkComplete => {
            let (_, result) = packet.first_and_rest();
            if result == workload {
                Ok(true)
            } else {
                Err(invalid(format!("a job of {} bytes came back as {result:?}", workload.len())))
            }
        }
        other => Err(invalid(format!("{} instead of a result", other.name()))),
    }
}

fn invalid(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use gearman_protocol::Magic;

    fn packet(kind: PacketType, body: &[u8]) -> Packet {
        Packet { magic: Magic::Response, kind, body: body.to_vec() }
    }

    #[test]
    fn only_the_right_result_counts() {
        let complete = packet(PacketType::WorkComplete, b"H:x:1\0abc");
        assert!(is_answer(&complete, b"abc").unwrap());
        assert!(is_answer(&complete, b"abd").is_err());
        assert!(!is_answer(&packet(PacketType::JobCreated, b"H:x:1"), b"abc").unwrap());
        assert!(is_answer(&packet(PacketType::WorkFail, b"H:x:1"), b"abc").is_err());
    }

    #[test]
    fn a_job_server_that_is_away_is_named() {
        let load = Load {
            server: "127.0.0.1:1",
            function: "f",
            payload: 1,
            window: 1,
            warm_up: Duration::ZERO,
            duration: Duration::ZERO,
        };
        assert!(load.run().unwrap_err().0.starts_with("the client of f at 127.0.0.1:1: "));
    }
}
