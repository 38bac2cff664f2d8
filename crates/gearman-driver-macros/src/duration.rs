//! Durations as the configuration writes them: `5`, `0.5`, `500ms`, `5m`. (The configuration's own reading is in
//! gearman-driver-core, which a macro need not wait for.)

use std::time::Duration;

const UNITS: &[(&str, f64)] = &[("", 1.0), ("ms", 0.001), ("s", 1.0), ("m", 60.0), ("h", 3600.0), ("d", 86_400.0)];

/// The duration, if the text is one.
pub(crate) fn parse(text: &str) -> Option<Duration> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    if number.starts_with('.') || number.ends_with('.') {
        return None;
    }
    let (_, unit) = UNITS.iter().find(|(name, _)| *name == unit.trim_start())?;
    // In whole microseconds: finer is noise of the floating point.
    let micros = (number.parse::<f64>().ok()? * unit * 1e6).round();
    (micros < 1e18).then(|| Duration::from_micros(micros as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_the_configuration_reads() {
        let millis = |text| parse(text).map(|time| time.as_millis());
        assert_eq!(["5", "0.5", "500ms", "5s", "5m", "1h", "2d", "1.1 s"].map(millis), {
            [5_000, 500, 500, 5_000, 300_000, 3_600_000, 172_800_000, 1_100].map(Some)
        });
        assert_eq!(["", "5min", "-1", "1.", ".5", "1.2.3", "m", "1e3", "9999999999999999d"].map(millis), [None; 9]);
    }
}
