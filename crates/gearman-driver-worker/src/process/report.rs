//! What a running job says to its job server: status, data, warnings.

use std::cell::RefCell;
use std::net::TcpStream;
use std::rc::Rc;
use std::sync::Arc;

use gearman_protocol::request;

use super::server::write_all;
use super::watchdog::Watchdog;
use crate::api::{JobError, JobLink, Report};

/// The link of the jobs that come over one connection.
pub(super) struct ConnectionLink {
    stream: Arc<TcpStream>,
    server: String,
    servers: Rc<str>,
    watchdog: Option<Rc<Watchdog>>,
    handle: RefCell<Vec<u8>>,
}

impl ConnectionLink {
    pub(super) fn new(
        stream: Arc<TcpStream>,
        server: String,
        servers: Rc<str>,
        watchdog: Option<Rc<Watchdog>>,
    ) -> Self {
        Self { stream, server, servers, watchdog, handle: RefCell::default() }
    }

    /// The job in hand from now on.
    pub(super) fn job(&self, handle: &[u8]) {
        let mut current = self.handle.borrow_mut();
        current.clear();
        current.extend_from_slice(handle);
    }
}

impl JobLink for ConnectionLink {
    fn send(&self, report: Report<'_>) -> Result<(), JobError> {
        let handle = self.handle.borrow();
        let mut packet = Vec::new();
        match report {
            Report::Status { numerator, denominator } => {
                request::work_status(&mut packet, &*handle, numerator, denominator)
            }
            Report::Data(data) => request::work_data(&mut packet, &*handle, data),
            Report::Warning(message) => request::work_warning(&mut packet, &*handle, message),
        }
        .map_err(|error| JobError::link(self.server.as_str(), error))?;
        let write = || write_all(&self.stream, &packet);
        match &self.watchdog {
            None => write(),
            Some(watchdog) => watchdog.unless_failed(write).unwrap_or_else(|| Err(too_late())),
        }
        .map_err(|error| JobError::link(self.server.as_str(), error))
    }

    fn server(&self) -> &str {
        &self.server
    }

    fn servers(&self) -> &str {
        &self.servers
    }
}

fn too_late() -> std::io::Error {
    std::io::Error::other("the job has timed out: its client was told that it failed, and nothing more is sent")
}
