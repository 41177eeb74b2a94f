//! Answers from the nearest of the last events.

pub mod k_nearest_neighbors_classifier;
pub mod k_nearest_neighbors_regressor;
mod window;

use crate::params::{Param, ParamKind};

/// More columns (features, sparse ones included) than this are refused: each is a number in every event of the window.
pub const FEATURES_MAX: usize = 10_000;

/// Larger targets are cut off, so that sums stay finite.
const TARGET_MAX: f64 = 1e100;
/// No event counts more.
const WEIGHT_MAX: f64 = 1e6;

const NEIGHBORS: Param = Param {
    name: "neighbors",
    kind: ParamKind::Integer { min: 1, max: 1000, default: 10 },
    doc: "How many of the nearest events answer; all that are as near as the last of them do as well.",
    default_from: "The default of MOA.",
};

const WINDOW_EVENTS: Param = Param {
    name: "window_events",
    kind: ParamKind::Integer { min: 1, max: 10_000_000, default: 1000 },
    doc: "The last events that are kept. Time and memory grow with it.",
    default_from: "The default of MOA.",
};

const BY_DISTANCE: Param = Param {
    name: "by_distance",
    kind: ParamKind::Boolean { default: false },
    doc: "Whether nearer events count more, by the reciprocal of their distance.",
    default_from: "MOA and scikit-learn: all count the same.",
};

/// How much an event of this squared distance counts.
fn vote(distance_square: f64, by_distance: bool) -> f64 {
    if by_distance { 1.0 / distance_square.sqrt().max(1e-9) } else { 1.0 }
}
