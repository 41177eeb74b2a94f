//! Naive Bayes: counts and moments for each class, one feature at a time.
//!
//! `Posterior` is what the models share: the classes' weights, and the parts that say how likely the features of a
//! row are in each class. A model is a choice of parts: `gaussian` for numbers, `categories` for categories,
//! `terms` for counts, `binary` for what is there or not.

pub mod bernoulli_naive_bayes;
mod binary;
mod categories;
mod counts;
mod gaussian;
pub mod gaussian_naive_bayes;
mod logarithm;
mod merge;
pub mod multinomial_naive_bayes;
pub mod naive_bayes;
mod posterior;
mod terms;

use crate::params::{Param, ParamKind};
use crate::snapshot::{Reader, SnapshotError};

const CLASSES_MAX: Param = Param {
    name: "classes_max",
    kind: ParamKind::Integer { min: 2, max: 100_000, default: 100 },
    doc: "Most classes that are learnt; memory and time grow with the classes seen.",
    default_from: "A bound on memory that common data sets stay far below.",
};

const PRIOR_EVENTS: Param = Param {
    name: "prior_events",
    kind: ParamKind::Number { min: 0.0, max: 1e6, default: 1.0 },
    doc: "Events that a class is thought to have seen before its first, with the variance of all classes together. 0 \
          trusts the variance of two events.",
    default_from: "One event: felt in the first dozen only. 0 is what scikit-learn and River do.",
};

const SMOOTHING: Param = Param {
    name: "smoothing",
    kind: ParamKind::Number { min: 1e-9, max: 1e6, default: 1.0 },
    doc: "Added to every count, so that what was not yet seen in a class is not impossible there.",
    default_from: "Laplace's rule; as in River, MOA and scikit-learn.",
};

/// Larger values count as missing, so that squares and their sums stay finite.
const LIMIT: f64 = 1e100;
/// Events that weigh more than this count as this.
const WEIGHT_MAX: f64 = 1e6;
/// Counts beyond this cannot have been learnt.
const COUNT_MAX: f64 = 1e30;

/// A count from a snapshot.
fn count(from: &mut Reader<'_>) -> Result<f64, SnapshotError> {
    let count = from.finite_not_negative()?;
    if count <= COUNT_MAX { Ok(count) } else { Err(from.invalid(format!("a count of {count}"))) }
}
