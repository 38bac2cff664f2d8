//! The job server: the one that is there, else one of our own.

use std::fmt;
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use crate::Error;
use crate::driver::command_that_dies_with_us;

/// Where Gearman's programs look for a job server.
const USUAL_PORT: u16 = 4730;
/// How long one answer may take.
const ANSWER: Duration = Duration::from_secs(1);
/// How long gearmand may take to start.
const START: Duration = Duration::from_secs(10);

/// A job server. One that was started here ends with this.
pub(crate) struct JobServer {
    address: String,
    own: Option<(Child, TempDir)>,
}

impl JobServer {
    /// The one at `HOST:PORT`.
    pub(crate) fn at(address: &str) -> Self {
        Self { address: address.to_owned(), own: None }
    }

    /// The gearmand on port 4730 where one answers there, else a new one on a free port.
    pub(crate) fn find_or_start() -> Result<Self, Error> {
        if ask(USUAL_PORT, "version").is_some_and(|answer| answer.starts_with("OK")) {
            return Ok(Self::at(&format!("127.0.0.1:{USUAL_PORT}")));
        }
        Self::start()
    }

    /// A new gearmand on a free port.
    pub(crate) fn start() -> Result<Self, Error> {
        let Some(program) = find_gearmand() else {
            return Err(format!(
                "no job server answers on localhost:{USUAL_PORT}, and gearmand is not installed to start one\n  \
                 Debian and Ubuntu: apt-get install gearman-job-server"
            )
            .into());
        };
        let mut reason = String::new();
        // Between the look for a free port and gearmand's start somebody else may take it.
        for _ in 0..5 {
            match Self::start_once(&program) {
                Ok(server) => return Ok(server),
                Err(error) => reason = error.to_string(),
            }
        }
        Err(format!("gearmand does not start: {reason}").into())
    }

    fn start_once(program: &Path) -> Result<Self, Error> {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let directory = tempfile::Builder::new().prefix("convert-").tempdir()?;
        let log = directory.path().join("gearmand.log");
        let mut command: Command = command_that_dies_with_us(program);
        command
            .args(["--listen=127.0.0.1", &format!("--port={port}")])
            .arg(format!("--log-file={}", log.display()))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let child = command.spawn()?;
        let ours = format!("OK {}", child.id());
        let mut server = Self { address: format!("127.0.0.1:{port}"), own: Some((child, directory)) };
        let end = Instant::now() + START;
        loop {
            // Its PID: on a port that somebody else took, another one would answer.
            if ask(port, "getpid").as_deref() == Some(&ours) {
                return Ok(server);
            }
            if let Some((child, _)) = &mut server.own
                && let Some(status) = child.try_wait()?
            {
                let log = std::fs::read_to_string(&log).unwrap_or_default();
                return Err(format!("{status}; {}", log.trim()).into());
            }
            if Instant::now() > end {
                return Err(format!("no answer within {} s", START.as_secs()).into());
            }
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// `HOST:PORT`.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }
}

impl fmt::Display for JobServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whose = if self.own.is_some() { "started for this run" } else { "found running" };
        write!(f, "{} ({whose})", self.address)
    }
}

impl Drop for JobServer {
    fn drop(&mut self) {
        if let Some((child, _)) = &mut self.own {
            end(child, Duration::from_secs(5));
        }
    }
}

/// Asks a child to end (TERM), and ends it (KILL) when it does not within `patience`. The result is its
/// own way of ending, if it had one.
pub(crate) fn end(child: &mut Child, patience: Duration) -> Option<std::process::ExitStatus> {
    if let Ok(Some(status)) = child.try_wait() {
        return Some(status);
    }
    // Not waited for yet, so its PID is still its own.
    if let Ok(pid) = i32::try_from(child.id()) {
        let _ = kill(Pid::from_raw(pid), Signal::SIGTERM);
    }
    let deadline = Instant::now() + patience;
    while Instant::now() < deadline {
        if let Ok(Some(status)) = child.try_wait() {
            return Some(status);
        }
        thread::sleep(Duration::from_millis(5));
    }
    let _ = child.kill();
    let _ = child.wait();
    None
}

/// The first line that a job server on this machine answers to an admin command.
fn ask(port: u16, command: &str) -> Option<String> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut stream = TcpStream::connect_timeout(&address, ANSWER).ok()?;
    stream.set_read_timeout(Some(ANSWER)).ok()?;
    stream.write_all(format!("{command}\r\n").as_bytes()).ok()?;
    let mut line = String::new();
    // Whoever it is that listens there: a line of a job server is short.
    let mut reader = BufReader::new(std::io::Read::take(stream, 1024));
    reader.read_line(&mut line).ok()?;
    Some(line.trim_end().to_owned())
}

/// In `PATH`, or where Debian puts daemons, which is not in every user's `PATH`.
fn find_gearmand() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from))
        .map(|directory| directory.join("gearmand"))
        .find(|program| program.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_server_of_our_own_answers_and_is_gone_after_the_drop() {
        let server = JobServer::start().unwrap();
        let (_, port) = server.address().rsplit_once(':').unwrap();
        let port: u16 = port.parse().unwrap();
        assert!(ask(port, "version").unwrap().starts_with("OK "));
        assert_eq!(server.to_string(), format!("127.0.0.1:{port} (started for this run)"));
        drop(server);
        assert_eq!(ask(port, "version"), None);
    }

    #[test]
    fn a_child_that_ignores_term_is_killed() {
        let mut child = Command::new("/bin/sh")
            .args(["-c", "trap '' TERM; echo ready; exec sleep 60"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut ready = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut ready).unwrap();
        assert_eq!(end(&mut child, Duration::from_millis(50)), None);
        assert!(child.try_wait().unwrap().is_some());
    }
}
