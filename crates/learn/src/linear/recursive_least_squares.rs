//! Recursive least squares with forgetting, in square-root form.
#![doc = include_str!("recursive_least_squares.md")]

use super::adaptive::WEIGHT_MAX;
use super::moments::LIMIT;
use crate::dump;
use crate::features::{Row, Schema};
use crate::model::{AnyModel, Contributions, Explain, Model, Regressor, Task};
use crate::params::{Param, ParamError, ParamKind, Values};
use crate::registry::{ClassesMax, ModelEntry};
use crate::snapshot::{Reader, Snapshot, SnapshotError, Writer};

pub(crate) const FORGETTING: Param = Param {
    name: "forgetting",
    kind: ParamKind::Number { min: 0.5, max: 1.0, default: 1.0 },
    doc: "How much an event counts after each further one: 1 forgets nothing, 0.999 follows the last thousand or so.",
    default_from: "Exact least squares over all events.",
};

pub(crate) const RIDGE: Param = Param {
    name: "ridge",
    kind: ParamKind::Number { min: 1e-12, max: 1e12, default: 1e-6 },
    doc: "Strength of the pull of the weights towards zero (scikit-learn's `Ridge(alpha)`). The intercept is not pulled.",
    default_from: "Small enough not to show, large enough to decide where features are collinear.",
};

/// More features than this are refused: time and memory grow with their square.
pub const FEATURES_MAX: usize = 512;

/// The registry's entry.
pub const ENTRY: ModelEntry = ModelEntry {
    name: "recursive_least_squares",
    task: Task::Regression,
    summary: "Exact least squares after every event, with forgetting; for few features.",
    doc: include_str!("recursive_least_squares.md"),
    meaning_version: 1,
    params: &[FORGETTING, RIDGE],
    classes_max: ClassesMax::None,
    reads_categories: false,
    build: |schema, values, _seed| {
        Ok(AnyModel::Regressor(Box::new(RecursiveLeastSquares::new(schema, values)?)))
    },
};

/// See the module.
///
/// ```
/// use streamfold_learn::features::{Row, Schema};
/// use streamfold_learn::linear::recursive_least_squares::{ENTRY, RecursiveLeastSquares};
/// use streamfold_learn::model::Regressor;
///
/// let schema = Schema { numeric: vec!["metres".into()], ..Schema::default() };
/// let mut model = RecursiveLeastSquares::new(&schema, &ENTRY.values(&[])?)?;
/// for metres in [40.0, 70.0, 110.0] {
///     model.learn(Row { numeric: &[metres], ..Row::default() }, 3000.0 * metres + 50_000.0, 1.0);
/// }
/// let price = model.predict(Row { numeric: &[90.0], ..Row::default() });
/// assert_eq!(price.round(), 320_000.0);
/// # Ok::<(), streamfold_learn::params::ParamError>(())
/// ```
#[derive(Clone, Debug)]
pub struct RecursiveLeastSquares {
    numeric_length: usize,
    /// Intercept, numeric and sparse features.
    size: usize,
    forgetting: f64,
    ridge: f64,
    /// Number of the next event among those after which the ridge is fed back: from 1 to the number of features.
    refresh: usize,
    /// The upper triangle row by row; each row ends with its element of the rotated targets.
    root: Vec<f64>,
    /// The solution of the triangle, first the intercept. Follows from `root`.
    weights: Vec<f64>,
    /// The event being rotated in. Not state.
    row: Vec<f64>,
}

impl RecursiveLeastSquares {
    /// A model that has learnt nothing.
    pub fn new(schema: &Schema, values: &Values) -> Result<Self, ParamError> {
        Self::named(ENTRY.name, schema, values)
    }

    /// As a part of the model of this name.
    pub(crate) fn named(name: &str, schema: &Schema, values: &Values) -> Result<Self, ParamError> {
        let features = schema.numeric.len() + schema.sparse_size as usize;
        if features > FEATURES_MAX {
            return Err(ParamError::Features {
                owner: format!("model `{name}`"),
                reason: format!(
                    "{features} of them (numeric and sparse) are more than {FEATURES_MAX}; take fewer, or `linear_regression`"
                ),
            });
        }
        let size = features + 1;
        let ridge = values.number(&RIDGE);
        let mut root = vec![0.0; size * (size + 3) / 2];
        let mut start = 0;
        for column in 0..size {
            // The intercept has no ridge.
            root[start] = if column == 0 { 0.0 } else { ridge.sqrt() };
            start += size - column + 1;
        }
        Ok(RecursiveLeastSquares {
            numeric_length: schema.numeric.len(),
            size,
            forgetting: values.number(&FORGETTING),
            ridge,
            refresh: 1,
            root,
            weights: vec![0.0; size],
            row: vec![0.0; size + 1],
        })
    }

    /// The intercept and the weights of the numeric and sparse features.
    pub fn weights(&self) -> (f64, &[f64]) {
        (self.weights[0], &self.weights[1..])
    }

    /// Number of weights, the intercept included.
    pub(super) fn size(&self) -> usize {
        self.size
    }

    /// What an event keeps of its weight with each further one.
    pub(super) fn forgetting(&self) -> f64 {
        self.forgetting
    }

    /// The variance of a row's prediction in units of the noise's variance: the squared length of the solution of the
    /// transposed root for the row. Infinite where the root does not reach. `right` is scratch.
    pub(super) fn leverage(&self, row: Row<'_>, right: &mut Vec<f64>) -> f64 {
        right.clear();
        right.resize(self.size, 0.0);
        self.place(row, 1.0, right);
        let (mut start, mut sum) = (0, 0.0);
        for column in 0..self.size {
            let length = self.size - column + 1;
            let triangle = &self.root[start..start + length];
            start += length;
            if right[column] != 0.0 {
                let solution = right[column] / triangle[0];
                sum += solution * solution;
                for (rest, value) in right[column + 1..].iter_mut().zip(&triangle[1..length - 1]) {
                    *rest -= solution * value;
                }
            }
        }
        if sum.is_nan() { f64::INFINITY } else { sum }
    }

    /// Writes 1 and the features, times `factor`.
    fn place(&self, row: Row<'_>, factor: f64, out: &mut [f64]) {
        out[0] = factor;
        for (slot, &value) in out[1..=self.numeric_length].iter_mut().zip(row.numeric) {
            *slot = factor * present(value);
        }
        let sparse = 1 + self.numeric_length;
        for &(index, value) in row.sparse {
            if sparse + (index as usize) < self.size {
                out[sparse + index as usize] = factor * present(value);
            }
        }
    }

    /// Learns an event; returns what is left of its target when it is rotated in, the part that no weights explain, and
    /// the weight it was learnt with. Nothing where there is nothing to learn.
    pub(super) fn learn_rest(&mut self, row: Row<'_>, target: f64, weight: f64) -> Option<(f64, f64)> {
        // `is_nan` too: a weight that is not a number is not positive.
        if !target.is_finite() || weight.is_nan() || weight <= 0.0 {
            return None;
        }
        if self.forgetting < 1.0 {
            let kept = self.forgetting.sqrt();
            self.root.iter_mut().for_each(|value| *value *= kept);
            self.refresh_ridge();
        }
        let weight = weight.min(WEIGHT_MAX);
        let factor = weight.sqrt();
        let mut event = std::mem::take(&mut self.row);
        event.fill(0.0);
        self.place(row, factor, &mut event);
        event[self.size] = factor * target.clamp(-LIMIT, LIMIT);
        self.row = event;
        self.rotate(0);
        self.solve();
        Some((self.row[self.size], weight))
    }

    /// Rotates `self.row` (features, then target; zero before `first`) into the triangle.
    fn rotate(&mut self, first: usize) {
        let mut start = (0..first).map(|column| self.size - column + 1).sum();
        for column in first..self.size {
            let length = self.size - column + 1;
            let triangle = &mut self.root[start..start + length];
            let row = &mut self.row[column..];
            start += length;
            let (diagonal, head) = (triangle[0], row[0]);
            if head == 0.0 {
                continue;
            }
            let hypotenuse = (diagonal * diagonal + head * head).sqrt();
            if hypotenuse < f64::MIN_POSITIVE {
                continue;
            }
            let (cosine, sine) = (diagonal / hypotenuse, head / hypotenuse);
            triangle[0] = hypotenuse;
            for (above, below) in triangle[1..].iter_mut().zip(&mut row[1..]) {
                let old = *above;
                *above = cosine * old + sine * *below;
                *below = cosine * *below - sine * old;
            }
        }
    }

    /// With forgetting the ridge fades too. It is fed back after as many events as there are features, which costs
    /// as much as these events did, and treats all features alike.
    fn refresh_ridge(&mut self) {
        let features = self.size - 1;
        if self.refresh < features {
            self.refresh += 1;
            return;
        }
        self.refresh = 1;
        let kept = libm::pow(self.forgetting, features as f64);
        for column in 1..self.size {
            self.row.fill(0.0);
            self.row[column] = (self.ridge * (1.0 - kept)).sqrt();
            self.rotate(column);
        }
    }

    /// Solves the triangle for the weights.
    fn solve(&mut self) {
        let mut start = self.root.len();
        for column in (0..self.size).rev() {
            let length = self.size - column + 1;
            start -= length;
            let triangle = &self.root[start..start + length];
            let mut rest = triangle[length - 1];
            for (value, weight) in triangle[1..length - 1].iter().zip(&self.weights[column + 1..]) {
                rest -= value * weight;
            }
            let weight = rest / triangle[0];
            self.weights[column] = if weight.is_finite() { weight } else { 0.0 };
        }
    }
}

/// The value, 0 where it is missing.
fn present(value: f64) -> f64 {
    if value.abs() <= LIMIT { value } else { 0.0 }
}

impl Model for RecursiveLeastSquares {
    fn memory_bytes(&self) -> usize {
        size_of::<Self>() + 8 * (self.root.len() + self.weights.len() + self.row.len())
    }

    fn dump(&self, schema: &Schema, out: &mut String) {
        out.push_str("linear function:\n");
        let mut named = vec![("(intercept)".to_owned(), self.weights[0])];
        let features = self.weights[1..].iter().enumerate();
        named.extend(features.map(|(feature, weight)| (dump::feature_name(schema, feature), *weight)));
        dump::weights(named, out);
    }

    fn as_explain(&self) -> Option<&dyn Explain> {
        Some(self)
    }
}

impl Explain for RecursiveLeastSquares {
    fn explain(&self, row: Row<'_>, _class: usize, out: &mut Contributions) {
        out.clear(row);
        out.base = self.weights[0];
        let (numeric, sparse) = self.weights[1..].split_at(self.numeric_length);
        for ((part, &value), weight) in out.numeric.iter_mut().zip(row.numeric).zip(numeric) {
            *part = present(value) * weight;
        }
        for (part, &(index, value)) in out.sparse.iter_mut().zip(row.sparse) {
            *part = sparse.get(index as usize).map_or(0.0, |weight| present(value) * weight);
        }
    }
}

impl Regressor for RecursiveLeastSquares {
    fn predict(&self, row: Row<'_>) -> f64 {
        let mut sum = self.weights[0];
        for (&value, weight) in row.numeric.iter().zip(&self.weights[1..=self.numeric_length]) {
            sum += present(value) * weight;
        }
        for &(index, value) in row.sparse {
            if let Some(weight) = self.weights.get(1 + self.numeric_length + index as usize) {
                sum += present(value) * weight;
            }
        }
        if sum.is_finite() { sum } else { self.weights[0] }
    }

    fn learn(&mut self, row: Row<'_>, target: f64, weight: f64) {
        self.learn_rest(row, target, weight);
    }
}

impl Snapshot for RecursiveLeastSquares {
    fn save(&self, out: &mut Writer) {
        out.version(1);
        out.unsigned(self.refresh as u64);
        out.floats(&self.root);
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        from.part("recursive_least_squares");
        from.version(1)?;
        let refresh = from.unsigned()?;
        from.expect_length(self.root.len(), "numbers")?;
        if refresh < 1 || refresh >= (self.size as u64).max(2) {
            return Err(from.invalid(format!("event {refresh} of {} to the next refresh", self.size - 1)));
        }
        self.refresh = refresh as usize;
        for value in &mut self.root {
            *value = from.finite()?;
        }
        self.solve();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::params::ParamValue;
    use proptest::prelude::*;

    fn model(features: usize, forgetting: f64) -> RecursiveLeastSquares {
        let schema = Schema { numeric: vec!["x".into(); features], ..Schema::default() };
        let given = [("forgetting".to_owned(), ParamValue::Number(forgetting))];
        RecursiveLeastSquares::new(&schema, &ENTRY.values(&given).unwrap()).unwrap()
    }

    fn learn(model: &mut RecursiveLeastSquares, numeric: &[f64], target: f64, weight: f64) {
        model.learn(Row { numeric, ..Row::default() }, target, weight);
    }

    #[test]
    fn too_many_features_are_refused_with_a_way_on() {
        let schema = Schema { sparse_size: 1 << 18, ..Schema::default() };
        let error = RecursiveLeastSquares::new(&schema, &Values::default()).unwrap_err();
        assert!(
            error.to_string().contains("262144") && error.to_string().contains("linear_regression"),
            "{error}"
        );
    }

    #[test]
    fn sparse_features_are_numeric_ones_that_are_mostly_zero() {
        let schema = Schema { numeric: vec!["x".into()], sparse_size: 2, ..Schema::default() };
        let mut sparse = RecursiveLeastSquares::new(&schema, &Values::default()).unwrap();
        let mut dense = model(3, 1.0);
        for number in 0..20u32 {
            let (x, target) = (f64::from(number * 7 % 11), f64::from(number * number % 13));
            let index = number % 2;
            sparse.learn(Row { numeric: &[x], sparse: &[(index, 2.0)], ..Row::default() }, target, 1.0);
            learn(
                &mut dense,
                &[x, if index == 0 { 2.0 } else { 0.0 }, if index == 1 { 2.0 } else { 0.0 }],
                target,
                1.0,
            );
        }
        assert_eq!(sparse.weights(), dense.weights());
    }

    #[test]
    fn forgetting_does_not_wind_up_where_a_feature_no_longer_varies() {
        let mut model = model(2, 0.9);
        for number in 0..50 {
            let x = f64::from(number % 7);
            learn(&mut model, &[x, f64::from(number % 3)], 2.0 * x, 1.0);
        }
        for number in 0..100_000 {
            learn(&mut model, &[f64::from(number % 7), 0.0], 2.0 * f64::from(number % 7), 1.0);
        }
        // The second feature comes back: it must not be learnt from one noisy event as if nothing were known.
        assert!(model.weights().1.iter().all(|weight| weight.abs() < 3.0), "{:?}", model.weights());
        learn(&mut model, &[3.0, 1.0], 6.1, 1.0);
        assert!(model.weights().1.iter().all(|weight| weight.abs() < 3.0), "{:?}", model.weights());
    }

    proptest! {
        #[test]
        fn an_event_of_weight_two_is_two_events(events in prop::collection::vec((-9i8..9, -9i8..9, -9i8..9), 5..30)) {
            let (mut once, mut twice) = (model(2, 1.0), model(2, 1.0));
            for (a, b, target) in events {
                let (row, target) = ([f64::from(a), f64::from(b)], f64::from(target));
                learn(&mut once, &row, target, 2.0);
                learn(&mut twice, &row, target, 1.0);
                learn(&mut twice, &row, target, 1.0);
            }
            for (one, other) in once.weights().1.iter().zip(twice.weights().1) {
                prop_assert!((one - other).abs() < 1e-6 * one.abs().max(1.0), "{} {}", one, other);
            }
        }
    }
}
