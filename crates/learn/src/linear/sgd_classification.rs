//! Linear classification by plain gradient descent, with a choice of losses and optimisers.
#![doc = include_str!("sgd_classification.md")]

use super::gradient::{GradientClassifier, L2, OPTIMIZER, RATE, plain};
use super::loss::{CLASS_1_WEIGHT, CLASS_LOSS, FOCAL_GAMMA};
use crate::features::Schema;
use crate::model::{AnyModel, Task};
use crate::params::Values;
use crate::registry::{ClassesMax, ModelEntry};

/// The registry's entry.
pub const ENTRY: ModelEntry = ModelEntry {
    name: "sgd_classification",
    task: Task::Classification,
    summary: "Probabilities of two classes by gradient descent with SGD, AdaGrad or Adam and a choice of losses.",
    doc: include_str!("sgd_classification.md"),
    meaning_version: 1,
    params: &[OPTIMIZER, RATE, L2, CLASS_LOSS, FOCAL_GAMMA, CLASS_1_WEIGHT],
    classes_max: ClassesMax::Fixed(2),
    reads_categories: false,
    build: |schema, values, _seed| Ok(AnyModel::Classifier(Box::new(new(schema, values)))),
};

/// A model that has learnt nothing.
///
/// ```
/// use streamfold_learn::features::{Row, Schema};
/// use streamfold_learn::linear::sgd_classification::{ENTRY, new};
/// use streamfold_learn::model::Classifier;
///
/// let schema = Schema { sparse_size: 4, ..Schema::default() };
/// let mut model = new(&schema, &ENTRY.values(&[])?);
/// for event in 0..4000u32 {
///     // Feature 3 comes with class 1 in three of four events.
///     let class = usize::from(event % 4 == 3 && event / 4 % 4 != 0);
///     model.learn(Row { sparse: &[(event % 4, 1.0)], ..Row::default() }, class, 1.0);
/// }
/// let mut scores = [0.0; 2];
/// model.predict(Row { sparse: &[(3, 1.0)], ..Row::default() }, &mut scores);
/// assert_eq!((scores[1] * 10.0).round(), 7.0);
/// # Ok::<(), streamfold_learn::params::ParamError>(())
/// ```
pub fn new(schema: &Schema, values: &Values) -> GradientClassifier {
    GradientClassifier::new(ENTRY.name, schema, values, plain(values))
}
