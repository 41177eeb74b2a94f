//! One model on its way through a stream.

use crate::bandit::draw;
use crate::baseline::Baselines;
use crate::features::Row;
use crate::metrics::{self, Evaluator, Scope, Value};
use crate::model::{AnyModel, Ranked};

/// What is known of an event besides its features.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Label {
    /// Nothing: the event is predicted, but neither scored nor learnt from where the task needs a label.
    None,
    /// The number that was to be predicted.
    Number(f64),
    /// The class that was to be predicted.
    Class(usize),
}

/// Settings of a [`Prequential`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Those of the metrics.
    pub metrics: metrics::Options,
    /// A point of the curve after so many events; 0: no curve. A point costs about as much as `metrics.window_rows`
    /// scored events.
    pub curve_every: u64,
    /// How many items are recommended.
    pub count: usize,
}

impl Default for Options {
    /// A window of 1000 events, and a point of the curve for each; 10 items.
    fn default() -> Self {
        Options { metrics: metrics::Options::default(), curve_every: 1000, count: 10 }
    }
}

/// A point of the curve: the metrics over the window, at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// Events up to here.
    pub events: u64,
    /// Those of [`Scope::Window`].
    pub values: Vec<Value>,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// Events that were predicted.
    pub events: u64,
    /// All metrics, of the model and its baselines.
    pub metrics: metrics::Report,
    /// Over time, the last point at the last event.
    pub curve: Vec<Point>,
    /// Memory of the model at the end.
    pub memory_bytes: usize,
}

/// A model that is evaluated; see the [module](super).
///
/// ```
/// use streamfold_learn::evaluate::{Label, Options, Prequential};
/// use streamfold_learn::features::{Row, Schema};
/// use streamfold_learn::registry;
///
/// let entry = registry::model("linear_regression").ok_or("no such model")?;
/// let schema = Schema { numeric: vec!["x".into()], ..Schema::default() };
/// let model = (entry.build)(&schema, &entry.values(&[])?, 0)?;
/// let mut evaluated = Prequential::new(model, Options::default());
/// for number in 0..2000 {
///     let x = f64::from(number % 7);
///     evaluated.event(Row { numeric: &[x], ..Row::default() }, Label::Number(2.0 * x + 1.0));
/// }
/// let report = evaluated.finish();
/// let mae = |who| report.metrics.values.iter().find(|value| (value.who, value.metric) == (who, "mae")).and_then(|v| v.value);
/// assert!(mae("model") < Some(0.1));
/// assert_eq!(mae("mean").map(|mae| mae.round()), Some(3.0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Prequential {
    model: AnyModel,
    baselines: Baselines,
    evaluator: Evaluator,
    options: Options,
    events: u64,
    /// Classes that occurred, within what is told apart.
    classes: usize,
    curve: Vec<Point>,
    /// Scratch: what the model and the baselines predict for the event at hand.
    scores: Vec<f64>,
    words: Vec<f64>,
    list: Vec<Ranked>,
}

impl Prequential {
    /// A model that is still to see its first event.
    pub fn new(model: AnyModel, options: Options) -> Self {
        let task = model.task();
        Prequential {
            baselines: Baselines::new(task, options.metrics.classes_max),
            evaluator: Evaluator::new(task, options.metrics),
            model,
            options,
            events: 0,
            classes: 0,
            curve: Vec::new(),
            scores: Vec::new(),
            words: Vec::new(),
            list: Vec::new(),
        }
    }

    /// The model as it is now.
    pub fn model(&self) -> &AnyModel {
        &self.model
    }

    /// The next event: predicted, scored, learnt. A label of another task teaches nothing.
    ///
    /// Anomalies are the events of [`metrics::Options::positive_class`]. An item is a class. A bandit's actions are the
    /// classes; it is told whether it took the right one, and not which that was.
    pub fn event(&mut self, row: Row<'_>, label: Label) {
        self.words.clear();
        self.baselines.predict(self.classes, &mut self.words);
        match &mut self.model {
            AnyModel::Regressor(model) => {
                let prediction = model.predict(row);
                if let Label::Number(label) = label {
                    self.evaluator.update_regression(prediction, label, &self.words);
                    self.baselines.learn_number(label);
                    model.learn(row, label, 1.0);
                }
            }
            AnyModel::Classifier(model) => {
                // What lies in the slice before does not matter.
                self.scores.resize(self.classes, 0.0);
                model.predict(row, &mut self.scores);
                if let Label::Class(class) = label {
                    self.evaluator.update_classification(&self.scores, class, &self.words);
                    self.baselines.learn_class(class);
                    model.learn(row, class, 1.0);
                    if class < self.options.metrics.classes_max {
                        self.classes = self.classes.max(class + 1);
                    }
                }
            }
            AnyModel::Clusterer(model) => {
                self.evaluator.update_clustering(&model.predict(row));
                model.learn(row, 1.0);
            }
            AnyModel::AnomalyDetector(model) => {
                let strange = match label {
                    Label::Class(class) => Some(class == self.options.metrics.positive_class),
                    _ => None,
                };
                self.evaluator.update_anomaly(model.score(row), strange);
                model.learn(row, 1.0);
            }
            AnyModel::Recommender(model) => {
                model.recommend(row, self.classes, self.options.count, &mut self.list);
                if let Label::Class(item) = label {
                    self.evaluator
                        .update_recommendation(self.list.iter().position(|place| place.item == item));
                    model.learn(row, item, 1.0);
                    if item < self.options.metrics.classes_max {
                        self.classes = self.classes.max(item + 1);
                    }
                }
            }
            AnyModel::Bandit(model) => {
                self.scores.resize(self.classes, 0.0);
                model.decide(row, &mut self.scores);
                if let Label::Class(class) = label {
                    if self.classes > 0 {
                        let action = draw(&self.scores, 0, self.events);
                        let reward = f64::from(u8::from(action == class));
                        self.evaluator.update_bandit(&self.scores, action, reward, &self.words);
                        model.learn(row, action, self.scores[action], reward, 1.0);
                    }
                    if class < self.options.metrics.classes_max {
                        self.classes = self.classes.max(class + 1);
                    }
                }
            }
            AnyModel::Forecaster(model) => {
                let mut next = [0.0];
                model.forecast(&[row], &mut next);
                let value = match label {
                    Label::Number(value) => value,
                    _ => f64::NAN,
                };
                if value.is_finite() {
                    self.evaluator.update_forecast(next[0], value, &self.words);
                    self.baselines.learn_number(value);
                }
                model.learn(row, value, 1.0);
            }
        }
        self.events += 1;
        if self.options.curve_every > 0 && self.events.is_multiple_of(self.options.curve_every) {
            self.point(&self.evaluator.report());
        }
    }

    fn point(&mut self, report: &metrics::Report) {
        let values = report.values.iter().filter(|value| value.scope == Scope::Window).copied().collect();
        self.curve.push(Point { events: self.events, values });
    }

    /// The scores at the end of the stream.
    pub fn finish(mut self) -> Report {
        let metrics = self.evaluator.report();
        let last = self.curve.last().map_or(0, |point| point.events);
        if self.options.curve_every > 0 && last < self.events {
            self.point(&metrics);
        }
        Report {
            events: self.events,
            metrics,
            curve: self.curve,
            memory_bytes: self.model.model().memory_bytes(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::Schema;
    use crate::registry;

    fn evaluated(name: &str, options: Options) -> Prequential {
        let schema = Schema { numeric: vec!["x".into()], ..Schema::default() };
        let entry = registry::model(name).unwrap();
        Prequential::new((entry.build)(&schema, &entry.values(&[]).unwrap(), 0).unwrap(), options)
    }

    fn value(report: &Report, who: &str, metric: &str) -> Option<f64> {
        report.metrics.values.iter().find(|v| (v.who, v.metric) == (who, metric)).and_then(|v| v.value)
    }

    fn row(x: &[f64]) -> Row<'_> {
        Row { numeric: x, ..Row::default() }
    }

    #[test]
    fn every_event_is_scored_before_it_is_learnt() {
        let mut evaluated = evaluated("linear_regression", Options::default());
        // Before anything is learnt all predict 0.
        evaluated.event(row(&[1.0]), Label::Number(8.0));
        let report = evaluated.finish();
        for who in ["model", "last_value", "mean"] {
            assert_eq!(value(&report, who, "mae"), Some(8.0), "{who}");
        }
        assert_eq!((report.events, report.metrics.scored), (1, 1));
    }

    #[test]
    fn a_class_is_known_from_its_first_label_on() {
        let options = metrics::Options { classes_max: 2, ..metrics::Options::default() };
        let options = Options { metrics: options, ..Options::default() };
        let mut evaluated = evaluated("softmax_regression", options);
        for class in [0, 0, 1, 1, 2, 1] {
            evaluated.event(row(&[class as f64]), Label::Class(class));
        }
        evaluated.event(row(&[0.0]), Label::None);
        let report = evaluated.finish();
        // The first event had no class to predict, the third class is beyond the bound, the last has no label.
        assert_eq!((report.events, report.metrics.scored, report.metrics.skipped), (7, 4, 2));
        // Right: the second, the fourth, and the one after the class that nobody learnt.
        assert_eq!(value(&report, "last_class", "accuracy"), Some(0.75));
    }

    #[test]
    fn the_curve_has_a_point_for_every_so_many_events_and_for_the_last() {
        let mut evaluated = evaluated("k_means", Options { curve_every: 4, ..Options::default() });
        (0..10).for_each(|number| evaluated.event(row(&[f64::from(number)]), Label::None));
        let report = evaluated.finish();
        assert_eq!(report.curve.iter().map(|point| point.events).collect::<Vec<_>>(), [4, 8, 10]);
        assert!(report.curve[2].values.iter().all(|value| value.scope == Scope::Window));
        assert!(report.memory_bytes > 0);
    }
}
