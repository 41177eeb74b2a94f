//! Field-aware factorisation machines for two classes.
#![doc = include_str!("field_aware_factorization_machine_classification.md")]

use super::machines::{CLASSIFICATION, FactorizationClassifier};
use crate::features::Schema;
use crate::model::{AnyModel, Task};
use crate::params::{ParamError, Values};
use crate::registry::{ClassesMax, ModelEntry};

/// The registry's entry.
pub const ENTRY: ModelEntry = ModelEntry {
    name: "field_aware_factorization_machine_classification",
    task: Task::Classification,
    summary: "Gives the probabilities of two classes from weights of features and of pairs of them, each feature with a vector for each field.",
    doc: include_str!("field_aware_factorization_machine_classification.md"),
    meaning_version: 1,
    params: &CLASSIFICATION,
    classes_max: ClassesMax::Fixed(2),
    reads_categories: true,
    build: |schema, values, seed| Ok(AnyModel::Classifier(Box::new(new(schema, values, seed)?))),
};

/// A model that has learnt nothing.
///
/// ```
/// use streamfold_learn::features::{Row, Schema, category};
/// use streamfold_learn::model::Classifier;
/// use streamfold_learn::recommend::field_aware_factorization_machine_classification::{ENTRY, new};
///
/// let schema = Schema { categories: vec!["shop".into(), "hour".into()], ..Schema::default() };
/// let mut model = new(&schema, &ENTRY.values(&[])?, 7)?;
/// // Shop 0 sells in even hours, shop 1 in odd ones: it is the pair that counts.
/// let sold = |shop: u8, hour: u8| usize::from((shop + hour) % 2 == 0);
/// let ids = |shop: u8, hour: u8| [category(&[shop]), category(&[hour])];
/// for event in 0..2000u32 {
///     let (shop, hour) = ((event % 2) as u8, (event / 2 % 24) as u8);
///     model.learn(Row { categories: &ids(shop, hour), ..Row::default() }, sold(shop, hour), 1.0);
/// }
/// let mut scores = [0.0; 2];
/// model.predict(Row { categories: &ids(1, 3), ..Row::default() }, &mut scores);
/// assert_eq!(scores[1].round(), 1.0);
/// # Ok::<(), streamfold_learn::params::ParamError>(())
/// ```
pub fn new(schema: &Schema, values: &Values, seed: u64) -> Result<FactorizationClassifier, ParamError> {
    FactorizationClassifier::new(ENTRY.name, schema, values, true, seed)
}
