//! How a job, or its submitting, can fail.

use std::io;

use crate::connection::ConnectionError;
use crate::packet::PacketError;
use crate::servers::ServerAddress;

/// One job server that could not be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// The job server.
    pub server: ServerAddress,
    /// Why not, in words.
    pub reason: String,
}

/// Why there is no result.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// None of the job servers could be used. Nothing was submitted.
    #[error("no job server can be used: {}; is gearmand running there?", list(.tried))]
    NoServer {
        /// All of them, in the order tried.
        tried: Vec<Attempt>,
    },
    /// The worker said that the job failed (WORK_FAIL), or the job server gave it up.
    #[error("job {handle} failed{}", last(.warnings))]
    Failed {
        /// The job's handle.
        handle: String,
        /// The warnings that came before, the last 64 of them; the last one often tells why.
        warnings: Vec<String>,
    },
    /// The job failed with an exception (WORK_EXCEPTION; only with [`crate::Client::exceptions`]).
    #[error("job {handle} failed: {message}")]
    Exception {
        /// The job's handle.
        handle: String,
        /// What the worker said; bytes that are no UTF-8 are replaced.
        message: String,
    },
    /// [`crate::Client::timeout`] has passed. The job may still run.
    #[error("no result in time; the job may still run")]
    TimedOut,
    /// The job server refused the request (ERROR).
    #[error("the job server refused: {code}: {text}")]
    Server {
        /// Its code, for example `QUEUE_ERROR`.
        code: String,
        /// Its text.
        text: String,
    },
    /// What was to be sent, or what came, breaks the protocol.
    #[error("Gearman protocol: {0}")]
    Protocol(#[from] PacketError),
    /// The connection was lost after the request had been sent. It is not sent again, as the job may have run.
    #[error("job server {server}: {source}")]
    Io {
        /// The job server.
        server: ServerAddress,
        /// What went wrong.
        source: io::Error,
    },
}

impl From<ConnectionError> for ClientError {
    fn from(error: ConnectionError) -> Self {
        match error {
            ConnectionError::Io { server, source } => Self::Io { server, source },
            ConnectionError::TimedOut { .. } => Self::TimedOut,
            ConnectionError::Protocol { source, .. } => Self::Protocol(source),
        }
    }
}

fn list(tried: &[Attempt]) -> String {
    tried.iter().map(|Attempt { server, reason }| format!("{server} ({reason})")).collect::<Vec<_>>().join(", ")
}

fn last(warnings: &[String]) -> String {
    warnings.last().map(|warning| format!(": {warning}")).unwrap_or_default()
}
