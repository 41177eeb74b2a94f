//! Robust random cut forest: how much an event would displace the others in trees of random cuts.
#![doc = include_str!("robust_random_cut_forest.md")]

use super::cut_tree::Tree;
use crate::features::{Row, Schema};
use crate::model::{AnomalyDetector, AnyModel, Model, Task};
use crate::params::{Param, ParamError, ParamKind, Values};
use crate::random::Random;
use crate::registry::{ClassesMax, ModelEntry};
use crate::snapshot::{Reader, Snapshot, SnapshotError, Writer};
use std::cell::RefCell;
use std::fmt::Write;

const TREES: Param = Param {
    name: "trees",
    kind: ParamKind::Integer { min: 1, max: 1000, default: 50 },
    doc: "Number of trees. More make the score steadier.",
    default_from: "The default of Amazon's implementation.",
};

const SAMPLE: Param = Param {
    name: "sample_events",
    kind: ParamKind::Integer { min: 2, max: 10_000, default: 256 },
    doc: "Events that each tree holds.",
    default_from: "The default of Amazon's implementation, and the sample of isolation forests.",
};

const SHINGLE: Param = Param {
    name: "shingle_events",
    kind: ParamKind::Integer { min: 1, max: 1000, default: 1 },
    doc: "Events in a row that are looked at as one: more than 1 sees what is strange in its order in time.",
    default_from: "Events that are judged alone.",
};

const MEMORY: Param = Param {
    name: "memory_events",
    kind: ParamKind::Number { min: 1000.0, max: 1e12, default: 10_000.0 },
    doc: "The sample stands for about so many of the last events, older ones with falling chance.",
    default_from: "Some 40 samples of 256: what Amazon's implementation takes is 10.",
};

/// The registry's entry.
pub const ENTRY: ModelEntry = ModelEntry {
    name: "robust_random_cut_forest",
    task: Task::AnomalyDetection,
    summary: "Scores events, or several in a row, by how much they displace others in trees of random cuts.",
    doc: include_str!("robust_random_cut_forest.md"),
    meaning_version: 1,
    params: &[TREES, SAMPLE, SHINGLE, MEMORY],
    classes_max: ClassesMax::None,
    reads_categories: false,
    build: |schema, values, seed| {
        Ok(AnyModel::AnomalyDetector(Box::new(RobustRandomCutForest::new(schema, values, seed)?)))
    },
};

/// Coordinates of a point: features times events of a shingle.
pub const COORDINATES_MAX: usize = 1000;
/// Larger values count as missing.
const LIMIT: f64 = 1e100;

/// See the module.
///
/// ```
/// use streamfold_learn::anomaly::robust_random_cut_forest::{ENTRY, RobustRandomCutForest};
/// use streamfold_learn::features::{Row, Schema};
/// use streamfold_learn::model::AnomalyDetector;
///
/// let schema = Schema { numeric: vec!["celsius".into()], ..Schema::default() };
/// let mut model = RobustRandomCutForest::new(&schema, &ENTRY.values(&[])?, 7)?;
/// for event in 0..1000 {
///     model.learn(Row { numeric: &[20.0 + f64::from(event * 7 % 10)], ..Row::default() }, 1.0);
/// }
/// let score = |celsius: f64| model.score(Row { numeric: &[celsius], ..Row::default() });
/// assert!(score(45.0) > 5.0 * score(24.0));
/// # Ok::<(), streamfold_learn::params::ParamError>(())
/// ```
#[derive(Clone, Debug)]
pub struct RobustRandomCutForest {
    /// The numeric features by name, so that their order in the schema changes nothing.
    order: Vec<usize>,
    sample: usize,
    memory: f64,
    /// The last shingle, the oldest event first.
    shingle: Vec<f64>,
    /// Events learnt; the first shingles are not whole.
    events: u64,
    shingle_events: u64,
    trees: Vec<(Random, Tree)>,
    /// The shingle that is scored. Not state.
    point: RefCell<Vec<f64>>,
}

impl RobustRandomCutForest {
    /// A model that has learnt nothing.
    pub fn new(schema: &Schema, values: &Values, seed: u64) -> Result<Self, ParamError> {
        let mut order: Vec<usize> = (0..schema.numeric.len()).collect();
        order.sort_by_key(|&feature| &schema.numeric[feature]);
        let shingle_events = values.integer(&SHINGLE) as usize;
        let size = order.len() * shingle_events;
        if size > COORDINATES_MAX {
            return Err(ParamError::Features {
                owner: format!("model `{}`", ENTRY.name),
                reason: format!(
                    "{size} of them (with the shingle) are more than {COORDINATES_MAX}; take fewer"
                ),
            });
        }
        let sample = values.integer(&SAMPLE) as usize;
        let trees = (0..values.integer(&TREES) as u64)
            .map(|tree| (Random::of_part(seed, tree), Tree::new(size)))
            .collect();
        Ok(RobustRandomCutForest {
            order,
            sample,
            memory: values.number(&MEMORY),
            shingle: vec![0.0; size],
            events: 0,
            shingle_events: shingle_events as u64,
            trees,
            point: RefCell::default(),
        })
    }

    /// The shingle that ends with this row; a missing value is the one before.
    fn fill(&self, row: Row<'_>, point: &mut Vec<f64>) {
        let width = self.order.len();
        point.clear();
        point.extend_from_slice(&self.shingle[width..]);
        for (feature, &place) in self.order.iter().enumerate() {
            let value = row.numeric.get(place).copied().filter(|value| value.abs() <= LIMIT);
            let before = self.shingle[self.shingle.len() - width + feature];
            // Adding 0 makes -0 and 0 one.
            point.push(value.unwrap_or(before) + 0.0);
        }
    }
}

impl AnomalyDetector for RobustRandomCutForest {
    fn score(&self, row: Row<'_>) -> f64 {
        // The first shingle that is whole ends with the event that is scored.
        if self.order.is_empty() || self.events + 1 < self.shingle_events {
            return 0.0;
        }
        let point = &mut *self.point.borrow_mut();
        self.fill(row, point);
        let sum: f64 = self.trees.iter().map(|(_, tree)| tree.displacement(point)).sum();
        sum / self.trees.len() as f64
    }

    fn learn(&mut self, row: Row<'_>, weight: f64) {
        if weight.is_nan() || weight <= 0.0 || self.order.is_empty() {
            return;
        }
        let mut point = self.point.take();
        self.fill(row, &mut point);
        self.shingle.copy_from_slice(&point);
        self.events = self.events.saturating_add(1);
        if self.events >= self.shingle_events {
            let seen = (self.events - self.shingle_events + 1) as f64;
            let chance = self.sample as f64 / seen.min(self.memory.max(self.sample as f64));
            for (random, tree) in &mut self.trees {
                if tree.len() < self.sample {
                    tree.insert(&point, random);
                } else if random.unit() < chance {
                    tree.replace(random.below(self.sample as u64) as usize, &point, random);
                }
            }
        }
        self.point.replace(point);
    }
}

impl Model for RobustRandomCutForest {
    fn memory_bytes(&self) -> usize {
        let trees: usize = self.trees.iter().map(|(_, tree)| tree.memory_bytes()).sum();
        let point = self.point.borrow().capacity();
        let each = size_of::<(Random, Tree)>();
        size_of::<Self>()
            + trees
            + each * self.trees.len()
            + 8 * (self.order.len() + self.shingle.len() + point)
    }

    fn dump(&self, schema: &Schema, out: &mut String) {
        let points = self.trees.first().map_or(0, |(_, tree)| tree.len());
        // Writing to a string cannot fail.
        let _ = writeln!(out, "{} trees of {points} points; ranges in the first:", self.trees.len());
        let width = self.order.len().max(1);
        let ranges = self.trees.first().map(|(_, tree)| tree.ranges()).unwrap_or_default();
        for (at, (low, high)) in ranges.iter().enumerate().take(crate::dump::lines(ranges.len())) {
            let name = self.order.get(at % width).and_then(|&place| schema.numeric.get(place));
            let back = self.shingle_events as usize - 1 - at / width;
            let _ =
                writeln!(out, "  {} ({back} back): {low:.6e} to {high:.6e}", name.map_or("", |name| name));
        }
        crate::dump::rest(ranges.len(), out);
    }
}

/// Version of the layout.
const LAYOUT: u64 = 1;

impl Snapshot for RobustRandomCutForest {
    fn save(&self, out: &mut Writer) {
        out.version(LAYOUT);
        out.unsigned(self.events);
        out.floats(&self.shingle);
        for (random, tree) in &self.trees {
            random.save(out);
            tree.save(out);
        }
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        from.part("robust_random_cut_forest");
        from.version(LAYOUT)?;
        self.events = from.unsigned()?;
        from.floats_into(&mut self.shingle)?;
        if !self.shingle.iter().all(|value| value.abs() <= LIMIT) {
            self.shingle.fill(0.0);
            return Err(from.invalid("a value of the last events is out of reach"));
        }
        for (random, tree) in &mut self.trees {
            random.load(from)?;
            tree.load(from, self.sample, LIMIT)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::params::ParamValue;

    fn model(shingle: i64) -> RobustRandomCutForest {
        let schema = Schema { numeric: vec!["x".into()], ..Schema::default() };
        let given = [("shingle_events".to_owned(), ParamValue::Integer(shingle))];
        RobustRandomCutForest::new(&schema, &ENTRY.values(&given).unwrap(), 3).unwrap()
    }

    fn row(numeric: &[f64]) -> Row<'_> {
        Row { numeric, ..Row::default() }
    }

    #[test]
    fn what_no_longer_comes_is_forgotten() {
        let mut model = model(1);
        let mut random = Random::new(9);
        (0..3000).for_each(|_| model.learn(row(&[random.normal()]), 1.0));
        let before = model.score(row(&[30.0]));
        (0..60_000).for_each(|_| model.learn(row(&[30.0 + random.normal()]), 1.0));
        assert!(before > 100.0 && model.score(row(&[30.0])) < before / 10.0);
        assert!(model.score(row(&[0.0])) > 50.0);
    }

    #[test]
    fn a_shingle_sees_the_order() {
        let mut model = model(4);
        let wave = |step: i32| f64::from(step % 8);
        (0..2000).for_each(|step| model.learn(row(&[wave(step)]), 1.0));
        let usual = model.score(row(&[wave(2000)]));
        // Usual alone, but not now.
        let strange = model.score(row(&[wave(2004)]));
        assert!(strange > 3.0 * usual, "{usual} {strange}");
    }
}
