//! How the driver's `loglevel` stands in shared memory, so that processes that run follow it: a word, 0 where nothing is said.

/// The levels; the word is the place in this list, from 1.
const NAMES: [&str; 7] = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL", "OFF"];

/// The word of a level, by its name.
#[must_use]
pub fn word(name: &str) -> u64 {
    NAMES.iter().position(|known| *known == name).map_or(0, |place| place as u64 + 1)
}

/// The name of a level, by its word; `None` for 0 and for what is no level.
#[must_use]
pub fn name(word: u64) -> Option<&'static str> {
    NAMES.get(usize::try_from(word).ok()?.checked_sub(1)?).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_reads_back_and_nonsense_says_nothing() {
        assert!(NAMES.iter().all(|level| name(word(level)) == Some(level)));
        assert_eq!((word("LOUD"), name(0), name(8), name(u64::MAX)), (0, None, None, None));
    }
}
