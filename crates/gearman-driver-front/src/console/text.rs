//! Makes foreign text fit for one line on a terminal.

use gearman_driver_core::terminal;

/// The longest text that is shown, in bytes.
pub(super) const MAX_TEXT: usize = 512;

/// The text on one line: control characters escaped (`\n`, `\x1b`), invisible ones that reorder or break lines too,
/// white space at the end dropped, and at the most [`MAX_TEXT`] bytes, never a part of a character.
pub(super) fn one_line(text: &str) -> String {
    let mut line = String::new();
    for escaped in text.trim_end().chars().map(escape) {
        if line.len() + escaped.len() > MAX_TEXT {
            break;
        }
        line.push_str(&escaped);
    }
    line
}

/// The text on one line, all of it: for what a program's own command answers.
pub(super) fn whole_line(text: &str) -> String {
    text.chars().map(escape).collect()
}

fn escape(c: char) -> String {
    match c {
        '\n' => "\\n".to_owned(),
        '\r' => "\\r".to_owned(),
        '\t' => "\\t".to_owned(),
        c if c.is_ascii_control() => format!("\\x{:02x}", u32::from(c)),
        c if terminal::disturbs(c) => c.escape_unicode().to_string(),
        c => c.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn control_characters_are_escaped() {
        assert_eq!(one_line("some error\nat line 3\n"), "some error\\nat line 3");
        assert_eq!(one_line("\x1b[31mred\0\r\x7f"), "\\x1b[31mred\\x00\\r\\x7f");
        assert_eq!(one_line("a\u{85}b\u{202e}c\u{2028}d"), "a\\u{85}b\\u{202e}c\\u{2028}d");
        assert_eq!(one_line("Größe: 3 µm, C:\\temp"), "Größe: 3 µm, C:\\temp");
    }

    #[test]
    fn long_text_is_cut_between_characters() {
        assert_eq!(one_line(&"x".repeat(600)), "x".repeat(512));
        assert_eq!(one_line(&format!("x{}", "ü".repeat(300))).len(), 511);
        assert_eq!(one_line(&format!("{}\x1b", "x".repeat(510))).len(), 510);
    }

    proptest! {
        #[test]
        fn any_text_becomes_one_bounded_line(text in any::<String>()) {
            let line = one_line(&text);
            prop_assert!(line.len() <= MAX_TEXT);
            prop_assert!(!line.chars().any(char::is_control));
            prop_assert!(!whole_line(&text).chars().any(char::is_control));
        }
    }
}
