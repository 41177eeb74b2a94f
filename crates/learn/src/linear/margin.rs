//! A dense linear function in the features' own units, for learners that move all of a row's weights by one factor:
//! passive-aggressive and ALMA. The intercept is the weight of a feature that is always 1.

use crate::dump;
use crate::features::{Row, Schema};
use crate::model::Contributions;
use crate::snapshot::{Reader, SnapshotError, Writer};

/// Larger values count as missing, and weights stay within.
const LIMIT: f64 = 1e100;

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct Margin {
    numeric: usize,
    /// The intercept, the numeric and the sparse features.
    weights: Vec<f64>,
}

impl Margin {
    pub(super) fn new(schema: &Schema) -> Self {
        let numeric = schema.numeric.len();
        Margin { numeric, weights: vec![0.0; 1 + numeric + schema.sparse_size as usize] }
    }

    /// The intercept's 1 and the features that are there.
    fn features<'a>(&self, row: Row<'a>) -> impl Iterator<Item = (usize, f64)> + 'a {
        let (numeric, size) = (self.numeric, self.weights.len());
        let dense = row.numeric.iter().take(numeric).enumerate().map(|(at, &value)| (1 + at, value));
        let sparse = row.sparse.iter().map(move |&(index, value)| (1 + numeric + index as usize, value));
        let there = dense.chain(sparse).filter(move |(at, value)| value.abs() <= LIMIT && *at < size);
        std::iter::once((0, 1.0)).chain(there)
    }

    /// The value of the function and the squared length of the row; finite.
    pub(super) fn value(&self, row: Row<'_>) -> (f64, f64) {
        let (mut sum, mut square) = (0.0, 0.0);
        for (at, value) in self.features(row) {
            sum += self.weights[at] * value;
            square += value * value;
        }
        (if f64::is_nan(sum) { 0.0 } else { sum.clamp(-LIMIT, LIMIT) }, square)
    }

    /// Adds `step` times the row.
    pub(super) fn add(&mut self, row: Row<'_>, step: f64) {
        for (at, value) in self.features(row) {
            self.weights[at] = (self.weights[at] + step * value).clamp(-LIMIT, LIMIT);
        }
    }

    /// Makes the weights' length at most 1. Costs a pass over all weights.
    pub(super) fn shorten(&mut self) {
        let square: f64 = self.weights.iter().map(|weight| weight * weight).sum();
        if square > 1.0 {
            let length = square.sqrt();
            self.weights.iter_mut().for_each(|weight| *weight /= length);
        }
    }

    pub(super) fn explain(&self, row: Row<'_>, out: &mut Contributions) {
        out.clear(row);
        out.base = self.weights[0];
        let part = |at: usize, value: f64| match self.weights.get(at) {
            Some(weight) if value.abs() <= LIMIT => weight * value,
            _ => 0.0,
        };
        for (at, (out, &value)) in out.numeric.iter_mut().zip(row.numeric).enumerate() {
            *out = part(1 + at, value);
        }
        for (out, &(index, value)) in out.sparse.iter_mut().zip(row.sparse) {
            *out = part(1 + self.numeric + index as usize, value);
        }
    }

    pub(super) fn dump(&self, schema: &Schema, out: &mut String) {
        let mut named = vec![("(intercept)".to_owned(), self.weights[0])];
        let features = self.weights[1..].iter().enumerate();
        named.extend(features.map(|(at, weight)| (dump::feature_name(schema, at), *weight)));
        dump::weights(named, out);
    }

    pub(super) fn memory_bytes(&self) -> usize {
        size_of::<Self>() + 8 * self.weights.len()
    }

    pub(super) fn save(&self, out: &mut Writer) {
        out.floats(&self.weights);
    }

    pub(super) fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        from.floats_into(&mut self.weights)?;
        match self.weights.iter().all(|weight| weight.abs() <= LIMIT) {
            true => Ok(()),
            false => Err(from.invalid("a weight is out of range")),
        }
    }
}
