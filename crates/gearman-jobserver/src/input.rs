//! Bytes of a connection in, messages out: packets and lines of admin text, in any mixture, as gearmand takes them.
//!
//! What a message means is the server's matter. Large packets take memory as they arrive, not as their header says.

use std::ops::ControlFlow;

use gearman_protocol::packet::HEADER_LEN;
use gearman_protocol::{Magic, PacketError, PacketType};

/// Bytes of a line of admin text, its end included.
const LINE_LIMIT: usize = 8192;
/// What an idle connection may keep allocated.
const KEEP: usize = 4096;

/// The number between PRE_SLEEP and NOOP, which the PROTOCOL file does not use: answered, not fatal.
const UNUSED: u32 = 5;

/// One message of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Message<'a> {
    /// A packet.
    Packet { magic: Magic, kind: PacketType, body: &'a [u8] },
    /// A packet of the type that the PROTOCOL file leaves out.
    Unused,
    /// A line of admin text, without its end.
    Line(&'a [u8]),
}

/// Why a connection can't be read any further.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Fault {
    #[error(transparent)]
    Packet(#[from] PacketError),
    #[error("a line of admin text is over {LINE_LIMIT} bytes")]
    LongLine,
    #[error("a line of admin text has more than {limit} words")]
    ManyWords { limit: usize },
}

/// Where a connection's reading stands: the beginning of a message whose rest is still to come.
#[derive(Debug, Default)]
pub(crate) struct Input {
    held: Vec<u8>,
}

impl Input {
    /// Gives `take` each message that is complete with these bytes, until it breaks.
    pub(crate) fn feed(
        &mut self,
        bytes: &[u8],
        packet_limit: usize,
        mut take: impl FnMut(Message<'_>) -> ControlFlow<()>,
    ) -> Result<(), Fault> {
        if self.held.is_empty() {
            let used = messages(bytes, packet_limit, &mut take)?;
            self.held.extend_from_slice(&bytes[used..]);
            return Ok(());
        }
        self.held.extend_from_slice(bytes);
        let used = messages(&self.held, packet_limit, &mut take)?;
        if used == self.held.len() && self.held.capacity() > KEEP {
            self.held = Vec::new();
        } else {
            self.held.drain(..used);
        }
        Ok(())
    }

    /// Whether a message has begun and not ended.
    pub(crate) fn within_a_message(&self) -> bool {
        !self.held.is_empty()
    }
}

/// Takes the messages at the front of `bytes`; returns how many bytes they are.
fn messages(
    bytes: &[u8],
    packet_limit: usize,
    take: &mut impl FnMut(Message<'_>) -> ControlFlow<()>,
) -> Result<usize, Fault> {
    let mut at = 0;
    while let Some((message, len)) = message(&bytes[at..], packet_limit)? {
        at += len;
        if take(message).is_break() {
            // Nothing after it is wanted.
            return Ok(bytes.len());
        }
    }
    Ok(at)
}

fn message(bytes: &[u8], packet_limit: usize) -> Result<Option<(Message<'_>, usize)>, Fault> {
    match bytes.first() {
        None => Ok(None),
        Some(0) => packet(bytes, packet_limit),
        Some(_) => line(bytes),
    }
}

fn line(bytes: &[u8]) -> Result<Option<(Message<'_>, usize)>, Fault> {
    let seen = &bytes[..bytes.len().min(LINE_LIMIT)];
    let Some(end) = seen.iter().position(|&byte| byte == b'\n') else {
        return if bytes.len() < LINE_LIMIT { Ok(None) } else { Err(Fault::LongLine) };
    };
    let line = &bytes[..end];
    Ok(Some((Message::Line(line.strip_suffix(b"\r").unwrap_or(line)), end + 1)))
}

fn packet(bytes: &[u8], limit: usize) -> Result<Option<(Message<'_>, usize)>, Fault> {
    let Some(header) = bytes.first_chunk::<HEADER_LEN>() else {
        return Ok(None);
    };
    let [m0, m1, m2, m3, t0, t1, t2, t3, s0, s1, s2, s3] = *header;
    let found = [m0, m1, m2, m3];
    let magic = Magic::from_bytes(found).ok_or(PacketError::BadMagic { found })?;
    let number = u32::from_be_bytes([t0, t1, t2, t3]);
    let kind = PacketType::from_u32(number);
    let size = usize::try_from(u32::from_be_bytes([s0, s1, s2, s3])).unwrap_or(usize::MAX);
    if kind.is_none() && number != UNUSED {
        return Err(PacketError::UnknownType { number }.into());
    }
    if size > limit {
        let kind = kind.unwrap_or(PacketType::Noop);
        return Err(PacketError::OverLimit { kind, size, limit }.into());
    }
    let end = HEADER_LEN + size;
    let Some(body) = bytes.get(HEADER_LEN..end) else {
        return Ok(None);
    };
    let message = kind.map_or(Message::Unused, |kind| Message::Packet { magic, kind, body });
    Ok(Some((message, end)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<String>, Option<Fault>) {
        let mut input = Input::default();
        let mut seen = Vec::new();
        for piece in pieces {
            let fed = input.feed(piece, 1000, |message| {
                seen.push(format!("{message:?}"));
                ControlFlow::Continue(())
            });
            if let Err(fault) = fed {
                return (seen, Some(fault));
            }
        }
        (seen, None)
    }

    #[test]
    fn packets_and_lines_may_alternate() {
        let (seen, fault) =
            read([b"version\r\n\0REQ\0\0\0\x10\0\0\0\x01estatus\n\0REQ\0\0\0\x05\0\0\0\x01x\n".as_slice()]);
        assert_eq!(fault, None);
        assert_eq!(seen.len(), 5);
        assert!(seen[0].starts_with("Line") && seen[1].contains("EchoReq") && seen[2].starts_with("Line"));
        assert_eq!(seen[3], "Unused");
        assert_eq!(seen[4], "Line([])");
    }

    #[test]
    fn faults_say_what_is_wrong() {
        let (_, fault) = read([b"\0FOO\0\0\0\x01\0\0\0\0".as_slice()]);
        assert!(matches!(fault, Some(Fault::Packet(PacketError::BadMagic { .. }))));
        let (_, fault) = read([b"\0REQ\0\0\0\x2b\0\0\0\0".as_slice()]);
        assert!(matches!(fault, Some(Fault::Packet(PacketError::UnknownType { number: 43 }))));
        let (_, fault) = read([b"\0REQ\0\0\0\x07\xff\xff\xff\xff".as_slice()]);
        assert!(matches!(fault, Some(Fault::Packet(PacketError::OverLimit { .. }))));
        assert_eq!(read([vec![b'x'; LINE_LIMIT].as_slice()]).1, Some(Fault::LongLine));
    }

    proptest! {
        #[test]
        fn any_split_of_the_bytes_gives_the_same_messages(
            parts in proptest::collection::vec(
                prop_oneof![
                    proptest::collection::vec(any::<u8>(), 0..40),
                    Just(b"status\n".to_vec()),
                    (0_u8..50, 0_u8..30).prop_map(|(kind, size)| {
                        let mut bytes = vec![0, b'R', b'E', b'Q', 0, 0, 0, kind, 0, 0, 0, size];
                        bytes.extend(std::iter::repeat_n(b'a', size.into()));
                        bytes
                    }),
                ],
                0..8,
            ),
            piece in 1_usize..50,
        ) {
            let bytes = parts.concat();
            prop_assert_eq!(read([bytes.as_slice()]), read(bytes.chunks(piece)));
        }
    }
}
