//! Rows as trees see them: the features in an order of their own, by name, so that the order in a schema decides nothing.
//!
//! First the numeric features by name, then the sparse ones by index, which count as 0 where they are absent, then the
//! categories by name. Each value of a category gets a small number, its code, when it is first learnt.

use crate::features::{Category, MISSING_CATEGORY, Row, Schema};
use crate::params::ParamError;
use crate::snapshot::{Reader, Snapshot, SnapshotError, Writer};

/// More features than this are refused: each is observed in every leaf.
pub const FEATURES_MAX: usize = 10_000;
/// Values of one category that are told apart; further ones count as missing.
pub const CATEGORY_VALUES_MAX: usize = 250;
/// Larger numbers count as missing, so that squares and their sums stay finite.
const LIMIT: f64 = 1e100;
/// Numbers that are worked on side by side.
pub(crate) const LANES: usize = 4;

/// One event's features in the trees' order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Event {
    /// Numeric features, missing ones NaN, with at least one NaN behind them up to a multiple of [`LANES`].
    pub(crate) numbers: Vec<f64>,
    /// Codes of the categories, counted from 1; 0 is missing.
    pub(crate) codes: Vec<u32>,
}

/// The codes of one category's values: sorted by value.
#[derive(Clone, Debug, Default)]
struct Codes(Vec<(Category, u32)>);

impl Codes {
    fn get(&self, value: Category) -> u32 {
        let place = self.0.binary_search_by_key(&value, |(known, _)| *known);
        place.map_or(0, |at| self.0[at].1)
    }

    fn get_or_add(&mut self, value: Category) -> u32 {
        if value == MISSING_CATEGORY {
            return 0;
        }
        match self.0.binary_search_by_key(&value, |(known, _)| *known) {
            Ok(at) => self.0[at].1,
            Err(_) if self.0.len() >= CATEGORY_VALUES_MAX => 0,
            Err(at) => {
                let code = self.0.len() as u32 + 1;
                self.0.insert(at, (value, code));
                code
            }
        }
    }
}

/// Turns rows into events.
#[derive(Clone, Debug)]
pub(crate) struct Columns {
    /// Where each numeric feature stands in a row; sparse ones follow.
    numeric: Vec<u32>,
    sparse: usize,
    /// Where each category stands in a row.
    categories: Vec<u32>,
    codes: Vec<Codes>,
}

/// Places sorted by name.
fn by_name(names: &[std::sync::Arc<str>]) -> Vec<u32> {
    let mut places: Vec<u32> = (0..names.len() as u32).collect();
    places.sort_by(|a, b| names[*a as usize].cmp(&names[*b as usize]));
    places
}

impl Columns {
    /// Knows no category's values yet.
    pub(crate) fn new(owner: &str, schema: &Schema) -> Result<Self, ParamError> {
        let size = schema.numeric.len() + schema.sparse_size as usize + schema.categories.len();
        if size > FEATURES_MAX {
            return Err(ParamError::Features {
                owner: format!("model `{owner}`"),
                reason: format!(
                    "{size} of them are more than {FEATURES_MAX}; take fewer, or give categories as they are \
                     instead of encoded ones"
                ),
            });
        }
        Ok(Columns {
            numeric: by_name(&schema.numeric),
            sparse: schema.sparse_size as usize,
            categories: by_name(&schema.categories),
            codes: vec![Codes::default(); schema.categories.len()],
        })
    }

    /// Numeric features, sparse ones included.
    pub(crate) fn numbers(&self) -> usize {
        self.numeric.len() + self.sparse
    }

    /// Categories.
    pub(crate) fn categories(&self) -> usize {
        self.categories.len()
    }

    /// All features.
    pub(crate) fn len(&self) -> usize {
        self.numbers() + self.categories()
    }

    /// Reads a row; values of categories that are not known are missing.
    pub(crate) fn read(&self, row: Row<'_>, event: &mut Event) {
        self.read_numbers(row, event);
        let codes = self.categories.iter().zip(&self.codes);
        event.codes.extend(codes.map(|(&at, codes)| codes.get(row.categories[at as usize])));
    }

    /// Reads a row that is to be learnt; gives new values their codes.
    pub(crate) fn learn(&mut self, row: Row<'_>, event: &mut Event) {
        self.read_numbers(row, event);
        let codes = self.categories.iter().zip(&mut self.codes);
        event.codes.extend(codes.map(|(&at, codes)| codes.get_or_add(row.categories[at as usize])));
    }

    fn read_numbers(&self, row: Row<'_>, event: &mut Event) {
        let kept = |value: f64| if value.abs() <= LIMIT { value } else { f64::NAN };
        let Event { numbers, codes } = event;
        numbers.clear();
        codes.clear();
        numbers.extend(self.numeric.iter().map(|&at| kept(row.numeric[at as usize])));
        if self.sparse > 0 {
            let start = numbers.len();
            numbers.resize(start + self.sparse, 0.0);
            for &(index, value) in row.sparse {
                if let Some(slot) = numbers.get_mut(start + index as usize) {
                    *slot = kept(value);
                }
            }
        }
        numbers.resize((numbers.len() / LANES + 1) * LANES, f64::NAN);
    }

    /// Where a row has a feature: in its numbers, sparse features or categories.
    pub(crate) fn place(&self, feature: usize) -> Place {
        if let Some(&at) = self.numeric.get(feature) {
            return Place::Numeric(at as usize);
        }
        match feature - self.numeric.len() {
            sparse if sparse < self.sparse => Place::Sparse(sparse as u32),
            rest => Place::Category(self.categories[rest - self.sparse] as usize),
        }
    }

    /// A feature's name.
    pub(crate) fn name(&self, feature: usize, schema: &Schema) -> String {
        let name = match self.place(feature) {
            Place::Numeric(at) => schema.numeric.get(at),
            Place::Sparse(index) => return format!("sparse[{index}]"),
            Place::Category(at) => schema.categories.get(at),
        };
        name.map_or_else(|| format!("feature {feature}"), |name| name.to_string())
    }

    /// The value (its hash) that a code of a category stands for.
    pub(crate) fn value(&self, category: usize, code: u32) -> Category {
        let known = self.codes[category].0.iter().find(|(_, known)| *known == code);
        known.map_or(MISSING_CATEGORY, |(value, _)| *value)
    }

    /// Bytes of memory.
    pub(crate) fn memory_bytes(&self) -> usize {
        let codes: usize = self.codes.iter().map(|codes| codes.0.capacity() * 16).sum();
        4 * (self.numeric.len() + self.categories.len()) + 24 * self.codes.len() + codes
    }
}

/// See [`Columns::place`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Numeric(usize),
    Sparse(u32),
    Category(usize),
}

impl Snapshot for Columns {
    fn save(&self, out: &mut Writer) {
        out.unsigned(self.len() as u64);
        for codes in &self.codes {
            out.unsigned(codes.0.len() as u64);
            for &(value, code) in &codes.0 {
                out.word(value);
                out.unsigned(u64::from(code));
            }
        }
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        from.expect_length(self.len(), "features")?;
        for codes in &mut self.codes {
            let length = from.length(9)?;
            if length > CATEGORY_VALUES_MAX {
                return Err(from.invalid(format!("{length} values of one category")));
            }
            codes.0.clear();
            let mut there = vec![false; length];
            for _ in 0..length {
                let (value, code) = (from.word()?, from.unsigned()?);
                let rises = codes.0.last().is_none_or(|(last, _)| *last < value);
                match usize::try_from(code).ok().and_then(|code| there.get_mut(code.wrapping_sub(1))) {
                    Some(free) if rises && value != MISSING_CATEGORY && !*free => *free = true,
                    _ => return Err(from.invalid("a category's codes are not those of its values")),
                }
                codes.0.push((value, code as u32));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema() -> Schema {
        Schema { numeric: vec!["b".into(), "a".into()], categories: vec!["colour".into()], sparse_size: 2 }
    }

    #[test]
    fn features_stand_by_name_and_values_get_codes_as_they_are_learnt() {
        let mut columns = Columns::new("m", &schema()).unwrap();
        let mut event = Event::default();
        let row = |value| Row { numeric: &[2.0, f64::INFINITY], categories: value, sparse: &[(1, 5.0)] };
        columns.read(row(&[7]), &mut event);
        assert_eq!(event.codes, [0]);
        columns.learn(row(&[9]), &mut event);
        columns.learn(row(&[7]), &mut event);
        assert_eq!((event.codes[0], columns.value(0, 2)), (2, 7));
        assert!(event.numbers[0].is_nan());
        assert_eq!(event.numbers[1..4], [2.0, 0.0, 5.0]);
        assert!(event.numbers.len() == 8 && event.numbers[4..].iter().all(|value| value.is_nan()));
        assert_eq!(columns.place(0), Place::Numeric(1));
        assert_eq!(columns.place(3), Place::Sparse(1));
        assert_eq!(columns.name(4, &schema()), "colour");
    }

    #[test]
    fn values_beyond_the_bound_are_missing() {
        let mut columns = Columns::new("m", &schema()).unwrap();
        let mut event = Event::default();
        for value in 1..1000 {
            columns.learn(Row { numeric: &[0.0; 2], categories: &[value], sparse: &[] }, &mut event);
        }
        assert_eq!((event.codes[0], columns.codes[0].0.len()), (0, CATEGORY_VALUES_MAX));
    }
}
