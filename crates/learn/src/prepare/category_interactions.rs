//! Pairs of categories as categories.
#![doc = include_str!("category_interactions.md")]

use crate::features::{Category, MISSING_CATEGORY, Row, RowBuffer, Schema};
use crate::model::Transformer;
use crate::params::ParamError;
use crate::registry::TransformerEntry;
use crate::snapshot::{Reader, Snapshot, SnapshotError, Writer};
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Most features that are written.
const OUTPUTS_MAX: usize = 20_000;

/// The registry's entry.
pub const ENTRY: TransformerEntry = TransformerEntry {
    name: "category_interactions",
    summary: "Adds each two categorical features as one.",
    doc: include_str!("category_interactions.md"),
    meaning_version: 1,
    params: &[],
    build: |schema, _values, _seed| Ok(Box::new(CategoryInteractions::new(schema)?)),
};

/// See the module.
///
/// ```
/// use streamfold_learn::features::{Row, RowBuffer, Schema};
/// use streamfold_learn::model::Transformer;
/// use streamfold_learn::prepare::category_interactions::CategoryInteractions;
///
/// let schema = Schema { categories: vec!["user".into(), "place".into(), "day".into()], ..Schema::default() };
/// let pairs = CategoryInteractions::new(&schema)?;
/// let mut out = RowBuffer::default();
/// pairs.transform(Row { categories: &[7, 8, 0], ..Row::default() }, &mut out);
/// assert_eq!(out.categories, [7, 8, 0, 11_887_251_108_896_452_991, 0, 0]);
/// # Ok::<(), streamfold_learn::params::ParamError>(())
/// ```
#[derive(Clone, Debug)]
pub struct CategoryInteractions {
    output: Schema,
}

impl CategoryInteractions {
    /// The pairs of the features of this schema.
    pub fn new(schema: &Schema) -> Result<Self, ParamError> {
        let features = schema.categories.len();
        if features.saturating_mul(features + 1) / 2 > OUTPUTS_MAX {
            return Err(ParamError::Features {
                owner: format!("transformer `{}`", ENTRY.name),
                reason: format!(
                    "{features} categorical ones have more than {OUTPUTS_MAX} pairs; select some first"
                ),
            });
        }
        let mut output = schema.clone();
        for (at, one) in schema.categories.iter().enumerate() {
            output
                .categories
                .extend(schema.categories[at + 1..].iter().map(|other| format!("{one}*{other}").into()));
        }
        Ok(CategoryInteractions { output })
    }
}

/// Both values as one.
fn together(one: Category, other: Category) -> Category {
    match one == MISSING_CATEGORY || other == MISSING_CATEGORY {
        true => MISSING_CATEGORY,
        false => xxh3_64_with_seed(&one.to_le_bytes(), other).max(1),
    }
}

impl Transformer for CategoryInteractions {
    fn output(&self) -> &Schema {
        &self.output
    }

    fn transform(&self, row: Row<'_>, out: &mut RowBuffer) {
        out.clear();
        out.numeric.extend_from_slice(row.numeric);
        out.categories.extend_from_slice(row.categories);
        for (at, &one) in row.categories.iter().enumerate() {
            out.categories.extend(row.categories[at + 1..].iter().map(|&other| together(one, other)));
        }
        out.sparse.extend_from_slice(row.sparse);
    }

    fn memory_bytes(&self) -> usize {
        size_of::<Self>()
    }

    fn learn(&mut self, _row: Row<'_>, _weight: f64) {}
}

impl Snapshot for CategoryInteractions {
    fn save(&self, out: &mut Writer) {
        out.version(1);
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        from.part("category_interactions");
        from.version(1)?;
        Ok(())
    }
}
