//! Finds the name that was probably meant.
//!
//! Decides when two names are near enough to say "did you mean `..`?"; how that is worded in a
//! message is the caller's.

/// The candidate nearest to `name`, or `None` where nothing is near.
///
/// Case and the difference of `-` and `_` do not count. Near means: at most one edit (a letter more,
/// less, changed, or two swapped) for each three letters of `name`, and never more than three. The
/// first of several equally near candidates wins, so the answer depends on nothing but the arguments.
///
/// ```
/// use gearman_driver_core::suggest::nearest;
///
/// assert_eq!(nearest("consol_port", ["server", "console_port"]), Some("console_port"));
/// assert_eq!(nearest("colour", ["server", "console_port"]), None);
/// ```
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let name = folded(name);
    let allowed = (name.chars().count() / 3).clamp(1, 3);
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&name, &folded(candidate)), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// "did you mean `X`?" for the candidate nearest to `name`, or `None` where nothing is near.
pub fn did_you_mean<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    nearest(name, candidates).map(|candidate| format!("did you mean `{candidate}`?"))
}

/// Names longer than any of ours are cut, since the comparison takes time that grows with both lengths.
fn folded(name: &str) -> String {
    name.chars().take(256).map(|letter| if letter == '-' { '_' } else { letter.to_ascii_lowercase() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [&str; 5] = ["server", "interval", "loglevel", "logfile", "lib"];

    #[test]
    fn a_slip_of_the_finger_is_recognised() {
        assert_eq!(nearest("intreval", NAMES), Some("interval"));
        assert_eq!(nearest("servers", NAMES), Some("server"));
        assert_eq!(nearest("LOG-LEVEL", NAMES), Some("loglevel"));
        assert_eq!(nearest("log_file", NAMES), Some("logfile"));
    }

    #[test]
    fn what_is_far_gets_no_suggestion() {
        assert_eq!(nearest("timeout", NAMES), None);
        assert_eq!(nearest("", NAMES), None);
        assert_eq!(nearest("xyz", NAMES), None);
    }

    #[test]
    fn the_sentence_names_the_candidate() {
        assert_eq!(did_you_mean("libs", NAMES).unwrap(), "did you mean `lib`?");
    }
}
