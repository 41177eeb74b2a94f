//! Maps numeric features to 0..1 by their lowest and highest value.
#![doc = include_str!("min_max_scaler.md")]

use super::{HALF_LIFE, decay, pass_others, teaches, usable};
use crate::features::{Row, RowBuffer, Schema};
use crate::model::Transformer;
use crate::params::Values;
use crate::registry::TransformerEntry;
use crate::snapshot::{Reader, Snapshot, SnapshotError, Writer};

/// The registry's entry.
pub const ENTRY: TransformerEntry = TransformerEntry {
    name: "min_max_scaler",
    summary: "Maps every numeric feature to 0..1 by its lowest and highest value.",
    doc: include_str!("min_max_scaler.md"),
    meaning_version: 1,
    params: &[HALF_LIFE],
    build: |schema, values, _seed| Ok(Box::new(MinMaxScaler::new(schema, values))),
};

/// See the module.
///
/// ```
/// use streamfold_learn::features::{Row, RowBuffer, Schema};
/// use streamfold_learn::model::Transformer;
/// use streamfold_learn::prepare::min_max_scaler::{ENTRY, MinMaxScaler};
///
/// let schema = Schema { numeric: vec!["x".into()], ..Schema::default() };
/// let mut scaler = MinMaxScaler::new(&schema, &ENTRY.values(&[])?);
/// for x in [2.0, 4.0, 10.0] {
///     scaler.learn(Row { numeric: &[x], ..Row::default() }, 1.0);
/// }
/// let mut out = RowBuffer::default();
/// scaler.transform(Row { numeric: &[4.0], ..Row::default() }, &mut out);
/// assert_eq!(out.numeric, [0.25]);
/// # Ok::<(), streamfold_learn::params::ParamError>(())
/// ```
#[derive(Clone, Debug)]
pub struct MinMaxScaler {
    schema: Schema,
    /// Share of the way to a value that the ends go.
    rate: f64,
    /// Lowest and highest of each feature, once there was a value.
    ranges: Vec<Option<(f64, f64)>>,
}

impl MinMaxScaler {
    /// A scaler that has learnt nothing.
    pub fn new(schema: &Schema, values: &Values) -> Self {
        MinMaxScaler {
            schema: schema.clone(),
            rate: 1.0 - decay(values),
            ranges: vec![None; schema.numeric.len()],
        }
    }
}

impl Transformer for MinMaxScaler {
    fn output(&self) -> &Schema {
        &self.schema
    }

    fn transform(&self, row: Row<'_>, out: &mut RowBuffer) {
        out.clear();
        out.numeric.extend(row.numeric.iter().zip(&self.ranges).map(|(&value, range)| match range {
            _ if !usable(value) => f64::NAN,
            Some((lowest, highest)) if lowest < highest => (value - lowest) / (highest - lowest),
            _ => 0.0,
        }));
        pass_others(row, out);
    }

    fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.ranges.capacity() * size_of::<Option<(f64, f64)>>()
    }

    fn learn(&mut self, row: Row<'_>, weight: f64) {
        if !teaches(weight) {
            return;
        }
        for (&value, range) in row.numeric.iter().zip(&mut self.ranges) {
            if usable(value) {
                let (lowest, highest) = range.unwrap_or((value, value));
                let nearer = |end: f64| end + self.rate * (value - end);
                *range = Some((nearer(lowest).min(value), nearer(highest).max(value)));
            }
        }
    }
}

impl Snapshot for MinMaxScaler {
    fn save(&self, out: &mut Writer) {
        out.version(1);
        out.unsigned(self.ranges.len() as u64);
        for range in &self.ranges {
            out.boolean(range.is_some());
            if let Some((lowest, highest)) = range {
                out.float(*lowest);
                out.float(*highest);
            }
        }
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        from.part("min_max_scaler");
        from.version(1)?;
        from.expect_length(self.ranges.len(), "numeric features")?;
        for range in &mut self.ranges {
            *range = match from.boolean()? {
                true => Some((
                    from.finite()?.clamp(-super::LIMIT, super::LIMIT),
                    from.finite()?.clamp(-super::LIMIT, super::LIMIT),
                )),
                false => None,
            };
        }
        Ok(())
    }
}
