//! The wire bytes of an answer.

use super::CommandError;

/// Lines, then a line with a single dot, each ending in CRLF.
pub(super) fn lines<'a>(lines: impl IntoIterator<Item = &'a str>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for line in lines {
        // A line of one dot (a job could be called that) would end the answer: it is doubled, as in SMTP.
        if line == "." {
            bytes.push(b'.');
        }
        // A command of a program's own may have overlooked a line's end.
        bytes.extend(line.bytes().map(|byte| if matches!(byte, b'\r' | b'\n') { b' ' } else { byte }));
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b".\r\n");
    bytes
}

/// `OK`.
pub(super) fn ok() -> Vec<u8> {
    lines(["OK"])
}

/// `ERR ...`.
pub(super) fn error(error: &CommandError) -> Vec<u8> {
    lines([format!("ERR {error}").as_str()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_end_with_a_dot_and_every_line_in_crlf() {
        assert_eq!(lines(["a", "b"]), b"a\r\nb\r\n.\r\n");
        assert_eq!(lines([]), b".\r\n");
        assert_eq!(lines(["."]), b"..\r\n.\r\n");
        assert_eq!(lines(["a\r\nb"]), b"a  b\r\n.\r\n");
        assert_eq!(ok(), b"OK\r\n.\r\n");
        assert_eq!(error(&CommandError::unknown("")), b"ERR unknown_command: \r\n.\r\n");
    }
}
