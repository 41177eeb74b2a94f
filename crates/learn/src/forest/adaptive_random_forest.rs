//! The adaptive random forest for classes.
#![doc = include_str!("adaptive_random_forest.md")]

use super::member::{Members, Settings};
use super::replaced::Deltas;
use super::{
    DELTA, DRIFT_DELTA, FEATURES_SHARE, GRACE_PERIOD, LAMBDA, MEMORY_BYTES_MAX, TREES, WARNING_DELTA,
    bytes_of_tree, features_of,
};
use crate::features::{Row, Schema};
use crate::model::{AnyModel, Classifier, Contributions, Explain, Model, Task};
use crate::params::{ParamError, Values};
use crate::registry::{ClassesMax, ModelEntry};
use crate::snapshot::{Reader, Snapshot, SnapshotError, Writer};
use crate::tree::columns::Columns;
use crate::tree::grow::Growth;
use crate::tree::{BINARY_SPLITS, CLASSES_MAX, LEAF_ANSWER, TIE_THRESHOLD, growth};

/// The registry's entry.
pub const ENTRY: ModelEntry = ModelEntry {
    name: "adaptive_random_forest",
    task: Task::Classification,
    summary: "Hoeffding trees on drawn features, each replaced by one from the background when its errors rise.",
    doc: include_str!("adaptive_random_forest.md"),
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
        Ok(AnyModel::Classifier(Box::new(AdaptiveRandomForest::new(schema, values, seed)?)))
    },
};

/// See the module.
///
/// ```
/// use streamfold_learn::features::{Row, Schema};
/// use streamfold_learn::forest::adaptive_random_forest::{ENTRY, AdaptiveRandomForest};
/// use streamfold_learn::model::Classifier;
///
/// let schema = Schema { numeric: vec!["celsius".into(), "bar".into()], ..Schema::default() };
/// let mut model = AdaptiveRandomForest::new(&schema, &ENTRY.values(&[])?, 0)?;
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
pub struct AdaptiveRandomForest(Members);

impl AdaptiveRandomForest {
    /// A model that has learnt nothing.
    pub fn new(schema: &Schema, values: &Values, seed: u64) -> Result<Self, ParamError> {
        let columns = Columns::new(ENTRY.name, schema)?;
        let trees = values.integer(&TREES) as usize;
        let growth = Growth {
            grace: values.integer(&GRACE_PERIOD) as f64,
            delta: values.number(&DELTA),
            drawn: features_of(values.number(&FEATURES_SHARE), &columns, 1),
            bytes_max: bytes_of_tree(values, trees, 2, true),
            ..growth(values)
        };
        let settings = Settings {
            growth,
            trees,
            lambda: values.number(&LAMBDA),
            deltas: Deltas { drift: values.number(&DRIFT_DELTA), warning: values.number(&WARNING_DELTA) },
            tree_share: 1.0,
        };
        Ok(AdaptiveRandomForest(Members::new(settings, columns, seed)))
    }
}

impl Model for AdaptiveRandomForest {
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
impl Explain for AdaptiveRandomForest {
    fn explain(&self, row: Row<'_>, class: usize, out: &mut Contributions) {
        self.0.explain(row, class, out);
    }
}

impl Classifier for AdaptiveRandomForest {
    fn predict(&self, row: Row<'_>, scores: &mut [f64]) {
        self.0.predict(row, scores);
    }

    fn learn(&mut self, row: Row<'_>, class: usize, weight: f64) {
        self.0.learn(row, class, weight);
    }
}

impl Snapshot for AdaptiveRandomForest {
    fn save(&self, out: &mut Writer) {
        self.0.save(out);
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        from.part("adaptive_random_forest");
        self.0.load(from)
    }
}
