//! Whatever an operator's connection says: a session answers in whole, printable lines, and the pieces in which it came
//! don't matter. Behind it is the real manager, whose processes come and go at once.
#![no_main]

#[path = "../../crates/gearman-driver-front/tests/support/mod.rs"]
#[allow(dead_code, reason = "its client and server are for tests over sockets")]
mod support;
mod words;

use std::pin::Pin;
use std::sync::LazyLock;
use std::task::{Context, Poll};

use gearman_driver_front::console::{Commands, session};
use libfuzzer_sys::fuzz_target;
use tokio::io::{AsyncRead, ReadBuf, join};
use tokio::runtime::{Builder, Runtime};

const JOBS: [(&str, u32, u32); 2] = [("app::Image::scale", 1, 5), ("b", 0, 3)];

const WORDS: [&str; 24] = [
    "status",
    "list",
    "show ",
    "set_min_processes ",
    "set_max_processes ",
    "set_processes ",
    "kill ",
    "killall ",
    "stop ",
    "help ",
    "version",
    "snapshot",
    "quit",
    "shutdown",
    "app::Image::scale",
    "b",
    " 0",
    " 1 ",
    " 2 ",
    "20001",
    "-1",
    " 65536",
    "\r\n",
    "*",
];

static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Builder::new_current_thread().enable_all().build().expect("a runtime"));

/// Gives at most so many bytes at a time.
struct Pieces<'a> {
    bytes: &'a [u8],
    piece: usize,
}

impl AsyncRead for Pieces<'_> {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<std::io::Result<()>> {
        let (now, later) = self.bytes.split_at(self.piece.min(out.remaining()).min(self.bytes.len()));
        out.put_slice(now);
        self.bytes = later;
        Poll::Ready(Ok(()))
    }
}

fn answers(bytes: &[u8], piece: usize) -> Vec<u8> {
    let mut out = Vec::new();
    RUNTIME.block_on(async {
        let stream = join(Pieces { bytes, piece }, &mut out);
        session(stream, support::driver(&JOBS), &Commands::new()).await.expect("memory neither breaks nor blocks");
    });
    out
}

fuzz_target!(|input: (u8, bool, &[u8])| {
    let (piece, spell, bytes) = input;
    let bytes = if spell { words::spelled_out(bytes, &WORDS) } else { bytes.to_vec() };
    let whole = answers(&bytes, bytes.len().max(1));
    assert_eq!(whole, answers(&bytes, usize::from(piece).max(1)));
    let text = std::str::from_utf8(&whole).expect("an answer is text");
    assert!(text.is_empty() || text.ends_with("\r\n.\r\n") || text == ".\r\n", "{text:?}");
    for line in text.split_terminator("\r\n") {
        assert!(!line.chars().any(char::is_control), "{line:?}");
    }
});
