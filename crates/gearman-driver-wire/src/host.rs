//! The host protocol: newline-delimited JSON between supervisor and host, over a socketpair.
//!
//! `docs/host-protocol.md` says it for those who write a host in another language. Additions are made by new
//! optional fields, which an older side ignores; [`PROTOCOL_VERSION`] changes only when an old host could not go on.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::job_limits::JobLimits;
use crate::program::ProgramConfiguration;
use crate::safety::JobSafety;

/// The version that [`ToHost::Load`] and [`FromHost::Loaded`] carry.
pub const PROTOCOL_VERSION: u32 = 1;

/// A line longer than this many bytes is refused, by both sides.
pub const MAX_LINE_BYTES: usize = 16 << 20;

/// What the supervisor tells a host.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ToHost {
    /// What does your program say of the configuration? Sent before `Load`, to a host of a new executable of the driver's
    /// own. Answered by [`FromHost::Described`] or [`FromHost::Failed`].
    Describe,
    /// Load the worker code. Answered by [`FromHost::Loaded`] or [`FromHost::Failed`].
    Load(Box<Load>),
    /// Fork a worker process of a job. Answered by [`FromHost::Spawned`] or [`FromHost::SpawnFailed`].
    Spawn {
        /// The supervisor's number for the process; no two processes of a driver share one.
        process: u64,
        /// The job's name, as in [`JobDeclaration::name`].
        job: String,
        /// The process's slot in the scoreboard.
        slot: u32,
        /// The FIFO that the process opens as its standard output, and unlinks.
        stdout: String,
        /// The FIFO that the process opens as its standard error, and unlinks.
        stderr: String,
    },
    /// Ask a worker process to finish its job and exit (TERM). No answer but its [`FromHost::Exited`].
    Stop {
        /// The process's number.
        process: u64,
    },
    /// Kill a worker process and its group (KILL). No answer but its [`FromHost::Exited`].
    Kill {
        /// The process's number.
        process: u64,
    },
    /// Exit: the supervisor needs this host no more. Sent when it has no worker process left.
    Exit,
}

/// What a host needs to know to load its workers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Load {
    /// [`PROTOCOL_VERSION`] of the supervisor.
    pub protocol: u32,
    /// Counts the loads of worker code, from 1.
    pub generation: u32,
    /// The supervisor's PID, for client ids.
    pub driver_pid: u32,
    /// The name of this machine, for client ids.
    pub host_name: String,
    /// The driver's name, where it was given one: shown in titles.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub driver_name: Option<String>,
    /// Path of the lifeline: opened for reading; its end of file says that the supervisor is gone.
    pub lifeline: String,
    /// Path of the scoreboard: opened for reading and writing.
    pub scoreboard: String,
    /// The level of the driver's log: records below it need not be sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loglevel: Option<String>,
    /// The job servers: `host:port[,host:port]`.
    pub server: String,
    /// No job at all is no mistake: the driver has an `unknown_job_callback`, or a command for unknown jobs.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub may_be_empty: bool,
    /// Where workers are looked for.
    pub namespaces: Vec<String>,
    /// Directories in which worker modules are looked for (a Rust host has no use for them).
    #[serde(default)]
    pub lib: Vec<String>,
    /// Options for the workers' constructors, by type path; `GLOBAL` under each.
    #[serde(default)]
    pub worker_options: BTreeMap<String, Map<String, Value>>,
    /// Bounds and limits that override those in the code, by job name.
    #[serde(default)]
    pub job_runtime_attributes: BTreeMap<String, RuntimeBounds>,
}

/// What the configuration says of a job, over what its code says.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct RuntimeBounds {
    /// Overrides `min_processes`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_processes: Option<u32>,
    /// Overrides `max_processes`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_processes: Option<u32>,
    /// Overrides these.
    #[serde(flatten)]
    pub limits: JobLimits,
    /// What the code has no say in.
    #[serde(flatten)]
    pub safety: JobSafety,
}

/// What a host tells the supervisor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum FromHost {
    /// What the program says of the configuration. Sent once, in answer to [`ToHost::Describe`].
    Described {
        /// The settings of its builder.
        program: ProgramConfiguration,
    },
    /// The worker code is loaded. Sent once, in answer to [`ToHost::Load`].
    Loaded {
        /// [`PROTOCOL_VERSION`] of the host.
        protocol: u32,
        /// The jobs that were found.
        jobs: Vec<JobDeclaration>,
        /// The worker types (classes, ..) that were loaded, by path, for those who ask the driver for them.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        workers: Vec<String>,
        /// The host keeps what [`Load::job_runtime_attributes`] says of [`JobSafety`]. One that is older, and would ignore
        /// it, does not say so.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        safety: bool,
        /// What is worth a warning in the log, a sentence each.
        #[serde(default)]
        warnings: Vec<String>,
    },
    /// The worker code could not be loaded, or the program's settings can't be told. Sent once, in answer to
    /// [`ToHost::Load`] or [`ToHost::Describe`]; the host exits.
    Failed {
        /// What is wrong, where, and how to mend it.
        error: String,
    },
    /// A worker process was forked. Sent exactly once for each [`ToHost::Spawn`], if not `SpawnFailed`.
    Spawned {
        /// The process's number.
        process: u64,
        /// Its PID.
        pid: u32,
    },
    /// A worker process could not be forked. Sent exactly once for each [`ToHost::Spawn`], if not `Spawned`.
    SpawnFailed {
        /// The process's number.
        process: u64,
        /// What is wrong and how to mend it.
        error: String,
    },
    /// A worker process ended and was reaped. Sent exactly once for each `Spawned`.
    Exited {
        /// The process's number.
        process: u64,
        /// Its exit code, if it exited.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        code: Option<i32>,
        /// The signal that ended it, if one did.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        signal: Option<i32>,
    },
}

/// A job as a host found it in the worker code.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobDeclaration {
    /// The job's name in console and status: prefix + method, or prefix + process group.
    pub name: String,
    /// The functions that its processes register.
    pub functions: Vec<String>,
    /// `MinProcesses` of the original.
    pub min_processes: u32,
    /// `MaxProcesses` of the original.
    pub max_processes: u32,
    /// What else its code and its operator say of it.
    #[serde(flatten)]
    pub limits: JobLimits,
}

/// A line of the host protocol is none.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MessageError {
    /// The line is longer than [`MAX_LINE_BYTES`].
    #[error("a host message of more than {MAX_LINE_BYTES} bytes")]
    TooLong,
    /// The line is not the JSON of a message.
    #[error("a host message that is none: {0}")]
    Malformed(#[from] serde_json::Error),
}

/// Writes a message as a line, with its line end.
#[must_use]
pub fn encode<M: Serialize>(message: &M) -> Vec<u8> {
    // The messages have string keys and no map that could fail to serialise.
    let mut line = serde_json::to_vec(message).expect("a host message is always JSON");
    line.push(b'\n');
    line
}

/// Cuts a stream of bytes into messages.
#[derive(Debug, Default)]
pub struct Lines {
    buffer: Vec<u8>,
    searched: usize,
}

impl Lines {
    /// Takes what was read from the socket.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// Keeps what has not been taken in a buffer as large as that.
    pub fn reallocate(&mut self) {
        self.buffer = self.buffer.to_vec();
    }

    /// The next whole message, if there is one.
    ///
    /// # Errors
    /// When the line is too long, or is no message.
    pub fn next_message<M: for<'de> Deserialize<'de>>(&mut self) -> Result<Option<M>, MessageError> {
        let Some(at) = self.buffer[self.searched..].iter().position(|b| *b == b'\n') else {
            self.searched = self.buffer.len();
            return if self.buffer.len() > MAX_LINE_BYTES { Err(MessageError::TooLong) } else { Ok(None) };
        };
        let end = self.searched + at;
        self.searched = 0;
        let message = serde_json::from_slice(&self.buffer[..end]);
        self.buffer.drain(..=end);
        if self.buffer.is_empty() && self.buffer.capacity() > 64 << 10 {
            self.buffer = Vec::new();
        }
        Ok(Some(message?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn messages_look_as_the_document_says() {
        let spawn = ToHost::Spawn {
            process: 7,
            job: "app::Image::scale".into(),
            slot: 3,
            stdout: "/r/7.out".into(),
            stderr: "/r/7.err".into(),
        };
        insta::assert_snapshot!(String::from_utf8(encode(&spawn)).unwrap(), @r#"{"type":"spawn","process":7,"job":"app::Image::scale","slot":3,"stdout":"/r/7.out","stderr":"/r/7.err"}"#);
        let exited = FromHost::Exited { process: 7, code: None, signal: Some(9) };
        insta::assert_snapshot!(String::from_utf8(encode(&exited)).unwrap(), @r#"{"type":"exited","process":7,"signal":9}"#);
    }

    #[test]
    fn unknown_fields_are_ignored_so_that_messages_can_grow() {
        let mut lines = Lines::default();
        lines.push(b"{\"type\":\"spawned\",\"process\":1,\"pid\":2,\"new\":true}\n");
        assert_eq!(lines.next_message().unwrap(), Some(FromHost::Spawned { process: 1, pid: 2 }));
    }

    #[test]
    fn a_line_that_is_no_message_is_an_error_and_the_next_one_is_read() {
        let mut lines = Lines::default();
        lines.push(b"hello\n{\"type\":\"exit\"}\n");
        assert!(lines.next_message::<ToHost>().is_err());
        assert_eq!(lines.next_message().unwrap(), Some(ToHost::Exit));
    }

    proptest! {
        #[test]
        fn any_split_gives_the_same_messages(cuts in proptest::collection::vec(0usize..200, 0..8), pids in proptest::collection::vec(any::<u32>(), 1..5)) {
            let messages: Vec<_> = pids.iter().map(|pid| FromHost::Spawned { process: u64::from(*pid), pid: *pid }).collect();
            let bytes: Vec<u8> = messages.iter().flat_map(encode).collect();
            let mut cuts: Vec<_> = cuts.into_iter().map(|c| c.min(bytes.len())).chain([0, bytes.len()]).collect();
            cuts.sort_unstable();
            let mut lines = Lines::default();
            let mut read = Vec::new();
            for pair in cuts.windows(2) {
                lines.push(&bytes[pair[0]..pair[1]]);
                while let Some(message) = lines.next_message::<FromHost>().unwrap() {
                    read.push(message);
                }
            }
            prop_assert_eq!(read, messages);
        }

        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let mut lines = Lines::default();
            lines.push(&bytes);
            for _ in 0..10 { let _ = lines.next_message::<FromHost>(); }
        }
    }
}
