//! Categories as the share of events that have them.
#![doc = include_str!("frequency_encoder.md")]

use super::dictionary::{Dictionary, KEEP, VALUES_MAX};
use super::ordinal_encoder::{encoded, pass};
use super::teaches;
use crate::features::{MISSING_CATEGORY, Row, RowBuffer, Schema};
use crate::model::Transformer;
use crate::params::Values;
use crate::registry::TransformerEntry;
use crate::snapshot::{Reader, Snapshot, SnapshotError, Writer};

/// The registry's entry.
pub const ENTRY: TransformerEntry = TransformerEntry {
    name: "frequency_encoder",
    summary: "Turns the values of each categorical feature into the share of events that have them.",
    doc: include_str!("frequency_encoder.md"),
    meaning_version: 1,
    params: &[VALUES_MAX, KEEP],
    build: |schema, values, _seed| Ok(Box::new(FrequencyEncoder::new(schema, values))),
};

#[derive(Clone, Debug)]
struct Feature {
    dictionary: Dictionary,
    /// Weight of the events that have the value of this number.
    weights: Vec<f64>,
    /// Weight of all events that have a value.
    total: f64,
}

/// See the module.
///
/// ```
/// use streamfold_learn::features::{Row, RowBuffer, Schema, category};
/// use streamfold_learn::model::Transformer;
/// use streamfold_learn::prepare::frequency_encoder::{ENTRY, FrequencyEncoder};
///
/// let schema = Schema { categories: vec!["carrier".into()], ..Schema::default() };
/// let mut encoder = FrequencyEncoder::new(&schema, &ENTRY.values(&[])?);
/// for carrier in ["UA", "AA", "UA", "B6"] {
///     encoder.learn(Row { categories: &[category(carrier.as_bytes())], ..Row::default() }, 1.0);
/// }
/// let mut out = RowBuffer::default();
/// encoder.transform(Row { categories: &[category(b"UA")], ..Row::default() }, &mut out);
/// assert_eq!(out.numeric, [0.5]);
/// # Ok::<(), streamfold_learn::params::ParamError>(())
/// ```
#[derive(Clone, Debug)]
pub struct FrequencyEncoder {
    output: Schema,
    features: Vec<Feature>,
}

impl FrequencyEncoder {
    /// An encoder that has seen nothing.
    pub fn new(schema: &Schema, values: &Values) -> Self {
        let dictionary = Dictionary::new(values.integer(&VALUES_MAX) as usize);
        let feature = Feature { dictionary, weights: Vec::new(), total: 0.0 };
        FrequencyEncoder {
            output: encoded(schema, values.boolean(&KEEP)),
            features: vec![feature; schema.categories.len()],
        }
    }
}

impl Transformer for FrequencyEncoder {
    fn output(&self) -> &Schema {
        &self.output
    }

    fn transform(&self, row: Row<'_>, out: &mut RowBuffer) {
        pass(row, &self.output, out);
        out.numeric.extend(row.categories.iter().zip(&self.features).map(|(&category, feature)| {
            match feature.dictionary.number(category) {
                _ if category == MISSING_CATEGORY => f64::NAN,
                Some(number) => feature.weights[number as usize] / feature.total,
                None => 0.0,
            }
        }));
    }

    fn memory_bytes(&self) -> usize {
        let heap = |feature: &Feature| feature.dictionary.memory_bytes() + 8 * feature.weights.capacity();
        size_of::<Self>() + self.features.iter().map(heap).sum::<usize>()
    }

    fn learn(&mut self, row: Row<'_>, weight: f64) {
        if !teaches(weight) {
            return;
        }
        for (&category, feature) in row.categories.iter().zip(&mut self.features) {
            if category == MISSING_CATEGORY {
                continue;
            }
            feature.total += weight;
            if let Some(number) = feature.dictionary.add(category) {
                feature.weights.resize(feature.dictionary.len(), 0.0);
                feature.weights[number as usize] += weight;
            }
        }
    }
}

impl Snapshot for FrequencyEncoder {
    fn save(&self, out: &mut Writer) {
        out.version(1);
        out.unsigned(self.features.len() as u64);
        for feature in &self.features {
            feature.dictionary.save(out);
            out.float(feature.total);
            feature.weights.iter().for_each(|weight| out.float(*weight));
        }
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        from.part("frequency_encoder");
        from.version(1)?;
        from.expect_length(self.features.len(), "categorical features")?;
        for feature in &mut self.features {
            feature.dictionary.load(from)?;
            feature.total = from.finite_not_negative()?;
            let weights = (0..feature.dictionary.len()).map(|_| from.finite_not_negative());
            feature.weights = weights.collect::<Result<_, _>>()?;
            if feature.weights.iter().any(|weight| *weight > feature.total * 1.000_001) {
                return Err(from.invalid("a value with a larger share than one"));
            }
        }
        Ok(())
    }
}
