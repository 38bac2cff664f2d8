//! A bad line to a good job server: what passes is slowed down, byte by byte, or the connections are reset.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use gearman_testkit::JobServer;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{setsockopt, sockopt};

/// Passes on what comes, to and from a job server. Its threads end with the test process.
pub(crate) struct Proxy {
    port: u16,
    line: Arc<Line>,
}

#[derive(Default)]
struct Line {
    /// How long each byte takes, in microseconds.
    delay: AtomicU64,
    /// Connections made before this was last raised are reset.
    resets: AtomicU64,
    /// Connections that were made.
    visits: AtomicUsize,
}

impl Proxy {
    pub(crate) fn to(server: &JobServer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let line = Arc::new(Line::default());
        let (shared, server) = (Arc::clone(&line), server.address());
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (line, server) = (Arc::clone(&shared), server.clone());
                line.visits.fetch_add(1, Ordering::Relaxed);
                thread::spawn(move || {
                    if let (Ok(near), Ok(far)) = (stream, TcpStream::connect(&server)) {
                        line.pass(&near, &far);
                    }
                });
            }
        });
        Self { port, line }
    }

    /// `127.0.0.1:PORT`, as a server list takes it.
    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// From now on each byte takes so long.
    pub(crate) fn slow_down(&self, each_byte: Duration) {
        self.line.delay.store(u64::try_from(each_byte.as_micros()).unwrap(), Ordering::Relaxed);
    }

    /// Resets all connections, at both ends: what is on its way is lost.
    pub(crate) fn reset(&self) {
        self.line.resets.fetch_add(1, Ordering::Relaxed);
    }

    /// How many connections have been made so far.
    pub(crate) fn visits(&self) -> usize {
        self.line.visits.load(Ordering::Relaxed)
    }
}

impl Line {
    /// Until one side closes, or the connections are reset.
    fn pass(&self, near: &TcpStream, far: &TcpStream) {
        let made = self.resets.load(Ordering::Relaxed);
        loop {
            let mut fds = [near, far].map(|stream| PollFd::new(stream.as_fd(), PollFlags::POLLIN));
            let _ = poll(&mut fds, PollTimeout::from(10_u8));
            let ready = fds.map(|fd| fd.any().unwrap_or(false));
            if self.resets.load(Ordering::Relaxed) != made {
                // Closed with this set, a connection is reset.
                let abort = nix::libc::linger { l_onoff: 1, l_linger: 0 };
                for stream in [near, far] {
                    setsockopt(stream, sockopt::Linger, &abort).unwrap();
                }
                return;
            }
            if ready[0] && !self.pass_on(near, far) || ready[1] && !self.pass_on(far, near) {
                return;
            }
        }
    }

    /// False: that was the end.
    fn pass_on(&self, mut from: &TcpStream, mut to: &TcpStream) -> bool {
        let mut bytes = [0; 4096];
        let n = match from.read(&mut bytes) {
            Ok(0) => return false,
            Ok(n) => n,
            Err(error) => return error.kind() == ErrorKind::Interrupted,
        };
        let delay = Duration::from_micros(self.delay.load(Ordering::Relaxed));
        if delay.is_zero() {
            return to.write_all(&bytes[..n]).is_ok();
        }
        bytes[..n].iter().all(|byte| {
            thread::sleep(delay);
            to.write_all(&[*byte]).is_ok()
        })
    }
}
