//! Bernoulli naive Bayes: features that are there or not.
#![doc = include_str!("bernoulli_naive_bayes.md")]

use super::posterior::{Parts, Posterior};
use super::{CLASSES_MAX, SMOOTHING};
use crate::features::Schema;
use crate::model::{AnyModel, Task};
use crate::params::{ParamError, Values};
use crate::registry::{ClassesMax, ModelEntry};

/// More features than this are refused: every prediction passes over all of them.
pub const FEATURES_MAX: usize = 16_384;

/// The registry's entry.
pub const ENTRY: ModelEntry = ModelEntry {
    name: "bernoulli_naive_bayes",
    task: Task::Classification,
    summary: "Class probabilities from which features are there and which are not.",
    doc: include_str!("bernoulli_naive_bayes.md"),
    meaning_version: 1,
    params: &[CLASSES_MAX, SMOOTHING],
    classes_max: ClassesMax::Param(&CLASSES_MAX),
    reads_categories: false,
    build: |schema, values, _seed| Ok(AnyModel::Classifier(Box::new(new(schema, values)?))),
};

/// A model that has learnt nothing.
///
/// ```
/// use streamfold_learn::bayes::bernoulli_naive_bayes::{ENTRY, new};
/// use streamfold_learn::features::{Row, Schema};
/// use streamfold_learn::model::Classifier;
///
/// let schema = Schema { numeric: vec!["has_link".into()], ..Schema::default() };
/// let mut model = new(&schema, &ENTRY.values(&[])?)?;
/// for (has_link, class) in [(0.0, 0), (0.0, 0), (1.0, 0), (1.0, 1), (1.0, 1), (1.0, 1)] {
///     model.learn(Row { numeric: &[has_link], ..Row::default() }, class, 1.0);
/// }
/// let mut scores = [0.0; 2];
/// model.predict(Row { numeric: &[1.0], ..Row::default() }, &mut scores);
/// assert_eq!((scores[1] * 100.0).round(), 67.0);
/// # Ok::<(), streamfold_learn::params::ParamError>(())
/// ```
pub fn new(schema: &Schema, values: &Values) -> Result<Posterior, ParamError> {
    let features = schema.numeric.len() + schema.sparse_size as usize;
    if features > FEATURES_MAX {
        return Err(ParamError::Features {
            owner: format!("model `{}`", ENTRY.name),
            reason: format!(
                "{features} of them (numeric and sparse) are more than {FEATURES_MAX}; take `multinomial_naive_bayes`"
            ),
        });
    }
    let parts = Parts { binary: Some(values.number(&SMOOTHING)), ..Parts::default() };
    Ok(Posterior::new(ENTRY.name, schema, values.integer(&CLASSES_MAX), parts))
}
