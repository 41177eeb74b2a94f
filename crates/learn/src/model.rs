//! The traits of models: one small trait for each task.
//!
//! The trait that a model implements *is* its capability. All of them predict before they have learnt anything,
//! take missing and infinite features, never panic on any row of their schema, and change nothing in `predict`.

use crate::features::{Row, RowBuffer, Schema};
use crate::snapshot::{Reader, Snapshot, SnapshotError, Writer};

/// What every model has, whatever its task.
pub trait Model: Snapshot + Send {
    /// Bytes of memory that the state takes now, heap included, to some ten per cent.
    fn memory_bytes(&self) -> usize;
    /// The model in words, for people: its weights, trees or centres by the names of the features. Plain text, a
    /// line each, bounded in length (the largest parts first). `schema` is the one that it was built for.
    fn dump(&self, schema: &Schema, out: &mut String);
    /// How it explains a prediction, where it can.
    fn as_explain(&self) -> Option<&dyn Explain> {
        None
    }
    /// How sure it is of a number, where it can say so.
    fn as_interval(&self) -> Option<&dyn Interval> {
        None
    }
    /// How it is merged with others of its kind, where mathematics allows it.
    fn as_merge(&mut self) -> Option<&mut dyn Merge> {
        None
    }
}

/// What each feature of a row contributed to one output of a model.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Contributions {
    /// The output without any feature.
    pub base: f64,
    /// One for each number in [`Row::numeric`].
    pub numeric: Vec<f64>,
    /// One for each category in [`Row::categories`].
    pub categories: Vec<f64>,
    /// One for each pair in [`Row::sparse`].
    pub sparse: Vec<f64>,
}

impl Contributions {
    /// Zero for every feature of the row.
    pub fn clear(&mut self, row: Row<'_>) {
        self.base = 0.0;
        for (values, length) in [
            (&mut self.numeric, row.numeric.len()),
            (&mut self.categories, row.categories.len()),
            (&mut self.sparse, row.sparse.len()),
        ] {
            values.clear();
            values.resize(length, 0.0);
        }
    }

    /// Multiplies everything.
    pub fn scale(&mut self, factor: f64) {
        self.base *= factor;
        let parts = self.numeric.iter_mut().chain(&mut self.categories).chain(&mut self.sparse);
        parts.for_each(|part| *part *= factor);
    }

    /// Turns the sign of everything.
    pub fn negate(&mut self) {
        self.scale(-1.0);
    }

    /// The base and all contributions: the output that is explained.
    pub fn sum(&self) -> f64 {
        let parts = self.numeric.iter().chain(&self.categories).chain(&self.sparse);
        self.base + parts.sum::<f64>()
    }
}

/// A model that says what each feature contributed to a prediction.
pub trait Explain {
    /// Writes the contributions into `out`. Their [sum](Contributions::sum) is, to rounding, the number that a
    /// regressor predicts. For a classifier it is the score of `class` on the scale that its documentation names:
    /// log-odds for logistic and softmax regression, probability for trees. A regressor does not look at `class`.
    fn explain(&self, row: Row<'_>, class: usize, out: &mut Contributions);
}

/// A regressor that says between which numbers the target lies.
pub trait Interval {
    /// The lowest and the highest number of an interval that is to hold the target of this row in a share `confidence`
    /// of the events (above 0, below 1; 0.9 is usual). The lowest is not above the highest, neither is NaN; they are
    /// infinite where too little has been learnt. What the promise rests on is in the model's documentation.
    fn interval(&self, row: Row<'_>, confidence: f64) -> (f64, f64);
}

/// A model that learns in several places at once: `global' = merge(global, change)`.
///
/// All copies start from one state, each learns its own events, and publishes what it has learnt as a *change*. All
/// adopt all changes in one order, and so arrive at the same bits; nothing but that order matters. A change names
/// features by a hash of their name, never by place.
pub trait Merge {
    /// Writes what was learnt since `base`, the state that all copies have in common. An error where `base` is not a
    /// state of this model.
    fn change(&self, base: &mut Reader<'_>, out: &mut Writer) -> Result<(), SnapshotError>;
    /// Adopts a change. After an error the state is what it was.
    fn merge(&mut self, change: &mut Reader<'_>) -> Result<(), SnapshotError>;
}

/// Predicts a number.
pub trait Regressor: Model {
    /// The prediction; finite.
    fn predict(&self, row: Row<'_>) -> f64;
    /// Learns that `target` was right. `weight` is the importance of the event (1 is usual); a target that is not
    /// finite or a weight that is not positive teaches nothing.
    fn learn(&mut self, row: Row<'_>, target: f64, weight: f64);
}

/// Predicts one of a number of classes, which are numbered from 0 in the order in which they were first seen.
pub trait Classifier: Model {
    /// Writes the probability of each class into `scores`, whose length is the number of classes known to the
    /// caller (it grows; a class that the model has not seen has probability 0 or a prior). They are finite, not
    /// negative, and sum to 1 where there is a class.
    fn predict(&self, row: Row<'_>, scores: &mut [f64]);
    /// Learns that `class` was right. See [`Regressor::learn`] for the weight.
    fn learn(&mut self, row: Row<'_>, class: usize, weight: f64);
}

/// The answer of a [`Clusterer`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Assignment {
    /// Number of the nearest cluster.
    pub cluster: usize,
    /// Euclidean distance to its centre, in the units of the (prepared) features.
    pub distance: f64,
    /// Distance to the second nearest centre, NaN where there is only one: for silhouette estimates.
    pub second_distance: f64,
}

/// Finds the cluster that an event belongs to.
pub trait Clusterer: Model {
    /// The nearest cluster.
    fn predict(&self, row: Row<'_>) -> Assignment;
    /// Moves the clusters towards the event.
    fn learn(&mut self, row: Row<'_>, weight: f64);
}

/// Says how strange an event is.
pub trait AnomalyDetector: Model {
    /// How strange the row is by what was learnt so far: finite, not negative, larger is stranger. The scale is the
    /// detector's own; its documentation names it.
    fn score(&self, row: Row<'_>) -> f64;
    /// Learns what is usual. There is no target: strange events are learnt too, which a detector must bear.
    fn learn(&mut self, row: Row<'_>, weight: f64);
}

/// One place of a list of recommendations.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ranked {
    /// Number of the item.
    pub item: usize,
    /// Larger is better; comparable within one list only.
    pub score: f64,
}

/// Recommends items, which are numbered from 0 in the order in which they were first seen, as classes are.
///
/// The first category of a row is the user; what else there is, is context that a model may look at.
pub trait Recommender: Model {
    /// Writes the best of the first `items` items into `out`, which it clears first: at most `count`, the best first,
    /// none twice, with finite scores. Fewer where the model knows fewer.
    fn recommend(&self, row: Row<'_>, items: usize, count: usize, out: &mut Vec<Ranked>);
    /// Learns that the user took the item. See [`Regressor::learn`] for the weight.
    fn learn(&mut self, row: Row<'_>, item: usize, weight: f64);
}

/// Chooses one of a number of actions, and learns from the reward of that one alone.
///
/// A bandit says how likely it takes each action; the action itself is drawn outside ([`crate::bandit::draw`]), by a
/// number that follows from the event, so that folding the same events again takes the same actions.
pub trait Bandit: Model {
    /// Writes the probability of each action into `propensities`, whose length is the number of actions. They are
    /// finite, not negative, and sum to 1 where there is an action.
    fn decide(&self, context: Row<'_>, propensities: &mut [f64]);
    /// Learns that `action`, which was taken with probability `propensity`, brought `reward` (larger is better). A
    /// reward that is not finite or a propensity that is not in (0, 1] teaches nothing; see [`Regressor::learn`] for
    /// the weight.
    fn learn(&mut self, context: Row<'_>, action: usize, propensity: f64, reward: f64, weight: f64);
}

/// Foretells a series of numbers at even steps.
pub trait Forecaster: Model {
    /// Writes the forecasts of the next steps into `out`, the first for the step that follows the last learnt one;
    /// finite. `exogenous` has what is known of these steps; where it is shorter than `out`, its last row stands
    /// for the rest.
    fn forecast(&self, exogenous: &[Row<'_>], out: &mut [f64]);
    /// Learns the value of the next step. One that is not finite is a gap: the step passes, and nothing else is learnt.
    /// A weight that is not positive is no step.
    fn learn(&mut self, row: Row<'_>, value: f64, weight: f64);
}

/// Prepares features for the model behind it: scalers and encoders.
pub trait Transformer: Snapshot + Send {
    /// The shape of the rows that [`Transformer::transform`] writes.
    fn output(&self) -> &Schema;
    /// Writes the prepared row into `out`, which it clears first. Uses what was learnt so far, changes nothing.
    fn transform(&self, row: Row<'_>, out: &mut RowBuffer);
    /// Bytes of memory that the state takes now, heap included, to some ten per cent.
    fn memory_bytes(&self) -> usize;
    /// Learns from the row (means, deviations, categories). Needs no target.
    fn learn(&mut self, row: Row<'_>, weight: f64);
    /// Learns what the row's target was, where there is one and the transformer has use for it. A chain calls it after
    /// the row was transformed for the model behind: no target is in the features that it is learnt with.
    fn learn_target(&mut self, _row: Row<'_>, _target: Target, _weight: f64) {}
}

/// What was to be predicted, for [`Transformer::learn_target`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Target {
    /// Nothing that a transformer could learn from.
    None,
    /// A number, a bandit's reward, a series' value; not finite where it is missing.
    Number(f64),
    /// The class of this number.
    Class(usize),
}

/// A model of any task, as the registry builds it.
pub enum AnyModel {
    /// Predicts numbers.
    Regressor(Box<dyn Regressor>),
    /// Predicts classes.
    Classifier(Box<dyn Classifier>),
    /// Finds clusters.
    Clusterer(Box<dyn Clusterer>),
    /// Finds what is strange.
    AnomalyDetector(Box<dyn AnomalyDetector>),
    /// Recommends items.
    Recommender(Box<dyn Recommender>),
    /// Chooses actions.
    Bandit(Box<dyn Bandit>),
    /// Foretells a series.
    Forecaster(Box<dyn Forecaster>),
}

/// What a model predicts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Task {
    /// A number.
    Regression,
    /// A class.
    Classification,
    /// A cluster; there is no label.
    Clustering,
    /// How strange an event is; a label only serves to score it.
    AnomalyDetection,
    /// A list of items; the label is the item that was taken.
    Recommendation,
    /// An action; the label is its reward.
    Bandit,
    /// The next values of a series; the label is the value.
    Forecasting,
}

impl Task {
    /// All tasks.
    pub const ALL: [Task; 7] = [
        Task::Regression,
        Task::Classification,
        Task::Clustering,
        Task::AnomalyDetection,
        Task::Recommendation,
        Task::Bandit,
        Task::Forecasting,
    ];

    /// The word for it in pipeline files.
    pub fn name(self) -> &'static str {
        match self {
            Task::Regression => "regression",
            Task::Classification => "classification",
            Task::Clustering => "clustering",
            Task::AnomalyDetection => "anomaly_detection",
            Task::Recommendation => "recommendation",
            Task::Bandit => "bandit",
            Task::Forecasting => "forecasting",
        }
    }
}

impl AnyModel {
    /// The task.
    pub fn task(&self) -> Task {
        match self {
            AnyModel::Regressor(_) => Task::Regression,
            AnyModel::Classifier(_) => Task::Classification,
            AnyModel::Clusterer(_) => Task::Clustering,
            AnyModel::AnomalyDetector(_) => Task::AnomalyDetection,
            AnyModel::Recommender(_) => Task::Recommendation,
            AnyModel::Bandit(_) => Task::Bandit,
            AnyModel::Forecaster(_) => Task::Forecasting,
        }
    }

    /// What it has whatever its task.
    pub fn model(&self) -> &dyn Model {
        match self {
            AnyModel::Regressor(model) => model.as_ref(),
            AnyModel::Classifier(model) => model.as_ref(),
            AnyModel::Clusterer(model) => model.as_ref(),
            AnyModel::AnomalyDetector(model) => model.as_ref(),
            AnyModel::Recommender(model) => model.as_ref(),
            AnyModel::Bandit(model) => model.as_ref(),
            AnyModel::Forecaster(model) => model.as_ref(),
        }
    }

    /// See [`AnyModel::model`].
    pub fn model_mut(&mut self) -> &mut dyn Model {
        match self {
            AnyModel::Regressor(model) => model.as_mut(),
            AnyModel::Classifier(model) => model.as_mut(),
            AnyModel::Clusterer(model) => model.as_mut(),
            AnyModel::AnomalyDetector(model) => model.as_mut(),
            AnyModel::Recommender(model) => model.as_mut(),
            AnyModel::Bandit(model) => model.as_mut(),
            AnyModel::Forecaster(model) => model.as_mut(),
        }
    }
}
