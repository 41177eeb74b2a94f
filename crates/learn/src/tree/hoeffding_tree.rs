//! The Hoeffding tree.
#![doc = include_str!("hoeffding_tree.md")]

use super::columns::{Columns, Event};
use super::grow::Tree;
use super::{
    BINARY_SPLITS, CLASSES_MAX, DELTA, GRACE_PERIOD, LEAF_ANSWER, MEMORY_BYTES_MAX, Subset, TIE_THRESHOLD,
    growth, weight_of,
};
use crate::dump;
use crate::features::{Row, Schema};
use crate::model::{AnyModel, Classifier, Contributions, Explain, Model, Task};
use crate::params::{ParamError, Values};
use crate::random::Random;
use crate::registry::{ClassesMax, ModelEntry};
use crate::snapshot::{Reader, Snapshot, SnapshotError, Writer};
use std::cell::RefCell;

/// The registry's entry.
pub const ENTRY: ModelEntry = ModelEntry {
    name: "hoeffding_tree",
    task: Task::Classification,
    summary: "A decision tree that splits a leaf once it is sure which feature tells most about the class.",
    doc: include_str!("hoeffding_tree.md"),
    meaning_version: 1,
    params: &[GRACE_PERIOD, DELTA, TIE_THRESHOLD, LEAF_ANSWER, BINARY_SPLITS, MEMORY_BYTES_MAX, CLASSES_MAX],
    classes_max: ClassesMax::Param(&CLASSES_MAX),
    reads_categories: true,
    build: |schema, values, seed| {
        Ok(AnyModel::Classifier(Box::new(HoeffdingTree::new(schema, values, seed)?)))
    },
};

/// See the module.
///
/// ```
/// use streamfold_learn::features::{Row, Schema};
/// use streamfold_learn::model::Classifier;
/// use streamfold_learn::tree::hoeffding_tree::{ENTRY, HoeffdingTree};
///
/// let schema = Schema { numeric: vec!["celsius".into(), "bar".into()], ..Schema::default() };
/// let mut model = HoeffdingTree::new(&schema, &ENTRY.values(&[])?, 0)?;
/// for event in 0..5000 {
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
pub struct HoeffdingTree {
    columns: Columns,
    tree: Tree,
    /// The event at hand. Not state; borrowed for the length of one call only.
    event: RefCell<Event>,
}

impl HoeffdingTree {
    /// A model that has learnt nothing.
    pub fn new(schema: &Schema, values: &Values, seed: u64) -> Result<Self, ParamError> {
        let columns = Columns::new(ENTRY.name, schema)?;
        let all = Subset::all(&columns);
        let tree = Tree::new(&columns, growth(values), all, Random::new(seed));
        Ok(HoeffdingTree { columns, tree, event: RefCell::default() })
    }
}

impl Model for HoeffdingTree {
    fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.columns.memory_bytes() + self.tree.memory_bytes()
    }

    fn dump(&self, schema: &Schema, out: &mut String) {
        self.tree.dump(&self.columns, schema, dump::lines(usize::MAX), out);
    }

    fn as_explain(&self) -> Option<&dyn Explain> {
        Some(self)
    }
}

/// Explains the probability of a class.
impl Explain for HoeffdingTree {
    fn explain(&self, row: Row<'_>, class: usize, out: &mut Contributions) {
        let mut event = self.event.borrow_mut();
        self.columns.read(row, &mut event);
        out.clear(row);
        let classes = self.tree.growth.classes_max;
        self.tree.explain(&self.columns, &event, row.sparse, (class, classes), 1.0, out);
    }
}

impl Classifier for HoeffdingTree {
    fn predict(&self, row: Row<'_>, scores: &mut [f64]) {
        let mut event = self.event.borrow_mut();
        self.columns.read(row, &mut event);
        self.tree.scores(&event, scores);
    }

    fn learn(&mut self, row: Row<'_>, class: usize, weight: f64) {
        let Some(weight) = weight_of(weight).filter(|_| class < self.tree.growth.classes_max) else { return };
        let event = self.event.get_mut();
        self.columns.learn(row, event);
        self.tree.learn(&self.columns, event, class, weight);
    }
}

impl Snapshot for HoeffdingTree {
    fn save(&self, out: &mut Writer) {
        out.version(1);
        self.columns.save(out);
        self.tree.save(&self.columns, out);
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        from.part("hoeffding_tree");
        from.version(1)?;
        self.columns.load(from)?;
        self.tree.load(&self.columns, from)
    }
}
