//! Standardises numeric features by their running mean and deviation.
#![doc = include_str!("standard_scaler.md")]

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
struct Moments {
    /// Weight learnt.
    count: f64,
    mean: f64,
    /// Sum of squared differences from the mean.
    squares: f64,
    /// Reciprocal of the deviation, 0 where there is none. Follows from the others.
    inverse: f64,
}

impl Moments {
    fn derive(&mut self) {
        let inverse = (self.count / self.squares).sqrt();
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
    features: Vec<Moments>,
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
            features: vec![Moments::default(); schema.numeric.len()],
        }
    }
}

impl Transformer for StandardScaler {
    fn output(&self) -> &Schema {
        &self.schema
    }

    fn transform(&self, row: Row<'_>, out: &mut RowBuffer) {
        out.clear();
        out.numeric.extend(row.numeric.iter().zip(&self.features).map(|(&value, moments)| {
            if usable(value) { (value - moments.mean) * moments.inverse } else { f64::NAN }
        }));
        pass_others(row, out);
    }

    fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.features.len() * size_of::<Moments>()
    }

    fn learn(&mut self, row: Row<'_>, weight: f64) {
        if !teaches(weight) {
            return;
        }
        for (&value, moments) in row.numeric.iter().zip(&mut self.features) {
            if usable(value) {
                moments.count = self.decay * moments.count + weight;
                let difference = value - moments.mean;
                moments.mean += difference * (weight / moments.count);
                moments.squares = self.decay * moments.squares + weight * difference * (value - moments.mean);
                moments.derive();
            }
        }
    }
}

impl Snapshot for StandardScaler {
    fn save(&self, out: &mut Writer) {
        out.version(1);
        out.unsigned(self.features.len() as u64);
        for moments in &self.features {
            out.float(moments.count);
            out.float(moments.mean);
            out.float(moments.squares);
        }
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        from.part("standard_scaler");
        from.version(1)?;
        from.expect_length(self.features.len(), "numeric features")?;
        for moments in &mut self.features {
            moments.count = from.finite_not_negative()?;
            moments.mean = from.finite()?;
            moments.squares = from.finite_not_negative()?;
            moments.derive();
        }
        Ok(())
    }
}
