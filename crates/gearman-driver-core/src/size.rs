//! Sizes as people write them: `100MB`, `1.5GiB`, `1048576`.
//!
//! Decides what such a text means. A bare number is bytes; `kB` and its like count in thousands, `KiB` and its like in
//! 1024s; capitals don't matter.

/// Units with their length in bytes.
const UNITS: [(&str, u64); 9] = [
    ("B", 1),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
];

/// Why a text is no size.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SizeError {
    /// What stands before the unit is no plain decimal number.
    #[error("`{0}` is no size: write for example 100MB, 1.5GiB, or a number of bytes")]
    Number(String),
    /// A number is followed by a unit that does not exist.
    #[error("`{text}` has the unknown unit `{unit}`: B, kB, MB, GB, TB and KiB, MiB, GiB, TiB are known")]
    Unit {
        /// The text as it was given.
        text: String,
        /// What stands behind the number.
        unit: String,
    },
    /// More bytes than a number of 64 bits can count.
    #[error("`{0}` is more than any memory holds")]
    TooLarge(String),
}

/// Reads a size in bytes; white space around it is ignored, and a fraction of a byte is dropped.
///
/// # Errors
/// [`SizeError`] for anything but a decimal number with or without a unit.
///
/// ```
/// use gearman_driver_core::size;
///
/// assert_eq!(size::parse("100MB"), Ok(100_000_000));
/// assert_eq!(size::parse("1.5 GiB"), Ok(3 << 29));
/// assert_eq!(size::parse("4096"), Ok(4096));
/// ```
pub fn parse(text: &str) -> Result<u64, SizeError> {
    let trimmed = text.trim();
    let end = trimmed.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(trimmed.len());
    let (number, unit) = trimmed.split_at(end);
    let unit = unit.trim_start();
    let number_error = || SizeError::Number(trimmed.to_owned());
    let (whole, fraction) = match number.split_once('.') {
        None => (number, ""),
        Some((_, "")) => return Err(number_error()),
        Some(parts) => parts,
    };
    // More digits than that would be less than a byte of any unit.
    if whole.is_empty() || fraction.contains('.') || fraction.len() > 18 {
        return Err(number_error());
    }
    let bytes = match unit {
        "" => 1,
        _ => UNITS
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(unit))
            .map(|(_, bytes)| *bytes)
            .ok_or_else(|| SizeError::Unit { text: trimmed.to_owned(), unit: unit.to_owned() })?,
    };
    let too_large = || SizeError::TooLarge(trimmed.to_owned());
    let whole = whole.parse::<u64>().ok().and_then(|whole| whole.checked_mul(bytes)).ok_or_else(too_large)?;
    let scale = 10_u128.pow(u32::try_from(fraction.len()).unwrap_or(0));
    let part = fraction.parse::<u128>().unwrap_or(0) * u128::from(bytes) / scale;
    u64::try_from(part).ok().and_then(|part| whole.checked_add(part)).ok_or_else(too_large)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn units_are_known() {
        let sizes = ["0", "512", "1B", "2kB", "100MB", "1GB", "1 TB", "1KiB", "1.5MiB", "2gib", "1TiB", "0.5kb"];
        assert_eq!(sizes.map(|text| parse(text).unwrap()), {
            let binary = [1 << 10, 3 << 19, 2 << 30, 1 << 40];
            let [a, b, c, d] = binary;
            [0, 512, 1, 2_000, 100_000_000, 1_000_000_000, 1_000_000_000_000, a, b, c, d, 500]
        });
    }

    #[test]
    fn errors_say_how_to_write_it() {
        let error = |text: &str| parse(text).unwrap_err().to_string();
        insta::assert_snapshot!(error(""), @"`` is no size: write for example 100MB, 1.5GiB, or a number of bytes");
        insta::assert_snapshot!(error("much"), @"`much` is no size: write for example 100MB, 1.5GiB, or a number of bytes");
        insta::assert_snapshot!(error("-1MB"), @"`-1MB` is no size: write for example 100MB, 1.5GiB, or a number of bytes");
        insta::assert_snapshot!(error("1G"), @"`1G` has the unknown unit `G`: B, kB, MB, GB, TB and KiB, MiB, GiB, TiB are known");
        insta::assert_snapshot!(error("99999999TiB"), @"`99999999TiB` is more than any memory holds");
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "\\PC*") {
            let _ = parse(&text);
        }

        #[test]
        fn nearly_sizes_are_read_or_refused(text in "[0-9]{0,25}\\.?[0-9]{0,25}(B|kB|TiB|x)?") {
            let _ = parse(&text);
        }
    }
}
