//! What must not be there when a host forks: a second thread, and a connection that its children would share.

use std::collections::BTreeSet;
use std::os::fd::RawFd;

use gearman_driver_sys::fds;
use gearman_driver_sys::fork::{ForkError, other_threads};

/// Refuses more than one thread; `when` says who may have started it.
pub(super) fn one_thread(when: &str) -> Result<(), String> {
    let names = other_threads().map_err(|error| ForkError::from(error).to_string())?;
    if names.is_empty() {
        return Ok(());
    }
    Err(format!("a thread was started {when}: {}", ForkError::Threads { names }))
}

/// The sockets that were open at a moment.
pub(super) struct Sockets(BTreeSet<RawFd>);

impl Sockets {
    pub(super) fn now() -> Self {
        Self(fds::sockets().unwrap_or_default())
    }

    /// Refuses a connection that was opened since: all worker processes would speak on it at once.
    pub(super) fn no_new_connection(&self) -> Result<(), String> {
        let open = fds::sockets().unwrap_or_default();
        let connected = open.difference(&self.0).find_map(|fd| Some((*fd, fds::peer(*fd)?)));
        match connected {
            None => Ok(()),
            Some((fd, peer)) => Err(format!(
                "a worker's constructor left a connection open (descriptor {fd}, to {peer}), which all worker processes \
                 would share: open connections in `process_start`, which runs in each worker process after the fork"
            )),
        }
    }
}
