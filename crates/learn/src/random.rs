//! Random numbers that are the same on every machine, and whose generator is a part of a model's state.

use crate::snapshot::{Reader, Snapshot, SnapshotError, Writer};

/// SplitMix64 (Steele, Lea and Flood 2014): small, fast, one word of state, passes BigCrush. Not for secrets.
///
/// ```
/// use streamfold_learn::random::Random;
///
/// let mut random = Random::new(7);
/// let mean = (0..10_000).map(|_| random.unit()).sum::<f64>() / 10_000.0;
/// assert_eq!((mean * 100.0).round(), 50.0);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Random(u64);

impl Random {
    /// A generator that draws the same numbers for the same seed.
    pub fn new(seed: u64) -> Self {
        Random(seed)
    }

    /// A generator for one part of a model (a tree, an arm): independent of those of the other parts.
    pub fn of_part(seed: u64, part: u64) -> Self {
        Random(mix(mix(seed ^ 0x6a09_e667_f3bc_c909).wrapping_add(part)))
    }

    /// 64 random bits.
    #[inline]
    pub fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// From 0 to below `bound`, each equally likely (to within `bound` / 2^64); 0 where `bound` is 0.
    #[inline]
    pub fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.word()) * u128::from(bound)) >> 64) as u64
    }

    /// From 0 to below 1, in steps of 2^-53.
    #[inline]
    pub fn unit(&mut self) -> f64 {
        (self.word() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// From the normal distribution of mean 0 and deviation 1 (Box and Muller).
    pub fn normal(&mut self) -> f64 {
        let radius = (-2.0 * libm::log(1.0 - self.unit())).sqrt();
        radius * libm::cos(std::f64::consts::TAU * self.unit())
    }

    /// From the Poisson distribution of this mean (Knuth's product of uniforms: time grows with the mean, which is
    /// to be small, at most some 500).
    pub fn poisson(&mut self, mean: f64) -> u32 {
        let limit = libm::exp(-mean);
        let (mut product, mut count) = (self.unit(), 0);
        while product > limit {
            product *= self.unit();
            count += 1;
        }
        count
    }

    /// Puts the items in random order (Fisher and Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last as u64 + 1) as usize);
        }
    }
}

fn mix(mut word: u64) -> u64 {
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

impl Snapshot for Random {
    fn save(&self, out: &mut Writer) {
        out.word(self.0);
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        self.0 = from.word()?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_sequence() {
        // The first outputs of the reference implementation (splitmix64.c, Sebastiano Vigna) for the seed 1234567.
        let mut random = Random::new(1_234_567);
        let drawn: Vec<u64> = (0..3).map(|_| random.word()).collect();
        assert_eq!(drawn, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
    }

    #[test]
    fn moments_of_the_distributions() {
        let mut random = Random::of_part(1, 2);
        let draws = 200_000;
        let mut moments = |draw: &mut dyn FnMut(&mut Random) -> f64| {
            let (mut sum, mut squares) = (0.0, 0.0);
            for _ in 0..draws {
                let value = draw(&mut random);
                sum += value;
                squares += value * value;
            }
            let mean = sum / f64::from(draws);
            (mean, squares / f64::from(draws) - mean * mean)
        };
        let near = |(mean, variance): (f64, f64), wanted: (f64, f64)| {
            (mean - wanted.0).abs() < 0.03 && (variance - wanted.1).abs() < 0.1
        };
        assert!(near(moments(&mut |random| random.normal()), (0.0, 1.0)));
        assert!(near(moments(&mut |random| f64::from(random.poisson(6.0))), (6.0, 6.0)));
        assert!(near(moments(&mut |random| f64::from(random.poisson(1.0))), (1.0, 1.0)));
        assert!(near(moments(&mut |random| random.below(6) as f64), (2.5, 35.0 / 12.0)));
    }

    #[test]
    fn shuffled_is_a_permutation_and_every_place_is_reached() {
        let mut random = Random::new(3);
        let mut firsts = [0; 4];
        for _ in 0..1000 {
            let mut items = [0, 1, 2, 3];
            random.shuffle(&mut items);
            firsts[items[0]] += 1;
            items.sort_unstable();
            assert_eq!(items, [0, 1, 2, 3]);
        }
        assert!(firsts.iter().all(|&count| (200..300).contains(&count)), "{firsts:?}");
    }
}
