//! A detector of what is strange for each key.
#![doc = include_str!("per_key_anomaly_detector.md")]

use super::part::DefaultPart;
use super::per_key::{EXPIRE_AFTER, KEY, KEYS_MAX, OWN_AFTER, PerKey};
use crate::model::{AnomalyDetector, AnyModel, Task};
use crate::params::{Param, ParamKind};
use crate::registry::{ClassesMax, ModelEntry};

const OF: Param = Param {
    name: "of",
    kind: ParamKind::Model { task: Task::AnomalyDetection, default: DefaultPart::of("half_space_trees") },
    doc: "The model that each key has.",
    default_from: "The one that needs to know least of the data.",
};

/// The registry's entry.
///
/// ```
/// use streamfold_learn::compose::per_key_anomaly_detector::ENTRY;
/// use streamfold_learn::features::{Row, Schema, category};
/// use streamfold_learn::model::AnyModel;
///
/// let schema = Schema { numeric: vec!["load".into()], categories: vec!["machine".into()], ..Schema::default() };
/// let AnyModel::AnomalyDetector(mut model) = (ENTRY.build)(&schema, &ENTRY.values(&[])?, 0)? else { return Ok(()) };
/// let row = |load, machine: u8| ([load], [category(&[machine])]);
/// for event in 0..4000 {
///     let (numeric, categories) = row(f64::from(event % 10) + 90.0 * f64::from(event % 2), event as u8 % 2);
///     model.learn(Row { numeric: &numeric, categories: &categories, ..Row::default() }, 1.0);
/// }
/// let score = |(numeric, categories): ([f64; 1], [u64; 1])| {
///     model.score(Row { numeric: &numeric, categories: &categories, ..Row::default() })
/// };
/// // What is usual for one machine is strange for the other.
/// assert_eq!(score(row(95.0, 0)) > score(row(95.0, 1)), true);
/// # Ok::<(), streamfold_learn::params::ParamError>(())
/// ```
pub const ENTRY: ModelEntry = ModelEntry {
    name: "per_key_anomaly_detector",
    task: Task::AnomalyDetection,
    summary: "A detector of what is strange for each key, that starts from a model shared by all.",
    doc: include_str!("per_key_anomaly_detector.md"),
    meaning_version: 1,
    params: &[OF, KEY, KEYS_MAX, OWN_AFTER, EXPIRE_AFTER],
    classes_max: ClassesMax::None,
    reads_categories: true,
    build: |schema, values, seed| {
        let of = values.parts(&OF).swap_remove(0);
        let model = PerKey::<dyn AnomalyDetector>::new(ENTRY.name, &of, schema, values, seed)?;
        Ok(AnyModel::AnomalyDetector(Box::new(model)))
    },
};
