//! Sums of features with random signs.
#![doc = include_str!("random_projection.md")]

use super::usable;
use crate::features::{Row, RowBuffer, Schema};
use crate::model::Transformer;
use crate::params::{Param, ParamKind, Values};
use crate::registry::TransformerEntry;
use crate::snapshot::{Reader, Snapshot, SnapshotError, Writer};
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

const COMPONENTS: Param = Param {
    name: "components",
    kind: ParamKind::Integer { min: 1, max: 10_000, default: 64 },
    doc: "Features that are written.",
    default_from: "Distances stay to some 12 %.",
};

/// The registry's entry.
pub const ENTRY: TransformerEntry = TransformerEntry {
    name: "random_projection",
    summary: "Replaces numeric and sparse features by sums of them with random signs.",
    doc: include_str!("random_projection.md"),
    meaning_version: 1,
    params: &[COMPONENTS],
    build: |schema, values, seed| Ok(Box::new(RandomProjection::new(schema, values, seed))),
};

/// See the module.
///
/// ```
/// use streamfold_learn::features::{Row, RowBuffer, Schema};
/// use streamfold_learn::model::Transformer;
/// use streamfold_learn::prepare::random_projection::{ENTRY, RandomProjection};
///
/// let schema = Schema { sparse_size: 1 << 20, ..Schema::default() };
/// let projection = RandomProjection::new(&schema, &ENTRY.values(&[])?, 1);
/// let mut out = RowBuffer::default();
/// projection.transform(Row { sparse: &[(70, 3.0), (90_000, 4.0)], ..Row::default() }, &mut out);
/// let length = out.numeric.iter().map(|x| x * x).sum::<f64>().sqrt();
/// assert_eq!((out.numeric.len(), length.round()), (64, 5.0));
/// # Ok::<(), streamfold_learn::params::ParamError>(())
/// ```
#[derive(Clone, Debug)]
pub struct RandomProjection {
    output: Schema,
    seed: u64,
    /// 1 / √components.
    scale: f64,
    /// Hash of each numeric feature's name.
    names: Vec<u64>,
}

impl RandomProjection {
    /// The projection of features of this schema.
    pub fn new(schema: &Schema, values: &Values, seed: u64) -> Self {
        let components = values.integer(&COMPONENTS) as usize;
        let numeric = (1..=components).map(|number| format!("projection {number}").into()).collect();
        RandomProjection {
            output: Schema { numeric, categories: schema.categories.clone(), sparse_size: 0 },
            seed,
            scale: 1.0 / (components as f64).sqrt(),
            names: schema.numeric.iter().map(|name| xxh3_64(name.as_bytes())).collect(),
        }
    }

    /// Adds a feature to all sums. Its signs are the bits of a hash for each 64 of them.
    fn add(&self, feature: u64, value: f64, sums: &mut [f64]) {
        if !usable(value) {
            return;
        }
        let value = value * self.scale;
        for (block, sums) in sums.chunks_mut(64).enumerate() {
            let signs = xxh3_64_with_seed(&feature.to_le_bytes(), self.seed.wrapping_add(block as u64));
            for (bit, sum) in sums.iter_mut().enumerate() {
                *sum += if signs >> bit & 1 == 0 { value } else { -value };
            }
        }
    }
}

impl Transformer for RandomProjection {
    fn output(&self) -> &Schema {
        &self.output
    }

    fn transform(&self, row: Row<'_>, out: &mut RowBuffer) {
        out.clear();
        out.numeric.resize(self.output.numeric.len(), 0.0);
        for (&value, &name) in row.numeric.iter().zip(&self.names) {
            self.add(name, value, &mut out.numeric);
        }
        for &(index, value) in row.sparse {
            self.add(u64::from(index), value, &mut out.numeric);
        }
        out.categories.extend_from_slice(row.categories);
    }

    fn memory_bytes(&self) -> usize {
        size_of::<Self>() + 8 * self.names.len()
    }

    fn learn(&mut self, _row: Row<'_>, _weight: f64) {}
}

impl Snapshot for RandomProjection {
    fn save(&self, out: &mut Writer) {
        out.version(1);
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        from.part("random_projection");
        from.version(1)?;
        Ok(())
    }
}
