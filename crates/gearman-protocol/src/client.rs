//! A small blocking client: runs jobs and submits background jobs.
//!
//! With several job servers it uses one, stays with it, and goes to the next when it is away. A request that may have
//! reached a job server is never sent to another one: no job is submitted twice.

mod error;
mod submission;

use std::time::{Duration, Instant};

pub use error::{Attempt, ClientError};
pub use submission::{Submission, Submitted};
use submission::{number, refusal};

use crate::connection::Connection;
use crate::packet::{Packet, PacketType};
use crate::request::{self, Priority};
use crate::servers::{ServerAddress, ServerList};

/// What is heard of a job while it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum JobEvent<'a> {
    /// The job server has taken it, under this handle.
    Created(&'a str),
    /// A part of its result (WORK_DATA). It is not repeated in the result.
    Data(&'a [u8]),
    /// A warning (WORK_WARNING).
    Warning(&'a [u8]),
    /// How far it is (WORK_STATUS), as the worker counts.
    Status {
        /// What is done.
        numerator: u64,
        /// Of how much.
        denominator: u64,
    },
}

/// What the job server knows of a job (STATUS_RES).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct JobStatus {
    /// It is queued or running there.
    pub known: bool,
    /// A worker holds it.
    pub running: bool,
    /// What is done, as the worker counts.
    pub numerator: u64,
    /// Of how much.
    pub denominator: u64,
}

/// A client of one job server or several.
///
/// ```no_run
/// use gearman_protocol::{Client, ServerList};
///
/// let mut client = Client::new(ServerList::parse("localhost:4730,otherhost")?);
/// let result = client.run("my_app::workers::image::Image::scale_image", b"image data")?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Client {
    servers: ServerList,
    connect_timeout: Duration,
    timeout: Option<Duration>,
    exceptions: bool,
    /// The server used last: the first to be tried.
    current: usize,
    connection: Option<Connection>,
}

impl Client {
    /// A client of these job servers. It connects when first used.
    #[must_use]
    pub fn new(servers: ServerList) -> Self {
        Self {
            servers,
            connect_timeout: Duration::from_secs(5),
            timeout: None,
            exceptions: false,
            current: 0,
            connection: None,
        }
    }

    /// How long one job server may take to accept a connection and give a first sign of life (5 s), before the next is
    /// tried.
    #[must_use]
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// How long a call may take in all; without it, as long as the job takes.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Whether a worker's exceptions are asked for (OPTION_REQ `exceptions`): [`ClientError::Exception`] with its
    /// message instead of [`ClientError::Failed`].
    #[must_use]
    pub fn exceptions(mut self, wanted: bool) -> Self {
        self.exceptions = wanted;
        self.connection = None;
        self
    }

    /// Runs a job and waits for its result.
    ///
    /// # Errors
    /// A [`ClientError`]: no job server, no result, or none in time.
    pub fn run(&mut self, function: &str, workload: impl AsRef<[u8]>) -> Result<Vec<u8>, ClientError> {
        self.run_with(function, workload, "", Priority::Normal, |_| ())
    }

    /// Runs a job, telling `on_event` what is heard of it, and waits for its result. An empty `unique` means none; jobs
    /// of one function with the same unique become one.
    ///
    /// # Errors
    /// A [`ClientError`]: no job server, no result, or none in time.
    pub fn run_with(
        &mut self,
        function: &str,
        workload: impl AsRef<[u8]>,
        unique: &str,
        priority: Priority,
        mut on_event: impl FnMut(JobEvent<'_>),
    ) -> Result<Vec<u8>, ClientError> {
        let deadline = self.deadline();
        let mut bytes = Vec::new();
        request::submit(&mut bytes, priority, false, function, unique, workload)?;
        self.with_connection(bytes, deadline, |connection| {
            Ok(wait(connection, deadline, Submission::foreground(), &mut on_event)?.result)
        })
    }

    /// Submits a background job and returns its handle. Nothing more is heard of it, but see [`Client::job_status`].
    ///
    /// # Errors
    /// A [`ClientError`]: no job server, or no confirmation in time.
    pub fn submit_background(&mut self, function: &str, workload: impl AsRef<[u8]>) -> Result<String, ClientError> {
        self.submit_background_with(function, workload, "", Priority::Normal)
    }

    /// As [`Client::submit_background`], with a unique (empty for none) and a priority.
    ///
    /// # Errors
    /// A [`ClientError`]: no job server, or no confirmation in time.
    pub fn submit_background_with(
        &mut self,
        function: &str,
        workload: impl AsRef<[u8]>,
        unique: &str,
        priority: Priority,
    ) -> Result<String, ClientError> {
        let deadline = self.deadline();
        let mut bytes = Vec::new();
        request::submit(&mut bytes, priority, true, function, unique, workload)?;
        self.with_connection(bytes, deadline, |connection| {
            Ok(wait(connection, deadline, Submission::background(), &mut |_| ())?.handle)
        })
    }

    /// Submits a background job that no worker is given before `epoch_seconds` (of Unix time).
    ///
    /// # Errors
    /// A [`ClientError`]: no job server, or no confirmation in time.
    pub fn submit_at(
        &mut self,
        function: &str,
        workload: impl AsRef<[u8]>,
        unique: &str,
        epoch_seconds: u64,
    ) -> Result<String, ClientError> {
        let deadline = self.deadline();
        let mut bytes = Vec::new();
        request::submit_job_epoch(&mut bytes, function, unique, epoch_seconds, workload)?;
        self.with_connection(bytes, deadline, |connection| {
            Ok(wait(connection, deadline, Submission::background(), &mut |_| ())?.handle)
        })
    }

    /// Asks the job server used last about a job. Others don't know its handle.
    ///
    /// # Errors
    /// A [`ClientError`]: no job server, or no answer in time.
    pub fn job_status(&mut self, handle: &str) -> Result<JobStatus, ClientError> {
        let deadline = self.deadline();
        let mut bytes = Vec::new();
        request::get_status(&mut bytes, handle)?;
        self.with_connection(bytes, deadline, |connection| {
            loop {
                let packet = connection.receive(deadline)?;
                match packet.kind {
                    PacketType::StatusRes => return read_status(&packet),
                    PacketType::Error => return Err(refusal(&packet)),
                    _ => {}
                }
            }
        })
    }

    /// The job server used last: the one that the next call tries first.
    #[must_use]
    pub fn server(&self) -> &ServerAddress {
        &self.servers.as_slice()[self.current]
    }

    fn deadline(&self) -> Option<Instant> {
        self.timeout.and_then(|timeout| Instant::now().checked_add(timeout))
    }

    /// Sends a request to the first job server that takes it whole, and hands the connection to `answer`.
    fn with_connection<T>(
        &mut self,
        bytes: Vec<u8>,
        deadline: Option<Instant>,
        answer: impl FnOnce(&mut Connection) -> Result<T, ClientError>,
    ) -> Result<T, ClientError> {
        let mut connection = self.send(&bytes, deadline)?;
        // A large workload need not be held while its job runs.
        drop(bytes);
        let result = answer(&mut connection);
        // After these, the connection has answered all that was asked. After others, late answers could follow.
        if matches!(result, Ok(_) | Err(ClientError::Failed { .. } | ClientError::Exception { .. })) {
            self.connection = Some(connection);
        }
        result
    }

    fn send(&mut self, bytes: &[u8], deadline: Option<Instant>) -> Result<Connection, ClientError> {
        if let Some(mut connection) = self.connection.take().filter(Connection::is_idle) {
            // What could not be sent whole can't have been taken for a request: it may go over a new connection.
            if connection.send_before(bytes, deadline).is_ok() {
                return Ok(connection);
            }
        }
        let count = self.servers.as_slice().len();
        let mut tried = Vec::new();
        for index in (0..count).map(|step| (self.current + step) % count) {
            let server = &self.servers.as_slice()[index];
            let opened = self.open(server, deadline).and_then(|mut connection| {
                connection.send_before(bytes, deadline)?;
                Ok(connection)
            });
            match opened {
                Ok(connection) => {
                    self.current = index;
                    return Ok(connection);
                }
                Err(error) => tried.push(Attempt { server: server.clone(), reason: reason(&error) }),
            }
            if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
                return Err(ClientError::TimedOut);
            }
        }
        Err(ClientError::NoServer { tried })
    }

    /// Connects, and waits for a sign of life: a frozen job server's kernel goes on accepting connections, and a
    /// request sent there could not be sent elsewhere any more.
    fn open(&self, server: &ServerAddress, deadline: Option<Instant>) -> Result<Connection, ClientError> {
        let patience = Instant::now().checked_add(self.connect_timeout);
        let end = [patience, deadline].into_iter().flatten().min();
        let left = end.map_or(Duration::MAX, |end| end.saturating_duration_since(Instant::now()));
        let mut connection = Connection::connect(server, left)?;
        let mut hello = Vec::new();
        if self.exceptions {
            request::option_req(&mut hello, "exceptions")?;
        }
        request::echo_req(&mut hello, "hello")?;
        connection.send_before(&hello, end)?;
        loop {
            let packet = connection.receive(end)?;
            match packet.kind {
                PacketType::EchoRes => return Ok(connection),
                PacketType::Error => return Err(refusal(&packet)),
                _ => {}
            }
        }
    }
}

/// Waits for the handle of a background job, or for the result of another.
fn wait(
    connection: &mut Connection,
    deadline: Option<Instant>,
    mut submission: Submission,
    on_event: &mut impl FnMut(JobEvent<'_>),
) -> Result<Submitted, ClientError> {
    loop {
        if let Some(submitted) = submission.take(connection.receive(deadline)?, &mut *on_event)? {
            return Ok(submitted);
        }
    }
}

fn read_status(packet: &Packet) -> Result<JobStatus, ClientError> {
    let [_, known, running, numerator, denominator] = packet.args()?;
    Ok(JobStatus {
        known: number(packet.kind, known)? != 0,
        running: number(packet.kind, running)? != 0,
        numerator: number(packet.kind, numerator)?,
        denominator: number(packet.kind, denominator)?,
    })
}

/// Without the server's name, which stands before it already.
fn reason(error: &ClientError) -> String {
    match error {
        ClientError::Io { source, .. } => source.to_string(),
        ClientError::TimedOut => "no answer in time".to_owned(),
        other => other.to_string(),
    }
}
