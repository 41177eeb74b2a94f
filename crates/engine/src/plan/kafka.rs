//! Properties of the Kafka clients: passed through, except for those that the pipeline itself decides.

use super::KafkaProperties;
use crate::spec::problem::Problems;
use crate::spec::read::{Part, home};
use crate::spec::tree::{Entry, Value, join};
use std::collections::BTreeMap;
use std::fmt;

/// Properties that are decided elsewhere, and where.
const DECIDED: &[(&str, &str)] = &[
    ("group.id", "it is `<prefix><name>`: set `prefix` and `name` instead"),
    ("group.protocol", "lanes are handed out by the classic protocol"),
    ("partition.assignment.strategy", "lanes are handed out by the cooperative-sticky assignor"),
    ("transactional.id", "it is made from `<prefix><name>`: set `prefix` and `name` instead"),
    ("enable.idempotence", "transactions need it, so it is always on"),
    ("auto.offset.reset", "set `start` of the input instead"),
    ("enable.auto.commit", "offsets are committed in the transaction with the answers"),
    ("enable.auto.offset.store", "offsets are committed in the transaction with the answers"),
    ("isolation.level", "only committed records are read"),
    ("queued.max.messages.kbytes", "set `limits.queue_bytes_max` instead"),
];

/// The properties of a section. Dotted names may stand without quotes: TOML then nests tables, which are flattened.
pub(super) fn properties(part: &Part, problems: &mut Problems) -> BTreeMap<String, String> {
    let mut properties = BTreeMap::new();
    for entry in &part.others {
        flatten(part, "", entry, &mut properties, problems);
    }
    properties
}

fn flatten(
    part: &Part,
    before: &str,
    entry: &Entry,
    into: &mut BTreeMap<String, String>,
    problems: &mut Problems,
) {
    let name = join(before, &entry.name);
    let path = join(&part.path, &name);
    let value = match &entry.node.value {
        Value::Table(entries) => {
            entries.iter().for_each(|entry| flatten(part, &name, entry, into, problems));
            return;
        }
        Value::List(items) => {
            let items: Option<Vec<_>> = items.iter().map(|item| item.value.scalar_text()).collect();
            items.map(|items| items.join(","))
        }
        scalar => scalar.scalar_text(),
    };
    let decided = DECIDED.iter().find(|(decided, _)| *decided == name);
    match value {
        _ if decided.is_some() => {
            let hint = decided.map_or("", |(_, hint)| hint);
            problems.add(entry.place, path, "the pipeline decides this itself").hint(hint);
        }
        // `lanes = 2` below [kafka] would otherwise pass as a property that Kafka does not know.
        _ if !name.contains('.') && home(&name).is_some() => {
            let home = home(&name).unwrap_or_default();
            problems.add(entry.place, path, "is no Kafka property").hint(format!("it belongs {home}"));
        }
        Some(value) => {
            if into.insert(name, value).is_some() {
                problems.add(entry.place, path, "is given twice");
            }
        }
        None => {
            problems.add(entry.place, path, "must be a text, number, truth value or list of these");
        }
    }
}

impl fmt::Debug for KafkaProperties {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sides = [("common", &self.common), ("consumer", &self.consumer), ("producer", &self.producer)];
        f.debug_map().entries(sides.map(|(side, properties)| (side, properties.keys()))).finish()
    }
}
