//! Sparse features weighted by how rare they are.
#![doc = include_str!("tf_idf.md")]

use super::{teaches, usable};
use crate::features::{Row, RowBuffer, Schema};
use crate::model::Transformer;
use crate::params::ParamError;
use crate::registry::TransformerEntry;
use crate::snapshot::{Reader, Snapshot, SnapshotError, Writer};

/// The registry's entry.
pub const ENTRY: TransformerEntry = TransformerEntry {
    name: "tf_idf",
    summary: "Weighs sparse features, such as hashed words, by how rare they are.",
    doc: include_str!("tf_idf.md"),
    meaning_version: 1,
    params: &[],
    build: |schema, _values, _seed| Ok(Box::new(TfIdf::new(schema)?)),
};

/// Most sparse features.
const SIZE_MAX: u32 = 1 << 24;

/// See the module.
///
/// ```
/// use streamfold_learn::features::{Row, RowBuffer, Schema};
/// use streamfold_learn::model::Transformer;
/// use streamfold_learn::prepare::tf_idf::TfIdf;
///
/// let mut weights = TfIdf::new(&Schema { sparse_size: 10, ..Schema::default() })?;
/// for row in [[(0, 1.0), (1, 1.0)], [(0, 1.0), (2, 1.0)], [(0, 1.0), (3, 1.0)]] {
///     weights.learn(Row { sparse: &row, ..Row::default() }, 1.0);
/// }
/// let mut out = RowBuffer::default();
/// weights.transform(Row { sparse: &[(0, 1.0), (3, 1.0)], ..Row::default() }, &mut out);
/// // 1 and 1 + ln 2, scaled to length 1.
/// assert_eq!(out.sparse.map_values(), [51, 86]);
/// # trait Hundredths { fn map_values(&self) -> Vec<i64>; }
/// # impl Hundredths for Vec<(u32, f64)> { fn map_values(&self) -> Vec<i64> { self.iter().map(|p| (p.1 * 100.0).round() as i64).collect() } }
/// # Ok::<(), streamfold_learn::params::ParamError>(())
/// ```
#[derive(Clone, Debug)]
pub struct TfIdf {
    schema: Schema,
    rows: u64,
    /// Rows that had each feature.
    rows_with: Vec<u32>,
}

impl TfIdf {
    /// Weights that have learnt nothing.
    pub fn new(schema: &Schema) -> Result<Self, ParamError> {
        if schema.sparse_size > SIZE_MAX {
            return Err(ParamError::Features {
                owner: format!("transformer `{}`", ENTRY.name),
                reason: format!(
                    "{} sparse ones, at most {SIZE_MAX} are possible; use fewer bits",
                    schema.sparse_size
                ),
            });
        }
        Ok(TfIdf { schema: schema.clone(), rows: 0, rows_with: vec![0; schema.sparse_size as usize] })
    }

    fn rarity(&self, index: u32) -> f64 {
        let with = self.rows_with.get(index as usize).copied().unwrap_or(0);
        libm::log((1.0 + self.rows as f64) / (1.0 + f64::from(with))) + 1.0
    }
}

impl Transformer for TfIdf {
    fn output(&self) -> &Schema {
        &self.schema
    }

    fn transform(&self, row: Row<'_>, out: &mut RowBuffer) {
        out.clear();
        out.numeric.extend_from_slice(row.numeric);
        out.categories.extend_from_slice(row.categories);
        let weighted = row.sparse.iter().filter(|(_, value)| usable(*value));
        out.sparse.extend(weighted.map(|&(index, value)| (index, value * self.rarity(index))));
        let length = out.sparse.iter().map(|(_, value)| value * value).sum::<f64>().sqrt();
        if length > 0.0 {
            out.sparse.iter_mut().for_each(|(_, value)| *value /= length);
        }
    }

    fn memory_bytes(&self) -> usize {
        size_of::<Self>() + 4 * self.rows_with.len()
    }

    fn learn(&mut self, row: Row<'_>, weight: f64) {
        if !teaches(weight) {
            return;
        }
        self.rows = self.rows.saturating_add(1);
        for &(index, value) in row.sparse {
            if let Some(rows) = self.rows_with.get_mut(index as usize)
                && usable(value)
            {
                *rows = rows.saturating_add(1);
            }
        }
    }
}

impl Snapshot for TfIdf {
    fn save(&self, out: &mut Writer) {
        out.version(1);
        out.unsigned(self.rows);
        let seen = || self.rows_with.iter().enumerate().filter(|(_, rows)| **rows > 0);
        out.unsigned(seen().count() as u64);
        for (index, &rows) in seen() {
            out.unsigned(index as u64);
            out.unsigned(u64::from(rows));
        }
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        from.part("tf_idf");
        from.version(1)?;
        self.rows = from.unsigned()?;
        self.rows_with.fill(0);
        for _ in 0..from.length(2)? {
            let (index, rows) = (from.unsigned()?, from.unsigned()?);
            match usize::try_from(index).ok().and_then(|index| self.rows_with.get_mut(index)) {
                Some(with) if (1..=u64::from(u32::MAX)).contains(&rows) => *with = rows as u32,
                _ => return Err(from.invalid(format!("{rows} rows with the feature {index}"))),
            }
        }
        Ok(())
    }
}
