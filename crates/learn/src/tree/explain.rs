//! What each feature contributed to the probability of a class: every question on the way to the leaf contributes the
//! change of the class's share, and the leaf's naive Bayes is shared out among the features that it looks at.

use super::arena::{Arena, Node};
use super::columns::{Columns, Event, Place};
use super::grow::Tree;
use super::leaf::Leaf;
use super::observers::Observers;
use crate::features::Schema;
use crate::model::Contributions;
use std::fmt::Write;

/// Adds to the contribution of a feature.
pub(crate) fn contribute(
    columns: &Columns,
    feature: usize,
    part: f64,
    row_sparse: &[(u32, f64)],
    out: &mut Contributions,
) {
    match columns.place(feature) {
        Place::Numeric(at) => out.numeric[at] += part,
        Place::Category(at) => out.categories[at] += part,
        // A sparse feature that is absent has no place in the row: what its absence says belongs to the base.
        Place::Sparse(index) => match row_sparse.binary_search_by_key(&index, |(at, _)| *at) {
            Ok(at) => out.sparse[at] += part,
            Err(_) => out.base += part,
        },
    }
}

/// The nodes of the way from a root to an event's leaf, each with the total of all leaves below it; `add` adds a leaf.
pub(crate) fn way<L, T: Clone + Default>(
    arena: &Arena<L>,
    root: u32,
    event: &Event,
    add: impl Fn(&mut T, &L),
) -> Vec<(u32, T)> {
    let mut way = vec![(root, T::default())];
    while let Some(Node::Split(split)) = way.last().map(|(place, _)| arena.node(*place)) {
        way.push((split.next(event), T::default()));
    }
    // From the leaf upwards: what a node has, and what its other children have.
    let mut below = T::default();
    let mut from = None;
    for (place, total) in way.iter_mut().rev() {
        let others: Vec<u32> = match arena.node(*place) {
            Node::Split(split) => split.children().filter(|child| Some(*child) != from).collect(),
            _ => vec![*place],
        };
        for other in others.into_iter().flat_map(|other| arena.leaves(other)) {
            if let Some(leaf) = arena.leaf(other) {
                add(&mut below, leaf);
            }
        }
        total.clone_from(&below);
        from = Some(*place);
    }
    way
}

/// Adds a leaf's class weights.
fn add_counts(total: &mut Vec<f64>, leaf: &Leaf) {
    total.resize(total.len().max(leaf.counts.len()), 0.0);
    total.iter_mut().zip(&leaf.counts).for_each(|(sum, count)| *sum += count);
}

/// The share of a class of `classes`, of which those that were not seen have an equal one where none was.
fn share(counts: &[f64], class: usize, classes: usize) -> f64 {
    let known = &counts[..counts.len().min(classes)];
    let sum: f64 = known.iter().sum();
    match sum > 0.0 {
        true => known.get(class).copied().unwrap_or(0.0) / sum,
        false => 1.0 / classes.max(1) as f64,
    }
}

impl Tree {
    /// Adds `factor` times the contributions to the probability of a class of `classes`.
    pub(crate) fn explain(
        &self,
        columns: &Columns,
        event: &Event,
        sparse: &[(u32, f64)],
        of: (usize, usize),
        factor: f64,
        out: &mut Contributions,
    ) {
        self.explain_from(0, columns, event, sparse, of, factor, out);
    }

    /// [`Tree::explain`] for the tree below any root.
    #[expect(clippy::too_many_arguments, reason = "what is explained, of which row, and where it goes")]
    pub(crate) fn explain_from(
        &self,
        root: u32,
        columns: &Columns,
        event: &Event,
        sparse: &[(u32, f64)],
        (class, classes): (usize, usize),
        factor: f64,
        out: &mut Contributions,
    ) {
        let way = way(&self.arena, root, event, add_counts);
        let mut last = share(&way[0].1, class, classes);
        out.base += factor * last;
        for pair in way.windows(2) {
            if let Node::Split(split) = self.arena.node(pair[0].0) {
                let next = share(&pair[1].1, class, classes);
                let feature = split.test.feature(columns.numbers());
                contribute(columns, feature, factor * (next - last), sparse, out);
                last = next;
            }
        }
        let leaf = way.last().and_then(|(place, _)| self.arena.leaf(*place));
        if let Some(leaf) = leaf.filter(|leaf| leaf.bayes_answers(self.growth.answer)) {
            let mut scores = vec![0.0; classes];
            leaf.scores(self.common(), event, &mut scores);
            let change = scores.get(class).copied().unwrap_or(0.0) - last;
            self.explain_bayes(leaf, columns, event, sparse, (class, factor * change), out);
        }
    }

    /// Shares what naive Bayes changed out among its features, by how strongly each speaks for or against the class:
    /// the size of its log-odds against the mean of the other classes.
    fn explain_bayes(
        &self,
        leaf: &Leaf,
        columns: &Columns,
        event: &Event,
        sparse: &[(u32, f64)],
        (class, change): (usize, f64),
        out: &mut Contributions,
    ) {
        let subset = leaf.subset(self.common());
        let Some(observers) = leaf.observers() else { return };
        let seen: Vec<usize> =
            (0..observers.seen.len()).filter(|other| observers.seen[*other] > 0.0).collect();
        let odds = |place: usize| {
            let log = |class| observers.log_likelihood_of(subset, event, class, place);
            let others: Vec<f64> =
                seen.iter().filter(|other| **other != class).map(|other| log(*other)).collect();
            let own = if seen.contains(&class) { log(class) } else { 0.0 };
            (own - others.iter().sum::<f64>() / others.len().max(1) as f64).abs()
        };
        let strengths: Vec<f64> = (0..subset.len()).map(odds).collect();
        let sum: f64 = strengths.iter().sum();
        if sum.is_finite() && sum > 0.0 {
            for (place, strength) in strengths.iter().enumerate() {
                let feature = Observers::feature(subset, place, columns);
                contribute(columns, feature, change * (strength / sum), sparse, out);
            }
        } else {
            out.base += change;
        }
    }

    /// The tree in words, a line for each node, at most `lines_max`.
    pub(crate) fn dump(&self, columns: &Columns, schema: &Schema, lines_max: usize, out: &mut String) {
        let describe = |leaf: &Leaf, out: &mut String| {
            let shares = leaf.counts.iter().enumerate().filter(|(_, count)| **count > 0.0);
            let shares: Vec<String> = shares
                .map(|(class, count)| format!("{class}: {:.1} %", 100.0 * count / leaf.total))
                .collect();
            let by = if leaf.bayes_answers(self.growth.answer) { ", answers by naive Bayes" } else { "" };
            let _ = write!(out, "{:.0} events, classes {}{by}", leaf.total, shares.join(", "));
        };
        dump(&self.arena, columns, schema, lines_max, describe, out);
    }
}

/// A tree in words, a line for each node, at most `lines_max`.
pub(crate) fn dump<L>(
    arena: &Arena<L>,
    columns: &Columns,
    schema: &Schema,
    lines_max: usize,
    describe: impl Fn(&L, &mut String),
    out: &mut String,
) {
    let mut waiting = vec![(0, 0usize, String::new())];
    let mut lines = 0;
    while let Some((place, depth, condition)) = waiting.pop() {
        if lines == lines_max {
            let _ = writeln!(out, "  and further nodes");
            return;
        }
        lines += 1;
        let _ = write!(out, "{}{condition}", "  ".repeat(depth));
        if let Some(leaf) = arena.leaf(place) {
            describe(leaf, out);
        }
        out.push('\n');
        if let Node::Split(split) = arena.node(place) {
            let branches = split.children().enumerate();
            let start = waiting.len();
            waiting.extend(branches.map(|(branch, child)| {
                (child, depth + 1, condition_of(split.test, branch, columns, schema) + ": ")
            }));
            waiting[start..].reverse();
        }
    }
}

fn condition_of(test: super::split::Test, branch: usize, columns: &Columns, schema: &Schema) -> String {
    use super::split::Test;
    let name = columns.name(test.feature(columns.numbers()), schema);
    match test {
        Test::Number { border, .. } => format!("{name} {} {border}", ["<=", ">"][branch % 2]),
        Test::Is { category, code } => {
            format!("{name} {} {:016x}", ["=", "!="][branch % 2], columns.value(category as usize, code))
        }
        Test::Each { category, .. } => {
            format!("{name} = {:016x}", columns.value(category as usize, branch as u32 + 1))
        }
    }
}
