//! A tiny client for the admin text of job servers: one command, one connection, everything under a deadline.
//!
//! Apart from `gearman-protocol` on purpose: that crate is tested with this one.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

/// One row of `status`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusLine {
    /// The function's name.
    pub function: String,
    /// Jobs queued, running ones included.
    pub total: u64,
    /// Jobs running.
    pub running: u64,
    /// Registrations of the function, busy ones included.
    pub workers: u64,
}

impl StatusLine {
    pub(crate) fn parse(line: &str) -> Option<Self> {
        let mut columns = line.split('\t');
        let row = Self {
            function: columns.next()?.to_owned(),
            total: columns.next()?.parse().ok()?,
            running: columns.next()?.parse().ok()?,
            workers: columns.next()?.parse().ok()?,
        };
        columns.next().is_none().then_some(row)
    }
}

/// Sends `command` and returns the answer's lines, without the closing dot.
pub(crate) fn ask(port: u16, command: &str, timeout: Duration) -> io::Result<Vec<String>> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut stream = TcpStream::connect_timeout(&address, timeout)?;
    stream.set_read_timeout(Some(timeout))?;
    stream.set_write_timeout(Some(timeout))?;
    // CRLF: gearmand's `create function` eats the last two bytes.
    stream.write_all(format!("{command}\r\n").as_bytes())?;
    let closes_with_dot =
        matches!(command.split_whitespace().next(), Some("status" | "workers" | "show" | "prioritystatus"));
    let mut lines = Vec::new();
    let mut reader = BufReader::new(stream);
    loop {
        let mut raw = Vec::new();
        if reader.read_until(b'\n', &mut raw)? == 0 {
            return Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                format!("the job server closed the connection within its answer to {command:?}: {lines:?}"),
            ));
        }
        let line = String::from_utf8_lossy(&raw).trim_end_matches(['\r', '\n']).to_owned();
        if closes_with_dot && line == "." {
            return Ok(lines);
        }
        let refused = lines.is_empty() && line.starts_with("ERR ");
        lines.push(line);
        if !closes_with_dot || refused {
            return Ok(lines);
        }
    }
}
