//! The inputs: which fields are read from where.

use super::build::Builder;
use super::fields::{Fields, Use};
use super::{FormatPlan, InputPlan, Role, Start, TextPlan};
use crate::spec::keys::{self, Key};
use crate::spec::read::Part;
use crate::spec::units::parse_time;
use streamfold_flow::schema::TimeNotation;
use streamfold_learn::model::Task;
use streamfold_learn::prepare::text::{TextHasher, Unit};

/// The name of the input of labels.
const LABEL_INPUT: &str = "label";

/// The inputs of events, then that of labels if these come on a topic of their own.
pub(super) fn build(builder: &mut Builder<'_>, task: Option<Task>) -> Vec<InputPlan> {
    let spec = builder.spec;
    let joined = spec.label.given(&keys::LABEL_TOPIC).is_some();
    if !joined {
        check_leaks(builder);
    }
    if joined && spec.top.integer(&keys::LANES) > 1 {
        check_partitioning(builder);
    }
    let mut inputs = Vec::new();
    for part in &spec.inputs {
        check_name(builder, part);
        let mut fields = Fields::default();
        fields.want(part, &keys::TIME, Use::Time(notation(part)));
        match joined {
            true => fields.want(part, &keys::KEY, Use::Key),
            false => fields.want(&spec.label, &keys::FIELD, label_use(task)),
        }
        fields.want_all(&spec.features, &keys::NUMERIC, Use::Numeric);
        fields.want_all(&spec.features, &keys::CATEGORICAL, Use::Category);
        fields.want_all(&spec.features, &keys::TEXT, Use::Text);
        fields.want_all(&spec.output, &keys::INCLUDE, Use::Include);
        inputs.push(input(builder, part, &keys::TOPIC, Role::Events, &fields));
    }
    if joined {
        let part = &spec.label;
        let mut fields = Fields::default();
        fields.want(part, &keys::TIME, Use::Time(notation(part)));
        fields.want(part, &keys::KEY, Use::Key);
        fields.want(part, &keys::FIELD, label_use(task));
        inputs.push(input(builder, part, &keys::LABEL_TOPIC, Role::Labels, &fields));
    }
    inputs
}

fn label_use(task: Option<Task>) -> Use {
    match task {
        Some(Task::Classification | Task::AnomalyDetection | Task::Recommendation) => Use::LabelClass,
        _ => Use::LabelNumber,
    }
}

fn notation(part: &Part) -> TimeNotation {
    let name = part.text(&keys::TIME_FORMAT);
    TimeNotation::NAMES
        .iter()
        .find(|(word, _)| *word == name)
        .map_or(TimeNotation::Auto, |(_, notation)| *notation)
}

fn start(part: &Part) -> Start {
    match part.text(&keys::START) {
        "latest" => Start::Latest,
        text => parse_time(text).map_or(Start::Earliest, Start::Timestamp),
    }
}

fn input(builder: &mut Builder<'_>, part: &Part, topic: &Key, role: Role, fields: &Fields) -> InputPlan {
    let spec = builder.spec;
    let schema = fields.schema(part, builder.problems);
    let events = role == Role::Events;
    let joined = spec.label.given(&keys::LABEL_TOPIC).is_some();
    let find = |part: &Part, key| part.text_given(key).and_then(|name| Fields::find(&schema, name));
    let find_all = |part: &Part, key: &Key| -> Vec<Option<usize>> {
        let items = if events { part.items(key) } else { &[] };
        items.iter().map(|item| Fields::find(&schema, &item.text)).collect()
    };
    if part.given(&keys::TIME_FORMAT).is_some() && part.given(&keys::TIME).is_none() {
        builder.wrong(
            part,
            &keys::TIME_FORMAT,
            "there is no `time` that it could describe",
            "add `time`, or remove it",
        );
    }
    let format = checked_format(builder, part, &schema);
    InputPlan {
        name: part.path.strip_prefix("input.").unwrap_or(LABEL_INPUT).to_owned(),
        topic: part.text(topic).to_owned(),
        role,
        format,
        time: find(part, &keys::TIME),
        key: if joined { find(part, &keys::KEY) } else { None },
        label: if joined == events { None } else { find(&spec.label, &keys::FIELD) },
        numeric: find_all(&spec.features, &keys::NUMERIC),
        categories: find_all(&spec.features, &keys::CATEGORICAL),
        texts: (!spec.features.items(&keys::TEXT).is_empty()).then(|| TextPlan {
            hasher: text_hasher(&spec.features),
            fields: find_all(&spec.features, &keys::TEXT),
        }),
        include: find_all(&spec.output, &keys::INCLUDE),
        start: start(part),
        time_ahead_max_ms: part.integer(&keys::TIME_AHEAD_MAX),
        schema,
    }
}

/// How the texts of `[features]` are hashed.
pub(super) fn text_hasher(features: &Part) -> TextHasher {
    let number = |key| features.integer(key).unsigned_abs() as usize;
    let shortest = number(&keys::TEXT_NGRAM_MIN);
    TextHasher {
        unit: match features.text(&keys::TEXT_UNIT) {
            "character" => Unit::Character,
            _ => Unit::Word,
        },
        shortest,
        longest: features.given(&keys::TEXT_NGRAM_MAX).map_or(shortest, |_| number(&keys::TEXT_NGRAM_MAX)),
        bits: number(&keys::TEXT_BITS) as u32,
    }
}

/// The format, after it was asked whether it can read these fields with these options.
fn checked_format(
    builder: &mut Builder<'_>,
    part: &Part,
    schema: &streamfold_flow::schema::RowSchema,
) -> FormatPlan {
    let plan = builder.format(part, &keys::FORMAT);
    let plan = plan.unwrap_or_else(|| FormatPlan { name: String::new(), options: Vec::new() });
    if let Ok(format) = builder.catalog.format(&plan.name)
        && let Err(reason) = (format.decoder)(schema, &plan.options)
    {
        let place = Builder::format_place(part, &keys::FORMAT);
        builder.problems.add(place, part.path(&keys::FORMAT), reason);
    }
    plan
}

fn check_name(builder: &mut Builder<'_>, part: &Part) {
    let name = part.path.strip_prefix("input.").unwrap_or(&part.path);
    let legal = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
    if !legal {
        let message = "an input's name has only the characters a-z, A-Z, 0-9, \"_\" and \"-\"";
        builder.problems.add(part.place, part.path.clone(), message);
    } else if name == LABEL_INPUT {
        let message = "no input of events can have this name: it stands for the topic of labels";
        builder.problems.add(part.place, part.path.clone(), message).hint("choose another name");
    }
}

/// A model that sees the label as a feature predicts nothing.
fn check_leaks(builder: &mut Builder<'_>) {
    let (label, features) = (&builder.spec.label, &builder.spec.features);
    let Some(field) = label.text_given(&keys::FIELD) else { return };
    for key in [&keys::NUMERIC, &keys::CATEGORICAL, &keys::TEXT] {
        for item in features.items(key).iter().filter(|item| item.text == field) {
            let message = format!("{field:?} is the label: the model would be told what it has to predict");
            builder.problems.add(item.place, features.path(key), message).hint("remove it from the features");
        }
    }
}

/// With several lanes an event and its label have to meet in one lane.
fn check_partitioning(builder: &mut Builder<'_>) {
    let spec = builder.spec;
    for part in spec.inputs.iter().chain([&spec.label]) {
        let by_wanted = part.text_given(&keys::KEY).unwrap_or("key");
        match part.text_given(&keys::PARTITIONED_BY) {
            Some(by) if by == by_wanted => continue,
            Some(by) => {
                let found = part
                    .text_given(&keys::KEY)
                    .map_or("the record's key".to_owned(), |key| format!("{key:?}"));
                let message = format!(
                    "is {by:?}, but labels find their events by {found}: with several lanes they could lie in different ones"
                );
                let hint = match part.given(&keys::KEY) {
                    Some(_) => WAYS_ON.to_owned(),
                    None => format!("add key = {by:?} if that field is the key; otherwise {WAYS_ON}"),
                };
                builder.wrong(part, &keys::PARTITIONED_BY, message, hint);
            }
            None if part.given(&keys::PARTITIONED_BY).is_some() => {}
            None => {
                let message = format!(
                    "is missing: with {} lanes an event and its label have to lie in partitions of the same number",
                    spec.top.integer(&keys::LANES)
                );
                let hint = format!(
                    "if producers of all inputs choose the partition by this key with the same partitioner, add partitioned_by = \
                     {by_wanted:?}; otherwise {WAYS_ON}"
                );
                builder.problems.add(part.place, part.path(&keys::PARTITIONED_BY), message).hint(hint);
            }
        }
    }
}

const WAYS_ON: &str = "set lanes = 1, or copy the records to a topic that is partitioned by the key";
