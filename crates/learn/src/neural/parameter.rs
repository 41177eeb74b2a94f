//! Weights of a network side by side, moved by Adam.

use crate::lanes::{LANES, Lanes};
use crate::snapshot::{Reader, SnapshotError, Writer};

const FIRST: f64 = 0.9;
const SECOND: f64 = 0.999;
/// Added to the squares: gradients below its root make no steps to speak of.
const EPSILON: f64 = 1e-16;
/// Weights stay within; a sound one is far from it.
const WEIGHT_MAX: f64 = 1e6;
const MOMENT_MAX: f64 = 1e60;

/// A few weights and their moments.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Parameter {
    pub(super) weight: Lanes,
    first: Lanes,
    second: Lanes,
}

/// Adam's clock: the decays' powers after so many steps.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    first: f64,
    second: f64,
}

impl Clock {
    pub(super) fn new() -> Self {
        Clock { first: 1.0, second: 1.0 }
    }

    /// The size of the next step.
    pub(super) fn tick(&mut self, rate: f64) -> f64 {
        self.first *= FIRST;
        self.second *= SECOND;
        rate * (1.0 - self.second).sqrt() / (1.0 - self.first)
    }

    pub(super) fn save(&self, out: &mut Writer) {
        out.float(self.first);
        out.float(self.second);
    }

    pub(super) fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        for power in [&mut self.first, &mut self.second] {
            *power = from.finite_not_negative()?;
            if *power > 1.0 {
                return Err(from.invalid("a power of a number below 1 is above 1"));
            }
        }
        Ok(())
    }
}

impl Parameter {
    pub(super) fn starting(weight: Lanes) -> Self {
        Parameter { weight, ..Parameter::default() }
    }

    /// Moves the weights against their gradients; `step` is [`Clock::tick`]'s.
    #[inline(always)]
    pub(super) fn step(&mut self, gradient: Lanes, step: f64) {
        self.first = self.first * FIRST + gradient * (1.0 - FIRST);
        self.second = self.second * SECOND + gradient * gradient * (1.0 - SECOND);
        let root = (self.second + Lanes::splat(EPSILON)).inverse_sqrt();
        self.weight = (self.weight - self.first * root * step).within(Lanes::splat(WEIGHT_MAX));
    }

    pub(super) fn save(&self, out: &mut Writer) {
        for part in [self.weight, self.first, self.second] {
            (0..LANES).for_each(|lane| out.float(part.get(lane)));
        }
    }

    pub(super) fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        for (part, lowest, highest) in [
            (&mut self.weight, -WEIGHT_MAX, WEIGHT_MAX),
            (&mut self.first, -MOMENT_MAX, MOMENT_MAX),
            (&mut self.second, 0.0, MOMENT_MAX),
        ] {
            for lane in 0..LANES {
                let value = from.finite()?;
                if !(lowest..=highest).contains(&value) {
                    return Err(from.invalid(format!("a weight or moment of {value}")));
                }
                part.set(lane, value);
            }
        }
        Ok(())
    }
}
