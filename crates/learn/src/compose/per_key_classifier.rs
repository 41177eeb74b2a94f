//! A model of classes for each key.
#![doc = include_str!("per_key_classifier.md")]

use super::part::DefaultPart;
use super::per_key::{EXPIRE_AFTER, KEY, KEYS_MAX, OWN_AFTER, PerKey};
use crate::model::{AnyModel, Classifier, Task};
use crate::params::{Param, ParamKind};
use crate::registry::{ClassesMax, ModelEntry};

const OF: Param = Param {
    name: "of",
    kind: ParamKind::Model { task: Task::Classification, default: DefaultPart::of("softmax_regression") },
    doc: "The model that each key has.",
    default_from: "It needs no tuning, is small, and learns from few events.",
};

/// The registry's entry.
///
/// ```
/// use streamfold_learn::compose::per_key_classifier::ENTRY;
/// use streamfold_learn::features::{Row, Schema, category};
/// use streamfold_learn::model::AnyModel;
///
/// let schema = Schema { numeric: vec!["speed".into()], categories: vec!["road".into()], ..Schema::default() };
/// let AnyModel::Classifier(mut model) = (ENTRY.build)(&schema, &ENTRY.values(&[])?, 0)? else { return Ok(()) };
/// for event in 0..20_000 {
///     let (speed, road) = (f64::from(event % 97), event % 2);
///     let too_fast = usize::from(speed > if road == 0 { 30.0 } else { 70.0 });
///     model.learn(Row { numeric: &[speed], categories: &[category(&[road as u8])], ..Row::default() }, too_fast, 1.0);
/// }
/// let mut scores = [0.0; 2];
/// model.predict(Row { numeric: &[50.0], categories: &[category(&[0])], ..Row::default() }, &mut scores);
/// assert_eq!(scores[1].round(), 1.0);
/// # Ok::<(), streamfold_learn::params::ParamError>(())
/// ```
pub const ENTRY: ModelEntry = ModelEntry {
    name: "per_key_classifier",
    task: Task::Classification,
    summary: "A model of classes for each key, that starts from a model shared by all.",
    doc: include_str!("per_key_classifier.md"),
    meaning_version: 1,
    params: &[OF, KEY, KEYS_MAX, OWN_AFTER, EXPIRE_AFTER],
    classes_max: ClassesMax::Models(&[&OF]),
    reads_categories: true,
    build: |schema, values, seed| {
        let of = values.parts(&OF).swap_remove(0);
        let model = PerKey::<dyn Classifier>::new(ENTRY.name, &of, schema, values, seed)?;
        Ok(AnyModel::Classifier(Box::new(model)))
    },
};
