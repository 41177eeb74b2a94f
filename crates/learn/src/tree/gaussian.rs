//! Normal distributions of numeric features, one for each feature and class of a leaf; four features side by side.

use super::columns::LANES;
use crate::snapshot::{Reader, SnapshotError, Writer};

/// Four numbers that are worked on side by side; plain loops that compilers turn into vector instructions.
pub(crate) type Four = [f64; LANES];

/// A sum of squares below this is none: its reciprocal would not be finite.
const SQUARES_MIN: f64 = 1e-280;
/// What an event loses, in log-likelihood, for a value that a class has never had where the class has only had one.
const NEVER_SEEN: f64 = 1000.0;
/// Blocks whose product of mantissas, each below 2, is surely finite.
const BLOCKS_AT_ONCE: usize = 100;

/// Four features of the events of one class.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Block {
    weight: Four,
    mean: Four,
    /// Weighted sums of squared differences from the mean.
    squares: Four,
    min: Four,
    max: Four,
}

impl Block {
    pub(crate) const EMPTY: Block = Block {
        weight: [0.0; LANES],
        mean: [0.0; LANES],
        squares: [0.0; LANES],
        min: [f64::INFINITY; LANES],
        max: [f64::NEG_INFINITY; LANES],
    };

    /// Learns four values, of which those that are NaN are missing (Welford).
    #[inline(always)]
    pub(crate) fn add(&mut self, values: Four, weight: f64) {
        for (lane, &value) in values.iter().enumerate() {
            let there = !value.is_nan();
            let added = if there { weight } else { 0.0 };
            let before = if there { value - self.mean[lane] } else { 0.0 };
            let sum = self.weight[lane] + added;
            let mean = self.mean[lane] + before * (added / sum.max(f64::MIN_POSITIVE));
            let after = if there { value - mean } else { 0.0 };
            self.weight[lane] = sum;
            self.mean[lane] = mean;
            self.squares[lane] += added * (before * after);
            self.min[lane] = if value < self.min[lane] { value } else { self.min[lane] };
            self.max[lane] = if value > self.max[lane] { value } else { self.max[lane] };
        }
    }

    /// Smallest and largest value of a feature; infinite where there is none.
    pub(crate) fn range(&self, lane: usize) -> (f64, f64) {
        (self.min[lane], self.max[lane])
    }

    /// The weight of a feature's values.
    pub(crate) fn weight(&self, lane: usize) -> f64 {
        self.weight[lane]
    }

    /// Mean and deviation of a feature; 0 where there is none.
    pub(crate) fn moments(&self, lane: usize) -> (f64, f64) {
        let (weight, squares) = (self.weight[lane], self.squares[lane]);
        let deviation =
            if squares > SQUARES_MIN && weight > 1.0 { (squares / (weight - 1.0)).sqrt() } else { 0.0 };
        (self.mean[lane], deviation)
    }

    /// Differences from the mean in deviations, at most `reach`; 0 where a value is missing or has no deviation.
    #[inline]
    pub(crate) fn standardised(&self, values: Four, reach: f64) -> Four {
        let mut out = [0.0; LANES];
        for (lane, &value) in values.iter().enumerate() {
            let (weight, squares) = (self.weight[lane], self.squares[lane]);
            let spread = (squares > SQUARES_MIN) & (weight > 1.0) & !value.is_nan();
            let precision = if spread { ((weight - 1.0) / squares).sqrt() } else { 0.0 };
            let standard = if spread { (value - self.mean[lane]) * precision } else { 0.0 };
            out[lane] = standard.clamp(-reach, reach);
        }
        out
    }

    /// The estimated weight of the values up to a border.
    pub(crate) fn weight_up_to(&self, lane: usize, border: f64) -> f64 {
        let (weight, mean, squares) = (self.weight[lane], self.mean[lane], self.squares[lane]);
        if border < self.min[lane] || weight <= 0.0 {
            0.0
        } else if border >= self.max[lane] {
            weight
        } else if squares > SQUARES_MIN && weight > 1.0 {
            let deviation = (squares / (weight - 1.0)).sqrt();
            0.5 * libm::erfc((mean - border) / (deviation * std::f64::consts::SQRT_2)) * weight
        } else if border < mean {
            0.0
        } else {
            weight
        }
    }

    pub(crate) fn save(&self, out: &mut Writer) {
        for values in [&self.weight, &self.mean, &self.squares, &self.min, &self.max] {
            values.iter().for_each(|value| out.float(*value));
        }
    }

    /// Floats that [`Block::save`] writes.
    pub(crate) const FLOATS: usize = 5 * LANES;

    pub(crate) fn load(from: &mut Reader<'_>) -> Result<Block, SnapshotError> {
        let mut block = Block::EMPTY;
        let Block { weight, mean, squares, min, max } = &mut block;
        for values in [weight, mean, squares, min, max] {
            for value in values {
                *value = from.float()?;
            }
        }
        for lane in 0..LANES {
            let sound = [block.mean[lane], block.squares[lane]].iter().all(|value| value.is_finite());
            let (weight, squares) = (block.weight[lane], block.squares[lane]);
            let (min, max) = block.range(lane);
            let ranged = if weight == 0.0 {
                (min, max) == (f64::INFINITY, f64::NEG_INFINITY)
            } else {
                min.abs() <= 1e100 && max.abs() <= 1e100 && min <= max && block.mean[lane].abs() <= 1e101
            };
            if !sound || !(0.0..=1e18).contains(&weight) || !(0.0..=1e225).contains(&squares) || !ranged {
                return Err(from.invalid("moments of a feature that cannot be"));
            }
        }
        Ok(block)
    }
}

/// The logarithm of a prior times the density of an event's values in the distributions of one class. `values` gives the
/// four of each block.
///
/// Instead of a logarithm for each feature there is one for the product of all: mantissas are multiplied and exponents
/// added.
#[inline(always)]
pub(crate) fn log_density(prior: f64, blocks: &[Block], values: impl Fn(usize) -> Four) -> f64 {
    let mut log = 0.0;
    // Squared, since the products are those of squared densities.
    let mut factor = prior * prior;
    for (chunk, part) in blocks.chunks(BLOCKS_AT_ONCE).enumerate() {
        let (mut distance, mut never, mut product) = ([0.0; LANES], [0.0; LANES], [1.0f64; LANES]);
        let mut exponents = [0u64; LANES];
        for (at, block) in part.iter().enumerate() {
            let values = values(chunk * BLOCKS_AT_ONCE + at);
            for lane in 0..LANES {
                let (weight, squares) = (block.weight[lane], block.squares[lane]);
                let from_mean = values[lane] - block.mean[lane];
                let there = !from_mean.is_nan();
                let spread = (squares > SQUARES_MIN) & (weight > 1.0);
                let precision = if there & spread { (weight - 1.0) / squares } else { 0.0 };
                let density = if there & spread { precision * (0.5 / std::f64::consts::PI) } else { 1.0 };
                let square = from_mean * from_mean;
                distance[lane] += if there & spread { square * precision } else { 0.0 };
                never[lane] += if there & !spread & ((square > 0.0) | (weight == 0.0)) { 1.0 } else { 0.0 };
                let bits = density.to_bits();
                product[lane] *= f64::from_bits(bits & 0x000f_ffff_ffff_ffff | 0x3ff0_0000_0000_0000);
                exponents[lane] += bits >> 52;
            }
        }
        let exponent: u64 = exponents.iter().sum();
        let exponent = exponent as f64 - 1023.0 * (part.len() * LANES) as f64;
        let product = (product[0] * product[1]) * (product[2] * product[3]) * factor;
        factor = 1.0;
        let distance = (distance[0] + distance[1]) + (distance[2] + distance[3]);
        let never = (never[0] + never[1]) + (never[2] + never[3]);
        log += 0.5 * (libm::log(product) + exponent * std::f64::consts::LN_2 - distance) - never * NEVER_SEEN;
    }
    if blocks.is_empty() { libm::log(prior) } else { log }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_and_densities_are_those_of_the_normal_distribution() {
        let mut block = Block::EMPTY;
        for value in [1.0, 2.0, 4.0, 9.0] {
            block.add([value, f64::NAN, 7.0, value], 1.0);
        }
        // Mean 4, variance 38 / 3.
        let density = |value: f64| {
            -0.5 * ((value - 4.0f64).powi(2) * 3.0 / 38.0 + (std::f64::consts::TAU * 38.0 / 3.0).ln())
        };
        let log = |values: Four| log_density(1.0, std::slice::from_ref(&block), |_| values);
        let missing = f64::NAN;
        assert!((log([5.0, missing, missing, missing]) - density(5.0)).abs() < 1e-12);
        assert!((log([5.0, missing, 7.0, 1.0]) - density(5.0) - density(1.0)).abs() < 1e-12);
        // Of a feature that was always 7, another value is as good as impossible; so is one that was never there.
        assert!(log([missing, missing, 8.0, missing]) == -NEVER_SEEN);
        assert!(log([missing, 1.0, missing, missing]) == -NEVER_SEEN);
        assert!((block.weight_up_to(0, 4.0) - 2.0).abs() < 1e-12);
        assert_eq!(
            (block.weight_up_to(0, 0.5), block.weight_up_to(0, 9.0), block.weight_up_to(2, 6.5)),
            (0.0, 4.0, 0.0)
        );
    }

    #[test]
    fn many_blocks_do_not_overflow() {
        let mut block = Block::EMPTY;
        [1e-9, 2e-9, 4e-9].iter().for_each(|value| block.add([*value; LANES], 1.0));
        let one = log_density(1.0, std::slice::from_ref(&block), |_| [1e-9; LANES]);
        let many = log_density(1.0, &vec![block; 1000], |_| [1e-9; LANES]);
        assert!((many / one - 1000.0).abs() < 1e-6, "{one} {many}");
    }
}
