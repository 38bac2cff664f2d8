//! One job server, as a worker process sees it: away, being connected to, up, or parted from.

use std::io::{self, ErrorKind, Read};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::os::fd::{AsFd, BorrowedFd};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use gearman_driver_sys::limits;
use gearman_protocol::{Decoder, Packet, PacketType, ServerAddress};
use nix::libc::{MSG_DONTWAIT, MSG_NOSIGNAL};
use nix::poll::PollFlags;
use socket2::{Domain, Protocol, SockRef, Socket, Type};

use super::chance;
use super::health::Health;
use super::packets::{is_answer, sleeping_question};
use super::pulse::{Pulse, Step};
use super::report::ConnectionLink;
use super::socket::{blocking, write_all};
use super::watchdog::Watchdog;

/// A packet larger than this is taken for garbage.
pub(super) const MAX_PACKET_BYTES: usize = 1 << 30;
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
    pub(super) pulse: Pulse,
    /// The server has a timer for a job that it has granted, see [`renewal`].
    pub(super) timed: bool,
    /// The question whether the server is still there could not be sent yet: it takes nothing.
    unasked: bool,
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
    Up(Box<Up>),
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
    /// The last connection that was given up, its write end shut: a frozen server still has to read what we sent there.
    /// Closed, it would be reset when the server sends something first, and an answer on its way lost.
    given_up: Option<Arc<TcpStream>>,
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
            given_up: None,
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

    /// Whether the process is registered there, and the server answers.
    pub(super) fn counts(&self) -> bool {
        matches!(&self.state, State::Up(up) if up.pulse.counts())
    }

    /// What to wait for, and until when at the latest.
    pub(super) fn interest(&self) -> (Option<(BorrowedFd<'_>, PollFlags)>, Option<Instant>) {
        match &self.state {
            State::Away { until } => (None, Some(*until)),
            State::Connecting { socket, until } => (Some((socket.as_fd(), PollFlags::POLLOUT)), Some(*until)),
            State::Up(up) => {
                let events = if up.unasked { PollFlags::POLLIN | PollFlags::POLLOUT } else { PollFlags::POLLIN };
                (Some((up.stream.as_fd(), events)), up.pulse.due(up.idle()).map(|(when, _)| when))
            }
            State::Parting { stream, until } => (Some((stream.as_fd(), PollFlags::POLLIN)), Some(*until)),
        }
    }

    /// Does what is due: begins to connect, ends waiting too long, asks whether the server is still there, and takes what
    /// is there where `events` say so.
    pub(super) fn advance(&mut self, events: PollFlags, registration: &[u8]) {
        let now = Instant::now();
        let ready = !events.is_empty();
        match &mut self.state {
            State::Away { until } if *until <= now => self.connect(),
            State::Away { .. } => {}
            State::Connecting { until, .. } if ready || *until <= now => {
                self.connected(ready, registration);
            }
            State::Connecting { .. } => {}
            State::Up(up) => {
                if std::mem::take(&mut up.unasked) {
                    self.ask();
                }
                if events.intersects(!PollFlags::POLLOUT) {
                    self.take();
                }
                self.follow(now);
            }
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
        self.state = State::Up(Box::new(Up {
            stream,
            decoder: Decoder::new(MAX_PACKET_BYTES),
            // The registration ends in PRE_SLEEP. A job server that is frozen is never asked for a job.
            standing: Standing::Asleep,
            link: Rc::new(link),
            pulse: Pulse::begin(self.health.times, Instant::now(), chance::unit()),
            timed: false,
            unasked: false,
            since: Instant::now(),
        }));
    }

    /// Does what the server's silence asks for.
    pub(super) fn follow(&mut self, now: Instant) {
        let State::Up(up) = &mut self.state else { return };
        match up.pulse.step(now, up.idle()) {
            None => {}
            Some(Step::Ask) => self.ask(),
            Some(Step::LeaveAside) => self.health.silent(),
            Some(Step::GiveUp) => self.give_up(),
        }
    }

    /// Asks whether the server is still there, and does not wait for it to take the question.
    fn ask(&mut self) {
        let State::Up(up) = &mut self.state else { return };
        let question = sleeping_question();
        match SockRef::from(&*up.stream).send_with_flags(&question, MSG_DONTWAIT | MSG_NOSIGNAL) {
            Ok(sent) if sent == question.len() => {}
            Ok(_) => self.lost("it takes nothing"),
            Err(error) if matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::WouldBlock) => up.unasked = true,
            Err(error) => self.lost(&error.to_string()),
        }
    }

    /// Gives up the connection to a server that has not answered for long, and tries another one.
    fn give_up(&mut self) {
        if let State::Up(up) = &self.state {
            let _ = up.stream.shutdown(std::net::Shutdown::Write);
            self.given_up = Some(Arc::clone(&up.stream));
        }
        self.lost("it has not answered for long");
    }

    /// Takes what an idle connection has to say.
    fn take(&mut self) {
        let State::Up(up) = &mut self.state else { return };
        // The answer to the question is all that most idle processes ever read: it costs them no buffer.
        let mut bytes = [0; 64];
        match (&*up.stream).read(&mut bytes) {
            Ok(0) => return self.lost("it closed the connection"),
            Ok(n) if !up.decoder.holds_bytes() && is_answer(&bytes[..n]) => return self.heard(),
            Ok(n) => up.received(&bytes[..n]),
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
        self.health.aside(packet)?;
        self.heard();
        Ok(())
    }

    /// The server behaves: the next failure is news, and is followed up at once.
    pub(super) fn seen_well(&mut self) {
        self.heard();
        self.health.seen_well();
    }

    /// The server answers.
    fn heard(&mut self) {
        if let State::Up(up) = &mut self.state {
            up.pulse.heard(Instant::now());
            self.health.heard();
        }
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
    /// Nothing is held, and nothing asked for.
    fn idle(&self) -> bool {
        self.standing == Standing::Asleep
    }

    /// Takes what was read elsewhere.
    fn received(&mut self, bytes: &[u8]) {
        self.decoder.push(bytes);
        self.pulse.moved(Instant::now());
    }

    /// Reads once into the decoder; 0: the server closed the connection.
    pub(super) fn read(&mut self) -> io::Result<usize> {
        let n = (&*self.stream).read(self.decoder.space())?;
        self.decoder.filled(n);
        self.pulse.moved(Instant::now());
        Ok(n)
    }
}

#[cfg(test)]
mod tests;
