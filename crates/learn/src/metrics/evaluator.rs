//! What the engine holds: the metrics of a model beside those of its baselines.

use super::anomaly::{self, Anomaly};
use super::classification::{self, Classification};
use super::clustering::{self, Clustering};
use super::confusion::Confusion;
use super::decisions::{self, Decisions};
use super::forecasting::{self, Forecasting};
use super::ranking::{self, Ranking};
use super::regression::{self, Regression};
use crate::baseline;
use crate::model::{Assignment, Task};
use crate::snapshot::{Reader, Snapshot, SnapshotError, Writer};

/// The names of a task's metrics, in the order of the report.
pub fn names(task: Task) -> &'static [&'static str] {
    match task {
        Task::Regression => regression::NAMES,
        Task::Classification => classification::NAMES,
        Task::Clustering => clustering::NAMES,
        Task::AnomalyDetection => anomaly::NAMES,
        Task::Recommendation => ranking::NAMES,
        Task::Bandit => decisions::NAMES,
        Task::Forecasting => forecasting::NAMES,
    }
}

/// Settings of an [`Evaluator`]; they are not part of its snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Length of the sliding window in scored events, at least 1.
    pub window_rows: usize,
    /// Classes that are told apart; events of classes from this number on are not scored.
    pub classes_max: usize,
    /// The class that F1 and ROC AUC of a binary task are about: 0 or 1.
    pub positive_class: usize,
}

impl Default for Options {
    /// 1000 events; 100 classes; class 1.
    fn default() -> Self {
        Options { window_rows: 1000, classes_max: 100, positive_class: 1 }
    }
}

/// Over which events a metric is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// All since the beginning.
    Overall,
    /// The last [`Options::window_rows`].
    Window,
}

impl Scope {
    /// The word for it in reports.
    pub fn name(self) -> &'static str {
        match self {
            Scope::Overall => "overall",
            Scope::Window => "window",
        }
    }
}

/// One number of a [`Report`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Value {
    /// Whose metric it is: `model`, or the name of a baseline.
    pub who: &'static str,
    /// Over which events.
    pub scope: Scope,
    /// The metric; see the [module](crate::metrics).
    pub metric: &'static str,
    /// None where the metric is not defined.
    pub value: Option<f64>,
}

/// All metrics at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// Events scored since the beginning.
    pub scored: u64,
    /// Events that could not be scored.
    pub skipped: u64,
    /// Events in the window now.
    pub window_rows: usize,
    /// The model, then the baselines; of each overall, then window; of these the metrics in the order of [`names`].
    pub values: Vec<Value>,
}

/// The metrics of a model and its baselines.
///
/// ```
/// use streamfold_learn::metrics::{Evaluator, Options};
/// use streamfold_learn::{baseline::Baselines, model::Task};
///
/// let mut baselines = Baselines::new(Task::Regression, 0);
/// let mut evaluator = Evaluator::new(Task::Regression, Options::default());
/// for (prediction, label) in [(1.0, 2.0), (2.0, 2.5)] {
///     let mut words = Vec::new();
///     baselines.predict(0, &mut words); // with the prediction; the words wait with it for the label
///     evaluator.update_regression(prediction, label, &words);
///     baselines.learn_number(label);
/// }
/// let report = evaluator.report();
/// assert_eq!((report.values[0].who, report.values[0].metric), ("model", "mae"));
/// assert_eq!(report.values[0].value, Some(0.75));
/// ```
#[derive(Clone, Debug)]
pub struct Evaluator {
    scored: u64,
    skipped: u64,
    scores: Scores,
}

#[derive(Clone, Debug)]
enum Scores {
    Regression(Regression),
    Classification(Classification),
    Clustering(Clustering),
    Anomaly(Anomaly),
    Ranking(Ranking),
    Decisions(Decisions),
    Forecasting(Forecasting),
}

impl Evaluator {
    /// Metrics of nothing yet, for a model and the task's baselines.
    pub fn new(task: Task, options: Options) -> Self {
        let Options { window_rows, classes_max, positive_class } = options;
        let baselines = baseline::names(task).len();
        let scores = match task {
            Task::Regression => Scores::Regression(Regression::new(baselines, window_rows)),
            Task::Classification => Scores::Classification(Classification::new(
                baselines,
                window_rows,
                classes_max,
                positive_class,
            )),
            Task::Clustering => Scores::Clustering(Clustering::new(window_rows)),
            Task::AnomalyDetection => Scores::Anomaly(Anomaly::new(window_rows)),
            Task::Recommendation => Scores::Ranking(Ranking::new(window_rows)),
            Task::Bandit => Scores::Decisions(Decisions::new(baselines, window_rows)),
            Task::Forecasting => Scores::Forecasting(Forecasting::new(baselines, window_rows)),
        };
        Evaluator { scored: 0, skipped: 0, scores }
    }

    /// The label of a number that was predicted has come; `baselines` are the words that
    /// [`baseline::Baselines::predict`] wrote at prediction. An event of another task is skipped, here as below.
    pub fn update_regression(&mut self, prediction: f64, label: f64, baselines: &[f64]) {
        let scored = match &mut self.scores {
            Scores::Regression(scores) => scores.update(prediction, label, baselines),
            _ => false,
        };
        self.count(scored);
    }

    /// The class of an event is known; `scores` are the model's for the classes known at prediction, `baselines` the
    /// words that [`baseline::Baselines::predict`] wrote for as many.
    pub fn update_classification(&mut self, scores: &[f64], class: usize, baselines: &[f64]) {
        let scored = match &mut self.scores {
            Scores::Classification(state) => state.update(scores, class, baselines),
            _ => false,
        };
        self.count(scored);
    }

    /// An event was given to a cluster.
    pub fn update_clustering(&mut self, assignment: &Assignment) {
        let scored = match &mut self.scores {
            Scores::Clustering(scores) => scores.update(assignment),
            _ => false,
        };
        self.count(scored);
    }

    /// An event was given a score; `strange` where it is known whether it was an anomaly.
    pub fn update_anomaly(&mut self, score: f64, strange: Option<bool>) {
        let scored = match &mut self.scores {
            Scores::Anomaly(scores) => scores.update(score, strange),
            _ => false,
        };
        self.count(scored);
    }

    /// An item was taken, and stood at this place (from 0) of the list that was recommended.
    pub fn update_recommendation(&mut self, place: Option<usize>) {
        let scored = match &mut self.scores {
            Scores::Ranking(scores) => {
                scores.update(place);
                true
            }
            _ => false,
        };
        self.count(scored);
    }

    /// The reward of an action is known; `propensities` are those it was drawn by, `baselines` as in
    /// [`Evaluator::update_regression`].
    pub fn update_bandit(&mut self, propensities: &[f64], action: usize, reward: f64, baselines: &[f64]) {
        let scored = match &mut self.scores {
            Scores::Decisions(scores) => scores.update(propensities, action, reward, baselines),
            _ => false,
        };
        self.count(scored);
    }

    /// The value of a step is known that was forecast; `baselines` as in [`Evaluator::update_regression`].
    pub fn update_forecast(&mut self, forecast: f64, value: f64, baselines: &[f64]) {
        let scored = match &mut self.scores {
            Scores::Forecasting(scores) => scores.update(forecast, value, baselines),
            _ => false,
        };
        self.count(scored);
    }

    fn count(&mut self, scored: bool) {
        let counter = if scored { &mut self.scored } else { &mut self.skipped };
        *counter = counter.saturating_add(1);
    }

    /// The model's confusion matrix over all events; none but in classification.
    pub fn confusion(&self) -> Option<&Confusion> {
        match &self.scores {
            Scores::Classification(scores) => Some(scores.confusion()),
            _ => None,
        }
    }

    /// All metrics now. Reads the whole window: see the [module](crate::metrics) for what it costs.
    pub fn report(&self) -> Report {
        let mut values = Vec::new();
        let window_rows = match &self.scores {
            Scores::Regression(scores) => {
                each(Task::Regression, &mut values, |who| [scores.overall(who), scores.windowed(who)]);
                scores.window_rows()
            }
            Scores::Classification(scores) => {
                each(Task::Classification, &mut values, |who| [scores.overall(who), scores.windowed(who)]);
                scores.window_rows()
            }
            Scores::Clustering(scores) => {
                each(Task::Clustering, &mut values, |_| [scores.overall(), scores.windowed()]);
                scores.window_rows()
            }
            Scores::Anomaly(scores) => {
                each(Task::AnomalyDetection, &mut values, |_| [scores.overall(), scores.windowed()]);
                scores.window_rows()
            }
            Scores::Ranking(scores) => {
                each(Task::Recommendation, &mut values, |_| [scores.overall(), scores.windowed()]);
                scores.window_rows()
            }
            Scores::Decisions(scores) => {
                each(Task::Bandit, &mut values, |who| [scores.overall(who), scores.windowed(who)]);
                scores.window_rows()
            }
            Scores::Forecasting(scores) => {
                each(Task::Forecasting, &mut values, |who| [scores.overall(who), scores.windowed(who)]);
                scores.window_rows()
            }
        };
        Report { scored: self.scored, skipped: self.skipped, window_rows, values }
    }
}

/// Adds the numbers of the model and each baseline, overall and of the window, under their names.
fn each<const N: usize>(
    task: Task,
    values: &mut Vec<Value>,
    metrics: impl Fn(usize) -> [[Option<f64>; N]; 2],
) {
    let everyone = std::iter::once("model").chain(baseline::names(task).iter().copied());
    for (number, who) in everyone.enumerate() {
        for (scope, numbers) in [Scope::Overall, Scope::Window].into_iter().zip(metrics(number)) {
            let named = names(task).iter().zip(numbers);
            values.extend(named.map(|(&metric, value)| Value { who, scope, metric, value }));
        }
    }
}

/// Version of the layout of [`Evaluator`].
const LAYOUT: u64 = 1;

impl Snapshot for Evaluator {
    fn save(&self, out: &mut Writer) {
        out.version(LAYOUT);
        out.unsigned(self.scored);
        out.unsigned(self.skipped);
        match &self.scores {
            Scores::Regression(scores) => scores.save(out),
            Scores::Classification(scores) => scores.save(out),
            Scores::Clustering(scores) => scores.save(out),
            Scores::Anomaly(scores) => scores.save(out),
            Scores::Ranking(scores) => scores.save(out),
            Scores::Decisions(scores) => scores.save(out),
            Scores::Forecasting(scores) => scores.save(out),
        }
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        from.part("metrics");
        from.version(LAYOUT)?;
        self.scored = from.unsigned()?;
        self.skipped = from.unsigned()?;
        match &mut self.scores {
            Scores::Regression(scores) => scores.load(from),
            Scores::Classification(scores) => scores.load(from),
            Scores::Clustering(scores) => scores.load(from),
            Scores::Anomaly(scores) => scores.load(from),
            Scores::Ranking(scores) => scores.load(from),
            Scores::Decisions(scores) => scores.load(from),
            Scores::Forecasting(scores) => scores.load(from),
        }
    }
}
