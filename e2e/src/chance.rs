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

    /// A number of the range.
    pub fn within(&mut self, range: RangeInclusive<u64>) -> u64 {
        let (least, most) = range.into_inner();
        least + self.below(most - least + 1)
    }

    /// As [`Chance::within`], for what is counted in 32 bits.
    pub fn count(&mut self, range: RangeInclusive<u32>) -> u32 {
        let (least, most) = range.into_inner();
        self.within(u64::from(least)..=u64::from(most)) as u32
    }

    /// True so many times in a thousand.
    pub fn hits(&mut self, per_mille: u32) -> bool {
        self.below(1000) < u64::from(per_mille)
    }

    /// A time up to `most`, mostly a short one.
    pub fn time(&mut self, most: Duration) -> Duration {
        let part = self.below(1 << 10);
        let micros = u64::try_from(most.as_micros()).unwrap_or(u64::MAX);
        // The cube: half of the times are below an eighth.
        Duration::from_micros(((u128::from(micros) * u128::from(part * part * part)) >> 30) as u64)
    }

    /// A time around `mean`: half of it at least, and half as much again at most.
    pub fn around(&mut self, mean: Duration) -> Duration {
        mean / 2 + mean.mul_f64(self.below(1000) as f64 / 1000.0)
    }

    /// One of these; `None` where there is none.
    pub fn pick<T: Copy>(&mut self, from: &[T]) -> Option<T> {
        self.one_of(from).copied()
    }

    /// As [`Chance::pick`], for what can't be copied.
    pub fn one_of<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        let index = self.below(from.len() as u64) as usize;
        from.get(index)
    }

    /// Puts them in another order.
    pub fn shuffle<T>(&mut self, things: &mut [T]) {
        for end in (1..things.len()).rev() {
            let other = self.below(end as u64 + 1) as usize;
            things.swap(end, other);
        }
    }

    /// Another source, so that what is drawn from it moves nothing here.
    #[must_use]
    pub fn another(&mut self) -> Self {
        Self::of(self.next())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_order() {
        let shuffled = |seed| {
            let mut numbers: Vec<u32> = (0..100).collect();
            Chance::of(seed).shuffle(&mut numbers);
            numbers
        };
        assert_eq!(shuffled(1), shuffled(1));
        assert_ne!(shuffled(1), shuffled(2));
        let mut sorted = shuffled(3);
        sorted.sort_unstable();
        assert_eq!(sorted, (0..100).collect::<Vec<u32>>());
    }

    #[test]
    fn nothing_to_choose_from_is_no_panic() {
        assert_eq!(Chance::of(1).one_of::<u8>(&[]), None);
        assert_eq!(Chance::of(1).below(0), 0);
    }
}
