//! Silences numeric features that do not vary.
#![doc = include_str!("variance_threshold.md")]

use super::moments::Moments;
use super::{HALF_LIFE, decay, pass_others, teaches, usable};
use crate::features::{Row, RowBuffer, Schema};
use crate::model::Transformer;
use crate::params::{Param, ParamKind, Values};
use crate::registry::TransformerEntry;
use crate::snapshot::{Reader, Snapshot, SnapshotError, Writer};

const THRESHOLD: Param = Param {
    name: "threshold",
    kind: ParamKind::Number { min: 0.0, max: 1e12, default: 0.0 },
    doc: "Variance that a feature must exceed.",
    default_from: "scikit-learn and River: only constants are silenced.",
};

/// The registry's entry.
pub const ENTRY: TransformerEntry = TransformerEntry {
    name: "variance_threshold",
    summary: "Silences numeric features that do not vary.",
    doc: include_str!("variance_threshold.md"),
    meaning_version: 1,
    params: &[THRESHOLD, HALF_LIFE],
    build: |schema, values, _seed| Ok(Box::new(VarianceThreshold::new(schema, values))),
};

/// See the module.
///
/// ```
/// use streamfold_learn::features::{Row, RowBuffer, Schema};
/// use streamfold_learn::model::Transformer;
/// use streamfold_learn::prepare::variance_threshold::{ENTRY, VarianceThreshold};
///
/// let schema = Schema { numeric: vec!["fixed".into(), "moving".into()], ..Schema::default() };
/// let mut threshold = VarianceThreshold::new(&schema, &ENTRY.values(&[])?);
/// for x in [1.0, 2.0, 3.0] {
///     threshold.learn(Row { numeric: &[5.0, x], ..Row::default() }, 1.0);
/// }
/// let mut out = RowBuffer::default();
/// threshold.transform(Row { numeric: &[5.0, 2.0], ..Row::default() }, &mut out);
/// assert_eq!(out.numeric, [0.0, 2.0]);
/// # Ok::<(), streamfold_learn::params::ParamError>(())
/// ```
#[derive(Clone, Debug)]
pub struct VarianceThreshold {
    schema: Schema,
    threshold: f64,
    decay: f64,
    features: Vec<Moments>,
}

impl VarianceThreshold {
    /// A selection that has learnt nothing.
    pub fn new(schema: &Schema, values: &Values) -> Self {
        VarianceThreshold {
            schema: schema.clone(),
            threshold: values.number(&THRESHOLD),
            decay: decay(values),
            features: vec![Moments::default(); schema.numeric.len()],
        }
    }
}

impl Transformer for VarianceThreshold {
    fn output(&self) -> &Schema {
        &self.schema
    }

    fn transform(&self, row: Row<'_>, out: &mut RowBuffer) {
        out.clear();
        out.numeric.extend(row.numeric.iter().zip(&self.features).map(|(&value, moments)| {
            let varies = moments.squares > self.threshold * moments.count;
            if varies || value.is_nan() { value } else { 0.0 }
        }));
        pass_others(row, out);
    }

    fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.features.capacity() * size_of::<Moments>()
    }

    fn learn(&mut self, row: Row<'_>, weight: f64) {
        if !teaches(weight) {
            return;
        }
        for (&value, moments) in row.numeric.iter().zip(&mut self.features) {
            if usable(value) {
                moments.learn(value, weight, self.decay);
            }
        }
    }
}

impl Snapshot for VarianceThreshold {
    fn save(&self, out: &mut Writer) {
        out.version(1);
        out.unsigned(self.features.len() as u64);
        self.features.iter().for_each(|moments| moments.save(out));
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        from.part("variance_threshold");
        from.version(1)?;
        from.expect_length(self.features.len(), "numeric features")?;
        self.features.iter_mut().try_for_each(|moments| moments.load(from))
    }
}
