//! Factorisation machines for numbers.
#![doc = include_str!("factorization_machine_regression.md")]

use super::machines::{FactorizationRegressor, REGRESSION};
use crate::features::Schema;
use crate::model::{AnyModel, Task};
use crate::params::{ParamError, Values};
use crate::registry::{ClassesMax, ModelEntry};

/// The registry's entry.
pub const ENTRY: ModelEntry = ModelEntry {
    name: "factorization_machine_regression",
    task: Task::Regression,
    summary: "Predicts a number from weights of features and of pairs of them, each pair's from two vectors.",
    doc: include_str!("factorization_machine_regression.md"),
    meaning_version: 1,
    params: &REGRESSION,
    classes_max: ClassesMax::None,
    reads_categories: true,
    build: |schema, values, seed| Ok(AnyModel::Regressor(Box::new(new(schema, values, seed)?))),
};

/// A model that has learnt nothing.
///
/// ```
/// use streamfold_learn::features::{Row, Schema, category};
/// use streamfold_learn::model::Regressor;
/// use streamfold_learn::recommend::factorization_machine_regression::{ENTRY, new};
///
/// let schema = Schema { categories: vec!["shop".into(), "hour".into()], ..Schema::default() };
/// let mut model = new(&schema, &ENTRY.values(&[])?, 7)?;
/// // Shop 0 sells in even hours, shop 1 in odd ones: it is the pair that counts.
/// let sold = |shop: u8, hour: u8| if (shop + hour) % 2 == 0 { 10.0 } else { 2.0 };
/// let ids = |shop: u8, hour: u8| [category(&[shop]), category(&[hour])];
/// for event in 0..2000u32 {
///     let (shop, hour) = ((event % 2) as u8, (event / 2 % 24) as u8);
///     model.learn(Row { categories: &ids(shop, hour), ..Row::default() }, sold(shop, hour), 1.0);
/// }
/// let many = model.predict(Row { categories: &ids(1, 3), ..Row::default() });
/// assert_eq!(many.round(), 10.0);
/// # Ok::<(), streamfold_learn::params::ParamError>(())
/// ```
pub fn new(schema: &Schema, values: &Values, seed: u64) -> Result<FactorizationRegressor, ParamError> {
    FactorizationRegressor::new(ENTRY.name, schema, values, false, seed)
}
