//! One job server, as a worker process sees it: away, being connected to, up, or parted from.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::os::fd::{AsFd, BorrowedFd};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use gearman_driver_sys::limits;
use gearman_protocol::connection::prepare;
use gearman_protocol::{Decoder, Packet, PacketType, ServerAddress, request};
use nix::poll::PollFlags;
use socket2::{Domain, Protocol, Socket, Type};

use super::health::Health;
use super::report::ConnectionLink;
use super::watchdog::Watchdog;

/// A packet larger than this is taken for garbage.
pub(super) const MAX_PACKET_BYTES: usize = 1 << 30;
/// How long a read waits before the loop looks around; a signal ends it at once.
const READ_TIMEOUT: Duration = Duration::from_millis(250);
/// How long a write may wait without any progress.
pub(super) const WRITE_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a server that was parted from may take to close its end.
pub(super) const PARTING_TIMEOUT: Duration = Duration::from_secs(120);

/// What this worker process has asked the server for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// PRE_SLEEP was sent: a NOOP will say that a job waits.
    Asleep,
    /// A NOOP has come: a job may be there.
    Woken,
}

/// A connection on which the functions are registered.
pub(super) struct Up {
    pub(super) stream: Arc<TcpStream>,
    pub(super) decoder: Decoder,
    pub(super) standing: Standing,
    pub(super) link: Rc<ConnectionLink>,
    since: Instant,
}

enum State {
    Away {
        until: Instant,
    },
    Connecting {
        socket: Socket,
        until: Instant,
    },
    Up(Up),
    /// The server owes an answer and did not give it; our end is shut, so it will take back what it may grant.
    /// Until it closes its end, nothing new is tried there.
    Parting {
        stream: Arc<TcpStream>,
        until: Instant,
    },
}

/// One job server.
pub(super) struct Server {
    pub(super) name: String,
    address: ServerAddress,
    servers: Rc<str>,
    watchdog: Option<Rc<Watchdog>>,
    resolved: Vec<SocketAddr>,
    turn: usize,
    state: State,
    health: Health,
}

impl Server {
    pub(super) fn new(address: &ServerAddress, servers: Rc<str>, watchdog: Option<Rc<Watchdog>>) -> Self {
        Self {
            name: address.to_string(),
            address: address.clone(),
            servers,
            watchdog,
            resolved: Vec::new(),
            turn: 0,
            state: State::Away { until: Instant::now() },
            health: Health::new(address.to_string()),
        }
    }

    pub(super) fn up(&mut self) -> Option<&mut Up> {
        match &mut self.state {
            State::Up(up) => Some(up),
            _ => None,
        }
    }

    pub(super) fn woken(&self) -> bool {
        matches!(&self.state, State::Up(up) if up.standing == Standing::Woken)
    }

    pub(super) fn is_up(&self) -> bool {
        matches!(self.state, State::Up(_))
    }

    /// What to wait for, and until when at the latest.
    pub(super) fn interest(&self) -> (Option<(BorrowedFd<'_>, PollFlags)>, Option<Instant>) {
        match &self.state {
            State::Away { until } => (None, Some(*until)),
            State::Connecting { socket, until } => (Some((socket.as_fd(), PollFlags::POLLOUT)), Some(*until)),
            State::Up(up) => (Some((up.stream.as_fd(), PollFlags::POLLIN)), None),
            State::Parting { stream, until } => (Some((stream.as_fd(), PollFlags::POLLIN)), Some(*until)),
        }
    }

    /// Does what is due: begins to connect, ends waiting too long, and, when `ready`, takes what is there.
    pub(super) fn advance(&mut self, ready: bool, registration: &[u8]) {
        let now = Instant::now();
        match &mut self.state {
            State::Away { until } if *until <= now => self.connect(),
            State::Away { .. } => {}
            State::Connecting { until, .. } if ready || *until <= now => {
                self.connected(ready, registration);
            }
            State::Connecting { .. } => {}
            State::Up(_) if ready => self.take(),
            State::Up(_) => {}
            State::Parting { stream, until } => {
                let mut sink = [0; 256];
                let ended = ready && !matches!((&**stream).read(&mut sink), Ok(n) if n > 0);
                if ended || *until <= now {
                    self.state = State::Away { until: now };
                }
            }
        }
    }

    fn connect(&mut self) {
        match self.begin_connect() {
            Ok(socket) => {
                let until = Instant::now() + self.health.patience();
                self.state = State::Connecting { socket, until };
            }
            Err(error) => self.lost(&format!("no connection: {error}")),
        }
    }

    fn begin_connect(&mut self) -> io::Result<Socket> {
        // Each address of the name in turn; the name is looked up anew each round, since it may have moved.
        if self.turn >= self.resolved.len() {
            self.turn = 0;
            match (self.address.host.as_str(), self.address.port).to_socket_addrs() {
                Ok(addresses) => self.resolved = addresses.collect(),
                Err(error) if self.resolved.is_empty() => return Err(error),
                Err(_) => {} // What was known before may still do.
            }
        }
        let address = *self.resolved.get(self.turn).ok_or_else(|| io::Error::other("the name has no address"))?;
        self.turn += 1;
        let socket =
            Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP)).map_err(limits::explain)?;
        socket.set_nonblocking(true)?;
        match socket.connect(&address.into()) {
            Ok(()) => Ok(socket),
            Err(error) if error.raw_os_error() == Some(nix::libc::EINPROGRESS) => Ok(socket),
            Err(error) => Err(error),
        }
    }

    fn connected(&mut self, ready: bool, registration: &[u8]) {
        let State::Connecting { socket, .. } =
            std::mem::replace(&mut self.state, State::Away { until: Instant::now() })
        else {
            return;
        };
        if !ready {
            return self.lost("no connection in time");
        }
        let failure = match socket.take_error() {
            Ok(None) => None,
            Ok(Some(error)) | Err(error) => Some(error),
        };
        if let Some(error) = failure {
            if self.turn < self.resolved.len() {
                return; // The name's next address, at once.
            }
            return self.lost(&format!("no connection: {error}"));
        }
        let stream = match blocking(socket) {
            Ok(stream) => Arc::new(stream),
            Err(error) => return self.lost(&format!("the connection can't be set up: {error}")),
        };
        self.turn = 0;
        if let Err(error) = write_all(&stream, registration) {
            return self.lost(&format!("the functions can't be registered: {error}"));
        }
        log::debug!("registered with job server {}", self.name);
        let link = ConnectionLink::new(
            Arc::clone(&stream),
            self.name.clone(),
            Rc::clone(&self.servers),
            self.watchdog.clone(),
        );
        self.state = State::Up(Up {
            stream,
            decoder: Decoder::new(MAX_PACKET_BYTES),
            // The registration ends in PRE_SLEEP. A job server that is frozen is never asked for a job.
            standing: Standing::Asleep,
            link: Rc::new(link),
            since: Instant::now(),
        });
    }

    /// Takes what an idle connection has to say.
    fn take(&mut self) {
        let State::Up(up) = &mut self.state else { return };
        match up.read() {
            Ok(0) => return self.lost("it closed the connection"),
            Ok(_) => {}
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => return,
            Err(error) => return self.lost(&error.to_string()),
        }
        self.take_packets();
    }

    /// Takes the packets that were read while no answer is owed: wake-ups.
    pub(super) fn take_packets(&mut self) {
        loop {
            let State::Up(up) = &mut self.state else { return };
            match up.decoder.next_packet() {
                Ok(None) => return,
                Ok(Some(packet)) if packet.kind == PacketType::Noop => {
                    up.standing = Standing::Woken;
                    self.seen_well();
                }
                Ok(Some(packet)) => {
                    if let Err(reason) = self.aside(&packet) {
                        return self.garbage(&reason);
                    }
                }
                Err(error) => return self.garbage(&error.to_string()),
            }
        }
    }

    /// Takes a packet that is neither a wake-up nor an answer that is owed.
    ///
    /// # Errors
    /// When a job server does not send such a packet to a worker.
    pub(super) fn aside(&mut self, packet: &Packet) -> Result<(), String> {
        self.health.aside(packet)
    }

    /// The server behaves: the next failure is news, and is followed up at once.
    pub(super) fn seen_well(&mut self) {
        self.health.seen_well();
    }

    /// What came is no Gearman: the connection is dropped, told once, made again.
    pub(super) fn garbage(&mut self, reason: &str) {
        self.health.garbage(reason);
        self.away();
    }

    /// The connection is gone, or did not come about.
    pub(super) fn lost(&mut self, reason: &str) {
        self.health.lost(reason);
        self.away();
    }

    fn away(&mut self) {
        if let State::Up(up) = &self.state {
            self.health.lived(up.since);
        }
        self.state = State::Away { until: Instant::now() + self.health.delay() };
    }

    /// Leaves a server that owes an answer: what it grants from now on, it takes back when it sees that our end is shut;
    /// what we sent it before still reaches it.
    pub(super) fn part(&mut self) {
        let State::Up(up) = &self.state else { return };
        self.health.silent();
        let stream = Arc::clone(&up.stream);
        self.state = match stream.shutdown(std::net::Shutdown::Write) {
            Ok(()) => State::Parting { stream, until: Instant::now() + PARTING_TIMEOUT },
            Err(_) => State::Away { until: Instant::now() + self.health.delay() },
        };
    }
}

impl Up {
    /// Reads once into the decoder; 0: the server closed the connection.
    pub(super) fn read(&mut self) -> io::Result<usize> {
        let n = (&*self.stream).read(self.decoder.space())?;
        self.decoder.filled(n);
        Ok(n)
    }

    pub(super) fn write(&self, bytes: &[u8]) -> io::Result<()> {
        write_all(&self.stream, bytes)
    }
}

/// Makes a connected socket one of the blocking loop.
fn blocking(socket: Socket) -> io::Result<TcpStream> {
    prepare(&socket)?;
    socket.set_nonblocking(false)?;
    // With time-outs, SA_RESTART does not restart these calls: a signal is seen at once.
    socket.set_read_timeout(Some(READ_TIMEOUT))?;
    socket.set_write_timeout(Some(Duration::from_secs(1)))?;
    Ok(socket.into())
}

/// Writes all of it, however often a signal interrupts; gives up when nothing moves for [`WRITE_TIMEOUT`].
pub(super) fn write_all(mut stream: &TcpStream, mut bytes: &[u8]) -> io::Result<()> {
    let mut moved = None;
    while !bytes.is_empty() {
        match stream.write(bytes) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(n) => {
                bytes = &bytes[n..];
                moved = None;
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                if moved.get_or_insert_with(Instant::now).elapsed() >= WRITE_TIMEOUT {
                    return Err(io::Error::new(ErrorKind::TimedOut, "it takes nothing for 30 s"));
                }
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// What registers a worker with a job server, in one write, and sends it to sleep until a job waits.
pub(super) fn registration(id: &str, functions: &[String]) -> Vec<u8> {
    let mut packets = Vec::new();
    // Neither holds a NUL: the id has no control characters, function names are checked when they are loaded.
    let _ = request::set_client_id(&mut packets, id.as_bytes());
    for function in functions {
        let _ = request::can_do(&mut packets, function.as_bytes());
    }
    request::pre_sleep(&mut packets);
    packets
}
