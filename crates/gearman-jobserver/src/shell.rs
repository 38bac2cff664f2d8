//! The sockets around [`Server`], on tokio.
//!
//! A task per connection reads and hands the bytes over. One more task, the writer, is woken by them and writes what has
//! come together for each connection: it runs after all that were ready in the same turn, so that a connection gets one
//! write per turn. A connection that does not take it all is left to a task of its own until it does.

use std::future::poll_fn;
use std::io;
use std::net::Shutdown;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::clock::Moment;
use crate::limits::{Identity, Limits};
use crate::links::ConnectionId;
use crate::server::Server;

/// How much is read at once.
const READ: usize = 64 << 10;
/// After an `accept` that failed for want of something: descriptors, memory.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves connections of `listener` until the future is dropped, with default [`Limits`]. Dropping it closes them all.
///
/// Needs a tokio runtime with I/O and time.
pub async fn serve(listener: TcpListener) {
    serve_with(listener, Limits::default()).await;
}

/// As [`serve`], with limits.
pub async fn serve_with(listener: TcpListener, limits: Limits) {
    let shell = Arc::new(Shell::new(limits));
    // Ended with this future: they are aborted when the set is dropped.
    let mut tasks = JoinSet::new();
    tasks.spawn(write(Arc::clone(&shell)));
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, address)) => {
                    if let Some((id, reader)) = shell.connect(stream, address.ip().to_string()) {
                        tasks.spawn(read(Arc::clone(&shell), id, reader));
                    }
                }
                Err(error) => {
                    log::warn!("job server: a connection can't be accepted: {error}");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            Some(ended) = tasks.join_next() => {
                if let Err(error) = ended {
                    log::error!("job server: {error}");
                }
            }
        }
    }
}

struct Shell {
    state: Mutex<State>,
    start: Instant,
    /// Wakes the writer.
    news: Notify,
}

struct State {
    server: Server,
    /// The sockets, by the connections' numbers.
    sockets: Vec<Option<Socket>>,
    scratch: Box<[u8]>,
    dirty: Vec<ConnectionId>,
}

struct Socket {
    writer: Arc<OwnedWriteHalf>,
    /// It did not take all; a task of its own waits until it takes more.
    blocked: bool,
}

/// What became of writing.
#[derive(PartialEq)]
enum Written {
    All,
    Blocked,
}

impl Shell {
    fn new(limits: Limits) -> Self {
        let state = State {
            server: Server::new(limits, Identity::of_this_process()),
            sockets: Vec::new(),
            scratch: vec![0; READ].into(),
            dirty: Vec::new(),
        };
        Self { state: Mutex::new(state), start: Instant::now(), news: Notify::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic in a task was reported where it happened; the server's own state is changed by it at most in part.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Moment {
        Moment::now(self.start)
    }

    fn connect(&self, stream: TcpStream, address: String) -> Option<(ConnectionId, OwnedReadHalf)> {
        // Without it, an answer in two parts waits for the other side's delayed acknowledgement.
        if let Err(error) = stream.set_nodelay(true) {
            log::debug!("job server: no TCP_NODELAY for {address}: {error}");
        }
        let mut state = self.state();
        let id = state.server.connect(address)?;
        let (reader, writer) = stream.into_split();
        if state.sockets.len() <= id.index() {
            state.sockets.resize_with(id.index() + 1, || None);
        }
        state.sockets[id.index()] = Some(Socket { writer: Arc::new(writer), blocked: false });
        Some((id, reader))
    }

    /// Reads once and hands it over; `true` at the connection's end.
    fn poll_read(&self, context: &mut Context<'_>, id: ConnectionId, reader: &mut OwnedReadHalf) -> Poll<bool> {
        let mut state = self.state();
        let State { server, scratch, .. } = &mut *state;
        let mut buffer = ReadBuf::new(scratch);
        let ended = match ready!(Pin::new(reader).poll_read(context, &mut buffer)) {
            Ok(()) => buffer.filled().is_empty(),
            Err(error) => {
                log::debug!("job server: a connection ends: {error}");
                true
            }
        };
        if ended {
            server.disconnect(id);
            state.sockets[id.index()] = None;
        } else {
            server.receive(self.now(), id, buffer.filled());
        }
        self.news.notify_one();
        Poll::Ready(ended)
    }
}

async fn read(shell: Arc<Shell>, id: ConnectionId, mut reader: OwnedReadHalf) {
    while !poll_fn(|context| shell.poll_read(context, id, &mut reader)).await {}
}

/// The writer: writes what there is, does what is due, and waits for more of either.
async fn write(shell: Arc<Shell>) {
    let mut blocked = JoinSet::new();
    loop {
        let timer = {
            let mut state = shell.state();
            let now = shell.now();
            state.server.tick(now);
            for writer in state.write_dirty() {
                blocked.spawn(write_when_ready(Arc::clone(&shell), writer.0, writer.1));
            }
            state.server.next_timer(now)
        };
        while blocked.try_join_next().is_some() {}
        match timer {
            None => shell.news.notified().await,
            Some(timer) => {
                // Never for nothing: a timer that is due was done above. A millisecond covers what rounding leaves.
                let timer = timer.max(Duration::from_millis(1));
                tokio::select! {
                    () = shell.news.notified() => {}
                    () = tokio::time::sleep(timer) => {}
                }
            }
        }
    }
}

/// Writes to one connection as it becomes writable, until all is written.
async fn write_when_ready(shell: Arc<Shell>, id: ConnectionId, writer: Arc<OwnedWriteHalf>) {
    while writer.writable().await.is_ok() {
        let mut state = shell.state();
        // Its number may be another connection's by now.
        let same = |socket: &&mut Socket| Arc::ptr_eq(&socket.writer, &writer);
        if state.sockets[id.index()].as_mut().filter(same).is_none() {
            return;
        }
        if state.write(id, &writer) == Written::All {
            if let Some(socket) = &mut state.sockets[id.index()] {
                socket.blocked = false;
            }
            return;
        }
    }
}

impl State {
    /// Writes to all connections that have something; returns those that did not take it all.
    fn write_dirty(&mut self) -> Vec<(ConnectionId, Arc<OwnedWriteHalf>)> {
        let mut blocked = Vec::new();
        let mut dirty = std::mem::take(&mut self.dirty);
        self.server.take_dirty(&mut dirty);
        for id in dirty.drain(..) {
            let Some(Some(socket)) = self.sockets.get(id.index()) else {
                continue;
            };
            let (writer, was_blocked) = (Arc::clone(&socket.writer), socket.blocked);
            if was_blocked && !self.server.is_closing(id) {
                continue;
            }
            if self.write(id, &writer) == Written::Blocked && !was_blocked {
                if let Some(socket) = &mut self.sockets[id.index()] {
                    socket.blocked = true;
                }
                blocked.push((id, writer));
            }
        }
        self.dirty = dirty;
        blocked
    }

    fn write(&mut self, id: ConnectionId, writer: &OwnedWriteHalf) -> Written {
        let mut outcome = Written::All;
        loop {
            let unsent = self.server.unsent(id);
            if unsent.is_empty() {
                break;
            }
            match writer.try_write(unsent) {
                Ok(n) => self.server.sent(id, n),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    outcome = Written::Blocked;
                    break;
                }
                Err(error) => {
                    // The reading side sees the end too, and does what is to be done.
                    log::debug!("job server: nothing more can be sent to a connection: {error}");
                    let len = self.server.unsent(id).len();
                    self.server.sent(id, len);
                    break;
                }
            }
        }
        if self.server.is_closing(id) {
            // The reading side wakes, sees the end and disconnects it.
            let socket: &TcpStream = writer.as_ref();
            let _ = socket2::SockRef::from(socket).shutdown(Shutdown::Both);
        }
        outcome
    }
}
