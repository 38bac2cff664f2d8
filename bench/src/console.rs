//! A client of a driver's console.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use crate::Failure;

/// An answer, or a driver's start, that takes longer is a failure.
const PATIENCE: Duration = Duration::from_secs(30);

/// A connection to the console on 127.0.0.1.
pub(crate) struct Console(BufReader<TcpStream>);

impl Console {
    /// Connects, once the driver listens.
    pub(crate) fn connect(port: u16) -> Result<Self, Failure> {
        let end = Instant::now() + PATIENCE;
        loop {
            match Self::try_connect(port) {
                Ok(console) => return Ok(console),
                Err(error) if Instant::now() > end => {
                    return Err(Failure::new(format!("no console on port {port}: {error}")));
                }
                Err(_) => thread::sleep(Duration::from_millis(5)),
            }
        }
    }

    fn try_connect(port: u16) -> io::Result<Self> {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        Ok(Self(BufReader::new(stream)))
    }

    /// Gives a command; the lines of the answer, without the closing dot.
    pub(crate) fn ask(&mut self, command: &str) -> Result<Vec<String>, Failure> {
        let lines =
            self.exchange(command).map_err(|error| Failure::new(format!("console command {command:?}: {error}")))?;
        match lines.first() {
            Some(error) if error.starts_with("ERR") => {
                Err(Failure::new(format!("console command {command:?}: {error}")))
            }
            _ => Ok(lines),
        }
    }

    fn exchange(&mut self, command: &str) -> io::Result<Vec<String>> {
        self.0.get_mut().write_all(format!("{command}\r\n").as_bytes())?;
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            if self.0.read_line(&mut line)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            match line.trim_end_matches(['\r', '\n']) {
                "." => return Ok(lines),
                line => lines.push(line.to_owned()),
            }
        }
    }
}
