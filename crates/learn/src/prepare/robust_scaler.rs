//! Scales numeric features by their median and interquartile range.
#![doc = include_str!("robust_scaler.md")]

use super::quantile::Quantile;
use super::{HALF_LIFE, decay, pass_others, teaches, usable};
use crate::features::{Row, RowBuffer, Schema};
use crate::model::Transformer;
use crate::params::Values;
use crate::registry::TransformerEntry;
use crate::snapshot::{Reader, Snapshot, SnapshotError, Writer};

/// The registry's entry.
pub const ENTRY: TransformerEntry = TransformerEntry {
    name: "robust_scaler",
    summary: "Scales every numeric feature by its median and interquartile range.",
    doc: include_str!("robust_scaler.md"),
    meaning_version: 1,
    params: &[HALF_LIFE],
    build: |schema, values, _seed| Ok(Box::new(RobustScaler::new(schema, values))),
};

/// Quartiles of a feature.
const SHARES: [f64; 3] = [0.25, 0.5, 0.75];

/// See the module.
///
/// ```
/// use streamfold_learn::features::{Row, RowBuffer, Schema};
/// use streamfold_learn::model::Transformer;
/// use streamfold_learn::prepare::robust_scaler::{ENTRY, RobustScaler};
///
/// let schema = Schema { numeric: vec!["x".into()], ..Schema::default() };
/// let mut scaler = RobustScaler::new(&schema, &ENTRY.values(&[])?);
/// for x in 0..1001 {
///     let x = f64::from(x * 7 % 1001);
///     scaler.learn(Row { numeric: &[if x == 1000.0 { 1e9 } else { x }], ..Row::default() }, 1.0);
/// }
/// let mut out = RowBuffer::default();
/// scaler.transform(Row { numeric: &[1000.0], ..Row::default() }, &mut out);
/// assert_eq!((out.numeric[0] * 10.0).round(), 10.0);
/// # Ok::<(), streamfold_learn::params::ParamError>(())
/// ```
#[derive(Clone, Debug)]
pub struct RobustScaler {
    schema: Schema,
    decay: f64,
    features: Vec<[Quantile; 3]>,
}

impl RobustScaler {
    /// A scaler that has learnt nothing.
    pub fn new(schema: &Schema, values: &Values) -> Self {
        let quartiles = SHARES.map(Quantile::new);
        RobustScaler {
            schema: schema.clone(),
            decay: decay(values),
            features: vec![quartiles; schema.numeric.len()],
        }
    }
}

impl Transformer for RobustScaler {
    fn output(&self) -> &Schema {
        &self.schema
    }

    fn transform(&self, row: Row<'_>, out: &mut RowBuffer) {
        out.clear();
        out.numeric.extend(row.numeric.iter().zip(&self.features).map(|(&value, quartiles)| {
            match quartiles.map(|quartile| quartile.value()) {
                _ if !usable(value) => f64::NAN,
                [Some(lower), Some(median), Some(upper)] if lower < upper => {
                    let scaled = (value - median) / (upper - lower);
                    if scaled.is_finite() { scaled } else { 0.0 }
                }
                _ => 0.0,
            }
        }));
        pass_others(row, out);
    }

    fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.features.capacity() * size_of::<[Quantile; 3]>()
    }

    fn learn(&mut self, row: Row<'_>, weight: f64) {
        if !teaches(weight) {
            return;
        }
        for (&value, quartiles) in row.numeric.iter().zip(&mut self.features) {
            if usable(value) {
                quartiles.iter_mut().for_each(|quartile| quartile.learn(value, self.decay));
            }
        }
    }
}

impl Snapshot for RobustScaler {
    fn save(&self, out: &mut Writer) {
        out.version(1);
        out.unsigned(self.features.len() as u64);
        self.features.iter().flatten().for_each(|quartile| quartile.save(out));
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        from.part("robust_scaler");
        from.version(1)?;
        from.expect_length(self.features.len(), "numeric features")?;
        self.features.iter_mut().flatten().try_for_each(|quartile| quartile.load(from))
    }
}
