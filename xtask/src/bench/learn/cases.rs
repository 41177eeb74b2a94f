//! What is measured, and the goal.

use streamfold_learn::params::ParamValue;

/// A model and those of others that do the same.
pub struct Case {
    /// Its name in the registry. A case whose model is not there is passed over.
    pub model: &'static str,
    /// Parameters that differ from the defaults.
    pub set: &'static [(&'static str, i64)],
    /// Events a second that it is to reach.
    pub goal: f64,
    /// The peers: program and the name that the algorithm has there.
    pub peers: &'static [(Peer, &'static str)],
    /// Events for slow models; others get as many as are asked for.
    pub events_max: usize,
}

/// A program that others' models run in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// River, scikit-learn and Vowpal Wabbit: `peers.py`.
    Python,
    /// MOA: `Peers.java`.
    Moa,
}

use Peer::{Moa, Python};

/// All cases, in the order of the report.
pub const CASES: &[Case] = &[
    Case {
        model: "linear_regression",
        set: &[],
        goal: 10e6,
        peers: &[
            (Python, "river_linear"),
            (Python, "river_scaled_linear"),
            (Python, "sklearn_sgd_regressor"),
            (Python, "vw_linear"),
            (Moa, "sgd"),
        ],
        events_max: usize::MAX,
    },
    Case {
        model: "logistic_regression",
        set: &[],
        goal: 10e6,
        peers: &[
            (Python, "river_logistic"),
            (Python, "sklearn_sgd_classifier"),
            (Python, "vw_logistic"),
            (Moa, "sgd_hinge"),
        ],
        events_max: usize::MAX,
    },
    Case {
        model: "gaussian_naive_bayes",
        set: &[],
        goal: 4e6,
        peers: &[(Python, "river_naive_bayes"), (Python, "sklearn_naive_bayes"), (Moa, "naive_bayes")],
        events_max: usize::MAX,
    },
    Case {
        model: "hoeffding_tree",
        set: &[],
        goal: 1e6,
        peers: &[(Python, "river_hoeffding_tree"), (Moa, "hoeffding_tree")],
        events_max: usize::MAX,
    },
    Case {
        model: "adaptive_random_forest",
        set: &[],
        goal: 20e3,
        peers: &[(Python, "river_adaptive_random_forest"), (Moa, "adaptive_random_forest")],
        events_max: 50_000,
    },
    Case {
        model: "leveraging_bagging",
        set: &[],
        goal: 60e3,
        peers: &[(Python, "river_leveraging_bagging"), (Moa, "leveraging_bagging")],
        events_max: 50_000,
    },
    Case { model: "gradient_boosting_classifier", set: &[], goal: 30e3, peers: &[], events_max: 100_000 },
    Case {
        model: "k_means",
        set: &[("clusters", 10)],
        goal: 5e6,
        peers: &[(Python, "river_k_means"), (Python, "sklearn_k_means")],
        events_max: usize::MAX,
    },
    Case {
        model: "half_space_trees",
        set: &[("trees", 25), ("height", 15)],
        goal: 300e3,
        peers: &[(Python, "river_half_space_trees"), (Moa, "half_space_trees")],
        events_max: 100_000,
    },
    Case {
        model: "k_nearest_neighbors_classifier",
        set: &[],
        goal: 100e3,
        peers: &[(Python, "river_k_nearest_neighbors"), (Moa, "k_nearest_neighbors")],
        events_max: 50_000,
    },
    Case { model: "factorization_machine", set: &[], goal: 1e6, peers: &[], events_max: usize::MAX },
    Case { model: "lin_ucb", set: &[], goal: 200e3, peers: &[], events_max: usize::MAX },
];

impl Case {
    /// The parameters as the registry takes them.
    pub fn parameters(&self) -> Vec<(String, ParamValue)> {
        self.set.iter().map(|(name, value)| ((*name).to_owned(), ParamValue::Integer(*value))).collect()
    }
}
