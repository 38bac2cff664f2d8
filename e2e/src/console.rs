//! A client of the console.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::time::Duration;

/// A connection to a driver's console.
#[derive(Debug)]
pub struct Console {
    stream: BufReader<TcpStream>,
}

impl Console {
    /// Connects to the console on 127.0.0.1.
    ///
    /// # Errors
    /// When nobody listens there.
    pub fn connect(port: u16) -> std::io::Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream: BufReader::new(stream) })
    }

    /// Gives a command; the lines of the answer, without the closing dot.
    pub fn ask(&mut self, command: &str) -> Vec<String> {
        self.try_ask(command).unwrap_or_else(|error| panic!("console command {command:?}: {error}"))
    }

    /// As [`Console::ask`], where the connection may end.
    ///
    /// # Errors
    /// When the connection fails or ends before the dot.
    pub fn try_ask(&mut self, command: &str) -> std::io::Result<Vec<String>> {
        self.stream.get_mut().write_all(format!("{command}\r\n").as_bytes())?;
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            if self.stream.read_line(&mut line)? == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            let line = line.strip_suffix("\r\n").unwrap_or(&line);
            if line == "." {
                return Ok(lines);
            }
            lines.push(line.to_owned());
        }
    }

    /// The PIDs that `show JOB` lists.
    pub fn pids(&mut self, job: &str) -> Vec<u32> {
        self.ask(&format!("show {job}"))[1..].iter().map(|pid| pid.parse().unwrap()).collect()
    }

    /// The columns of a job's row in `status`: min, max, current processes, last run, last error, rest.
    pub fn row(&mut self, job: &str) -> Row {
        let rows = self.ask("status");
        let row = rows.iter().find(|row| row.split_whitespace().next() == Some(job));
        let row = row.unwrap_or_else(|| panic!("no job {job} in {rows:#?}"));
        let mut words = row.split_whitespace().skip(1);
        let mut word = || words.next().unwrap().to_owned();
        let (min, max, processes) = (word().parse().unwrap(), word().parse().unwrap(), word().parse().unwrap());
        let (last_run, last_error) = (word(), word());
        let message = row.split_once("ERROR: ").map(|(_, message)| message.to_owned());
        Row { min, max, processes, last_run, last_error, message }
    }
}

/// A row of `status`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// `min_processes`.
    pub min: u32,
    /// `max_processes`.
    pub max: u32,
    /// Processes now.
    pub processes: u32,
    /// `1970-01-01T00:00:00` where never.
    pub last_run: String,
    /// `1970-01-01T00:00:00` where never.
    pub last_error: String,
    /// What follows `ERROR: `.
    pub message: Option<String>,
}
