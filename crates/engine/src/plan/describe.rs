//! The plan for people: what `streamfold check` shows.

use super::fields::type_word;
use super::{
    Delivery, FormatPlan, InputPlan, LabelPlan, LearnAt, NamedParameters, OnTimeout, Plan, Role, Start,
    TopicName, WhenFull,
};
use crate::spec::keys;
use crate::spec::units::{format_duration, format_size};
use std::fmt::Write;
use streamfold_flow::schema::{FieldType, TimeNotation};
use streamfold_learn::model::Task;
use streamfold_learn::params::Param;
use streamfold_learn::prepare::text::{TextHasher, Unit};
use streamfold_learn::registry;

impl Plan {
    /// The whole plan as indented lines. Of Kafka's properties only the names are shown, since values may be secrets.
    pub fn describe(&self) -> String {
        let mut page = Page(String::new());
        page.section(&format!("pipeline {}", self.name));
        page.line("group", self.group());
        page.line("lanes", self.lanes);
        page.line("seed", self.seed);
        page.line("delivery", match self.delivery {
            Delivery::ExactlyOnce => "exactly_once",
            Delivery::AtLeastOnce => {
                "at_least_once: answers do not wait for the commit; after a crash the last ones may be there twice, and differ"
            }
        });
        page.line("fingerprint", format!("{:016x}", self.fingerprint()));
        page.line("way", self.way());
        if let Some(labels) = self.inputs.iter().find(|input| input.role == Role::Labels) {
            page.line("labels", format!("{}, joined by key", labels.topic));
        }
        self.describe_kafka(&mut page);
        self.inputs.iter().for_each(|input| self.describe_input(&mut page, input));
        if let Some(label) = &self.label {
            describe_label(&mut page, label, self.task);
        }
        self.describe_model(&mut page);
        self.describe_outputs(&mut page);
        self.describe_limits(&mut page);
        self.describe_timing(&mut page);
        page.0
    }

    /// The way of the data in one line.
    fn way(&self) -> String {
        let events: Vec<&str> =
            self.inputs.iter().filter(|i| i.role == Role::Events).map(|i| i.topic.as_str()).collect();
        let mut steps = vec![events.join(" + ")];
        steps.extend(self.model.prepare.iter().map(|stage| stage.name.clone()));
        steps.push(self.model.model.name.clone());
        steps.push(self.topic(&self.topics.predictions));
        steps.join(" -> ")
    }

    fn topic(&self, topic: &TopicName) -> String {
        match topic {
            TopicName::Given(name) => name.clone(),
            TopicName::Owned(role) => format!("{}.<generation>.{role}", self.group()),
        }
    }

    fn describe_kafka(&self, page: &mut Page) {
        page.section("kafka");
        let kafka = &self.kafka;
        if let Some(servers) = kafka.common.get("bootstrap.servers") {
            page.line("bootstrap.servers", servers);
        }
        let sides =
            [("all clients", &kafka.common), ("consumers", &kafka.consumer), ("producers", &kafka.producer)];
        for (side, properties) in sides {
            let names: Vec<&str> =
                properties.keys().map(String::as_str).filter(|name| *name != "bootstrap.servers").collect();
            if !names.is_empty() {
                page.line(side, names.join(", "));
            }
        }
    }

    fn describe_input(&self, page: &mut Page, input: &InputPlan) {
        let what = if input.role == Role::Events { "events" } else { "labels" };
        page.section(&format!("input {} ({what})", input.name));
        page.line("topic", &input.topic);
        page.line("format", format_words(&input.format));
        page.line(
            "time",
            field_words(input, input.time).unwrap_or_else(|| "the record's timestamp".to_owned()),
        );
        page.line("time_ahead_max", format_duration(input.time_ahead_max_ms));
        if self.joins_labels() {
            page.line("key", field_words(input, input.key).unwrap_or_else(|| "the record's key".to_owned()));
        }
        if let Some(label) = field_words(input, input.label) {
            page.line("label", label);
        }
        page.line("start", start_words(input.start));
        let all = |fields: &[Option<usize>]| {
            fields.iter().filter_map(|field| field_words(input, *field)).collect::<Vec<_>>().join(", ")
        };
        for (name, fields) in
            [("numeric", &input.numeric), ("categorical", &input.categories), ("include", &input.include)]
        {
            if !fields.is_empty() {
                page.line(name, all(fields));
            }
        }
        if let Some(texts) = &input.texts {
            let TextHasher { unit, shortest, longest, bits } = texts.hasher;
            let unit = if unit == Unit::Word { "words" } else { "characters" };
            let fields = all(&texts.fields);
            page.line("text", format!("{fields}: {shortest} to {longest} {unit}, 2^{bits} places each"));
        }
    }

    fn describe_model(&self, page: &mut Page) {
        page.section(&format!("model ({})", self.task.name()));
        for stage in &self.model.prepare {
            let params = registry::transformer(&stage.name).map_or(&[][..], |entry| entry.params);
            describe_parameters(page, "prepare", stage, params);
        }
        if !self.model.actions.is_empty() {
            page.line("actions", self.model.actions.join(", "));
        }
        let model = &self.model.model;
        let params = registry::model(&model.name).map_or(&[][..], |entry| entry.params);
        describe_parameters(page, "kind", model, params);
    }

    fn describe_outputs(&self, page: &mut Page) {
        page.section("output");
        page.line("topic", self.topic(&self.topics.predictions));
        page.line("format", format_words(&self.output.format));
        page.line("fields", self.output_columns().join(", "));
        if !self.output.headers.is_empty() {
            page.line("headers", self.output.headers.join(", "));
        }
        page.section("metrics");
        page.line("topic", self.topic(&self.topics.metrics));
        page.line("every_events", self.metrics.every_events);
        page.line("window_events", self.metrics.window_events);
        page.section("dead_letters");
        page.line("topic", self.topic(&self.topics.dead_letters));
        page.line("fraction_max", self.dead_letters.fraction_max);
        page.line("window_records", self.dead_letters.window_records);
        page.line("record_bytes_max", size(self.dead_letters.record_bytes_max));
    }

    fn describe_limits(&self, page: &mut Page) {
        page.section("memory of each lane, its model not counted");
        for (name, bytes) in self.memory_of_lane() {
            page.line(name, format_size(bytes));
        }
        page.section("state");
        page.line("checkpoint_part_bytes_max", size(self.limits.checkpoint_part_bytes_max));
    }

    fn describe_timing(&self, page: &mut Page) {
        page.section("timing");
        let timing = &self.timing;
        page.line("commit_interval", format_duration(timing.commit_interval_ms));
        page.line("checkpoint_interval", format_duration(timing.checkpoint_interval_ms));
        page.line("idle_wait", format_duration(timing.idle_wait_ms));
        page.line("shutdown_timeout", format_duration(timing.shutdown_timeout_ms));
        page.line("recommit_interval", format_duration(timing.recommit_interval_ms));
    }
}

/// Sections of `name  value` lines.
struct Page(String);

impl Page {
    fn section(&mut self, title: &str) {
        let _ = writeln!(self.0, "{title}");
    }

    fn line(&mut self, name: &str, value: impl std::fmt::Display) {
        let _ = writeln!(self.0, "  {name:<39} {value}");
    }
}

fn size(bytes: usize) -> String {
    format_size(bytes as u64)
}

fn format_words(format: &FormatPlan) -> String {
    let options: Vec<_> = format.options.iter().map(|(name, value)| format!("{name} = {value:?}")).collect();
    if options.is_empty() { format.name.clone() } else { format!("{} ({})", format.name, options.join(", ")) }
}

fn field_words(input: &InputPlan, field: Option<usize>) -> Option<String> {
    let field = field?;
    if field == input.schema.fields.len() && input.schema.keep_unknown {
        return Some(format!("{} (all that is not read)", keys::REST));
    }
    let field = input.schema.fields.get(field)?;
    let kind = match field.kind {
        FieldType::Time(notation) => {
            let name =
                TimeNotation::NAMES.iter().find(|(_, known)| *known == notation).map_or("", |(name, _)| name);
            format!("time, {name}")
        }
        other => type_word(other).to_owned(),
    };
    Some(format!("{} ({kind})", field.name))
}

fn start_words(start: Start) -> String {
    match start {
        Start::Earliest => "earliest".to_owned(),
        Start::Latest => "latest".to_owned(),
        Start::Timestamp(ms) => format!("first record from {ms} ms after 1970 on"),
    }
}

fn describe_label(page: &mut Page, label: &LabelPlan, task: Task) {
    page.section("label");
    if !label.classes.is_empty() {
        page.line("classes", label.classes.join(", "));
    }
    if label.classes_max > 0 {
        page.line("classes_max", label.classes_max);
    }
    match task {
        Task::Classification => {
            page.line("positive", label.positive.as_deref().unwrap_or("the second class"));
        }
        Task::AnomalyDetection => page.line("positive", label.positive.as_deref().unwrap_or_default()),
        _ => {}
    }
    if !label.joined {
        return page.line("from", "the event itself");
    }
    page.line("from", "a topic of labels, by key");
    page.line("wait", format_duration(label.wait_ms));
    match &label.on_timeout {
        OnTimeout::Drop => page.line("on_timeout", "drop"),
        OnTimeout::Number(number) => page.line("on_timeout", format!("learn {number}")),
        OnTimeout::Class(class) => page.line("on_timeout", format!("learn {class:?}")),
    }
    let learn = match (label.learn_at, label.learn_changes) {
        (LearnAt::Arrival, false) => "when it arrives, changes not",
        (LearnAt::Arrival, true) => "when it arrives, and again when it changes",
        (LearnAt::WaitOver, _) => "when the wait is over",
    };
    page.line("learn", learn);
    page.line("waiting_rows_max", format!("{} in each lane", label.waiting_rows_max));
    let when_full = match label.when_full {
        WhenFull::ExpireOldest => "expire_oldest",
        WhenFull::DropNewest => "drop_newest",
        WhenFull::Stop => "stop",
    };
    page.line("when_full", when_full);
}

fn describe_parameters(page: &mut Page, key: &str, of: &NamedParameters, params: &[Param]) {
    page.line(key, &of.name);
    for param in params {
        match of.parameters.iter().find(|(name, _)| name == param.name) {
            Some((_, value)) => page.line(&format!("  {}", param.name), value),
            None => page.line(&format!("  {}", param.name), format!("{} (default)", param.default_value())),
        }
    }
}
