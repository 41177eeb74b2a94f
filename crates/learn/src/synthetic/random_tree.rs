//! Random tree: the classes of a tree grown by chance.
//!
//! P. Domingos, G. Hulten: Mining High-Speed Data Streams (KDD 2000).

use super::{Generator, nominal};
use crate::evaluate::Label;
use crate::features::{RowBuffer, Schema};
use crate::model::Task;
use crate::params::{Param, ParamKind, Values};
use crate::random::Random;
use crate::registry::GeneratorEntry;

const fn whole(name: &'static str, min: i64, max: i64, default: i64, doc: &'static str) -> Param {
    Param { name, kind: ParamKind::Integer { min, max, default }, doc, default_from: "As in MOA and River." }
}

const CLASSES: Param = whole("classes", 2, 100, 2, "Classes; each leaf has one by chance.");
const NUMERIC: Param = whole("numeric", 0, 100, 5, "Numeric features, each uniform from 0 to 1.");
const CATEGORIES: Param = whole("categories", 0, 100, 5, "Categorical features.");
const VALUES: Param = whole("values", 2, 20, 5, "Values of each categorical feature.");
const DEPTH_MAX: Param = whole("depth_max", 0, 8, 5, "Most splits from the root to a leaf.");
const DEPTH_MIN: Param =
    whole("depth_min", 0, 8, 3, "Splits from the root to a leaf after which leaves are possible.");
const LEAF_SHARE: Param = Param {
    name: "leaf_share",
    kind: ParamKind::Number { min: 0.0, max: 1.0, default: 0.15 },
    doc: "Share of the nodes on each level that are leaves, where leaves are possible.",
    default_from: "As in MOA and River.",
};
const TREE: Param = whole("tree", 0, 1_000_000, 1, "Which tree: another number is another concept.");

/// The registry's entry.
pub const ENTRY: GeneratorEntry = GeneratorEntry {
    name: "random_tree",
    summary: "The classes of a tree grown by chance.",
    task: Task::Classification,
    params: &[CLASSES, NUMERIC, CATEGORIES, VALUES, DEPTH_MAX, DEPTH_MIN, LEAF_SHARE, TREE],
    build: |values, seed| Box::new(RandomTree::new(values, seed)),
};

enum Node {
    Leaf { class: usize },
    Numeric { feature: usize, border: f64, below: Box<Node>, above: Box<Node> },
    Category { feature: usize, children: Vec<Node> },
}

/// See the module.
pub struct RandomTree {
    schema: Schema,
    values: u64,
    root: Node,
    random: Random,
}

/// Nodes of a tree; when there are so many, all further ones are leaves.
const NODES_MAX: usize = 1_000_000;

struct Growth {
    classes: u64,
    values: usize,
    depth_max: i64,
    depth_min: i64,
    leaf_share: f64,
    nodes: usize,
    random: Random,
}

impl Growth {
    /// A node at this depth, where numeric features lie in `ranges` and these categorical features are not used yet.
    fn node(&mut self, depth: i64, ranges: &[(f64, f64)], categories: &[usize]) -> Node {
        self.nodes += 1;
        let choices = (ranges.len() + categories.len()) as u64;
        let chance = depth >= self.depth_min && self.random.unit() < self.leaf_share;
        if chance || depth >= self.depth_max || choices == 0 || self.nodes > NODES_MAX {
            return Node::Leaf { class: self.random.below(self.classes) as usize };
        }
        let chosen = self.random.below(choices) as usize;
        if let Some(&(from, to)) = ranges.get(chosen) {
            let border = from + (to - from) * self.random.unit();
            let mut side = |range| {
                let mut ranges = ranges.to_vec();
                ranges[chosen] = range;
                Box::new(self.node(depth + 1, &ranges, categories))
            };
            return Node::Numeric {
                feature: chosen,
                border,
                below: side((from, border)),
                above: side((border, to)),
            };
        }
        let feature = categories[chosen - ranges.len()];
        let rest: Vec<usize> = categories.iter().copied().filter(|other| *other != feature).collect();
        let children = (0..self.values).map(|_| self.node(depth + 1, ranges, &rest)).collect();
        Node::Category { feature, children }
    }
}

impl RandomTree {
    /// The stream at its beginning.
    pub fn new(values: &Values, seed: u64) -> Self {
        let (numeric, categories) = (values.integer(&NUMERIC) as usize, values.integer(&CATEGORIES) as usize);
        let mut growth = Growth {
            classes: values.integer(&CLASSES) as u64,
            values: values.integer(&VALUES) as usize,
            depth_max: values.integer(&DEPTH_MAX),
            depth_min: values.integer(&DEPTH_MIN),
            leaf_share: values.number(&LEAF_SHARE),
            nodes: 0,
            random: Random::of_part(values.integer(&TREE) as u64, 0),
        };
        let unused: Vec<usize> = (0..categories).collect();
        let root = growth.node(0, &vec![(0.0, 1.0); numeric], &unused);
        let named = |letter: &str, count: usize| (1..=count).map(|n| format!("{letter}{n}").into()).collect();
        RandomTree {
            schema: Schema {
                numeric: named("x", numeric),
                categories: named("c", categories),
                sparse_size: 0,
            },
            values: values.integer(&VALUES) as u64,
            root,
            random: Random::new(seed),
        }
    }
}

impl Generator for RandomTree {
    fn schema(&self) -> &Schema {
        &self.schema
    }

    fn next(&mut self, row: &mut RowBuffer) -> Label {
        row.clear();
        row.numeric.extend(self.schema.numeric.iter().map(|_| self.random.unit()));
        let drawn: Vec<u64> = self.schema.categories.iter().map(|_| self.random.below(self.values)).collect();
        row.categories.extend(drawn.iter().map(|value| nominal(*value)));
        let mut node = &self.root;
        loop {
            node = match node {
                Node::Leaf { class } => return Label::Class(*class),
                Node::Numeric { feature, border, below, above } => {
                    if row.numeric[*feature] < *border {
                        below
                    } else {
                        above
                    }
                }
                Node::Category { feature, children } => &children[drawn[*feature] as usize],
            };
        }
    }
}
