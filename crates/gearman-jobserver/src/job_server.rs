//! A job server in a thread of its own, for programs and tests without a runtime.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::thread::{self, JoinHandle};

use socket2::{Domain, Socket, Type};
use tokio::sync::oneshot;

use crate::limits::Limits;
use crate::shell;

/// Connections that may wait to be accepted; the kernel bounds it further.
const BACKLOG: i32 = 1024;

/// A running job server. It stops when it is dropped.
#[derive(Debug)]
pub struct JobServer {
    address: SocketAddr,
    /// Dropped to stop it.
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl JobServer {
    /// Starts a job server that listens on `address`; port 0 takes a free one. It accepts when this returns.
    ///
    /// # Errors
    /// The address can't be listened on (in use, not of this machine, no right to), or no thread can be started.
    pub fn start(address: impl Into<SocketAddr>) -> io::Result<Self> {
        Self::start_with(address, Limits::default())
    }

    /// As [`JobServer::start`], with limits.
    ///
    /// # Errors
    /// As [`JobServer::start`].
    pub fn start_with(address: impl Into<SocketAddr>, limits: Limits) -> io::Result<Self> {
        let listener = listen(address.into())?;
        let address = listener.local_addr()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build()?;
        let listener = {
            let _context = runtime.enter();
            tokio::net::TcpListener::from_std(listener)?
        };
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = thread::Builder::new().name("gearman-jobserver".to_owned()).spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    () = shell::serve_with(listener, limits) => {}
                    // Either way: the sender is never used, only dropped.
                    _ = stopped => {}
                }
            });
        })?;
        Ok(Self { address, stop: Some(stop), thread: Some(thread) })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops it: closes all connections and the port, and returns when that is done. Jobs that are queued are lost.
    pub fn stop(self) {
        drop(self);
    }
}

/// As `TcpListener::bind`, with room for many who connect at the same moment: the 129th would wait a second.
fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

impl Drop for JobServer {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            log::error!("job server: its thread ended with a panic");
        }
    }
}
