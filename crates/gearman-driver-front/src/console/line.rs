//! Splits what arrives into lines, however it is cut into packets.

use super::MAX_LINE;

/// Bytes that have arrived and are not consumed yet.
#[derive(Debug, Default)]
pub(super) struct Lines {
    buffer: Vec<u8>,
    /// Where the next line begins.
    start: usize,
    /// Up to where no line feed was found.
    searched: usize,
}

/// A line is longer than [`MAX_LINE`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooLong;

impl Lines {
    /// Takes in what has arrived. To be called only after [`Lines::next`] has returned `None`, so that no more than a
    /// line and a packet is ever held.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.buffer.drain(..self.start);
        self.searched -= self.start;
        self.start = 0;
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole line, without its end (LF or CRLF); `None` when more must arrive first.
    pub(super) fn next(&mut self) -> Result<Option<&[u8]>, TooLong> {
        let found = self.buffer[self.searched..].iter().position(|&byte| byte == b'\n');
        let Some(found) = found else {
            self.searched = self.buffer.len();
            // The last byte may be the CR of a line's end.
            return if self.searched - self.start > MAX_LINE + 1 { Err(TooLong) } else { Ok(None) };
        };
        let (from, end) = (self.start, self.searched + found);
        self.start = end + 1;
        self.searched = self.start;
        let line = &self.buffer[from..end];
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.len() > MAX_LINE { Err(TooLong) } else { Ok(Some(line)) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(packets: &[&[u8]]) -> Result<Vec<Vec<u8>>, TooLong> {
        let mut lines = Lines::default();
        let mut found = Vec::new();
        for packet in packets {
            lines.push(packet);
            while let Some(line) = lines.next()? {
                found.push(line.to_vec());
            }
        }
        Ok(found)
    }

    #[test]
    fn lines_end_in_lf_or_crlf() {
        assert_eq!(all(&[b"status\nlist\r\n\r\n\nqui"]).unwrap(), [&b"status"[..], b"list", b"", b""]);
    }

    #[test]
    fn the_longest_line_is_taken_and_one_byte_more_is_not() {
        let longest = vec![b'x'; MAX_LINE];
        let too_long = vec![b'x'; MAX_LINE + 1];
        assert_eq!(all(&[&longest, b"\r", b"\n"]), Ok(vec![longest.clone()]));
        assert_eq!(all(&[&longest, b"\n"]), Ok(vec![longest]));
        assert_eq!(all(&[&too_long, b"\n"]), Err(TooLong));
        assert_eq!(all(&[&too_long, b"x"]), Err(TooLong));
    }

    proptest! {
        #[test]
        fn packets_may_be_cut_anywhere(
            bytes in prop::collection::vec(prop_oneof![Just(b'\n'), Just(b'\r'), any::<u8>()], 0..200),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..9),
        ) {
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let packets: Vec<&[u8]> = cuts.windows(2).map(|cut| &bytes[cut[0]..cut[1]]).collect();
            prop_assert_eq!(all(&packets), all(&[&bytes]));
        }
    }
}
