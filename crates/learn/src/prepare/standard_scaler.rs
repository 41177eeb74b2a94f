//! Standardises numeric features by their running mean and deviation.
#![doc = include_str!("standard_scaler.md")]

use super::moments::Moments;
use super::{HALF_LIFE, decay, pass_others, teaches, usable};
use crate::features::{Row, RowBuffer, Schema};
use crate::model::Transformer;
use crate::params::Values;
use crate::registry::TransformerEntry;
use crate::snapshot::{Reader, Snapshot, SnapshotError, Writer};

/// The registry's entry.
pub const ENTRY: TransformerEntry = TransformerEntry {
    name: "standard_scaler",
    summary: "Gives every numeric feature mean 0 and deviation 1.",
    doc: include_str!("standard_scaler.md"),
    meaning_version: 1,
    params: &[HALF_LIFE],
    build: |schema, values, _seed| Ok(Box::new(StandardScaler::with_values(schema, values))),
};

#[derive(Clone, Copy, Debug, Default)]
struct Feature {
    moments: Moments,
    /// Reciprocal of the deviation, 0 where there is none. Follows from the moments.
    inverse: f64,
}

impl Feature {
    fn derive(&mut self) {
        let inverse = (self.moments.count / self.moments.squares).sqrt();
        self.inverse = if inverse.is_finite() { inverse } else { 0.0 };
    }
}

/// See the module.
///
/// ```
/// use streamfold_learn::features::{Row, RowBuffer, Schema};
/// use streamfold_learn::model::Transformer;
/// use streamfold_learn::prepare::standard_scaler::StandardScaler;
///
/// let mut scaler = StandardScaler::new(&Schema { numeric: vec!["x".into()], ..Schema::default() });
/// for x in [2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0] {
///     scaler.learn(Row { numeric: &[x], ..Row::default() }, 1.0);
/// }
/// let mut out = RowBuffer::default();
/// scaler.transform(Row { numeric: &[9.0], ..Row::default() }, &mut out);
/// assert_eq!(out.numeric, [2.0]);
/// ```
#[derive(Clone, Debug)]
pub struct StandardScaler {
    schema: Schema,
    /// What is left of what was learnt after each value.
    decay: f64,
    features: Vec<Feature>,
}

impl StandardScaler {
    /// A scaler with defaults that has learnt nothing.
    pub fn new(schema: &Schema) -> Self {
        Self::with_values(schema, &Values::default())
    }

    /// A scaler that has learnt nothing.
    pub fn with_values(schema: &Schema, values: &Values) -> Self {
        StandardScaler {
            schema: schema.clone(),
            decay: decay(values),
            features: vec![Feature::default(); schema.numeric.len()],
        }
    }
}

impl Transformer for StandardScaler {
    fn output(&self) -> &Schema {
        &self.schema
    }

    fn transform(&self, row: Row<'_>, out: &mut RowBuffer) {
        out.clear();
        out.numeric.extend(row.numeric.iter().zip(&self.features).map(|(&value, feature)| {
            if usable(value) { (value - feature.moments.mean) * feature.inverse } else { f64::NAN }
        }));
        pass_others(row, out);
    }

    fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.features.len() * size_of::<Feature>()
    }

    fn learn(&mut self, row: Row<'_>, weight: f64) {
        if !teaches(weight) {
            return;
        }
        for (&value, feature) in row.numeric.iter().zip(&mut self.features) {
            if usable(value) {
                feature.moments.learn(value, weight, self.decay);
                feature.derive();
            }
        }
    }
}

impl Snapshot for StandardScaler {
    fn save(&self, out: &mut Writer) {
        out.version(1);
        out.unsigned(self.features.len() as u64);
        self.features.iter().for_each(|feature| feature.moments.save(out));
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        from.part("standard_scaler");
        from.version(1)?;
        from.expect_length(self.features.len(), "numeric features")?;
        for feature in &mut self.features {
            feature.moments.load(from)?;
            feature.derive();
        }
        Ok(())
    }
}
