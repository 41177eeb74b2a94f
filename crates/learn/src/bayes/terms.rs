//! Counts of terms: how often each feature occurs in a class (the multinomial model of texts).
//!
//! A value is how often the feature occurs in the row, and is not negative; missing and negative ones count as 0. What
//! is looked up in predicting is a logarithm that learning keeps, so that predicting takes none for a feature.

use super::{LIMIT, counts};
use crate::features::Row;
use crate::model::Contributions;
use crate::snapshot::{Reader, SnapshotError, Writer};

/// A value counts as no more than this, so that sums stay finite.
const TERM_MAX: f64 = 1e12;

/// The counts of one class.
#[derive(Clone, Debug)]
struct Class {
    counts: Vec<f64>,
    /// Logarithms of the smoothed counts. Follow from them.
    logarithms: Vec<f64>,
    sum: f64,
}

/// See the module. Numeric features come first, then sparse ones.
#[derive(Clone, Debug)]
pub(super) struct Terms {
    numeric: usize,
    features: usize,
    smoothing: f64,
    /// The features that were seen in any class; the logarithm is of their number.
    seen: Vec<bool>,
    seen_count: usize,
    classes: Vec<Class>,
}

/// How often a term occurs.
fn times(value: f64) -> f64 {
    if value.abs() <= LIMIT { value.clamp(0.0, TERM_MAX) } else { 0.0 }
}

impl Terms {
    pub(super) fn new(numeric: usize, sparse: usize, smoothing: f64) -> Self {
        let features = numeric + sparse;
        let seen = vec![false; features];
        Terms { numeric, features, smoothing, seen, seen_count: 0, classes: Vec::new() }
    }

    pub(super) fn grow(&mut self, classes: usize) {
        let logarithm = libm::log(self.smoothing);
        while self.classes.len() < classes {
            let (counts, logarithms) = (vec![0.0; self.features], vec![logarithm; self.features]);
            self.classes.push(Class { counts, logarithms, sum: 0.0 });
        }
    }

    /// The places and values of the terms of a row.
    fn terms<'a>(
        &self,
        numeric: &'a [f64],
        sparse: &'a [(u32, f64)],
    ) -> impl Iterator<Item = (usize, f64)> + 'a {
        let (first, features) = (self.numeric, self.features);
        let numeric = numeric.iter().take(first).enumerate().map(|(place, &value)| (place, times(value)));
        let sparse = sparse.iter().map(move |&(index, value)| (first + index as usize, times(value)));
        numeric.chain(sparse).filter(move |&(place, times)| times > 0.0 && place < features)
    }

    /// Log probability of the terms in a class, up to what is the same in all.
    pub(super) fn ln(&self, class: usize, numeric: &[f64], sparse: &[(u32, f64)]) -> f64 {
        let Some(of) = self.classes.get(class) else { return 0.0 };
        let (mut sum, mut length) = (0.0, 0.0);
        for (place, times) in self.terms(numeric, sparse) {
            if self.seen[place] {
                sum += times * of.logarithms[place];
                length += times;
            }
        }
        if length > 0.0 { sum - length * self.denominator(of) } else { 0.0 }
    }

    fn denominator(&self, of: &Class) -> f64 {
        libm::log(of.sum + self.smoothing * self.seen_count as f64)
    }

    /// Adds `factor` times the log probability of each term in a class.
    pub(super) fn explain(&self, class: usize, row: Row<'_>, factor: f64, out: &mut Contributions) {
        let Some(of) = self.classes.get(class) else { return };
        let denominator = self.denominator(of);
        let of = |place: usize, value: f64| match self.seen.get(place) {
            Some(true) => factor * times(value) * (of.logarithms[place] - denominator),
            _ => 0.0,
        };
        for (place, (part, &value)) in out.numeric.iter_mut().zip(row.numeric).enumerate().take(self.numeric)
        {
            *part += of(place, value);
        }
        for (part, &(index, value)) in out.sparse.iter_mut().zip(row.sparse) {
            *part += of(self.numeric + index as usize, value);
        }
    }

    pub(super) fn learn(&mut self, class: usize, numeric: &[f64], sparse: &[(u32, f64)], weight: f64) {
        let terms = self.terms(numeric, sparse);
        let Some(of) = self.classes.get_mut(class) else { return };
        for (place, times) in terms {
            if !self.seen[place] {
                self.seen[place] = true;
                self.seen_count += 1;
            }
            of.counts[place] += weight * times;
            of.sum += weight * times;
            of.logarithms[place] = libm::log(of.counts[place] + self.smoothing);
        }
    }

    /// The share of each feature in a class.
    pub(super) fn describe(&self, class: usize) -> Vec<f64> {
        let Some(of) = self.classes.get(class) else { return Vec::new() };
        of.counts.iter().map(|count| count / of.sum.max(f64::MIN_POSITIVE)).collect()
    }

    /// Takes away what `base`, an earlier state, had learnt.
    pub(super) fn subtract(&mut self, base: &Terms) {
        for (of, base) in self.classes.iter_mut().zip(&base.classes) {
            of.counts
                .iter_mut()
                .zip(&base.counts)
                .for_each(|(count, base)| *count = (*count - base).max(0.0));
            of.sum = (of.sum - base.sum).max(0.0);
        }
    }

    /// Adds what another has learnt; `from[feature]` is where the other has this numeric feature.
    pub(super) fn add(&mut self, other: &Terms, from: &[Option<usize>]) {
        self.grow(other.classes.len());
        for place in 0..self.features {
            let at = match place.checked_sub(self.numeric) {
                Some(index) => Some(other.numeric + index),
                None => from.get(place).copied().flatten(),
            };
            let Some(at) = at else { continue };
            for (of, other) in self.classes.iter_mut().zip(&other.classes) {
                let added = other.counts.get(at).copied().unwrap_or(0.0);
                of.counts[place] += added;
                of.sum += added;
            }
        }
        self.derive();
    }

    fn derive(&mut self) {
        self.seen.fill(false);
        for of in &mut self.classes {
            for ((count, logarithm), seen) in of.counts.iter().zip(&mut of.logarithms).zip(&mut self.seen) {
                *logarithm = libm::log(count + self.smoothing);
                *seen |= *count > 0.0;
            }
        }
        self.seen_count = self.seen.iter().filter(|seen| **seen).count();
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.seen.len() + self.classes.len() * (size_of::<Class>() + 16 * self.features)
    }

    pub(super) fn save(&self, out: &mut Writer) {
        for of in &self.classes {
            counts::save(&of.counts, out);
            out.float(of.sum);
        }
    }

    /// Loads what [`Terms::save`] wrote into as many classes as there are.
    pub(super) fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        for of in &mut self.classes {
            counts::load(&mut of.counts, from)?;
            of.sum = super::count(from)?;
        }
        self.derive();
        Ok(())
    }
}
