//! Multinomial naive Bayes: counts of terms.
#![doc = include_str!("multinomial_naive_bayes.md")]

use super::posterior::{Parts, Posterior};
use super::{CLASSES_MAX, SMOOTHING};
use crate::features::Schema;
use crate::model::{AnyModel, Task};
use crate::params::Values;
use crate::registry::{ClassesMax, ModelEntry};

/// The registry's entry.
pub const ENTRY: ModelEntry = ModelEntry {
    name: "multinomial_naive_bayes",
    task: Task::Classification,
    summary: "Class probabilities from how often each term occurs in each class; for texts.",
    doc: include_str!("multinomial_naive_bayes.md"),
    meaning_version: 1,
    params: &[CLASSES_MAX, SMOOTHING],
    classes_max: ClassesMax::Param(&CLASSES_MAX),
    reads_categories: false,
    build: |schema, values, _seed| Ok(AnyModel::Classifier(Box::new(new(schema, values)))),
};

/// A model that has learnt nothing.
///
/// ```
/// use streamfold_learn::bayes::multinomial_naive_bayes::{ENTRY, new};
/// use streamfold_learn::features::{Row, Schema};
/// use streamfold_learn::model::Classifier;
///
/// let schema = Schema { sparse_size: 3, ..Schema::default() };
/// let mut model = new(&schema, &ENTRY.values(&[])?);
/// model.learn(Row { sparse: &[(0, 2.0), (1, 1.0)], ..Row::default() }, 0, 1.0);
/// model.learn(Row { sparse: &[(1, 1.0), (2, 2.0)], ..Row::default() }, 1, 1.0);
/// let mut scores = [0.0; 2];
/// model.predict(Row { sparse: &[(0, 1.0)], ..Row::default() }, &mut scores);
/// assert_eq!((scores[0] * 100.0).round(), 75.0);
/// # Ok::<(), streamfold_learn::params::ParamError>(())
/// ```
pub fn new(schema: &Schema, values: &Values) -> Posterior {
    let parts = Parts { terms: Some((true, values.number(&SMOOTHING))), ..Parts::default() };
    Posterior::new(ENTRY.name, schema, values.integer(&CLASSES_MAX), parts)
}
