//! Decision trees that grow from a stream.

mod adaptive;
mod arena;
pub(crate) mod columns;
mod explain;
pub mod extremely_fast_decision_tree;
mod gaussian;
pub(crate) mod grow;
mod histogram;
pub mod hoeffding_adaptive_tree;
pub mod hoeffding_adaptive_tree_regressor;
pub mod hoeffding_tree;
pub mod hoeffding_tree_regressor;
mod leaf;
mod linear_leaf;
mod memory;
mod nominal;
mod observers;
pub(crate) mod regress;
mod regression_leaf;
pub(crate) mod scale;
mod split;

pub use columns::{CATEGORY_VALUES_MAX, FEATURES_MAX};

pub(crate) use leaf::Answer;
pub(crate) use observers::Subset;

use crate::params::{Param, ParamKind, Values};

pub(crate) const GRACE_PERIOD: Param = Param {
    name: "grace_period",
    kind: ParamKind::Integer { min: 1, max: 1_000_000, default: 200 },
    doc: "Weight of the events that a leaf sees between two looks at whether it is to be split. Smaller grows faster and \
          costs more time.",
    default_from: "MOA and River; Domingos and Hulten.",
};

pub(crate) const DELTA: Param = Param {
    name: "delta",
    kind: ParamKind::Number { min: 1e-30, max: 1.0, default: 1e-7 },
    doc: "Chance that a split is not the best one. Larger grows faster.",
    default_from: "MOA and River; Domingos and Hulten.",
};

pub(crate) const TIE_THRESHOLD: Param = Param {
    name: "tie_threshold",
    kind: ParamKind::Number { min: 0.0, max: 1.0, default: 0.05 },
    doc: "Splits whose merit is surely within this of each other count as equally good, and the best so far is taken. \
          Larger grows faster; 0 never.",
    default_from: "MOA and River; Domingos and Hulten.",
};

pub(crate) const LEAF_ANSWER: Param = Param {
    name: "leaf_answer",
    kind: ParamKind::Choice { of: &["shares", "naive_bayes", "adaptive"], default: "adaptive" },
    doc: "How leaves answer: by the shares of the classes, by naive Bayes, or by what has been right more often in the \
          leaf.",
    default_from: "MOA and River; Holmes, Kirkby and Pfahringer.",
};

pub(crate) const BINARY_SPLITS: Param = Param {
    name: "binary_splits",
    kind: ParamKind::Boolean { default: false },
    doc: "Whether categories are only split into one value and the rest, instead of a branch for each value as well.",
    default_from: "MOA and River.",
};

pub(crate) const MEMORY_BYTES_MAX: Param = Param {
    name: "memory_bytes_max",
    kind: ParamKind::Integer { min: 100_000, max: 1_000_000_000_000, default: 32 << 20 },
    doc: "Most memory. Where it is reached, the leaves that promise least stop to observe features and only count \
          classes; where inner nodes take half of it, the tree no longer grows.",
    default_from: "MOA's 32 MiB.",
};

pub(crate) const CLASSES_MAX: Param = Param {
    name: "classes_max",
    kind: ParamKind::Integer { min: 2, max: 10_000, default: 100 },
    doc: "Most classes that are learnt; memory and time grow with the classes seen.",
    default_from: "A bound on memory that common data sets stay far below.",
};

fn answer(values: &Values) -> Answer {
    match values.choice(&LEAF_ANSWER).as_str() {
        "shares" => Answer::Shares,
        "naive_bayes" => Answer::Bayes,
        _ => Answer::Adaptive,
    }
}

pub(crate) fn growth(values: &Values) -> grow::Growth {
    grow::Growth {
        grace: values.integer(&GRACE_PERIOD) as f64,
        delta: values.number(&DELTA),
        tie: values.number(&TIE_THRESHOLD),
        answer: answer(values),
        binary: values.boolean(&BINARY_SPLITS),
        drawn: 0,
        bytes_max: values.integer(&MEMORY_BYTES_MAX) as usize,
        classes_max: values.integer(&CLASSES_MAX) as usize,
    }
}

/// The weight that is learnt; `None` where the event teaches nothing. No event counts more than a million.
pub(crate) fn weight_of(weight: f64) -> Option<f64> {
    (weight > 0.0).then(|| weight.min(1e6))
}

/// Bytes of a detector on the heap.
pub(crate) fn heap_of(adwin: &crate::drift::adwin::Adwin) -> usize {
    crate::drift::DriftDetector::memory_bytes(adwin).saturating_sub(size_of::<crate::drift::adwin::Adwin>())
}
