//! Categories as shares of each class: one bounded table for each feature.
//!
//! A table holds the first so many categories that it meets; all further ones share one place, whose count says how
//! likely any other category is. A missing category is skipped; so is one that was never seen while the table has
//! room, since it says nothing for or against a class.

use super::count;
use crate::features::{Category, MISSING_CATEGORY};
use crate::snapshot::{Reader, SnapshotError, Writer};

/// Products below this are turned into a logarithm before they vanish.
const PRODUCT_MIN: f64 = 1e-200;

/// The table of one feature.
#[derive(Clone, Debug, Default)]
struct Table {
    /// The categories, sorted, each with its place (from 1; 0 is for all others).
    places: Vec<(Category, u32)>,
    /// For each class the weight of each place.
    counts: Vec<Vec<f64>>,
    /// For each class the weight of all.
    sums: Vec<f64>,
}

impl Table {
    /// Number of categories that can be told apart.
    fn size(&self, places_max: usize) -> f64 {
        let others = usize::from(self.places.len() == places_max);
        (self.places.len() + others) as f64
    }

    /// The place of a category; none where it says nothing.
    fn place(&self, category: Category, places_max: usize) -> Option<usize> {
        if category == MISSING_CATEGORY {
            return None;
        }
        match self.places.binary_search_by_key(&category, |(known, _)| *known) {
            Ok(at) => Some(self.places[at].1 as usize),
            Err(_) if self.places.len() == places_max => Some(0),
            Err(_) => None,
        }
    }

    /// The place of a category that is learnt.
    fn admit(&mut self, category: Category, places_max: usize) -> usize {
        match self.places.binary_search_by_key(&category, |(known, _)| *known) {
            Ok(at) => self.places[at].1 as usize,
            Err(_) if self.places.len() == places_max => 0,
            Err(at) => {
                let place = self.places.len() + 1;
                self.places.insert(at, (category, place as u32));
                self.counts.iter_mut().for_each(|counts| counts.push(0.0));
                place
            }
        }
    }

    fn grow(&mut self, classes: usize) {
        let places = self.places.len() + 1;
        self.counts.resize_with(classes.max(self.counts.len()), || vec![0.0; places]);
        self.sums.resize(self.counts.len(), 0.0);
    }
}

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct Categories {
    tables: Vec<Table>,
    places_max: usize,
    smoothing: f64,
}

impl Categories {
    pub(super) fn new(features: usize, places_max: usize, smoothing: f64) -> Self {
        Categories { tables: vec![Table::default(); features], places_max, smoothing }
    }

    pub(super) fn grow(&mut self, classes: usize) {
        self.tables.iter_mut().for_each(|table| table.grow(classes));
    }

    fn share(&self, table: &Table, class: usize, category: Category) -> Option<f64> {
        let place = table.place(category, self.places_max)?;
        let (count, sum) = (table.counts.get(class)?[place], table.sums[class]);
        Some((count + self.smoothing) / (sum + self.smoothing * table.size(self.places_max)))
    }

    /// Log probability of the categories in a class.
    pub(super) fn ln(&self, class: usize, categories: &[Category]) -> f64 {
        let (mut sum, mut product) = (0.0, 1.0);
        for (table, &category) in self.tables.iter().zip(categories) {
            if let Some(share) = self.share(table, class, category) {
                product *= share;
                if product < PRODUCT_MIN {
                    sum += libm::log(product);
                    product = 1.0;
                }
            }
        }
        if product < 1.0 { sum + libm::log(product) } else { sum }
    }

    /// Adds `factor` times the log probability of each category in a class.
    pub(super) fn explain(&self, class: usize, categories: &[Category], factor: f64, out: &mut [f64]) {
        for ((table, &category), part) in self.tables.iter().zip(categories).zip(out) {
            *part += factor * self.share(table, class, category).map_or(0.0, libm::log);
        }
    }

    pub(super) fn learn(&mut self, class: usize, categories: &[Category], weight: f64) {
        for (table, &category) in self.tables.iter_mut().zip(categories) {
            if category != MISSING_CATEGORY && class < table.counts.len() {
                let place = table.admit(category, self.places_max);
                table.counts[class][place] += weight;
                table.sums[class] += weight;
            }
        }
    }

    /// For each feature the number of categories, and the share of the most frequent one in a class.
    pub(super) fn describe(&self, class: usize) -> Vec<(usize, f64)> {
        let at = |table: &Table| {
            let most =
                table.counts.get(class).map_or(0.0, |counts| counts.iter().copied().fold(0.0, f64::max));
            (table.places.len(), most / table.sums.get(class).copied().unwrap_or(0.0).max(f64::MIN_POSITIVE))
        };
        self.tables.iter().map(at).collect()
    }

    /// Takes away what `base`, an earlier state, had learnt.
    pub(super) fn subtract(&mut self, base: &Categories) {
        for (table, base) in self.tables.iter_mut().zip(&base.tables) {
            for (class, counts) in table.counts.iter_mut().enumerate() {
                let Some(base_counts) = base.counts.get(class) else { continue };
                // An earlier state has the same categories at the same places, or fewer.
                counts
                    .iter_mut()
                    .zip(base_counts)
                    .for_each(|(count, base)| *count = (*count - base).max(0.0));
                table.sums[class] = (table.sums[class] - base.sums[class]).max(0.0);
            }
        }
    }

    /// Adds what another has learnt; `from[feature]` is where the other has this feature.
    pub(super) fn add(&mut self, other: &Categories, from: &[Option<usize>]) {
        let places_max = self.places_max;
        for (table, at) in self.tables.iter_mut().zip(from) {
            let Some(theirs) = at.and_then(|at| other.tables.get(at)) else { continue };
            table.grow(theirs.counts.len());
            // By their places, not by their hashes: in the order in which they came.
            let mut known: Vec<_> =
                theirs.places.iter().map(|&(category, place)| (place, category)).collect();
            known.sort_unstable();
            for (place, category) in std::iter::once((0, MISSING_CATEGORY)).chain(known) {
                let seen = |counts: &Vec<f64>| counts[place as usize] > 0.0;
                if !theirs.counts.iter().any(seen) {
                    continue;
                }
                let mine = if place == 0 { 0 } else { table.admit(category, places_max) };
                for (counts, theirs) in table.counts.iter_mut().zip(&theirs.counts) {
                    counts[mine] += theirs[place as usize];
                }
            }
            table.sums.iter_mut().zip(&theirs.sums).for_each(|(sum, theirs)| *sum += theirs);
        }
    }

    pub(super) fn memory_bytes(&self) -> usize {
        let of = |table: &Table| {
            let each = size_of::<(Category, u32)>() + 8 * table.counts.len();
            size_of::<Table>() + table.places.capacity() * each + 40 * table.counts.len()
        };
        self.tables.iter().map(of).sum()
    }

    pub(super) fn save(&self, out: &mut Writer) {
        for table in &self.tables {
            out.unsigned(table.places.len() as u64);
            for &(category, place) in &table.places {
                out.word(category);
                out.unsigned(u64::from(place));
            }
            for counts in &table.counts {
                counts.iter().for_each(|&count| out.float(count));
            }
            table.sums.iter().for_each(|&sum| out.float(sum));
        }
    }

    /// Loads what [`Categories::save`] wrote into `classes` classes.
    pub(super) fn load(&mut self, from: &mut Reader<'_>, classes: usize) -> Result<(), SnapshotError> {
        for table in &mut self.tables {
            let length = from.length(9)?;
            if length > self.places_max {
                return Err(from.invalid(format!("{length} categories, at most {} belong", self.places_max)));
            }
            *table = Table { places: Vec::with_capacity(length), ..Table::default() };
            let mut taken = vec![false; length + 1];
            for _ in 0..length {
                let (category, place) = (from.word()?, from.unsigned()?);
                let rising = table.places.last().is_none_or(|(last, _)| *last < category);
                match taken.get_mut(usize::try_from(place).unwrap_or(usize::MAX)) {
                    Some(taken) if place > 0 && !*taken && rising && category != MISSING_CATEGORY => {
                        *taken = true
                    }
                    _ => return Err(from.invalid("a category is out of place")),
                }
                table.places.push((category, place as u32));
            }
            if classes.saturating_mul(length + 2).saturating_mul(8) > from.remaining() {
                return Err(from.invalid("its counts are cut"));
            }
            table.grow(classes);
            for count_at in table.counts.iter_mut().flatten().chain(&mut table.sums) {
                *count_at = count(from)?;
            }
        }
        Ok(())
    }
}
