//! The one concrete error of what a [`Job`](super::Job), its clients and [`WorkerOptions`](super::WorkerOptions) offer.

use gearman_protocol::{ClientError, ServerListError};

use super::Error;

/// What a [`Job`](super::Job), its client and [`WorkerOptions`](super::WorkerOptions) fail with.
///
/// It is a `std::error::Error`, so `?` works in methods that return [`Error`](super::Error) and in those that return
/// `anyhow::Error`.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JobError {
    /// A worker asked for an option that nobody set.
    #[error(
        "worker {worker}: option \"{key}\" is missing (options set: {}); set it in worker_options, under {worker} or GLOBAL",
        list(.known)
    )]
    OptionMissing {
        /// Path of the worker type.
        worker: String,
        /// The option asked for.
        key: String,
        /// The options that are set.
        known: Vec<String>,
    },
    /// An option is there, and is not of the type that the worker asked for.
    #[error("worker {worker}: option \"{key}\" is not of type {wanted}: {reason}")]
    OptionType {
        /// Path of the worker type.
        worker: String,
        /// The option asked for.
        key: String,
        /// Name of the Rust type asked for.
        wanted: &'static str,
        /// What serde said.
        reason: String,
    },
    /// A shared layer could not be built.
    #[error("worker {worker}: shared layer {layer} could not be built: {source}")]
    Shared {
        /// Path of the worker type that asked first.
        worker: String,
        /// Name of the layer's Rust type.
        layer: &'static str,
        /// Why.
        source: Error,
    },
    /// A shared layer asked, while it was being built, for itself.
    #[error(
        "worker {worker}: shared layer {layer} asks for itself while it is being built; give each layer a type of its own"
    )]
    SharedCycle {
        /// Path of the worker type.
        worker: String,
        /// Name of the layer's Rust type.
        layer: &'static str,
    },
    /// A workload is not what the job method takes.
    #[error("the workload is not {wanted}: {reason}")]
    Workload {
        /// What the method takes.
        wanted: &'static str,
        /// What is wrong with the bytes.
        reason: String,
    },
    /// A result could not be written.
    #[error("the result cannot be written as JSON: {0}")]
    Output(String),
    /// The connection to the job server that gave this job failed, so what the job says no longer reaches it.
    #[error("job server {server}: {source}")]
    Server {
        /// `host:port` of the job server.
        server: String,
        /// What happened.
        source: Error,
    },
    /// A job that this job asked for, through [`Job::client`](super::Job::client), gave no result.
    #[error("function {function}: {source}")]
    Client {
        /// The function that was called.
        function: String,
        /// Why.
        source: ClientError,
    },
    /// A job that a typed caller asked for gave a result of another type.
    #[error("function {function}: its result is not of the type expected: {reason}")]
    Result {
        /// The function that was called.
        function: String,
        /// What is wrong with the bytes.
        reason: String,
    },
    /// The driver's list of job servers could not be read, so a client has nowhere to go.
    #[error("job servers {servers:?}: {source}")]
    Servers {
        /// The list.
        servers: String,
        /// What is wrong with it.
        source: ServerListError,
    },
}

impl JobError {
    /// What a [`JobLink`](super::JobLink) answers when its connection fails.
    pub fn link(server: impl Into<String>, error: impl Into<Error>) -> Self {
        Self::Server { server: server.into(), source: error.into() }
    }
}

/// For `?` in functions that load data and return `std::io::Result`.
impl From<JobError> for std::io::Error {
    fn from(error: JobError) -> Self {
        Self::other(error)
    }
}

fn list(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

/// An error with its causes in one line: those that the text before them already tells are left out.
pub(crate) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = error.source();
    }
    text
}
