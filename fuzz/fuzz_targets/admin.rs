//! The admin text: pieces don't matter, no row panics.
#![no_main]

use gearman_protocol::{AdminError, AdminLine, AdminReader, StatusRow, WorkersRow};
use libfuzzer_sys::fuzz_target;

fn read(pieces: impl Iterator<Item = impl AsRef<[u8]>>) -> (Vec<AdminLine>, Option<AdminError>) {
    let mut reader = AdminReader::new(4096);
    let mut lines = Vec::new();
    for piece in pieces {
        reader.push(piece.as_ref());
        loop {
            match reader.next_line() {
                Ok(Some(line)) => lines.push(line),
                Ok(None) => break,
                Err(error) => return (lines, Some(error)),
            }
        }
    }
    (lines, None)
}

fuzz_target!(|input: (u8, &[u8])| {
    let (piece, bytes) = input;
    let whole = read(std::iter::once(bytes));
    assert_eq!(whole, read(bytes.chunks(usize::from(piece).max(1))));
    for line in whole.0 {
        if let AdminLine::Row(row) = line {
            if let Ok(status) = StatusRow::parse(&row) {
                let _ = status.waiting();
            }
            let _ = WorkersRow::parse(&row);
        }
    }
});
