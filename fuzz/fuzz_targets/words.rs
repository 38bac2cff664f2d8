//! Words for a fuzzer, which seldom finds them by itself.

/// The bytes as they are, but from 0x80 on each stands for a word.
pub(crate) fn spelled_out(bytes: &[u8], words: &[&str]) -> Vec<u8> {
    let mut text = Vec::new();
    for &byte in bytes {
        match byte.checked_sub(0x80) {
            Some(word) => text.extend_from_slice(words[usize::from(word) % words.len()].as_bytes()),
            None => text.push(byte),
        }
    }
    text
}
