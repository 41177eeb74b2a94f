//! The conformance suite: what every model and transformer must hold, whoever wrote it.
//!
//! Each check builds the model anew from its registry entry, feeds it seeded streams and says what went wrong. That
//! the input is not changed needs no check: rows are borrowed immutably. A panic is a failure of the check it
//! happens in.
//!
//! ```
//! use streamfold_learn::{checks, registry};
//!
//! let entry = registry::model("logistic_regression").ok_or("no such model")?;
//! let failures = checks::check_model(entry, &[])?;
//! assert!(failures.is_empty(), "{failures:?}");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod abilities;
mod laws;
mod stream;
mod subject;

use crate::compose::part::Part;
use crate::features::Schema;
use crate::model::Task;
use crate::params::{ParamError, ParamKind, ParamValue};
use crate::registry::{self, ModelEntry, TransformerEntry};
use subject::{Subject, TransformerSubject};

/// A law and its check.
#[derive(Clone, Copy)]
pub struct Check {
    /// Its name.
    pub name: &'static str,
    /// What must hold.
    pub law: &'static str,
    run: fn(&Candidate<'_>) -> Result<(), String>,
}

/// A check that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The check's name.
    pub check: &'static str,
    /// What must hold.
    pub law: &'static str,
    /// What happened instead.
    pub reason: String,
}

type Build<'a> = dyn Fn(&Schema) -> Result<Box<dyn Subject>, ParamError> + 'a;

/// What is checked.
struct Candidate<'a> {
    /// Builds it for rows of a schema.
    build: &'a Build<'a>,
    /// Classes that the streams have.
    classes: usize,
    /// Builds it with the smallest bounds of memory and of keys, and the bound of memory where it has such a parameter.
    bounded: Option<(&'a Build<'a>, Option<usize>)>,
    /// Whether the order of the features means nothing: a transformer's rows have it, and of a recommender's categories the
    /// first is the user.
    ordered: bool,
}

/// All checks.
pub const CHECKS: &[Check] = &[
    Check {
        name: "predict_before_learn",
        law: "a model that has learnt nothing gives a valid answer",
        run: laws::predict_before_learn,
    },
    Check {
        name: "awkward_rows",
        law: "missing, infinite, huge, constant and unscaled features and targets leave answers valid and state finite",
        run: laws::awkward_rows,
    },
    Check { name: "no_features", law: "a schema without features is a schema", run: laws::no_features },
    Check {
        name: "odd_classes",
        law: "a stream of one class is a stream, and a class beyond the bound does no harm",
        run: laws::odd_classes,
    },
    Check {
        name: "predict_changes_nothing",
        law: "predicting leaves every byte of the state",
        run: laws::predict_changes_nothing,
    },
    Check {
        name: "nothing_to_learn",
        law: "a target that is not finite and a weight that is not positive teach nothing",
        run: laws::nothing_to_learn,
    },
    Check { name: "same_seed", law: "the same events and seed give the same bits", run: laws::same_seed },
    Check {
        name: "save_and_load",
        law: "saved and loaded in the middle, it goes on with the same bits",
        run: laws::save_and_load,
    },
    Check {
        name: "feature_order",
        law: "the order of the features does not matter (to a relative 1e-9)",
        run: laws::feature_order,
    },
    Check {
        name: "memory_bounded",
        law: "the state does not grow (by more than a twentieth) between 20,000 and 100,000 events of a bounded stream, or \
              stays below the model's parameter `memory_bytes_max`",
        run: laws::memory_bounded,
    },
    Check {
        name: "foreign_bytes",
        law: "cut, changed and random snapshots are an error or a state that answers validly and learns",
        run: laws::foreign_bytes,
    },
    Check {
        name: "features_come_and_go",
        law: "features that vanish for a long time and come back leave answers valid",
        run: abilities::features_come_and_go,
    },
    Check {
        name: "many_classes",
        law: "of ten thousand classes a classifier learns as many as it is bounded to, and refuses the others",
        run: abilities::many_classes,
    },
    Check {
        name: "copies_independent",
        law: "a copy (saved and loaded) that learns leaves the first one as it is",
        run: abilities::copies_independent,
    },
    Check {
        name: "memory_told",
        law: "the memory that a model tells is not less than its state takes",
        run: abilities::memory_told,
    },
    Check {
        name: "explained",
        law: "contributions are finite, one for each feature, and sum to the prediction of a regressor (to a relative 1e-9)",
        run: abilities::explained,
    },
    Check {
        name: "merged",
        law: "copies that adopt the same changes in the same order have the same bits, wherever they come from",
        run: abilities::merged,
    },
    Check {
        name: "merged_by_name",
        law: "a change from a copy with its features in another order is the same change (to a relative 1e-6)",
        run: abilities::merged_by_name,
    },
    Check {
        name: "foreign_changes",
        law: "cut and changed changes are refused and leave every byte, or leave a state that answers validly and learns",
        run: abilities::foreign_changes,
    },
];

/// Checks a model with these parameters.
pub fn check_model(entry: &ModelEntry, given: &[(String, ParamValue)]) -> Result<Vec<Failure>, ParamError> {
    let values = entry.values(given)?;
    let classes = entry.classes_max(&values).unwrap_or(3).min(3);
    let build =
        |schema: &Schema| (entry.build)(schema, &values, 7).map(|model| Box::new(model) as Box<dyn Subject>);
    let (smallest, bytes_max) = smallest(entry, given, classes);
    let smallest = entry.values(&smallest)?;
    let build_smallest = |schema: &Schema| {
        (entry.build)(schema, &smallest, 7).map(|model| Box::new(model) as Box<dyn Subject>)
    };
    let bounded = Some((&build_smallest as &Build<'_>, bytes_max));
    let ordered = entry.task != Task::Recommendation;
    Ok(run(&Candidate { build: &build, classes, bounded, ordered }))
}

/// Checks a transformer with these parameters.
pub fn check_transformer(
    entry: &TransformerEntry,
    given: &[(String, ParamValue)],
) -> Result<Vec<Failure>, ParamError> {
    let values = entry.values(given)?;
    let build = |schema: &Schema| {
        let transformer = (entry.build)(schema, &values, 7)?;
        Ok(Box::new(TransformerSubject(transformer)) as Box<dyn Subject>)
    };
    Ok(run(&Candidate { build: &build, classes: 3, bounded: None, ordered: false }))
}

/// The parameters with `memory_bytes_max` and `keys_max` at their lower ends, also those of the models that it is made of,
/// and the bound of memory that follows; `None` where nothing has one.
fn smallest(
    entry: &ModelEntry,
    given: &[(String, ParamValue)],
    classes: usize,
) -> (Vec<(String, ParamValue)>, Option<usize>) {
    let mut bytes_max = None;
    let mut add = |bytes: usize| bytes_max = Some(bytes_max.unwrap_or(0) + bytes);
    let smallest_part = |part: Part| match registry::model(&part.kind) {
        None => (part, None),
        Some(entry) => {
            let (parameters, bytes) = smallest(entry, &part.parameters, classes);
            (Part { parameters, ..part }, bytes)
        }
    };
    let mut parameters = Vec::new();
    for param in entry.params {
        let own = given.iter().find(|(name, _)| name == param.name).map(|(_, value)| value.clone());
        let value = match (param.kind, param.name) {
            (ParamKind::Integer { min, .. }, "memory_bytes_max") => {
                add(min as usize);
                Some(ParamValue::Integer(min))
            }
            (ParamKind::Integer { min, .. }, "keys_max") => Some(ParamValue::Integer(min)),
            (ParamKind::Model { .. } | ParamKind::Models { .. }, _) => {
                let all = own.unwrap_or_else(|| param.default_value());
                let parts = match all {
                    ParamValue::List(values) => values,
                    one => vec![one],
                };
                let parts = parts.into_iter().map(|value| match value {
                    ParamValue::Part(part) => smallest_part(part),
                    ParamValue::Text(kind) => smallest_part(Part { kind, ..Part::default() }),
                    _ => (Part::default(), None),
                });
                let mut values = Vec::new();
                for (part, bytes) in parts {
                    // A model that wraps another may have one for each class, or one for a key and one for all.
                    bytes.into_iter().for_each(|bytes| add(bytes * (classes + 1)));
                    values.push(ParamValue::Part(part));
                }
                match param.kind {
                    ParamKind::Model { .. } => values.pop(),
                    _ => Some(ParamValue::List(values)),
                }
            }
            _ => own,
        };
        parameters.extend(value.map(|value| (param.name.to_owned(), value)));
    }
    (parameters, bytes_max)
}

fn run(candidate: &Candidate<'_>) -> Vec<Failure> {
    let failure = |check: &Check| {
        let reason = (check.run)(candidate).err()?;
        Some(Failure { check: check.name, law: check.law, reason })
    };
    CHECKS.iter().filter_map(failure).collect()
}
