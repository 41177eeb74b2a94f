//! Naive Bayes for mixed features: numbers, categories and terms.
#![doc = include_str!("naive_bayes.md")]

use super::posterior::{Parts, Posterior};
use super::{CLASSES_MAX, PRIOR_EVENTS, SMOOTHING};
use crate::features::Schema;
use crate::model::{AnyModel, Task};
use crate::params::{Param, ParamKind, Values};
use crate::registry::{ClassesMax, ModelEntry};

const CATEGORIES_MAX: Param = Param {
    name: "categories_max",
    kind: ParamKind::Integer { min: 1, max: 1_000_000, default: 1000 },
    doc: "Most categories of one feature that are told apart; the rest count as one.",
    default_from: "Enough for carriers, countries and product groups; a bound of 8 kB for each feature and class.",
};

/// The registry's entry.
pub const ENTRY: ModelEntry = ModelEntry {
    name: "naive_bayes",
    task: Task::Classification,
    summary: "Class probabilities from numbers, categories and terms together.",
    doc: include_str!("naive_bayes.md"),
    meaning_version: 1,
    params: &[CLASSES_MAX, CATEGORIES_MAX, PRIOR_EVENTS, SMOOTHING],
    classes_max: ClassesMax::Param(&CLASSES_MAX),
    reads_categories: true,
    build: |schema, values, _seed| Ok(AnyModel::Classifier(Box::new(new(schema, values)))),
};

/// A model that has learnt nothing.
///
/// ```
/// use streamfold_learn::bayes::naive_bayes::{ENTRY, new};
/// use streamfold_learn::features::{Row, Schema, category};
/// use streamfold_learn::model::Classifier;
///
/// let schema =
///     Schema { numeric: vec!["amount".into()], categories: vec!["country".into()], ..Schema::default() };
/// let mut model = new(&schema, &ENTRY.values(&[])?);
/// let (at, de) = (category(b"AT"), category(b"DE"));
/// for (amount, country, class) in [(9.0, at, 0), (11.0, at, 0), (10.0, de, 0), (12.0, de, 1), (14.0, de, 1)] {
///     model.learn(Row { numeric: &[amount], categories: &[country], ..Row::default() }, class, 1.0);
/// }
/// let mut scores = [0.0; 2];
/// model.predict(Row { numeric: &[13.0], categories: &[de], ..Row::default() }, &mut scores);
/// assert_eq!((scores[1] * 100.0).round(), 98.0);
/// # Ok::<(), streamfold_learn::params::ParamError>(())
/// ```
pub fn new(schema: &Schema, values: &Values) -> Posterior {
    let parts = Parts {
        gaussian: Some(values.number(&PRIOR_EVENTS)),
        categories: Some((values.integer(&CATEGORIES_MAX) as usize, values.number(&SMOOTHING))),
        terms: Some((false, values.number(&SMOOTHING))),
        binary: None,
    };
    Posterior::new(ENTRY.name, schema, values.integer(&CLASSES_MAX), parts)
}
