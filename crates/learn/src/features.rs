//! What models see: a dense numeric row, categories, and sparse features. Missing is a value, not an error.

use std::sync::Arc;

/// The names of a pipeline's features, interned once; every row of the pipeline has this shape.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Schema {
    /// Names of the numeric features, in the order of [`Row::numeric`].
    pub numeric: Vec<Arc<str>>,
    /// Names of the categorical features, in the order of [`Row::categories`].
    pub categories: Vec<Arc<str>>,
    /// Number of sparse features: each index in [`Row::sparse`] lies below it. 0: there are none.
    pub sparse_size: u32,
}

/// A category's value as a stable hash of its text ([`category`]); [`MISSING_CATEGORY`] where there is none.
pub type Category = u64;

/// Stands for a category that is not there.
pub const MISSING_CATEGORY: Category = 0;

/// The category of a text: the same on every machine and in every version. Never [`MISSING_CATEGORY`].
pub fn category(text: &[u8]) -> Category {
    xxhash_rust::xxh3::xxh3_64(text).max(1)
}

/// One event's features, borrowed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Row<'a> {
    /// Numeric features; missing is NaN. Models treat infinite values as missing.
    pub numeric: &'a [f64],
    /// Categorical features as stable hashes; missing is [`MISSING_CATEGORY`].
    pub categories: &'a [Category],
    /// Sparse features: rising indices below [`Schema::sparse_size`], with their values. What encoders make of
    /// categories.
    pub sparse: &'a [(u32, f64)],
}

/// One event's features, owned: what a transformer writes into and the next stage reads.
#[derive(Clone, Debug, Default)]
pub struct RowBuffer {
    /// See [`Row::numeric`].
    pub numeric: Vec<f64>,
    /// See [`Row::categories`].
    pub categories: Vec<Category>,
    /// See [`Row::sparse`].
    pub sparse: Vec<(u32, f64)>,
}

impl RowBuffer {
    /// A copy of a row.
    pub fn of(row: Row<'_>) -> Self {
        RowBuffer {
            numeric: row.numeric.to_vec(),
            categories: row.categories.to_vec(),
            sparse: row.sparse.to_vec(),
        }
    }

    /// Empties the row, keeping its memory.
    pub fn clear(&mut self) {
        self.numeric.clear();
        self.categories.clear();
        self.sparse.clear();
    }

    /// The row, borrowed.
    pub fn row(&self) -> Row<'_> {
        Row { numeric: &self.numeric, categories: &self.categories, sparse: &self.sparse }
    }
}
