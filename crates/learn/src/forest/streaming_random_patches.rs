//! Streaming random patches.
#![doc = include_str!("streaming_random_patches.md")]

use super::member::{Members, Settings};
use super::replaced::Deltas;
use super::{DELTA, FEATURES_SHARE, GRACE_PERIOD, LAMBDA, MEMORY_BYTES_MAX, TREES, bytes_of_tree};
use crate::features::{Row, Schema};
use crate::model::{AnyModel, Classifier, Contributions, Explain, Model, Task};
use crate::params::{Param, ParamError, ParamKind, Values};
use crate::registry::{ClassesMax, ModelEntry};
use crate::snapshot::{Reader, Snapshot, SnapshotError, Writer};
use crate::tree::columns::Columns;
use crate::tree::grow::Growth;
use crate::tree::{BINARY_SPLITS, CLASSES_MAX, LEAF_ANSWER, TIE_THRESHOLD, growth};

const DRIFT_DELTA: Param = Param {
    name: "drift_delta",
    kind: ParamKind::Number { min: 1e-12, max: 0.5, default: 1e-5 },
    doc: "Chance that a check of a tree's errors replaces it without need. Smaller: fewer, later replacements.",
    default_from: "MOA and River; Gomes, Read and Bifet.",
};

const WARNING_DELTA: Param = Param {
    name: "warning_delta",
    kind: ParamKind::Number { min: 1e-12, max: 0.5, default: 1e-4 },
    doc: "Chance that a check of a tree's errors starts another one in the background without need.",
    default_from: "MOA and River; Gomes, Read and Bifet.",
};

/// The registry's entry.
pub const ENTRY: ModelEntry = ModelEntry {
    name: "streaming_random_patches",
    task: Task::Classification,
    summary: "Hoeffding trees, each on features of its own, replaced from the background when their errors rise.",
    doc: include_str!("streaming_random_patches.md"),
    meaning_version: 1,
    params: &[
        TREES,
        LAMBDA,
        FEATURES_SHARE,
        DRIFT_DELTA,
        WARNING_DELTA,
        GRACE_PERIOD,
        DELTA,
        TIE_THRESHOLD,
        LEAF_ANSWER,
        BINARY_SPLITS,
        MEMORY_BYTES_MAX,
        CLASSES_MAX,
    ],
    classes_max: ClassesMax::Param(&CLASSES_MAX),
    reads_categories: true,
    build: |schema, values, seed| {
        Ok(AnyModel::Classifier(Box::new(StreamingRandomPatches::new(schema, values, seed)?)))
    },
};

/// See the module.
///
/// ```
/// use streamfold_learn::features::{Row, Schema};
/// use streamfold_learn::forest::streaming_random_patches::{ENTRY, StreamingRandomPatches};
/// use streamfold_learn::model::Classifier;
///
/// let schema = Schema { numeric: vec!["celsius".into(), "bar".into()], ..Schema::default() };
/// let mut model = StreamingRandomPatches::new(&schema, &ENTRY.values(&[])?, 0)?;
/// for event in 0..2000 {
///     let (celsius, bar) = (f64::from(event * 37 % 100), f64::from(event * 53 % 10));
///     let class = usize::from(celsius > 70.0 || celsius < 20.0);
///     model.learn(Row { numeric: &[celsius, bar], ..Row::default() }, class, 1.0);
/// }
/// let mut scores = [0.0; 2];
/// model.predict(Row { numeric: &[90.0, 5.0], ..Row::default() }, &mut scores);
/// assert_eq!(scores[1].round(), 1.0);
/// # Ok::<(), streamfold_learn::params::ParamError>(())
/// ```
#[derive(Clone, Debug)]
pub struct StreamingRandomPatches(Members);

impl StreamingRandomPatches {
    /// A model that has learnt nothing.
    pub fn new(schema: &Schema, values: &Values, seed: u64) -> Result<Self, ParamError> {
        let columns = Columns::new(ENTRY.name, schema)?;
        let trees = values.integer(&TREES) as usize;
        let growth = Growth {
            grace: values.integer(&GRACE_PERIOD) as f64,
            delta: values.number(&DELTA),
            drawn: 0,
            bytes_max: bytes_of_tree(values, trees, 2, true),
            ..growth(values)
        };
        let settings = Settings {
            growth,
            trees,
            lambda: values.number(&LAMBDA),
            deltas: Deltas { drift: values.number(&DRIFT_DELTA), warning: values.number(&WARNING_DELTA) },
            tree_share: values.number(&FEATURES_SHARE),
        };
        Ok(StreamingRandomPatches(Members::new(settings, columns, seed)))
    }
}

impl Model for StreamingRandomPatches {
    fn memory_bytes(&self) -> usize {
        self.0.memory_bytes()
    }

    fn dump(&self, schema: &Schema, out: &mut String) {
        self.0.dump(schema, out);
    }

    fn as_explain(&self) -> Option<&dyn Explain> {
        Some(self)
    }
}

/// Explains the probability of a class.
impl Explain for StreamingRandomPatches {
    fn explain(&self, row: Row<'_>, class: usize, out: &mut Contributions) {
        self.0.explain(row, class, out);
    }
}

impl Classifier for StreamingRandomPatches {
    fn predict(&self, row: Row<'_>, scores: &mut [f64]) {
        self.0.predict(row, scores);
    }

    fn learn(&mut self, row: Row<'_>, class: usize, weight: f64) {
        self.0.learn(row, class, weight);
    }
}

impl Snapshot for StreamingRandomPatches {
    fn save(&self, out: &mut Writer) {
        self.0.save(out);
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        from.part("streaming_random_patches");
        self.0.load(from)
    }
}
