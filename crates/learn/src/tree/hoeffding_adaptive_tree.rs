//! The Hoeffding adaptive tree.
#![doc = include_str!("hoeffding_adaptive_tree.md")]

use super::adaptive::{DRIFT_DELTA, Grows, Lesson, SWITCH_DELTA, Watches};
use super::arena::{Arena, Found};
use super::columns::{Columns, Event};
use super::grow::Tree;
use super::leaf::Leaf;
use super::{
    BINARY_SPLITS, CLASSES_MAX, DELTA, GRACE_PERIOD, LEAF_ANSWER, MEMORY_BYTES_MAX, Subset, TIE_THRESHOLD,
    growth, weight_of,
};
use crate::dump;
use crate::features::{Row, Schema};
use crate::model::{AnyModel, Classifier, Contributions, Explain, Model, Task};
use crate::params::{Param, ParamError, ParamKind, Values};
use crate::random::Random;
use crate::registry::{ClassesMax, ModelEntry};
use crate::snapshot::{Reader, Snapshot, SnapshotError, Writer};
use std::cell::RefCell;

const BOOTSTRAP: Param = Param {
    name: "bootstrap",
    kind: ParamKind::Boolean { default: true },
    doc: "Whether leaves learn an event a random number of times (Poisson, 1 in the mean, but at least once).",
    default_from: "MOA; River has it too.",
};

/// The registry's entry.
pub const ENTRY: ModelEntry = ModelEntry {
    name: "hoeffding_adaptive_tree",
    task: Task::Classification,
    summary: "A Hoeffding tree whose branches are replaced by better ones when their errors rise.",
    doc: include_str!("hoeffding_adaptive_tree.md"),
    meaning_version: 1,
    params: &[
        DRIFT_DELTA,
        SWITCH_DELTA,
        BOOTSTRAP,
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
        Ok(AnyModel::Classifier(Box::new(HoeffdingAdaptiveTree::new(schema, values, seed)?)))
    },
};

/// See the module.
///
/// ```
/// use streamfold_learn::features::{Row, Schema};
/// use streamfold_learn::model::Classifier;
/// use streamfold_learn::tree::hoeffding_adaptive_tree::{ENTRY, HoeffdingAdaptiveTree};
///
/// let schema = Schema { numeric: vec!["celsius".into(), "bar".into()], ..Schema::default() };
/// let mut model = HoeffdingAdaptiveTree::new(&schema, &ENTRY.values(&[])?, 0)?;
/// for event in 0..20_000 {
///     let (celsius, bar) = (f64::from(event * 37 % 100), f64::from(event * 53 % 10));
///     // In the middle the classes change places.
///     let class = usize::from((celsius > 70.0) == (event < 10_000));
///     model.learn(Row { numeric: &[celsius, bar], ..Row::default() }, class, 1.0);
/// }
/// let mut scores = [0.0; 2];
/// model.predict(Row { numeric: &[90.0, 5.0], ..Row::default() }, &mut scores);
/// assert_eq!(scores[0].round(), 1.0);
/// # Ok::<(), streamfold_learn::params::ParamError>(())
/// ```
#[derive(Clone, Debug)]
pub struct HoeffdingAdaptiveTree {
    columns: Columns,
    tree: Tree,
    watches: Watches,
    bootstrap: bool,
    random: Random,
    /// Not state; borrowed for the length of one call only.
    room: RefCell<Room>,
}

#[derive(Clone, Debug, Default)]
struct Room {
    event: Event,
    scores: Vec<f64>,
}

impl HoeffdingAdaptiveTree {
    /// A model that has learnt nothing.
    pub fn new(schema: &Schema, values: &Values, seed: u64) -> Result<Self, ParamError> {
        let columns = Columns::new(ENTRY.name, schema)?;
        let all = Subset::all(&columns);
        let tree = Tree::new(&columns, growth(values), all, Random::of_part(seed, 1));
        Ok(HoeffdingAdaptiveTree {
            columns,
            tree,
            watches: Watches::new(values),
            bootstrap: values.boolean(&BOOTSTRAP),
            random: Random::of_part(seed, 0),
            room: RefCell::default(),
        })
    }
}

/// An event, its class and its weight.
type LessonOf<'a> = (&'a Event, usize, f64);

impl Lesson for LessonOf<'_> {
    fn event(&self) -> &Event {
        self.0
    }
}

impl Grows for Tree {
    type Leaf = Leaf;
    type Lesson<'a> = LessonOf<'a>;

    fn arena(&self) -> &Arena<Leaf> {
        &self.arena
    }

    fn arena_mut(&mut self) -> &mut Arena<Leaf> {
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
        Tree::reach(self, columns, from, event)
    }

    fn learn_at(&mut self, columns: &Columns, found: Found, (event, class, weight): LessonOf<'_>) -> f64 {
        let predicted = Tree::learn_at(self, columns, found, event, class, weight);
        if predicted == class { 0.0 } else { 1.0 }
    }

    fn may_grow(&self) -> bool {
        Tree::may_grow(self)
    }

    fn add_root(&mut self, columns: &Columns) -> u32 {
        let leaf = self.new_leaf(columns, Vec::new());
        self.add_leaf(leaf)
    }

    fn count_bytes(&mut self) {
        Tree::count_bytes(self);
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

impl Model for HoeffdingAdaptiveTree {
    fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.columns.memory_bytes() + self.tree.node_bytes() + self.watches.memory_bytes()
    }

    fn dump(&self, schema: &Schema, out: &mut String) {
        self.tree.dump(&self.columns, schema, dump::lines(usize::MAX), out);
        out.push_str(&format!("{} alternatives learn beside it\n", self.tree.others.len()));
    }

    fn as_explain(&self) -> Option<&dyn Explain> {
        Some(self)
    }
}

/// Explains the probability of a class.
impl Explain for HoeffdingAdaptiveTree {
    fn explain(&self, row: Row<'_>, class: usize, out: &mut Contributions) {
        let event = &mut self.room.borrow_mut().event;
        self.columns.read(row, event);
        out.clear(row);
        let mut votes = Vec::new();
        self.watches.answering(&self.tree, event, |root, _, vote| votes.push((root, vote)));
        let sum: f64 = votes.iter().map(|(_, vote)| vote).sum();
        let classes = (class, self.tree.growth.classes_max);
        for (root, vote) in votes {
            self.tree.explain_from(root, &self.columns, event, row.sparse, classes, vote / sum, out);
        }
    }
}

impl Classifier for HoeffdingAdaptiveTree {
    fn predict(&self, row: Row<'_>, scores: &mut [f64]) {
        let mut room = self.room.borrow_mut();
        let Room { event, scores: one } = &mut *room;
        self.columns.read(row, event);
        one.resize(scores.len(), 0.0);
        scores.fill(0.0);
        let mut sum = 0.0;
        self.watches.answering(&self.tree, event, |_, leaf, vote| {
            if let Some(leaf) = self.tree.arena.leaf(leaf) {
                leaf.scores(self.tree.common(), event, one);
                sum += vote;
                scores.iter_mut().zip(&*one).for_each(|(score, share)| *score += vote * share);
            }
        });
        scores.iter_mut().for_each(|score| *score /= sum);
    }

    fn learn(&mut self, row: Row<'_>, class: usize, weight: f64) {
        let Some(weight) = weight_of(weight).filter(|_| class < self.tree.growth.classes_max) else { return };
        let times = if self.bootstrap { self.random.poisson(1.0).max(1) } else { 1 };
        let event = &mut self.room.get_mut().event;
        self.columns.learn(row, event);
        self.watches.learn(&mut self.tree, &self.columns, (event, class, weight * f64::from(times)));
    }
}

impl Snapshot for HoeffdingAdaptiveTree {
    fn save(&self, out: &mut Writer) {
        out.version(1);
        self.columns.save(out);
        self.random.save(out);
        self.tree.save_random(out);
        self.watches.save(&self.tree, &self.columns, out);
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        from.part("hoeffding_adaptive_tree");
        from.version(1)?;
        self.columns.load(from)?;
        self.random.load(from)?;
        self.tree.load_random(from)?;
        self.tree.clear();
        self.watches.load(&mut self.tree, &self.columns, from)
    }
}
