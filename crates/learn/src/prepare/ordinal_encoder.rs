//! Categories as numbers in the order in which they came.
#![doc = include_str!("ordinal_encoder.md")]

use super::dictionary::{Dictionary, KEEP, VALUES_MAX};
use super::teaches;
use crate::features::{MISSING_CATEGORY, Row, RowBuffer, Schema};
use crate::model::Transformer;
use crate::params::Values;
use crate::registry::TransformerEntry;
use crate::snapshot::{Reader, Snapshot, SnapshotError, Writer};

/// The registry's entry.
pub const ENTRY: TransformerEntry = TransformerEntry {
    name: "ordinal_encoder",
    summary: "Numbers the values of each categorical feature in the order in which they came.",
    doc: include_str!("ordinal_encoder.md"),
    meaning_version: 1,
    params: &[VALUES_MAX, KEEP],
    build: |schema, values, _seed| Ok(Box::new(OrdinalEncoder::new(schema, values))),
};

/// See the module.
///
/// ```
/// use streamfold_learn::features::{Row, RowBuffer, Schema, category};
/// use streamfold_learn::model::Transformer;
/// use streamfold_learn::prepare::ordinal_encoder::{ENTRY, OrdinalEncoder};
///
/// let schema = Schema { categories: vec!["carrier".into()], ..Schema::default() };
/// let mut encoder = OrdinalEncoder::new(&schema, &ENTRY.values(&[])?);
/// for carrier in ["UA", "AA", "UA", "B6"] {
///     encoder.learn(Row { categories: &[category(carrier.as_bytes())], ..Row::default() }, 1.0);
/// }
/// let mut out = RowBuffer::default();
/// encoder.transform(Row { categories: &[category(b"B6")], ..Row::default() }, &mut out);
/// assert_eq!(out.numeric, [3.0]);
/// # Ok::<(), streamfold_learn::params::ParamError>(())
/// ```
#[derive(Clone, Debug)]
pub struct OrdinalEncoder {
    output: Schema,
    dictionaries: Vec<Dictionary>,
}

impl OrdinalEncoder {
    /// An encoder that has seen nothing.
    pub fn new(schema: &Schema, values: &Values) -> Self {
        let dictionary = Dictionary::new(values.integer(&VALUES_MAX) as usize);
        OrdinalEncoder {
            output: encoded(schema, values.boolean(&KEEP)),
            dictionaries: vec![dictionary; schema.categories.len()],
        }
    }
}

/// The schema with a number for each categorical feature after the numeric ones.
pub(super) fn encoded(schema: &Schema, keep: bool) -> Schema {
    let mut output = schema.clone();
    output.numeric.extend(schema.categories.iter().cloned());
    if !keep {
        output.categories.clear();
    }
    output
}

/// Lets all but categories pass, and those where the output has them.
pub(super) fn pass(row: Row<'_>, output: &Schema, out: &mut RowBuffer) {
    out.clear();
    out.numeric.extend_from_slice(row.numeric);
    if !output.categories.is_empty() {
        out.categories.extend_from_slice(row.categories);
    }
    out.sparse.extend_from_slice(row.sparse);
}

impl Transformer for OrdinalEncoder {
    fn output(&self) -> &Schema {
        &self.output
    }

    fn transform(&self, row: Row<'_>, out: &mut RowBuffer) {
        pass(row, &self.output, out);
        out.numeric.extend(row.categories.iter().zip(&self.dictionaries).map(|(&category, dictionary)| {
            match dictionary.number(category) {
                _ if category == MISSING_CATEGORY => f64::NAN,
                Some(number) => f64::from(number) + 1.0,
                None => 0.0,
            }
        }));
    }

    fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.dictionaries.iter().map(Dictionary::memory_bytes).sum::<usize>()
    }

    fn learn(&mut self, row: Row<'_>, weight: f64) {
        if teaches(weight) {
            for (&category, dictionary) in row.categories.iter().zip(&mut self.dictionaries) {
                dictionary.add(category);
            }
        }
    }
}

impl Snapshot for OrdinalEncoder {
    fn save(&self, out: &mut Writer) {
        out.version(1);
        out.unsigned(self.dictionaries.len() as u64);
        self.dictionaries.iter().for_each(|dictionary| dictionary.save(out));
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        from.part("ordinal_encoder");
        from.version(1)?;
        from.expect_length(self.dictionaries.len(), "categorical features")?;
        self.dictionaries.iter_mut().try_for_each(|dictionary| dictionary.load(from))
    }
}
