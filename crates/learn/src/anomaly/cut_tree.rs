//! A tree of random cuts over a sample of points: each leaf is a place, each inner node a cut through the box of its points.

use crate::random::Random;
use crate::snapshot::{Reader, SnapshotError, Writer};

/// No node.
const NONE: u32 = u32::MAX;

/// An inner node (`left` is not [`NONE`]) or a leaf.
#[derive(Clone, Copy, Debug)]
struct Node {
    parent: u32,
    left: u32,
    right: u32,
    /// Points below.
    mass: u32,
    /// Coordinate and value of the cut: points up to it lie left.
    feature: u32,
    cut: f64,
}

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct Tree {
    size: usize,
    root: u32,
    nodes: Vec<Node>,
    /// Nodes that are not in use.
    free: Vec<u32>,
    /// For each node the lower and then the upper ends of its box.
    boxes: Vec<f64>,
    /// The leaf of each point.
    leaves: Vec<u32>,
}

impl Tree {
    /// A tree for points of so many coordinates.
    pub(super) fn new(size: usize) -> Self {
        Tree { size, root: NONE, nodes: Vec::new(), free: Vec::new(), boxes: Vec::new(), leaves: Vec::new() }
    }

    /// Points held.
    pub(super) fn len(&self) -> usize {
        self.leaves.len()
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.nodes.capacity() * size_of::<Node>()
            + 8 * self.boxes.capacity()
            + 4 * (self.leaves.capacity() + self.free.capacity())
    }

    /// From where to where the points lie in each coordinate.
    pub(super) fn ranges(&self) -> Vec<(f64, f64)> {
        if self.root == NONE {
            return Vec::new();
        }
        let (low, high) = self.corners(self.root);
        low.iter().copied().zip(high.iter().copied()).collect()
    }

    fn corners(&self, node: u32) -> (&[f64], &[f64]) {
        let at = node as usize * 2 * self.size;
        self.boxes[at..at + 2 * self.size].split_at(self.size)
    }

    fn node(&self, at: u32) -> Node {
        self.nodes[at as usize]
    }

    /// By how much a box must grow to hold the point, and how long its edges are then, in all coordinates together.
    fn growth(&self, node: u32, point: &[f64]) -> (f64, f64) {
        let (low, high) = self.corners(node);
        let (mut grown, mut whole) = (0.0, 0.0);
        for ((&value, &low), &high) in point.iter().zip(low).zip(high) {
            grown += (low - value).max(0.0) + (value - high).max(0.0);
            whole += high.max(value) - low.min(value);
        }
        (grown, whole)
    }

    /// The collusive displacement of a point if it were inserted, in expectation over the random cuts.
    pub(super) fn displacement(&self, point: &[f64]) -> f64 {
        if self.leaves.len() < 2 {
            return 0.0;
        }
        // Of the ways into the tree so far: how likely they are, and the largest ratio of siblings above.
        let (mut at, mut chance, mut above, mut sum) = (self.root, 1.0, 0.0f64, 0.0);
        loop {
            let node = self.node(at);
            let (grown, whole) = self.growth(at, point);
            if node.left == NONE {
                // Beside the leaf, or in it.
                let own = if grown > 0.0 { f64::from(node.mass) } else { 0.0 };
                return sum + chance * above.max(own);
            }
            let apart = if whole > 0.0 { grown / whole } else { 0.0 };
            sum += chance * apart * above.max(f64::from(node.mass));
            chance *= 1.0 - apart;
            let left = point[node.feature as usize] <= node.cut;
            let (next, sibling) = if left { (node.left, node.right) } else { (node.right, node.left) };
            above = above.max(f64::from(self.node(sibling).mass) / (f64::from(self.node(next).mass) + 1.0));
            at = next;
        }
    }

    /// Adds a point.
    pub(super) fn insert(&mut self, point: &[f64], random: &mut Random) {
        let leaf = self.place(point, random);
        self.leaves.push(leaf);
    }

    /// Puts a point in the place of another.
    pub(super) fn replace(&mut self, number: usize, point: &[f64], random: &mut Random) {
        self.remove(self.leaves[number]);
        self.leaves[number] = self.place(point, random);
    }

    /// A node that is not in use, with the point as its box.
    fn fresh(&mut self, point: &[f64]) -> u32 {
        let at = self.free.pop().unwrap_or(self.nodes.len() as u32);
        let leaf = Node { parent: NONE, left: NONE, right: NONE, mass: 1, feature: 0, cut: 0.0 };
        if at as usize == self.nodes.len() {
            self.nodes.push(leaf);
            self.boxes.resize(self.boxes.len() + 2 * self.size, 0.0);
        } else {
            self.nodes[at as usize] = leaf;
        }
        let start = at as usize * 2 * self.size;
        self.boxes[start..start + self.size].copy_from_slice(point);
        self.boxes[start + self.size..start + 2 * self.size].copy_from_slice(point);
        at
    }

    /// The leaf of the point, new where there was none.
    fn place(&mut self, point: &[f64], random: &mut Random) -> u32 {
        if self.root == NONE {
            self.root = self.fresh(point);
            return self.root;
        }
        let mut at = self.root;
        loop {
            let node = self.node(at);
            let (grown, whole) = self.growth(at, point);
            if node.left == NONE && grown == 0.0 {
                self.nodes[at as usize].mass += 1;
                self.widen(node.parent, point);
                return at;
            }
            if let Some((feature, cut)) = self.cut(at, point, whole * random.unit()) {
                return self.beside(at, point, feature, cut);
            }
            at = if point[node.feature as usize] <= node.cut { node.left } else { node.right };
        }
    }

    /// A cut through the box grown by the point, `far` along all its edges; none where it goes through the box as it was.
    fn cut(&self, node: u32, point: &[f64], mut far: f64) -> Option<(usize, f64)> {
        let (low, high) = self.corners(node);
        let is_leaf = self.node(node).left == NONE;
        let mut last = None;
        for feature in 0..self.size {
            let (value, low, high) = (point[feature], low[feature], high[feature]);
            let (from, to) = (low.min(value), high.max(value));
            if value < low || value > high {
                // On which side of the cut the box is, whatever the rounding.
                last = Some((feature, if value < low { value } else { high }));
            }
            if far <= to - from {
                let cut = from + far;
                let apart = value <= cut && cut < low || high <= cut && cut < value;
                return if apart {
                    Some((feature, cut))
                } else if is_leaf {
                    last
                } else {
                    None
                };
            }
            far -= to - from;
        }
        // Beyond the last edge by rounding.
        if is_leaf { last } else { None }
    }

    /// A new leaf, and a node with the cut above it and `sibling`.
    fn beside(&mut self, sibling: u32, point: &[f64], feature: usize, cut: f64) -> u32 {
        let leaf = self.fresh(point);
        let above = self.fresh(point);
        let old = self.node(sibling);
        let left = point[feature] <= cut;
        let (left, right) = if left { (leaf, sibling) } else { (sibling, leaf) };
        self.nodes[above as usize] =
            Node { parent: old.parent, left, right, mass: old.mass, feature: feature as u32, cut };
        self.nodes[leaf as usize].parent = above;
        self.nodes[sibling as usize].parent = above;
        self.hang(old.parent, sibling, above);
        self.unite(above);
        // The mass of the new node still lacks the point, as those above it do.
        self.widen(above, point);
        leaf
    }

    /// Puts another node in the place of a child.
    fn hang(&mut self, parent: u32, child: u32, other: u32) {
        match self.nodes.get_mut(parent as usize) {
            None => self.root = other,
            Some(node) if node.left == child => node.left = other,
            Some(node) => node.right = other,
        }
    }

    /// A point has come below this node: it and all above grow.
    fn widen(&mut self, mut at: u32, point: &[f64]) {
        while at != NONE {
            self.nodes[at as usize].mass += 1;
            let start = at as usize * 2 * self.size;
            let (low, high) = self.boxes[start..start + 2 * self.size].split_at_mut(self.size);
            for ((low, high), &value) in low.iter_mut().zip(high).zip(point) {
                *low = low.min(value);
                *high = high.max(value);
            }
            at = self.node(at).parent;
        }
    }

    /// Makes a node's box that of its children.
    fn unite(&mut self, at: u32) {
        let node = self.node(at);
        let width = 2 * self.size;
        let [own, left, right] = [at, node.left, node.right].map(|node| node as usize * width);
        for place in 0..width {
            let (one, other) = (self.boxes[left + place], self.boxes[right + place]);
            self.boxes[own + place] = if place < self.size { one.min(other) } else { one.max(other) };
        }
    }

    /// Takes a point out of its leaf.
    fn remove(&mut self, leaf: u32) {
        let node = self.node(leaf);
        let mut at = node.parent;
        if node.mass > 1 {
            self.nodes[leaf as usize].mass -= 1;
        } else if at == NONE {
            self.free.push(leaf);
            self.root = NONE;
            return;
        } else {
            let above = self.node(at);
            let sibling = if above.left == leaf { above.right } else { above.left };
            self.hang(above.parent, at, sibling);
            self.nodes[sibling as usize].parent = above.parent;
            self.free.extend([leaf, at]);
            at = above.parent;
        }
        while at != NONE {
            self.nodes[at as usize].mass -= 1;
            self.unite(at);
            at = self.node(at).parent;
        }
    }

    /// The nodes from the root, left before right; which leaf each point lies in by its number among them.
    pub(super) fn save(&self, out: &mut Writer) {
        out.unsigned(self.leaves.len() as u64);
        let mut numbers = vec![0u64; self.nodes.len()];
        let mut next = 0;
        let mut open: Vec<u32> = Some(self.root).filter(|root| *root != NONE).into_iter().collect();
        while let Some(at) = open.pop() {
            let node = self.node(at);
            out.boolean(node.left == NONE);
            if node.left == NONE {
                numbers[at as usize] = next;
                next += 1;
                self.corners(at).0.iter().for_each(|value| out.float(*value));
            } else {
                out.unsigned(u64::from(node.feature));
                out.float(node.cut);
                open.extend([node.right, node.left]);
            }
        }
        self.leaves.iter().for_each(|&leaf| out.unsigned(numbers[leaf as usize]));
    }

    pub(super) fn load(
        &mut self,
        from: &mut Reader<'_>,
        points_max: usize,
        limit: f64,
    ) -> Result<(), SnapshotError> {
        *self = Tree::new(self.size);
        let read = self.read(from, points_max, limit);
        if read.is_err() {
            *self = Tree::new(self.size);
        }
        read
    }

    fn read(&mut self, from: &mut Reader<'_>, points_max: usize, limit: f64) -> Result<(), SnapshotError> {
        let points = from.length(1)?;
        if points > points_max {
            return Err(from.invalid(format!("{points} points of at most {points_max}")));
        }
        let mut leaves = Vec::new();
        let mut open = if points > 0 { vec![(NONE, false)] } else { Vec::new() };
        let mut point = vec![0.0; self.size];
        while let Some((parent, is_right)) = open.pop() {
            let is_leaf = from.boolean()?;
            let at = self.fresh(&point);
            self.nodes[at as usize].parent = parent;
            match self.nodes.get_mut(parent as usize) {
                None => self.root = at,
                Some(above) if is_right => above.right = at,
                Some(above) => above.left = at,
            }
            if is_leaf {
                for value in &mut point {
                    *value = from.finite()?;
                }
                if !point.iter().all(|value| value.abs() <= limit) {
                    return Err(from.invalid("a point is out of reach"));
                }
                let start = at as usize * 2 * self.size;
                self.boxes[start..start + self.size].copy_from_slice(&point);
                self.boxes[start + self.size..start + 2 * self.size].copy_from_slice(&point);
                leaves.push(at);
            } else {
                let (feature, cut) = (from.unsigned()?, from.finite()?);
                if feature >= self.size as u64 {
                    return Err(from.invalid(format!("a cut through coordinate {feature}")));
                }
                let node = &mut self.nodes[at as usize];
                (node.feature, node.cut) = (feature as u32, cut);
                open.extend([(at, true), (at, false)]);
            }
            if leaves.len() + open.len() > points {
                return Err(from.invalid("more leaves than points"));
            }
        }
        leaves.iter().for_each(|&leaf| self.nodes[leaf as usize].mass = 0);
        for _ in 0..points {
            let number = from.unsigned()?;
            let leaf = usize::try_from(number).ok().and_then(|number| leaves.get(number)).copied();
            let Some(leaf) = leaf else { return Err(from.invalid(format!("a point in leaf {number}"))) };
            self.nodes[leaf as usize].mass += 1;
            self.leaves.push(leaf);
        }
        if leaves.iter().any(|&leaf| self.node(leaf).mass == 0) {
            return Err(from.invalid("a leaf without a point"));
        }
        // Children were made after their parents.
        for at in (0..self.nodes.len() as u32).rev() {
            let node = self.node(at);
            if node.left != NONE {
                self.nodes[at as usize].mass = self.node(node.left).mass + self.node(node.right).mass;
                self.unite(at);
            }
        }
        Ok(())
    }
}
