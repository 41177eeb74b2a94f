//! Four numbers that are worked on side by side.
//!
//! Plain arithmetic that compilers turn into vector instructions of whatever width the machine has. The results are
//! the same on every machine: each lane is computed alone, and [`Lanes::sum`] adds in a fixed order.

use std::ops::{Add, AddAssign, Mul, Sub};

/// Numbers in a [`Lanes`].
pub(crate) const LANES: usize = 4;

/// See the module.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[repr(align(32))]
pub(crate) struct Lanes([f64; LANES]);

impl Lanes {
    /// The same number four times.
    #[inline(always)]
    pub(crate) fn splat(value: f64) -> Self {
        Lanes([value; LANES])
    }

    /// Up to four numbers, NaN where there are fewer.
    #[inline(always)]
    pub(crate) fn of(values: &[f64]) -> Self {
        match values.first_chunk() {
            Some(values) => Lanes(*values),
            None => {
                let mut lanes = [f64::NAN; LANES];
                lanes[..values.len()].copy_from_slice(values);
                Lanes(lanes)
            }
        }
    }

    /// One of the numbers.
    pub(crate) fn get(self, lane: usize) -> f64 {
        self.0[lane % LANES]
    }

    /// Replaces one of the numbers.
    pub(crate) fn set(&mut self, lane: usize, value: f64) {
        self.0[lane % LANES] = value;
    }

    /// Each number changed.
    #[inline(always)]
    pub(crate) fn map(self, change: impl Fn(f64) -> f64) -> Self {
        let [a, b, c, d] = self.0;
        Lanes([change(a), change(b), change(c), change(d)])
    }

    /// Each pair of numbers made one.
    #[inline(always)]
    pub(crate) fn with(self, other: Self, combine: impl Fn(f64, f64) -> f64) -> Self {
        let ([a, b, c, d], [e, f, g, h]) = (self.0, other.0);
        Lanes([combine(a, e), combine(b, f), combine(c, g), combine(d, h)])
    }

    /// Each quotient.
    #[inline(always)]
    pub(crate) fn over(self, other: Self) -> Self {
        self.with(other, |a, b| a / b)
    }

    /// Each reciprocal square root to a relative 1e-10, and something finite for 0: three steps of Newton's method
    /// from a guess made of the exponent. Half the time of a division and a root, and still the same everywhere.
    #[inline(always)]
    pub(crate) fn inverse_sqrt(self) -> Self {
        let guess = |value: f64| f64::from_bits(0x5fe6_eb50_c7b5_37a9_u64.wrapping_sub(value.to_bits() >> 1));
        let half = self * 0.5;
        let mut root = self.map(guess);
        for _ in 0..3 {
            root = root * (Lanes::splat(1.5) - half * root * root);
        }
        root
    }

    /// The smaller of each pair; written as a comparison, which is one vector instruction.
    #[inline(always)]
    pub(crate) fn min(self, other: Self) -> Self {
        self.with(other, |a, b| if a < b { a } else { b })
    }

    /// The larger of each pair.
    #[inline(always)]
    pub(crate) fn max(self, other: Self) -> Self {
        self.with(other, |a, b| if a > b { a } else { b })
    }

    /// Each number brought within `-reach..=reach`.
    #[inline(always)]
    pub(crate) fn within(self, reach: Self) -> Self {
        self.min(reach).max(reach.map(|reach| -reach))
    }

    /// The sum, always in the same order.
    #[inline(always)]
    pub(crate) fn sum(self) -> f64 {
        let [a, b, c, d] = self.0;
        (a + b) + (c + d)
    }
}

impl Add for Lanes {
    type Output = Lanes;
    #[inline(always)]
    fn add(self, other: Lanes) -> Lanes {
        self.with(other, |a, b| a + b)
    }
}

impl AddAssign for Lanes {
    #[inline(always)]
    fn add_assign(&mut self, other: Lanes) {
        *self = *self + other;
    }
}

impl Sub for Lanes {
    type Output = Lanes;
    #[inline(always)]
    fn sub(self, other: Lanes) -> Lanes {
        self.with(other, |a, b| a - b)
    }
}

impl Mul for Lanes {
    type Output = Lanes;
    #[inline(always)]
    fn mul(self, other: Lanes) -> Lanes {
        self.with(other, |a, b| a * b)
    }
}

impl Mul<f64> for Lanes {
    type Output = Lanes;
    #[inline(always)]
    fn mul(self, factor: f64) -> Lanes {
        self.map(|value| value * factor)
    }
}
