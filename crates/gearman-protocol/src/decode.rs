//! Bytes in, packets out.
//!
//! The caller reads from its socket straight into [`Decoder::space`]. Small packets gather in one small buffer; a
//! large one gets a buffer of its own, which becomes the packet's body without a copy. Memory follows the bytes that
//! have really arrived, so a header that lies about its size costs nothing.

use crate::packet::{HEADER_LEN, Magic, Packet, PacketError, PacketType};

/// The small buffer. Idle workers hold one each, so it is small; it takes many answers of the usual size at once.
const SMALL: usize = 8 * 1024;
/// The least room that [`Decoder::space`] offers while no large packet is under way.
const ROOM: usize = SMALL / 2;
/// The first size of a large packet's own buffer; it doubles as its bytes arrive.
const LARGE_START: usize = 64 * 1024;

/// Cuts a stream of bytes into packets.
///
/// After an error the stream can't be read any further: each later call says the same.
#[derive(Debug)]
pub struct Decoder {
    limit: usize,
    /// Empty until first used, then [`SMALL`] bytes or, when the caller lets packets pile up, more.
    buffer: Vec<u8>,
    /// What of `buffer` has arrived and is not yet taken: `start..end`.
    start: usize,
    end: usize,
    /// A large packet that is still arriving. Bytes go there first.
    large: Option<Large>,
    /// A large packet that is complete and comes before what `buffer` holds.
    ready: Option<Packet>,
    failed: Option<PacketError>,
}

/// A packet too large for the small buffer, while its body arrives: there is always something missing.
#[derive(Debug)]
struct Large {
    magic: Magic,
    kind: PacketType,
    size: usize,
    /// As long as the room offered so far; `arrived` bytes of it are real.
    body: Vec<u8>,
    arrived: usize,
}

struct Header {
    magic: Magic,
    kind: PacketType,
    size: usize,
}

impl Decoder {
    /// A decoder that refuses packets whose body is larger than `limit_bytes`. It allocates nothing yet.
    #[must_use]
    pub fn new(limit_bytes: usize) -> Self {
        Self { limit: limit_bytes, buffer: Vec::new(), start: 0, end: 0, large: None, ready: None, failed: None }
    }

    /// Room to read into, never empty. Say with [`Decoder::filled`] how much of it was used.
    ///
    /// Take all packets with [`Decoder::next_packet`] after each read: those that pile up take memory.
    pub fn space(&mut self) -> &mut [u8] {
        self.begin_large();
        if let Some(large) = &mut self.large {
            large.make_room();
            return &mut large.body[large.arrived..];
        }
        if self.start == self.end || self.failed.is_some() {
            self.start = 0;
            self.end = 0;
            if self.buffer.len() > SMALL {
                self.buffer = Vec::new();
            }
        }
        if self.buffer.is_empty() {
            self.buffer = vec![0; SMALL];
        }
        if self.buffer.len() - self.end < ROOM {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
            if self.buffer.len() - self.end < ROOM {
                self.buffer.resize(self.buffer.len() * 2, 0);
            }
        }
        &mut self.buffer[self.end..]
    }

    /// `n` bytes of the last [`Decoder::space`] have been filled.
    ///
    /// # Panics
    /// When that is more than there was.
    pub fn filled(&mut self, n: usize) {
        let Some(large) = &mut self.large else {
            assert!(n <= self.buffer.len() - self.end, "more bytes were filled in than space() had room for");
            self.end += n;
            return;
        };
        assert!(n <= large.body.len() - large.arrived, "more bytes were filled in than space() had room for");
        large.arrived += n;
        if large.arrived == large.size {
            self.ready = self.large.take().map(|Large { magic, kind, body, .. }| Packet { magic, kind, body });
        }
    }

    /// Takes bytes from where they are: for callers that cannot read into [`Decoder::space`].
    pub fn push(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let space = self.space();
            let n = space.len().min(bytes.len());
            space[..n].copy_from_slice(&bytes[..n]);
            self.filled(n);
            bytes = &bytes[n..];
        }
    }

    /// The next packet, or `None` until more bytes have come.
    ///
    /// # Errors
    /// [`PacketError::BadMagic`], [`PacketError::UnknownType`], [`PacketError::OverLimit`]: from then on always.
    pub fn next_packet(&mut self) -> Result<Option<Packet>, PacketError> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        if let Some(packet) = self.ready.take() {
            return Ok(Some(packet));
        }
        if self.large.is_some() {
            return Ok(None);
        }
        let Some(Header { magic, kind, size }) = self.header()? else {
            return Ok(None);
        };
        let body = self.start + HEADER_LEN;
        if self.end - body < size {
            self.begin_large();
            return Ok(None);
        }
        self.start = body + size;
        Ok(Some(Packet { magic, kind, body: self.buffer[body..self.start].to_vec() }))
    }

    /// Whether bytes are held that no packet was taken of. When [`Decoder::next_packet`] has nothing more and the
    /// connection ends now, it ends within a packet.
    #[must_use]
    pub fn holds_bytes(&self) -> bool {
        self.start != self.end || self.large.is_some() || self.ready.is_some()
    }

    /// The header at the front, once it is there. Remembers an error.
    fn header(&mut self) -> Result<Option<Header>, PacketError> {
        match parse_header(&self.buffer[self.start..self.end], self.limit) {
            Err(error) => {
                self.failed = Some(error.clone());
                // Nothing after it will be read: don't hold it.
                self.buffer = Vec::new();
                self.start = 0;
                self.end = 0;
                Err(error)
            }
            header => header,
        }
    }

    /// Gives the packet at the front a buffer of its own when it is large and not all there.
    fn begin_large(&mut self) {
        if self.large.is_some() || self.ready.is_some() || self.failed.is_some() {
            return;
        }
        // An error is left for next_packet to find.
        let Ok(Some(Header { magic, kind, size })) = parse_header(&self.buffer[self.start..self.end], self.limit)
        else {
            return;
        };
        let held = &self.buffer[self.start + HEADER_LEN..self.end];
        if held.len() >= size || HEADER_LEN + size <= ROOM {
            return;
        }
        let arrived = held.len();
        let mut body = Vec::with_capacity(size.min(LARGE_START.max(arrived)));
        body.extend_from_slice(held);
        self.large = Some(Large { magic, kind, size, body, arrived });
        self.start = 0;
        self.end = 0;
        if self.buffer.len() > SMALL {
            self.buffer = Vec::new();
        }
    }
}

impl Large {
    /// Offers room for as much as has arrived already, or a first piece, and never beyond the packet's end.
    fn make_room(&mut self) {
        if self.arrived < self.body.len() {
            return;
        }
        let wanted = (self.arrived * 2).max(LARGE_START).min(self.size);
        self.body.reserve_exact(wanted - self.body.len());
        self.body.resize(wanted, 0);
    }
}

fn parse_header(bytes: &[u8], limit: usize) -> Result<Option<Header>, PacketError> {
    let Some((magic, rest)) = bytes.split_first_chunk::<4>() else {
        return Ok(None);
    };
    let magic = Magic::from_bytes(*magic).ok_or(PacketError::BadMagic { found: *magic })?;
    let Some((number, rest)) = rest.split_first_chunk::<4>() else {
        return Ok(None);
    };
    let number = u32::from_be_bytes(*number);
    let kind = PacketType::from_u32(number).ok_or(PacketError::UnknownType { number })?;
    let Some(size) = rest.first_chunk::<4>() else {
        return Ok(None);
    };
    let size = usize::try_from(u32::from_be_bytes(*size)).unwrap_or(usize::MAX);
    if size > limit {
        return Err(PacketError::OverLimit { kind, size, limit });
    }
    Ok(Some(Header { magic, kind, size }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::encode;
    use proptest::prelude::*;

    const LIMIT: usize = 64 << 20;

    fn response(kind: PacketType, body: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        encode(Magic::Response, kind, &[body], &mut out).unwrap();
        out
    }

    fn drain(decoder: &mut Decoder) -> Vec<Packet> {
        let mut packets = Vec::new();
        while let Some(packet) = decoder.next_packet().unwrap() {
            packets.push(packet);
        }
        packets
    }

    #[test]
    fn allocates_at_first_use_and_stays_small() {
        let mut decoder = Decoder::new(LIMIT);
        assert_eq!(decoder.buffer.capacity(), 0);
        for _ in 0..1000 {
            decoder.push(&response(PacketType::Noop, b""));
            assert_eq!(drain(&mut decoder).len(), 1);
        }
        assert_eq!(decoder.space().len(), SMALL);
        assert!(!decoder.holds_bytes());
    }

    #[test]
    fn a_lying_header_costs_little() {
        let mut decoder = Decoder::new(usize::MAX);
        decoder.push(b"\0RES\0\0\0\x0b\xff\xff\xff\xffH:a:1");
        assert_eq!(decoder.next_packet(), Ok(None));
        assert!(decoder.space().len() <= LARGE_START);
    }

    #[test]
    fn a_large_packet_is_handed_over_and_its_memory_leaves_with_it() {
        let mut decoder = Decoder::new(LIMIT);
        let body: Vec<u8> = (0..10_000_000_u32).map(|n| n.to_le_bytes()[0]).collect();
        let mut wire = response(PacketType::WorkComplete, &body);
        wire.extend(response(PacketType::Noop, b""));
        let mut reads = 0;
        let mut at = 0;
        let mut packets = Vec::new();
        while at < wire.len() {
            let space = decoder.space();
            let address = space.as_ptr();
            let n = space.len().min(wire.len() - at);
            space[..n].copy_from_slice(&wire[at..at + n]);
            decoder.filled(n);
            at += n;
            reads += 1;
            let before = packets.len();
            packets.extend(drain(&mut decoder));
            if before == 0 && packets.len() == 1 {
                let body = packets[0].body.as_ptr_range();
                assert!(body.contains(&address), "the body is where it was read to");
            }
        }
        assert_eq!(packets.len(), 2);
        assert_eq!(packets[0].body, body);
        assert_eq!(packets[0].body.capacity(), body.len());
        assert!(reads < 15, "room doubles: {reads} reads");
        assert_eq!(decoder.space().len(), SMALL);
    }

    #[test]
    fn what_follows_a_large_packet_waits_behind_it() {
        let mut decoder = Decoder::new(LIMIT);
        let mut wire = Vec::new();
        for size in [100_000, 0, 200_000, 5, 90_000] {
            wire.extend(response(PacketType::EchoRes, &vec![7; size]));
        }
        decoder.push(&wire);
        assert!(!decoder.space().is_empty());
        let sizes: Vec<_> = drain(&mut decoder).iter().map(|packet| packet.body.len()).collect();
        assert_eq!(sizes, [100_000, 0, 200_000, 5, 90_000]);
        assert_eq!(decoder.space().len(), SMALL);
    }

    #[test]
    fn says_what_is_wrong_and_goes_on_saying_it() {
        let cases: [(&[u8], &str); 3] = [
            (
                b"HTTP/1.1 200 OK",
                "expected a Gearman packet (\\0REQ or \\0RES), got \"HTTP\": \
                 is the other side a Gearman job server on its binary port?",
            ),
            (b"\0RES\0\0\0\x05\0\0\0\0", "unknown Gearman packet type 5 (known are 1 to 4 and 6 to 42)"),
            (
                b"\0RES\0\0\0\x0b\0\0\0\x0b",
                "a JOB_ASSIGN packet of 11 bytes is over the limit of 10 bytes: send less, or raise the limit",
            ),
        ];
        for (bytes, text) in cases {
            let mut decoder = Decoder::new(10);
            decoder.push(bytes);
            let error = decoder.next_packet().unwrap_err();
            assert_eq!(error.to_string(), text);
            decoder.push(&response(PacketType::Noop, b""));
            assert_eq!(decoder.next_packet(), Err(error));
        }
    }

    #[test]
    fn packets_before_a_bad_one_are_given_first() {
        let mut decoder = Decoder::new(LIMIT);
        let mut wire = response(PacketType::NoJob, b"");
        wire.extend(b"junk");
        decoder.push(&wire);
        assert_eq!(decoder.next_packet().unwrap().unwrap().kind, PacketType::NoJob);
        assert_eq!(decoder.next_packet(), Err(PacketError::BadMagic { found: *b"junk" }));
    }

    fn packets() -> impl Strategy<Value = Vec<Packet>> {
        let body = prop_oneof![
            4 => proptest::collection::vec(any::<u8>(), 0..200),
            // Around where a packet gets a buffer of its own, and above.
            1 => (ROOM - 30..ROOM + 30).prop_map(|size| vec![1; size]),
            1 => (SMALL - 30..SMALL + 30).prop_map(|size| vec![2; size]),
            1 => (0..200_000_usize).prop_map(|size| vec![3; size]),
        ];
        let packet =
            (any::<bool>(), proptest::sample::select(PacketType::ALL), body).prop_map(|(request, kind, body)| {
                let magic = if request { Magic::Request } else { Magic::Response };
                Packet { magic, kind, body }
            });
        proptest::collection::vec(packet, 0..12)
    }

    proptest! {
        #[test]
        fn any_split_of_the_bytes_gives_the_same_packets(
            packets in packets(),
            cuts in proptest::collection::vec(1..50_000_usize, 1..50),
            tiny in any::<bool>(),
            take_each_time in any::<bool>(),
            in_place in any::<bool>(),
        ) {
            let mut wire = Vec::new();
            for packet in &packets {
                encode(packet.magic, packet.kind, &[&packet.body], &mut wire).unwrap();
            }
            let mut decoder = Decoder::new(LIMIT);
            let mut got = Vec::new();
            let mut rest = wire.as_slice();
            for cut in cuts.iter().cycle() {
                if rest.is_empty() {
                    break;
                }
                let cut = if tiny { cut % 40 + 1 } else { *cut };
                let n = if in_place {
                    let space = decoder.space();
                    prop_assert!(!space.is_empty());
                    let n = cut.min(rest.len()).min(space.len());
                    space[..n].copy_from_slice(&rest[..n]);
                    decoder.filled(n);
                    n
                } else {
                    let n = cut.min(rest.len());
                    decoder.push(&rest[..n]);
                    n
                };
                rest = &rest[n..];
                if take_each_time {
                    got.extend(drain(&mut decoder));
                }
            }
            got.extend(drain(&mut decoder));
            prop_assert_eq!(got, packets);
            prop_assert!(!decoder.holds_bytes());
            prop_assert_eq!(decoder.space().len(), SMALL);
        }

        #[test]
        fn random_bytes_never_panic(
            chunks in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..300), 0..10),
            valid_start in any::<bool>(),
        ) {
            let mut decoder = Decoder::new(1000);
            if valid_start {
                decoder.push(b"\0RES\0\0\0");
            }
            for chunk in chunks {
                decoder.push(&chunk);
                while let Ok(Some(packet)) = decoder.next_packet() {
                    let _ = packet.args::<4>();
                }
            }
        }
    }
}
