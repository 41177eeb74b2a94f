//! Softmax (multinomial logistic) regression for any number of classes.
#![doc = include_str!("softmax_regression.md")]

use super::adaptive::{CURVATURE_MIN, Error, Functions, Values, WEIGHT_MAX};
use super::{HALF_LIFE, L2, LEARNING_RATE, settings};
use crate::dump;
use crate::features::{Row, Schema};
use crate::model::{AnyModel, Classifier, Contributions, Explain, Model, Task};
use crate::params::{self, Param, ParamKind};
use crate::registry::{ClassesMax, ModelEntry};
use crate::snapshot::{Reader, Snapshot, SnapshotError, Writer};

const CLASSES_MAX: Param = Param {
    name: "classes_max",
    kind: ParamKind::Integer { min: 2, max: 100_000, default: 100 },
    doc: "Most classes that are learnt; memory and time grow with the classes seen.",
    default_from: "A bound on memory that common data sets stay far below.",
};

/// The registry's entry.
pub const ENTRY: ModelEntry = ModelEntry {
    name: "softmax_regression",
    task: Task::Classification,
    summary: "Probabilities of any number of classes from weighted sums of the features, without scaler and tuning.",
    doc: include_str!("softmax_regression.md"),
    meaning_version: 1,
    params: &[LEARNING_RATE, L2, HALF_LIFE, CLASSES_MAX],
    classes_max: ClassesMax::Param(&CLASSES_MAX),
    reads_categories: false,
    build: |schema, values, _seed| Ok(AnyModel::Classifier(Box::new(SoftmaxRegression::new(schema, values)))),
};

/// See the module.
///
/// ```
/// use streamfold_learn::features::{Row, Schema};
/// use streamfold_learn::linear::softmax_regression::{ENTRY, SoftmaxRegression};
/// use streamfold_learn::model::Classifier;
///
/// let schema = Schema { numeric: vec!["speed".into()], ..Schema::default() };
/// let mut model = SoftmaxRegression::new(&schema, &ENTRY.values(&[])?);
/// for event in 0..3000 {
///     let speed = f64::from(event % 90);
///     model.learn(Row { numeric: &[speed], ..Row::default() }, (speed / 30.0) as usize, 1.0);
/// }
/// let mut scores = [0.0; 3];
/// model.predict(Row { numeric: &[80.0], ..Row::default() }, &mut scores);
/// assert!(scores[2] > 0.9 && scores[2] > scores[1] && scores[1] > scores[0]);
/// # Ok::<(), streamfold_learn::params::ParamError>(())
/// ```
#[derive(Clone, Debug)]
pub struct SoftmaxRegression {
    /// One function for each class seen; the classes seen are the first of them.
    functions: Functions,
    classes_max: usize,
    /// Probabilities by the fast and by the averaged weights for the event being learnt. Not state.
    fast: Vec<f64>,
    average: Vec<f64>,
}

impl SoftmaxRegression {
    /// A model that has learnt nothing.
    pub fn new(schema: &Schema, values: &params::Values) -> Self {
        SoftmaxRegression {
            functions: Functions::new(schema.numeric.len(), schema.sparse_size as usize, 0, settings(values)),
            classes_max: values.integer(&CLASSES_MAX) as usize,
            fast: Vec::new(),
            average: Vec::new(),
        }
    }
}

/// Turns values into probabilities.
pub(crate) fn softmax(values: &mut [f64]) {
    let max = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut sum = 0.0;
    for value in values.iter_mut() {
        *value = libm::exp(*value - max);
        sum += *value;
    }
    for value in values {
        *value /= sum;
    }
}

impl Model for SoftmaxRegression {
    fn memory_bytes(&self) -> usize {
        self.functions.memory_bytes()
    }

    fn dump(&self, schema: &Schema, out: &mut String) {
        let classes = self.functions.len();
        for class in 0..dump::lines(classes) {
            out.push_str(&format!("score of class {class}, for a deviation of each feature:\n"));
            self.functions.dump(class, schema, out);
        }
        dump::rest(classes, out);
    }

    fn as_explain(&self) -> Option<&dyn Explain> {
        Some(self)
    }
}

/// Explains the score of a class before the softmax: its log-odds up to what all classes share.
impl Explain for SoftmaxRegression {
    fn explain(&self, row: Row<'_>, class: usize, out: &mut Contributions) {
        self.functions.explain(class, row, out);
    }
}

impl Classifier for SoftmaxRegression {
    fn predict(&self, row: Row<'_>, scores: &mut [f64]) {
        let (known, unknown) = scores.split_at_mut(self.functions.len().min(scores.len()));
        if known.is_empty() {
            let each = 1.0 / unknown.len().max(1) as f64;
            return unknown.fill(each);
        }
        for (class, score) in known.iter_mut().enumerate() {
            *score = self.functions.predict(class, row);
        }
        softmax(known);
        unknown.fill(0.0);
    }

    fn learn(&mut self, row: Row<'_>, class: usize, weight: f64) {
        // `is_nan` too: a weight that is not a number is not positive.
        if class >= self.classes_max || weight.is_nan() || weight <= 0.0 {
            return;
        }
        let weight = weight.min(WEIGHT_MAX);
        self.functions.grow(class + 1);
        self.functions.observe(row, weight);
        self.fast.clear();
        self.average.clear();
        for other in 0..self.functions.len() {
            let values = self.functions.values(other);
            self.fast.push(values.fast);
            self.average.push(values.average);
        }
        softmax(&mut self.fast);
        softmax(&mut self.average);
        let (fast, average) = (1.0 - self.fast[class], 1.0 - self.average[class]);
        self.functions.compare(Values { fast: fast * fast, average: average * average });
        for (other, &probability) in self.fast.iter().enumerate() {
            let error = Error {
                slope: probability - if other == class { 1.0 } else { 0.0 },
                curvature: (probability * (1.0 - probability)).max(CURVATURE_MIN),
                scale: 1.0,
                intercept_rate_min: 0.0,
            };
            self.functions.step(other, error, weight);
        }
    }
}

impl Snapshot for SoftmaxRegression {
    fn save(&self, out: &mut Writer) {
        out.version(1);
        self.functions.save(out);
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        from.part("softmax_regression");
        from.version(1)?;
        self.functions.load(from, 0, self.classes_max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::params::ParamValue;

    #[test]
    fn classes_are_learnt_as_they_come_up_to_the_bound() {
        let given = [("classes_max".to_owned(), ParamValue::Integer(3))];
        let mut model = SoftmaxRegression::new(&Schema::default(), &ENTRY.values(&given).unwrap());
        let mut scores = [0.0; 4];
        model.predict(Row::default(), &mut scores);
        assert_eq!(scores, [0.25; 4]);
        for number in 0..4000 {
            model.learn(Row::default(), [0, 0, 1, 3][number % 4], 1.0);
            if number > 2000 {
                model.learn(Row::default(), 2, 1.0);
            }
        }
        model.predict(Row::default(), &mut scores);
        // Of seven events late in the stream two are of class 0, one of 1 and four of 2.
        for (score, sevenths) in scores.iter().zip([2.0, 1.0, 4.0, 0.0]) {
            assert!((score - sevenths / 7.0).abs() < 0.02, "{scores:?}");
        }
    }
}
