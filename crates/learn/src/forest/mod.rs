//! Ensembles of trees.
//!
//! Members differ by how often each learns an event, by the features that it looks at, and by when it starts anew. Each
//! draws from a random generator of its own. They learn one after another on one thread: an event costs a member about
//! a microsecond, which is less than handing it to another thread would.

pub mod adaptive_random_forest;
pub mod adaptive_random_forest_regressor;
pub mod leveraging_bagging;
mod member;
mod replaced;
pub mod streaming_random_patches;

use crate::params::{Param, ParamKind, Values};
use crate::tree::columns::Columns;

const TREES: Param = Param {
    name: "trees",
    kind: ParamKind::Integer { min: 1, max: 1000, default: 10 },
    doc: "Number of trees. More are steadier; time and memory grow with them.",
    default_from: "River, and what published comparisons use.",
};

const LAMBDA: Param = Param {
    name: "lambda",
    kind: ParamKind::Number { min: 0.1, max: 100.0, default: 6.0 },
    doc: "How often a tree learns an event in the mean (Poisson). Larger grows the trees faster and makes them more alike.",
    default_from: "MOA and River; Bifet, Holmes and Pfahringer.",
};

const FEATURES_SHARE: Param = Param {
    name: "features_share",
    kind: ParamKind::Number { min: 0.01, max: 1.0, default: 0.6 },
    doc: "Share of the features that are drawn.",
    default_from: "MOA (60 %).",
};

const GRACE_PERIOD: Param = Param {
    name: "grace_period",
    kind: ParamKind::Integer { min: 1, max: 1_000_000, default: 50 },
    doc: "Weight of the events that a leaf sees between two looks at whether it is to be split. Smaller grows faster and \
          costs more time.",
    default_from: "MOA and River; Gomes et al.",
};

const DELTA: Param = Param {
    name: "delta",
    kind: ParamKind::Number { min: 1e-30, max: 1.0, default: 0.01 },
    doc: "Chance that a split is not the best one. Larger grows faster.",
    default_from: "MOA and River; Gomes et al.",
};

const DRIFT_DELTA: Param = Param {
    name: "drift_delta",
    kind: ParamKind::Number { min: 1e-12, max: 0.5, default: 1e-3 },
    doc: "Chance that a check of a tree's errors replaces it without need. Smaller: fewer, later replacements.",
    default_from: "MOA; Gomes et al.",
};

const WARNING_DELTA: Param = Param {
    name: "warning_delta",
    kind: ParamKind::Number { min: 1e-12, max: 0.5, default: 1e-2 },
    doc: "Chance that a check of a tree's errors starts another one in the background without need.",
    default_from: "MOA; Gomes et al.",
};

/// How many features a share of them is; at least `least`, where there are as many.
fn features_of(share: f64, columns: &Columns, least: usize) -> usize {
    ((share * columns.len() as f64).round() as usize).max(least).min(columns.len())
}

const MEMORY_BYTES_MAX: Param = Param {
    name: "memory_bytes_max",
    kind: ParamKind::Integer { min: 1_000_000, max: 1_000_000_000_000, default: 32 << 20 },
    doc: "Most memory, of which each tree has an equal part. Where a tree reaches it, the leaves that promise least stop \
          to observe features; where inner nodes take half of it, the tree no longer grows.",
    default_from: "MOA's 32 MiB for a tree, here for all of them.",
};

/// What a window of errors takes: one of a million errors takes about this.
const WINDOW_BYTES: usize = 2000;

/// Trees of a forest share its memory; half is for trees that grow in the background.
fn bytes_of_tree(values: &Values, trees: usize, windows: usize, with_background: bool) -> usize {
    let bytes = values.integer(&MEMORY_BYTES_MAX) as usize / trees.max(1);
    bytes.saturating_sub(windows * WINDOW_BYTES) / if with_background { 2 } else { 1 }
}
