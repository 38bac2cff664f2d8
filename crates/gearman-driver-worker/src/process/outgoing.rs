//! What is to be sent to a job server next: packets gathered for one write, and a large result that is not copied.

use std::io;
use std::net::TcpStream;

use gearman_protocol::{PacketError, request};

use super::socket::write_all;
use crate::api::Answer;

/// A result larger than this is written from where it lies.
const LARGE_BYTES: usize = 64 << 10;
/// The buffer keeps no more than this: idle workers are to be small.
const KEPT_BYTES: usize = 16 << 10;

/// Packets to be sent.
#[derive(Default)]
pub(super) struct Outgoing {
    packets: Vec<u8>,
    /// A result, and where among the packets it belongs.
    large: Option<(usize, Vec<u8>)>,
}

impl Outgoing {
    /// The buffer that requests are appended to.
    pub(super) fn packets(&mut self) -> &mut Vec<u8> {
        &mut self.packets
    }

    /// Adds the answer to a job.
    ///
    /// # Errors
    /// When the handle can't be sent: it holds a NUL.
    pub(super) fn answer(&mut self, handle: &[u8], answer: Answer) -> Result<(), PacketError> {
        match answer {
            Answer::Complete(result) if result.len() > LARGE_BYTES => {
                request::work_complete_head(&mut self.packets, handle, result.len())?;
                self.large = Some((self.packets.len(), result));
                Ok(())
            }
            Answer::Complete(result) => request::work_complete(&mut self.packets, handle, result),
            // Not WORK_EXCEPTION: a client that did not ask for exceptions hangs on it with gearmand 1.1.20.
            Answer::Fail { message } => {
                request::work_warning(&mut self.packets, handle, message)?;
                request::work_fail(&mut self.packets, handle)
            }
            Answer::Exception { message } => request::work_exception(&mut self.packets, handle, message),
        }
    }

    /// Sends all, in one write where no large result is in it.
    pub(super) fn send(&mut self, stream: &TcpStream) -> io::Result<()> {
        let sent = match &self.large {
            None => write_all(stream, &self.packets),
            Some((at, result)) => write_all(stream, &self.packets[..*at])
                .and_then(|()| write_all(stream, result))
                .and_then(|()| write_all(stream, &self.packets[*at..])),
        };
        self.clear();
        sent
    }

    /// Drops what was not sent.
    pub(super) fn clear(&mut self) {
        self.large = None;
        self.packets.clear();
        self.packets.shrink_to(KEPT_BYTES);
    }
}
