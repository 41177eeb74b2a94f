//! Features that are there or not: for each class the share of events in which a feature is.
//!
//! A feature is there where its value is above 0. What is absent speaks too (the multivariate Bernoulli model), so that
//! each prediction passes over all features. A missing number is skipped; a sparse feature that the row does not name
//! is absent.

use super::logarithm::Product;
use super::{LIMIT, counts};
use crate::features::Row;
use crate::lanes::{LANES, Lanes};
use crate::model::Contributions;
use crate::snapshot::{Reader, SnapshotError, Writer};

/// The counts of one class.
#[derive(Clone, Debug)]
struct Class {
    /// Weight of the events with each feature, and of those where it is known.
    there: Vec<f64>,
    known: Vec<f64>,
}

/// See the module. Numeric features come first, then sparse ones.
#[derive(Clone, Debug)]
pub(super) struct Binary {
    numeric: usize,
    features: usize,
    smoothing: f64,
    classes: Vec<Class>,
}

/// 1 where there, 0 where absent, NaN where unknown.
fn state(value: f64) -> f64 {
    if value.abs() <= LIMIT { f64::from(u8::from(value > 0.0)) } else { f64::NAN }
}

impl Binary {
    pub(super) fn new(numeric: usize, sparse: usize, smoothing: f64) -> Self {
        Binary { numeric, features: numeric + sparse, smoothing, classes: Vec::new() }
    }

    pub(super) fn grow(&mut self, classes: usize) {
        let none = Class { there: vec![0.0; self.features], known: vec![0.0; self.features] };
        self.classes.resize(classes.max(self.classes.len()), none);
    }

    /// The states of a row's features, as [`Binary::ln`] and the others want them.
    pub(super) fn states(&self, numeric: &[f64], sparse: &[(u32, f64)], out: &mut Vec<f64>) {
        out.clear();
        out.extend(numeric.iter().take(self.numeric).map(|&value| state(value)));
        out.resize(self.features, 0.0);
        for &(index, value) in sparse {
            if let Some(at) = out.get_mut(self.numeric + index as usize) {
                *at = state(value);
            }
        }
    }

    /// Log probability of the features' states in a class.
    pub(super) fn ln(&self, class: usize, states: &[f64]) -> f64 {
        let Some(of) = self.classes.get(class) else { return 0.0 };
        let mut product = Product::one();
        let blocks = states.chunks(LANES).zip(of.there.chunks(LANES)).zip(of.known.chunks(LANES));
        for ((states, there), known) in blocks {
            product.times(self.share(Lanes::of(states), Lanes::of(there), Lanes::of(known)));
        }
        product.ln()
    }

    /// The share of the events in which each feature was as it is; 1 where unknown.
    #[inline(always)]
    fn share(&self, states: Lanes, there: Lanes, known: Lanes) -> Lanes {
        let smoothing = Lanes::splat(self.smoothing);
        let alike = there.with(known, |there, known| (known - there).max(0.0));
        let alike = there * states + alike * (Lanes::splat(1.0) - states);
        let share = (alike + smoothing).over(known + smoothing * 2.0);
        share.map(|share| if share > 0.0 { share } else { 1.0 })
    }

    /// Adds `factor` times the log probability of each feature's state in a class; what absent sparse features say goes
    /// to the base.
    pub(super) fn explain(&self, class: usize, row: Row<'_>, factor: f64, out: &mut Contributions) {
        let Some(of) = self.classes.get(class) else { return };
        let share = |place: usize, state: f64| {
            let share =
                self.share(Lanes::splat(state), Lanes::splat(of.there[place]), Lanes::splat(of.known[place]));
            factor * libm::log(share.get(0))
        };
        for (place, (part, &value)) in out.numeric.iter_mut().zip(row.numeric).enumerate().take(self.numeric)
        {
            *part += share(place, state(value));
        }
        out.base += (self.numeric..self.features).map(|place| share(place, 0.0)).sum::<f64>();
        for (part, &(index, value)) in out.sparse.iter_mut().zip(row.sparse) {
            let place = self.numeric + index as usize;
            if place < self.features {
                *part += share(place, state(value)) - share(place, 0.0);
            }
        }
    }

    pub(super) fn learn(&mut self, class: usize, states: &[f64], weight: f64) {
        let Some(of) = self.classes.get_mut(class) else { return };
        for ((&state, there), known) in states.iter().zip(&mut of.there).zip(&mut of.known) {
            let is_known = state >= 0.0;
            *there += if is_known { weight * state } else { 0.0 };
            *known += if is_known { weight } else { 0.0 };
        }
    }

    /// The share of the events of a class with each feature.
    pub(super) fn describe(&self, class: usize) -> Vec<f64> {
        let Some(of) = self.classes.get(class) else { return Vec::new() };
        of.there.iter().zip(&of.known).map(|(there, known)| there / known.max(f64::MIN_POSITIVE)).collect()
    }

    /// Takes away what `base`, an earlier state, had learnt.
    pub(super) fn subtract(&mut self, base: &Binary) {
        for (of, base) in self.classes.iter_mut().zip(&base.classes) {
            of.there.iter_mut().zip(&base.there).for_each(|(count, base)| *count = (*count - base).max(0.0));
            of.known.iter_mut().zip(&base.known).for_each(|(count, base)| *count = (*count - base).max(0.0));
        }
    }

    /// Adds what another has learnt; `from[feature]` is where the other has this numeric feature.
    pub(super) fn add(&mut self, other: &Binary, from: &[Option<usize>]) {
        self.grow(other.classes.len());
        for place in 0..self.features {
            let at = match place.checked_sub(self.numeric) {
                Some(index) => Some(other.numeric + index),
                None => from.get(place).copied().flatten(),
            };
            for (of, other) in self.classes.iter_mut().zip(&other.classes) {
                if let Some(at) = at.filter(|at| *at < other.there.len()) {
                    of.there[place] += other.there[at];
                    of.known[place] += other.known[at];
                }
            }
        }
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.classes.len() * (size_of::<Class>() + 16 * self.features)
    }

    pub(super) fn save(&self, out: &mut Writer) {
        for of in &self.classes {
            counts::save(&of.there, out);
            counts::save(&of.known, out);
        }
    }

    /// Loads what [`Binary::save`] wrote into as many classes as there are.
    pub(super) fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        for of in &mut self.classes {
            counts::load(&mut of.there, from)?;
            counts::load(&mut of.known, from)?;
        }
        Ok(())
    }
}
