//! Classification by a small neural network.
#![doc = include_str!("multilayer_perceptron_classification.md")]

use super::network::Network;
use super::{EMBEDDING_BUCKETS, HIDDEN, LEARNING_RATE};
use crate::features::{Row, Schema};
use crate::linear::softmax_regression::softmax;
use crate::model::{AnyModel, Classifier, Model, Task};
use crate::params::{Param, ParamKind, Values};
use crate::registry::{ClassesMax, ModelEntry};
use crate::snapshot::{Reader, Snapshot, SnapshotError, Writer};

const CLASSES_MAX: Param = Param {
    name: "classes_max",
    kind: ParamKind::Integer { min: 2, max: 10_000, default: 100 },
    doc: "Most classes that are learnt; memory and time grow with the classes seen.",
    default_from: "A bound on memory that common data sets stay far below.",
};

/// Events that weigh more than this count as this.
const WEIGHT_MAX: f64 = 1e6;

/// The registry's entry.
pub const ENTRY: ModelEntry = ModelEntry {
    name: "multilayer_perceptron_classification",
    task: Task::Classification,
    summary: "A small neural network that tells classes apart, with vectors for categories; needs no scaler.",
    doc: include_str!("multilayer_perceptron_classification.md"),
    meaning_version: 1,
    params: &[HIDDEN, LEARNING_RATE, EMBEDDING_BUCKETS, CLASSES_MAX],
    classes_max: ClassesMax::Param(&CLASSES_MAX),
    reads_categories: true,
    build: |schema, values, seed| {
        Ok(AnyModel::Classifier(Box::new(MultilayerPerceptronClassification::new(schema, values, seed))))
    },
};

/// See the module.
///
/// ```
/// use streamfold_learn::features::{Row, Schema};
/// use streamfold_learn::model::Classifier;
/// use streamfold_learn::neural::multilayer_perceptron_classification::{
///     ENTRY, MultilayerPerceptronClassification,
/// };
///
/// let schema = Schema { numeric: vec!["x".into()], ..Schema::default() };
/// let mut model = MultilayerPerceptronClassification::new(&schema, &ENTRY.values(&[])?, 1);
/// for event in 0..20_000 {
///     let x = f64::from(event * 37 % 100) / 10.0 - 5.0;
///     // Class 1 lies on both sides of class 0: no linear model can tell them apart.
///     model.learn(Row { numeric: &[x], ..Row::default() }, usize::from(x.abs() > 2.0), 1.0);
/// }
/// let mut scores = [0.0; 2];
/// model.predict(Row { numeric: &[-4.0], ..Row::default() }, &mut scores);
/// assert_eq!((scores[1] * 10.0).round(), 10.0);
/// # Ok::<(), streamfold_learn::params::ParamError>(())
/// ```
#[derive(Clone, Debug)]
pub struct MultilayerPerceptronClassification {
    network: Network,
    classes_max: usize,
    /// The outputs for the event being learnt. Not state.
    outputs: Vec<f64>,
}

impl MultilayerPerceptronClassification {
    /// A model that has learnt nothing.
    pub fn new(schema: &Schema, values: &Values, seed: u64) -> Self {
        let (hidden, buckets) = (values.integer(&HIDDEN), values.integer(&EMBEDDING_BUCKETS));
        MultilayerPerceptronClassification {
            network: Network::new(schema, hidden, buckets, values.number(&LEARNING_RATE), seed),
            classes_max: values.integer(&CLASSES_MAX) as usize,
            outputs: Vec::new(),
        }
    }
}

impl Model for MultilayerPerceptronClassification {
    fn memory_bytes(&self) -> usize {
        size_of::<Vec<f64>>() + 8 * self.outputs.capacity() + self.network.memory_bytes()
    }

    fn dump(&self, schema: &Schema, out: &mut String) {
        self.network.dump(schema, out);
    }
}

impl Classifier for MultilayerPerceptronClassification {
    fn predict(&self, row: Row<'_>, scores: &mut [f64]) {
        let (known, unknown) = scores.split_at_mut(self.network.outputs().min(scores.len()));
        if known.is_empty() {
            let each = 1.0 / unknown.len().max(1) as f64;
            return unknown.fill(each);
        }
        self.network.predict(row, known);
        softmax(known);
        unknown.fill(0.0);
    }

    fn learn(&mut self, row: Row<'_>, class: usize, weight: f64) {
        // `is_nan` too: a weight that is not a number is not positive.
        if class >= self.classes_max || weight.is_nan() || weight <= 0.0 {
            return;
        }
        self.network.grow(class + 1);
        self.outputs.resize(self.network.outputs(), 0.0);
        self.network.learn(row, weight.min(WEIGHT_MAX), &mut self.outputs, |outputs| {
            softmax(outputs);
            outputs[class] -= 1.0;
        });
    }
}

impl Snapshot for MultilayerPerceptronClassification {
    fn save(&self, out: &mut Writer) {
        out.version(1);
        self.network.save(out);
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        from.part(ENTRY.name);
        from.version(1)?;
        self.network.load(from, self.classes_max)?;
        self.outputs.clear();
        Ok(())
    }
}
