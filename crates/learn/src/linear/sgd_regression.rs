//! Linear regression by plain gradient descent, with a choice of losses and optimisers.
#![doc = include_str!("sgd_regression.md")]

use super::gradient::{GradientRegressor, L2, OPTIMIZER, RATE, REGRESSION_LOSS, plain};
use crate::features::Schema;
use crate::model::{AnyModel, Task};
use crate::params::Values;
use crate::registry::{ClassesMax, ModelEntry};

/// The registry's entry.
pub const ENTRY: ModelEntry = ModelEntry {
    name: "sgd_regression",
    task: Task::Regression,
    summary: "Linear regression by gradient descent with SGD, AdaGrad or Adam and a choice of losses.",
    doc: include_str!("sgd_regression.md"),
    meaning_version: 1,
    params: &[OPTIMIZER, RATE, L2, REGRESSION_LOSS[0], REGRESSION_LOSS[1], REGRESSION_LOSS[2]],
    classes_max: ClassesMax::None,
    reads_categories: false,
    build: |schema, values, _seed| Ok(AnyModel::Regressor(Box::new(new(schema, values)))),
};

/// A model that has learnt nothing.
///
/// ```
/// use streamfold_learn::features::{Row, Schema};
/// use streamfold_learn::linear::sgd_regression::{ENTRY, new};
/// use streamfold_learn::model::Regressor;
///
/// let schema = Schema { numeric: vec!["x".into()], ..Schema::default() };
/// let mut model = new(&schema, &ENTRY.values(&[])?);
/// for event in 0..20_000 {
///     let x = f64::from(event % 100) / 50.0 - 1.0;
///     model.learn(Row { numeric: &[x], ..Row::default() }, 3.0 * x + 2.0, 1.0);
/// }
/// let value = model.predict(Row { numeric: &[0.5], ..Row::default() });
/// assert_eq!((value * 10.0).round(), 35.0);
/// # Ok::<(), streamfold_learn::params::ParamError>(())
/// ```
pub fn new(schema: &Schema, values: &Values) -> GradientRegressor {
    GradientRegressor::new(ENTRY.name, schema, values, plain(values))
}
