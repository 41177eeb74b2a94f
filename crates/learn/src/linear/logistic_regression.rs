//! Logistic regression for two classes.
#![doc = include_str!("logistic_regression.md")]

use super::adaptive::{Error, Functions, Values, WEIGHT_MAX};
use super::gradient::two_classes;
use super::loss::{CLASS_1_WEIGHT, CLASS_LOSS, ClassLoss, FOCAL_GAMMA, Gradient, probability};
use super::{HALF_LIFE, L2, LEARNING_RATE, settings};
use crate::features::{Row, Schema};
use crate::model::{AnyModel, Classifier, Contributions, Explain, Model, Task};
use crate::params;
use crate::registry::{ClassesMax, ModelEntry};
use crate::snapshot::{Reader, Snapshot, SnapshotError, Writer};

/// The registry's entry.
pub const ENTRY: ModelEntry = ModelEntry {
    name: "logistic_regression",
    task: Task::Classification,
    summary: "Probabilities of two classes from a weighted sum of the features, without scaler and tuning.",
    doc: include_str!("logistic_regression.md"),
    meaning_version: 1,
    params: &[CLASS_LOSS, FOCAL_GAMMA, CLASS_1_WEIGHT, LEARNING_RATE, L2, HALF_LIFE],
    classes_max: ClassesMax::Fixed(2),
    reads_categories: false,
    build: |schema, values, _seed| {
        Ok(AnyModel::Classifier(Box::new(LogisticRegression::new(schema, values))))
    },
};

/// See the module.
///
/// ```
/// use streamfold_learn::features::{Row, Schema};
/// use streamfold_learn::linear::logistic_regression::{ENTRY, LogisticRegression};
/// use streamfold_learn::model::Classifier;
///
/// let schema = Schema { numeric: vec!["amount".into()], ..Schema::default() };
/// let mut model = LogisticRegression::new(&schema, &ENTRY.values(&[])?);
/// for event in 0..1000 {
///     let amount = f64::from(event % 100);
///     model.learn(Row { numeric: &[amount], ..Row::default() }, usize::from(amount > 60.0), 1.0);
/// }
/// let mut scores = [0.0; 2];
/// model.predict(Row { numeric: &[90.0], ..Row::default() }, &mut scores);
/// assert_eq!((scores[1] * 100.0).round(), 100.0);
/// # Ok::<(), streamfold_learn::params::ParamError>(())
/// ```
#[derive(Clone, Debug)]
pub struct LogisticRegression {
    /// The log odds of class 1.
    function: Functions,
    loss: ClassLoss,
    class_1_weight: f64,
}

impl LogisticRegression {
    /// A model that has learnt nothing.
    pub fn new(schema: &Schema, values: &params::Values) -> Self {
        LogisticRegression {
            function: Functions::new(schema.numeric.len(), schema.sparse_size as usize, 1, settings(values)),
            loss: ClassLoss::of(values),
            class_1_weight: values.number(&CLASS_1_WEIGHT),
        }
    }
}

impl Model for LogisticRegression {
    fn memory_bytes(&self) -> usize {
        self.function.memory_bytes()
    }

    fn dump(&self, schema: &Schema, out: &mut String) {
        out.push_str("log-odds of class 1, for a deviation of each feature:\n");
        self.function.dump(0, schema, out);
    }

    fn as_explain(&self) -> Option<&dyn Explain> {
        Some(self)
    }
}

/// Explains log-odds: of class 1, and with the opposite sign of class 0.
impl Explain for LogisticRegression {
    fn explain(&self, row: Row<'_>, class: usize, out: &mut Contributions) {
        self.function.explain(0, row, out);
        if class == 0 {
            out.negate();
        }
    }
}

impl Classifier for LogisticRegression {
    fn predict(&self, row: Row<'_>, scores: &mut [f64]) {
        two_classes(probability(self.function.predict(0, row)), scores);
    }

    fn learn(&mut self, row: Row<'_>, class: usize, weight: f64) {
        // `is_nan` too: a weight that is not a number is not positive.
        if class > 1 || weight.is_nan() || weight <= 0.0 {
            return;
        }
        let weight = weight * if class == 1 { self.class_1_weight } else { 1.0 };
        let (target, weight) = (class as f64, weight.min(WEIGHT_MAX));
        self.function.observe(row, weight);
        let values = self.function.values(0);
        let fast = probability(values.fast) - target;
        let average = probability(values.average) - target;
        self.function.compare(Values { fast: fast * fast, average: average * average });
        let Gradient { slope, curvature } = self.loss.gradient(values.fast, target);
        let error = Error { slope, curvature, scale: 1.0, intercept_rate_min: 0.0 };
        self.function.step(0, error, weight);
    }
}

impl Snapshot for LogisticRegression {
    fn save(&self, out: &mut Writer) {
        out.version(1);
        self.function.save(out);
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        from.part("logistic_regression");
        from.version(1)?;
        self.function.load(from, 1, 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The electricity stream has such a feature; a learner in raw units never recovers from it.
    #[test]
    fn a_feature_that_was_constant_for_long_may_begin_to_vary() {
        let schema = Schema { numeric: vec!["steady".into(), "new".into()], ..Schema::default() };
        let mut model = LogisticRegression::new(&schema, &ENTRY.values(&[]).unwrap());
        let mut right = 0;
        for number in 0..12_000u64 {
            let steady = (number * 7919 % 101) as f64 / 101.0 - 0.5;
            let new = if number < 10_000 { 0.003 } else { 500.0 + (number * 31 % 97) as f64 };
            let (row, class) = ([steady, new], usize::from(steady > 0.0));
            let mut scores = [0.0; 2];
            model.predict(Row { numeric: &row, ..Row::default() }, &mut scores);
            right += usize::from(number >= 10_500 && (scores[1] > 0.5) == (class == 1));
            model.learn(Row { numeric: &row, ..Row::default() }, class, 1.0);
        }
        assert!(right > 1450, "{right} of 1500");
    }

    #[test]
    fn a_third_class_teaches_nothing() {
        let mut model = LogisticRegression::new(&Schema::default(), &ENTRY.values(&[]).unwrap());
        model.learn(Row::default(), 2, 1.0);
        let mut scores = [1.0; 3];
        model.predict(Row::default(), &mut scores);
        assert_eq!(scores, [0.5, 0.5, 0.0]);
    }
}
