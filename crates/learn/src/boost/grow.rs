//! Grows trees from histograms of derivatives.

use super::bins::{Bins, MISSING};
use super::tree::Node;
use crate::columns::{Columns, Kind};

/// How trees grow.
#[derive(Clone, Copy, Debug)]
pub(super) struct Growth {
    pub(super) depth_max: usize,
    /// Added to the second derivatives of a leaf: pulls its value towards 0.
    pub(super) l2: f64,
    /// Events that a leaf must have.
    pub(super) leaf_events_min: usize,
}

/// Sums of first and second derivatives and the number of events.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sum {
    slope: f64,
    curvature: f64,
    events: u32,
}

impl Sum {
    #[inline]
    fn and(self, other: Sum) -> Sum {
        Sum {
            slope: self.slope + other.slope,
            curvature: self.curvature + other.curvature,
            events: self.events + other.events,
        }
    }

    #[inline]
    fn without(self, part: Sum) -> Sum {
        Sum {
            slope: self.slope - part.slope,
            curvature: self.curvature - part.curvature,
            events: self.events.saturating_sub(part.events),
        }
    }
}

/// Memory for growing, kept from tree to tree.
#[derive(Clone, Debug, Default)]
pub(super) struct Scratch {
    /// A histogram for each level.
    histograms: Vec<Vec<Sum>>,
    /// Rows in the order of leaves.
    pub(super) rows: Vec<u32>,
    other: Vec<u32>,
    /// For each leaf its rows, as a range of `rows`.
    pub(super) leaves: Vec<(usize, usize)>,
}

impl Scratch {
    /// Heap bytes.
    pub(super) fn memory_bytes(&self) -> usize {
        let histograms: usize = self.histograms.iter().map(|sums| size_of::<Sum>() * sums.capacity()).sum();
        histograms + 4 * (self.rows.capacity() + self.other.capacity()) + 16 * self.leaves.capacity()
    }
}

/// What a tree is fitted to.
pub(super) struct Data<'a> {
    pub(super) columns: &'a Columns,
    pub(super) bins: &'a Bins,
    /// A code for each row and column.
    pub(super) codes: &'a [u8],
    /// First and second derivative of each row.
    pub(super) derivatives: &'a [(f64, f64)],
}

/// The question that parts a node best.
struct Question {
    gain: f64,
    column: usize,
    code: u8,
    missing_yes: bool,
}

/// A node that is to become a leaf or to be parted.
#[derive(Clone, Copy)]
struct Place {
    node: usize,
    /// Its rows, as a range of [`Scratch::rows`].
    rows: (usize, usize),
    depth: usize,
}

/// Grows the structure of a tree; the leaves' rows are in the scratch, their values are the caller's to set.
pub(super) fn grow(data: &Data<'_>, growth: Growth, scratch: &mut Scratch, nodes: &mut Vec<Node>) {
    let rows = data.derivatives.len();
    nodes.clear();
    nodes.push(Node::leaf(0));
    scratch.leaves.clear();
    scratch.rows.clear();
    scratch.rows.extend(0..rows as u32);
    scratch.histograms.resize(growth.depth_max + 1, Vec::new());
    let mut root = std::mem::take(&mut scratch.histograms[0]);
    data.fill(&scratch.rows, &mut root);
    Grower { data, growth, scratch, nodes }.part(Place { node: 0, rows: (0, rows), depth: 0 }, &mut root);
    scratch.histograms[0] = root;
}

impl Data<'_> {
    fn fill(&self, rows: &[u32], histogram: &mut Vec<Sum>) {
        histogram.clear();
        histogram.resize(self.bins.len(), Sum::default());
        let width = self.columns.len();
        for &row in rows {
            let row = row as usize;
            let (slope, curvature) = self.derivatives[row];
            for (&code, &start) in self.codes[row * width..][..width].iter().zip(&self.bins.starts) {
                let sum = &mut histogram[start as usize + usize::from(code)];
                *sum = sum.and(Sum { slope, curvature, events: 1 });
            }
        }
    }
}

struct Grower<'a> {
    data: &'a Data<'a>,
    growth: Growth,
    scratch: &'a mut Scratch,
    nodes: &'a mut Vec<Node>,
}

impl Grower<'_> {
    /// Parts a node and all below it. `histogram` is of its rows, and is used up.
    fn part(&mut self, place: Place, histogram: &mut Vec<Sum>) {
        let (from, to) = place.rows;
        let large = to - from >= 2 * self.growth.leaf_events_min;
        let Some(question) = large.then(|| self.question(histogram)).flatten() else {
            return self.leaf(place);
        };
        let middle = self.partition(place.rows, &question);
        let next = self.nodes.len();
        self.nodes[place.node] = Node {
            column: question.column as u32,
            next: next as u32,
            threshold: self.data.bins.threshold(question.column, question.code),
            missing_yes: question.missing_yes,
        };
        self.nodes.extend([Node::leaf(0); 2]);
        let depth = place.depth + 1;
        let yes = Place { node: next, rows: (from, middle), depth };
        let no = Place { node: next + 1, rows: (middle, to), depth };
        if depth == self.growth.depth_max {
            self.leaf(yes);
            return self.leaf(no);
        }
        // The smaller child's histogram is counted, the other one's is the difference.
        let (small, large) = if middle - from <= to - middle { (yes, no) } else { (no, yes) };
        let mut counted = std::mem::take(&mut self.scratch.histograms[depth]);
        self.data.fill(&self.scratch.rows[small.rows.0..small.rows.1], &mut counted);
        for (sum, part) in histogram.iter_mut().zip(&counted) {
            *sum = sum.without(*part);
        }
        self.part(small, &mut counted);
        self.scratch.histograms[depth] = counted;
        self.part(large, histogram);
    }

    fn leaf(&mut self, place: Place) {
        self.nodes[place.node] = Node::leaf(self.scratch.leaves.len() as u32);
        self.scratch.leaves.push(place.rows);
    }

    /// Puts the rows of the yes first, keeping their order; gives where the others start.
    fn partition(&mut self, (from, to): (usize, usize), question: &Question) -> usize {
        let width = self.data.columns.len();
        let category = self.data.columns.kind(question.column) == Kind::Category;
        let Scratch { rows, other, .. } = &mut *self.scratch;
        other.clear();
        let mut middle = from;
        for at in from..to {
            let row = rows[at];
            let code = self.data.codes[row as usize * width + question.column];
            let yes = match code {
                code if category => code == question.code,
                MISSING => question.missing_yes,
                code => code <= question.code,
            };
            if yes {
                rows[middle] = row;
                middle += 1;
            } else {
                other.push(row);
            }
        }
        rows[middle..to].copy_from_slice(other);
        middle
    }

    fn question(&self, histogram: &[Sum]) -> Option<Question> {
        let mut best = None;
        for column in 0..self.data.columns.len() {
            self.question_of(column, self.data.bins.of(column, histogram), &mut best);
        }
        best
    }

    fn question_of(&self, column: usize, sums: &[Sum], best: &mut Option<Question>) {
        let merit = |sum: Sum| sum.slope * sum.slope / (sum.curvature.max(0.0) + self.growth.l2);
        let all = sums.iter().fold(Sum::default(), |all, sum| all.and(*sum));
        let none = merit(all);
        let mut offer = |part: Sum, code: usize, missing_yes: bool| {
            let rest = all.without(part);
            if (part.events.min(rest.events) as usize) < self.growth.leaf_events_min {
                return;
            }
            let gain = merit(part) + merit(rest) - none;
            // Gains that differ by rounding alone count as equal: the first one stands.
            if gain > best.as_ref().map_or(none * 1e-9, |best| best.gain * (1.0 + 1e-9)) {
                *best = Some(Question { gain, column, code: code as u8, missing_yes });
            }
        };
        let known = sums.iter().enumerate().skip(1).filter(|(_, sum)| sum.events > 0);
        if self.data.columns.kind(column) == Kind::Category {
            return known.for_each(|(code, sum)| offer(*sum, code, false));
        }
        let missing = sums[usize::from(MISSING)];
        let mut below = Sum::default();
        for (code, sum) in known {
            below = below.and(*sum);
            offer(below, code, false);
            if missing.events > 0 {
                offer(below.and(missing), code, true);
            }
        }
    }
}

/// Most nodes of a tree of this depth.
pub(super) fn nodes_max(growth: Growth) -> usize {
    (2 << growth.depth_max) - 1
}
