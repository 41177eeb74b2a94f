//! How much each feature moves the predictions, for people who watch.
//!
//! Of some events it is asked what the model would have said without one feature: how far that lies from what it says
//! with all of them is the feature's influence. This works for any model, costs nothing while nobody watches, and
//! changes neither state nor answers.

use std::sync::Arc;
use streamfold_learn::features::{MISSING_CATEGORY, Row, RowBuffer, Schema};
use streamfold_learn::model::AnyModel;

/// Every so many events are looked at.
const EVERY_EVENTS: u64 = 32;
/// Share of the newest event in the fading means.
const FADING: f64 = 0.01;

/// Fading means of the influence of each feature.
#[derive(Default)]
pub(super) struct Influence {
    is_watched: bool,
    events: u64,
    /// Numeric features, then categorical ones; empty: no event was looked at yet.
    means: Vec<f64>,
    row: RowBuffer,
    scores: Vec<f64>,
}

impl Influence {
    /// Begins or ends to look.
    pub(super) fn watch(&mut self, is_watched: bool) {
        self.is_watched = is_watched;
    }

    /// Looks at an event that is predicted, if it is one of those. `classes`: how many are known.
    #[inline]
    pub(super) fn note(&mut self, model: &AnyModel, row: Row<'_>, classes: usize) {
        if !self.is_watched {
            return;
        }
        self.events += 1;
        if self.events % EVERY_EVENTS == 1 {
            self.look(model, row, classes);
        }
    }

    fn look(&mut self, model: &AnyModel, row: Row<'_>, classes: usize) {
        let Some((class, with)) = outcome(model, row, classes, None, &mut self.scores) else { return };
        let count = row.numeric.len() + row.categories.len();
        let is_first = self.means.len() != count;
        self.means.resize(count, 0.0);
        self.row.clear();
        self.row.numeric.extend_from_slice(row.numeric);
        self.row.categories.extend_from_slice(row.categories);
        self.row.sparse.extend_from_slice(row.sparse);
        for feature in 0..count {
            self.take_away(feature, row);
            let without = outcome(model, self.row.row(), classes, Some(class), &mut self.scores);
            self.put_back(feature, row);
            let moved = without.map_or(0.0, |(_, without)| (with - without).abs());
            if moved.is_finite() {
                let share = if is_first { 1.0 } else { FADING };
                self.means[feature] += share * (moved - self.means[feature]);
            }
        }
    }

    fn take_away(&mut self, feature: usize, row: Row<'_>) {
        match feature.checked_sub(row.numeric.len()) {
            None => self.row.numeric[feature] = f64::NAN,
            Some(category) => self.row.categories[category] = MISSING_CATEGORY,
        }
    }

    fn put_back(&mut self, feature: usize, row: Row<'_>) {
        match feature.checked_sub(row.numeric.len()) {
            None => self.row.numeric[feature] = row.numeric[feature],
            Some(category) => self.row.categories[category] = row.categories[category],
        }
    }

    /// The features by name with their influence, the greatest first: in units of the target, for classes in probability
    /// of the class that is predicted.
    pub(super) fn report(&self, schema: &Schema) -> Vec<(Arc<str>, f64)> {
        let names = schema.numeric.iter().chain(&schema.categories).cloned();
        let mut named: Vec<_> = names.zip(self.means.iter().copied()).collect();
        named.sort_by(|a, b| b.1.total_cmp(&a.1));
        named
    }
}

/// The number that is predicted, or the probability of `class` (`None`: of the likeliest one), and which class that is.
fn outcome(
    model: &AnyModel,
    row: Row<'_>,
    classes: usize,
    class: Option<usize>,
    scores: &mut Vec<f64>,
) -> Option<(usize, f64)> {
    match model {
        AnyModel::Regressor(model) => Some((0, model.predict(row))),
        AnyModel::Classifier(model) => {
            scores.clear();
            scores.resize(classes, 0.0);
            model.predict(row, scores);
            let class = class.or_else(|| super::fold::best_class(scores))?;
            Some((class, *scores.get(class)?))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use streamfold_learn::registry;

    #[test]
    fn what_decides_weighs_most_and_what_does_not_weighs_nothing() {
        let schema = Schema { numeric: ["a", "b", "c"].map(Into::into).to_vec(), ..Schema::default() };
        let entry = registry::model("linear_regression").unwrap();
        let mut model = (entry.build)(&schema, &entry.values(&[]).unwrap(), 0).unwrap();
        let mut influence = Influence::default();
        influence.watch(true);
        for n in 0..20_000 {
            let row = [f64::from(n * 7 % 11), f64::from(n * 5 % 13), f64::from(n * 3 % 17)];
            let row = Row { numeric: &row, ..Row::default() };
            influence.note(&model, row, 0);
            if let AnyModel::Regressor(model) = &mut model {
                model.learn(row, 10.0 * row.numeric[1] + row.numeric[0], 1.0);
            }
        }
        let found = influence.report(&schema);
        let names: Vec<&str> = found.iter().map(|(name, _)| name.as_ref()).collect();
        assert_eq!(names, ["b", "a", "c"]);
        assert!(found[0].1 > 5.0 * found[1].1 && found[2].1 < 0.1, "{found:?}");
    }
}
