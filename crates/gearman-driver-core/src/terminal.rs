//! Which characters change how a terminal shows what stands beside them. How each is written instead is decided by whoever
//! shows the text: the console escapes as Rust does, JSON as JSON does.

/// Control characters, line and paragraph separators, and the marks that change the direction of text.
pub fn disturbs(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
