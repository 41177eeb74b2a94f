//! The one source of chance: everything that a simulated run draws comes from its seed.

/// A small, fast generator (SplitMix64); the same numbers on every machine and in every version.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// Numbers that follow from this seed alone.
    pub fn new(seed: u64) -> Self {
        Random(seed ^ 0x5f37_59df_0bad_cafe)
    }

    /// A generator of its own for one purpose, so that drawing more for one thing does not change another.
    pub fn fork(&mut self) -> Random {
        Random(self.next())
    }

    /// The next number.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`; 0 where that is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(bound)) >> 64) as u64
    }

    /// A place in something of this length.
    pub fn index(&mut self, length: usize) -> usize {
        self.below(length as u64) as usize
    }

    /// A number from `low` to `high`, both included.
    pub fn range(&mut self, low: i64, high: i64) -> i64 {
        low + self.below((high - low + 1).max(1) as u64) as i64
    }

    /// A number from `low` to `high` whose order of magnitude is drawn first: small ones are as likely as large ones.
    pub fn scaled(&mut self, low: i64, high: i64) -> i64 {
        let bits = 64 - ((high - low).max(1) as u64).leading_zeros();
        let span = (1u64 << self.range(0, i64::from(bits))) - 1;
        low + self.below(span + 1).min((high - low) as u64) as i64
    }

    /// True in so many of a thousand cases.
    pub fn per_mille(&mut self, probability: u64) -> bool {
        self.below(1000) < probability
    }

    /// One of these.
    pub fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.index(of.len())]
    }

    /// A number from 0 to 1, 1 not included.
    pub fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stay_in_their_range_and_reach_its_ends() {
        let mut random = Random::new(1);
        let drawn: Vec<i64> = (0..2000).map(|_| random.range(3, 6)).collect();
        assert!((3..=6).all(|n| drawn.contains(&n)) && drawn.iter().all(|n| (3..=6).contains(n)));
        let drawn: Vec<i64> = (0..5000).map(|_| random.scaled(1, 1000)).collect();
        assert!(drawn.iter().all(|n| (1..=1000).contains(n)));
        assert!(drawn.iter().filter(|n| **n < 10).count() > 500 && drawn.iter().any(|n| *n > 400));
    }
}
