//! The extremely fast decision tree.
#![doc = include_str!("extremely_fast_decision_tree.md")]

use super::arena::{Found, Node};
use super::columns::{Columns, Event};
use super::grow::Tree;
use super::leaf::Leaf;
use super::memory::Observes;
use super::split::{Candidate, Test, hoeffding_bound};
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

const REEVALUATION_PERIOD: Param = Param {
    name: "reevaluation_period",
    kind: ParamKind::Integer { min: 1, max: 1_000_000_000, default: 2000 },
    doc: "Weight of the events that an inner node sees between two looks at whether another split is better by now.",
    default_from: "MOA's default.",
};

/// The registry's entry.
pub const ENTRY: ModelEntry = ModelEntry {
    name: "extremely_fast_decision_tree",
    task: Task::Classification,
    summary: "A Hoeffding tree that splits as soon as a split is better than none, and thinks about it again later.",
    doc: include_str!("extremely_fast_decision_tree.md"),
    meaning_version: 1,
    params: &[
        REEVALUATION_PERIOD,
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
        Ok(AnyModel::Classifier(Box::new(ExtremelyFastDecisionTree::new(schema, values, seed)?)))
    },
};

/// Splits that gain less than this are none.
const MERIT_MIN: f64 = 1e-10;

/// What was found at the looks at a node: each feature's best merit, summed.
#[derive(Clone, Debug, Default)]
struct Looks {
    count: f64,
    merits: Vec<f64>,
}

impl Looks {
    fn add(&mut self, candidates: &[Candidate], columns: &Columns) {
        self.count += 1.0;
        self.merits.resize(columns.len(), 0.0);
        for candidate in candidates {
            self.merits[candidate.test.feature(columns.numbers())] += candidate.merit;
        }
    }

    /// Mean merit of a feature.
    fn mean(&self, feature: usize) -> f64 {
        self.merits.get(feature).copied().unwrap_or(0.0) / self.count.max(1.0)
    }

    fn memory_bytes(&self) -> usize {
        size_of::<Self>() + 8 * self.merits.len()
    }
}

/// What is kept of a node beside the tree.
#[derive(Clone, Debug, Default)]
struct Beside {
    looks: Looks,
    /// An inner node's events, as a leaf would keep them.
    events: Option<Box<Leaf>>,
}

/// See the module.
///
/// ```
/// use streamfold_learn::features::{Row, Schema};
/// use streamfold_learn::model::Classifier;
/// use streamfold_learn::tree::extremely_fast_decision_tree::{ENTRY, ExtremelyFastDecisionTree};
///
/// let schema = Schema { numeric: vec!["celsius".into(), "bar".into()], ..Schema::default() };
/// let mut model = ExtremelyFastDecisionTree::new(&schema, &ENTRY.values(&[])?, 0)?;
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
pub struct ExtremelyFastDecisionTree {
    columns: Columns,
    tree: Tree,
    reevaluation_period: f64,
    /// By place of the node.
    beside: Vec<Option<Box<Beside>>>,
    /// The event at hand. Not state; borrowed for the length of one call only.
    event: RefCell<Event>,
}

impl ExtremelyFastDecisionTree {
    /// A model that has learnt nothing.
    pub fn new(schema: &Schema, values: &Values, seed: u64) -> Result<Self, ParamError> {
        let columns = Columns::new(ENTRY.name, schema)?;
        let all = Subset::all(&columns);
        let tree = Tree::new(&columns, growth(values), all, Random::new(seed));
        let reevaluation_period = values.integer(&REEVALUATION_PERIOD) as f64;
        Ok(ExtremelyFastDecisionTree {
            columns,
            tree,
            reevaluation_period,
            beside: Vec::new(),
            event: RefCell::default(),
        })
    }

    fn beside(&mut self, place: u32) -> &mut Beside {
        let place = place as usize;
        if place >= self.beside.len() {
            self.beside.resize(place + 1, None);
        }
        self.beside[place].get_or_insert_default()
    }

    /// Lets the inner nodes on the way of an event learn, and looks at those again for which that is due.
    fn learn_inner(&mut self, event: &Event, class: usize, weight: f64) {
        let mut place = 0;
        while let Node::Split(split) = self.tree.arena.node(place) {
            let (next, common) = (split.next(event), self.tree.common());
            let Some(beside) = self.beside.get_mut(place as usize).and_then(Option::as_mut) else { return };
            let Some(events) = &mut beside.events else { return };
            let grew = events.observe(common, event, class, weight);
            let due = events.total - events.considered_at >= self.reevaluation_period;
            if grew {
                self.count_beside();
            }
            if due && self.reevaluate(place) {
                return;
            }
            place = next;
        }
    }

    /// Whether an inner node was given another split, or made a leaf, because that is surely better by now.
    fn reevaluate(&mut self, place: u32) -> bool {
        let Node::Split(split) = self.tree.arena.node(place) else { return false };
        let current = split.test.feature(self.columns.numbers());
        let Some(Beside { looks, events: Some(events) }) =
            self.beside.get_mut(place as usize).and_then(Option::as_deref_mut)
        else {
            return false;
        };
        events.considered_at = events.total;
        if !self.tree.consider(events) {
            return false;
        }
        looks.add(&self.tree.candidates, &self.columns);
        let bound = bound_of(&self.tree, events);
        let best = best_of(&self.tree.candidates);
        let merit = best.map_or(0.0, |test| looks.mean(test.feature(self.columns.numbers())));
        let gain = merit - looks.mean(current);
        if gain > bound || (bound < self.tree.growth.tie && gain > self.tree.growth.tie / 2.0) {
            self.replace(place, best);
            return true;
        }
        false
    }

    /// Cuts the tree below an inner node, which becomes a leaf again and, where there is a test, is split by it.
    fn replace(&mut self, place: u32, test: Option<Test>) {
        let Some(leaf) = self.beside(place).events.take() else { return };
        let mut below = Vec::new();
        self.tree.arena.visit(place, |each, _| below.push(each));
        for each in below.into_iter().skip(1) {
            if let Some(beside) = self.beside.get_mut(each as usize) {
                *beside = None;
            }
        }
        self.tree.arena.cut(place, *leaf);
        self.tree.count_bytes();
        if let Some(test) = test {
            self.split(place, test);
        }
        self.count_beside();
    }

    fn split(&mut self, place: u32, test: Test) {
        if let Some(leaf) = self.tree.split(&self.columns, place, test) {
            self.beside(place).events = Some(leaf);
            self.count_beside();
        }
    }

    /// Splits a leaf where that is surely better than not to.
    fn consider_leaf(&mut self, place: u32) {
        let Some(leaf) = self.tree.arena.leaf_mut(place) else { return };
        leaf.considered_at = leaf.total;
        if leaf.is_pure() || !self.tree.may_grow() {
            return;
        }
        if !self.tree.consider_at(place) {
            return;
        }
        let candidates = std::mem::take(&mut self.tree.candidates);
        let place_of = self.columns.numbers();
        self.beside(place);
        if let Some(Some(beside)) = self.beside.get_mut(place as usize) {
            beside.looks.add(&candidates, &self.columns);
        }
        if let (Some(test), Some(leaf)) = (best_of(&candidates), self.tree.arena.leaf(place)) {
            let bound = bound_of(&self.tree, leaf);
            if self.beside(place).looks.mean(test.feature(place_of)) > bound || bound < self.tree.growth.tie {
                self.split(place, test);
            }
        }
        self.tree.candidates = candidates;
    }

    /// Counts what lies beside the tree towards its bound of memory. Where even so little fits, inner nodes stop to
    /// observe: what they ask stays as it is.
    fn count_beside(&mut self) {
        let bytes = |beside: &Beside| {
            let events = beside.events.as_ref().map_or(0, |leaf| size_of::<Leaf>() + leaf.memory_bytes());
            size_of::<Beside>() + beside.looks.memory_bytes() + events
        };
        self.tree.beside_bytes = self.beside.iter().flatten().map(|beside| bytes(beside)).sum();
        if self.tree.beside_bytes > self.tree.growth.bytes_max / 4 * 3 {
            self.beside
                .iter_mut()
                .flatten()
                .filter_map(|beside| beside.events.as_mut())
                .for_each(|leaf| leaf.rest());
            self.tree.beside_bytes = self.beside.iter().flatten().map(|beside| bytes(beside)).sum();
        }
        self.tree.keep_memory();
    }
}

/// The best of all splits, where it gains anything.
fn best_of(candidates: &[Candidate]) -> Option<Test> {
    let mut best: Option<Candidate> = None;
    for &candidate in candidates {
        if candidate.merit >= best.map_or(MERIT_MIN, |best| best.merit.next_up()) {
            best = Some(candidate);
        }
    }
    best.map(|best| best.test)
}

fn bound_of(tree: &Tree, leaf: &Leaf) -> f64 {
    hoeffding_bound(libm::log2(leaf.classes().max(2) as f64), tree.growth.delta, leaf.total)
}

impl Model for ExtremelyFastDecisionTree {
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
impl Explain for ExtremelyFastDecisionTree {
    fn explain(&self, row: Row<'_>, class: usize, out: &mut Contributions) {
        let mut event = self.event.borrow_mut();
        self.columns.read(row, &mut event);
        out.clear(row);
        let classes = self.tree.growth.classes_max;
        self.tree.explain(&self.columns, &event, row.sparse, (class, classes), 1.0, out);
    }
}

impl Classifier for ExtremelyFastDecisionTree {
    fn predict(&self, row: Row<'_>, scores: &mut [f64]) {
        let mut event = self.event.borrow_mut();
        self.columns.read(row, &mut event);
        self.tree.scores(&event, scores);
    }

    fn learn(&mut self, row: Row<'_>, class: usize, weight: f64) {
        let Some(weight) = weight_of(weight).filter(|_| class < self.tree.growth.classes_max) else { return };
        let mut event = std::mem::take(self.event.get_mut());
        self.columns.learn(row, &mut event);
        self.learn_inner(&event, class, weight);
        let found: Found = self.tree.reach(&self.columns, 0, &event);
        let (_, due) = self.tree.learn_leaf(found, &event, class, weight);
        if due {
            self.consider_leaf(found.place);
        }
        *self.event.get_mut() = event;
    }
}

impl Snapshot for ExtremelyFastDecisionTree {
    fn save(&self, out: &mut Writer) {
        out.version(1);
        self.columns.save(out);
        self.tree.save_random(out);
        self.tree.save_subtree(&self.columns, 0, out, |place, out| {
            let beside = self.beside.get(place as usize).and_then(Option::as_deref);
            out.boolean(beside.is_some());
            if let Some(Beside { looks, events }) = beside {
                out.float(looks.count);
                out.floats(&looks.merits);
                out.boolean(events.is_some());
                if let Some(events) = events {
                    events.save(&self.columns, out);
                }
            }
        });
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        from.part("extremely_fast_decision_tree");
        from.version(1)?;
        self.columns.load(from)?;
        self.tree.load_random(from)?;
        self.tree.clear();
        self.beside.clear();
        let mut read = Vec::new();
        let (columns, all, classes_max) =
            (&self.columns, self.tree.all.clone(), self.tree.growth.classes_max);
        self.tree.load_subtree(columns, 0, from, |place, from| {
            if from.boolean()? {
                let count = from.finite_not_negative()?;
                let merits = from.floats()?;
                let sound = merits.iter().all(|merit| merit.is_finite());
                if !sound || !(merits.is_empty() || merits.len() == columns.len()) {
                    return Err(from.invalid("merits that cannot be"));
                }
                let events = match from.boolean()? {
                    true => Some(Box::new(Leaf::load(columns, &all, 0, classes_max, from)?)),
                    false => None,
                };
                read.push((place, Beside { looks: Looks { count, merits }, events }));
            }
            Ok(())
        })?;
        for (place, beside) in read {
            *self.beside(place) = beside;
        }
        self.count_beside();
        Ok(())
    }
}
