//! The tree against the table of keys: every section with its settings, defaults filled in.

use super::keys::{self, Key, Presence, SECTIONS, Section};
use super::problem::{Place, Problems, did_you_mean};
use super::setting::{self, Item, Setting, Stage};
use super::tree::{self, Entry, Value, join};
use streamfold_flow::schema::FieldType;
use streamfold_learn::params::nearest;

/// A section of the file with its settings.
#[derive(Clone, Debug)]
pub struct Part {
    /// Its path, as `input.departures`.
    pub path: String,
    /// Where it begins; the file's start where it is not there.
    pub place: Place,
    /// Whether it is in the file.
    pub given: bool,
    settings: Vec<Given>,
    /// The entries of an open section that are not keys of the table: parameters, properties.
    pub others: Vec<Entry>,
}

/// A setting, from the file or by default.
#[derive(Clone, Debug)]
struct Given {
    key: &'static str,
    /// Where it stands in the file; `None`: it is the default.
    place: Option<Place>,
    /// `None`: what the file says is wrong, and was told.
    setting: Option<Setting>,
}

impl Part {
    fn find(&self, key: &Key) -> Option<&Given> {
        self.settings.iter().find(|given| given.key == key.name)
    }

    /// The setting; `None` where there is none and no default, or where it is wrong (which was told).
    pub fn setting(&self, key: &Key) -> Option<&Setting> {
        self.find(key)?.setting.as_ref()
    }

    /// Where the file sets it, if it does.
    pub fn given(&self, key: &Key) -> Option<Place> {
        self.find(key)?.place
    }

    /// Where to point to for this key.
    pub fn place(&self, key: &Key) -> Place {
        self.given(key).unwrap_or(self.place)
    }

    /// The key's path, as `label.wait`.
    pub fn path(&self, key: &Key) -> String {
        join(&self.path, key.name)
    }

    /// A text; empty where there is none.
    pub fn text(&self, key: &Key) -> &str {
        self.text_given(key).unwrap_or("")
    }

    /// A text, if there is one.
    pub fn text_given(&self, key: &Key) -> Option<&str> {
        match self.setting(key)? {
            Setting::Text(text) => Some(text),
            _ => None,
        }
    }

    /// A list of texts.
    pub fn items(&self, key: &Key) -> &[Item] {
        match self.setting(key) {
            Some(Setting::Items(items)) => items,
            _ => &[],
        }
    }

    /// A whole number, milliseconds or bytes.
    pub fn integer(&self, key: &Key) -> i64 {
        self.integer_given(key).unwrap_or(0)
    }

    /// A whole number, milliseconds or bytes, if there is one.
    pub fn integer_given(&self, key: &Key) -> Option<i64> {
        match self.setting(key)? {
            Setting::Integer(value) => Some(*value),
            _ => None,
        }
    }

    /// A size; never negative.
    pub fn size(&self, key: &Key) -> usize {
        usize::try_from(self.integer(key)).unwrap_or(usize::MAX)
    }

    /// A number.
    pub fn number(&self, key: &Key) -> f64 {
        match self.setting(key) {
            Some(Setting::Number(value)) => *value,
            _ => 0.0,
        }
    }

    /// A truth value.
    pub fn boolean(&self, key: &Key) -> bool {
        matches!(self.setting(key), Some(Setting::Boolean(true)))
    }

    /// Types by field.
    pub fn types(&self, key: &Key) -> &[(Item, FieldType)] {
        match self.setting(key) {
            Some(Setting::Types(types)) => types,
            _ => &[],
        }
    }

    /// Transformers or formats.
    pub fn stages(&self, key: &Key) -> &[Stage] {
        match self.setting(key) {
            Some(Setting::Stages(stages)) => stages,
            _ => &[],
        }
    }
}

/// The file as written: each key in its type, defaults filled in. What the settings mean together is for the plan.
#[derive(Clone, Debug)]
pub struct Spec {
    /// The keys above all sections.
    pub top: Part,
    /// Properties of all Kafka clients.
    pub kafka: Part,
    /// Properties of consumers.
    pub kafka_consumer: Part,
    /// Properties of producers.
    pub kafka_producer: Part,
    /// The inputs of events, in the file's order.
    pub inputs: Vec<Part>,
    /// The features.
    pub features: Part,
    /// The label.
    pub label: Part,
    /// The model.
    pub model: Part,
    /// The answers.
    pub output: Part,
    /// The metrics.
    pub metrics: Part,
    /// Bad records.
    pub dead_letters: Part,
    /// Bounds of memory.
    pub limits: Part,
    /// Intervals.
    pub timing: Part,
}

/// Reads a file. What is wrong with its keys goes to `problems`; `None` where it is not even TOML.
pub fn read(text: &str, problems: &mut Problems) -> Option<Spec> {
    let mut top = tree::parse(text, problems);
    if !problems.is_empty() {
        return None;
    }
    let mut kafka = take_section(&mut top, &keys::KAFKA, problems);
    let kafka_consumer = take_subsection(&mut kafka, &keys::KAFKA_CONSUMER, problems);
    let kafka_producer = take_subsection(&mut kafka, &keys::KAFKA_PRODUCER, problems);
    let inputs = take_section(&mut top, &INPUTS, problems);
    let mut section = |section: &Section| take_section(&mut top, section, problems);
    let [features, label, model] = [&keys::FEATURES, &keys::LABEL, &keys::MODEL].map(&mut section);
    let [output, metrics, dead_letters] =
        [&keys::OUTPUT, &keys::METRICS, &keys::DEAD_LETTERS].map(&mut section);
    let [limits, timing] = [&keys::LIMITS, &keys::TIMING].map(&mut section);
    let top = Raw { path: String::new(), place: Place::START, given: true, entries: top };
    Some(Spec {
        top: top.settle(&keys::TOP, problems),
        kafka: kafka.settle(&keys::KAFKA, problems),
        kafka_consumer: kafka_consumer.settle(&keys::KAFKA_CONSUMER, problems),
        kafka_producer: kafka_producer.settle(&keys::KAFKA_PRODUCER, problems),
        inputs: read_inputs(inputs, problems),
        features: features.settle(&keys::FEATURES, problems),
        label: label.settle(&keys::LABEL, problems),
        model: model.settle(&keys::MODEL, problems),
        output: output.settle(&keys::OUTPUT, problems),
        metrics: metrics.settle(&keys::METRICS, problems),
        dead_letters: dead_letters.settle(&keys::DEAD_LETTERS, problems),
        limits: limits.settle(&keys::LIMITS, problems),
        timing: timing.settle(&keys::TIMING, problems),
    })
}

/// The table that holds the inputs by name.
const INPUTS: Section = Section { path: "input", doc: "", keys: &[], open: Some("a name of your own") };

fn read_inputs(raw: Raw, problems: &mut Problems) -> Vec<Part> {
    if raw.entries.is_empty() {
        let message = "there is no input";
        problems.add(raw.place, "input", message).hint("add a section such as [input.events] with its topic");
    }
    let mut parts = Vec::new();
    for entry in raw.entries {
        let path = join("input", &entry.name);
        if let Value::Table(entries) = entry.node.value {
            let part = Raw { path, place: entry.place, given: true, entries };
            parts.push(part.settle(&keys::INPUT, problems));
        } else {
            let hint = format!("give the input a name: [input.events] with its {}", entry.name);
            problems.add(entry.place, path, "inputs are sections with a name").hint(hint);
        }
    }
    parts
}

/// A section before its keys are looked at.
struct Raw {
    path: String,
    place: Place,
    given: bool,
    entries: Vec<Entry>,
}

fn take_section(entries: &mut Vec<Entry>, section: &Section, problems: &mut Problems) -> Raw {
    let at = entries.iter().position(|entry| entry.name == section.path);
    take(entries, at.or_else(|| misspelt(entries, section, problems)), section, problems)
}

fn take_subsection(raw: &mut Raw, section: &Section, problems: &mut Problems) -> Raw {
    let name = section.path.rsplit('.').next().unwrap_or(section.path);
    let at = raw.entries.iter().position(|entry| entry.name == name);
    take(&mut raw.entries, at, section, problems)
}

/// A misspelt section is told, and then read as the one that was meant, so that one fault brings forth no others.
fn misspelt(entries: &[Entry], section: &Section, problems: &mut Problems) -> Option<usize> {
    let names = || {
        SECTIONS.iter().filter_map(|section| section.path.split('.').next()).filter(|name| !name.is_empty())
    };
    let at = entries.iter().position(|entry| {
        matches!(entry.node.value, Value::Table(_))
            && !names().any(|name| name == entry.name)
            && nearest(&entry.name, names()) == Some(section.path)
    })?;
    let entry = entries.get(at)?;
    problems.add(entry.place, &entry.name, "unknown section").likely(Some(section.path));
    Some(at)
}

fn take(entries: &mut Vec<Entry>, at: Option<usize>, section: &Section, problems: &mut Problems) -> Raw {
    let path = section.path.to_owned();
    let Some(entry) = at.map(|at| entries.remove(at)) else {
        return Raw { path, place: Place::START, given: false, entries: Vec::new() };
    };
    let entries = match entry.node.value {
        Value::Table(found) => found,
        other => {
            let message = format!("must be a section, not {}", other.kind());
            problems.add(entry.place, &path, message).hint(format!("write [{path}] and its keys below"));
            Vec::new()
        }
    };
    Raw { path, place: entry.place, given: true, entries }
}

impl Raw {
    /// Turns entries into settings.
    fn settle(self, section: &'static Section, problems: &mut Problems) -> Part {
        let Raw { path, place, given, entries } = self;
        let mut part = Part { path, place, given, settings: Vec::new(), others: Vec::new() };
        let absent: Vec<&str> = section
            .keys()
            .map(|key| key.name)
            .filter(|name| !entries.iter().any(|entry| entry.name == *name))
            .collect();
        for entry in entries {
            let key = section.keys().find(|key| key.name == entry.name);
            let key = match key {
                None if section.open.is_some() => {
                    part.others.push(entry);
                    continue;
                }
                None => tell_unknown(&part.path, section, &absent, &entry, problems),
                known => known,
            };
            if let Some(key) = key {
                let path = join(&part.path, key.name);
                let setting = setting::read(key, &entry.node, &path, problems);
                part.settings.push(Given { key: key.name, place: Some(entry.place), setting });
            }
        }
        part.fill_in(section, problems);
        part
    }
}

impl Part {
    /// Adds defaults, and tells what is missing.
    fn fill_in(&mut self, section: &'static Section, problems: &mut Problems) {
        for key in section.keys() {
            if self.find(key).is_some() {
                continue;
            }
            match key.presence {
                Presence::Default(text) => {
                    self.settings.push(Given {
                        key: key.name,
                        place: None,
                        setting: setting::default(key, text),
                    });
                }
                Presence::Required if self.given => {
                    let hint = format!("add {}", setting::example(key));
                    problems.add(self.place, self.path(key), "is missing").hint(hint);
                }
                Presence::Required | Presence::Otherwise(_) => {}
            }
        }
    }
}

/// Tells of an unknown key; returns the one that was probably meant, as which it is then read.
fn tell_unknown(
    path: &str,
    section: &'static Section,
    absent: &[&'static str],
    entry: &Entry,
    problems: &mut Problems,
) -> Option<&'static Key> {
    let likely = nearest(&entry.name, absent.iter().copied()).filter(|_| home(&entry.name).is_none());
    let hint = match (likely, home(&entry.name)) {
        (Some(likely), _) => did_you_mean(likely),
        (None, Some(home)) => format!("it belongs {home}"),
        (None, None) => {
            format!("known here: {}", section.keys().map(|key| key.name).collect::<Vec<_>>().join(", "))
        }
    };
    problems.add(entry.place, join(path, &entry.name), "unknown key").hint(hint);
    section.keys().find(|key| Some(key.name) == likely)
}

/// Where a key of this name belongs, in words.
pub fn home(name: &str) -> Option<String> {
    let section = SECTIONS.iter().find(|section| section.keys().any(|key| key.name == name))?;
    Some(match section.path {
        "" => "above the first section".to_owned(),
        path => format!("into [{path}]"),
    })
}
