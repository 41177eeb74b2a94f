//! The Hoeffding adaptive tree for numbers.
#![doc = include_str!("hoeffding_adaptive_tree_regressor.md")]

use super::adaptive::{DRIFT_DELTA, Grows, Lesson, SWITCH_DELTA, Watches};
use super::arena::{Arena, Found};
use super::columns::{Columns, Event};
use super::hoeffding_tree_regressor::{LEAF_ANSWER, Room, growth, target_of};
use super::regress::{RegressionTree, Standard};
use super::regression_leaf::RegressionLeaf;
use super::scale::Scale;
use super::{BINARY_SPLITS, DELTA, GRACE_PERIOD, MEMORY_BYTES_MAX, Subset, TIE_THRESHOLD, weight_of};
use crate::dump;
use crate::features::{Row, Schema};
use crate::model::{AnyModel, Contributions, Explain, Model, Regressor, Task};
use crate::params::{ParamError, Values};
use crate::random::Random;
use crate::registry::{ClassesMax, ModelEntry};
use crate::snapshot::{Reader, Snapshot, SnapshotError, Writer};
use std::cell::RefCell;

/// Errors of this many deviations of the target, and larger ones, count as 1 in the windows.
const ERROR_MAX: f64 = 3.0;

/// The registry's entry.
pub const ENTRY: ModelEntry = ModelEntry {
    name: "hoeffding_adaptive_tree_regressor",
    task: Task::Regression,
    summary: "A regression tree whose branches are replaced by better ones when their errors rise.",
    doc: include_str!("hoeffding_adaptive_tree_regressor.md"),
    meaning_version: 1,
    params: &[
        DRIFT_DELTA,
        SWITCH_DELTA,
        GRACE_PERIOD,
        DELTA,
        TIE_THRESHOLD,
        LEAF_ANSWER,
        BINARY_SPLITS,
        MEMORY_BYTES_MAX,
    ],
    classes_max: ClassesMax::None,
    reads_categories: true,
    build: |schema, values, seed| {
        Ok(AnyModel::Regressor(Box::new(HoeffdingAdaptiveTreeRegressor::new(schema, values, seed)?)))
    },
};

/// See the module.
///
/// ```
/// use streamfold_learn::features::{Row, Schema};
/// use streamfold_learn::model::Regressor;
/// use streamfold_learn::tree::hoeffding_adaptive_tree_regressor::{ENTRY, HoeffdingAdaptiveTreeRegressor};
///
/// let schema = Schema { numeric: vec!["celsius".into(), "bar".into()], ..Schema::default() };
/// let mut model = HoeffdingAdaptiveTreeRegressor::new(&schema, &ENTRY.values(&[])?, 0)?;
/// for event in 0..40_000 {
///     let (celsius, bar) = (f64::from(event * 37 % 100), f64::from(event * 53 % 10));
///     // In the middle the two sides change places.
///     let target = if (celsius > 50.0) == (event < 20_000) { 3.0 * bar } else { celsius };
///     model.learn(Row { numeric: &[celsius, bar], ..Row::default() }, target, 1.0);
/// }
/// let predicted = model.predict(Row { numeric: &[20.0, 7.0], ..Row::default() });
/// assert_eq!(predicted.round(), 21.0);
/// # Ok::<(), streamfold_learn::params::ParamError>(())
/// ```
#[derive(Clone, Debug)]
pub struct HoeffdingAdaptiveTreeRegressor {
    columns: Columns,
    scale: Scale,
    tree: RegressionTree,
    watches: Watches,
    /// Borrowed for the length of one call only.
    room: RefCell<Room>,
}

impl HoeffdingAdaptiveTreeRegressor {
    /// A model that has learnt nothing.
    pub fn new(schema: &Schema, values: &Values, seed: u64) -> Result<Self, ParamError> {
        let columns = Columns::new(ENTRY.name, schema)?;
        let tree = RegressionTree::new(&columns, growth(values), Subset::all(&columns), Random::new(seed));
        Ok(HoeffdingAdaptiveTreeRegressor {
            scale: Scale::new(&columns),
            columns,
            tree,
            watches: Watches::new(values),
            room: RefCell::default(),
        })
    }
}

/// An event, its target and its weight.
type LessonOf<'a> = (Standard<'a>, f64, f64);

impl Lesson for LessonOf<'_> {
    fn event(&self) -> &Event {
        self.0.event
    }
}

impl Grows for RegressionTree {
    type Leaf = RegressionLeaf;
    type Lesson<'a> = LessonOf<'a>;

    fn arena(&self) -> &Arena<RegressionLeaf> {
        &self.arena
    }

    fn arena_mut(&mut self) -> &mut Arena<RegressionLeaf> {
        &mut self.arena
    }

    fn others(&self) -> &[u32] {
        &self.others
    }

    fn others_mut(&mut self) -> &mut Vec<u32> {
        &mut self.others
    }

    fn set_beside_bytes(&mut self, bytes: usize) {
        self.beside_bytes = bytes;
        self.keep_memory();
    }

    fn reach(&mut self, columns: &Columns, from: u32, event: &Event) -> Found {
        RegressionTree::reach(self, columns, from, event)
    }

    fn learn_at(&mut self, columns: &Columns, found: Found, (standard, target, weight): LessonOf<'_>) -> f64 {
        let predicted = RegressionTree::learn_at(self, columns, found, standard, target, weight);
        let off = (predicted - target).abs() / standard.scale.target().1;
        (off / ERROR_MAX).min(1.0)
    }

    fn may_grow(&self) -> bool {
        RegressionTree::may_grow(self)
    }

    fn add_root(&mut self, columns: &Columns) -> u32 {
        RegressionTree::add_root(self, columns)
    }

    fn count_bytes(&mut self) {
        RegressionTree::count_bytes(self);
    }

    fn save_below(
        &self,
        columns: &Columns,
        root: u32,
        out: &mut Writer,
        node: &mut dyn FnMut(u32, &mut Writer),
    ) {
        self.save_subtree(columns, root, out, node);
    }

    fn load_below(
        &mut self,
        columns: &Columns,
        root: u32,
        from: &mut Reader<'_>,
        node: &mut dyn FnMut(u32, &mut Reader<'_>) -> Result<(), SnapshotError>,
    ) -> Result<(), SnapshotError> {
        self.load_subtree(columns, root, from, node)
    }
}

impl Model for HoeffdingAdaptiveTreeRegressor {
    fn memory_bytes(&self) -> usize {
        let beside = self.columns.memory_bytes() + self.scale.memory_bytes() + self.watches.memory_bytes();
        size_of::<Self>() + self.tree.node_bytes() + beside
    }

    fn dump(&self, schema: &Schema, out: &mut String) {
        self.tree.dump(&self.columns, &self.scale, schema, dump::lines(usize::MAX), out);
        out.push_str(&format!("{} alternatives learn beside it\n", self.tree.others.len()));
    }

    fn as_explain(&self) -> Option<&dyn Explain> {
        Some(self)
    }
}

impl Explain for HoeffdingAdaptiveTreeRegressor {
    fn explain(&self, row: Row<'_>, _class: usize, out: &mut Contributions) {
        let mut room = self.room.borrow_mut();
        self.columns.read(row, &mut room.event);
        out.clear(row);
        let standard = room.standard(&self.scale);
        let mut votes = Vec::new();
        self.watches.answering(&self.tree, standard.event, |root, _, vote| votes.push((root, vote)));
        let sum: f64 = votes.iter().map(|(_, vote)| vote).sum();
        for (root, vote) in votes {
            self.tree.explain(root, &self.columns, standard, row.sparse, vote / sum, out);
        }
    }
}

impl Regressor for HoeffdingAdaptiveTreeRegressor {
    fn predict(&self, row: Row<'_>) -> f64 {
        let mut room = self.room.borrow_mut();
        self.columns.read(row, &mut room.event);
        let standard = room.standard(&self.scale);
        let (mut sum, mut votes) = (0.0, 0.0);
        self.watches.answering(&self.tree, standard.event, |_, leaf, vote| {
            if let Some(leaf) = self.tree.arena.leaf(leaf) {
                sum += vote * leaf.predict(self.tree.growth.answer, standard);
                votes += vote;
            }
        });
        sum / votes
    }

    fn learn(&mut self, row: Row<'_>, target: f64, weight: f64) {
        let (Some(target), Some(weight)) = (target_of(target), weight_of(weight)) else { return };
        let room = self.room.get_mut();
        self.columns.learn(row, &mut room.event);
        self.scale.learn(&room.event, target, weight);
        let standard = room.standard(&self.scale);
        self.watches.learn(&mut self.tree, &self.columns, (standard, target, weight));
    }
}

impl Snapshot for HoeffdingAdaptiveTreeRegressor {
    fn save(&self, out: &mut Writer) {
        out.version(1);
        self.columns.save(out);
        self.scale.save(out);
        self.tree.save_random(out);
        self.watches.save(&self.tree, &self.columns, out);
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        from.part("hoeffding_adaptive_tree_regressor");
        from.version(1)?;
        self.columns.load(from)?;
        self.scale.load(from)?;
        self.tree.load_random(from)?;
        self.tree.clear();
        self.watches.load(&mut self.tree, &self.columns, from)
    }
}
