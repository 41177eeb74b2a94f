//! How tight clusters are and how well apart: within-cluster distance and a silhouette estimate.

use super::finite;
use super::sum::Sum;
use super::window::Window;
use crate::model::Assignment;
use crate::snapshot::{Reader, Snapshot, SnapshotError, Writer};

/// The metrics, in the order of [`Clustering::overall`].
pub(super) const NAMES: &[&str] = &["mean_distance", "mean_squared_distance", "silhouette"];

/// Sums over the distances of events to their clusters' centres.
#[derive(Clone, Copy, Debug, Default)]
struct Distances {
    count: u64,
    distance: Sum,
    squared: Sum,
    /// Events for which there was a second centre.
    silhouettes: u64,
    silhouette: Sum,
}

impl Distances {
    fn add(&mut self, own: f64, second: f64) {
        self.count = self.count.saturating_add(1);
        self.distance.add(own);
        self.squared.add(own * own);
        if second.is_finite() {
            self.silhouettes = self.silhouettes.saturating_add(1);
            let greater = own.max(second);
            // An event on two centres at once belongs to neither.
            self.silhouette.add(if greater > 0.0 { (second - own) / greater } else { 0.0 });
        }
    }

    fn metrics(&self) -> [Option<f64>; 3] {
        let count = self.count as f64;
        [
            finite(self.distance.value() / count),
            finite(self.squared.value() / count),
            finite(self.silhouette.value() / self.silhouettes as f64),
        ]
    }
}

/// Scores the clusters that events were given.
#[derive(Clone, Debug)]
pub(super) struct Clustering {
    distances: Distances,
    /// Each row: distance to the nearest and to the second nearest centre.
    window: Window,
}

impl Clustering {
    pub(super) fn new(window_rows: usize) -> Self {
        Clustering { distances: Distances::default(), window: Window::new(2, window_rows) }
    }

    /// Scores an event; false if it cannot be.
    pub(super) fn update(&mut self, assignment: &Assignment) -> bool {
        if !assignment.distance.is_finite() {
            return false;
        }
        self.distances.add(assignment.distance, assignment.second_distance);
        let row = self.window.push();
        row[0] = assignment.distance;
        row[1] = assignment.second_distance;
        true
    }

    pub(super) fn window_rows(&self) -> usize {
        self.window.len()
    }

    pub(super) fn overall(&self) -> [Option<f64>; 3] {
        self.distances.metrics()
    }

    pub(super) fn windowed(&self) -> [Option<f64>; 3] {
        let mut distances = Distances::default();
        for row in self.window.rows() {
            distances.add(row[0], row[1]);
        }
        distances.metrics()
    }
}

impl Snapshot for Clustering {
    fn save(&self, out: &mut Writer) {
        out.unsigned(self.distances.count);
        self.distances.distance.save(out);
        self.distances.squared.save(out);
        out.unsigned(self.distances.silhouettes);
        self.distances.silhouette.save(out);
        self.window.save(out);
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        self.distances.count = from.unsigned()?;
        self.distances.distance.load(from)?;
        self.distances.squared.load(from)?;
        self.distances.silhouettes = from.unsigned()?;
        self.distances.silhouette.load(from)?;
        self.window.load(from)
    }
}
