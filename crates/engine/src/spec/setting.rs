//! One value of the file against its key: type, range and notation.

use super::keys::{Key, Kind};
use super::problem::{Place, Problems, did_you_mean};
use super::tree::{self, Entry, Node, Value, join};
use super::units;
use streamfold_flow::schema::{FieldType, TimeNotation};
use streamfold_learn::compose::part::Part;
use streamfold_learn::params::{ParamValue, nearest};

/// A value in the type of its key.
#[derive(Clone, Debug, PartialEq)]
pub enum Setting {
    /// A name or word.
    Text(String),
    /// Texts with their places.
    Items(Vec<Item>),
    /// A whole number, milliseconds, or bytes.
    Integer(i64),
    /// A number.
    Number(f64),
    /// A truth value.
    Boolean(bool),
    /// Types by field.
    Types(Vec<(Item, FieldType)>),
    /// A format, or transformers.
    Stages(Vec<Stage>),
    /// The label of an event that got none: `None` is `"drop"`.
    OnTimeout(Option<ParamValue>),
}

/// A text and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// Where.
    pub place: Place,
    /// The text.
    pub text: String,
}

/// Something by name with options of its own: a format or a transformer.
#[derive(Clone, Debug, PartialEq)]
pub struct Stage {
    /// Its name and where that stands.
    pub kind: Item,
    /// Its path, as `model.prepare[1]`.
    pub path: String,
    /// Its options.
    pub options: Vec<Entry>,
}

/// Words that `types` takes.
pub const FIELD_TYPES: &[(&str, FieldType)] = &[
    ("number", FieldType::Number),
    ("integer", FieldType::Integer),
    ("boolean", FieldType::Boolean),
    ("time", FieldType::Time(TimeNotation::Auto)),
    ("scalar", FieldType::Scalar),
];

/// The value of a key; `None` after a problem was noted.
pub fn read(key: &Key, node: &Node, path: &str, problems: &mut Problems) -> Option<Setting> {
    let mut reader = Reader { kind: key.kind, path, problems };
    reader.read(node)
}

/// The default of a key, from its text in the table.
pub fn default(key: &Key, text: &str) -> Option<Setting> {
    let mut problems = Problems::default();
    let tree = tree::parse(&format!("default = {text}"), &mut problems);
    read(key, &tree.first()?.node, "default", &mut problems)
}

/// A key with a value that it could have, for hints.
pub fn example(key: &Key) -> String {
    let value = match key.kind {
        Kind::Integer(..) => "1",
        Kind::Duration(..) => "\"24h\"",
        Kind::Model => "\"linear_regression\"",
        _ => "\"...\"",
    };
    format!("{} = {value}", key.name)
}

struct Reader<'a> {
    kind: Kind,
    path: &'a str,
    problems: &'a mut Problems,
}

impl Reader<'_> {
    fn read(&mut self, node: &Node) -> Option<Setting> {
        match (self.kind, &node.value) {
            (Kind::Name | Kind::Prefix | Kind::Topic | Kind::Field | Kind::Model, Value::Text(text)) => {
                self.name(node.place, text).map(Setting::Text)
            }
            (Kind::Choice(of), Value::Text(text)) => self.choice(of, node.place, text).map(Setting::Text),
            (Kind::Start, Value::Text(text) | Value::Time(text)) => {
                self.start(node.place, text).map(Setting::Text)
            }
            (Kind::Class, value) if value.scalar_text().is_some() => value.scalar_text().map(Setting::Text),
            (Kind::Fields | Kind::Headers | Kind::Classes, Value::List(nodes)) => {
                self.items(nodes).map(Setting::Items)
            }
            (Kind::Boolean, Value::Boolean(value)) => Some(Setting::Boolean(*value)),
            (Kind::Integer(min, max), Value::Integer(value)) => {
                self.in_range(node.place, *value, min, max, |v| v.to_string())
            }
            (Kind::Duration(min, max), Value::Text(text)) if units::parse_duration(text).is_some() => {
                self.in_range(node.place, units::parse_duration(text)?, min, max, units::format_duration)
            }
            (Kind::Size(min, max), value) if size(value).is_some() => {
                self.in_range(node.place, size(value)?, min, max, |v| units::format_size(v.unsigned_abs()))
            }
            (Kind::Number(min, max), Value::Number(value)) => self.number(node.place, *value, min, max),
            (Kind::Number(min, max), Value::Integer(value)) => {
                self.number(node.place, *value as f64, min, max)
            }
            (Kind::Types, Value::Table(entries)) => self.types(entries),
            (Kind::Format, _) => Some(Setting::Stages(vec![self.stage(node)?])),
            (Kind::Stages, Value::List(nodes)) => self.stages(nodes),
            (Kind::OnTimeout, value) if value.scalar_text().is_some() => {
                Some(Setting::OnTimeout(on_timeout(value)))
            }
            (_, value) => self.wrong_type(node.place, value),
        }
    }

    fn wrong<T>(&mut self, place: Place, message: String, hint: Option<String>) -> Option<T> {
        let noted = self.problems.add(place, self.path, message);
        if let Some(hint) = hint {
            noted.hint(hint);
        }
        None
    }

    fn wrong_type<T>(&mut self, place: Place, value: &Value) -> Option<T> {
        self.wrong(place, format!("must be {}, not {}", words(self.kind), found(value)), None)
    }

    fn in_range(
        &mut self,
        place: Place,
        value: i64,
        min: i64,
        max: i64,
        show: fn(i64) -> String,
    ) -> Option<Setting> {
        if (min..=max).contains(&value) {
            return Some(Setting::Integer(value));
        }
        self.wrong(place, format!("must be from {} to {}, not {}", show(min), show(max), show(value)), None)
    }

    fn number(&mut self, place: Place, value: f64, min: f64, max: f64) -> Option<Setting> {
        if (min..=max).contains(&value) {
            return Some(Setting::Number(value));
        }
        self.wrong(place, format!("must be from {min} to {max}, not {value}"), None)
    }

    fn choice(&mut self, of: &[&str], place: Place, text: &str) -> Option<String> {
        if of.contains(&text) {
            return Some(text.to_owned());
        }
        let message = format!("must be {}, not {text:?}", one_of(of));
        self.wrong(place, message, nearest(text, of.iter().copied()).map(did_you_mean))
    }

    fn start(&mut self, place: Place, text: &str) -> Option<String> {
        if matches!(text, "earliest" | "latest") || units::parse_time(text).is_some() {
            return Some(text.to_owned());
        }
        let message = format!("must be {}, not {text:?}", words(Kind::Start));
        self.wrong(place, message, nearest(text, ["earliest", "latest"]).map(did_you_mean))
    }

    fn name(&mut self, place: Place, text: &str) -> Option<String> {
        match name_fault(self.kind, text) {
            None => Some(text.to_owned()),
            Some(fault) => self.wrong(place, format!("{fault}, not {text:?}"), None),
        }
    }

    fn items(&mut self, nodes: &[Node]) -> Option<Vec<Item>> {
        let mut items: Vec<Item> = Vec::with_capacity(nodes.len());
        let mut whole = true;
        for node in nodes {
            let text = match (&node.value, self.kind) {
                (Value::Text(text), _) => Some(text.clone()),
                (value, Kind::Classes) => value.scalar_text(),
                _ => None,
            };
            let place = node.place;
            match text {
                Some(text) if text.is_empty() => {
                    whole = self.wrong(place, "a name is empty".to_owned(), None)?
                }
                Some(text) if items.iter().any(|item| item.text == text) => {
                    self.problems.add(place, self.path, format!("{text:?} is named twice"));
                    whole = false;
                }
                Some(text) => items.push(Item { place, text }),
                None => {
                    let message = format!("must be a list of texts, but {} is in it", found(&node.value));
                    self.problems.add(place, self.path, message);
                    whole = false;
                }
            }
        }
        whole.then_some(items)
    }

    fn types(&mut self, entries: &[Entry]) -> Option<Setting> {
        let mut types = Vec::with_capacity(entries.len());
        for entry in entries {
            let words: Vec<_> = FIELD_TYPES.iter().map(|(word, _)| *word).collect();
            let Value::Text(text) = &entry.node.value else {
                return self.wrong_type(entry.node.place, &entry.node.value);
            };
            let word = self.choice(&words, entry.node.place, text)?;
            let kind = FIELD_TYPES.iter().find(|(name, _)| *name == word)?.1;
            types.push((Item { place: entry.place, text: entry.name.clone() }, kind));
        }
        Some(Setting::Types(types))
    }

    fn stages(&mut self, nodes: &[Node]) -> Option<Setting> {
        let read = |(i, node)| {
            let path = format!("{}[{i}]", self.path);
            Reader { kind: self.kind, path: &path, problems: self.problems }.stage(node)
        };
        // All of them are looked at before the first fault ends it.
        let stages: Vec<Option<Stage>> = nodes.iter().enumerate().map(read).collect();
        stages.into_iter().collect::<Option<_>>().map(Setting::Stages)
    }

    /// A name alone, or a table with `kind` and options.
    fn stage(&mut self, node: &Node) -> Option<Stage> {
        let (name, entries) = match &node.value {
            Value::Table(entries) => match entries.iter().find(|entry| entry.name == "kind") {
                Some(kind) => (&kind.node, entries.as_slice()),
                None => return self.wrong(node.place, "the table has no `kind`".to_owned(), None),
            },
            _ => (node, &[][..]),
        };
        let Value::Text(text) = &name.value else {
            let message = format!("must be a name, or a table with `kind`, not {}", found(&name.value));
            return self.wrong(name.place, message, None);
        };
        let kind = Item { place: name.place, text: text.clone() };
        let options = entries.iter().filter(|entry| entry.name != "kind").cloned().collect();
        Some(Stage { kind, path: self.path.to_owned(), options })
    }
}

/// A value in a message.
fn found(value: &Value) -> String {
    match value {
        Value::Text(text) => format!("{text:?}"),
        other => other.scalar_text().unwrap_or_else(|| other.kind().to_owned()),
    }
}

fn size(value: &Value) -> Option<i64> {
    match value {
        Value::Integer(bytes) => Some(*bytes),
        Value::Text(text) => i64::try_from(units::parse_size(text)?).ok(),
        _ => None,
    }
}

fn on_timeout(value: &Value) -> Option<ParamValue> {
    match value {
        Value::Text(text) if text == "drop" => None,
        Value::List(_) | Value::Table(_) => None,
        other => parameter(other),
    }
}

/// A value as a parameter: a scalar, a model as a table with its `kind`, or a list of such.
pub fn parameter(value: &Value) -> Option<ParamValue> {
    match value {
        Value::Text(text) => Some(ParamValue::Text(text.clone())),
        Value::Integer(value) => Some(ParamValue::Integer(*value)),
        Value::Number(value) => Some(ParamValue::Number(*value)),
        Value::Boolean(value) => Some(ParamValue::Boolean(*value)),
        Value::List(nodes) => {
            let values: Option<Vec<_>> = nodes.iter().map(|node| parameter(&node.value)).collect();
            values.map(ParamValue::List)
        }
        Value::Table(entries) => part(entries).map(ParamValue::Part),
        Value::Time(_) => None,
    }
}

/// A model or transformer inside of another model: its `kind`, its parameters, and a model's `prepare`.
fn part(entries: &[Entry]) -> Option<Part> {
    let mut part = Part::default();
    for entry in entries {
        match (entry.name.as_str(), &entry.node.value) {
            ("kind", Value::Text(kind)) => part.kind.clone_from(kind),
            ("prepare", Value::List(stages)) => {
                let stage = |node: &Node| match &node.value {
                    Value::Text(kind) => Some(Part { kind: kind.clone(), ..Part::default() }),
                    Value::Table(entries) => self::part(entries),
                    _ => None,
                };
                part.prepare = Some(stages.iter().map(stage).collect::<Option<Vec<_>>>()?);
            }
            (_, value) => part.parameters.push((entry.name.clone(), parameter(value)?)),
        }
    }
    (!part.kind.is_empty()).then_some(part)
}

/// The path of an option of a stage.
pub fn option_path(stage: &Stage, option: &str) -> String {
    join(&stage.path, option)
}

/// Most characters of prefix and name together: what the pipeline owns is longer by a generation and a role, and
/// Kafka takes 249.
pub const GROUP_CHARS_MAX: usize = 200;

fn name_fault(kind: Kind, text: &str) -> Option<&'static str> {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let lower = |c: char| legal(c) && !c.is_ascii_uppercase();
    let fault = match kind {
        Kind::Name => text.is_empty() || !text.chars().all(lower) || text.len() > GROUP_CHARS_MAX,
        Kind::Prefix => !text.chars().all(legal) || text.len() > GROUP_CHARS_MAX,
        Kind::Topic => {
            text.is_empty() || !text.chars().all(legal) || text.len() > 249 || matches!(text, "." | "..")
        }
        _ => text.is_empty(),
    };
    fault.then_some(match kind {
        Kind::Name => "must be 1 to 200 of the characters a-z, 0-9, \".\", \"_\" and \"-\"",
        Kind::Prefix => "must be at most 200 of the characters a-z, A-Z, 0-9, \".\", \"_\" and \"-\"",
        Kind::Topic => "must be 1 to 249 of the characters a-z, A-Z, 0-9, \".\", \"_\" and \"-\"",
        _ => "must be a name",
    })
}

/// `"a", "b" or "c"`.
pub fn one_of(of: &[&str]) -> String {
    match of {
        [] => "nothing".to_owned(),
        [one] => format!("{one:?}"),
        [rest @ .., last] => {
            let rest: Vec<_> = rest.iter().map(|word| format!("{word:?}")).collect();
            format!("{} or {last:?}", rest.join(", "))
        }
    }
}

/// The values of a kind, in words.
pub fn words(kind: Kind) -> String {
    match kind {
        Kind::Name | Kind::Prefix | Kind::Topic => "a name in quotes".to_owned(),
        Kind::Field => "the name of a field in quotes".to_owned(),
        Kind::Model => "the name of a model in quotes".to_owned(),
        Kind::Fields => "a list of fields such as [\"a\", \"b\"]".to_owned(),
        Kind::Headers => "a list of headers such as [\"traceparent\"]".to_owned(),
        Kind::Class => "a class: a text, number or truth value".to_owned(),
        Kind::Classes => "a list of classes such as [\"no\", \"yes\"]".to_owned(),
        Kind::Stages => "a list of transformers such as [\"standard_scaler\"]".to_owned(),
        Kind::Format => "a format such as \"json\", or { kind = \"csv\", ... }".to_owned(),
        Kind::Types => "a table of types such as { paid = \"boolean\" }".to_owned(),
        Kind::Start => {
            "\"earliest\", \"latest\" or a time with its offset from UTC such as \"2013-01-01T00:00:00Z\""
                .to_owned()
        }
        Kind::OnTimeout => "\"drop\" or a label".to_owned(),
        Kind::Boolean => "true or false".to_owned(),
        Kind::Integer(min, max) if max == i64::MAX => format!("a whole number from {min}"),
        Kind::Integer(min, max) => format!("a whole number from {min} to {max}"),
        Kind::Number(min, max) => format!("a number from {min} to {max}"),
        Kind::Duration(..) => {
            "a duration with its unit such as \"100ms\", \"10s\", \"5m\", \"24h\" or \"7d\"".to_owned()
        }
        Kind::Size(..) => "a size such as \"64MiB\", \"256MB\", or a number of bytes".to_owned(),
        Kind::Choice(of) => one_of(of),
    }
}
