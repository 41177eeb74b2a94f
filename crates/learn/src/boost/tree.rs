//! A tree with one or several outputs: routing, explaining, saving. [`super::grow`] fits it.

use crate::columns::Columns;
use crate::snapshot::{Reader, SnapshotError, Writer};

/// A question, or a leaf.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Node {
    /// The column asked for; [`LEAF`] in a leaf.
    pub(super) column: u32,
    /// Place of the child for yes, the other one follows it; in a leaf the number of the leaf.
    pub(super) next: u32,
    /// The largest number for yes, or the bits of the category for yes.
    pub(super) threshold: f64,
    /// Whether missing numbers go with the yes.
    pub(super) missing_yes: bool,
}

/// The column of a leaf.
pub(super) const LEAF: u32 = u32::MAX;

impl Node {
    /// A leaf of this number.
    pub(super) fn leaf(number: u32) -> Self {
        Node { column: LEAF, next: number, threshold: 0.0, missing_yes: false }
    }

    /// The place of the child that a row goes to.
    #[inline]
    fn child(&self, values: &[f64], numbers: usize) -> usize {
        let value = values[self.column as usize];
        let yes = if (self.column as usize) < numbers {
            value <= self.threshold || (self.missing_yes && value.is_nan())
        } else {
            value.to_bits() == self.threshold.to_bits()
        };
        self.next as usize + usize::from(!yes)
    }
}

/// A fitted tree.
#[derive(Clone, Debug, Default)]
pub(super) struct Tree {
    /// The root first, children behind their parents; empty where the tree was never fitted.
    pub(super) nodes: Vec<Node>,
    /// Events that each leaf was fitted to.
    pub(super) events: Vec<u32>,
    /// What each leaf adds to each output: as fitted, and moved by the events since.
    pub(super) values: Vec<f64>,
}

impl Tree {
    /// The leaf that a row reaches; `None` where the tree was never fitted.
    #[inline]
    pub(super) fn leaf(&self, values: &[f64], numbers: usize) -> Option<usize> {
        let mut node = self.nodes.first()?;
        while node.column != LEAF {
            node = &self.nodes[node.child(values, numbers)];
        }
        Some(node.next as usize)
    }

    /// Events and mean of an output at each node.
    fn means(&self, output: usize, outputs: usize) -> Vec<(f64, f64)> {
        let mut means = vec![(0.0, 0.0); self.nodes.len()];
        for (place, node) in self.nodes.iter().enumerate().rev() {
            means[place] = if node.column == LEAF {
                let leaf = node.next as usize;
                (f64::from(self.events[leaf]), self.values[leaf * outputs + output])
            } else {
                let (yes, no) = (means[node.next as usize], means[node.next as usize + 1]);
                let events = yes.0 + no.0;
                (events, yes.1 + (no.1 - yes.1) * (no.0 / events))
            };
        }
        means
    }

    /// Calls back with the mean of an output at the root and `None`, then with what each question on a row's way adds
    /// to it, and its column.
    pub(super) fn explain(
        &self,
        values: &[f64],
        numbers: usize,
        (output, outputs): (usize, usize),
        mut part: impl FnMut(Option<usize>, f64),
    ) {
        let means = self.means(output, outputs);
        let Some(root) = means.first() else { return };
        part(None, root.1);
        let mut place = 0;
        while self.nodes[place].column != LEAF {
            let child = self.nodes[place].child(values, numbers);
            part(Some(self.nodes[place].column as usize), means[child].1 - means[place].1);
            place = child;
        }
    }

    /// Adds to each column how much its questions part an output: events times squared distance of the children.
    pub(super) fn importance(&self, outputs: usize, columns: &mut [f64]) {
        for output in 0..outputs {
            let means = self.means(output, outputs);
            for node in self.nodes.iter().filter(|node| node.column != LEAF) {
                let (yes, no) = (means[node.next as usize], means[node.next as usize + 1]);
                let distance = yes.1 - no.1;
                columns[node.column as usize] += yes.0 * no.0 / (yes.0 + no.0) * distance * distance;
            }
        }
    }

    /// Makes room for further outputs, to which the tree adds nothing yet.
    pub(super) fn widen(&mut self, from: usize, to: usize) {
        self.values = widened(&self.values, from, to);
    }

    /// Heap bytes.
    pub(super) fn memory_bytes(&self) -> usize {
        size_of::<Node>() * self.nodes.len() + 4 * self.events.len() + 8 * self.values.len()
    }

    pub(super) fn save(&self, out: &mut Writer) {
        out.unsigned(self.nodes.len() as u64);
        for node in &self.nodes {
            out.boolean(node.column == LEAF);
            out.unsigned(u64::from(node.next));
            if node.column != LEAF {
                out.unsigned(u64::from(node.column));
                out.word(node.threshold.to_bits());
                out.boolean(node.missing_yes);
            }
        }
        self.events.iter().for_each(|events| out.unsigned(u64::from(*events)));
        out.floats(&self.values);
    }

    pub(super) fn load(
        &mut self,
        columns: &Columns,
        outputs: usize,
        nodes_max: usize,
        from: &mut Reader<'_>,
    ) -> Result<(), SnapshotError> {
        *self = Tree::default();
        let length = from.length(1)?;
        if length > nodes_max {
            return Err(from.invalid(format!("a tree of {length} nodes")));
        }
        let mut leaves = 0;
        for place in 0..length {
            let leaf = from.boolean()?;
            let next = from.unsigned()?;
            if leaf {
                self.nodes.push(Node::leaf(next.min(u64::from(u32::MAX)) as u32));
                leaves += 1;
                continue;
            }
            let column = from.unsigned()?;
            let threshold = f64::from_bits(from.word()?);
            // Children behind their parents: every way ends.
            let sound = column < columns.len() as u64 && next > place as u64 && next + 1 < length as u64;
            if !sound {
                return Err(from.invalid("a node of a tree asks for what is not there"));
            }
            let (column, next) = (column as u32, next as u32);
            self.nodes.push(Node { column, next, threshold, missing_yes: from.boolean()? });
        }
        if self.nodes.iter().any(|node| node.column == LEAF && node.next >= leaves) {
            return Err(from.invalid("the number of a leaf"));
        }
        for _ in 0..leaves {
            let events = u32::try_from(from.unsigned()?).ok().filter(|events| *events > 0);
            self.events.push(events.ok_or_else(|| from.invalid("a leaf without events"))?);
        }
        self.values = from.floats()?;
        let whole = self.values.len() == leaves as usize * outputs;
        if !whole || !self.values.iter().all(|value| value.abs() <= 1e120) {
            return Err(from.invalid("the values of a tree's leaves"));
        }
        Ok(())
    }
}

/// Rows of `from` numbers each as rows of `to`, filled up with 0.
pub(super) fn widened(values: &[f64], from: usize, to: usize) -> Vec<f64> {
    let mut wide = Vec::new();
    for row in values.chunks(from.max(1)) {
        wide.extend_from_slice(row);
        wide.resize(wide.len() + to - from, 0.0);
    }
    wide
}
