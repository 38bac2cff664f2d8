//! Whatever one connection of a job server says: it answers in whole packets, and the pieces in which it came don't matter.
#![no_main]

use std::time::Duration;

use gearman_jobserver::{Identity, Limits, Moment, Server};
use libfuzzer_sys::fuzz_target;

fn answers<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> (Vec<u8>, bool) {
    let mut limits = Limits::default();
    limits.packet_bytes = 1 << 16;
    let identity = Identity { host: "h".to_owned(), pid: 1, version: "v".to_owned() };
    let mut server = Server::new(limits, identity);
    let now = Moment { elapsed: Duration::ZERO, unix: Duration::from_secs(1) };
    let id = server.connect("a").expect("the first connection");
    for piece in pieces {
        server.receive(now, id, piece);
    }
    server.check();
    let out = server.unsent(id).to_vec();
    let closing = server.is_closing(id);
    server.disconnect(id);
    server.check();
    (out, closing)
}

fuzz_target!(|input: (u8, &[u8])| {
    let (piece, bytes) = input;
    assert_eq!(answers(std::iter::once(bytes)), answers(bytes.chunks(usize::from(piece).max(1))));
});
