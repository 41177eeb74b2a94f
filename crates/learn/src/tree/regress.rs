//! A regression tree that grows from a stream: leaves that learn, and are split once it is sure enough that a feature
//! takes away more of the target's variance than the others.

use super::arena::{Arena, DEPTH_MAX, Found, Node};
use super::columns::{Columns, Event};
use super::explain;
use super::memory::keep_most_promising;
use super::observers::Subset;
pub(crate) use super::regression_leaf::Standard;
use super::regression_leaf::{Answer, RegressionLeaf};
use super::scale::Scale;
use super::split::{Candidate, Test, best_two, hoeffding_bound};
use crate::features::Schema;
use crate::model::Contributions;
use crate::random::Random;
use crate::snapshot::{Reader, Snapshot, SnapshotError, Writer};
use std::fmt::Write;

/// How a tree grows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Growth {
    /// Weight of events between two looks at whether a leaf is to be split.
    pub(crate) grace: f64,
    /// Chance that a split is not the best one.
    pub(crate) delta: f64,
    /// Where the bound is below this, splits count as equally good and the best so far is taken.
    pub(crate) tie: f64,
    /// How leaves answer.
    pub(crate) answer: Answer,
    /// Whether categories are only split in two.
    pub(crate) binary: bool,
    /// Features drawn for each leaf; 0: all.
    pub(crate) drawn: usize,
    /// Bound of [`RegressionTree::memory_bytes`].
    pub(crate) bytes_max: usize,
}

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct RegressionTree {
    pub(crate) growth: Growth,
    pub(crate) arena: Arena<RegressionLeaf>,
    all: Subset,
    random: Random,
    /// Roots of trees that learn beside this one, in the order in which they were made.
    pub(crate) others: Vec<u32>,
    /// What the leaves have on the heap.
    leaf_bytes: usize,
    /// Bytes that something beside the tree takes for its nodes and that count towards the bound. Not state.
    pub(crate) beside_bytes: usize,
    /// Not state: room for looking at splits and for the linear models' steps.
    candidates: Vec<Candidate>,
    gain: Vec<f64>,
}

impl RegressionTree {
    /// A tree of one leaf.
    pub(crate) fn new(columns: &Columns, growth: Growth, all: Subset, random: Random) -> Self {
        let mut tree = RegressionTree {
            growth,
            arena: Arena::new(RegressionLeaf::default()),
            all,
            random,
            others: Vec::new(),
            leaf_bytes: 0,
            beside_bytes: 0,
            candidates: Vec::new(),
            gain: Vec::new(),
        };
        let root = tree.first_leaf(columns);
        tree.leaf_bytes = root.counted();
        tree.arena = Arena::new(root);
        tree
    }

    fn first_leaf(&mut self, columns: &Columns) -> RegressionLeaf {
        let subset = self.draw(columns);
        RegressionLeaf::first(columns, self.growth.answer, subset)
    }

    /// Puts an empty leaf beside the tree.
    pub(crate) fn add_root(&mut self, columns: &Columns) -> u32 {
        let leaf = self.first_leaf(columns);
        self.leaf_bytes += leaf.counted();
        self.arena.add(leaf)
    }

    /// Bytes of the tree's nodes, their contents included.
    pub(crate) fn node_bytes(&self) -> usize {
        self.arena.memory_bytes() + self.leaf_bytes
    }

    /// Bytes that are bounded.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.node_bytes() + self.beside_bytes
    }

    /// Whether there is memory for further nodes.
    pub(crate) fn may_grow(&self) -> bool {
        self.arena.memory_bytes() + self.beside_bytes < self.growth.bytes_max / 2
    }

    /// Features that are drawn for a leaf; 0 where it has all.
    fn drawn(&self) -> usize {
        if self.growth.drawn < self.all.len() { self.growth.drawn } else { 0 }
    }

    fn draw(&mut self, columns: &Columns) -> Option<Box<Subset>> {
        match self.drawn() {
            0 => None,
            drawn => Some(Box::new(self.all.draw(columns, drawn, &mut self.random))),
        }
    }

    /// The prediction.
    pub(crate) fn predict(&self, standard: Standard<'_>) -> f64 {
        let leaf = self.arena.leaf(self.arena.find(0, standard.event).place);
        leaf.map_or(0.0, |leaf| leaf.predict(self.growth.answer, standard))
    }

    /// Learns an event, and gives what it would have predicted.
    pub(crate) fn learn(
        &mut self,
        columns: &Columns,
        standard: Standard<'_>,
        target: f64,
        weight: f64,
    ) -> f64 {
        let found = self.reach(columns, 0, standard.event);
        self.learn_at(columns, found, standard, target, weight)
    }

    /// Lets a leaf learn, and splits it where that is due. Gives what it would have predicted.
    pub(crate) fn learn_at(
        &mut self,
        columns: &Columns,
        found: Found,
        standard: Standard<'_>,
        target: f64,
        weight: f64,
    ) -> f64 {
        let RegressionTree { growth, arena, all, gain, .. } = self;
        let Some(leaf) = arena.leaf_mut(found.place) else { return 0.0 };
        let (predicted, grew) = leaf.learn(growth.answer, all, standard, (target, weight), gain);
        let due =
            leaf.weight() - leaf.considered_at >= growth.grace && leaf.observes() && found.depth < DEPTH_MAX;
        if grew {
            let (before, after) = leaf.count();
            self.leaf_bytes = self.leaf_bytes - before + after;
            self.keep_memory();
        }
        if due && let Some(test) = self.decide(found.place) {
            self.split(columns, found.place, test);
        }
        predicted
    }

    /// The leaf below a node that an event comes to. A value that a node has no branch for gets one.
    pub(crate) fn reach(&mut self, columns: &Columns, from: u32, event: &Event) -> Found {
        let mut found = Found { place: from, depth: 0 };
        while let Node::Split(split) = self.arena.node(found.place) {
            if let Test::Each { category, values } = split.test
                && event.codes[category as usize] > values
            {
                let parent = split.child(split.default as usize);
                let parent =
                    self.arena.leaf(self.arena.find(parent, event).place).cloned().unwrap_or_default();
                let (code, drawn) = (event.codes[category as usize], self.drawn());
                let RegressionTree { arena, all, random, leaf_bytes, .. } = self;
                arena.widen(found.place, code, || {
                    let subset = (drawn > 0).then(|| Box::new(all.draw(columns, drawn, random)));
                    let leaf = parent.child(Default::default(), subset);
                    *leaf_bytes += leaf.counted();
                    leaf
                });
                continue;
            }
            found = Found { place: split.next(event), depth: found.depth + 1 };
        }
        found
    }

    /// The best split of a leaf, where it is sure enough that there is none better: the ratio of the second best merit
    /// to the best lies below 1 by more than chance explains.
    fn decide(&mut self, place: u32) -> Option<Test> {
        let may_grow = self.may_grow();
        let RegressionTree { growth, arena, all, candidates, .. } = self;
        let leaf = arena.leaf_mut(place)?;
        leaf.considered_at = leaf.weight();
        candidates.clear();
        leaf.candidates(all, growth.binary, candidates);
        let (best, second) = best_two(candidates).filter(|(best, _)| best.merit > 0.0 && may_grow)?;
        let bound = hoeffding_bound(1.0, growth.delta, leaf.weight());
        let sure = second / best.merit < 1.0 - bound || bound < growth.tie;
        sure.then_some(best.test)
    }

    fn split(&mut self, columns: &Columns, place: u32, test: Test) {
        let Some(leaf) = self.arena.leaf(place) else { return };
        let moments = leaf.distributions(&self.all, &test);
        if moments.len() != test.branches() {
            return;
        }
        let parent = leaf.clone();
        let mut heaviest = (0, f64::NEG_INFINITY);
        for (branch, moments) in moments.iter().enumerate() {
            heaviest = if moments.weight > heaviest.1 { (branch, moments.weight) } else { heaviest };
        }
        self.leaf_bytes -= parent.counted();
        let mut leaves = Vec::with_capacity(moments.len());
        for moments in moments {
            let subset = self.draw(columns);
            leaves.push(parent.child(moments, subset));
        }
        self.leaf_bytes += leaves.iter().map(RegressionLeaf::counted).sum::<usize>();
        self.arena.split(place, test, heaviest.0 as u32, leaves);
        self.keep_memory();
    }

    /// Where the tree takes more than its bound: lets only those leaves observe that promise most, as many as fit.
    pub(crate) fn keep_memory(&mut self) {
        let (memory_bytes, bytes_max) = (self.memory_bytes(), self.growth.bytes_max);
        if memory_bytes > bytes_max {
            let roots = std::iter::once(0).chain(self.others.iter().copied());
            keep_most_promising(&mut self.arena, roots, memory_bytes, bytes_max);
            self.count_bytes();
        }
    }

    /// Counts the bytes of the leaves anew, after subtrees were cut.
    pub(crate) fn count_bytes(&mut self) {
        self.leaf_bytes = 0;
        for place in 0..self.arena.places() as u32 {
            self.leaf_bytes += self.arena.leaf_mut(place).map_or(0, |leaf| leaf.count().1);
        }
    }

    /// Adds `factor` times the contributions to the prediction of the tree below a root: every question on the way
    /// contributes the change of the mean, and the linear model its parts.
    pub(crate) fn explain(
        &self,
        root: u32,
        columns: &Columns,
        standard: Standard<'_>,
        sparse: &[(u32, f64)],
        factor: f64,
        out: &mut Contributions,
    ) {
        let mean = |(weight, sum): (f64, f64)| match weight > 0.0 {
            true => sum / weight,
            false => standard.scale.target().0,
        };
        let add = |total: &mut (f64, f64), leaf: &RegressionLeaf| {
            let (weight, sum) = leaf.sums();
            *total = (total.0 + weight, total.1 + sum);
        };
        let way = explain::way(&self.arena, root, standard.event, add);
        let mut last = mean(way[0].1);
        out.base += factor * last;
        for pair in way.windows(2) {
            if let Node::Split(split) = self.arena.node(pair[0].0) {
                let next = mean(pair[1].1);
                let feature = split.test.feature(columns.numbers());
                explain::contribute(columns, feature, factor * (next - last), sparse, out);
                last = next;
            }
        }
        let Some(leaf) = way.last().and_then(|(place, _)| self.arena.leaf(*place)) else { return };
        let mut rest = leaf.predict(self.growth.answer, standard) - last;
        if leaf.linear_answers(self.growth.answer) {
            for feature in 0..columns.numbers() {
                let part = leaf.linear_part(standard, feature);
                explain::contribute(columns, feature, factor * part, sparse, out);
                rest -= part;
            }
        }
        out.base += factor * rest;
    }

    /// The tree in words.
    pub(crate) fn dump(
        &self,
        columns: &Columns,
        scale: &Scale,
        schema: &Schema,
        lines_max: usize,
        out: &mut String,
    ) {
        let describe = |leaf: &RegressionLeaf, out: &mut String| {
            let by =
                if leaf.linear_answers(self.growth.answer) { ", answers by its linear model" } else { "" };
            let _ = write!(out, "{:.0} events, mean {:.6e}{by}", leaf.weight(), leaf.mean(scale));
        };
        explain::dump(&self.arena, columns, schema, lines_max, describe, out);
    }

    pub(crate) fn save(&self, columns: &Columns, out: &mut Writer) {
        self.random.save(out);
        self.save_subtree(columns, 0, out, |_, _| {});
    }

    pub(crate) fn load(&mut self, columns: &Columns, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        self.random.load(from)?;
        self.clear();
        self.load_subtree(columns, 0, from, |_, _| Ok(()))
    }

    pub(crate) fn save_random(&self, out: &mut Writer) {
        self.random.save(out);
    }

    pub(crate) fn load_random(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        self.random.load(from)
    }

    /// Drops all nodes but a root that is not yet one.
    pub(crate) fn clear(&mut self) {
        self.arena = Arena::new(RegressionLeaf::default());
        self.others.clear();
    }

    /// Writes the nodes below a place; `node` writes what goes with each.
    pub(crate) fn save_subtree(
        &self,
        columns: &Columns,
        root: u32,
        out: &mut Writer,
        mut node: impl FnMut(u32, &mut Writer),
    ) {
        self.arena.save(root, out, |place, leaf, out| {
            if let Some(leaf) = leaf {
                leaf.save(columns, out);
            }
            node(place, out);
        });
    }

    /// Reads the nodes below a place; `node` reads what goes with each.
    pub(crate) fn load_subtree(
        &mut self,
        columns: &Columns,
        place: u32,
        from: &mut Reader<'_>,
        mut node: impl FnMut(u32, &mut Reader<'_>) -> Result<(), SnapshotError>,
    ) -> Result<(), SnapshotError> {
        let (drawn, answer, all) = (self.drawn(), self.growth.answer, &self.all);
        let read = |_: &mut Arena<RegressionLeaf>, place, is_leaf, from: &mut Reader<'_>| {
            let leaf = match is_leaf {
                true => Some(RegressionLeaf::load(columns, all, drawn, answer, from)?),
                false => None,
            };
            node(place, from)?;
            Ok(leaf)
        };
        self.arena.load(place, columns, from, read, RegressionLeaf::default)?;
        self.count_bytes();
        Ok(())
    }
}
