//! Cuts what a process prints into lines: bounded, whatever comes.

use std::collections::VecDeque;

/// A longer line is cut here, and marked.
const MAX_LINE_BYTES: usize = 8 << 10;

/// The lines of one stream.
#[derive(Debug, Default)]
pub(super) struct Lines {
    /// The line that has not ended yet, at most [`MAX_LINE_BYTES`] of it.
    open: Vec<u8>,
    /// Bytes of the open line that were left out.
    left_out: usize,
    whole: VecDeque<String>,
}

impl Lines {
    /// Takes what was read.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        for piece in bytes.split_inclusive(|b| *b == b'\n') {
            let (text, ends) = match piece.strip_suffix(b"\n") {
                Some(text) => (text, true),
                None => (piece, false),
            };
            let room = MAX_LINE_BYTES - self.open.len();
            let kept = &text[..text.len().min(room)];
            self.open.extend_from_slice(kept);
            self.left_out += text.len() - kept.len();
            if ends {
                let line = self.close();
                self.whole.push_back(line);
            }
        }
    }

    /// The next line that has ended.
    pub(super) fn next_line(&mut self) -> Option<String> {
        let line = self.whole.pop_front();
        if line.is_none() && self.whole.capacity() > 64 {
            self.whole = VecDeque::new();
        }
        line
    }

    /// The last line, if it did not end.
    pub(super) fn last(&mut self) -> Option<String> {
        (!self.open.is_empty()).then(|| self.close())
    }

    fn close(&mut self) -> String {
        let mut line = std::mem::take(&mut self.open);
        if line.last() == Some(&b'\r') {
            line.pop();
        }
        let mut line = match String::from_utf8(line) {
            Ok(line) => line,
            Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
        };
        if self.left_out > 0 {
            line.push_str(&format!(" [.. {} more bytes of this line left out]", self.left_out));
            self.left_out = 0;
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(chunks: &[&[u8]]) -> Vec<String> {
        let mut lines = Lines::default();
        let mut read = Vec::new();
        for chunk in chunks {
            lines.push(chunk);
            read.extend(std::iter::from_fn(|| lines.next_line()));
        }
        read.extend(lines.last());
        read
    }

    #[test]
    fn lines_come_whole_however_they_were_written() {
        assert_eq!(all(&[b"one\ntw", b"o\r\n", b"\nlast"]), ["one", "two", "", "last"]);
        assert_eq!(all(&[b"one\n"]), ["one"]);
    }

    #[test]
    fn a_long_line_is_cut_and_marked_and_the_next_one_is_whole() {
        let long = vec![b'x'; 10 << 20];
        let read = all(&[&long, b"\nnext\n"]);
        assert_eq!(read.len(), 2);
        assert!(read[0].len() < MAX_LINE_BYTES + 100);
        assert!(read[0].ends_with(&format!("x [.. {} more bytes of this line left out]", (10 << 20) - MAX_LINE_BYTES)));
        assert_eq!(read[1], "next");
    }
}
