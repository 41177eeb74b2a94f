//! The pipeline file, with a comment on every choice.

use super::features::{self, Use, VALUES_MAX};
use super::field::{Field, excerpt};
use super::format::Format;
use super::label::Label;
use super::roles::{self, Target};
use super::sample::Sample;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;
use streamfold_flow::schema::{FieldType, TimeNotation};
use streamfold_formats::csv::CsvOptions;

/// Where the comment of a line begins.
const COMMENT_COLUMN: usize = 44;

/// What goes into the file.
pub struct Draft<'a> {
    events: &'a Sample,
    labels: Option<&'a Sample>,
    label: Option<&'a Label<'a>>,
    properties: &'a BTreeMap<String, String>,
    time: Option<usize>,
    key: Option<usize>,
    uses: Vec<Use>,
}

impl<'a> Draft<'a> {
    pub fn new(
        events: &'a Sample,
        labels: Option<&'a Sample>,
        label: Option<&'a Label<'a>>,
        properties: &'a BTreeMap<String, String>,
    ) -> Draft<'a> {
        let joined = label.and_then(|label| label.joined.as_ref());
        let key = joined.and_then(|joined| events.find(&joined.keys.0)).or_else(|| roles::key(events));
        let time = roles::time(events);
        let uses = features::choose(events, label, key, time);
        Draft { events, labels: labels.filter(|_| joined.is_some()), label, properties, time, key, uses }
    }

    /// The file's text.
    pub fn text(&self) -> String {
        let mut page = Page::default();
        self.top(&mut page);
        self.kafka(&mut page);
        self.input(&mut page);
        self.features(&mut page);
        self.label(&mut page);
        self.model(&mut page);
        self.output(&mut page);
        page.0
    }

    fn top(&self, page: &mut Page) {
        let Sample { topic, partitions, total, records, bad, .. } = self.events;
        page.comment(&format!(
            "Written by `streamfold init`, which looked at {} of the {total} records of topic {topic} ({partitions} partitions).",
            records.len() + bad
        ));
        page.comment(
            "Change what you know better; `streamfold check` shows every other key with its default.",
        );
        page.line(
            "name",
            &quoted(&name(topic)),
            "the consumer group, and the start of every name that the pipeline owns in Kafka",
        );
    }

    fn kafka(&self, page: &mut Page) {
        page.section("kafka", "properties of Kafka's clients under their own names");
        for (name, value) in self.properties {
            let comment = if value.contains("${") { "read when the pipeline starts" } else { "" };
            page.line(&quoted(name), &quoted(value), comment);
        }
    }

    fn input(&self, page: &mut Page) {
        page.section("input.events", "the events: each is predicted as it comes");
        page.line("topic", &quoted(&self.events.topic), "");
        reading(page, self.events, self.time);
        let Some(key) = self.key else { return };
        let name = &self.events.field(key).name;
        match self.label.and_then(|label| label.joined.as_ref()) {
            Some(_) => page.line("key", &quoted(name), "by which a label finds its event"),
            None => page.remark(
                &format!("key = {}", quoted(name)),
                "labels on a topic of their own would find their event by it",
            ),
        }
    }

    fn features(&self, page: &mut Page) {
        page.section("features", "what the model sees; a missing one is missing, no fault");
        let of = |wanted: Use| {
            let chosen = self.events.fields.iter().zip(&self.uses).filter(move |(_, used)| **used == wanted);
            chosen.map(|(field, _)| field).collect::<Vec<_>>()
        };
        for (key, fields) in [("numeric", of(Use::Numeric)), ("categorical", of(Use::Categorical))] {
            if fields.is_empty() {
                continue;
            }
            let _ = writeln!(page.0, "{key} = [");
            for field in fields {
                page.line_of(&format!("    {},", quoted(&field.name)), &field.words_for_it());
            }
            let _ = writeln!(page.0, "]");
        }
        let left_out = self.left_out();
        if !left_out.is_empty() {
            page.comment("Left out:");
            left_out
                .iter()
                .for_each(|(name, reason)| page.comment(&format!("  {}: {reason}", excerpt(name))));
        }
    }

    fn left_out(&self) -> Vec<(&str, &str)> {
        let fields = self.events.fields.iter().zip(&self.uses);
        fields
            .filter_map(|(field, used)| match used {
                Use::Out(reason) => Some((field.name.as_str(), reason.as_str())),
                _ => None,
            })
            .collect()
    }

    fn label(&self, page: &mut Page) {
        let Some(label) = self.label else { return };
        page.section("label", "the truth: scored against the prediction, then learnt");
        let field = label.field;
        let unlabelled = match (field.missing_percent(), &label.joined) {
            (percent, None) if percent > 0.0 => {
                format!("; where it is missing ({percent:.0} %) nothing is learnt")
            }
            _ => String::new(),
        };
        page.line("field", &quoted(&field.name), &format!("{}{unlabelled}", field.words_for_it()));
        if let (Some(joined), Some(labels)) = (&label.joined, self.labels) {
            page.line("topic", &quoted(&labels.topic), "labels come later, on a topic of their own");
            reading(page, labels, roles::time(labels));
            page.line(
                "key",
                &quoted(&joined.keys.1),
                &format!("it has values of the events' {}", excerpt(&joined.keys.0)),
            );
            page.line("wait", &quoted(&joined.wait), &joined.why_wait);
            page.line(
                "on_timeout",
                &quoted("drop"),
                "no label within the wait: nothing is learnt; or the label that this means",
            );
        }
        if label.task == Target::Classes {
            let mut classes: Vec<&str> = field.counts.keys().map(String::as_str).collect();
            // Numbers by their size, so that 1 is the second of 0 and 1.
            classes.sort_by(|a, b| match (a.parse::<f64>(), b.parse::<f64>()) {
                (Ok(a), Ok(b)) => a.total_cmp(&b),
                _ => a.cmp(b),
            });
            let list: Vec<String> = classes.iter().map(|class| quoted(class)).collect();
            page.line(
                "classes",
                &format!("[{}]", list.join(", ")),
                "those in the sample; others are added as they appear",
            );
            if let [_, positive] = classes.as_slice() {
                page.line("positive", &quoted(positive), "F1, ROC AUC and `score` speak of this one");
            }
        }
    }

    fn model(&self, page: &mut Page) {
        let classes = self.label.map_or(0, |label| label.field.distinct());
        let (kind, why) = match self.label.map(|label| label.task) {
            None => ("k_means", "nothing is to be predicted, so clusters are found"),
            Some(Target::Number) => {
                ("linear_regression", "the target is a number; learns online, needs no scaling and no tuning")
            }
            Some(Target::Classes) if classes == 2 => {
                ("logistic_regression", "two classes; learns online, needs no scaling and no tuning")
            }
            Some(Target::Classes) => {
                ("softmax_regression", "more than two classes; learns online, needs no scaling and no tuning")
            }
        };
        page.section("model", "`streamfold models` lists others, and their parameters");
        page.line("kind", &quoted(kind), why);
        if self.label.is_some_and(|label| label.task == Target::Classes) && classes > 2 {
            let max = (2 * classes).max(10);
            page.line("classes_max", &max.to_string(), "room for classes that are not in the sample");
        }
        let categories =
            || self.events.fields.iter().zip(&self.uses).filter(|(_, used)| **used == Use::Categorical);
        let has_categories = categories().next().is_some();
        let many = categories().map(|(field, _)| field).find(|field| field.distinct() > VALUES_MAX);
        let encoder = match many {
            Some(_) => Some("{ kind = \"hashing\", bits = 12 }"),
            None if kind == "k_means" && has_categories => Some("\"one_hot\""),
            None => None,
        };
        let scaler = (kind == "k_means").then_some("\"standard_scaler\"");
        let stages: Vec<&str> = scaler.into_iter().chain(encoder).collect();
        if stages.is_empty() {
            return;
        }
        let mut reasons = Vec::new();
        reasons.extend(scaler.map(|_| "distances need features of one scale".to_owned()));
        reasons.extend(many.map(|field| {
            format!("{} has {} values: hashed to 2^12 places", excerpt(&field.name), field.distinct())
        }));
        page.line("prepare", &format!("[{}]", stages.join(", ")), &reasons.join("; "));
    }

    fn output(&self, page: &mut Page) {
        page.section("output", "one answer for each event");
        page.line("topic", &quoted(&format!("{}-predicted", self.events.topic)), "made if it is not there");
        match self.key {
            Some(key) => page.line(
                "include",
                &format!("[{}]", quoted(&self.events.field(key).name)),
                "repeated from the event, so that answers can be joined",
            ),
            None => page.remark(
                "include = []",
                "no field tells the events apart; the header streamfold.source says which one was answered",
            ),
        }
    }

    /// Says on standard output what was written and what comes next.
    pub fn tell(&self, path: &Path) {
        let file = path.display();
        println!("{file}: written from {} records of topic {}", self.events.records.len(), self.events.topic);
        if let Some(label) = self.label {
            println!("  predicts {} ({})", label.field.name, label.field.words_for_it());
        }
        let count = |wanted: Use| self.uses.iter().filter(|used| **used == wanted).count();
        println!(
            "  from {} numeric and {} categorical features; {} fields are left out",
            count(Use::Numeric),
            count(Use::Categorical),
            self.left_out().len()
        );
        println!("next:");
        println!("  streamfold check {file}       what it means, with the defaults");
        println!("  streamfold backtest {file}    how well the model does on what is there");
        println!("  streamfold run {file}         predicts from now on");
    }
}

/// How a topic is read: format, time.
fn reading(page: &mut Page, sample: &Sample, time: Option<usize>) {
    let all = sample.records.len() + sample.bad;
    let share = format!("{} of {all} sampled values", sample.records.len());
    match &sample.format {
        Format::Json => page.line("format", &quoted("json"), &format!("{share} are JSON objects")),
        Format::Csv { options, has_header, is_unnamed } => {
            let why = match (has_header, is_unnamed) {
                (true, _) => "the names are those of the first record, which itself becomes a dead letter",
                (_, true) => "the columns have no names: --columns A,B,.. gives them",
                _ => "the names are those of --columns",
            };
            page.line(
                "format",
                &csv(options),
                &format!("{share} are lines of {} fields; {why}", options.columns.len()),
            );
        }
    }
    match time.map(|place| sample.field(place)) {
        Some(field) => {
            let rises = 100.0 * roles::rises(sample, field);
            let others: Vec<String> = sample
                .fields
                .iter()
                .filter(|other| other.is_time() && other.name != field.name)
                .map(|other| excerpt(&other.name))
                .collect();
            let others = if others.is_empty() {
                String::new()
            } else {
                format!("; other times: {}", others.join(", "))
            };
            page.line(
                "time",
                &quoted(&field.name),
                &format!("rises with the offset in {rises:.0} % of the records{others}"),
            );
            if let Some(notation) = notation(field) {
                page.line(
                    "time_format",
                    &quoted(notation),
                    &format!("such as {}", excerpt(field.frequent().first().unwrap_or(&""))),
                );
            }
        }
        None => page.remark("time = \"..\"", "no field is the event time, so it is the record's timestamp"),
    }
}

fn notation(field: &Field) -> Option<&'static str> {
    let Some(FieldType::Time(notation)) = field.kind else { return None };
    let named = TimeNotation::NAMES.iter().find(|(_, of)| *of == notation);
    named.map(|(name, _)| *name).filter(|_| notation != TimeNotation::Auto)
}

fn csv(options: &CsvOptions) -> String {
    let delimiter = match options.delimiter {
        b',' => String::new(),
        b'\t' => ", delimiter = \"tab\"".to_owned(),
        other => format!(", delimiter = {}", quoted(&char::from(other).to_string())),
    };
    let missing = match options.missing.as_str() {
        "" => String::new(),
        text => format!(", missing = {}", quoted(text)),
    };
    let columns = options.columns.join(&char::from(options.delimiter).to_string());
    format!("{{ kind = \"csv\", columns = {}{delimiter}{missing} }}", quoted(&columns))
}

/// A pipeline's name from that of a topic.
fn name(topic: &str) -> String {
    let kept = |c: char| match c.to_ascii_lowercase() {
        c @ ('a'..='z' | '0'..='9' | '.' | '_' | '-') => c,
        _ => '-',
    };
    topic.chars().take(100).map(kept).collect()
}

/// A string of TOML.
fn quoted(text: &str) -> String {
    let mut out = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => {
                let _ = write!(out, "\\u{:04X}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// Lines with comments beside them.
#[derive(Default)]
struct Page(String);

impl Page {
    fn section(&mut self, path: &str, comment: &str) {
        self.0.push('\n');
        self.line_of(&format!("[{path}]"), comment);
    }

    fn line(&mut self, key: &str, value: &str, comment: &str) {
        self.line_of(&format!("{key} = {value}"), comment);
    }

    /// A line that could be there.
    fn remark(&mut self, line: &str, comment: &str) {
        self.line_of(&format!("# {line}"), comment);
    }

    fn line_of(&mut self, line: &str, comment: &str) {
        let _ = match comment {
            "" => writeln!(self.0, "{line}"),
            comment if line.chars().count() < COMMENT_COLUMN => {
                writeln!(self.0, "{line:<COMMENT_COLUMN$} # {comment}")
            }
            // Above it, where it would stand too far to the right.
            comment => writeln!(self.0, "# {comment}:\n{line}"),
        };
    }

    fn comment(&mut self, text: &str) {
        let _ = writeln!(self.0, "# {text}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_strings_of_toml() {
        assert_eq!(quoted("a\"b\\c\u{7f}\n"), "\"a\\\"b\\\\c\\u007F\\u000A\"");
        assert_eq!(name("Card.Transactions v2"), "card.transactions-v2");
    }
}
