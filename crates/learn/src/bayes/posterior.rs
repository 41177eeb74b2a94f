//! What every naive Bayes model is: the classes' weights, times how likely the row is in each class.

use super::binary::Binary;
use super::categories::Categories;
use super::gaussian::Gaussian;
use super::merge;
use super::terms::Terms;
use super::{WEIGHT_MAX, count};
use crate::dump;
use crate::features::{Row, Schema, category};
use crate::model::{Classifier, Contributions, Explain, Merge, Model};
use crate::snapshot::{Reader, Snapshot, SnapshotError, Writer};
use std::cell::RefCell;
use std::fmt::Write as _;
use std::sync::Arc;

/// Which features a model reads, and how.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Parts {
    /// Numeric features as normal distributions; `prior_events` of them.
    pub(super) gaussian: Option<f64>,
    /// Categories; most places of a table, and smoothing.
    pub(super) categories: Option<(usize, f64)>,
    /// Sparse features as counts of terms, the numeric ones too where so; and smoothing.
    pub(super) terms: Option<(bool, f64)>,
    /// Numeric and sparse features as there or not; smoothing.
    pub(super) binary: Option<f64>,
}

/// How a change names features: numeric and categorical ones by hashes of their names, sparse ones by their index,
/// which is a hash or a place in a dictionary already.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Names {
    pub(super) numeric: Vec<u64>,
    pub(super) categories: Vec<u64>,
    pub(super) sparse: usize,
}

/// A naive Bayes model of some [parts](super).
#[derive(Clone, Debug)]
pub struct Posterior {
    name: &'static str,
    parts: Parts,
    pub(super) classes_max: usize,
    pub(super) names: Names,
    /// Weight learnt of each class seen; the classes seen are the first of all.
    pub(super) classes: Vec<f64>,
    pub(super) gaussian: Gaussian,
    pub(super) categories: Categories,
    pub(super) terms: Terms,
    pub(super) binary: Binary,
    /// The states of a row's binary features. Not state; borrowed within one call only.
    states: RefCell<Vec<f64>>,
}

impl Posterior {
    /// A model that has learnt nothing.
    pub(super) fn new(name: &'static str, schema: &Schema, classes_max: i64, parts: Parts) -> Self {
        let hashes = |names: &[Arc<str>]| names.iter().map(|name| category(name.as_bytes())).collect();
        let (numeric, categories) = (hashes(&schema.numeric), hashes(&schema.categories));
        let names = Names { numeric, categories, sparse: schema.sparse_size as usize };
        Self::of(name, names, classes_max as usize, parts)
    }

    fn of(name: &'static str, names: Names, classes_max: usize, parts: Parts) -> Self {
        let (numeric, sparse) = (names.numeric.len(), names.sparse);
        // A part that is not there is one of no features.
        let gaussian = parts.gaussian.map_or(Gaussian::new(0, 0.0), |prior| Gaussian::new(numeric, prior));
        let categories = parts.categories.map_or(Categories::new(0, 0, 1.0), |(places, smoothing)| {
            Categories::new(names.categories.len(), places, smoothing)
        });
        let terms = parts.terms.map_or(Terms::new(0, 0, 1.0), |(too, smoothing)| {
            Terms::new(if too { numeric } else { 0 }, sparse, smoothing)
        });
        let binary =
            parts.binary.map_or(Binary::new(0, 0, 1.0), |smoothing| Binary::new(numeric, sparse, smoothing));
        let (classes, states) = (Vec::new(), RefCell::default());
        Posterior { name, parts, classes_max, names, classes, gaussian, categories, terms, binary, states }
    }

    /// A model of the same kind, for these features, that has learnt nothing.
    pub(super) fn empty(&self, names: Names) -> Self {
        Self::of(self.name, names, self.classes_max, self.parts)
    }

    pub(super) fn grow(&mut self, classes: usize) {
        self.classes.resize(classes.max(self.classes.len()), 0.0);
        self.gaussian.grow(classes);
        self.categories.grow(classes);
        self.terms.grow(classes);
        self.binary.grow(classes);
    }

    /// Log of a class's weight and of the row's probability in it, up to what is the same in all classes.
    #[inline]
    fn joint(&self, class: usize, row: Row<'_>, whole: bool, states: &[f64]) -> f64 {
        let weight = self.classes[class];
        if weight <= 0.0 {
            return f64::NEG_INFINITY;
        }
        libm::log(weight)
            + self.gaussian.ln(class, row.numeric, whole)
            + self.categories.ln(class, row.categories)
            + self.terms.ln(class, row.numeric, row.sparse)
            + self.binary.ln(class, states)
    }
}

impl Model for Posterior {
    fn memory_bytes(&self) -> usize {
        let parts = self.gaussian.memory_bytes()
            + self.categories.memory_bytes()
            + self.terms.memory_bytes()
            + self.binary.memory_bytes();
        let names = self.names.numeric.len() + self.names.categories.len();
        size_of::<Self>() + parts + 8 * (self.classes.len() + names + self.states.borrow().capacity())
    }

    fn dump(&self, schema: &Schema, out: &mut String) {
        let total: f64 = self.classes.iter().sum();
        for class in 0..dump::lines(self.classes.len()) {
            // Writing to a string cannot fail.
            let _ = writeln!(out, "class {class}, {:.4} of the events:", self.classes[class] / total);
            let moments = self.gaussian.describe(class);
            for (feature, (mean, deviation)) in moments.iter().enumerate().take(dump::lines(moments.len())) {
                let name = dump::feature_name(schema, feature);
                let _ = writeln!(out, "  {name}: mean {mean:.6e}, deviation {deviation:.6e}");
            }
            dump::rest(moments.len(), out);
            let tables = self.categories.describe(class);
            for ((number, most), name) in
                tables.iter().zip(&schema.categories).take(dump::lines(tables.len()))
            {
                let _ = writeln!(out, "  {name}: {number} categories, the most frequent {most:.4}");
            }
            dump::rest(tables.len(), out);
            for mut shares in [self.terms.describe(class), self.binary.describe(class)] {
                // A part that reads sparse features only has no place for numeric ones.
                let first = (schema.numeric.len() + schema.sparse_size as usize).saturating_sub(shares.len());
                let named = shares.drain(..).enumerate();
                dump::weights(
                    named.map(|(at, share)| (dump::feature_name(schema, first + at), share)).collect(),
                    out,
                );
            }
        }
        dump::rest(self.classes.len(), out);
    }

    fn as_explain(&self) -> Option<&dyn Explain> {
        Some(self)
    }

    fn as_merge(&mut self) -> Option<&mut dyn Merge> {
        Some(self)
    }
}

/// Explains the log probability of a class above the mean of all classes seen.
impl Explain for Posterior {
    fn explain(&self, row: Row<'_>, class: usize, out: &mut Contributions) {
        out.clear(row);
        let seen = self.classes.iter().filter(|weight| **weight > 0.0).count();
        if self.classes.get(class).is_none_or(|weight| *weight <= 0.0) {
            return;
        }
        for (other, &weight) in self.classes.iter().enumerate().filter(|(_, weight)| **weight > 0.0) {
            let factor = f64::from(u8::from(other == class)) - 1.0 / seen as f64;
            out.base += factor * libm::log(weight);
            self.gaussian.explain(other, row.numeric, factor, &mut out.numeric);
            self.categories.explain(other, row.categories, factor, &mut out.categories);
            self.terms.explain(other, row, factor, out);
            self.binary.explain(other, row, factor, out);
        }
    }
}

impl Merge for Posterior {
    fn change(&self, base: &mut Reader<'_>, out: &mut Writer) -> Result<(), SnapshotError> {
        merge::change(self, base, out)
    }

    fn merge(&mut self, change: &mut Reader<'_>) -> Result<(), SnapshotError> {
        merge::merge(self, change)
    }
}

/// Makes probabilities of logarithms; what is minus infinity is impossible.
fn normalise(scores: &mut [f64]) {
    let max = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if max == f64::NEG_INFINITY {
        let each = 1.0 / scores.len().max(1) as f64;
        return scores.fill(each);
    }
    let mut sum = 0.0;
    for score in scores.iter_mut() {
        *score = libm::exp(*score - max);
        sum += *score;
    }
    scores.iter_mut().for_each(|score| *score /= sum);
}

impl Classifier for Posterior {
    fn predict(&self, row: Row<'_>, scores: &mut [f64]) {
        let whole = self.gaussian.whole(row.numeric);
        let mut states = self.states.borrow_mut();
        self.binary.states(row.numeric, row.sparse, &mut states);
        for (class, score) in scores.iter_mut().enumerate() {
            *score = match class < self.classes.len() {
                true => self.joint(class, row, whole, &states),
                false => f64::NEG_INFINITY,
            };
        }
        normalise(scores);
    }

    fn learn(&mut self, row: Row<'_>, class: usize, weight: f64) {
        // `is_nan` too: a weight that is not a number is not positive.
        if class >= self.classes_max || weight.is_nan() || weight <= 0.0 {
            return;
        }
        if class >= self.classes.len() {
            self.grow(class + 1);
        }
        let weight = weight.min(WEIGHT_MAX);
        self.classes[class] += weight;
        self.gaussian.learn(class, row.numeric, weight);
        self.categories.learn(class, row.categories, weight);
        self.terms.learn(class, row.numeric, row.sparse, weight);
        let states = self.states.get_mut();
        self.binary.states(row.numeric, row.sparse, states);
        self.binary.learn(class, states, weight);
    }
}

impl Snapshot for Posterior {
    fn save(&self, out: &mut Writer) {
        out.version(1);
        out.unsigned(self.classes.len() as u64);
        self.classes.iter().for_each(|&weight| out.float(weight));
        self.gaussian.save(out);
        self.categories.save(out);
        self.terms.save(out);
        self.binary.save(out);
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        from.part(self.name);
        from.version(1)?;
        let classes = from.length(8)?;
        if classes > self.classes_max {
            return Err(from.invalid(format!("{classes} classes, at most {} belong", self.classes_max)));
        }
        *self = self.empty(self.names.clone());
        self.grow(classes);
        for weight in &mut self.classes {
            *weight = count(from)?;
        }
        self.gaussian.load(from)?;
        self.categories.load(from, classes)?;
        self.terms.load(from)?;
        self.binary.load(from)
    }
}
