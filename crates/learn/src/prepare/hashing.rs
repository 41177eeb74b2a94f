//! Feature hashing of categories.
#![doc = include_str!("hashing.md")]

use crate::features::{Category, MISSING_CATEGORY, Row, RowBuffer, Schema};
use crate::model::Transformer;
use crate::params::{Param, ParamError, ParamKind, Values};
use crate::registry::TransformerEntry;
use crate::snapshot::{Reader, Snapshot, SnapshotError, Writer};
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

const BITS: Param = Param {
    name: "bits",
    kind: ParamKind::Integer { min: 1, max: 30, default: 18 },
    doc: "Categories are hashed to 2^bits places.",
    default_from: "Vowpal Wabbit's default: 262,144 places.",
};

/// The registry's entry.
pub const ENTRY: TransformerEntry = TransformerEntry {
    name: "hashing",
    summary: "Hashes categories to a fixed number of sparse features.",
    doc: include_str!("hashing.md"),
    meaning_version: 1,
    params: &[BITS],
    build: |schema, values, _seed| Ok(Box::new(Hashing::new(schema, values)?)),
};

/// See the module.
///
/// ```
/// use streamfold_learn::features::{Row, RowBuffer, Schema, category};
/// use streamfold_learn::model::Transformer;
/// use streamfold_learn::prepare::hashing::{ENTRY, Hashing};
///
/// let schema = Schema { categories: vec!["card".into()], ..Schema::default() };
/// let hashing = Hashing::new(&schema, &ENTRY.values(&[])?)?;
/// let mut out = RowBuffer::default();
/// hashing.transform(Row { categories: &[category(b"4111-1111")], ..Row::default() }, &mut out);
/// assert_eq!(out.sparse, [(175_319, 1.0)]);
/// # Ok::<(), streamfold_learn::params::ParamError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Hashing {
    output: Schema,
    /// Number of sparse features that come in and pass.
    sparse_in: u32,
    bits: u32,
    /// Hash of each categorical feature's name: equal values of two features are different things.
    salts: Vec<u64>,
}

impl Hashing {
    /// The encoder for rows of this schema.
    pub fn new(schema: &Schema, values: &Values) -> Result<Self, ParamError> {
        let bits = values.integer(&BITS) as u32;
        let sparse_size = schema.sparse_size.checked_add(1 << bits).ok_or_else(|| ParamError::Features {
            owner: format!("transformer `{}`", ENTRY.name),
            reason: format!(
                "{} sparse ones come in, which leaves no room for 2^{bits} more",
                schema.sparse_size
            ),
        })?;
        Ok(Hashing {
            output: Schema { numeric: schema.numeric.clone(), categories: Vec::new(), sparse_size },
            sparse_in: schema.sparse_size,
            bits,
            salts: schema.categories.iter().map(|name| xxh3_64(name.as_bytes())).collect(),
        })
    }
}

impl Transformer for Hashing {
    fn output(&self) -> &Schema {
        &self.output
    }

    fn transform(&self, row: Row<'_>, out: &mut RowBuffer) {
        out.clear();
        out.numeric.extend_from_slice(row.numeric);
        out.sparse.extend_from_slice(row.sparse);
        let first = out.sparse.len();
        for (&category, &salt) in row.categories.iter().zip(&self.salts) {
            if category != MISSING_CATEGORY {
                let hash = hash_of(category, salt);
                let place = (hash >> (64 - self.bits)) as u32;
                out.sparse.push((self.sparse_in + place, if hash & 1 == 0 { 1.0 } else { -1.0 }));
            }
        }
        out.sparse[first..].sort_unstable_by_key(|(index, _)| *index);
        // Where two features meet in one place, their signs add up.
        out.sparse.dedup_by(|next, kept| {
            let same = next.0 == kept.0;
            if same {
                kept.1 += next.1;
            }
            same
        });
    }

    fn memory_bytes(&self) -> usize {
        size_of::<Self>() + 8 * self.salts.len()
    }

    fn learn(&mut self, _row: Row<'_>, _weight: f64) {}
}

impl Snapshot for Hashing {
    fn save(&self, out: &mut Writer) {
        out.version(1);
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        from.part("hashing");
        from.version(1)?;
        Ok(())
    }
}

/// How often different values are hashed to one place: a report beside a [`Hashing`], for choosing `bits`.
///
/// ```
/// use streamfold_learn::features::{Row, Schema};
/// use streamfold_learn::prepare::hashing::{Collisions, ENTRY, Hashing};
///
/// let schema = Schema { categories: vec!["user".into()], ..Schema::default() };
/// let bits = ("bits".to_owned(), streamfold_learn::params::ParamValue::Integer(10));
/// let hashing = Hashing::new(&schema, &ENTRY.values(&[bits])?)?;
/// let mut collisions = Collisions::new(&hashing).ok_or("too many places to watch")?;
/// for event in 0..10_000 {
///     collisions.learn(Row { categories: &[1 + event % 200], ..Row::default() });
/// }
/// assert_eq!((collisions.places(), collisions.share()), (181, Some(0.095)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Collisions {
    hashing: Hashing,
    /// The first value of each place, 0 where there was none: 8 bytes for each place.
    owners: Vec<u64>,
    values: u64,
    collided: u64,
}

impl Collisions {
    /// The most bits that are watched: 128 MB.
    pub const BITS_MAX: u32 = 24;

    /// A report that has seen nothing; none from [`Self::BITS_MAX`] on.
    pub fn new(hashing: &Hashing) -> Option<Self> {
        (hashing.bits <= Self::BITS_MAX).then(|| Collisions {
            hashing: hashing.clone(),
            owners: vec![0; 1 << hashing.bits],
            values: 0,
            collided: 0,
        })
    }

    /// Learns where the row's categories are hashed to.
    pub fn learn(&mut self, row: Row<'_>) {
        for (&category, &salt) in row.categories.iter().zip(&self.hashing.salts) {
            if category != MISSING_CATEGORY {
                let hash = hash_of(category, salt).max(1);
                let owner = &mut self.owners[(hash >> (64 - self.hashing.bits)) as usize];
                if *owner == 0 {
                    *owner = hash;
                }
                self.values += 1;
                self.collided += u64::from(*owner != hash);
            }
        }
    }

    /// Share of all values so far whose place another one came to first; none before there was a value.
    pub fn share(&self) -> Option<f64> {
        (self.values > 0).then(|| self.collided as f64 / self.values as f64)
    }

    /// Places that are taken.
    pub fn places(&self) -> usize {
        self.owners.iter().filter(|owner| **owner != 0).count()
    }
}

fn hash_of(category: Category, salt: u64) -> u64 {
    xxh3_64_with_seed(&category.to_le_bytes(), salt)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::params::ParamValue;

    #[test]
    fn features_that_meet_in_one_place_are_one_feature() {
        let schema = Schema { categories: vec!["a".into(), "b".into(), "c".into()], ..Schema::default() };
        let given = [("bits".to_owned(), ParamValue::Integer(1))];
        let hashing = Hashing::new(&schema, &ENTRY.values(&given).unwrap()).unwrap();
        let mut out = RowBuffer::default();
        for value in 1..100 {
            hashing.transform(Row { categories: &[value, value, value], ..Row::default() }, &mut out);
            assert!(out.sparse.windows(2).all(|pair| pair[0].0 < pair[1].0), "{:?}", out.sparse);
            let sum: f64 = out.sparse.iter().map(|(_, value)| value.abs()).sum();
            assert!(sum == 3.0 || sum == 1.0, "{:?}", out.sparse);
        }
    }

    #[test]
    fn equal_values_of_two_features_go_to_different_places() {
        let schema = Schema { categories: vec!["from".into(), "to".into()], ..Schema::default() };
        let hashing = Hashing::new(&schema, &ENTRY.values(&[]).unwrap()).unwrap();
        let mut out = RowBuffer::default();
        hashing.transform(Row { categories: &[42, 42], ..Row::default() }, &mut out);
        assert_eq!(out.sparse.len(), 2);
    }
}
