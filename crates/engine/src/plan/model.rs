//! The model and its preparation: checked by the registry, built from the plan.

use super::build::Builder;
use super::{ModelPlan, NamedParameters, Plan};
use crate::spec::keys;
use crate::spec::problem::{Place, Problems};
use crate::spec::read::home;
use crate::spec::setting::{Item, one_of, parameter};
use crate::spec::tree::{Entry, join};
use streamfold_learn::compose::build::{BuildError, ENCODER, Named, build};
use streamfold_learn::features::Schema;
use streamfold_learn::model::{AnyModel, Task};
use streamfold_learn::params::{Param, ParamError, ParamValue, Values, nearest};
use streamfold_learn::registry::{self, MODELS, ModelEntry, TRANSFORMERS, TransformerEntry};

/// What other parts of the plan need to know of the model.
pub(super) struct BuiltModel {
    pub(super) plan: ModelPlan,
    /// `None`: there is no such model, and that was told.
    pub(super) task: Option<Task>,
    /// How many classes it can tell apart; `None`: it does not matter or is not known.
    pub(super) classes_max: Option<usize>,
}

/// Checks name, parameters and preparation.
pub(super) fn build_model(builder: &mut Builder<'_>, features: &Schema) -> BuiltModel {
    let spec = builder.spec;
    let part = &spec.model;
    let name = part.text(&keys::MODEL_KIND);
    let entry = registry::model(name);
    let place = part.place(&keys::MODEL_KIND);
    if !part.given {
        let hint =
            format!("write [model] and below it kind = {:?}", MODELS.first().map_or("", |model| model.name));
        builder.problems.add(part.place, "model", "is missing").hint(hint);
    } else if entry.is_none() && !name.is_empty() {
        let known: Vec<_> = MODELS.iter().map(|model| model.name).collect();
        let message = format!("there is no model {name:?}; there are: {}", known.join(", "));
        builder.problems.add(place, part.path(&keys::MODEL_KIND), message).likely(registry::suggest(name));
    }
    for other in part.others.iter().filter(|_| name.is_empty()) {
        // Without a model nobody knows its parameters, but `kind` itself may be misspelt.
        if let Some(likely) = nearest(&other.name, keys::MODEL.keys().map(|key| key.name)) {
            builder
                .problems
                .add(other.place, join(&part.path, &other.name), "unknown key")
                .likely(Some(likely));
        }
    }
    let actions = actions(builder, entry);
    let mut plan = ModelPlan { model: named(name, Vec::new()), prepare: Vec::new(), actions };
    let mut whole = entry.is_some();
    if let Some(entry) = entry {
        let owner = Owner { path: &part.path, words: format!("model `{name}`"), params: entry.params };
        match owner.parameters(&part.others, builder.problems) {
            Some(parameters) => plan.model.parameters = parameters,
            None => whole = false,
        }
    }
    match prepare(builder, entry, features) {
        Some(stages) => plan.prepare = stages,
        None => whole = false,
    }
    if whole {
        check_chain(builder, &plan, features, spec.top.integer(&keys::SEED).unsigned_abs());
    }
    let values = entry.and_then(|entry| Some((entry, entry.values(&plan.model.parameters).ok()?)));
    let classes_max = values.and_then(|(entry, values)| entry.classes_max(&values));
    if let Some(max) = classes_max.filter(|max| *max < plan.actions.len()) {
        let message = format!("there are {} actions, more than the {max} of {name}", plan.actions.len());
        builder.problems.add(part.place(&keys::ACTIONS), part.path(&keys::ACTIONS), message);
    }
    BuiltModel { plan, task: entry.map(|entry| entry.task), classes_max }
}

/// A bandit has actions, and nothing else has.
fn actions(builder: &mut Builder<'_>, entry: Option<&ModelEntry>) -> Vec<String> {
    let part = &builder.spec.model;
    let actions: Vec<String> = part.items(&keys::ACTIONS).iter().map(|item| item.text.clone()).collect();
    let Some(entry) = entry else { return actions };
    let given = part.given(&keys::ACTIONS).is_some();
    if entry.task != Task::Bandit && given {
        let message = format!("{} chooses no actions", entry.name);
        builder.wrong(part, &keys::ACTIONS, message, "remove it, or choose a bandit");
    } else if entry.task == Task::Bandit && !given {
        let message = format!("is missing: {} has nothing to choose from", entry.name);
        let hint = "add, for example, actions = [\"red\", \"blue\"]";
        builder.problems.add(part.place, part.path(&keys::ACTIONS), message).hint(hint);
    }
    actions
}

fn named(name: &str, parameters: Vec<(String, ParamValue)>) -> NamedParameters {
    NamedParameters { name: name.to_owned(), parameters }
}

/// Somebody with parameters.
struct Owner<'a> {
    path: &'a str,
    words: String,
    params: &'static [Param],
}

impl Owner<'_> {
    /// The parameters, each checked on its own so that every fault is told at its place.
    fn parameters(&self, entries: &[Entry], problems: &mut Problems) -> Option<Vec<(String, ParamValue)>> {
        let mut parameters = Vec::with_capacity(entries.len());
        let mut whole = true;
        for entry in entries {
            let path = join(self.path, &entry.name);
            let known = self.params.iter().any(|param| param.name == entry.name);
            let value = parameter(&entry.node.value);
            if known && value.is_none() {
                problems.add(
                    entry.node.place,
                    path,
                    "must be a number, text, truth value, or a model as a table with its kind",
                );
                whole = false;
                continue;
            }
            // An unknown name is told whatever its value is.
            let given = (entry.name.clone(), value.unwrap_or(ParamValue::Boolean(false)));
            match Values::new(&self.words, self.params, std::slice::from_ref(&given)) {
                Ok(_) => parameters.push(given),
                Err(error) => {
                    whole = false;
                    let place = if known { entry.node.place } else { entry.place };
                    let noted = problems.add(place, path, error.to_string());
                    if let (false, Some(home)) = (known, home(&entry.name)) {
                        noted.hint(format!("or it belongs {home}"));
                    }
                }
            }
        }
        whole.then_some(parameters)
    }
}

/// The transformers: as the file says, or what the model needs.
fn prepare(
    builder: &mut Builder<'_>,
    model: Option<&ModelEntry>,
    features: &Schema,
) -> Option<Vec<NamedParameters>> {
    let part = &builder.spec.model;
    if part.given(&keys::PREPARE).is_none() {
        let needed = model.is_some_and(|model| !model.reads_categories) && !features.categories.is_empty();
        return Some(if needed { vec![named(ENCODER, Vec::new())] } else { Vec::new() });
    }
    part.setting(&keys::PREPARE)?;
    let mut stages = Vec::new();
    let mut whole = true;
    for stage in part.stages(&keys::PREPARE) {
        let Some(entry) = transformer(&stage.kind, &stage.path, builder.problems) else {
            whole = false;
            continue;
        };
        let words = format!("transformer `{}`", entry.name);
        let owner = Owner { path: &stage.path, words, params: entry.params };
        match owner.parameters(&stage.options, builder.problems) {
            Some(parameters) => stages.push(named(entry.name, parameters)),
            None => whole = false,
        }
    }
    whole.then_some(stages)
}

fn transformer(name: &Item, path: &str, problems: &mut Problems) -> Option<&'static TransformerEntry> {
    let entry = registry::transformer(&name.text);
    if entry.is_none() {
        let known: Vec<_> = TRANSFORMERS.iter().map(|entry| entry.name).collect();
        let message = format!("there is no transformer {:?}; there are: {}", name.text, known.join(", "));
        problems.add(name.place, path, message).likely(registry::suggest_transformer(&name.text));
    }
    entry
}

/// Builds the chain once: stages may not fit together, and a model that cannot read categories must not be given any.
fn check_chain(builder: &mut Builder<'_>, plan: &ModelPlan, features: &Schema, seed: u64) {
    let part = &builder.spec.model;
    let place = |stage: Option<usize>| -> (Place, String) {
        let stage = stage.and_then(|at| part.stages(&keys::PREPARE).get(at));
        let kind = || (part.place(&keys::MODEL_KIND), part.path(&keys::MODEL_KIND));
        stage.map_or_else(kind, |stage| (stage.kind.place, stage.path.clone()))
    };
    match chain(plan, features, seed) {
        Err(BuildError { stage, error }) => {
            let (place, path) = place(stage);
            builder.problems.add(place, path, error.to_string());
        }
        Ok((_, prepared)) => {
            let reads = registry::model(&plan.model.name).is_some_and(|model| model.reads_categories);
            if !reads && !prepared.categories.is_empty() {
                let names: Vec<&str> = prepared.categories.iter().map(|name| &**name).collect();
                let message =
                    format!("{} would not see the categorical features {}", plan.model.name, one_of(&names));
                let hint = "put \"one_hot\" or \"hashing\" into `prepare`";
                builder
                    .problems
                    .add(part.place(&keys::PREPARE), part.path(&keys::PREPARE), message)
                    .hint(hint);
            }
        }
    }
}

/// Builds transformers and model; also gives the schema that the model sees.
fn chain(plan: &ModelPlan, features: &Schema, seed: u64) -> Result<(AnyModel, Schema), BuildError> {
    let prepare: Vec<_> = plan.prepare.iter().map(borrowed).collect();
    build(&prepare, borrowed(&plan.model), features, seed)
}

fn borrowed(part: &NamedParameters) -> Named<'_> {
    (&part.name, &part.parameters)
}

impl Plan {
    /// A fresh model with its preparation.
    pub(super) fn fresh_model(&self) -> Result<AnyModel, ParamError> {
        chain(&self.model, &self.features, self.seed).map(|(model, _)| model).map_err(|failed| failed.error)
    }
}
