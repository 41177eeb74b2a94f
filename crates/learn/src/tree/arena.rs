//! The nodes of a tree: inner nodes that ask, and leaves of any kind.
//!
//! Nodes lie in one list and name each other by place; a subtree that is replaced keeps its place, so that nothing that
//! points to it changes. The root is at place 0. Places are no part of what is saved, nor does anything depend on them.

use super::columns::{CATEGORY_VALUES_MAX, Columns, Event};
use super::split::Test;
use crate::snapshot::{Reader, SnapshotError, Writer};

/// Leaves at this depth are not split: what walks a tree may then recurse.
pub(crate) const DEPTH_MAX: u32 = 60;

/// A node.
#[derive(Clone, Debug)]
pub(crate) enum Node<L> {
    /// Nothing; the place is free.
    Free,
    /// A leaf.
    Leaf(Box<L>),
    /// A question and the places of the children.
    Split(Split),
}

/// An inner node.
#[derive(Clone, Debug)]
pub(crate) struct Split {
    pub(crate) test: Test,
    /// The branch of events whose value is missing or has no branch: the one that had most events.
    pub(crate) default: u32,
    /// The first two children; further ones in `rest`.
    first: [u32; 2],
    rest: Vec<u32>,
}

impl Split {
    /// The child at a branch.
    #[inline(always)]
    pub(crate) fn child(&self, branch: usize) -> u32 {
        if branch < 2 { self.first[branch] } else { self.rest[branch - 2] }
    }

    /// The child that an event goes to.
    #[inline(always)]
    pub(crate) fn next(&self, event: &Event) -> u32 {
        self.child(self.test.branch(event).unwrap_or(self.default as usize))
    }

    /// All children, by branch.
    pub(crate) fn children(&self) -> impl Iterator<Item = u32> {
        (0..self.test.branches()).map(|branch| self.child(branch))
    }
}

/// A leaf that an event comes to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Found {
    pub(crate) place: u32,
    pub(crate) depth: u32,
}

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct Arena<L> {
    nodes: Vec<Node<L>>,
    free: Vec<u32>,
}

impl<L> Arena<L> {
    /// A tree of one leaf.
    pub(crate) fn new(root: L) -> Self {
        Arena { nodes: vec![Node::Leaf(Box::new(root))], free: Vec::new() }
    }

    /// The node at a place.
    pub(crate) fn node(&self, place: u32) -> &Node<L> {
        &self.nodes[place as usize]
    }

    /// The leaf at a place.
    pub(crate) fn leaf(&self, place: u32) -> Option<&L> {
        match &self.nodes[place as usize] {
            Node::Leaf(leaf) => Some(leaf),
            _ => None,
        }
    }

    /// The leaf at a place.
    pub(crate) fn leaf_mut(&mut self, place: u32) -> Option<&mut L> {
        match &mut self.nodes[place as usize] {
            Node::Leaf(leaf) => Some(leaf),
            _ => None,
        }
    }

    /// The leaf below a node that an event comes to.
    #[inline]
    pub(crate) fn find(&self, from: u32, event: &Event) -> Found {
        let mut found = Found { place: from, depth: 0 };
        while let Node::Split(split) = &self.nodes[found.place as usize] {
            found.place = split.next(event);
            found.depth += 1;
        }
        found
    }

    /// Nodes that there are.
    pub(crate) fn len(&self) -> usize {
        self.nodes.len() - self.free.len()
    }

    /// Places that there are, free ones included.
    pub(crate) fn places(&self) -> usize {
        self.nodes.len()
    }

    /// Bytes of the nodes without what their leaves have on the heap. Free places count for nothing: what is bounded
    /// by this number must be the same after loading.
    pub(crate) fn memory_bytes(&self) -> usize {
        (size_of::<Node<L>>() + size_of::<L>()) * self.len()
    }

    /// Puts a leaf somewhere.
    pub(crate) fn add(&mut self, leaf: L) -> u32 {
        let node = Node::Leaf(Box::new(leaf));
        match self.free.pop() {
            Some(place) => {
                self.nodes[place as usize] = node;
                place
            }
            None => {
                self.nodes.push(node);
                self.nodes.len() as u32 - 1
            }
        }
    }

    /// Makes a leaf an inner node with these leaves below it (as many as the test has branches), and gives back what
    /// was there.
    pub(crate) fn split(&mut self, place: u32, test: Test, default: u32, leaves: Vec<L>) -> Node<L> {
        let children: Vec<u32> = leaves.into_iter().map(|leaf| self.add(leaf)).collect();
        let first = [children.first().copied().unwrap_or(place), children.get(1).copied().unwrap_or(place)];
        let rest = children.get(2..).unwrap_or_default().to_vec();
        std::mem::replace(&mut self.nodes[place as usize], Node::Split(Split { test, default, first, rest }))
    }

    /// Adds leaves until an inner node has a branch for the code.
    pub(crate) fn widen(&mut self, place: u32, code: u32, mut leaf: impl FnMut() -> L) {
        loop {
            match &self.nodes[place as usize] {
                Node::Split(Split { test: Test::Each { values, .. }, .. }) if *values < code => {}
                _ => return,
            }
            let child = self.add(leaf());
            if let Node::Split(Split { test: Test::Each { values, .. }, first, rest, .. }) =
                &mut self.nodes[place as usize]
            {
                match *values {
                    branch @ 0..2 => first[branch as usize] = child,
                    _ => rest.push(child),
                }
                *values += 1;
            }
        }
    }

    /// Calls back with the place of each node of a subtree and its depth, parents before children, branches in order.
    pub(crate) fn visit(&self, from: u32, mut each: impl FnMut(u32, u32)) {
        let mut waiting = vec![(from, 0)];
        while let Some((place, depth)) = waiting.pop() {
            each(place, depth);
            if let Node::Split(split) = self.node(place) {
                let start = waiting.len();
                waiting.extend(split.children().map(|child| (child, depth + 1)));
                waiting[start..].reverse();
            }
        }
    }

    /// The places of a subtree's leaves, in order.
    pub(crate) fn leaves(&self, from: u32) -> Vec<u32> {
        let mut leaves = Vec::new();
        self.visit(from, |place, _| {
            if self.leaf(place).is_some() {
                leaves.push(place);
            }
        });
        leaves
    }

    /// Frees everything below a node and puts a leaf there.
    pub(crate) fn cut(&mut self, place: u32, leaf: L) {
        self.release_below(place);
        self.nodes[place as usize] = Node::Leaf(Box::new(leaf));
    }

    /// Frees a subtree that nothing points to.
    pub(crate) fn release(&mut self, place: u32) {
        self.release_below(place);
        self.nodes[place as usize] = Node::Free;
        self.free.push(place);
    }

    /// Frees the subtree at a place and moves another one there, to which nothing points.
    pub(crate) fn replace(&mut self, place: u32, by: u32) {
        self.release_below(place);
        self.nodes[place as usize] = std::mem::replace(&mut self.nodes[by as usize], Node::Free);
        self.free.push(by);
    }

    fn release_below(&mut self, place: u32) {
        let mut below = Vec::new();
        self.visit(place, |each, _| below.push(each));
        for each in below.into_iter().skip(1) {
            self.nodes[each as usize] = Node::Free;
            self.free.push(each);
        }
    }

    /// Writes a subtree, parents before children; `node` writes what belongs to a node, the leaf included.
    pub(crate) fn save(
        &self,
        from: u32,
        out: &mut Writer,
        mut node: impl FnMut(u32, Option<&L>, &mut Writer),
    ) {
        self.visit(from, |place, _| match self.node(place) {
            Node::Split(split) => {
                save_test(&split.test, out);
                out.unsigned(u64::from(split.default));
                node(place, None, out);
            }
            _ => {
                out.unsigned(0);
                node(place, self.leaf(place), out);
            }
        });
    }

    /// Reads a subtree into a place, whose contents are dropped. `node` reads what [`Arena::save`]'s wrote: for a leaf
    /// (true) it gives the leaf.
    pub(crate) fn load(
        &mut self,
        place: u32,
        columns: &Columns,
        from: &mut Reader<'_>,
        mut node: impl FnMut(&mut Self, u32, bool, &mut Reader<'_>) -> Result<Option<L>, SnapshotError>,
        empty: impl Fn() -> L,
    ) -> Result<(), SnapshotError> {
        let mut waiting = vec![(place, 0)];
        while let Some((place, depth)) = waiting.pop() {
            let Some(test) = load_test(columns, from)? else {
                if let Some(leaf) = node(self, place, true, from)? {
                    self.nodes[place as usize] = Node::Leaf(Box::new(leaf));
                }
                continue;
            };
            let default = from.unsigned()?;
            let branches = test.branches();
            if depth >= DEPTH_MAX || default >= branches as u64 || branches > from.remaining() {
                return Err(from.invalid(format!("{branches} branches at depth {depth}, default {default}")));
            }
            let leaves = (0..branches).map(|_| empty()).collect();
            self.split(place, test, default as u32, leaves);
            node(self, place, false, from)?;
            if let Node::Split(split) = self.node(place) {
                let start = waiting.len();
                waiting.extend(split.children().map(|child| (child, depth + 1)));
                waiting[start..].reverse();
            }
        }
        Ok(())
    }
}

fn save_test(test: &Test, out: &mut Writer) {
    let (kind, feature) = match *test {
        Test::Number { feature, .. } => (1, feature),
        Test::Is { category, .. } => (2, category),
        Test::Each { category, .. } => (3, category),
    };
    out.unsigned(kind);
    out.unsigned(u64::from(feature));
    match *test {
        Test::Number { border, .. } => out.float(border),
        Test::Is { code: number, .. } | Test::Each { values: number, .. } => out.unsigned(u64::from(number)),
    }
}

/// The test, or `None` for a leaf.
fn load_test(columns: &Columns, from: &mut Reader<'_>) -> Result<Option<Test>, SnapshotError> {
    let kind = from.unsigned()?;
    if kind == 0 {
        return Ok(None);
    }
    let feature = from.unsigned()?;
    let known = if kind == 1 { columns.numbers() } else { columns.categories() };
    if kind > 3 || feature >= known as u64 {
        return Err(from.invalid(format!("a question of kind {kind} for feature {feature}")));
    }
    let feature = feature as u32;
    if kind == 1 {
        return Ok(Some(Test::Number { feature, border: from.finite()? }));
    }
    let number = from.unsigned()?;
    let least = if kind == 2 { 1 } else { 2 };
    if number < least || number > CATEGORY_VALUES_MAX as u64 {
        return Err(from.invalid(format!("a question for {number} values")));
    }
    let number = number as u32;
    Ok(Some(match kind {
        2 => Test::Is { category: feature, code: number },
        _ => Test::Each { category: feature, values: number },
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(value: f64, code: u32) -> Event {
        Event { numbers: vec![value], codes: vec![code] }
    }

    #[test]
    fn subtrees_are_split_widened_replaced_and_freed() {
        let mut tree = Arena::new('a');
        tree.split(0, Test::Number { feature: 0, border: 1.0 }, 1, vec!['b', 'c']);
        let right = tree.find(0, &event(2.0, 0)).place;
        tree.split(right, Test::Each { category: 0, values: 3 }, 2, vec!['x', 'y', 'z']);
        let at =
            |tree: &Arena<char>, value, code| *tree.leaf(tree.find(0, &event(value, code)).place).unwrap();
        assert_eq!((at(&tree, 0.0, 1), at(&tree, 2.0, 2), at(&tree, f64::NAN, 1)), ('b', 'y', 'x'));
        assert_eq!((at(&tree, 2.0, 0), at(&tree, 2.0, 5)), ('z', 'z'));
        tree.widen(right, 5, || 'n');
        assert_eq!((at(&tree, 2.0, 4), at(&tree, 2.0, 5), at(&tree, 2.0, 3)), ('n', 'n', 'z'));
        let other = tree.add('o');
        tree.split(other, Test::Number { feature: 0, border: 9.0 }, 0, vec!['p', 'q']);
        tree.replace(right, other);
        assert_eq!((at(&tree, 2.0, 4), at(&tree, 10.0, 4), at(&tree, 0.0, 4)), ('p', 'q', 'b'));
        tree.cut(0, 'r');
        assert_eq!((at(&tree, 2.0, 4), tree.free.len(), tree.leaves(0)), ('r', tree.places() - 1, vec![0]));
    }
}
