//! Transformers in front of a model: to the outside, a model like any other.
//!
//! `predict` transforms the row with what the transformers have learnt so far and changes nothing. `learn` goes
//! through the chain once: each transformer learns the row first and transforms it then, so that the next stage and
//! the model learn from a row that is prepared with all that is known but its target, which transformers get last. An event is thus predicted by a chain that has
//! not seen it. A target that is not finite teaches the transformers nothing either; from an event of a class beyond
//! what the model can tell apart they do learn.

use crate::features::{Row, RowBuffer, Schema};
use crate::model::{
    AnomalyDetector, AnyModel, Assignment, Bandit, Classifier, Clusterer, Forecaster, Interval, Model,
    Ranked, Recommender, Regressor, Target, Transformer,
};
use crate::snapshot::{Reader, Snapshot, SnapshotError, Writer};
use std::cell::RefCell;

/// Puts transformers in front of a model. Each must have been built for the output of the one before it, and the
/// model for the output of the last.
///
/// ```
/// use streamfold_learn::compose::chain::chain;
/// use streamfold_learn::features::{Row, Schema};
/// use streamfold_learn::model::AnyModel;
/// use streamfold_learn::registry;
///
/// let schema = Schema { numeric: vec!["x".into()], ..Schema::default() };
/// let scaler = registry::transformer("standard_scaler").ok_or("no such transformer")?;
/// let scaler = (scaler.build)(&schema, &scaler.values(&[])?, 0)?;
/// let entry = registry::model("linear_regression").ok_or("no such model")?;
/// let model = (entry.build)(scaler.output(), &entry.values(&[])?, 0)?;
/// let AnyModel::Regressor(mut model) = chain(vec![scaler], model) else { return Err("no regressor".into()) };
/// for x in 0..10_000 {
///     let x = f64::from(x % 50);
///     model.learn(Row { numeric: &[x], ..Row::default() }, 2.0 * x + 1.0, 1.0);
/// }
/// assert_eq!(model.predict(Row { numeric: &[10.0], ..Row::default() }).round(), 21.0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn chain(transformers: Vec<Box<dyn Transformer>>, model: AnyModel) -> AnyModel {
    if transformers.is_empty() {
        return model;
    }
    match model {
        AnyModel::Regressor(model) => AnyModel::Regressor(Box::new(Chain::new(transformers, model))),
        AnyModel::Classifier(model) => AnyModel::Classifier(Box::new(Chain::new(transformers, model))),
        AnyModel::Clusterer(model) => AnyModel::Clusterer(Box::new(Chain::new(transformers, model))),
        AnyModel::AnomalyDetector(model) => {
            AnyModel::AnomalyDetector(Box::new(Chain::new(transformers, model)))
        }
        AnyModel::Recommender(model) => AnyModel::Recommender(Box::new(Chain::new(transformers, model))),
        AnyModel::Bandit(model) => AnyModel::Bandit(Box::new(Chain::new(transformers, model))),
        AnyModel::Forecaster(model) => AnyModel::Forecaster(Box::new(Chain::new(transformers, model))),
    }
}

/// Two rows that the stages write in turn; kept, so that an event allocates nothing.
#[derive(Default)]
struct Rows {
    ready: RowBuffer,
    next: RowBuffer,
}

struct Chain<M: ?Sized> {
    transformers: Vec<Box<dyn Transformer>>,
    model: Box<M>,
    /// Borrowed for the length of one call only, and no call reaches this chain again from inside: it cannot be
    /// borrowed twice.
    rows: RefCell<Rows>,
}

impl<M: ?Sized> Chain<M> {
    fn new(transformers: Vec<Box<dyn Transformer>>, model: Box<M>) -> Self {
        Chain { transformers, model, rows: RefCell::default() }
    }

    /// The row as the model is to see it, by what was learnt so far.
    fn prepared<T>(&self, row: Row<'_>, then: impl FnOnce(&M, Row<'_>) -> T) -> T {
        let mut rows = self.rows.borrow_mut();
        let Rows { ready, next } = &mut *rows;
        for (stage, transformer) in self.transformers.iter().enumerate() {
            transformer.transform(if stage == 0 { row } else { ready.row() }, next);
            std::mem::swap(ready, next);
        }
        then(&self.model, ready.row())
    }

    /// Lets the transformers learn, and gives the model the row.
    fn learn(&mut self, row: Row<'_>, target: Target, weight: f64, then: impl FnOnce(&mut M, Row<'_>)) {
        let Rows { ready, next } = self.rows.get_mut();
        for (stage, transformer) in self.transformers.iter_mut().enumerate() {
            let row = if stage == 0 { row } else { ready.row() };
            transformer.learn(row, weight);
            transformer.transform(row, next);
            transformer.learn_target(row, target, weight);
            std::mem::swap(ready, next);
        }
        then(&mut self.model, ready.row());
    }
}

impl<M: Model + ?Sized> Model for Chain<M> {
    fn memory_bytes(&self) -> usize {
        let rows = self.rows.borrow();
        let row = |row: &RowBuffer| 8 * row.numeric.len() + 8 * row.categories.len() + 16 * row.sparse.len();
        let transformers: usize =
            self.transformers.iter().map(|transformer| transformer.memory_bytes()).sum();
        self.model.memory_bytes() + transformers + row(&rows.ready) + row(&rows.next)
    }

    fn dump(&self, schema: &Schema, out: &mut String) {
        // What the model sees is what the last transformer writes.
        self.model.dump(self.transformers.last().map_or(schema, |last| last.output()), out);
    }

    fn as_interval(&self) -> Option<&dyn Interval> {
        self.model.as_interval().map(|_| self as &dyn Interval)
    }
}

impl<M: Model + ?Sized> Interval for Chain<M> {
    fn interval(&self, row: Row<'_>, confidence: f64) -> (f64, f64) {
        let nothing = (f64::NEG_INFINITY, f64::INFINITY);
        self.prepared(row, |model, row| {
            model.as_interval().map_or(nothing, |of| of.interval(row, confidence))
        })
    }
}

impl Regressor for Chain<dyn Regressor> {
    fn predict(&self, row: Row<'_>) -> f64 {
        self.prepared(row, |model, row| model.predict(row))
    }

    fn learn(&mut self, row: Row<'_>, target: f64, weight: f64) {
        if target.is_finite() {
            Chain::learn(self, row, Target::Number(target), weight, |model, row| {
                model.learn(row, target, weight)
            });
        }
    }
}

impl Classifier for Chain<dyn Classifier> {
    fn predict(&self, row: Row<'_>, scores: &mut [f64]) {
        self.prepared(row, |model, row| model.predict(row, scores));
    }

    fn learn(&mut self, row: Row<'_>, class: usize, weight: f64) {
        Chain::learn(self, row, Target::Class(class), weight, |model, row| model.learn(row, class, weight));
    }
}

impl Clusterer for Chain<dyn Clusterer> {
    fn predict(&self, row: Row<'_>) -> Assignment {
        self.prepared(row, |model, row| model.predict(row))
    }

    fn learn(&mut self, row: Row<'_>, weight: f64) {
        Chain::learn(self, row, Target::None, weight, |model, row| model.learn(row, weight));
    }
}

impl AnomalyDetector for Chain<dyn AnomalyDetector> {
    fn score(&self, row: Row<'_>) -> f64 {
        self.prepared(row, |model, row| model.score(row))
    }

    fn learn(&mut self, row: Row<'_>, weight: f64) {
        Chain::learn(self, row, Target::None, weight, |model, row| model.learn(row, weight));
    }
}

impl Recommender for Chain<dyn Recommender> {
    fn recommend(&self, row: Row<'_>, items: usize, count: usize, out: &mut Vec<Ranked>) {
        self.prepared(row, |model, row| model.recommend(row, items, count, out));
    }

    fn learn(&mut self, row: Row<'_>, item: usize, weight: f64) {
        Chain::learn(self, row, Target::None, weight, |model, row| model.learn(row, item, weight));
    }
}

impl Bandit for Chain<dyn Bandit> {
    fn decide(&self, context: Row<'_>, propensities: &mut [f64]) {
        self.prepared(context, |model, row| model.decide(row, propensities));
    }

    fn learn(&mut self, context: Row<'_>, action: usize, propensity: f64, reward: f64, weight: f64) {
        if reward.is_finite() && propensity > 0.0 && propensity <= 1.0 {
            Chain::learn(self, context, Target::Number(reward), weight, |model, row| {
                model.learn(row, action, propensity, reward, weight);
            });
        }
    }
}

impl Forecaster for Chain<dyn Forecaster> {
    fn forecast(&self, exogenous: &[Row<'_>], out: &mut [f64]) {
        // Each row is prepared into memory of its own: the model sees them together.
        let prepared: Vec<RowBuffer> =
            exogenous.iter().map(|&row| self.prepared(row, |_, row| RowBuffer::of(row))).collect();
        let rows: Vec<Row<'_>> = prepared.iter().map(RowBuffer::row).collect();
        self.model.forecast(&rows, out);
    }

    fn learn(&mut self, row: Row<'_>, value: f64, weight: f64) {
        Chain::learn(self, row, Target::Number(value), weight, |model, row| model.learn(row, value, weight));
    }
}

impl<M: Snapshot + ?Sized> Snapshot for Chain<M> {
    fn save(&self, out: &mut Writer) {
        out.version(1);
        self.transformers.iter().for_each(|transformer| transformer.save(out));
        self.model.save(out);
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        from.part("chain");
        from.version(1)?;
        for transformer in &mut self.transformers {
            transformer.load(from)?;
        }
        self.model.load(from)
    }
}
