//! Gradient boosted trees over a stream.

mod bins;
mod booster;
pub mod gradient_boosting_classifier;
pub mod gradient_boosting_regressor;
mod grow;
mod tree;

use crate::params::{Param, ParamKind, Values};
use booster::{Loss, Settings};
use grow::Growth;

/// More columns (features, sparse ones included) than this are refused: each is a number in every event of the window.
pub const FEATURES_MAX: usize = 10_000;

const STEPS: Param = Param {
    name: "steps",
    kind: ParamKind::Integer { min: 1, max: 1000, default: 50 },
    doc: "Number of trees, each fitted to what the others leave over. Time for a prediction grows with it.",
    default_from: "MOA has 100, each fitted with far less; half as many take half the time.",
};

const fn learning_rate(default: f64) -> Param {
    Param {
        name: "learning_rate",
        kind: ParamKind::Number { min: 0.001, max: 1.0, default },
        doc: "Share of what is left over that a tree takes on. Smaller is smoother; with few trees it leaves more over.",
        default_from: "Best of 0.1 and 0.3 on a dozen streams of the task.",
    }
}

const WINDOW_EVENTS: Param = Param {
    name: "window_events",
    kind: ParamKind::Integer { min: 50, max: 10_000_000, default: 4000 },
    doc: "Most events that are kept for fitting trees: the bound of memory. Larger is more accurate while nothing changes.",
    default_from: "A compromise between steady and moving streams.",
};

const HALF_LIFE: Param = Param {
    name: "half_life",
    kind: ParamKind::Number { min: 0.01, max: 1000.0, default: 0.3 },
    doc: "Share of the window after which an event counts half when a tree is fitted. Smaller follows change faster.",
    default_from: "A compromise between steady and moving streams.",
};

const DEPTH_MAX: Param = Param {
    name: "depth_max",
    kind: ParamKind::Integer { min: 1, max: 10, default: 5 },
    doc: "Most questions on the way to a leaf: how many features can act together in one tree.",
    default_from: "XGBoost has 6; 5 takes half the leaves.",
};

const L2: Param = Param {
    name: "l2",
    kind: ParamKind::Number { min: 0.001, max: 1e6, default: 1.0 },
    doc: "Pulls the values of leaves with few events towards 0, as so many events with no error would.",
    default_from: "The default of XGBoost.",
};

const LEAF_EVENTS_MIN: Param = Param {
    name: "leaf_events_min",
    kind: ParamKind::Integer { min: 1, max: 100_000, default: 5 },
    doc: "Fewest events of the window in a leaf.",
    default_from: "Windows hold thousands of events where batches hold millions: less than LightGBM's 20.",
};

const BINS: Param = Param {
    name: "bins",
    kind: ParamKind::Integer { min: 2, max: 255, default: 64 },
    doc: "Bins of each number, of equally many events: the borders that trees can ask for.",
    default_from: "Some sixty events of a full window in each.",
};

fn settings(loss: Loss, learning_rate: f64, adaptation_rate: f64, values: &Values) -> Settings {
    Settings {
        loss,
        steps: values.integer(&STEPS) as usize,
        learning_rate,
        adaptation_rate,
        window_events: values.integer(&WINDOW_EVENTS) as usize,
        half_life: values.number(&HALF_LIFE),
        bins: values.integer(&BINS) as usize,
        growth: Growth {
            depth_max: values.integer(&DEPTH_MAX) as usize,
            l2: values.number(&L2),
            leaf_events_min: values.integer(&LEAF_EVENTS_MIN) as usize,
        },
    }
}
