//! Gaussian naive Bayes: numbers as normal distributions.
#![doc = include_str!("gaussian_naive_bayes.md")]

use super::posterior::{Parts, Posterior};
use super::{CLASSES_MAX, PRIOR_EVENTS};
use crate::features::Schema;
use crate::model::{AnyModel, Task};
use crate::params::Values;
use crate::registry::{ClassesMax, ModelEntry};

/// The registry's entry.
pub const ENTRY: ModelEntry = ModelEntry {
    name: "gaussian_naive_bayes",
    task: Task::Classification,
    summary: "Class probabilities from a normal distribution of each numeric feature in each class.",
    doc: include_str!("gaussian_naive_bayes.md"),
    meaning_version: 1,
    params: &[CLASSES_MAX, PRIOR_EVENTS],
    classes_max: ClassesMax::Param(&CLASSES_MAX),
    reads_categories: false,
    build: |schema, values, _seed| Ok(AnyModel::Classifier(Box::new(new(schema, values)))),
};

/// A model that has learnt nothing.
///
/// ```
/// use streamfold_learn::bayes::gaussian_naive_bayes::{ENTRY, new};
/// use streamfold_learn::features::{Row, Schema};
/// use streamfold_learn::model::Classifier;
///
/// let schema = Schema { numeric: vec!["speed".into()], ..Schema::default() };
/// let mut model = new(&schema, &ENTRY.values(&[])?);
/// for (speed, class) in [(48.0, 0), (52.0, 0), (50.0, 0), (98.0, 1), (102.0, 1), (100.0, 1)] {
///     model.learn(Row { numeric: &[speed], ..Row::default() }, class, 1.0);
/// }
/// let mut scores = [0.0; 2];
/// model.predict(Row { numeric: &[60.0], ..Row::default() }, &mut scores);
/// assert_eq!((scores[0] * 100.0).round(), 99.0);
/// # Ok::<(), streamfold_learn::params::ParamError>(())
/// ```
pub fn new(schema: &Schema, values: &Values) -> Posterior {
    let parts = Parts { gaussian: Some(values.number(&PRIOR_EVENTS)), ..Parts::default() };
    Posterior::new(ENTRY.name, schema, values.integer(&CLASSES_MAX), parts)
}
