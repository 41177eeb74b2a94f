//! A model as a parameter of another one: as a pipeline file writes it, checked, and built.
//!
//! In a file it is a name, or a table: `of = "linear_regression"`, or
//!
//! ```toml
//! [model.of]
//! kind = "recursive_least_squares"
//! forgetting = 0.999
//! prepare = ["standard_scaler"]
//! ```

use super::build::{ENCODER, Named, build};
use crate::features::Schema;
use crate::model::{AnomalyDetector, AnyModel, Classifier, Model, Regressor, Task};
use crate::params::{ParamError, ParamValue};
use crate::registry::{self, ModelEntry};
use crate::snapshot::{Reader, Writer};
use std::fmt;
use std::marker::PhantomData;

/// A model or transformer by its name, with what differs from its defaults.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Part {
    /// Its name in the registry.
    pub kind: String,
    /// Its parameters that were given.
    pub parameters: Vec<(String, ParamValue)>,
    /// What stands in front of a model. `None`: what it needs, [`ENCODER`] where it cannot read categorical features
    /// itself.
    pub prepare: Option<Vec<Part>>,
}

/// A model that a parameter has by default.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DefaultPart {
    /// Its name in the registry.
    pub kind: &'static str,
    /// Its number parameters that differ from its own defaults.
    pub numbers: &'static [(&'static str, f64)],
}

impl DefaultPart {
    /// The model of this name with its own defaults.
    pub const fn of(kind: &'static str) -> Self {
        DefaultPart { kind, numbers: &[] }
    }

    /// As it would be given.
    pub fn part(&self) -> Part {
        let number = |&(name, value): &(&str, f64)| (name.to_owned(), ParamValue::Number(value));
        Part {
            kind: self.kind.to_owned(),
            parameters: self.numbers.iter().map(number).collect(),
            prepare: None,
        }
    }
}

/// As a pipeline file writes it: `"k_means"` or `{ kind = "k_means", clusters = 3 }`.
impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.parameters.is_empty() && self.prepare.is_none() {
            return write!(f, "\"{}\"", self.kind);
        }
        write!(f, "{{ kind = \"{}\"", self.kind)?;
        for (name, value) in &self.parameters {
            write!(f, ", {name} = {value}")?;
        }
        if let Some(stages) = &self.prepare {
            f.write_str(", prepare = ")?;
            list(stages, f)?;
        }
        f.write_str(" }")
    }
}

/// Values in brackets.
pub(crate) fn list<T: fmt::Display>(values: &[T], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_str("[")?;
    for (number, value) in values.iter().enumerate() {
        write!(f, "{}{value}", if number == 0 { "" } else { ", " })?;
    }
    f.write_str("]")
}

/// The value as a model of this task, checked; `None` where it is no model at all.
pub(crate) fn accept(given: &ParamValue, task: Task) -> Option<Result<ParamValue, ParamError>> {
    let part = match given {
        ParamValue::Text(kind) => Part { kind: kind.clone(), ..Part::default() },
        ParamValue::Part(part) => part.clone(),
        _ => return None,
    };
    Some(part.check(task).map(|()| ParamValue::Part(part)))
}

impl Part {
    fn entry(&self) -> Result<&'static ModelEntry, ParamError> {
        let unknown = || ParamError::NoSuch {
            what: "model",
            name: self.kind.clone(),
            likely: registry::suggest(&self.kind),
        };
        registry::model(&self.kind).ok_or_else(unknown)
    }

    fn check(&self, task: Task) -> Result<(), ParamError> {
        let entry = self.entry()?;
        if entry.task != task {
            let reason = format!("it does {}, not {}", entry.task.name(), task.name());
            return Err(ParamError::Task { name: self.kind.clone(), reason });
        }
        entry.values(&self.parameters)?;
        for stage in self.prepare.iter().flatten() {
            let unknown = || ParamError::NoSuch {
                what: "transformer",
                name: stage.kind.clone(),
                likely: registry::suggest_transformer(&stage.kind),
            };
            registry::transformer(&stage.kind).ok_or_else(unknown)?.values(&stage.parameters)?;
        }
        Ok(())
    }

    /// How many classes the model can tell apart; `None` where it is no classifier.
    pub fn classes_max(&self) -> Option<usize> {
        let entry = self.entry().ok()?;
        entry.classes_max(&entry.values(&self.parameters).ok()?)
    }

    /// What stands in front of the model for rows of this schema.
    pub fn stages(&self, schema: &Schema) -> Result<Vec<Part>, ParamError> {
        let needed = !self.entry()?.reads_categories && !schema.categories.is_empty();
        let encoder = || Part { kind: ENCODER.to_owned(), ..Part::default() };
        let usual = || if needed { vec![encoder()] } else { Vec::new() };
        Ok(self.prepare.clone().unwrap_or_else(usual))
    }

    fn named(&self) -> Named<'_> {
        (&self.kind, &self.parameters)
    }
}

/// The models of one task, of which others are made.
pub(crate) trait OfTask: Model {
    /// The task.
    const TASK: Task;
    /// The model, if it is one of this task.
    fn of(model: AnyModel) -> Option<Box<Self>>;
}

impl OfTask for dyn Regressor {
    const TASK: Task = Task::Regression;

    fn of(model: AnyModel) -> Option<Box<Self>> {
        if let AnyModel::Regressor(model) = model { Some(model) } else { None }
    }
}

impl OfTask for dyn Classifier {
    const TASK: Task = Task::Classification;

    fn of(model: AnyModel) -> Option<Box<Self>> {
        if let AnyModel::Classifier(model) = model { Some(model) } else { None }
    }
}

impl OfTask for dyn AnomalyDetector {
    const TASK: Task = Task::AnomalyDetection;

    fn of(model: AnyModel) -> Option<Box<Self>> {
        if let AnyModel::AnomalyDetector(model) = model { Some(model) } else { None }
    }
}

/// Builds one and the same model as often as needed.
pub(crate) struct Factory<M: ?Sized> {
    part: Part,
    stages: Vec<Part>,
    schema: Schema,
    seed: u64,
    models: PhantomData<fn() -> Box<M>>,
}

impl<M: OfTask + ?Sized> Factory<M> {
    /// For rows of this schema; an error where such a model cannot be built.
    pub(crate) fn new(part: &Part, schema: &Schema, seed: u64) -> Result<Self, ParamError> {
        let factory = Factory {
            part: part.clone(),
            stages: part.stages(schema)?,
            schema: schema.clone(),
            seed,
            models: PhantomData,
        };
        factory.build()?;
        Ok(factory)
    }

    /// A fresh one. What [`Factory::new`] could build can be built again.
    pub(crate) fn build(&self) -> Result<Box<M>, ParamError> {
        let stages: Vec<Named<'_>> = self.stages.iter().map(Part::named).collect();
        let (model, seen) =
            build(&stages, self.part.named(), &self.schema, self.seed).map_err(|failed| failed.error)?;
        if !self.part.entry()?.reads_categories && !seen.categories.is_empty() {
            return Err(ParamError::Features {
                owner: format!("model `{}`", self.part.kind),
                reason: "it would not see categories; put \"one_hot\" or \"hashing\" into its `prepare`"
                    .to_owned(),
            });
        }
        let task = model.task();
        M::of(model).ok_or_else(|| ParamError::Task {
            name: self.part.kind.clone(),
            reason: format!("it does {}, not {}", task.name(), M::TASK.name()),
        })
    }

    /// A model in the same state. What one of them saved another can load.
    pub(crate) fn copy(&self, of: &M) -> Option<Box<M>> {
        let mut bytes = Writer::new();
        of.save(&mut bytes);
        let mut copy = self.build().ok()?;
        copy.load(&mut Reader::new("copy", bytes.bytes())).ok()?;
        Some(copy)
    }

    /// The rows that it is built for.
    pub(crate) fn schema(&self) -> &Schema {
        &self.schema
    }
}

#[cfg(test)]
mod tests {
    use crate::params::ParamValue;
    use crate::registry;

    fn text(text: &str) -> ParamValue {
        ParamValue::Text(text.to_owned())
    }

    fn part(kind: &str, name: &str, value: ParamValue) -> ParamValue {
        ParamValue::Part(super::Part {
            kind: kind.to_owned(),
            parameters: vec![(name.to_owned(), value)],
            prepare: None,
        })
    }

    fn told(of: ParamValue) -> String {
        let entry = registry::model("per_key_regressor").unwrap();
        match entry.values(&[("of".to_owned(), of)]) {
            Ok(values) => values.iter().map(|(name, value)| format!("{name} = {value}\n")).collect(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn faults_of_an_inner_model_are_told_with_its_place() {
        let parameter = "parameter `of` of model `per_key_regressor`";
        assert_eq!(
            told(text("linear_regresion")),
            format!("{parameter}: there is no model `linear_regresion` (did you mean `linear_regression`?)")
        );
        assert_eq!(
            told(text("k_means")),
            format!("{parameter}: `k_means` cannot stand here: it does clustering, not regression")
        );
        assert!(told(part("recursive_least_squares", "forgeting", ParamValue::Number(0.9))).starts_with(
            &format!("{parameter}: model `recursive_least_squares` has no parameter `forgeting` (did")
        ),);
        assert_eq!(
            told(ParamValue::Boolean(true)),
            format!(
                "{parameter} must be a model for regression, by its name or as {{ kind = \"...\", its parameters }}, not true"
            )
        );
    }

    #[test]
    fn an_inner_model_is_shown_as_a_file_writes_it() {
        let shown = told(part("recursive_least_squares", "forgetting", ParamValue::Number(0.9)));
        assert!(shown.contains("of = { kind = \"recursive_least_squares\", forgetting = 0.9 }\n"), "{shown}");
        assert!(told(text("linear_regression")).contains("of = \"linear_regression\"\n"));
    }
}
