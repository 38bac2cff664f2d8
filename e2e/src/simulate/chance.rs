//! Chance: numbers from a seed, the same ones for the same seed.

use std::ops::RangeInclusive;
use std::time::Duration;

/// Pseudo-random numbers (splitmix64).
#[derive(Debug, Clone)]
pub struct Chance(u64);

impl Chance {
    /// Those of this seed.
    #[must_use]
    pub fn of(seed: u64) -> Self {
        let mut chance = Self(seed);
        // Neighbouring seeds begin far from each other.
        chance.0 = chance.next();
        chance
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `bound`; 0 where that is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(bound)) >> 64) as u64
    }

    pub(super) fn within(&mut self, range: RangeInclusive<u64>) -> u64 {
        let (least, most) = range.into_inner();
        least + self.below(most - least + 1)
    }

    /// As [`Chance::within`], for what is counted in 32 bits.
    pub(super) fn count(&mut self, range: RangeInclusive<u32>) -> u32 {
        let (least, most) = range.into_inner();
        self.within(u64::from(least)..=u64::from(most)) as u32
    }

    /// True so many times in a thousand.
    pub fn hits(&mut self, per_mille: u32) -> bool {
        self.below(1000) < u64::from(per_mille)
    }

    /// A time up to `most`, mostly a short one.
    pub(super) fn time(&mut self, most: Duration) -> Duration {
        let part = self.below(1 << 10);
        let micros = u64::try_from(most.as_micros()).unwrap_or(u64::MAX);
        // The cube: half of the times are below an eighth.
        Duration::from_micros(((u128::from(micros) * u128::from(part * part * part)) >> 30) as u64)
    }

    /// A time around `mean`: half of it at least, and half as much again at most.
    pub(super) fn around(&mut self, mean: Duration) -> Duration {
        mean / 2 + mean.mul_f64(self.below(1000) as f64 / 1000.0)
    }

    /// One of these; `None` where there is none.
    pub fn pick<T: Copy>(&mut self, from: &[T]) -> Option<T> {
        let index = self.below(from.len() as u64) as usize;
        from.get(index).copied()
    }
}
