//! The logarithm of a long product, with one call of the logarithm.
//!
//! Exponents are added as whole numbers, mantissas are multiplied: a few operations for each factor where a logarithm
//! takes dozens, and nothing overflows.

use crate::lanes::{LANES, Lanes};

/// A product of positive, normal numbers, one for each lane.
#[derive(Clone, Copy, Debug)]
pub(super) struct Product {
    /// From 1 to below 2.
    mantissa: Lanes,
    exponent: [i64; LANES],
}

impl Product {
    pub(super) fn one() -> Self {
        Product { mantissa: Lanes::splat(1.0), exponent: [0; LANES] }
    }

    /// Multiplies; each factor lies within 1e±290.
    #[inline(always)]
    pub(super) fn times(&mut self, factors: Lanes) {
        let product = self.mantissa * factors;
        for (lane, exponent) in self.exponent.iter_mut().enumerate() {
            *exponent += (product.get(lane).to_bits() >> 52) as i64 - 1023;
        }
        self.mantissa = product.map(|value| f64::from_bits(value.to_bits() & !(0x7ff << 52) | 1023 << 52));
    }

    /// The natural logarithm of the whole product.
    pub(super) fn ln(&self) -> f64 {
        let exponent: i64 = self.exponent.iter().sum();
        // Four numbers below 2: at most 16.
        let mantissa = (0..LANES).fold(1.0, |product, lane| product * self.mantissa.get(lane));
        exponent as f64 * std::f64::consts::LN_2 + libm::log(mantissa)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_logarithm_of_a_product_is_the_sum_of_logarithms() {
        let mut product = Product::one();
        let mut sum = 0.0;
        for number in 1..5000 {
            let factor = libm::pow(10.0, f64::from(number * 7919 % 561) - 280.0) * f64::from(number);
            let factors = Lanes::of(&[factor, 1.0, 1.0 / factor.sqrt(), 0.3]);
            product.times(factors);
            sum += (0..LANES).map(|lane| libm::log(factors.get(lane))).sum::<f64>();
        }
        assert!((product.ln() / sum - 1.0).abs() < 1e-12, "{} {sum}", product.ln());
    }
}
