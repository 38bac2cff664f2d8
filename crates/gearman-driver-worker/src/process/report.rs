//! What a running job says to its job server: status, data, warnings.

use std::cell::RefCell;
use std::net::TcpStream;
use std::rc::Rc;

use gearman_protocol::request;

use super::server::write_all;
use crate::api::{JobError, JobLink, Report};

/// The link of the jobs that come over one connection.
pub(super) struct ConnectionLink {
    stream: Rc<TcpStream>,
    server: String,
    servers: Rc<str>,
    handle: RefCell<Vec<u8>>,
}

impl ConnectionLink {
    pub(super) fn new(stream: Rc<TcpStream>, server: String, servers: Rc<str>) -> Self {
        Self { stream, server, servers, handle: RefCell::default() }
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
        write_all(&self.stream, &packet).map_err(|error| JobError::link(self.server.as_str(), error))
    }

    fn server(&self) -> &str {
        &self.server
    }

    fn servers(&self) -> &str {
        &self.servers
    }
}
