//! A model of numbers for each key.
#![doc = include_str!("per_key_regressor.md")]

use super::part::DefaultPart;
use super::per_key::{EXPIRE_AFTER, KEY, KEYS_MAX, OWN_AFTER, PerKey};
use crate::model::{AnyModel, Regressor, Task};
use crate::params::{Param, ParamKind};
use crate::registry::{ClassesMax, ModelEntry};

const OF: Param = Param {
    name: "of",
    kind: ParamKind::Model { task: Task::Regression, default: DefaultPart::of("linear_regression") },
    doc: "The model that each key has.",
    default_from: "It needs no tuning, is small, and learns from few events.",
};

/// The registry's entry.
///
/// ```
/// use streamfold_learn::compose::per_key_regressor::ENTRY;
/// use streamfold_learn::features::{Row, Schema, category};
/// use streamfold_learn::model::AnyModel;
///
/// let schema = Schema { numeric: vec!["hour".into()], categories: vec!["store".into()], ..Schema::default() };
/// let AnyModel::Regressor(mut model) = (ENTRY.build)(&schema, &ENTRY.values(&[])?, 0)? else { return Ok(()) };
/// for event in 0..20_000 {
///     let (hour, store) = (f64::from(event % 24), category(&[event as u8 % 2]));
///     let sold = if event % 2 == 0 { 100.0 + hour } else { 20.0 - hour };
///     model.learn(Row { numeric: &[hour], categories: &[store], ..Row::default() }, sold, 1.0);
/// }
/// let sold = model.predict(Row { numeric: &[10.0], categories: &[category(&[0])], ..Row::default() });
/// assert_eq!(sold.round(), 110.0);
/// # Ok::<(), streamfold_learn::params::ParamError>(())
/// ```
pub const ENTRY: ModelEntry = ModelEntry {
    name: "per_key_regressor",
    task: Task::Regression,
    summary: "A model of numbers for each key, that starts from a model shared by all.",
    doc: include_str!("per_key_regressor.md"),
    meaning_version: 1,
    params: &[OF, KEY, KEYS_MAX, OWN_AFTER, EXPIRE_AFTER],
    classes_max: ClassesMax::None,
    reads_categories: true,
    build: |schema, values, seed| {
        let of = values.parts(&OF).swap_remove(0);
        let model = PerKey::<dyn Regressor>::new(ENTRY.name, &of, schema, values, seed)?;
        Ok(AnyModel::Regressor(Box::new(model)))
    },
};
