//! Leveraging bagging.
#![doc = include_str!("leveraging_bagging.md")]

use super::{LAMBDA, MEMORY_BYTES_MAX, TREES, bytes_of_tree};
use crate::drift::adwin::{Adwin, Change};
use crate::features::{Row, Schema};
use crate::model::{AnyModel, Classifier, Contributions, Explain, Model, Task};
use crate::params::{Param, ParamError, ParamKind, Values};
use crate::random::Random;
use crate::registry::{ClassesMax, ModelEntry};
use crate::snapshot::{Reader, Snapshot, SnapshotError, Writer};
use crate::tree::columns::{Columns, Event};
use crate::tree::grow::{Growth, Tree};
use crate::tree::{
    BINARY_SPLITS, CLASSES_MAX, DELTA, GRACE_PERIOD, LEAF_ANSWER, Subset, TIE_THRESHOLD, growth, heap_of,
    weight_of,
};
use std::cell::RefCell;

const DRIFT_DELTA: Param = Param {
    name: "drift_delta",
    kind: ParamKind::Number { min: 1e-12, max: 0.5, default: 0.002 },
    doc: "Chance that a check of a tree's errors replaces the worst tree without need. Smaller: fewer, later \
          replacements.",
    default_from: "MOA and River; Bifet, Holmes and Pfahringer.",
};

/// The registry's entry.
pub const ENTRY: ModelEntry = ModelEntry {
    name: "leveraging_bagging",
    task: Task::Classification,
    summary: "Hoeffding trees that learn each event a random number of times; when errors rise, the worst starts anew.",
    doc: include_str!("leveraging_bagging.md"),
    meaning_version: 1,
    params: &[
        TREES,
        LAMBDA,
        DRIFT_DELTA,
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
        Ok(AnyModel::Classifier(Box::new(LeveragingBagging::new(schema, values, seed)?)))
    },
};

#[derive(Clone, Debug)]
struct Member {
    tree: Tree,
    errors: Adwin,
    random: Random,
}

/// See the module.
///
/// ```
/// use streamfold_learn::features::{Row, Schema};
/// use streamfold_learn::forest::leveraging_bagging::{ENTRY, LeveragingBagging};
/// use streamfold_learn::model::Classifier;
///
/// let schema = Schema { numeric: vec!["celsius".into(), "bar".into()], ..Schema::default() };
/// let mut model = LeveragingBagging::new(&schema, &ENTRY.values(&[])?, 0)?;
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
pub struct LeveragingBagging {
    lambda: f64,
    drift_delta: f64,
    classes_max: usize,
    columns: Columns,
    members: Vec<Member>,
    /// The event at hand and one tree's scores. Not state; borrowed for the length of one call only.
    room: RefCell<(Event, Vec<f64>)>,
}

impl LeveragingBagging {
    /// A model that has learnt nothing.
    pub fn new(schema: &Schema, values: &Values, seed: u64) -> Result<Self, ParamError> {
        let columns = Columns::new(ENTRY.name, schema)?;
        let (trees, drift_delta) = (values.integer(&TREES) as usize, values.number(&DRIFT_DELTA));
        let growth = Growth { bytes_max: bytes_of_tree(values, trees, 1, false), ..growth(values) };
        let member = |number| {
            let random = Random::of_part(seed, number);
            let tree = Tree::new(&columns, growth, Subset::all(&columns), random.clone());
            Member { tree, errors: Adwin::new(drift_delta), random }
        };
        let members = (0..trees as u64).map(member).collect();
        let (lambda, classes_max) = (values.number(&LAMBDA), growth.classes_max);
        Ok(LeveragingBagging { lambda, drift_delta, classes_max, columns, members, room: RefCell::default() })
    }

    /// Lets the tree with the most errors of late start anew.
    fn replace_worst(&mut self) {
        let mut worst = (None, 0.0);
        for (number, member) in self.members.iter().enumerate() {
            if member.errors.mean() > worst.1 {
                worst = (Some(number), member.errors.mean());
            }
        }
        if let Some(member) = worst.0.and_then(|number| self.members.get_mut(number)) {
            member.tree.restart(&self.columns);
            member.errors = Adwin::new(self.drift_delta);
        }
    }
}

impl Model for LeveragingBagging {
    fn memory_bytes(&self) -> usize {
        let member =
            |member: &Member| size_of::<Member>() + member.tree.memory_bytes() + heap_of(&member.errors);
        let members: usize = self.members.iter().map(member).sum();
        size_of::<Self>() + self.columns.memory_bytes() + members
    }

    fn dump(&self, schema: &Schema, out: &mut String) {
        for (number, member) in self.members.iter().take(crate::dump::lines(self.members.len())).enumerate() {
            let (errors, events) = (100.0 * member.errors.mean(), member.errors.width());
            out.push_str(&format!("tree {number}, wrong about {errors:.1} % of the last {events} events:\n"));
            member.tree.dump(&self.columns, schema, crate::dump::lines(usize::MAX), out);
        }
        crate::dump::rest(self.members.len(), out);
    }

    fn as_explain(&self) -> Option<&dyn Explain> {
        Some(self)
    }
}

/// Explains the probability of a class.
impl Explain for LeveragingBagging {
    fn explain(&self, row: Row<'_>, class: usize, out: &mut Contributions) {
        let event = &mut self.room.borrow_mut().0;
        self.columns.read(row, event);
        out.clear(row);
        let share = 1.0 / self.members.len() as f64;
        for member in &self.members {
            member.tree.explain(&self.columns, event, row.sparse, (class, self.classes_max), share, out);
        }
    }
}

impl Classifier for LeveragingBagging {
    fn predict(&self, row: Row<'_>, scores: &mut [f64]) {
        let mut room = self.room.borrow_mut();
        let (event, votes) = &mut *room;
        self.columns.read(row, event);
        votes.resize(scores.len(), 0.0);
        scores.fill(0.0);
        for member in &self.members {
            member.tree.scores(event, votes);
            scores.iter_mut().zip(&*votes).for_each(|(score, share)| *score += share);
        }
        let count = self.members.len() as f64;
        scores.iter_mut().for_each(|score| *score /= count);
    }

    fn learn(&mut self, row: Row<'_>, class: usize, weight: f64) {
        let Some(weight) = weight_of(weight).filter(|_| class < self.classes_max) else { return };
        let event = &mut self.room.get_mut().0;
        self.columns.learn(row, event);
        let mut rises = false;
        for Member { tree, errors, random } in &mut self.members {
            let times = random.poisson(self.lambda);
            if times > 0 {
                let predicted = tree.learn(&self.columns, event, class, weight * f64::from(times));
                rises |= errors.add(if predicted == class { 0.0 } else { 1.0 }) == Change::Rise;
            }
        }
        if rises {
            self.replace_worst();
        }
    }
}

impl Snapshot for LeveragingBagging {
    fn save(&self, out: &mut Writer) {
        out.version(1);
        self.columns.save(out);
        for member in &self.members {
            member.random.save(out);
            member.errors.save(out);
            member.tree.save(&self.columns, out);
        }
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        from.part("leveraging_bagging");
        from.version(1)?;
        self.columns.load(from)?;
        for member in &mut self.members {
            member.random.load(from)?;
            member.errors.load(from)?;
            member.tree.load(&self.columns, from)?;
        }
        Ok(())
    }
}
