//! Regression by a small neural network.
#![doc = include_str!("multilayer_perceptron_regression.md")]

use super::network::Network;
use super::{EMBEDDING_BUCKETS, HIDDEN, LEARNING_RATE};
use crate::features::{Row, Schema};
use crate::linear::moments::{LIMIT, Scale};
use crate::model::{AnyModel, Model, Regressor, Task};
use crate::params::Values;
use crate::registry::{ClassesMax, ModelEntry};
use crate::snapshot::{Reader, Snapshot, SnapshotError, Writer};

/// Events that weigh more than this count as this.
const WEIGHT_MAX: f64 = 1e6;

/// The registry's entry.
pub const ENTRY: ModelEntry = ModelEntry {
    name: "multilayer_perceptron_regression",
    task: Task::Regression,
    summary: "A small neural network that predicts numbers, with vectors for categories; needs no scaler.",
    doc: include_str!("multilayer_perceptron_regression.md"),
    meaning_version: 1,
    params: &[HIDDEN, LEARNING_RATE, EMBEDDING_BUCKETS],
    classes_max: ClassesMax::None,
    reads_categories: true,
    build: |schema, values, seed| {
        Ok(AnyModel::Regressor(Box::new(MultilayerPerceptronRegression::new(schema, values, seed))))
    },
};

/// See the module.
///
/// ```
/// use streamfold_learn::features::{Row, Schema};
/// use streamfold_learn::model::Regressor;
/// use streamfold_learn::neural::multilayer_perceptron_regression::{ENTRY, MultilayerPerceptronRegression};
///
/// let schema = Schema { numeric: vec!["x".into()], ..Schema::default() };
/// let mut model = MultilayerPerceptronRegression::new(&schema, &ENTRY.values(&[])?, 1);
/// for event in 0..20_000 {
///     let x = f64::from(event * 37 % 100) / 10.0 - 5.0;
///     model.learn(Row { numeric: &[x], ..Row::default() }, 100.0 * x.abs(), 1.0);
/// }
/// let value = model.predict(Row { numeric: &[-3.0], ..Row::default() });
/// assert_eq!((value / 100.0).round(), 3.0);
/// # Ok::<(), streamfold_learn::params::ParamError>(())
/// ```
#[derive(Clone, Debug)]
pub struct MultilayerPerceptronRegression {
    network: Network,
    /// Of the targets: the network predicts deviations from their mean.
    target: Scale,
}

impl MultilayerPerceptronRegression {
    /// A model that has learnt nothing.
    pub fn new(schema: &Schema, values: &Values, seed: u64) -> Self {
        let (hidden, buckets) = (values.integer(&HIDDEN), values.integer(&EMBEDDING_BUCKETS));
        let mut network = Network::new(schema, hidden, buckets, values.number(&LEARNING_RATE), seed);
        network.grow(1);
        MultilayerPerceptronRegression { network, target: Scale::default() }
    }
}

impl Model for MultilayerPerceptronRegression {
    fn memory_bytes(&self) -> usize {
        size_of::<Scale>() + self.network.memory_bytes()
    }

    fn dump(&self, schema: &Schema, out: &mut String) {
        self.network.dump(schema, out);
    }
}

impl Regressor for MultilayerPerceptronRegression {
    fn predict(&self, row: Row<'_>) -> f64 {
        let mut out = [0.0];
        self.network.predict(row, &mut out);
        (self.target.mean() + out[0] * self.target.deviation()).clamp(-LIMIT, LIMIT)
    }

    fn learn(&mut self, row: Row<'_>, target: f64, weight: f64) {
        if !target.is_finite() || weight.is_nan() || weight <= 0.0 {
            return;
        }
        let (target, weight) = (target.clamp(-LIMIT, LIMIT), weight.min(WEIGHT_MAX));
        self.target.learn(target, weight);
        let (mean, deviation) = (self.target.mean(), self.target.deviation());
        let scaled = if deviation > 0.0 { (target - mean) / deviation } else { 0.0 };
        self.network.learn(row, weight, &mut [0.0], |outputs| outputs[0] -= scaled);
    }
}

impl Snapshot for MultilayerPerceptronRegression {
    fn save(&self, out: &mut Writer) {
        out.version(1);
        self.target.save(out);
        self.network.save(out);
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        from.part(ENTRY.name);
        from.version(1)?;
        self.target.load(from)?;
        self.network.load(from, 1)?;
        self.network.grow(1);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::category;
    use crate::random::Random;

    /// Root mean squared error over the last thousand of so many events, each before it is learnt.
    fn error(
        model: &mut MultilayerPerceptronRegression,
        events: usize,
        target: fn(f64, f64, u64) -> f64,
    ) -> f64 {
        let (mut random, mut squares) = (Random::new(3), 0.0);
        for event in 0..events {
            let (a, b, colour) = (random.normal(), random.normal(), random.below(40));
            let numeric = [1e4 + 1e3 * a, 1e-3 * b];
            let categories = [category(&[colour as u8])];
            let row = Row { numeric: &numeric, categories: &categories, ..Row::default() };
            let target = target(a, b, colour);
            if event >= events - 1000 {
                squares += (model.predict(row) - target).powi(2);
            }
            model.learn(row, target, 1.0);
        }
        (squares / 1000.0).sqrt()
    }

    fn model() -> MultilayerPerceptronRegression {
        let schema = Schema {
            numeric: vec!["a".into(), "b".into()],
            categories: vec!["colour".into()],
            ..Schema::default()
        };
        MultilayerPerceptronRegression::new(&schema, &ENTRY.values(&[]).unwrap(), 1)
    }

    #[test]
    fn features_that_act_together_are_learnt() {
        // The deviation of the target is 100; no linear function explains any of it.
        let error = error(&mut model(), 30_000, |a, b, _| 100.0 * a * b);
        assert!(error < 35.0, "{error}");
    }

    #[test]
    fn each_category_has_its_own_effect() {
        // The deviation of the target is some 115; steps of one size leave some noise.
        let error = error(&mut model(), 30_000, |_, _, colour| 10.0 * (colour * 17 % 40) as f64);
        assert!(error < 30.0, "{error}");
    }
}
