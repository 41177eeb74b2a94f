//! One-hot encoding of categories with a bounded dictionary.
#![doc = include_str!("one_hot.md")]

use super::dictionary::{Dictionary, VALUES_MAX};
use super::teaches;
use crate::features::{MISSING_CATEGORY, Row, RowBuffer, Schema};
use crate::model::Transformer;
use crate::params::{Param, ParamError, ParamKind, Values};
use crate::registry::TransformerEntry;
use crate::snapshot::{Reader, Snapshot, SnapshotError, Writer};

const PLACES_MAX: Param = Param {
    kind: ParamKind::Integer { min: 1, max: 1_000_000, default: 100 },
    doc: "Most values of one feature that get a place of their own; the rest share one.",
    default_from: "Enough for carriers, countries and the like, small enough for any model behind it.",
    ..VALUES_MAX
};

/// The registry's entry.
pub const ENTRY: TransformerEntry = TransformerEntry {
    name: "one_hot",
    summary: "Turns each value of a categorical feature into a 0/1 feature.",
    doc: include_str!("one_hot.md"),
    meaning_version: 1,
    params: &[PLACES_MAX],
    build: |schema, values, _seed| Ok(Box::new(OneHot::new(schema, values)?)),
};

/// See the module.
///
/// ```
/// use streamfold_learn::features::{Row, RowBuffer, Schema, category};
/// use streamfold_learn::model::Transformer;
/// use streamfold_learn::prepare::one_hot::{ENTRY, OneHot};
///
/// let schema = Schema { categories: vec!["carrier".into()], ..Schema::default() };
/// let mut encoder = OneHot::new(&schema, &ENTRY.values(&[])?)?;
/// for carrier in ["UA", "AA", "UA", "B6"] {
///     encoder.learn(Row { categories: &[category(carrier.as_bytes())], ..Row::default() }, 1.0);
/// }
/// let mut out = RowBuffer::default();
/// encoder.transform(Row { categories: &[category(b"B6")], ..Row::default() }, &mut out);
/// assert_eq!(out.sparse, [(3, 1.0)]); // 0 is `other`, 1 is UA, 2 is AA
/// # Ok::<(), streamfold_learn::params::ParamError>(())
/// ```
#[derive(Clone, Debug)]
pub struct OneHot {
    output: Schema,
    values_max: usize,
    /// Number of sparse features that come in and pass.
    sparse_in: u32,
    /// For each categorical feature; a value's place is its number and 1 (0 is `other`).
    dictionaries: Vec<Dictionary>,
}

impl OneHot {
    /// An encoder that has seen nothing.
    pub fn new(schema: &Schema, values: &Values) -> Result<Self, ParamError> {
        let values_max = values.integer(&PLACES_MAX);
        let size = i64::from(schema.sparse_size) + schema.categories.len() as i64 * (values_max + 1);
        let sparse_size = u32::try_from(size).map_err(|_| ParamError::Features {
            owner: format!("transformer `{}`", ENTRY.name),
            reason: format!("they would become {size} sparse features, at most {} are possible", u32::MAX),
        })?;
        Ok(OneHot {
            output: Schema { numeric: schema.numeric.clone(), categories: Vec::new(), sparse_size },
            values_max: values_max as usize,
            sparse_in: schema.sparse_size,
            dictionaries: vec![Dictionary::new(values_max as usize); schema.categories.len()],
        })
    }
}

impl Transformer for OneHot {
    fn output(&self) -> &Schema {
        &self.output
    }

    fn transform(&self, row: Row<'_>, out: &mut RowBuffer) {
        out.clear();
        out.numeric.extend_from_slice(row.numeric);
        out.sparse.extend_from_slice(row.sparse);
        let places = self.values_max as u32 + 1;
        let mut first = self.sparse_in;
        for (&category, dictionary) in row.categories.iter().zip(&self.dictionaries) {
            if category != MISSING_CATEGORY {
                out.sparse.push((first + dictionary.number(category).map_or(0, |number| number + 1), 1.0));
            }
            first += places;
        }
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

impl Snapshot for OneHot {
    fn save(&self, out: &mut Writer) {
        out.version(1);
        out.unsigned(self.dictionaries.len() as u64);
        self.dictionaries.iter().for_each(|dictionary| dictionary.save(out));
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        from.part("one_hot");
        from.version(1)?;
        from.expect_length(self.dictionaries.len(), "categorical features")?;
        self.dictionaries.iter_mut().try_for_each(|dictionary| dictionary.load(from))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::Category;
    use crate::params::ParamValue;

    #[test]
    fn values_beyond_the_bound_share_a_place_and_missing_ones_have_none() {
        let schema =
            Schema { categories: vec!["a".into(), "b".into()], sparse_size: 10, ..Schema::default() };
        let given = [("values_max".to_owned(), ParamValue::Integer(2))];
        let mut encoder = OneHot::new(&schema, &ENTRY.values(&given).unwrap()).unwrap();
        assert_eq!(encoder.output().sparse_size, 16);
        for value in [30, 20, 10] {
            encoder.learn(Row { categories: &[value, 5], ..Row::default() }, 1.0);
        }
        let mut out = RowBuffer::default();
        let mut places = |categories: &[Category]| {
            encoder.transform(Row { categories, sparse: &[(3, 0.5)], ..Row::default() }, &mut out);
            out.sparse.clone()
        };
        assert_eq!(places(&[30, 5]), [(3, 0.5), (11, 1.0), (14, 1.0)]);
        assert_eq!(places(&[20, 5]), [(3, 0.5), (12, 1.0), (14, 1.0)]);
        assert_eq!(places(&[10, 77]), [(3, 0.5), (10, 1.0), (13, 1.0)]);
        assert_eq!(places(&[MISSING_CATEGORY, 5]), [(3, 0.5), (14, 1.0)]);
    }
}
