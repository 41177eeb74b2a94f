//! A classification tree that grows from a stream: leaves that learn, and are split once it is sure enough that a
//! feature tells more about the class than the others (Domingos and Hulten).

use super::arena::{Arena, DEPTH_MAX, Found, Node};
use super::columns::{Columns, Event};
use super::leaf::{Answer, Common, Leaf};
use super::memory::keep_most_promising;
use super::observers::Subset;
use super::split::{Branches, Candidate, Test, best_two, entropy, hoeffding_bound};
use crate::random::Random;
use crate::snapshot::{Reader, Snapshot, SnapshotError, Writer};

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
    /// Bound of [`Tree::memory_bytes`].
    pub(crate) bytes_max: usize,
    /// Further classes teach nothing.
    pub(crate) classes_max: usize,
}

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct Tree {
    pub(crate) growth: Growth,
    pub(crate) arena: Arena<Leaf>,
    /// The features that the tree looks at.
    pub(crate) all: Subset,
    random: Random,
    /// Roots of trees that learn beside this one, in the order in which they were made.
    pub(crate) others: Vec<u32>,
    /// What the leaves have on the heap.
    leaf_bytes: usize,
    /// Bytes that something beside the tree takes for its nodes and that count towards the bound. Not state.
    pub(crate) beside_bytes: usize,
    /// Not state: room for looking at splits.
    room: Branches,
    pub(crate) candidates: Vec<Candidate>,
}

impl Tree {
    /// A tree of one leaf that looks at these features.
    pub(crate) fn new(columns: &Columns, growth: Growth, all: Subset, random: Random) -> Self {
        let mut tree = Tree {
            growth,
            arena: Arena::new(Leaf::default()),
            all,
            random,
            others: Vec::new(),
            leaf_bytes: 0,
            beside_bytes: 0,
            room: Branches::default(),
            candidates: Vec::new(),
        };
        tree.restart(columns);
        tree
    }

    /// Forgets all but where the random numbers are.
    pub(crate) fn restart(&mut self, columns: &Columns) {
        let root = self.new_leaf(columns, Vec::new());
        self.leaf_bytes = root.counted();
        self.arena = Arena::new(root);
        self.others.clear();
    }

    /// What its leaves have in common.
    pub(crate) fn common(&self) -> Common<'_> {
        Common { answer: self.growth.answer, all: &self.all }
    }

    /// Bytes of the tree's nodes, their contents included.
    pub(crate) fn node_bytes(&self) -> usize {
        self.arena.memory_bytes() + self.leaf_bytes
    }

    /// Bytes that are bounded.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.node_bytes() + self.beside_bytes
    }

    /// Features that are drawn for a leaf; 0 where it has all.
    fn drawn(&self) -> usize {
        if self.growth.drawn < self.all.len() { self.growth.drawn } else { 0 }
    }

    /// A leaf with these class weights.
    pub(crate) fn new_leaf(&mut self, columns: &Columns, counts: Vec<f64>) -> Leaf {
        let subset = match self.drawn() {
            0 => None,
            drawn => Some(Box::new(self.all.draw(columns, drawn, &mut self.random))),
        };
        Leaf::new(counts, subset)
    }

    /// Puts a leaf below nothing, and counts its bytes.
    pub(crate) fn add_leaf(&mut self, leaf: Leaf) -> u32 {
        self.leaf_bytes += leaf.counted();
        self.arena.add(leaf)
    }

    /// Counts the bytes of the leaves anew, after subtrees were cut.
    pub(crate) fn count_bytes(&mut self) {
        self.leaf_bytes = 0;
        for place in 0..self.arena.places() as u32 {
            self.leaf_bytes += self.arena.leaf_mut(place).map_or(0, |leaf| leaf.count().1);
        }
    }

    /// Writes the probability of each class.
    pub(crate) fn scores(&self, event: &Event, scores: &mut [f64]) {
        if let Some(leaf) = self.arena.leaf(self.arena.find(0, event).place) {
            leaf.scores(self.common(), event, scores);
        }
    }

    /// Learns an event, and gives the class that it would have predicted.
    pub(crate) fn learn(&mut self, columns: &Columns, event: &Event, class: usize, weight: f64) -> usize {
        let found = self.reach(columns, 0, event);
        self.learn_at(columns, found, event, class, weight)
    }

    /// The leaf below a node that an event comes to. A value that a node has no branch for gets one.
    pub(crate) fn reach(&mut self, columns: &Columns, from: u32, event: &Event) -> Found {
        let mut found = Found { place: from, depth: 0 };
        while let Node::Split(split) = self.arena.node(found.place) {
            if let Test::Each { category, values } = split.test
                && event.codes[category as usize] > values
            {
                self.widen(columns, found.place, event.codes[category as usize]);
                continue;
            }
            found = Found { place: split.next(event), depth: found.depth + 1 };
        }
        found
    }

    fn widen(&mut self, columns: &Columns, place: u32, code: u32) {
        let drawn = self.drawn();
        let Tree { arena, all, random, leaf_bytes, .. } = self;
        arena.widen(place, code, || {
            let subset = (drawn > 0).then(|| Box::new(all.draw(columns, drawn, random)));
            let leaf = Leaf::new(Vec::new(), subset);
            *leaf_bytes += leaf.counted();
            leaf
        });
    }

    /// Lets a leaf learn, and splits it where that is due. Gives the class that it would have predicted.
    pub(crate) fn learn_at(
        &mut self,
        columns: &Columns,
        found: Found,
        event: &Event,
        class: usize,
        weight: f64,
    ) -> usize {
        let (predicted, due) = self.learn_leaf(found, event, class, weight);
        if due && let Some(test) = self.decide(found.place) {
            self.split(columns, found.place, test);
        }
        predicted
    }

    /// Lets a leaf learn. Gives the class that it would have predicted, and whether it is time to look at its splits.
    pub(crate) fn learn_leaf(
        &mut self,
        found: Found,
        event: &Event,
        class: usize,
        weight: f64,
    ) -> (usize, bool) {
        let common = Common { answer: self.growth.answer, all: &self.all };
        let Some(leaf) = self.arena.leaf_mut(found.place) else { return (0, false) };
        let learnt = leaf.learn(common, event, class, weight);
        let due = leaf.total - leaf.considered_at >= self.growth.grace
            && leaf.observers().is_some()
            && found.depth < DEPTH_MAX;
        if learnt.grew {
            let (before, after) = leaf.count();
            self.leaf_bytes = self.leaf_bytes - before + after;
            self.keep_memory();
        }
        (learnt.predicted, due)
    }

    /// The best split of a leaf, where it is sure enough that there is none better.
    fn decide(&mut self, place: u32) -> Option<Test> {
        let leaf = self.arena.leaf_mut(place)?;
        leaf.considered_at = leaf.total;
        let leaf = self.arena.leaf(place)?;
        if leaf.is_pure() || !self.may_grow() {
            return None;
        }
        let bound = hoeffding_bound(libm::log2(leaf.classes() as f64), self.growth.delta, leaf.total);
        // No split can gain more than there is to know.
        let hopeless = entropy(&leaf.counts) <= bound * leaf.total && bound >= self.growth.tie;
        if hopeless || !self.consider_at(place) {
            return None;
        }
        let (best, second) = best_two(&self.candidates)?;
        let sure = best.merit - second > bound || bound < self.growth.tie;
        (best.merit > 0.0 && sure).then_some(best.test)
    }

    /// Fills `self.candidates` with the best split of each feature of a leaf; false where it does not observe.
    pub(crate) fn consider_at(&mut self, place: u32) -> bool {
        let Tree { growth, arena, all, room, candidates, .. } = self;
        let common = Common { answer: growth.answer, all };
        candidates.clear();
        arena.leaf(place).is_some_and(|leaf| leaf.candidates(common, growth.binary, room, candidates))
    }

    /// [`Tree::consider_at`] for a leaf that is not in the tree.
    pub(crate) fn consider(&mut self, leaf: &Leaf) -> bool {
        let Tree { growth, all, room, candidates, .. } = self;
        candidates.clear();
        leaf.candidates(Common { answer: growth.answer, all }, growth.binary, room, candidates)
    }

    /// Makes a leaf an inner node, and gives back the leaf.
    pub(crate) fn split(&mut self, columns: &Columns, place: u32, test: Test) -> Option<Box<Leaf>> {
        let leaf = self.arena.leaf(place)?;
        let shares = leaf.observers()?.distributions(leaf.subset(self.common()), &test);
        if shares.len() != test.branches() {
            return None;
        }
        self.leaf_bytes -= leaf.counted();
        let mut heaviest = (0, f64::NEG_INFINITY);
        for (branch, counts) in shares.iter().enumerate() {
            let weight = counts.iter().sum();
            heaviest = if weight > heaviest.1 { (branch, weight) } else { heaviest };
        }
        let leaves: Vec<Leaf> = shares.into_iter().map(|counts| self.new_leaf(columns, counts)).collect();
        self.leaf_bytes += leaves.iter().map(Leaf::counted).sum::<usize>();
        let was = self.arena.split(place, test, heaviest.0 as u32, leaves);
        self.keep_memory();
        match was {
            Node::Leaf(leaf) => Some(leaf),
            _ => None,
        }
    }

    /// Whether there is memory for further nodes.
    pub(crate) fn may_grow(&self) -> bool {
        self.arena.memory_bytes() + self.beside_bytes < self.growth.bytes_max / 2
    }

    /// Where the tree takes more than its bound: lets only those leaves observe that promise most, as many as fit.
    pub(crate) fn keep_memory(&mut self) {
        if self.memory_bytes() <= self.growth.bytes_max {
            return;
        }
        let (memory_bytes, bytes_max) = (self.memory_bytes(), self.growth.bytes_max);
        let roots = std::iter::once(0).chain(self.others.iter().copied());
        keep_most_promising(&mut self.arena, roots, memory_bytes, bytes_max);
        self.count_bytes();
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
        self.arena = Arena::new(Leaf::default());
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

    /// [`Tree::save`], with the features that the tree looks at.
    pub(crate) fn save_with_features(&self, columns: &Columns, out: &mut Writer) {
        self.all.save(columns, out);
        self.save(columns, out);
    }

    /// Reads what [`Tree::save_with_features`] wrote.
    pub(crate) fn load_with_features(
        &mut self,
        columns: &Columns,
        from: &mut Reader<'_>,
    ) -> Result<(), SnapshotError> {
        let all = Subset::load(columns, from)?;
        if all.len() != self.all.len() {
            return Err(from.invalid("a tree looks at another number of features"));
        }
        self.all = all;
        self.load(columns, from)
    }

    /// Reads the nodes below a place; `node` reads what goes with each.
    pub(crate) fn load_subtree(
        &mut self,
        columns: &Columns,
        place: u32,
        from: &mut Reader<'_>,
        mut node: impl FnMut(u32, &mut Reader<'_>) -> Result<(), SnapshotError>,
    ) -> Result<(), SnapshotError> {
        let (drawn, classes_max) = (self.drawn(), self.growth.classes_max);
        let all = &self.all;
        let read = |_: &mut Arena<Leaf>, place, is_leaf, from: &mut Reader<'_>| {
            let leaf = match is_leaf {
                true => Some(Leaf::load(columns, all, drawn, classes_max, from)?),
                false => None,
            };
            node(place, from)?;
            Ok(leaf)
        };
        self.arena.load(place, columns, from, read, Leaf::default)?;
        self.count_bytes();
        Ok(())
    }
}
