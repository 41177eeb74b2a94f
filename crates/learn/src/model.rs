//! The traits of models: one small trait for each task.
//!
//! The trait that a model implements *is* its capability. All of them predict before they have learnt anything,
//! take missing and infinite features, never panic on any row of their schema, and change nothing in `predict`.

use crate::features::{Row, RowBuffer, Schema};
use crate::snapshot::Snapshot;

/// Predicts a number.
pub trait Regressor: Snapshot + Send {
    /// The prediction; finite.
    fn predict(&self, row: Row<'_>) -> f64;
    /// Learns that `target` was right. `weight` is the importance of the event (1 is usual); a target that is not
    /// finite or a weight that is not positive teaches nothing.
    fn learn(&mut self, row: Row<'_>, target: f64, weight: f64);
}

/// Predicts one of a number of classes, which are numbered from 0 in the order in which they were first seen.
pub trait Classifier: Snapshot + Send {
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
pub trait Clusterer: Snapshot + Send {
    /// The nearest cluster.
    fn predict(&self, row: Row<'_>) -> Assignment;
    /// Moves the clusters towards the event.
    fn learn(&mut self, row: Row<'_>, weight: f64);
}

/// Prepares features for the model behind it: scalers and encoders.
pub trait Transformer: Snapshot + Send {
    /// The shape of the rows that [`Transformer::transform`] writes.
    fn output(&self) -> &Schema;
    /// Writes the prepared row into `out`, which it clears first. Uses what was learnt so far, changes nothing.
    fn transform(&self, row: Row<'_>, out: &mut RowBuffer);
    /// Learns from the row (means, deviations, categories). Needs no target.
    fn learn(&mut self, row: Row<'_>, weight: f64);
}

/// A model of any task, as the registry builds it.
pub enum AnyModel {
    /// Predicts numbers.
    Regressor(Box<dyn Regressor>),
    /// Predicts classes.
    Classifier(Box<dyn Classifier>),
    /// Finds clusters.
    Clusterer(Box<dyn Clusterer>),
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
}

impl Task {
    /// The word for it in pipeline files.
    pub fn name(self) -> &'static str {
        match self {
            Task::Regression => "regression",
            Task::Classification => "classification",
            Task::Clustering => "clustering",
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
        }
    }

    /// The model's state.
    pub fn snapshot(&self) -> &dyn Snapshot {
        match self {
            AnyModel::Regressor(model) => model.as_ref(),
            AnyModel::Classifier(model) => model.as_ref(),
            AnyModel::Clusterer(model) => model.as_ref(),
        }
    }

    /// The model's state, to be loaded into.
    pub fn snapshot_mut(&mut self) -> &mut dyn Snapshot {
        match self {
            AnyModel::Regressor(model) => model.as_mut(),
            AnyModel::Classifier(model) => model.as_mut(),
            AnyModel::Clusterer(model) => model.as_mut(),
        }
    }
}
