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

#[cfg(test)]
mod tests {
    use std::os::fd::AsRawFd;

    use super::*;

    #[test]
    fn a_connection_that_was_opened_since_is_refused_and_its_peer_named() {
        let before = Sockets::now();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let connection = std::net::TcpStream::connect(address).unwrap();
        let refused = |before: &Sockets| before.no_new_connection().unwrap_err();
        let error = refused(&before);
        assert!(error.contains("process_start"), "{error}");
        let all_but_it = Sockets(Sockets::now().0.into_iter().filter(|fd| *fd != connection.as_raw_fd()).collect());
        let error = refused(&all_but_it);
        assert!(error.contains(&address.to_string()), "{error}");
    }
}
