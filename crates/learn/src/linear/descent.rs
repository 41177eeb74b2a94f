//! A linear function in the features' own units, and the optimisers that move its weights.
//!
//! Only the weights of features that are there are touched, so that an event costs its own features whatever the size of
//! the table. What an optimiser keeps is kept for each weight; the weights of FTRL-proximal are computed from what it
//! keeps when they are needed.

use crate::dump;
use crate::features::{Row, Schema};
use crate::model::Contributions;
use crate::snapshot::{Reader, SnapshotError, Writer};

/// Larger values count as missing.
const LIMIT: f64 = 1e100;
/// Slopes and their products with features are kept within these, so that squares and sums stay finite (River clips at
/// 1e12 too).
const SLOPE_MAX: f64 = 1e12;
const GRADIENT_MAX: f64 = 1e120;
const SQUARES_MAX: f64 = 1e300;
const ADAM_FIRST: f64 = 0.9;
const ADAM_SECOND: f64 = 0.999;
const EPSILON: f64 = 1e-8;

/// How weights are moved.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Optimizer {
    Sgd { rate: f64, l2: f64 },
    AdaGrad { rate: f64, l2: f64 },
    Adam { rate: f64, l2: f64 },
    Ftrl { alpha: f64, beta: f64, l1: f64, l2: f64 },
}

/// One weight. Of FTRL-proximal, `weight` is unused, `first` is z and `second` is n; of AdaGrad, `second` is the sum of
/// squared gradients; of Adam, these are its two moments.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Weight {
    weight: f64,
    first: f64,
    second: f64,
}

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct Descent {
    optimizer: Optimizer,
    numeric: usize,
    /// The intercept, the numeric and the sparse features.
    weights: Vec<Weight>,
    /// Powers of Adam's decays.
    powers: [f64; 2],
}

/// The intercept and the features of a row that are there: their places and values.
fn features<'a>(numeric: usize, row: Row<'a>) -> impl Iterator<Item = (usize, f64)> + 'a {
    let dense = row.numeric.iter().take(numeric).enumerate().map(|(at, &value)| (1 + at, value));
    let sparse = row.sparse.iter().map(move |&(index, value)| (1 + numeric + index as usize, value));
    let there = dense.chain(sparse).filter(|(_, value)| value.abs() <= LIMIT && *value != 0.0);
    std::iter::once((0, 1.0)).chain(there)
}

impl Descent {
    pub(super) fn new(schema: &Schema, optimizer: Optimizer) -> Self {
        let numeric = schema.numeric.len();
        let weights = vec![Weight::default(); 1 + numeric + schema.sparse_size as usize];
        Descent { optimizer, numeric, weights, powers: [1.0; 2] }
    }

    fn weight(&self, place: usize) -> f64 {
        let Some(of) = self.weights.get(place) else { return 0.0 };
        match self.optimizer {
            Optimizer::Ftrl { alpha, beta, l1, l2 } => {
                // The intercept is never pulled.
                let (l1, l2) = if place == 0 { (0.0, 0.0) } else { (l1, l2) };
                match of.first.abs() <= l1 {
                    true => 0.0,
                    false => (l1 * of.first.signum() - of.first) / ((beta + of.second.sqrt()) / alpha + l2),
                }
            }
            _ => of.weight,
        }
    }

    /// The value of the function; finite.
    pub(super) fn value(&self, row: Row<'_>) -> f64 {
        let mut sum = 0.0;
        for (place, value) in features(self.numeric, row) {
            sum += self.weight(place) * value;
        }
        if sum.is_nan() { 0.0 } else { sum.clamp(-LIMIT, LIMIT) }
    }

    /// What each feature adds; the intercept is the base.
    pub(super) fn explain(&self, row: Row<'_>, out: &mut Contributions) {
        out.clear(row);
        let part = |place: usize, value: f64| match value.abs() <= LIMIT && value != 0.0 {
            true => self.weight(place) * value,
            false => 0.0,
        };
        out.base = self.weight(0);
        for (at, (out, &value)) in out.numeric.iter_mut().zip(row.numeric).enumerate() {
            *out = part(1 + at, value);
        }
        for (out, &(index, value)) in out.sparse.iter_mut().zip(row.sparse) {
            *out = part(1 + self.numeric + index as usize, value);
        }
    }

    pub(super) fn dump(&self, schema: &Schema, out: &mut String) {
        let mut named = vec![("(intercept)".to_owned(), self.weight(0))];
        named.extend((1..self.weights.len()).map(|at| (dump::feature_name(schema, at - 1), self.weight(at))));
        dump::weights(named, out);
    }

    pub(super) fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.weights.len() * size_of::<Weight>()
    }

    /// Moves the weights down the slope.
    pub(super) fn step(&mut self, row: Row<'_>, slope: f64, weight: f64) {
        self.powers[0] *= ADAM_FIRST;
        self.powers[1] *= ADAM_SECOND;
        let slope = (slope * weight).clamp(-SLOPE_MAX, SLOPE_MAX);
        for (place, value) in features(self.numeric, row) {
            let now = self.weight(place);
            if let Some(of) = self.weights.get_mut(place) {
                let gradient = (slope * value).clamp(-GRADIENT_MAX, GRADIENT_MAX);
                of.step(self.optimizer, gradient, now, place == 0, self.powers);
            }
        }
    }
}

impl Weight {
    fn step(&mut self, optimizer: Optimizer, gradient: f64, now: f64, intercept: bool, powers: [f64; 2]) {
        let pulled = |l2: f64| gradient + if intercept { 0.0 } else { l2 * now };
        let moved = |weight: f64| weight.clamp(-LIMIT, LIMIT);
        match optimizer {
            Optimizer::Sgd { rate, l2 } => self.weight = moved(now - rate * pulled(l2)),
            Optimizer::AdaGrad { rate, l2 } => {
                let gradient = pulled(l2);
                self.second = (self.second + gradient * gradient).min(SQUARES_MAX);
                self.weight = moved(now - rate * gradient / (self.second + EPSILON).sqrt());
            }
            Optimizer::Adam { rate, l2 } => {
                let gradient = pulled(l2);
                self.first = ADAM_FIRST * self.first + (1.0 - ADAM_FIRST) * gradient;
                self.second = ADAM_SECOND * self.second + (1.0 - ADAM_SECOND) * gradient * gradient;
                let first = self.first / (1.0 - powers[0]);
                let second = self.second / (1.0 - powers[1]);
                self.weight = moved(now - rate * first / (second.sqrt() + EPSILON));
            }
            Optimizer::Ftrl { alpha, .. } => {
                let squares = (self.second + gradient * gradient).min(SQUARES_MAX);
                let sigma = (squares.sqrt() - self.second.sqrt()) / alpha;
                self.first = (self.first + gradient - sigma * now).clamp(-SQUARES_MAX, SQUARES_MAX);
                self.second = squares;
            }
        }
    }
}

impl Descent {
    /// Saves what was learnt; weights that were never touched take no room.
    pub(super) fn save(&self, out: &mut Writer) {
        out.float(self.powers[0]);
        out.float(self.powers[1]);
        let touched = || self.weights.iter().enumerate().filter(|(_, of)| **of != Weight::default());
        out.unsigned(self.weights.len() as u64);
        out.unsigned(touched().count() as u64);
        let mut next = 0;
        for (place, of) in touched() {
            out.unsigned((place - next) as u64);
            next = place + 1;
            out.float(of.weight);
            out.float(of.first);
            out.float(of.second);
        }
    }

    /// Loads what [`Descent::save`] wrote.
    pub(super) fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        for power in &mut self.powers {
            *power = from.finite_not_negative()?;
            if *power > 1.0 {
                return Err(from.invalid("a power of a number below 1 is above 1"));
            }
        }
        from.expect_length(self.weights.len(), "weights")?;
        self.weights.fill(Weight::default());
        let mut next = 0u64;
        for _ in 0..from.length(25)? {
            let place = next.saturating_add(from.unsigned()?);
            next = place.saturating_add(1);
            let of =
                Weight { weight: from.finite()?, first: from.finite()?, second: from.finite_not_negative()? };
            let sound = of.weight.abs() <= LIMIT && of.first.abs() <= SQUARES_MAX && of.second <= SQUARES_MAX;
            match usize::try_from(place).ok().and_then(|place| self.weights.get_mut(place)) {
                Some(slot) if sound => *slot = of,
                _ => return Err(from.invalid("a weight is out of place or range")),
            }
        }
        Ok(())
    }
}
