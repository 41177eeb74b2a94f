//! A row as one list of values, for models that look at features one by one.

use crate::features::{Row, Schema};
use crate::params::ParamError;

/// What the values of a column are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A number; missing and infinite ones are NaN.
    Number,
    /// A category, as the bits of its hash: to be compared by bits only.
    Category,
}

/// Larger numbers count as missing, so that squares and their sums stay finite.
const LIMIT: f64 = 1e100;

/// Where each column comes from. Numbers come first, then sparse features (0 where absent), then categories; numbers
/// and categories by name, so that nothing depends on the order of the schema.
#[derive(Clone, Debug)]
pub(crate) struct Columns {
    /// Places in [`Row::numeric`].
    numeric: Vec<usize>,
    /// Number of sparse features.
    sparse: usize,
    /// Places in [`Row::categories`].
    categories: Vec<usize>,
}

/// The place in a row that a column comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// In [`Row::numeric`].
    Numeric(usize),
    /// The index of a sparse feature.
    Sparse(usize),
    /// In [`Row::categories`].
    Category(usize),
}

impl Columns {
    /// The columns of a schema; refuses more than `columns_max`.
    pub(crate) fn new(owner: &str, schema: &Schema, columns_max: usize) -> Result<Self, ParamError> {
        let by_name = |names: &[std::sync::Arc<str>]| {
            let mut places: Vec<usize> = (0..names.len()).collect();
            places.sort_by(|&a, &b| names[a].cmp(&names[b]));
            places
        };
        let sparse = schema.sparse_size as usize;
        let columns = schema.numeric.len() + sparse + schema.categories.len();
        if columns > columns_max {
            return Err(ParamError::Features {
                owner: format!("model `{owner}`"),
                reason: format!(
                    "{columns} of them (with sparse ones) are more than {columns_max}; take fewer"
                ),
            });
        }
        Ok(Columns { numeric: by_name(&schema.numeric), sparse, categories: by_name(&schema.categories) })
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.numbers() + self.categories.len()
    }

    /// How many of them are numbers.
    pub(crate) fn numbers(&self) -> usize {
        self.numeric.len() + self.sparse
    }

    pub(crate) fn kind(&self, column: usize) -> Kind {
        if column < self.numbers() { Kind::Number } else { Kind::Category }
    }

    /// Where the values of a column come from.
    pub(crate) fn source(&self, column: usize) -> Source {
        match self.numeric.get(column) {
            Some(&place) => Source::Numeric(place),
            None if column < self.numbers() => Source::Sparse(column - self.numeric.len()),
            None => {
                Source::Category(self.categories.get(column - self.numbers()).copied().unwrap_or_default())
            }
        }
    }

    /// The name of a column.
    pub(crate) fn name(&self, column: usize, schema: &Schema) -> String {
        let name = |names: &[std::sync::Arc<str>], place: usize| {
            names.get(place).map_or_else(|| format!("[{place}]"), |name| name.to_string())
        };
        match self.source(column) {
            Source::Numeric(place) => name(&schema.numeric, place),
            Source::Sparse(index) => format!("sparse[{index}]"),
            Source::Category(place) => name(&schema.categories, place),
        }
    }

    /// Writes the row's values, in the order of the columns.
    pub(crate) fn read(&self, row: Row<'_>, out: &mut Vec<f64>) {
        let number = |value: f64| if value.abs() <= LIMIT { value } else { f64::NAN };
        out.clear();
        out.extend(
            self.numeric.iter().map(|&place| row.numeric.get(place).map_or(f64::NAN, |&value| number(value))),
        );
        if self.sparse > 0 {
            out.resize(self.numbers(), 0.0);
            for &(index, value) in row.sparse {
                if let Some(place) = out.get_mut(self.numeric.len() + index as usize) {
                    *place = number(value);
                }
            }
        }
        let category =
            |&place: &usize| f64::from_bits(row.categories.get(place).copied().unwrap_or_default());
        out.extend(self.categories.iter().map(category));
    }

    /// Heap bytes.
    pub(crate) fn memory_bytes(&self) -> usize {
        8 * (self.numeric.len() + self.categories.len())
    }
}
