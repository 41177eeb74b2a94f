//! The label: where it comes from, and what it may be for the model's task.

use super::build::Builder;
use super::model::BuiltModel;
use super::{LabelPlan, LearnAt, OnTimeout, WhenFull};
use crate::spec::keys::{self, Key};
use crate::spec::read::Part;
use crate::spec::setting::Setting;
use streamfold_learn::model::Task;
use streamfold_learn::params::ParamValue;

/// Classes that are told apart where neither the file nor the model says how many.
const CLASSES_MAX: usize = 100;

pub(super) fn build(builder: &mut Builder<'_>, model: &BuiltModel) -> Option<LabelPlan> {
    let part = &builder.spec.label;
    check_presence(builder, model);
    if !part.given {
        return None;
    }
    let joined = part.given(&keys::LABEL_TOPIC).is_some();
    if joined {
        check_joined(builder, part)
    } else {
        check_same_record(builder, part)
    }
    let learn_at = match part.text(&keys::LEARN) {
        "wait_over" => LearnAt::WaitOver,
        _ => LearnAt::Arrival,
    };
    let when_full = match part.text(&keys::WHEN_FULL) {
        "drop_newest" => WhenFull::DropNewest,
        "stop" => WhenFull::Stop,
        _ => WhenFull::ExpireOldest,
    };
    check_task(builder, part, model.task, joined);
    let classes_max = match model.task {
        Some(Task::Classification | Task::Recommendation) => check_classes(builder, part, model),
        _ => 0,
    };
    Some(LabelPlan {
        joined,
        classes: classes(part),
        positive: part.text_given(&keys::POSITIVE).map(str::to_owned),
        classes_max,
        wait_ms: part.integer(&keys::WAIT),
        on_timeout: on_timeout(builder, part, model.task, classes_max),
        learn_at,
        learn_changes: part.boolean(&keys::LEARN_CHANGES),
        waiting_rows_max: part.size(&keys::WAITING_ROWS_MAX),
        waiting_bytes_max: part.size(&keys::WAITING_BYTES_MAX),
        when_full,
    })
}

fn classes(part: &Part) -> Vec<String> {
    part.items(&keys::CLASSES).iter().map(|item| item.text.clone()).collect()
}

fn check_presence(builder: &mut Builder<'_>, model: &BuiltModel) {
    let spec = builder.spec;
    let (Some(task), part) = (model.task, &spec.label) else { return };
    let name = &model.plan.model.name;
    if task == Task::AnomalyDetection {
        // It learns from no label, but can be scored by one.
    } else if task == Task::Clustering && part.given {
        let message = format!("{name} finds clusters and learns from no label");
        builder.problems.add(part.place, "label", message).hint("remove [label], or choose another model");
    } else if task != Task::Clustering && !part.given {
        let message = format!("{name} learns from labels, and there is no [label]");
        let hint = "add [label] with the field that is to be predicted: field = \"...\"";
        builder.problems.add(spec.model.place(&keys::MODEL_KIND), "label", message).hint(hint);
    }
}

/// What only a topic of labels has.
fn check_same_record(builder: &mut Builder<'_>, part: &Part) {
    for key in keys::WAITING.iter().chain(keys::READING).filter(|key| part.given(key).is_some()) {
        let message = "has no meaning where the label is in the event itself";
        builder.wrong(part, key, message, "add `topic` if labels come on a topic of their own, or remove it");
    }
}

fn check_joined(builder: &mut Builder<'_>, part: &Part) {
    if part.given(&keys::WAIT).is_none() {
        let message = "is missing: it says how long an event waits for its label";
        builder
            .problems
            .add(part.place, part.path(&keys::WAIT), message)
            .hint("add, for example, wait = \"24h\"");
    }
    if part.text(&keys::LEARN) == "wait_over" && part.boolean(&keys::LEARN_CHANGES) {
        let message =
            "with learn = \"wait_over\" only the last label is learnt, so there are no changes to learn";
        builder.wrong(part, &keys::LEARN_CHANGES, message, "remove one of the two");
    }
}

/// What the task asks of a label.
fn check_task(builder: &mut Builder<'_>, part: &Part, task: Option<Task>, joined: bool) {
    match task {
        Some(Task::Regression | Task::Forecasting | Task::Bandit) => {
            let message = match task {
                Some(Task::Bandit) => "the label is a reward, there are no classes",
                _ => "the model predicts a number, there are no classes",
            };
            refuse(builder, part, keys::LABEL_MEANING, message, "remove it, or choose a classifier");
        }
        Some(Task::AnomalyDetection) => {
            let message = "an event is an anomaly or it is none, there are no other classes";
            let keys = [keys::CLASSES, keys::CLASSES_MAX];
            refuse(
                builder,
                part,
                &keys,
                message,
                "remove it, and name what an anomaly is called in `positive`",
            );
            if part.given(&keys::POSITIVE).is_none() {
                let message = "is missing: it says what an anomaly's label is";
                let noted = builder.problems.add(part.place, part.path(&keys::POSITIVE), message);
                noted.hint("add, for example, positive = \"true\"");
            }
        }
        Some(Task::Recommendation) => {
            let message = "a list of items has no class of its own to speak of";
            refuse(builder, part, &[keys::POSITIVE], message, "remove it");
        }
        _ => {}
    }
    if task == Some(Task::Bandit) && !joined {
        let message = "a reward is not known before its action is taken, and so comes on a topic of its own";
        let hint = "add `topic`, `wait` and the keys by which rewards find their decisions";
        builder.problems.add(part.place, "label", message).hint(hint);
    }
    if task == Some(Task::Forecasting) && joined {
        let message = "the value of a step is in the event itself: a forecast is of what follows it";
        builder.wrong(part, &keys::LABEL_TOPIC, message, "remove it, and name a field of the events");
    }
}

fn refuse(builder: &mut Builder<'_>, part: &Part, keys: &[Key], message: &str, hint: &str) {
    for key in keys.iter().filter(|key| part.given(key).is_some()) {
        builder.wrong(part, key, message, hint);
    }
}

/// Checks the classes; returns how many there may be.
fn check_classes(builder: &mut Builder<'_>, part: &Part, model: &BuiltModel) -> usize {
    let given = part.integer_given(&keys::CLASSES_MAX).and_then(|max| usize::try_from(max).ok());
    let by_model = model.classes_max.unwrap_or(usize::MAX);
    let default_max = match model.task {
        // As many items as the model has room for.
        Some(Task::Recommendation) => by_model,
        _ => CLASSES_MAX.max(classes(part).len()),
    };
    let classes_max = given.unwrap_or(default_max).min(by_model);
    let name = &model.plan.model.name;
    if given.is_some_and(|given| given > by_model) {
        let message = format!("{name} tells at most {by_model} classes apart");
        builder.wrong(
            part,
            &keys::CLASSES_MAX,
            message,
            "make it smaller, or choose another model or its parameters",
        );
    }
    let classes = classes(part);
    if classes.len() > classes_max {
        let why = if given.is_some_and(|given| given <= by_model) { "classes_max" } else { name.as_str() };
        let message = format!("there are {} classes, more than the {classes_max} of {why}", classes.len());
        builder.problems.add(part.place(&keys::CLASSES), part.path(&keys::CLASSES), message);
    }
    if let Some(positive) = part.text_given(&keys::POSITIVE)
        && !classes.iter().any(|class| class == positive)
        && part.setting(&keys::CLASSES).is_some()
    {
        let message = format!("{positive:?} is not one of `classes`");
        builder.wrong(
            part,
            &keys::POSITIVE,
            message,
            "name the classes that are known: classes = [\"no\", \"yes\"]",
        );
    }
    classes_max
}

fn on_timeout(builder: &mut Builder<'_>, part: &Part, task: Option<Task>, classes_max: usize) -> OnTimeout {
    let Some(Setting::OnTimeout(Some(value))) = part.setting(&keys::ON_TIMEOUT) else {
        return OnTimeout::Drop;
    };
    let number = match value {
        ParamValue::Number(value) => Some(*value),
        ParamValue::Integer(value) => Some(*value as f64),
        _ => None,
    };
    match task {
        Some(Task::Regression | Task::Bandit | Task::Forecasting) => match number
            .filter(|number| number.is_finite())
        {
            Some(number) => return OnTimeout::Number(number),
            None => {
                let what = match task {
                    Some(Task::Bandit) => "rewards are numbers",
                    _ => "the model predicts numbers",
                };
                let message = format!("must be \"drop\" or a number, because {what}, not {value}");
                builder.problems.add(part.place(&keys::ON_TIMEOUT), part.path(&keys::ON_TIMEOUT), message);
            }
        },
        Some(Task::Classification | Task::AnomalyDetection | Task::Recommendation) => {
            let class = match value {
                ParamValue::Text(text) => text.clone(),
                other => other.to_string(),
            };
            let classes = classes(part);
            if task != Some(Task::AnomalyDetection)
                && classes.len() >= classes_max
                && !classes.contains(&class)
            {
                let message = format!("{class:?} is not one of `classes`, and there may be no more of them");
                let likely = streamfold_learn::params::nearest(&class, classes.iter().map(String::as_str));
                builder
                    .problems
                    .add(part.place(&keys::ON_TIMEOUT), part.path(&keys::ON_TIMEOUT), message)
                    .likely(likely);
            }
            return OnTimeout::Class(class);
        }
        Some(Task::Clustering) | None => {}
    }
    OnTimeout::Drop
}
