//! The linear model of a regression tree's leaf: recursive least squares over standardised features.

use crate::snapshot::{Reader, SnapshotError, Writer};

/// With more features than this there is no matrix, and the steps are those of normalised least mean squares.
pub(crate) const MATRIX_FEATURES_MAX: usize = 40;
/// What the squared weights cost at the start, in events.
const RIDGE: f64 = 1.0;
/// Rate of the steps without a matrix.
const RATE: f64 = 0.1;
/// Weights further out than this are brought back.
const WEIGHT_MAX: f64 = 1e6;

/// Weights of the features and the intercept, which stands last; for a standardised target.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Linear {
    weights: Vec<f64>,
    /// The inverse of the matrix of the features' products, row by row; empty where there are too many features.
    inverse: Vec<f64>,
}

impl Linear {
    /// Knows nothing.
    pub(crate) fn new(features: usize) -> Self {
        let size = features + 1;
        let mut inverse = Vec::new();
        if features <= MATRIX_FEATURES_MAX {
            inverse = vec![0.0; size * size];
            (0..size).for_each(|at| inverse[at * size + at] = 1.0 / RIDGE);
        }
        Linear { weights: vec![0.0; size], inverse }
    }

    /// What a child starts with: the same weights, less sure of them.
    pub(crate) fn child(&self) -> Self {
        let mut child = self.clone();
        let size = child.weights.len();
        if !child.inverse.is_empty() {
            let trace: f64 = (0..size).map(|at| child.inverse[at * size + at]).sum();
            let factor = (size as f64 / RIDGE / trace.max(1e-12)).clamp(1.0, 4.0);
            child.inverse.iter_mut().for_each(|value| *value *= factor);
        }
        child
    }

    /// The prediction for standardised features (the last is 1).
    #[inline]
    pub(crate) fn predict(&self, features: &[f64]) -> f64 {
        self.weights.iter().zip(features).map(|(weight, feature)| weight * feature).sum()
    }

    /// A feature's part of the prediction.
    pub(crate) fn part(&self, feature: usize, value: f64) -> f64 {
        self.weights[feature] * value
    }

    /// Learns that `target` was right. `gain` is room for as many numbers as there are features.
    pub(crate) fn learn(&mut self, features: &[f64], target: f64, weight: f64, gain: &mut Vec<f64>) {
        let error = target - self.predict(features);
        if self.inverse.is_empty() {
            let square: f64 = features.iter().map(|feature| feature * feature).sum();
            let step = RATE * weight.min(10.0) * error / (1.0 + square);
            self.weights.iter_mut().zip(features).for_each(|(weight, feature)| *weight += step * feature);
        } else {
            self.step(features, error, weight, gain);
        }
        if !self.weights.iter().all(|weight| weight.abs() <= WEIGHT_MAX) {
            *self = Linear::new(self.weights.len() - 1);
        }
    }

    fn step(&mut self, features: &[f64], error: f64, weight: f64, gain: &mut Vec<f64>) {
        let size = self.weights.len();
        gain.clear();
        for row in self.inverse.chunks(size) {
            gain.push(row.iter().zip(features).map(|(value, feature)| value * feature).sum());
        }
        let spread: f64 = gain.iter().zip(features).map(|(gain, feature)| gain * feature).sum();
        let scale = 1.0 / (1.0 / weight + spread);
        if !(scale > 0.0 && spread >= 0.0) {
            *self = Linear::new(size - 1);
            return;
        }
        for (row, left) in self.inverse.chunks_mut(size).zip(&*gain) {
            let factor = left * scale;
            row.iter_mut().zip(&*gain).for_each(|(value, right)| *value -= factor * right);
        }
        self.weights.iter_mut().zip(&*gain).for_each(|(weight, gain)| *weight += gain * scale * error);
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        8 * (self.weights.len() + self.inverse.len())
    }

    pub(crate) fn save(&self, out: &mut Writer) {
        out.floats(&self.weights);
        out.floats(&self.inverse);
    }

    pub(crate) fn load(features: usize, from: &mut Reader<'_>) -> Result<Self, SnapshotError> {
        let mut read = Linear::new(features);
        from.floats_into(&mut read.weights)?;
        from.floats_into(&mut read.inverse)?;
        let sound = read.weights.iter().chain(&read.inverse).all(|value| value.abs() <= WEIGHT_MAX);
        if sound { Ok(read) } else { Err(from.invalid("a leaf's weights are out of reach")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_find_the_weights() {
        for features in [3, MATRIX_FEATURES_MAX + 1] {
            let mut model = Linear::new(features);
            let mut random = crate::random::Random::new(1);
            let mut gain = Vec::new();
            for _ in 0..20_000 {
                let mut row: Vec<f64> = (0..features).map(|_| random.normal()).collect();
                row.push(1.0);
                model.learn(&row, 2.0 * row[0] - row[1] + 0.5, 1.0, &mut gain);
            }
            for (weight, wanted) in model.weights.iter().zip([2.0, -1.0, 0.0]) {
                assert!((weight - wanted).abs() < 0.01, "{model:?}");
            }
            assert!((model.weights[features] - 0.5).abs() < 0.01);
        }
    }
}
