//! The connections: what each has said of itself, and what waits to be written to it.
//!
//! Bounds what waits. What a packet means is the server's matter, when it is written the sockets' side's.

use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use gearman_protocol::packet::encode;
use gearman_protocol::{Magic, PacketType};

use crate::function::FunctionId;
use crate::input::Input;
use crate::job::JobNumber;

/// A connection of a [`crate::Server`], from its `connect` to its `disconnect`. Then the number is used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnectionId(pub(crate) u32);

impl ConnectionId {
    /// Its number: small, and the smallest that is free.
    #[must_use]
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// What a worker said that it can do (CAN_DO, CAN_DO_TIMEOUT). The same function twice is two of them, as in gearmand.
#[derive(Debug)]
pub(crate) struct Ability {
    pub(crate) function: FunctionId,
    pub(crate) timeout: Option<Duration>,
}

/// One connection: client, worker, administrator, or several of these at once.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) address: String,
    /// SET_CLIENT_ID; `-` without.
    pub(crate) client_id: Vec<u8>,
    pub(crate) exceptions: bool,
    pub(crate) sleeping: bool,
    /// NOOP was sent since the last GRAB_JOB: no second one.
    pub(crate) told: bool,
    pub(crate) abilities: VecDeque<Ability>,
    /// Jobs granted to this worker, the oldest first.
    pub(crate) held: Vec<JobNumber>,
    /// Jobs that this client was attached to; some of them are over. Kept short by [`Link::waits_for`].
    pub(crate) waits: Vec<JobNumber>,
    /// How many of them are not over.
    pub(crate) waiting: usize,
    pub(crate) input: Input,
    output: Output,
}

/// What waits to be written.
#[derive(Debug, Default)]
struct Output {
    bytes: Vec<u8>,
    sent: usize,
    listed: bool,
    closing: bool,
}

impl Link {
    fn new(address: String) -> Self {
        Self {
            address,
            client_id: b"-".to_vec(),
            exceptions: false,
            sleeping: false,
            told: false,
            abilities: VecDeque::new(),
            held: Vec::new(),
            waits: Vec::new(),
            waiting: 0,
            input: Input::default(),
            output: Output::default(),
        }
    }

    /// Notes a job that this client waits for; `is_over` tells of others whether it still does.
    pub(crate) fn waits_for(&mut self, job: JobNumber, is_over: impl Fn(JobNumber) -> bool) {
        self.waiting += 1;
        if self.waits.len() >= 2 * self.waiting + 32 {
            self.waits.retain(|&job| !is_over(job));
        }
        self.waits.push(job);
    }
}

/// For log lines: where from, and its client id where it has one.
impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.address)?;
        if self.client_id != b"-" {
            write!(f, " ({})", self.client_id.escape_ascii())?;
        }
        Ok(())
    }
}

/// All connections.
#[derive(Debug)]
pub(crate) struct Links {
    slots: Vec<Option<Link>>,
    free: Vec<u32>,
    /// Those with news for the sockets' side, each once.
    dirty: Vec<ConnectionId>,
    output_limit: usize,
}

impl Links {
    pub(crate) fn new(output_limit: usize) -> Self {
        Self { slots: Vec::new(), free: Vec::new(), dirty: Vec::new(), output_limit }
    }

    pub(crate) fn add(&mut self, address: String) -> ConnectionId {
        let link = Some(Link::new(address));
        if let Some(index) = self.free.pop() {
            self.slots[index as usize] = link;
            return ConnectionId(index);
        }
        let index = u32::try_from(self.slots.len()).expect("the limit of connections keeps them below 2^32");
        self.slots.push(link);
        ConnectionId(index)
    }

    pub(crate) fn remove(&mut self, id: ConnectionId) -> Option<Link> {
        let link = self.slots.get_mut(id.index())?.take()?;
        self.free.push(id.0);
        if link.output.listed {
            self.dirty.retain(|&other| other != id);
        }
        Some(link)
    }

    pub(crate) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    pub(crate) fn get(&self, id: ConnectionId) -> Option<&Link> {
        self.slots.get(id.index())?.as_ref()
    }

    pub(crate) fn get_mut(&mut self, id: ConnectionId) -> Option<&mut Link> {
        self.slots.get_mut(id.index())?.as_mut()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (ConnectionId, &Link)> {
        let numbered = (0..).zip(&self.slots);
        numbered.filter_map(|(index, link)| Some((ConnectionId(index), link.as_ref()?)))
    }

    /// Sends a packet.
    pub(crate) fn packet(&mut self, id: ConnectionId, kind: PacketType, args: &[&[u8]]) {
        let Some(out) = self.room(id) else {
            return;
        };
        if let Err(error) = encode(Magic::Response, kind, args, out) {
            log::error!("job server: a packet is not sent: {error}");
        }
    }

    /// Sends an ERROR packet.
    pub(crate) fn error(&mut self, id: ConnectionId, code: &str, text: &str) {
        if let Some(link) = self.get(id) {
            log::warn!("job server: to {link}: {code}: {text}");
        }
        self.packet(id, PacketType::Error, &[code.as_bytes(), text.as_bytes()]);
    }

    /// Sends admin text.
    pub(crate) fn text(&mut self, id: ConnectionId, text: &[u8]) {
        if let Some(out) = self.room(id) {
            out.extend_from_slice(text);
        }
    }

    /// The connection is to be closed once what waits for it is written. What it says from now on is not heard.
    pub(crate) fn close(&mut self, id: ConnectionId, why: &dyn fmt::Display) {
        let Some(link) = self.slots.get_mut(id.index()).and_then(Option::as_mut) else {
            return;
        };
        if !link.output.closing {
            log::warn!("job server: closing the connection of {link}: {why}");
            link.output.closing = true;
            list(&mut self.dirty, id, &mut link.output);
        }
    }

    pub(crate) fn is_closing(&self, id: ConnectionId) -> bool {
        self.get(id).is_none_or(|link| link.output.closing)
    }

    /// What is to be written to it next.
    pub(crate) fn unsent(&self, id: ConnectionId) -> &[u8] {
        self.get(id).map_or(&[], |link| &link.output.bytes[link.output.sent..])
    }

    /// So many bytes of [`Links::unsent`] have been written.
    pub(crate) fn sent(&mut self, id: ConnectionId, n: usize) {
        let Some(Output { bytes, sent, .. }) = self.get_mut(id).map(|link| &mut link.output) else {
            return;
        };
        *sent = bytes.len().min(*sent + n);
        if *sent == bytes.len() {
            *sent = 0;
            bytes.clear();
            // What a burst needed is not kept for ever.
            if bytes.capacity() > 64 << 10 {
                *bytes = Vec::new();
            }
        }
    }

    /// The connections that have something to write or are to be closed, since the last call.
    pub(crate) fn take_dirty(&mut self, into: &mut Vec<ConnectionId>) {
        into.append(&mut self.dirty);
        for id in into {
            if let Some(link) = self.slots.get_mut(id.index()).and_then(Option::as_mut) {
                link.output.listed = false;
            }
        }
    }

    /// Where to append what is sent; `None` when nothing can be sent any more.
    fn room(&mut self, id: ConnectionId) -> Option<&mut Vec<u8>> {
        let link = self.slots.get_mut(id.index())?.as_mut()?;
        if link.output.closing {
            return None;
        }
        let unsent = link.output.bytes.len() - link.output.sent;
        if unsent > self.output_limit {
            log::warn!("job server: closing the connection of {link}: it does not read, {unsent} bytes wait for it");
            link.output = Output { listed: link.output.listed, closing: true, ..Output::default() };
            list(&mut self.dirty, id, &mut link.output);
            return None;
        }
        list(&mut self.dirty, id, &mut link.output);
        let Output { bytes, sent, .. } = &mut link.output;
        // Moves what is unsent to the front when the sent part is as large: on average each byte moves once.
        if *sent > 0 && *sent >= bytes.len() - *sent {
            bytes.drain(..*sent);
            *sent = 0;
        }
        Some(bytes)
    }
}

fn list(dirty: &mut Vec<ConnectionId>, id: ConnectionId, output: &mut Output) {
    if !output.listed {
        output.listed = true;
        dirty.push(id);
    }
}
