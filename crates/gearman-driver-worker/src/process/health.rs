//! How well a job server is doing, and what is said about it: a failure is told once, until the server is seen well.

use std::time::{Duration, Instant};

use gearman_protocol::{Packet, PacketType};

use super::backoff::Backoff;
use super::pulse::{QUESTION, Times};

/// A connection that lived as long as this was a good one.
const GOOD_LIFE: Duration = Duration::from_secs(2);

/// What a worker process remembers of a job server across connections.
#[derive(Debug)]
pub(super) struct Health {
    pub(super) name: String,
    backoff: Backoff,
    /// A failure was logged since the server was last seen well.
    told: bool,
    /// It was told that the server does not answer, and not yet that it does.
    silent: bool,
    pub(super) times: Times,
}

impl Health {
    pub(super) fn new(name: String) -> Self {
        Self { name, backoff: Backoff::default(), told: false, silent: false, times: Times::default() }
    }

    /// The server behaves: the next failure is news, and is followed up at once.
    pub(super) fn seen_well(&mut self) {
        self.backoff.reset();
        self.told = false;
    }

    /// What came is no Gearman.
    pub(super) fn garbage(&mut self, reason: &str) {
        if !self.told {
            let name = &self.name;
            log::warn!("job server {name} sent what is no Gearman ({reason}): the connection is made again");
            self.told = true;
        }
    }

    /// The connection is gone, or did not come about.
    pub(super) fn lost(&mut self, reason: &str) {
        let name = &self.name;
        if !self.told && self.backoff.failing() {
            log::info!("job server {name} is away ({reason}): tried again until it is back");
            self.told = true;
        } else {
            log::debug!("job server {name}: {reason}");
        }
    }

    /// It owes an answer and does not give it.
    pub(super) fn silent(&mut self) {
        if !self.silent {
            log::warn!("job server {} does not answer: left aside until it does", self.name);
        }
        (self.silent, self.told) = (true, true);
    }

    /// A packet has come that makes sense: it answers. Whether it behaves is another matter, see [`Health::seen_well`].
    pub(super) fn heard(&mut self) {
        if std::mem::take(&mut self.silent) {
            log::info!("job server {} is back: it is served again", self.name);
            self.told = false;
        }
    }

    /// A connection that began `since` has ended.
    pub(super) fn lived(&mut self, since: Instant) {
        if since.elapsed() >= GOOD_LIFE {
            self.backoff.reset();
        }
    }

    /// How long the present attempt to connect may take.
    pub(super) fn patience(&self) -> Duration {
        self.backoff.patience()
    }

    /// How long to wait before it is tried again.
    pub(super) fn delay(&mut self) -> Duration {
        self.backoff.next()
    }

    /// Takes a packet that is neither a wake-up nor an answer that is owed.
    ///
    /// # Errors
    /// When a job server does not send such a packet to a worker.
    pub(super) fn aside(&self, packet: &Packet) -> Result<(), String> {
        match packet.kind {
            PacketType::EchoRes if packet.body != QUESTION => Err("an ECHO_RES that says something else".to_owned()),
            PacketType::EchoRes | PacketType::Noop | PacketType::NoJob => Ok(()),
            PacketType::Error => {
                // Of a job that was taken back meanwhile, say; it answers nothing that we wait for.
                let text = packet.args::<2>().map_or_else(
                    |_| String::from_utf8_lossy(&packet.body).into_owned(),
                    |[code, text]| format!("{} {}", String::from_utf8_lossy(code), String::from_utf8_lossy(text)),
                );
                log::debug!("job server {} says: {text}", self.name);
                Ok(())
            }
            other => Err(format!("a {other:?} packet, which a worker did not ask for")),
        }
    }
}
