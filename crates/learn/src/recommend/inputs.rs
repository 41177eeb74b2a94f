//! Rows as factorisation machines see them: ids with values, each in a field.
//!
//! A category is an id of its own with the value 1. A number is an id with its value in deviations from its mean, so
//! that units do not matter. A sparse feature is an id with its value as it is. What is missing is not there.

use super::table::{Place, Table};
use crate::features::{MISSING_CATEGORY, Row, Schema, category};
use crate::lanes::{LANES, Lanes};
use crate::linear::moments::Moments;
use crate::snapshot::{Reader, SnapshotError, Writer};
use std::sync::Arc;

/// Values are kept within this.
const VALUE_MAX: f64 = 10.0;

/// An id that is there.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Active {
    /// Its place in the table.
    pub(super) place: usize,
    pub(super) value: f64,
    /// The number of its field.
    pub(super) field: usize,
    /// Its number in the row: numbers, then categories, then sparse features, each as they stand there.
    pub(super) origin: usize,
}

/// A field of one feature.
#[derive(Clone, Debug)]
struct Field {
    /// Where the feature is in the row.
    place: usize,
    /// A hash of its name.
    salt: u64,
}

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct Inputs {
    /// Numbers and categories by name, so that their order in the schema changes nothing.
    numeric: Vec<Field>,
    categories: Vec<Field>,
    sparse: bool,
    moments: Vec<Moments>,
}

fn by_name(names: &[Arc<str>]) -> Vec<Field> {
    let mut places: Vec<usize> = (0..names.len()).collect();
    places.sort_by_key(|&place| &names[place]);
    let field = |place: usize| Field { place, salt: category(names[place].as_bytes()) };
    places.into_iter().map(field).collect()
}

/// The id of a value of a field.
#[inline]
fn id(salt: u64, value: u64) -> u64 {
    let mixed = (salt ^ value.rotate_left(32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed ^ (mixed >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93)
}

impl Inputs {
    pub(super) fn new(schema: &Schema) -> Self {
        let numeric = by_name(&schema.numeric);
        let moments = vec![Moments::default(); numeric.len().div_ceil(LANES)];
        Inputs { numeric, categories: by_name(&schema.categories), sparse: schema.sparse_size > 0, moments }
    }

    /// How many fields there are: each number, each category, and all sparse features together.
    pub(super) fn fields(&self) -> usize {
        self.numeric.len() + self.categories.len() + usize::from(self.sparse)
    }

    /// Four numbers of the row, NaN where there are none.
    fn four(&self, chunk: usize, row: Row<'_>) -> Lanes {
        let mut values = Lanes::splat(f64::NAN);
        for (lane, field) in self.numeric[LANES * chunk..].iter().take(LANES).enumerate() {
            values.set(lane, row.numeric.get(field.place).copied().unwrap_or(f64::NAN));
        }
        values
    }

    /// Calls back with id, value, field and origin of each number that is there.
    fn numbers(
        &self,
        chunk: usize,
        row: Row<'_>,
        scaled: Lanes,
        then: &mut impl FnMut(u64, f64, usize, usize),
    ) {
        for (lane, field) in self.numeric[LANES * chunk..].iter().take(LANES).enumerate() {
            let value = scaled.get(lane);
            if row.numeric.get(field.place).is_some_and(|given| given.is_finite()) && value != 0.0 {
                let at = LANES * chunk + lane;
                then(id(field.salt, 0), value.clamp(-VALUE_MAX, VALUE_MAX), at, field.place);
            }
        }
    }

    fn others(&self, row: Row<'_>, then: &mut impl FnMut(u64, f64, usize, usize)) {
        let (numbers, origin) = (self.numeric.len(), row.numeric.len());
        for (at, field) in self.categories.iter().enumerate() {
            let value = row.categories.get(field.place).copied().unwrap_or(MISSING_CATEGORY);
            if value != MISSING_CATEGORY {
                then(id(field.salt, value), 1.0, numbers + at, origin + field.place);
            }
        }
        let field = numbers + self.categories.len();
        for (at, &(index, value)) in row.sparse.iter().enumerate() {
            if value.is_finite() && value != 0.0 && self.sparse {
                let value = value.clamp(-VALUE_MAX, VALUE_MAX);
                then(id(1, u64::from(index)), value, field, origin + row.categories.len() + at);
            }
        }
    }

    /// Finds the ids of a row that have a place.
    pub(super) fn find(&self, row: Row<'_>, table: &Table, out: &mut Vec<Active>) {
        out.clear();
        let mut then = |id, value, field, origin| {
            if let Some(place) = table.find(id) {
                out.push(Active { place, value, field, origin });
            }
        };
        for (chunk, moments) in self.moments.iter().enumerate() {
            let scaled = moments.scaled(moments.filled(self.four(chunk, row)));
            self.numbers(chunk, row, scaled, &mut then);
        }
        self.others(row, &mut then);
    }

    /// Learns the numbers' moments and gives the row's ids places. `place` is called for each id, and returns where what is
    /// kept of it stands.
    pub(super) fn learn(
        &mut self,
        row: Row<'_>,
        weight: f64,
        table: &mut Table,
        mut begin: impl FnMut(u64, Place) -> Option<usize>,
        out: &mut Vec<Active>,
    ) {
        out.clear();
        let mut then = |id, value, field, origin| {
            if let Some(place) = begin(id, table.come(id)) {
                out.push(Active { place, value, field, origin });
            }
        };
        for chunk in 0..self.moments.len() {
            let four = self.four(chunk, row);
            let (scaled, _) = self.moments[chunk].learn(four, weight, true);
            self.numbers(chunk, row, scaled, &mut then);
        }
        self.others(row, &mut then);
    }

    /// The id of each number, by its place in the schema.
    pub(super) fn numeric_ids(&self) -> impl Iterator<Item = (usize, u64)> + '_ {
        self.numeric.iter().map(|field| (field.place, id(field.salt, 0)))
    }

    pub(super) fn memory_bytes(&self) -> usize {
        (self.numeric.len() + self.categories.len()) * size_of::<Field>()
            + self.moments.len() * size_of::<Moments>()
    }

    pub(super) fn save(&self, out: &mut Writer) {
        out.unsigned(self.numeric.len() as u64);
        (0..self.numeric.len()).for_each(|at| self.moments[at / LANES].save(at % LANES, out));
    }

    pub(super) fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        from.expect_length(self.numeric.len(), "numeric features")?;
        self.moments.fill(Moments::default());
        (0..self.numeric.len()).try_for_each(|at| self.moments[at / LANES].load(at % LANES, from))
    }
}
