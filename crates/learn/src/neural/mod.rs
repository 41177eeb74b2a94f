//! Small neural networks that learn event by event.

pub mod multilayer_perceptron_classification;
pub mod multilayer_perceptron_regression;
mod network;
mod parameter;

use crate::params::{Param, ParamKind};

const HIDDEN: Param = Param {
    name: "hidden",
    kind: ParamKind::Integer { min: 4, max: 1024, default: 32 },
    doc: "Units of the hidden layer, rounded up to a multiple of 4.",
    default_from: "Enough for the common tabular streams; time and memory grow with it.",
};

const LEARNING_RATE: Param = Param {
    name: "learning_rate",
    kind: ParamKind::Number { min: 1e-6, max: 1.0, default: 0.003 },
    doc: "Size of the (Adam) steps.",
    default_from: "Between the 0.001 of Kingma and Ba, for batches, and the 0.01 usual for single events.",
};

const EMBEDDING_BUCKETS: Param = Param {
    name: "embedding_buckets",
    kind: ParamKind::Integer { min: 1, max: 1 << 20, default: 1024 },
    doc: "Vectors that the categories of one feature share by their hash: a bound of 192 bytes each.",
    default_from: "Few collisions up to some hundred categories; 192 KiB for each categorical feature.",
};
