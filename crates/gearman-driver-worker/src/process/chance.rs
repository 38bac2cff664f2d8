//! Randomness for what many processes should not do at once.

use std::hash::{BuildHasher, Hasher, RandomState};

/// Between 0 and 1, another one at each call and in each process.
pub(super) fn unit() -> f64 {
    unit_of(&RandomState::new(), std::process::id())
}

/// `whole` less a random part of it, `share` of it at the most; 1 at the least.
pub(super) fn lowered(whole: u64, share: f64, unit: f64) -> u64 {
    // A limit has fewer digits than a float, and a bit more or less of a random part is no matter.
    let part = (whole as f64 * share.clamp(0.0, 1.0) * unit) as u64;
    whole.saturating_sub(part).max(1)
}

/// The standard library's per-hasher keys are random enough for this, but they are drawn once a thread: the processes of
/// a host have the same ones, so the PID comes in.
fn unit_of(keys: &RandomState, pid: u32) -> f64 {
    let mut hasher = keys.build_hasher();
    hasher.write_u32(pid);
    f64::from(u32::try_from(hasher.finish() >> 32).unwrap_or(0)) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processes_with_the_same_keys_do_not_come_back_together() {
        let keys = RandomState::new();
        let units: Vec<_> = (1000..1100).map(|pid| unit_of(&keys, pid)).collect();
        assert!(units.iter().all(|unit| (0.0..=1.0).contains(unit)));
        let mut different = units.clone();
        different.sort_by(f64::total_cmp);
        different.dedup();
        assert!(different.len() > 90, "{units:?}");
    }

    #[test]
    fn a_limit_is_lowered_by_its_share_at_the_most_and_never_to_nothing() {
        assert_eq!(lowered(1000, 0.1, 0.0), 1000);
        assert_eq!(lowered(1000, 0.1, 0.5), 950);
        assert_eq!(lowered(1000, 0.1, 1.0), 900);
        assert_eq!(lowered(1, 1.0, 1.0), 1);
        assert_eq!(lowered(u64::MAX, 0.0, 1.0), u64::MAX);
        assert_eq!(lowered(10, f64::NAN, 1.0), 10, "checked elsewhere, and harmless here");
    }
}
