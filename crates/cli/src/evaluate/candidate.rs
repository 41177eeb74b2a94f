//! Which models are evaluated, with what in front of them and which parameters.

use super::usage;
use crate::arguments::EvaluateArguments;
use crate::exit::Failure;
use anyhow::Result;
use streamfold_dataset::Stream;
use streamfold_learn::compose::build::{ENCODER, Named, build};
use streamfold_learn::compose::part::Part as Inner;
use streamfold_learn::features::Schema;
use streamfold_learn::model::{AnyModel, Task};
use streamfold_learn::params::{Param, ParamKind, ParamValue, nearest};
use streamfold_learn::registry::{self, MODELS, ModelEntry};

/// Stands for every model of the task.
pub(super) const ALL: &str = "all";

/// Models that do well on most streams with their defaults, by task. A task without one begins with its first model.
const USUAL: &[&str] = &["linear_regression", "softmax_regression", "k_means"];

/// A part of a chain: a transformer or the model.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Part {
    pub(super) name: &'static str,
    /// What differs from the defaults.
    pub(super) parameters: Vec<(String, ParamValue)>,
}

impl Part {
    fn named(&self) -> Named<'_> {
        (self.name, &self.parameters)
    }
}

/// A model that is to be evaluated.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Candidate {
    pub(super) prepare: Vec<Part>,
    pub(super) model: Part,
}

impl Candidate {
    /// A fresh model with its preparation.
    pub(super) fn build(&self, schema: &Schema, seed: u64) -> Result<AnyModel, Failure> {
        let prepare: Vec<Named<'_>> = self.prepare.iter().map(Part::named).collect();
        let (model, seen) = build(&prepare, self.model.named(), schema, seed).map_err(|failed| {
            usage(failed.to_string()).hint("`streamfold models NAME` shows its parameters")
        })?;
        let reads = registry::model(self.model.name).is_some_and(|entry| entry.reads_categories);
        if !reads && !seen.categories.is_empty() {
            let message = format!(
                "{} would not see the categorical columns {}",
                self.model.name,
                seen.categories.join(", ")
            );
            return Err(usage(message).hint("put one_hot or hashing into --prepare, or leave --prepare out"));
        }
        Ok(model)
    }
}

/// The model of this name.
pub(super) fn entry(name: &str) -> Result<&'static ModelEntry, Failure> {
    registry::model(name).ok_or_else(|| {
        let failure = usage(format!("there is no model {name:?}"));
        match registry::suggest(name) {
            Some(likely) => failure.hint(format!("did you mean {likely:?}?")),
            None => failure.hint("`streamfold models` lists all"),
        }
    })
}

/// What the command line asks for.
pub(super) fn candidates(
    arguments: &EvaluateArguments,
    task: Task,
    stream: &Stream,
) -> Result<Vec<Candidate>> {
    let settings = settings(arguments)?;
    let mut used = vec![false; settings.len()];
    let mut candidates = Vec::new();
    let all = arguments.model.iter().any(|name| name == ALL);
    for entry in entries(arguments, task)? {
        let model =
            Part { name: entry.name, parameters: of(entry.name, entry.params, &settings, &mut used)? };
        let values = entry.values(&model.parameters)?;
        if let Some(classes_max) = entry.classes_max(&values).filter(|max| *max < stream.classes.len()) {
            if all {
                log::warn!("{} is left out: it tells only {classes_max} classes apart", entry.name);
                continue;
            }
            let message = format!(
                "{} tells {classes_max} classes apart; the file has {}",
                entry.name,
                stream.classes.len()
            );
            return Err(usage(message)
                .hint("--set, where it has a parameter for that, or another model")
                .into());
        }
        let needed = !entry.reads_categories && !stream.schema.categories.is_empty();
        let prepare: Vec<&str> = match &arguments.prepare {
            Some(names) => names.iter().map(String::as_str).filter(|name| !name.is_empty()).collect(),
            None if needed => vec![ENCODER],
            None => Vec::new(),
        };
        let prepare = prepare.into_iter().map(|name| transformer(name, &settings, &mut used));
        candidates.push(Candidate { prepare: prepare.collect::<Result<_, _>>()?, model });
    }
    match settings.iter().zip(used).find(|(_, used)| !used) {
        Some((setting, _)) => Err(nobodys(setting, &candidates).into()),
        None => Ok(candidates),
    }
}

fn entries(arguments: &EvaluateArguments, task: Task) -> Result<Vec<&'static ModelEntry>> {
    let of_task = || MODELS.iter().filter(|entry| entry.task == task);
    if arguments.model.iter().any(|name| name == ALL) {
        return Ok(of_task().collect());
    }
    if arguments.model.is_empty() {
        let usual = of_task().find(|entry| USUAL.contains(&entry.name)).or_else(|| of_task().next());
        let usual = usual.ok_or_else(|| usage(format!("there is no model for {}", task.name())))?;
        return Ok(vec![usual]);
    }
    let named = arguments.model.iter().map(|name| {
        let entry = entry(name)?;
        match entry.task == task {
            true => Ok(entry),
            false => {
                let message = format!("{name} does {}, not {}", entry.task.name(), task.name());
                Err(usage(message).hint("evaluate models of one task at a time").into())
            }
        }
    });
    named.collect()
}

fn transformer(name: &str, settings: &[Setting], used: &mut [bool]) -> Result<Part, Failure> {
    let entry = registry::transformer(name).ok_or_else(|| {
        let failure = usage(format!("there is no transformer {name:?}"));
        match registry::suggest_transformer(name) {
            Some(likely) => failure.hint(format!("did you mean {likely:?}?")),
            None => failure.hint("`streamfold models` lists all"),
        }
    })?;
    Ok(Part { name: entry.name, parameters: of(entry.name, entry.params, settings, used)? })
}

/// A value of `--set`.
struct Setting {
    whole: String,
    /// Whose parameter it is; `None`: everybody's who has it.
    owner: Option<String>,
    name: String,
    value: String,
}

impl Setting {
    fn is_of(&self, owner: &str, param: &Param) -> bool {
        param.name == self.name && self.owner.as_deref().is_none_or(|name| name == owner)
    }
}

fn settings(arguments: &EvaluateArguments) -> Result<Vec<Setting>, Failure> {
    let settings = arguments.set.iter().map(|whole| {
        let (name, value) = whole
            .split_once('=')
            .ok_or_else(|| usage(format!("--set {whole}: expected a parameter, = and a value")))?;
        let (owner, name) = match name.split_once('.') {
            Some((owner, name)) => (Some(owner.to_owned()), name),
            None => (None, name),
        };
        Ok(Setting { whole: whole.clone(), owner, name: name.to_owned(), value: value.to_owned() })
    });
    settings.collect()
}

/// The settings that are this owner's. Models in it are named by its own settings, and have settings as any model has.
fn of(
    owner: &str,
    params: &'static [Param],
    settings: &[Setting],
    used: &mut [bool],
) -> Result<Vec<(String, ParamValue)>, Failure> {
    let mut parameters = scalars(owner, params, settings, used)?;
    for param in params {
        let (ParamKind::Model { .. } | ParamKind::Models { .. }) = param.kind else { continue };
        let mut parts = match param.default_value() {
            ParamValue::List(parts) => parts,
            part => vec![part],
        };
        let mut given = false;
        for (at, setting) in settings.iter().enumerate().filter(|(_, setting)| setting.is_of(owner, param)) {
            used[at] = true;
            given = true;
            let named = |kind: &str| Inner { kind: kind.trim().to_owned(), ..Inner::default() };
            parts = setting.value.split(',').map(|kind| ParamValue::Part(named(kind))).collect();
        }
        for part in &mut parts {
            let ParamValue::Part(part) = part else { continue };
            let params = registry::model(&part.kind).map_or(&[][..], |entry| entry.params);
            let own = scalars(&part.kind, params, settings, used)?;
            given |= !own.is_empty();
            part.parameters.retain(|(name, _)| own.iter().all(|(other, _)| other != name));
            part.parameters.extend(own);
        }
        if given {
            let whole = if parts.len() == 1 { parts.swap_remove(0) } else { ParamValue::List(parts) };
            parameters.push((param.name.to_owned(), whole));
        }
    }
    Ok(parameters)
}

/// The settings that are this owner's and name no models.
fn scalars(
    owner: &str,
    params: &'static [Param],
    settings: &[Setting],
    used: &mut [bool],
) -> Result<Vec<(String, ParamValue)>, Failure> {
    let mut parameters = Vec::new();
    for (setting, used) in settings.iter().zip(used) {
        let Some(param) = params.iter().find(|param| setting.is_of(owner, param)) else { continue };
        let text = setting.value.as_str();
        let value = match param.kind {
            ParamKind::Number { .. } => text.parse().ok().map(ParamValue::Number),
            ParamKind::Integer { .. } => text.parse().ok().map(ParamValue::Integer),
            ParamKind::Boolean { .. } => text.parse().ok().map(ParamValue::Boolean),
            ParamKind::Choice { .. } | ParamKind::Category => Some(ParamValue::Text(text.to_owned())),
            ParamKind::Model { .. } | ParamKind::Models { .. } => continue,
        };
        *used = true;
        let value = value
            .ok_or_else(|| usage(format!("--set {}: {} is {}", setting.whole, param.name, param.kind)))?;
        parameters.push((setting.name.clone(), value));
    }
    Ok(parameters)
}

/// A setting that belongs to none of the models.
fn nobodys(setting: &Setting, candidates: &[Candidate]) -> Failure {
    let parts = candidates.iter().flat_map(|candidate| candidate.prepare.iter().chain([&candidate.model]));
    let mut known: Vec<&str> = Vec::new();
    for part in parts {
        let model = registry::model(part.name).map(|entry| entry.params);
        let params = model.or_else(|| registry::transformer(part.name).map(|entry| entry.params));
        known.extend(params.unwrap_or_default().iter().map(|param| param.name));
    }
    let failure = usage(format!("--set {}: nothing that runs has this parameter", setting.whole));
    match nearest(&setting.name, known) {
        Some(likely) => failure.hint(format!("did you mean {likely:?}?")),
        None => failure.hint("`streamfold models NAME` shows the parameters of a model"),
    }
}
