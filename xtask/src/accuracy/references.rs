//! What other implementations score: `testdata/accuracy/references.toml`.

use crate::check::root;
use anyhow::{Context, ensure};
use serde::Deserialize;
use std::collections::BTreeMap;

/// All that is known.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct References {
    /// Algorithms and the models that are the same.
    same: BTreeMap<String, Vec<String>>,
    /// In the order of the file.
    table: Vec<Table>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    by: String,
    source: String,
    metric: String,
    unit: f64,
    columns: Vec<String>,
    streams: BTreeMap<String, Vec<f64>>,
}

/// A number of somebody else.
pub struct Reference<'a> {
    /// The implementation.
    pub by: &'a str,
    /// The algorithm, by the name that it has in the file.
    pub algorithm: &'a str,
    /// In the unit of our metrics.
    pub value: f64,
}

impl References {
    /// Reads and checks the file, and those beside it that the scripts there wrote.
    pub fn read() -> anyhow::Result<References> {
        let folder = root().join("testdata/accuracy");
        let read = |name: &str| {
            let file = folder.join(name);
            let text = std::fs::read_to_string(&file).with_context(|| file.display().to_string())?;
            toml::from_str::<toml::Table>(&text).with_context(|| file.display().to_string())
        };
        let mut whole: References = read("references.toml")?.try_into()?;
        for name in ["river.toml", "moa.toml"] {
            if folder.join(name).exists() {
                let tables = read(name)?.remove("table").context("no [[table]]")?;
                whole.table.extend(tables.try_into::<Vec<Table>>().with_context(|| name.to_owned())?);
            }
        }
        for table in &whole.table {
            for (stream, values) in &table.streams {
                ensure!(
                    values.len() == table.columns.len(),
                    "{stream} of {}: a number is missing",
                    table.source
                );
            }
        }
        Ok(whole)
    }

    /// The numbers for a stream and a metric.
    pub fn of(&self, stream: &str, metric: &str) -> Vec<Reference<'_>> {
        let mut found = Vec::new();
        for table in self.table.iter().filter(|table| table.metric == metric) {
            let Some(values) = table.streams.get(stream) else { continue };
            for (algorithm, value) in table.columns.iter().zip(values).filter(|(_, value)| value.is_finite())
            {
                found.push(Reference { by: &table.by, algorithm, value: value * table.unit });
            }
        }
        found
    }

    /// Whether our model (or baseline) is that algorithm.
    pub fn is_same(&self, algorithm: &str, model: &str) -> bool {
        algorithm == model
            || self.same.get(algorithm).is_some_and(|models| models.iter().any(|name| name == model))
    }

    /// Where the numbers come from, each once.
    pub fn sources(&self) -> Vec<String> {
        let mut sources: Vec<String> = Vec::new();
        for table in &self.table {
            let source = format!("{}: {}", table.by, table.source);
            if !sources.contains(&source) {
                sources.push(source);
            }
        }
        sources
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_are_whole() {
        let references = References::read().unwrap();
        let elec2 = references.of("elec2_8f", "accuracy");
        let tree = elec2.iter().find(|one| (one.by, one.algorithm) == ("MOA", "hoeffding_tree")).unwrap();
        assert!((tree.value - 0.8029).abs() < 1e-12);
        assert!(references.is_same("no_change", "last_class") && !references.is_same("no_change", "mean"));
    }
}
