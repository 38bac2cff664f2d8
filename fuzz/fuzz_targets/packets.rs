//! Bytes pushed whole and the same bytes read in pieces give the same packets and the same error; what comes out can
//! be taken apart and written again.
#![no_main]

use gearman_protocol::packet::encode;
use gearman_protocol::{Decoder, JobAssignment, Packet, PacketError};
use libfuzzer_sys::fuzz_target;

const LIMIT: usize = 1 << 20;

fn drain(decoder: &mut Decoder, packets: &mut Vec<Packet>) -> Option<PacketError> {
    loop {
        match decoder.next_packet() {
            Ok(Some(packet)) => packets.push(packet),
            Ok(None) => return None,
            Err(error) => return Some(error),
        }
    }
}

fuzz_target!(|input: (u16, &[u8])| {
    let (piece, bytes) = input;
    let mut whole = Vec::new();
    let mut decoder = Decoder::new(LIMIT);
    decoder.push(bytes);
    let error = drain(&mut decoder, &mut whole);

    let piece = usize::from(piece).max(1);
    let mut pieces = Vec::new();
    let mut decoder = Decoder::new(LIMIT);
    let mut rest = bytes;
    let mut piece_error = None;
    while !rest.is_empty() && piece_error.is_none() {
        let space = decoder.space();
        assert!(!space.is_empty());
        let n = piece.min(rest.len()).min(space.len());
        space[..n].copy_from_slice(&rest[..n]);
        decoder.filled(n);
        rest = &rest[n..];
        piece_error = drain(&mut decoder, &mut pieces);
    }
    assert_eq!(whole, pieces);
    assert_eq!(error, piece_error);

    let mut written = Vec::new();
    for packet in whole {
        encode(packet.magic, packet.kind, &[&packet.body], &mut written)
            .expect("a body that came fits");
        let _ = packet.args::<4>();
        if let Ok(job) = JobAssignment::from_packet(packet) {
            assert!(!job.handle().contains(&0) && !job.function().contains(&0));
            let _ = (job.unique_text(), job.reducer(), job.workload());
        }
    }
    assert_eq!(written, &bytes[..written.len()]);
});
