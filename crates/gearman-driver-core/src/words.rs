//! Splits a command into words as a shell does, with quotes and backslashes; nothing is expanded.

/// The words of `command`. White space separates them; `'..'` holds everything as it stands, `".."` all but `\"` and
/// `\\`, and a backslash elsewhere makes the next character an ordinary one.
///
/// ```
/// use gearman_driver_core::words::split;
///
/// assert_eq!(split(r#"./notify --to 'a b' "c\"d" e\ f"#).unwrap(), ["./notify", "--to", "a b", "c\"d", "e f"]);
/// ```
///
/// # Errors
/// A quote is not closed, or nothing follows the last backslash.
pub fn split(command: &str) -> Result<Vec<String>, WordsError> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut rest = command.chars();
    while let Some(next) = rest.next() {
        if next.is_whitespace() {
            words.extend(word.take());
            continue;
        }
        let word = word.get_or_insert_default();
        match next {
            '\'' => loop {
                match rest.next() {
                    Some('\'') => break,
                    Some(other) => word.push(other),
                    None => return Err(WordsError::Open('\'')),
                }
            },
            '"' => loop {
                match rest.next() {
                    Some('"') => break,
                    Some('\\') => match rest.next() {
                        Some(escaped @ ('"' | '\\')) => word.push(escaped),
                        Some(other) => word.extend(['\\', other]),
                        None => return Err(WordsError::Open('"')),
                    },
                    Some(other) => word.push(other),
                    None => return Err(WordsError::Open('"')),
                }
            },
            '\\' => word.push(rest.next().ok_or(WordsError::Backslash)?),
            other => word.push(other),
        }
    }
    words.extend(word);
    Ok(words)
}

/// A text that can't be split into words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WordsError {
    /// A quote is not closed.
    #[error("the quote {0} is not closed")]
    Open(char),
    /// The text ends in a backslash.
    #[error("nothing follows the backslash at the end")]
    Backslash,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn words_are_those_of_a_shell() {
        assert_eq!(split("  a\tb\n").unwrap(), ["a", "b"]);
        assert_eq!(split(r#"'' "" a''b "\n" '\'"#).unwrap(), ["", "", "ab", r"\n", r"\"]);
        assert_eq!(split("$HOME *").unwrap(), ["$HOME", "*"]);
        assert_eq!(split("").unwrap(), Vec::<String>::new());
        assert_eq!(split("'a"), Err(WordsError::Open('\'')));
        assert_eq!(split("\"a\\"), Err(WordsError::Open('"')));
        assert_eq!(split("a\\"), Err(WordsError::Backslash));
    }

    proptest! {
        #[test]
        fn quoted_words_come_back_as_they_were(words in prop::collection::vec("[^']{0,9}", 0..5)) {
            let command: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
            prop_assert_eq!(split(&command.join(" ")).unwrap(), words);
        }

        #[test]
        fn no_text_panics(text in any::<String>()) {
            let _ = split(&text);
        }
    }
}
