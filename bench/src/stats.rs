//! Medians and percentiles of small samples.

/// The middle value, or the mean of the two in the middle. NaN for an empty sample.
pub(crate) fn median(sample: &[f64]) -> f64 {
    let sorted = sorted(sample);
    let middle = sorted.len() / 2;
    match (sorted.len(), sorted.len() % 2) {
        (0, _) => f64::NAN,
        (_, 1) => sorted[middle],
        _ => f64::midpoint(sorted[middle - 1], sorted[middle]),
    }
}

/// The smallest value that at least `percent` of the sample do not exceed (nearest rank). NaN for an
/// empty sample.
pub(crate) fn percentile(sample: &[f64], percent: usize) -> f64 {
    let sorted = sorted(sample);
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or(f64::NAN)
}

/// The smallest and the largest value.
pub(crate) fn range(sample: &[f64]) -> (f64, f64) {
    (percentile(sample, 0), percentile(sample, 100))
}

fn sorted(sample: &[f64]) -> Vec<f64> {
    let mut sorted = sample.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
        assert!(median(&[]).is_nan());
    }

    #[test]
    fn percentiles_are_values_of_the_sample() {
        let sample: Vec<f64> = (1..=20).map(f64::from).collect();
        assert_eq!(percentile(&sample, 50), 10.0);
        assert_eq!(percentile(&sample, 99), 20.0);
        assert_eq!(range(&sample), (1.0, 20.0));
        assert!(percentile(&[], 50).is_nan());
    }
}
