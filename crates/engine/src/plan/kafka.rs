//! Properties of the Kafka clients: passed through, after those who know them have looked at each.

use super::KafkaProperties;
use crate::spec::problem::Problems;
use crate::spec::read::{Part, home};
use crate::spec::tree::{Entry, Value, join};
use std::collections::BTreeMap;
use std::fmt;

/// Says what is wrong with a property of this name and value, if anything is. The engine knows no client.
pub type PropertyCheck<'a> = &'a dyn Fn(&str, &str) -> Result<(), String>;

/// The properties of a section.
pub(super) fn properties(
    part: &Part,
    check: PropertyCheck<'_>,
    problems: &mut Problems,
) -> BTreeMap<String, String> {
    let mut reader = Reader { part, check, problems, properties: BTreeMap::new() };
    part.others.iter().for_each(|entry| reader.read("", entry));
    reader.properties
}

struct Reader<'a> {
    part: &'a Part,
    check: PropertyCheck<'a>,
    problems: &'a mut Problems,
    properties: BTreeMap<String, String>,
}

impl Reader<'_> {
    /// Dotted names may stand without quotes: TOML then nests tables, which are flattened.
    fn read(&mut self, before: &str, entry: &Entry) {
        let name = join(before, &entry.name);
        let path = join(&self.part.path, &name);
        let value = match &entry.node.value {
            Value::Table(entries) => {
                entries.iter().for_each(|entry| self.read(&name, entry));
                return;
            }
            Value::List(items) => {
                let items: Option<Vec<_>> = items.iter().map(|item| item.value.scalar_text()).collect();
                items.map(|items| items.join(","))
            }
            scalar => scalar.scalar_text(),
        };
        let Some(value) = value else {
            self.problems.add(entry.place, path, "must be a text, number, truth value or list of these");
            return;
        };
        // `lanes = 2` below [kafka] would otherwise pass as a property.
        if let Some(home) = home(&name) {
            self.problems.add(entry.place, path, "is no Kafka property").hint(format!("it belongs {home}"));
        } else if let Err(fault) = (self.check)(&name, &value) {
            self.problems.add(entry.place, path, fault);
        } else if self.properties.insert(name, value).is_some() {
            self.problems.add(entry.place, path, "is given twice");
        }
    }
}

impl fmt::Debug for KafkaProperties {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sides = [("common", &self.common), ("consumer", &self.consumer), ("producer", &self.producer)];
        f.debug_map().entries(sides.map(|(side, properties)| (side, properties.keys()))).finish()
    }
}
