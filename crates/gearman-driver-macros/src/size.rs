//! Sizes as the configuration writes them: `100MB`, `1.5GiB`, `4096`. (The configuration's own reading is in
//! gearman-driver-core, which a macro need not wait for.)

const UNITS: &[(&str, u64)] = &[
    ("", 1),
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

/// The size in bytes, if the text is one.
pub(crate) fn parse(text: &str) -> Option<u64> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let (_, unit) = UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit.trim_start()))?;
    match number.split_once('.') {
        None => number.parse::<u64>().ok()?.checked_mul(*unit),
        Some((whole, fraction)) if (1..=18).contains(&fraction.len()) => {
            let scale = 10_u128.pow(u32::try_from(fraction.len()).ok()?);
            let part = u128::from(fraction.parse::<u64>().ok()?) * u128::from(*unit) / scale;
            whole.parse::<u64>().ok()?.checked_mul(*unit)?.checked_add(u64::try_from(part).ok()?)
        }
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_the_configuration_reads() {
        assert_eq!(["0", "4096", "100MB", "2kB", "1.5 GiB", "1mib"].map(parse), {
            [0, 4096, 100_000_000, 2_000, 3 << 29, 1 << 20].map(Some)
        });
        assert_eq!(["", "1G", "-1", "1.", ".5MB", "1.2.3", "MB", "99999999TiB"].map(parse), [None; 8]);
    }
}
