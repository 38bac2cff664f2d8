//! How a log record of a worker travels on its standard error.
//!
//! A record is one line: [`MARK`], the level, the handle of the job in hand (or `-`), the target, the message,
//! separated by single spaces; line ends and backslashes in the message are escaped. A job that prints such a line
//! by itself forges a level and a handle in a log line, and nothing else: output is log text only.

use std::borrow::Cow;

/// The byte that opens a record's line (ASCII RS): no text that a person prints begins with it.
pub const MARK: u8 = 0x1e;

/// A log record, as read from a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record<'a> {
    /// The level's name: `TRACE`, `DEBUG`, `INFO`, `WARN` or `ERROR`.
    pub level: &'a str,
    /// The handle of the job that the worker had in hand.
    pub handle: Option<&'a str>,
    /// Where in the code it was written (as `log`'s and `tracing`'s target).
    pub target: &'a str,
    /// What it says; may have several lines.
    pub message: Cow<'a, str>,
}

/// Writes a record as one line, with its line end.
#[must_use]
pub fn encode(level: &str, handle: Option<&str>, target: &str, message: &str) -> String {
    let mut line = String::with_capacity(message.len() + target.len() + 48);
    line.push(char::from(MARK));
    line.push_str(level);
    for word in [handle.unwrap_or("-"), target] {
        line.push(' ');
        line.extend(word.chars().map(|c| if c.is_whitespace() || c.is_control() { '_' } else { c }));
    }
    line.push(' ');
    for c in message.chars() {
        match c {
            '\\' => line.push_str("\\\\"),
            '\n' => line.push_str("\\n"),
            '\r' => line.push_str("\\r"),
            c => line.push(c),
        }
    }
    line.push('\n');
    line
}

/// Reads a line (without its line end); `None` when it is not a record but plain output.
#[must_use]
pub fn decode(line: &str) -> Option<Record<'_>> {
    let mut words = line.strip_prefix(char::from(MARK))?.splitn(4, ' ');
    let level = words.next().filter(|l| matches!(*l, "TRACE" | "DEBUG" | "INFO" | "WARN" | "ERROR"))?;
    let handle = words.next()?;
    let target = words.next()?;
    let message = unescape(words.next()?);
    Some(Record { level, handle: (handle != "-").then_some(handle), target, message })
}

fn unescape(text: &str) -> Cow<'_, str> {
    if !text.contains('\\') {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (c, c == '\\') {
            (_, true) => match chars.next() {
                Some('n') => plain.push('\n'),
                Some('r') => plain.push('\r'),
                Some(other) => plain.push(other),
                None => plain.push('\\'),
            },
            (c, false) => plain.push(c),
        }
    }
    Cow::Owned(plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn plain_output_is_no_record() {
        assert_eq!(decode("INFO - x hello"), None);
        assert_eq!(decode("\u{1e}LOUD - x hello"), None);
        assert_eq!(decode("\u{1e}INFO -"), None);
    }

    proptest! {
        #[test]
        fn a_record_is_one_line_and_reads_back(message in any::<String>(), target in "[a-z:_]{1,20}", handle in proptest::option::of("H:[a-z]{1,8}:[0-9]{1,6}")) {
            let line = encode("WARN", handle.as_deref(), &target, &message);
            prop_assert!(line.ends_with('\n') && line.matches('\n').count() == 1);
            let record = decode(line.trim_end_matches('\n')).expect("it was encoded");
            prop_assert_eq!(record.message.as_ref(), message.as_str());
            prop_assert_eq!(record.target, target.as_str());
            prop_assert_eq!(record.handle, handle.as_deref());
        }

        #[test]
        fn no_line_panics(line in any::<String>()) {
            let _ = decode(&line);
            let _ = decode(&format!("\u{1e}{line}"));
        }
    }
}
