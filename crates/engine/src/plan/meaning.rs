//! What a pipeline means: every setting that changes results, and none that changes only names, speed or memory.
//!
//! Follows from [`Effect::Meaning`] in the table of keys, with defaults filled in, so that a new key cannot be
//! forgotten here. Kept with a generation and compared when the file has changed.

use super::build::option_text;
use super::{NamedParameters, Plan, Role};
use crate::spec::keys::{self, Effect, Key, Kind, Section};
use crate::spec::read::{Part, Spec};
use crate::spec::reference::parameter_json;
use crate::spec::setting::{Setting, Stage};
use crate::spec::units::{format_duration, format_size, parse_time};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use streamfold_learn::compose::build::ENCODER;
use streamfold_learn::model::Task;
use streamfold_learn::params::{ParamError, ParamValue, Values};
use streamfold_learn::registry;

/// Version of what lanes do with a plan: grows when the same plan and records would give other results.
const LANE_MEANING_VERSION: u32 = 1;

type Lines = Vec<(String, String)>;

/// The meaning of a plan, as ordered lines; values are JSON.
pub(super) fn of(spec: &Spec, plan: &Plan) -> Lines {
    let mut lines = vec![("lane.meaning_version".to_owned(), LANE_MEANING_VERSION.to_string())];
    let joined = plan.joins_labels();
    let classes = matches!(plan.task, Task::Classification | Task::AnomalyDetection | Task::Recommendation);
    section(&mut lines, &spec.top, &keys::TOP, |_| true);
    // Their order decides between events of equal time.
    let events = plan.inputs.iter().filter(|input| input.role == Role::Events);
    lines.push(("input".to_owned(), events.map(|input| input.name.as_str()).collect::<Value>().to_string()));
    for part in &spec.inputs {
        section(&mut lines, part, &keys::INPUT, |key| {
            (joined || !is(key, &[keys::KEY])) && time_counts(part, key)
        });
    }
    section(&mut lines, &spec.features, &keys::FEATURES, |_| true);
    if spec.label.given {
        section(&mut lines, &spec.label, &keys::LABEL, |key| {
            (joined || !(is(key, keys::WAITING) || is(key, keys::READING)))
                && (classes || !is(key, keys::LABEL_MEANING))
                && !is(key, &[keys::CLASSES_MAX])
                && time_counts(&spec.label, key)
        });
    }
    if let (Some(label), true) = (&plan.label, classes && plan.task != Task::AnomalyDetection) {
        lines.push((spec.label.path(&keys::CLASSES_MAX), label.classes_max.to_string()));
    }
    model(&mut lines, plan);
    for (part, keys) in [(&spec.output, &keys::OUTPUT), (&spec.metrics, &keys::METRICS)] {
        section(&mut lines, part, keys, |key| output_counts(plan.task, key));
    }
    lines
}

fn is(key: &Key, keys: &[Key]) -> bool {
    keys.iter().any(|other| other.name == key.name)
}

/// What only one task's answers have means nothing for the others.
fn output_counts(task: Task, key: &Key) -> bool {
    [
        (keys::SCORES, Task::Classification),
        (keys::ITEMS, Task::Recommendation),
        (keys::STEPS, Task::Forecasting),
    ]
    .iter()
    .all(|(other, of)| *of == task || other.name != key.name)
}

/// The notation of a time that is not read means nothing.
fn time_counts(part: &Part, key: &Key) -> bool {
    !is(key, &[keys::TIME_FORMAT]) || part.given(&keys::TIME).is_some()
}

fn section(lines: &mut Lines, part: &Part, section: &Section, counts: impl Fn(&Key) -> bool) {
    for key in section.keys().filter(|key| key.effect == Effect::Meaning && counts(key)) {
        if let Some(setting) = part.setting(key) {
            lines.push((part.path(key), canonical(key.kind, setting).to_string()));
        }
    }
}

/// A setting in the one way in which it is written here.
fn canonical(kind: Kind, setting: &Setting) -> Value {
    match (kind, setting) {
        (Kind::Duration(..), Setting::Integer(ms)) => json!(format_duration(*ms)),
        (Kind::Size(..), Setting::Integer(bytes)) => json!(format_size(bytes.unsigned_abs())),
        (Kind::Start, Setting::Text(text)) => parse_time(text).map_or_else(|| json!(text), |ms| json!(ms)),
        (_, Setting::Text(text)) => json!(text),
        (_, Setting::Items(items)) => items.iter().map(|item| item.text.as_str()).collect(),
        (_, Setting::Integer(value)) => json!(value),
        (_, Setting::Number(value)) => json!(value),
        (_, Setting::Boolean(value)) => json!(value),
        (_, Setting::Types(types)) => {
            let sorted: BTreeMap<_, _> =
                types.iter().map(|(item, kind)| (&item.text, super::fields::type_word(*kind))).collect();
            json!(sorted)
        }
        // Transformers are not here but with the model, their parameters filled in.
        (_, Setting::Stages(stages)) => stages.first().map_or(Value::Null, stage),
        (_, Setting::OnTimeout(value)) => value.as_ref().map_or_else(|| json!("drop"), parameter_json),
    }
}

/// A format with its options.
fn stage(stage: &Stage) -> Value {
    let options: BTreeMap<_, _> =
        stage.options.iter().map(|entry| (&entry.name, option_text(stage, &entry.node.value))).collect();
    if options.is_empty() {
        json!(stage.kind.text)
    } else {
        json!({ "kind": stage.kind.text, "options": options })
    }
}

fn model(lines: &mut Lines, plan: &Plan) {
    for (at, stage) in plan.model.prepare.iter().enumerate() {
        if let Some(entry) = registry::transformer(&stage.name) {
            let values = entry.values(&stage.parameters);
            named(lines, &format!("model.prepare[{at}]"), stage, entry.meaning_version, values);
        }
    }
    if !plan.model.actions.is_empty() {
        lines.push(("model.actions".to_owned(), json!(plan.model.actions).to_string()));
    }
    if let Some(entry) = registry::model(&plan.model.model.name) {
        let values = entry.values(&plan.model.model.parameters);
        named(lines, "model", &plan.model.model, entry.meaning_version, values);
    }
}

fn named(
    lines: &mut Lines,
    path: &str,
    of: &NamedParameters,
    version: u32,
    values: Result<Values, ParamError>,
) {
    lines.push((format!("{path}.kind"), json!(of.name).to_string()));
    lines.push((format!("{path}.meaning_version"), version.to_string()));
    for (name, value) in values.iter().flat_map(Values::iter) {
        parameter(lines, &format!("{path}.{name}"), value);
    }
}

/// A parameter; a model among them with all of its own.
fn parameter(lines: &mut Lines, path: &str, value: &ParamValue) {
    match value {
        ParamValue::List(values) => {
            for (at, value) in values.iter().enumerate() {
                parameter(lines, &format!("{path}[{at}]"), value);
            }
        }
        ParamValue::Part(part) => {
            let of = NamedParameters { name: part.kind.clone(), parameters: part.parameters.clone() };
            for (at, stage) in part.prepare.iter().flatten().enumerate() {
                parameter(lines, &format!("{path}.prepare[{at}]"), &ParamValue::Part(stage.clone()));
            }
            if part.prepare.as_ref().is_some_and(Vec::is_empty) {
                lines.push((format!("{path}.prepare"), json!([]).to_string()));
            }
            if let Some(entry) = registry::model(&part.kind) {
                named(lines, path, &of, entry.meaning_version, entry.values(&part.parameters));
                let encoder = registry::transformer(ENCODER).filter(|_| !entry.reads_categories);
                if let (None, Some(encoder)) = (&part.prepare, encoder) {
                    // Whether it is needed follows from the features, which are here as well.
                    lines.push((
                        format!("{path}.{ENCODER}.meaning_version"),
                        encoder.meaning_version.to_string(),
                    ));
                }
            } else if let Some(entry) = registry::transformer(&part.kind) {
                named(lines, path, &of, entry.meaning_version, entry.values(&part.parameters));
            }
        }
        scalar => lines.push((path.to_owned(), parameter_json(scalar).to_string())),
    }
}

/// The meaning as text, to be kept.
pub fn meaning_to_text(meaning: &[(String, String)]) -> String {
    json!(meaning).to_string()
}

/// What [`meaning_to_text`] wrote; `None` where it is something else.
pub fn meaning_from_text(text: &str) -> Option<Vec<(String, String)>> {
    serde_json::from_str(text).ok()
}

/// What is different, in words, one sentence each.
pub fn diff_meaning(old: &[(String, String)], new: &[(String, String)]) -> Vec<String> {
    let find = |lines: &[(String, String)], key: &str| {
        lines.iter().find(|(name, _)| name == key).map(|(_, value)| value.clone())
    };
    let mut differences = Vec::new();
    for (key, value) in new {
        match find(old, key) {
            Some(before) if before == *value => {}
            Some(before) => differences.push(changed(key, &before, value)),
            None => differences.push(format!("{key} is new: {value}")),
        }
    }
    for (key, value) in old.iter().filter(|(key, _)| find(new, key).is_none()) {
        differences.push(format!("{key} is gone: it was {value}"));
    }
    differences
}

fn changed(key: &str, before: &str, now: &str) -> String {
    let list = |text: &str| serde_json::from_str::<Vec<Value>>(text).ok();
    let (Some(before_items), Some(now_items)) = (list(before), list(now)) else {
        return format!("{key} was {before} and is now {now}");
    };
    let only = |a: &[Value], b: &[Value]| -> Vec<String> {
        a.iter().filter(|item| !b.contains(item)).map(ToString::to_string).collect()
    };
    let (gone, added) = (only(&before_items, &now_items), only(&now_items, &before_items));
    let part =
        |word: &str, items: Vec<String>| (!items.is_empty()).then(|| format!("{word} {}", items.join(", ")));
    let parts: Vec<_> =
        [part("now with", added), part("no longer with", gone)].into_iter().flatten().collect();
    if parts.is_empty() {
        format!("{key}: the order changed, it is now {now}")
    } else {
        format!("{key}: {}", parts.join(", "))
    }
}
