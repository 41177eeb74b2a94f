//! Transformers that prepare features for models.

pub mod category_interactions;
mod dictionary;
pub mod frequency_encoder;
pub mod hashing;
pub mod imputer;
pub mod incremental_pca;
pub mod min_max_scaler;
mod moments;
pub mod one_hot;
pub mod ordinal_encoder;
pub mod polynomial_features;
pub(crate) mod quantile;
pub mod random_projection;
pub mod robust_scaler;
pub mod select_k_best;
pub mod standard_scaler;
pub mod target_encoder;
pub mod text;
pub mod tf_idf;
pub mod variance_threshold;

use crate::features::{Row, RowBuffer};
use crate::params::{Param, ParamKind, Values};

/// Larger values count as missing, so that squares and their sums stay finite.
const LIMIT: f64 = 1e100;

/// A number that can be learnt from.
fn usable(value: f64) -> bool {
    value.abs() <= LIMIT
}

/// Whether an event of this weight teaches anything.
fn teaches(weight: f64) -> bool {
    weight > 0.0 && weight.is_finite()
}

/// Lets categories and sparse features pass unchanged.
fn pass_others(row: Row<'_>, out: &mut RowBuffer) {
    out.categories.extend_from_slice(row.categories);
    out.sparse.extend_from_slice(row.sparse);
}

const HALF_LIFE: Param = Param {
    name: "half_life",
    kind: ParamKind::Number { min: 0.0, max: 1e9, default: 0.0 },
    doc: "Values of a feature after which what was learnt of it counts half; 0: all values count alike.",
    default_from: "What scikit-learn and River do; set it where the stream changes.",
};

/// What is left of what was learnt after each value.
fn decay(values: &Values) -> f64 {
    let half_life = values.number(&HALF_LIFE);
    // Below one value nothing would be left to compare with.
    if half_life > 0.0 { libm::exp2(-1.0 / half_life.max(1.0)) } else { 1.0 }
}
