//! Half-space trees: how few events of the last window fell where an event falls.
#![doc = include_str!("half_space_trees.md")]

use crate::features::{Row, Schema};
use crate::model::{AnomalyDetector, AnyModel, Model, Task};
use crate::params::{Param, ParamKind, Values};
use crate::random::Random;
use crate::registry::{ClassesMax, ModelEntry};
use crate::snapshot::{Reader, Snapshot, SnapshotError, Writer};
use std::fmt::Write;

const TREES: Param = Param {
    name: "trees",
    kind: ParamKind::Integer { min: 1, max: 1000, default: 25 },
    doc: "Number of trees. More make the score steadier.",
    default_from: "The default of the paper.",
};

const HEIGHT: Param = Param {
    name: "height",
    kind: ParamKind::Integer { min: 1, max: 24, default: 15 },
    doc: "How often the space is halved at most.",
    default_from: "The default of the paper.",
};

const WINDOW: Param = Param {
    name: "window_events",
    kind: ParamKind::Integer { min: 2, max: 100_000, default: 250 },
    doc: "Events that are counted before they become the measure of what is usual.",
    default_from: "The default of the paper.",
};

/// The registry's entry.
pub const ENTRY: ModelEntry = ModelEntry {
    name: "half_space_trees",
    task: Task::AnomalyDetection,
    summary: "Scores events by how few others fall into their part of the space.",
    doc: include_str!("half_space_trees.md"),
    meaning_version: 1,
    params: &[TREES, HEIGHT, WINDOW],
    classes_max: ClassesMax::None,
    reads_categories: false,
    build: |schema, values, seed| {
        Ok(AnyModel::AnomalyDetector(Box::new(HalfSpaceTrees::new(schema, values, seed))))
    },
};

/// Larger values count as missing.
const LIMIT: f64 = 1e100;
/// No event counts for more than so many.
const WEIGHT_MAX: f64 = 1e9;
/// Scoring goes no deeper than where this share of a window's events fell (the paper's).
const DENSE: f64 = 0.1;
/// This share of the first window's values is left out at each end of a feature's range.
const OUTER: f64 = 0.01;

/// A half-space; it is divided where `left` is not 0, and then its other half lies behind the left one.
#[derive(Clone, Copy, Debug, Default)]
struct Node {
    left: u32,
    feature: u32,
    split: f64,
    /// Weight of the last window's events in here.
    reference: f64,
    /// Weight of this window's events so far.
    latest: f64,
}

/// From a lower to an upper end.
type Range = (f64, f64);

/// See the module.
///
/// ```
/// use streamfold_learn::anomaly::half_space_trees::{ENTRY, HalfSpaceTrees};
/// use streamfold_learn::features::{Row, Schema};
/// use streamfold_learn::model::AnomalyDetector;
///
/// let schema = Schema { numeric: vec!["celsius".into()], ..Schema::default() };
/// let mut model = HalfSpaceTrees::new(&schema, &ENTRY.values(&[])?, 7);
/// for event in 0..1000 {
///     model.learn(Row { numeric: &[20.0 + f64::from(event % 10)], ..Row::default() }, 1.0);
/// }
/// let score = |celsius: f64| (model.score(Row { numeric: &[celsius], ..Row::default() }) * 10.0).round();
/// assert!(score(24.0) < 3.0 && score(45.0) > 4.0);
/// # Ok::<(), streamfold_learn::params::ParamError>(())
/// ```
#[derive(Clone, Debug)]
pub struct HalfSpaceTrees {
    height: u32,
    window: u64,
    seed: u64,
    /// The numeric features by name, so that their order in the schema changes nothing.
    order: Vec<usize>,
    /// Rows of the first window, each with its weight; empty afterwards.
    first: Vec<f64>,
    /// For each tree the range of each feature (in `order`); empty during the first window.
    ranges: Vec<Vec<Range>>,
    trees: Vec<Vec<Node>>,
    /// Events of this window so far.
    events: u64,
}

impl HalfSpaceTrees {
    /// A model that has learnt nothing.
    pub fn new(schema: &Schema, values: &Values, seed: u64) -> Self {
        let mut order: Vec<usize> = (0..schema.numeric.len()).collect();
        order.sort_by_key(|&feature| &schema.numeric[feature]);
        HalfSpaceTrees {
            height: values.integer(&HEIGHT) as u32,
            window: values.integer(&WINDOW) as u64,
            seed,
            order,
            first: Vec::new(),
            ranges: Vec::new(),
            trees: vec![vec![Node::default()]; values.integer(&TREES) as usize],
            events: 0,
        }
    }

    /// The value of a feature, NaN where it is missing.
    fn value(&self, row: Row<'_>, feature: u32) -> f64 {
        let place = self.order.get(feature as usize);
        match place.and_then(|&place| row.numeric.get(place)) {
            Some(value) if value.abs() <= LIMIT => *value,
            _ => f64::NAN,
        }
    }

    /// The end of the first window: its values give the ranges, and its events are counted.
    fn begin(&mut self) {
        let width = self.order.len() + 1;
        let first = std::mem::take(&mut self.first);
        let middle: Vec<Range> = (0..self.order.len())
            .map(|feature| {
                let values = first.chunks_exact(width).map(|row| row[feature]);
                range(values.filter(|value| !value.is_nan()).collect())
            })
            .collect();
        self.set_ranges(&middle);
        let whole: f64 = first.chunks_exact(width).map(|row| row[width - 1]).sum();
        self.trees.iter_mut().for_each(|nodes| nodes[0].reference = whole);
        let features: Vec<usize> = (0..self.order.len()).collect();
        let order = std::mem::replace(&mut self.order, features);
        for row in first.chunks_exact(width) {
            let (numeric, weight) = row.split_at(width - 1);
            self.count(Row { numeric, ..Row::default() }, weight[0]);
        }
        self.order = order;
    }

    /// Around the range of each feature every tree lays a wider one of its own, so that they halve at different places.
    fn set_ranges(&mut self, middle: &[Range]) {
        self.ranges = (0..self.trees.len())
            .map(|tree| {
                let mut random = Random::of_part(self.seed, tree as u64);
                middle
                    .iter()
                    .map(|&(low, high)| {
                        let at = random.unit();
                        let reach = 2.0 * at.max(1.0 - at);
                        let width = high - low;
                        (low + (at - reach) * width, low + (at + reach) * width)
                    })
                    .collect()
            })
            .collect();
    }

    /// Counts an event in all trees.
    fn count(&mut self, row: Row<'_>, weight: f64) {
        for tree in 0..self.trees.len() {
            let (mut at, mut path) = (0usize, 1u64);
            loop {
                let node = &mut self.trees[tree][at];
                node.latest += weight;
                if node.left == 0 {
                    let dense = node.latest >= DENSE * weight_of(&self.trees[tree][0]);
                    if !dense || path >> self.height != 0 || self.order.is_empty() {
                        break;
                    }
                    self.divide(tree, at, path);
                    // Its halves count from the next event on.
                    break;
                }
                let right = self.goes_right(tree, at, row);
                at = self.trees[tree][at].left as usize + usize::from(right);
                path = path << 1 | u64::from(right);
            }
        }
    }

    /// Divides a half-space, at the middle of what of one feature's range lies in it. `path`: the turns from the root, behind
    /// a leading 1.
    fn divide(&mut self, tree: usize, at: usize, path: u64) {
        let part = (tree as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ path << 1;
        let feature = Random::of_part(!self.seed, part).below(self.order.len() as u64) as u32;
        let (mut low, mut high) = self.ranges[tree][feature as usize];
        let nodes = &mut self.trees[tree];
        let mut above = 0usize;
        for turn in (0..63 - path.leading_zeros()).rev() {
            let (node, right) = (nodes[above], path >> turn & 1);
            if node.feature == feature {
                *(if right == 1 { &mut low } else { &mut high }) = node.split;
            }
            above = node.left as usize + right as usize;
        }
        let left = nodes.len() as u32;
        nodes.extend([Node::default(), Node::default()]);
        nodes[at] = Node { left, feature, split: 0.5 * low + 0.5 * high, ..nodes[at] };
    }

    /// Which half of a divided half-space the row lies in; one whose value is missing, where most lay.
    fn goes_right(&self, tree: usize, at: usize, row: Row<'_>) -> bool {
        let nodes = &self.trees[tree];
        let value = self.value(row, nodes[at].feature);
        if value.is_nan() {
            let left = nodes[at].left as usize;
            return nodes[left + 1].reference > nodes[left].reference;
        }
        value >= nodes[at].split
    }

    /// This window becomes the measure.
    fn turn(&mut self) {
        self.events = 0;
        for nodes in &mut self.trees {
            let dense = DENSE * nodes[0].latest;
            let mut kept = vec![nodes[0]];
            let mut next = 0;
            while next < kept.len() {
                let node = &mut kept[next];
                node.reference = node.latest;
                node.latest = 0.0;
                let halves = node.left as usize;
                node.left = 0;
                // The halves of what is not dense are not looked at.
                if halves != 0 && node.reference >= dense && node.reference > 0.0 {
                    kept[next].left = kept.len() as u32;
                    kept.extend_from_slice(&nodes[halves..halves + 2]);
                }
                next += 1;
            }
            *nodes = kept;
        }
    }
}

/// The weight by which it is judged what is dense: that of the last window, or of this one where it is more.
fn weight_of(root: &Node) -> f64 {
    root.reference.max(root.latest)
}

/// The range of a feature without its outermost values.
fn range(mut values: Vec<f64>) -> Range {
    values.sort_by(f64::total_cmp);
    let outer = (values.len() as f64 * OUTER) as usize;
    match (values.get(outer), values.len().checked_sub(1 + outer).and_then(|last| values.get(last))) {
        (Some(&low), Some(&high)) if low < high => (low, high),
        (Some(&only), _) => {
            let reach = if only == 0.0 { 1.0 } else { only.abs() };
            (only - reach, only + reach)
        }
        _ => (-1.0, 1.0),
    }
}

impl AnomalyDetector for HalfSpaceTrees {
    fn score(&self, row: Row<'_>) -> f64 {
        let mut sum = 0.0;
        for (tree, nodes) in self.trees.iter().enumerate() {
            let whole = nodes[0].reference;
            if whole <= 0.0 || self.order.is_empty() {
                return 0.0;
            }
            let (mut at, mut density) = (0usize, 1.0);
            while nodes[at].left != 0 && nodes[at].reference >= DENSE * whole {
                at = nodes[at].left as usize + usize::from(self.goes_right(tree, at, row));
                density *= 2.0;
                sum += nodes[at].reference / whole * density;
            }
        }
        1.0 / (1.0 + sum / self.trees.len() as f64)
    }

    fn learn(&mut self, row: Row<'_>, weight: f64) {
        if weight.is_nan() || weight <= 0.0 {
            return;
        }
        let weight = weight.min(WEIGHT_MAX);
        if self.ranges.is_empty() {
            for feature in 0..self.order.len() as u32 {
                let value = self.value(row, feature);
                self.first.push(value);
            }
            self.first.push(weight);
        } else {
            self.count(row, weight);
        }
        self.events += 1;
        if self.events >= self.window {
            if self.ranges.is_empty() {
                self.begin();
            }
            self.turn();
        }
    }
}

impl Model for HalfSpaceTrees {
    fn memory_bytes(&self) -> usize {
        let nodes: usize = self.trees.iter().map(Vec::capacity).sum();
        let ranges: usize = self.ranges.iter().map(Vec::len).sum();
        size_of::<Self>()
            + nodes * size_of::<Node>()
            + ranges * size_of::<Range>()
            + 8 * (self.first.capacity() + self.order.len())
            + 48 * self.trees.len()
    }

    fn dump(&self, schema: &Schema, out: &mut String) {
        let nodes: usize = self.trees.iter().map(Vec::len).sum();
        // Writing to a string cannot fail.
        let _ = writeln!(out, "{} trees, {nodes} half-spaces", self.trees.len());
        for (tree, nodes) in self.trees.iter().enumerate().take(crate::dump::lines(self.trees.len())) {
            let root = nodes[0];
            if root.left != 0 {
                let name = self.order.get(root.feature as usize).and_then(|&place| schema.numeric.get(place));
                let name = name.map_or("", |name| name);
                let [left, right] = [0, 1].map(|half| nodes[root.left as usize + half].reference);
                let split = root.split;
                let _ = writeln!(out, "  tree {tree}: {name} < {split:.6e}: {left:.0}, else {right:.0}");
            }
        }
        crate::dump::rest(self.trees.len(), out);
    }
}

/// Version of the layout.
const LAYOUT: u64 = 1;

impl Snapshot for HalfSpaceTrees {
    fn save(&self, out: &mut Writer) {
        out.version(LAYOUT);
        out.unsigned(self.events);
        out.boolean(self.ranges.is_empty());
        if self.ranges.is_empty() {
            return out.floats(&self.first);
        }
        for &(low, high) in self.ranges.iter().flatten() {
            out.float(low);
            out.float(high);
        }
        for nodes in &self.trees {
            // In the order of the arena: whether a node is divided says where its halves lie.
            out.unsigned(nodes.len() as u64);
            for node in nodes {
                out.unsigned(u64::from(node.left));
                out.unsigned(u64::from(node.feature));
                out.float(node.split);
                out.float(node.reference);
                out.float(node.latest);
            }
        }
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        from.part("half_space_trees");
        from.version(LAYOUT)?;
        self.events = from.unsigned()?;
        if self.events >= self.window {
            return Err(from.invalid("more events than a window has"));
        }
        let width = self.order.len() + 1;
        self.first.clear();
        self.ranges.clear();
        self.trees.iter_mut().for_each(|nodes| *nodes = vec![Node::default()]);
        if from.boolean()? {
            self.first = from.floats()?;
            let whole = self.first.len() as u64 == self.events * width as u64;
            let sound = |row: &[f64]| {
                row[width - 1] > 0.0
                    && row[width - 1] <= WEIGHT_MAX
                    && row.iter().all(|value| value.is_nan() || value.abs() <= LIMIT)
            };
            return match whole && self.first.chunks_exact(width).all(sound) {
                true => Ok(()),
                false => Err(from.invalid("rows of the first window that cannot be")),
            };
        }
        for _ in 0..self.trees.len() {
            let ranges = (0..self.order.len()).map(|_| Ok((from.finite()?, from.finite()?)));
            self.ranges.push(ranges.collect::<Result<_, SnapshotError>>()?);
        }
        for tree in 0..self.trees.len() {
            self.trees[tree] = self.load_tree(from)?;
        }
        Ok(())
    }
}

impl HalfSpaceTrees {
    /// A tree; every half-space lies behind the one that it is a half of, once.
    fn load_tree(&self, from: &mut Reader<'_>) -> Result<Vec<Node>, SnapshotError> {
        let length = from.length(26)?;
        let mut nodes = Vec::with_capacity(length);
        for _ in 0..length {
            let (left, feature) = (from.unsigned()?, from.unsigned()?);
            nodes.push(Node {
                left: u32::try_from(left).unwrap_or(u32::MAX),
                feature: u32::try_from(feature).unwrap_or(u32::MAX),
                split: from.finite()?,
                reference: from.finite_not_negative()?,
                latest: from.finite_not_negative()?,
            });
        }
        let mut depths: Vec<Option<u32>> = vec![None; length];
        if let Some(root) = depths.first_mut() {
            *root = Some(0);
        }
        for (at, node) in nodes.iter().enumerate() {
            let Some(depth) = depths[at] else { return Err(from.invalid("a half-space that is no half")) };
            if node.left == 0 {
                continue;
            }
            let left = node.left as usize;
            let sound = left > at
                && left + 1 < length
                && depth < self.height
                && (node.feature as usize) < self.order.len()
                && depths[left].is_none()
                && depths[left + 1].is_none();
            if !sound {
                return Err(from.invalid("a half-space that is divided wrongly"));
            }
            depths[left] = Some(depth + 1);
            depths[left + 1] = Some(depth + 1);
        }
        if nodes.is_empty() { Err(from.invalid("a tree without a root")) } else { Ok(nodes) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(numeric: usize) -> HalfSpaceTrees {
        let names = (0..numeric).map(|number| format!("x{number}").into()).collect();
        let schema = Schema { numeric: names, ..Schema::default() };
        HalfSpaceTrees::new(&schema, &ENTRY.values(&[]).unwrap(), 3)
    }

    fn row(numeric: &[f64]) -> Row<'_> {
        Row { numeric, ..Row::default() }
    }

    #[test]
    fn even_density_scores_a_fifth_and_empty_space_more_than_a_dense_place() {
        let mut random = Random::new(1);
        let mut model = model(2);
        assert_eq!(model.score(row(&[0.5, 0.5])), 0.0);
        for _ in 0..2000 {
            let spread = [random.unit(), random.unit()];
            model.learn(row(&if random.below(2) == 0 { [0.3, 0.7] } else { spread }), 1.0);
        }
        let [dense, even, empty] = [[0.3, 0.7], [0.8, 0.2], [3.0, 3.0]].map(|at| model.score(row(&at)));
        assert!(dense < 0.01 && even > 0.05 && even < 0.35 && empty > 0.35, "{dense} {even} {empty}");
    }

    #[test]
    fn what_becomes_usual_is_no_longer_strange() {
        let mut model = model(1);
        (0..500).for_each(|event| model.learn(row(&[f64::from(event % 10)]), 1.0));
        let before = model.score(row(&[12.0]));
        (0..1000).for_each(|_| model.learn(row(&[12.0]), 1.0));
        assert!(model.score(row(&[12.0])) < before / 4.0);
        assert!(
            model.trees.iter().all(|nodes| nodes.len() < 2 * 20 * 15),
            "what is no longer dense is forgotten"
        );
    }
}
