//! Ratings from a bias for each user and item and a vector for each.
#![doc = include_str!("biased_matrix_factorization.md")]

use super::machines::{FactorizationRegressor, REGRESSION};
use crate::features::Schema;
use crate::model::{AnyModel, Task};
use crate::params::{ParamError, Values};
use crate::registry::{ClassesMax, ModelEntry};

/// The registry's entry.
pub const ENTRY: ModelEntry = ModelEntry {
    name: "biased_matrix_factorization",
    task: Task::Regression,
    summary: "Predicts ratings from two categories, a user and an item: a bias and a vector for each.",
    doc: include_str!("biased_matrix_factorization.md"),
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
/// use streamfold_learn::recommend::biased_matrix_factorization::{ENTRY, new};
///
/// let schema = Schema { categories: vec!["user".into(), "item".into()], ..Schema::default() };
/// let mut model = new(&schema, &ENTRY.values(&[])?, 7)?;
/// // Even users like even items, odd users odd ones.
/// let rating = |user: u8, item: u8| if (user + item) % 2 == 0 { 5.0 } else { 1.0 };
/// let ids = |user: u8, item: u8| [category(&[b'u', user]), category(&[b'i', item])];
/// for event in 0..4000u32 {
///     let (user, item) = ((event * 7 % 20) as u8, (event * 13 % 31) as u8);
///     model.learn(Row { categories: &ids(user, item), ..Row::default() }, rating(user, item), 1.0);
/// }
/// let liked = model.predict(Row { categories: &ids(4, 8), ..Row::default() });
/// assert_eq!(liked.round(), 5.0);
/// # Ok::<(), streamfold_learn::params::ParamError>(())
/// ```
pub fn new(schema: &Schema, values: &Values, seed: u64) -> Result<FactorizationRegressor, ParamError> {
    let categories = schema.categories.len();
    if categories > 2 {
        return Err(ParamError::Features {
            owner: format!("model `{}`", ENTRY.name),
            reason: format!(
                "{categories} categories are more than a user and an item; take two, or `factorization_machine_regression`"
            ),
        });
    }
    // Numbers are not its business.
    let schema = Schema { categories: schema.categories.clone(), ..Schema::default() };
    FactorizationRegressor::new(ENTRY.name, &schema, values, false, seed)
}
