//! Parameters of models: declared once with range, default and documentation, checked before anything is built.

use crate::compose::part::{self, DefaultPart, Part};
use crate::model::Task;
use std::fmt;

/// What values a parameter takes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ParamKind {
    /// A finite number from `min` to `max`, both included.
    Number {
        /// Smallest value.
        min: f64,
        /// Largest value.
        max: f64,
        /// Used where none is given.
        default: f64,
    },
    /// A whole number from `min` to `max`, both included.
    Integer {
        /// Smallest value.
        min: i64,
        /// Largest value.
        max: i64,
        /// Used where none is given.
        default: i64,
    },
    /// True or false.
    Boolean {
        /// Used where none is given.
        default: bool,
    },
    /// One of these words.
    Choice {
        /// The words.
        of: &'static [&'static str],
        /// Used where none is given.
        default: &'static str,
    },
    /// The name of a categorical feature; `""` where none is named.
    Category,
    /// A model of this task, as a part of the model whose parameter it is.
    Model {
        /// What it must predict.
        task: Task,
        /// Used where none is given.
        default: DefaultPart,
    },
    /// One or more models of this task.
    Models {
        /// What they must predict.
        task: Task,
        /// Used where none are given.
        default: &'static [DefaultPart],
    },
}

/// A parameter of a model or transformer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Param {
    /// Its name in pipeline files.
    pub name: &'static str,
    /// Its values and default.
    pub kind: ParamKind,
    /// What it does, in one or two sentences.
    pub doc: &'static str,
    /// Where the default comes from.
    pub default_from: &'static str,
}

impl Param {
    /// The default as a value.
    pub fn default_value(&self) -> ParamValue {
        match self.kind {
            ParamKind::Number { default, .. } => ParamValue::Number(default),
            ParamKind::Integer { default, .. } => ParamValue::Integer(default),
            ParamKind::Boolean { default } => ParamValue::Boolean(default),
            ParamKind::Choice { default, .. } => ParamValue::Text(default.to_owned()),
            ParamKind::Category => ParamValue::Text(String::new()),
            ParamKind::Model { default, .. } => ParamValue::Part(default.part()),
            ParamKind::Models { default, .. } => {
                ParamValue::List(default.iter().map(|one| ParamValue::Part(one.part())).collect())
            }
        }
    }

    /// The value as this parameter holds it (whole numbers become numbers where a number is asked for).
    fn accept(&self, owner: &str, given: &ParamValue) -> Result<ParamValue, ParamError> {
        let inside =
            |error| ParamError::Inside { owner: owner.to_owned(), name: self.name, error: Box::new(error) };
        let accepted = match (self.kind, given) {
            (ParamKind::Number { min, max, .. }, &ParamValue::Number(value)) => {
                (min..=max).contains(&value).then_some(ParamValue::Number(value))
            }
            (ParamKind::Number { min, max, .. }, &ParamValue::Integer(value)) => {
                (min..=max).contains(&(value as f64)).then_some(ParamValue::Number(value as f64))
            }
            (ParamKind::Integer { min, max, .. }, &ParamValue::Integer(value)) => {
                (min..=max).contains(&value).then_some(ParamValue::Integer(value))
            }
            (ParamKind::Boolean { .. }, &ParamValue::Boolean(value)) => Some(ParamValue::Boolean(value)),
            (ParamKind::Choice { of, .. }, ParamValue::Text(value)) => {
                of.contains(&value.as_str()).then(|| ParamValue::Text(value.clone()))
            }
            (ParamKind::Category, ParamValue::Text(value)) => Some(ParamValue::Text(value.clone())),
            (ParamKind::Model { task, .. }, given) => {
                part::accept(given, task).transpose().map_err(inside)?
            }
            (ParamKind::Models { task, .. }, ParamValue::List(given)) if !given.is_empty() => {
                let parts: Option<Result<Vec<_>, _>> =
                    given.iter().map(|one| part::accept(one, task)).collect();
                parts.transpose().map_err(inside)?.map(ParamValue::List)
            }
            (ParamKind::Models { task, .. }, given) => {
                part::accept(given, task).transpose().map_err(inside)?.map(|one| ParamValue::List(vec![one]))
            }
            _ => None,
        };
        accepted.ok_or_else(|| ParamError::Value {
            owner: owner.to_owned(),
            name: self.name,
            found: given.to_string(),
            allowed: self.kind.to_string(),
        })
    }
}

/// The values that are allowed, in words: `a number from 0 to 1`.
impl fmt::Display for ParamKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ParamKind::Number { min, max, .. } => write!(f, "a number from {min} to {max}"),
            ParamKind::Integer { min, max, .. } => write!(f, "a whole number from {min} to {max}"),
            ParamKind::Boolean { .. } => f.write_str("true or false"),
            ParamKind::Choice { of, .. } => write!(f, "one of \"{}\"", of.join("\", \"")),
            ParamKind::Category => f.write_str("the name of a categorical feature"),
            ParamKind::Model { task, .. } => write!(f, "a model for {}, {AS_WRITTEN}", task.name()),
            ParamKind::Models { task, .. } => {
                write!(f, "a list of models for {}, each {AS_WRITTEN}", task.name())
            }
        }
    }
}

/// How a model is written where it is a parameter.
const AS_WRITTEN: &str = "by its name or as { kind = \"...\", its parameters }";

/// A value as a pipeline file gives it.
#[derive(Clone, Debug, PartialEq)]
pub enum ParamValue {
    /// A number.
    Number(f64),
    /// A whole number.
    Integer(i64),
    /// A truth value.
    Boolean(bool),
    /// A text.
    Text(String),
    /// A model with its parameters.
    Part(Part),
    /// Several values.
    List(Vec<ParamValue>),
}

impl fmt::Display for ParamValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ParamValue::Number(value) => write!(f, "{value:?}"),
            ParamValue::Integer(value) => write!(f, "{value}"),
            ParamValue::Boolean(value) => write!(f, "{value}"),
            ParamValue::Text(value) => write!(f, "\"{value}\""),
            ParamValue::Part(part) => part.fmt(f),
            ParamValue::List(values) => part::list(values, f),
        }
    }
}

/// Why a model cannot be built.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ParamError {
    /// There is no such parameter.
    #[error("{owner} has no parameter `{name}`{}; it has: {known}", did_you_mean(.likely))]
    Unknown {
        /// The model or transformer.
        owner: String,
        /// The name given.
        name: String,
        /// The name that was probably meant.
        likely: Option<&'static str>,
        /// The names that there are.
        known: String,
    },
    /// The value has another type or is out of range.
    #[error("parameter `{name}` of {owner} must be {allowed}, not {found}")]
    Value {
        /// The model or transformer.
        owner: String,
        /// The parameter.
        name: &'static str,
        /// What was given.
        found: String,
        /// What it may be.
        allowed: String,
    },
    /// The parameter is given more than once.
    #[error("parameter `{name}` of {owner} is given twice")]
    Twice {
        /// The model or transformer.
        owner: String,
        /// The parameter.
        name: &'static str,
    },
    /// A model that is a parameter has a fault of its own.
    #[error("parameter `{name}` of {owner}: {error}")]
    Inside {
        /// The model that it is a part of.
        owner: String,
        /// The parameter.
        name: &'static str,
        /// What is wrong.
        error: Box<ParamError>,
    },
    /// There is no model or transformer of this name.
    #[error("there is no {what} `{name}`{}", did_you_mean(.likely))]
    NoSuch {
        /// `model` or `transformer`.
        what: &'static str,
        /// The name given.
        name: String,
        /// The name that was probably meant.
        likely: Option<&'static str>,
    },
    /// The model predicts something else than what is needed in its place.
    #[error("`{name}` cannot stand here: {reason}")]
    Task {
        /// The model.
        name: String,
        /// What it does, and what is needed.
        reason: String,
    },
    /// The features are not what the model can work with.
    #[error("{owner} cannot work with these features: {reason}")]
    Features {
        /// The model or transformer.
        owner: String,
        /// What is wrong, and what to do.
        reason: String,
    },
}

pub(crate) fn did_you_mean(likely: &Option<&'static str>) -> String {
    likely.map(|name| format!(" (did you mean `{name}`?)")).unwrap_or_default()
}

/// The name nearest to a misspelt one, if one is near (Jaro-Winkler similarity of at least 0.8).
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let mut best = None;
    let mut similarity_best = 0.8;
    for candidate in known {
        let similarity = strsim::jaro_winkler(name, candidate);
        if similarity > similarity_best {
            similarity_best = similarity;
            best = Some(candidate);
        }
    }
    best
}

/// Checked values for all parameters of one model or transformer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Values(Vec<(&'static str, ParamValue)>);

impl Values {
    /// Checks what is given against what `owner` declares; the rest is defaults.
    pub fn new(owner: &str, params: &[Param], given: &[(String, ParamValue)]) -> Result<Self, ParamError> {
        let mut values: Vec<(&'static str, ParamValue)> = Vec::with_capacity(params.len());
        for (name, value) in given {
            let param = params.iter().find(|p| p.name == name).ok_or_else(|| ParamError::Unknown {
                owner: owner.to_owned(),
                name: name.clone(),
                likely: nearest(name, params.iter().map(|p| p.name)).and_then(|likely| {
                    // The slice's name outlives the iterator's borrow.
                    params.iter().map(|p| p.name).find(|n| *n == likely)
                }),
                known: params.iter().map(|p| p.name).collect::<Vec<_>>().join(", "),
            })?;
            if values.iter().any(|(n, _)| *n == param.name) {
                return Err(ParamError::Twice { owner: owner.to_owned(), name: param.name });
            }
            values.push((param.name, param.accept(owner, value)?));
        }
        // In declared order, so that equal settings are equal values.
        let in_order = params.iter().map(|param| {
            let given = values.iter().find(|(n, _)| *n == param.name);
            (param.name, given.map_or_else(|| param.default_value(), |(_, value)| value.clone()))
        });
        Ok(Values(in_order.collect()))
    }

    /// Every parameter with its value, in declared order: for fingerprints and for display.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &ParamValue)> {
        self.0.iter().map(|(name, value)| (*name, value))
    }

    fn get(&self, param: &Param) -> ParamValue {
        let held = self.0.iter().find(|(name, _)| *name == param.name);
        held.map_or_else(|| param.default_value(), |(_, value)| value.clone())
    }

    /// The value of a number parameter.
    pub fn number(&self, param: &Param) -> f64 {
        match self.get(param) {
            ParamValue::Number(value) => value,
            ParamValue::Integer(value) => value as f64,
            _ => f64::NAN,
        }
    }

    /// The value of a whole-number parameter.
    pub fn integer(&self, param: &Param) -> i64 {
        match self.get(param) {
            ParamValue::Integer(value) => value,
            _ => 0,
        }
    }

    /// The value of a boolean parameter.
    pub fn boolean(&self, param: &Param) -> bool {
        self.get(param) == ParamValue::Boolean(true)
    }

    /// The value of a choice.
    pub fn choice(&self, param: &Param) -> String {
        match self.get(param) {
            ParamValue::Text(value) => value,
            other => other.to_string(),
        }
    }

    /// The model, or the models, of a parameter that holds such.
    pub fn parts(&self, param: &Param) -> Vec<Part> {
        let part = |value| match value {
            ParamValue::Part(part) => Some(part),
            _ => None,
        };
        match self.get(param) {
            ParamValue::List(values) => values.into_iter().filter_map(part).collect(),
            other => part(other).into_iter().collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Param = Param {
        name: "learning_rate",
        kind: ParamKind::Number { min: 0.0, max: 1.0, default: 0.5 },
        doc: "-",
        default_from: "-",
    };
    const CLUSTERS: Param = Param {
        name: "clusters",
        kind: ParamKind::Integer { min: 1, max: 9, default: 3 },
        doc: "-",
        default_from: "-",
    };

    fn values(given: &[(&str, ParamValue)]) -> Result<Values, ParamError> {
        let given: Vec<_> = given.iter().map(|(n, v)| ((*n).to_owned(), v.clone())).collect();
        Values::new("model `m`", &[RATE, CLUSTERS], &given)
    }

    #[test]
    fn what_is_not_given_is_the_default() {
        let values = values(&[("clusters", ParamValue::Integer(4))]).unwrap();
        assert_eq!((values.number(&RATE), values.integer(&CLUSTERS)), (0.5, 4));
        assert_eq!(values.iter().map(|(n, _)| n).collect::<Vec<_>>(), ["learning_rate", "clusters"]);
    }

    #[test]
    fn whole_numbers_are_numbers() {
        assert_eq!(values(&[("learning_rate", ParamValue::Integer(1))]).unwrap().number(&RATE), 1.0);
    }

    #[test]
    fn errors_name_the_parameter_the_range_and_the_likely_name() {
        let message = |given| values(&[given]).unwrap_err().to_string();
        assert_eq!(
            message(("learnin_rate", ParamValue::Number(0.1))),
            "model `m` has no parameter `learnin_rate` (did you mean `learning_rate`?); it has: learning_rate, clusters"
        );
        assert_eq!(
            message(("learning_rate", ParamValue::Number(1.5))),
            "parameter `learning_rate` of model `m` must be a number from 0 to 1, not 1.5"
        );
        assert_eq!(
            message(("clusters", ParamValue::Number(2.5))),
            "parameter `clusters` of model `m` must be a whole number from 1 to 9, not 2.5"
        );
        assert_eq!(
            message(("learning_rate", ParamValue::Number(f64::NAN))),
            "parameter `learning_rate` of model `m` must be a number from 0 to 1, not NaN"
        );
        let twice = [("clusters", ParamValue::Integer(4)), ("clusters", ParamValue::Integer(5))];
        assert_eq!(
            values(&twice).unwrap_err().to_string(),
            "parameter `clusters` of model `m` is given twice"
        );
    }
}
