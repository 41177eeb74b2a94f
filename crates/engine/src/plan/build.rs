//! From the file to the plan: pure validation that tells everything that is wrong at once.

use super::kafka::PropertyCheck;
use super::model::build_model;
use super::topics::{OutputTopics, TopicName, is_owned};
use super::{
    Catalog, DeadLetterPlan, Delivery, FormatPlan, KafkaProperties, LabelPlan, Limits, MetricsPlan,
    OutputPlan, Plan, Timing,
};
use super::{inputs, kafka, label, meaning};
use crate::spec::keys::{self, Key};
use crate::spec::problem::{Place, Problem, Problems};
use crate::spec::read::{self, Part, Spec};
use crate::spec::setting::{GROUP_CHARS_MAX, Stage, option_path};
use crate::spec::tree::Value;
use streamfold_learn::features::Schema;
use streamfold_learn::model::Task;
use streamfold_learn::params::nearest;

/// The plan of a pipeline file, or everything that is wrong with it, in the order of the file. Kafka's properties are
/// not looked at: see [`from_text_with`].
pub fn from_text(text: &str, catalog: &Catalog) -> Result<Plan, Vec<Problem>> {
    from_text_with(text, catalog, &|_, _| Ok(()))
}

/// The same; each of Kafka's properties is looked at by `property`.
pub fn from_text_with(
    text: &str,
    catalog: &Catalog,
    property: PropertyCheck<'_>,
) -> Result<Plan, Vec<Problem>> {
    let mut problems = Problems::default();
    let spec = read::read(text, &mut problems);
    let plan = spec.map(|spec| build(Builder { spec: &spec, catalog, property, problems: &mut problems }));
    match plan {
        Some(plan) if problems.is_empty() => Ok(plan),
        _ => Err(problems.into_sorted()),
    }
}

/// What the parts of a plan are built from.
pub(super) struct Builder<'a> {
    pub(super) spec: &'a Spec,
    pub(super) catalog: &'a Catalog,
    pub(super) property: PropertyCheck<'a>,
    pub(super) problems: &'a mut Problems,
}

fn build(mut builder: Builder<'_>) -> Plan {
    let spec = builder.spec;
    let features = builder.features();
    let model = build_model(&mut builder, &features);
    let label = label::build(&mut builder, &model);
    let inputs = inputs::build(&mut builder, model.task);
    let topics = builder.topics();
    let mut plan = Plan {
        name: spec.top.text(&keys::NAME).to_owned(),
        prefix: spec.top.text(&keys::PREFIX).to_owned(),
        lanes: u32::try_from(spec.top.integer(&keys::LANES)).unwrap_or(1),
        seed: spec.top.integer(&keys::SEED).unsigned_abs(),
        delivery: match spec.top.text(&keys::DELIVERY) {
            "at_least_once" => Delivery::AtLeastOnce,
            _ => Delivery::ExactlyOnce,
        },
        kafka: builder.kafka(),
        inputs,
        features,
        task: model.task.unwrap_or(Task::Regression),
        output: builder.output(model.task, label.as_ref()),
        label,
        metrics: builder.metrics(),
        dead_letters: builder.dead_letters(),
        limits: builder.limits(),
        timing: builder.timing(),
        topics,
        meaning: Vec::new(),
        model: model.plan,
    };
    plan.meaning = meaning::of(spec, &plan);
    plan
}

/// Places of all texts together: what models keep weights for.
const TEXT_PLACES_MAX: u64 = 1 << 28;

impl Builder<'_> {
    /// Notes a problem with a key's value.
    pub(super) fn wrong(
        &mut self,
        part: &Part,
        key: &Key,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        self.problems.add(part.place(key), part.path(key), message).hint(hint);
    }

    fn features(&mut self) -> Schema {
        let part = &self.spec.features;
        let lists = [&keys::NUMERIC, &keys::CATEGORICAL, &keys::TEXT];
        let [numeric, categorical, texts] = lists.map(|key| part.items(key));
        let faulty = lists.iter().any(|key| part.setting(key).is_none());
        if numeric.is_empty() && categorical.is_empty() && texts.is_empty() && !faulty {
            let hint = "name fields of the events in [features]: numeric = [\"...\"], categorical = [\"...\"], text = [\"...\"]";
            self.problems.add(part.place, "features", "the model has nothing to look at").hint(hint);
        }
        for item in categorical.iter().filter(|item| numeric.iter().any(|other| other.text == item.text)) {
            let message = format!("{:?} is a numeric feature already", item.text);
            self.problems.add(item.place, part.path(&keys::CATEGORICAL), message);
        }
        let names = |items: &[crate::spec::setting::Item]| {
            items.iter().map(|item| item.text.as_str().into()).collect()
        };
        let sparse_size = self.texts(part, texts.len());
        Schema { numeric: names(numeric), categories: names(categorical), sparse_size }
    }

    /// Sparse features that so many texts become.
    fn texts(&mut self, part: &Part, texts: usize) -> u32 {
        let hasher = super::inputs::text_hasher(part);
        if hasher.longest < hasher.shortest {
            let message = format!("is {}, below text_ngram_min = {}", hasher.longest, hasher.shortest);
            self.wrong(part, &keys::TEXT_NGRAM_MAX, message, "raise it, or lower text_ngram_min");
        }
        let size = texts as u64 * u64::from(hasher.sparse_size());
        if size > TEXT_PLACES_MAX {
            let message = format!("{texts} texts of 2^{} places each are more than 2^28 places", hasher.bits);
            self.wrong(part, &keys::TEXT, message, "lower text_bits, or name fewer texts");
            return 0;
        }
        size as u32
    }

    fn kafka(&mut self) -> KafkaProperties {
        let spec = self.spec;
        let common = kafka::properties(&spec.kafka, self.property, self.problems);
        KafkaProperties {
            common,
            consumer: kafka::properties(&spec.kafka_consumer, self.property, self.problems),
            producer: kafka::properties(&spec.kafka_producer, self.property, self.problems),
        }
    }

    /// A format of the catalog with options that it has.
    pub(super) fn format(&mut self, part: &Part, key: &Key) -> Option<FormatPlan> {
        let stage = part.stages(key).first()?;
        let Ok(format) = self.catalog.format(&stage.kind.text) else {
            let known: Vec<_> = self.catalog.formats.iter().map(|format| format.name).collect();
            let message =
                format!("there is no format {:?}; there are: {}", stage.kind.text, known.join(", "));
            self.problems
                .add(stage.kind.place, part.path(key), message)
                .likely(nearest(&stage.kind.text, known));
            return None;
        };
        let mut options = Vec::new();
        let mut whole = true;
        for entry in &stage.options {
            let path = option_path(stage, &entry.name);
            match option_text(stage, &entry.node.value) {
                _ if !format.options.contains(&entry.name.as_str()) => {
                    whole = false;
                    let noted = self.problems.add(
                        entry.place,
                        path,
                        format!("{} has no such option; {}", format.name, known_options(&format.options)),
                    );
                    noted.likely(nearest(&entry.name, format.options.iter().copied()));
                }
                Some(text) => options.push((entry.name.clone(), text)),
                None => {
                    whole = false;
                    self.problems.add(
                        entry.node.place,
                        path,
                        "must be a text, number, truth value or list of these",
                    );
                }
            }
        }
        options.sort();
        whole.then(|| FormatPlan { name: format.name.to_owned(), options })
    }

    /// The first place of a stage's format, for what the format itself says is wrong.
    pub(super) fn format_place(part: &Part, key: &Key) -> Place {
        part.stages(key).first().map_or(part.place, |stage: &Stage| stage.kind.place)
    }

    fn output(&mut self, task: Option<Task>, label: Option<&LabelPlan>) -> OutputPlan {
        let part = &self.spec.output;
        let texts = |key| part.items(key).iter().map(|item| item.text.clone()).collect::<Vec<_>>();
        let scores = part.boolean(&keys::SCORES);
        if scores && task.is_some_and(|task| task != Task::Classification) {
            self.wrong(part, &keys::SCORES, "only classification has scores of classes", "remove it");
        }
        for (key, wanted, word) in [
            (&keys::ITEMS, Task::Recommendation, "recommendation has items"),
            (&keys::STEPS, Task::Forecasting, "forecasting has steps"),
        ] {
            if part.given(key).is_some() && task.is_some_and(|task| task != wanted) {
                self.wrong(part, key, format!("only {word}"), "remove it");
            }
        }
        for item in part.items(&keys::HEADERS) {
            if item.text.starts_with("streamfold.") {
                let message = format!("{:?}: the pipeline writes headers of this name itself", item.text);
                self.problems.add(item.place, part.path(&keys::HEADERS), message);
            }
        }
        let own = task.map_or(&[][..], own_columns);
        for item in part.items(&keys::INCLUDE) {
            if own.contains(&item.text.as_str()) {
                let message = format!("the answer has a field {:?} of its own", item.text);
                self.problems.add(item.place, part.path(&keys::INCLUDE), message);
            }
        }
        let format = self.format(part, &keys::OUTPUT_FORMAT);
        let plan = OutputPlan {
            format: format.unwrap_or_else(|| FormatPlan { name: String::new(), options: Vec::new() }),
            include: texts(&keys::INCLUDE),
            headers: texts(&keys::HEADERS),
            scores,
            items: part.size(&keys::ITEMS),
            steps: part.size(&keys::STEPS),
        };
        if scores && plan.format.name != "json" && label.is_some_and(|label| label.classes.is_empty()) {
            let message = format!("{} has fixed columns, and no class is known in advance", plan.format.name);
            self.wrong(part, &keys::SCORES, message, "name the classes in label.classes");
        }
        if let (Some(task), Ok(format)) = (task, self.catalog.format(&plan.format.name))
            && let Err(reason) = (format.encoder)(&columns(&plan, task, label), &plan.format.options)
        {
            let place = Self::format_place(part, &keys::OUTPUT_FORMAT);
            self.problems.add(place, part.path(&keys::OUTPUT_FORMAT), reason);
        }
        plan
    }

    fn topics(&mut self) -> OutputTopics {
        let spec = self.spec;
        let group = format!("{}{}", spec.top.text(&keys::PREFIX), spec.top.text(&keys::NAME));
        if group.len() > GROUP_CHARS_MAX {
            let message = format!(
                "prefix and name together have {} characters, more than {GROUP_CHARS_MAX}",
                group.len()
            );
            self.problems.add(spec.top.place(&keys::NAME), "name", message);
        }
        let mut topics: Vec<(&Part, &Key)> = spec.inputs.iter().map(|part| (part, &keys::TOPIC)).collect();
        topics.push((&spec.label, &keys::LABEL_TOPIC));
        let written = [
            (&spec.output, &keys::OUTPUT_TOPIC, "predictions"),
            (&spec.dead_letters, &keys::DEAD_LETTERS_TOPIC, "dead-letters"),
            (&spec.metrics, &keys::METRICS_TOPIC, "metrics"),
        ];
        topics.extend(written.map(|(part, key, _)| (part, key)));
        let mut taken: Vec<(&str, String)> = Vec::new();
        for (part, key) in topics {
            let Some(topic) = part.text_given(key) else { continue };
            if let Some((_, other)) = taken.iter().find(|(name, _)| *name == topic) {
                let message = format!("{topic:?} is {other} already");
                self.wrong(part, key, message, "every input and output has a topic of its own");
            } else if is_owned(topic, &group) {
                let message = format!("{topic:?} is a name that the pipeline itself owns");
                self.wrong(part, key, message, "choose another name, or remove it for the default");
            }
            taken.push((topic, part.path(key)));
        }
        let [predictions, dead_letters, metrics] = written.map(|(part, key, role)| {
            part.text_given(key).map_or(TopicName::Owned(role), |name| TopicName::Given(name.to_owned()))
        });
        OutputTopics { predictions, dead_letters, metrics }
    }

    fn metrics(&self) -> MetricsPlan {
        let part = &self.spec.metrics;
        MetricsPlan {
            every_events: part.integer(&keys::EVERY_EVENTS).unsigned_abs(),
            window_events: part.size(&keys::WINDOW_EVENTS),
        }
    }

    fn dead_letters(&self) -> DeadLetterPlan {
        let part = &self.spec.dead_letters;
        DeadLetterPlan {
            fraction_max: part.number(&keys::FRACTION_MAX),
            window_records: part.size(&keys::WINDOW_RECORDS),
            record_bytes_max: part.size(&keys::RECORD_BYTES_MAX),
        }
    }

    fn limits(&mut self) -> Limits {
        let part = &self.spec.limits;
        let limits = Limits {
            queue_bytes_max: part.size(&keys::QUEUE_BYTES_MAX),
            pending_bytes_max: part.size(&keys::PENDING_BYTES_MAX),
            checkpoint_bytes_per_commit_max: part.size(&keys::CHECKPOINT_BYTES_PER_COMMIT_MAX),
            checkpoint_part_bytes_max: part.size(&keys::CHECKPOINT_PART_BYTES_MAX),
        };
        if limits.checkpoint_part_bytes_max > limits.checkpoint_bytes_per_commit_max
            && part.setting(&keys::CHECKPOINT_BYTES_PER_COMMIT_MAX).is_some()
        {
            let message =
                "is more than limits.checkpoint_bytes_per_commit_max, so that no commit could carry a part";
            self.wrong(
                part,
                &keys::CHECKPOINT_PART_BYTES_MAX,
                message,
                "make one smaller or the other larger",
            );
        }
        limits
    }

    fn timing(&mut self) -> Timing {
        let part = &self.spec.timing;
        let timing = Timing {
            commit_interval_ms: part.integer(&keys::COMMIT_INTERVAL),
            checkpoint_interval_ms: part.integer(&keys::CHECKPOINT_INTERVAL),
            idle_wait_ms: part.integer(&keys::IDLE_WAIT),
            shutdown_timeout_ms: part.integer(&keys::SHUTDOWN_TIMEOUT),
            recommit_interval_ms: part.integer(&keys::RECOMMIT_INTERVAL),
        };
        if timing.checkpoint_interval_ms < timing.commit_interval_ms
            && part.setting(&keys::CHECKPOINT_INTERVAL).is_some()
        {
            let message = "is shorter than timing.commit_interval, but checkpoints are written by commits";
            self.wrong(part, &keys::CHECKPOINT_INTERVAL, message, "make it at least as long");
        }
        timing
    }
}

/// The fields that an answer may have of its own, in their order.
fn own_columns(task: Task) -> &'static [&'static str] {
    match task {
        Task::Regression => &["prediction"],
        Task::Clustering => &["prediction", "distance"],
        Task::Classification => &["prediction", "probability", "score", "scores"],
        Task::AnomalyDetection => &["score"],
        Task::Recommendation => &["items", "scores"],
        Task::Bandit => &["action", "propensity"],
        Task::Forecasting => &["forecast"],
    }
}

/// All columns of an answer, for formats that fix them in advance: scores have one for each class that is known.
pub(super) fn columns(output: &OutputPlan, task: Task, label: Option<&LabelPlan>) -> Vec<String> {
    let mut columns = output.include.clone();
    for name in own_columns(task) {
        match *name {
            "items" | "scores" if task == Task::Recommendation => numbered(&mut columns, name, output.items),
            "forecast" => numbered(&mut columns, name, output.steps),
            "score" if task != Task::Classification => columns.push(name.to_string()),
            "score" if label.is_none_or(|label| label.positive.is_none()) => {}
            "scores" if !output.scores => {}
            "scores" => {
                let classes = label.map_or(&[][..], |label| &label.classes);
                columns.extend(classes.iter().map(|class| format!("scores.{class}")));
            }
            name => columns.push(name.to_owned()),
        }
    }
    columns
}

/// The columns of a list, numbered from 1.
fn numbered(columns: &mut Vec<String>, name: &str, length: usize) {
    columns.extend((1..=length).map(|number| format!("{name}.{number}")));
}

fn known_options(options: &[&str]) -> String {
    match options {
        [] => "it has none".to_owned(),
        _ => format!("it has: {}", options.join(", ")),
    }
}

/// An option's value as the format reads it. A list becomes one line, with the `delimiter` that is given beside it, so
/// that it reads like a line of the records themselves.
pub(super) fn option_text(stage: &Stage, value: &Value) -> Option<String> {
    let Value::List(items) = value else { return value.scalar_text() };
    let delimiter = stage.options.iter().find(|entry| entry.name == "delimiter");
    let delimiter = match delimiter.and_then(|entry| entry.node.value.scalar_text()) {
        Some(tab) if tab == "tab" => "\t".to_owned(),
        Some(delimiter) => delimiter,
        None => ",".to_owned(),
    };
    let items: Option<Vec<_>> =
        items.iter().map(|item| Some(quoted(item.value.scalar_text()?, &delimiter))).collect();
    Some(items?.join(&delimiter))
}

fn quoted(item: String, delimiter: &str) -> String {
    if item.contains(delimiter) || item.contains(['"', '\r', '\n']) {
        format!("\"{}\"", item.replace('"', "\"\""))
    } else {
        item
    }
}
