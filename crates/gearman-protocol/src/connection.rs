//! A blocking connection to a job server that sends and receives packets.
//!
//! Knows sockets and deadlines. What to send, and what an answer means, is left to the caller: the client here, and
//! tests and tools that play a worker.

use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use socket2::{SockRef, TcpKeepalive};

use crate::decode::Decoder;
use crate::packet::{Packet, PacketError};
use crate::servers::ServerAddress;

/// Packets are as large as the protocol allows: memory follows what arrives, not what a header says.
const PACKET_LIMIT: usize = u32::MAX as usize;

/// A blocking TCP connection, with TCP_NODELAY, and keep-alive so that a dead host is noticed within two minutes.
#[derive(Debug)]
pub struct Connection {
    server: ServerAddress,
    stream: TcpStream,
    decoder: Decoder,
    /// What the socket's time limits are at present: they are set only when they change.
    read_timeout: Option<Duration>,
    write_timeout: Option<Duration>,
}

/// Why a connection can't be made or used any more.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectionError {
    /// The network, or the job server's end of it.
    #[error("job server {server}: {source}")]
    Io {
        /// The job server.
        server: ServerAddress,
        /// What went wrong. The kind is `UnexpectedEof` when the job server closed the connection.
        source: io::Error,
    },
    /// The deadline passed. What was being sent or received may be half done.
    #[error("job server {server} did not answer in time")]
    TimedOut {
        /// The job server.
        server: ServerAddress,
    },
    /// What came is no Gearman packet.
    #[error("job server {server}: {source}")]
    Protocol {
        /// The job server.
        server: ServerAddress,
        /// What is wrong with it.
        source: PacketError,
    },
}

impl Connection {
    /// Connects, trying each address of the host until `timeout` has passed. Resolving its name takes as long as the
    /// system's resolver takes.
    ///
    /// # Errors
    /// [`ConnectionError::Io`] for the last address tried, [`ConnectionError::TimedOut`].
    pub fn connect(server: &ServerAddress, timeout: Duration) -> Result<Self, ConnectionError> {
        let end = Instant::now().checked_add(timeout);
        let io = |source| ConnectionError::Io { server: server.clone(), source };
        let timed_out = || ConnectionError::TimedOut { server: server.clone() };
        let mut last = None;
        for address in (server.host.as_str(), server.port).to_socket_addrs().map_err(io)? {
            let connected = match time_left(end).map_err(|Passed| timed_out())? {
                Some(left) => TcpStream::connect_timeout(&address, left),
                None => TcpStream::connect(address),
            };
            match connected.and_then(|stream| prepare(&stream).map(|()| stream)) {
                Ok(stream) => {
                    return Ok(Self {
                        server: server.clone(),
                        stream,
                        decoder: Decoder::new(PACKET_LIMIT),
                        read_timeout: None,
                        write_timeout: None,
                    });
                }
                Err(error) => last = Some(error),
            }
        }
        match last {
            Some(error) if error.kind() == io::ErrorKind::TimedOut => Err(timed_out()),
            Some(error) => Err(io(error)),
            None => Err(io(io::Error::new(io::ErrorKind::NotFound, "the host has no address"))),
        }
    }

    /// The job server at the other end.
    #[must_use]
    pub fn server(&self) -> &ServerAddress {
        &self.server
    }

    /// The socket, for its options and for [`TcpStream::shutdown`] from another thread (by a clone of it). Reading from
    /// it or writing to it upsets the order of packets.
    #[must_use]
    pub fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Sends all of `bytes`, however long that takes.
    ///
    /// # Errors
    /// [`ConnectionError::Io`]: then the job server has not seen the last packet of `bytes` whole.
    pub fn send(&mut self, bytes: &[u8]) -> Result<(), ConnectionError> {
        self.send_before(bytes, None)
    }

    /// Sends all of `bytes` before the deadline, if there is one.
    ///
    /// # Errors
    /// [`ConnectionError::Io`] and [`ConnectionError::TimedOut`]: then the job server has not seen the last packet of
    /// `bytes` whole, and the connection is of no more use.
    pub fn send_before(
        &mut self,
        mut bytes: &[u8],
        deadline: impl Into<Option<Instant>>,
    ) -> Result<(), ConnectionError> {
        let deadline = deadline.into();
        while !bytes.is_empty() {
            let timeout = time_left(deadline).map_err(|Passed| self.timed_out())?;
            if timeout != self.write_timeout {
                self.stream.set_write_timeout(timeout).map_err(|error| self.io(error))?;
                self.write_timeout = timeout;
            }
            match self.stream.write(bytes) {
                Ok(0) => return Err(self.io(io::ErrorKind::WriteZero.into())),
                Ok(n) => bytes = &bytes[n..],
                Err(error) if is_transient(&error) => {}
                Err(error) => return Err(self.io(error)),
            }
        }
        Ok(())
    }

    /// The next packet. Waits until the deadline, an [`Instant`]; for ever when that is `None`.
    ///
    /// # Errors
    /// [`ConnectionError::TimedOut`]: another call goes on where this one stopped. After [`ConnectionError::Io`] and
    /// [`ConnectionError::Protocol`] the connection is of no more use.
    pub fn receive(&mut self, deadline: impl Into<Option<Instant>>) -> Result<Packet, ConnectionError> {
        let deadline = deadline.into();
        loop {
            match self.decoder.next_packet() {
                Ok(Some(packet)) => return Ok(packet),
                Ok(None) => {}
                Err(source) => {
                    return Err(ConnectionError::Protocol { server: self.server.clone(), source });
                }
            }
            let timeout = time_left(deadline).map_err(|Passed| self.timed_out())?;
            if timeout != self.read_timeout {
                self.stream.set_read_timeout(timeout).map_err(|error| self.io(error))?;
                self.read_timeout = timeout;
            }
            match self.stream.read(self.decoder.space()) {
                Ok(0) => {
                    let text = if self.decoder.holds_bytes() {
                        "it closed the connection within a packet"
                    } else {
                        "it closed the connection"
                    };
                    return Err(self.io(io::Error::new(io::ErrorKind::UnexpectedEof, text)));
                }
                Ok(n) => self.decoder.filled(n),
                Err(error) if is_transient(&error) => {}
                Err(error) => return Err(self.io(error)),
            }
        }
    }

    /// Whether it is open, with nothing received that waits to be read: fit for a new request.
    pub(crate) fn is_idle(&self) -> bool {
        if self.decoder.holds_bytes() || self.stream.set_nonblocking(true).is_err() {
            return false;
        }
        let nothing = matches!(self.stream.peek(&mut [0]), Err(error) if error.kind() == io::ErrorKind::WouldBlock);
        self.stream.set_nonblocking(false).is_ok() && nothing
    }

    fn io(&self, source: io::Error) -> ConnectionError {
        ConnectionError::Io { server: self.server.clone(), source }
    }

    fn timed_out(&self) -> ConnectionError {
        ConnectionError::TimedOut { server: self.server.clone() }
    }
}

/// The deadline has passed.
struct Passed;

fn time_left(deadline: Option<Instant>) -> Result<Option<Duration>, Passed> {
    let Some(deadline) = deadline else {
        return Ok(None);
    };
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(Passed) } else { Ok(Some(left)) }
}

/// A socket's time limit shows as WouldBlock; the loop then looks at its deadline again.
fn is_transient(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock)
}

/// Sets up a connected socket as every connection to a job server needs it: small packets at once, and a machine that
/// vanished noticed within two minutes. [`Connection`] does it; for loops that own their sockets.
///
/// # Errors
/// When the socket is connected to itself, or the kernel refuses an option.
pub fn prepare(socket: &impl AsFd) -> io::Result<()> {
    let socket = SockRef::from(socket);
    // A client that calls a closed port of its own host can be given that very port as its own: it then talks to itself.
    if socket.local_addr()? == socket.peer_addr()? {
        return Err(io::Error::new(io::ErrorKind::ConnectionRefused, "connected to itself: nobody listens there"));
    }
    // Without it, a small packet after another one waits for a delayed acknowledgement: 40 ms.
    socket.set_tcp_nodelay(true)?;
    let keepalive =
        TcpKeepalive::new().with_time(Duration::from_secs(60)).with_interval(Duration::from_secs(15)).with_retries(4);
    socket.set_tcp_keepalive(&keepalive)
}
