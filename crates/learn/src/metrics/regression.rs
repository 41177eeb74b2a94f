//! How far numbers are off: MAE, RMSE and R².

use super::finite;
use super::sum::{Moments, Sum};
use super::window::Window;
use crate::snapshot::{Reader, Snapshot, SnapshotError, Writer};

/// The metrics, in the order of [`Errors::metrics`].
pub(super) const NAMES: &[&str] = &["mae", "rmse", "r2"];

/// Sums over the errors of one predictor.
#[derive(Clone, Copy, Debug, Default)]
struct Errors {
    absolute: Sum,
    squared: Sum,
}

impl Errors {
    fn add(&mut self, error: f64) {
        self.absolute.add(error.abs());
        self.squared.add(error * error);
    }

    fn metrics(&self, labels: &Moments) -> [Option<f64>; 3] {
        let count = labels.count() as f64;
        let squared = self.squared.value();
        // With no event 0/0, with constant labels x/0: not finite, so not defined.
        [
            finite(self.absolute.value() / count),
            finite((squared / count).sqrt()),
            finite(1.0 - squared / labels.squares()),
        ]
    }
}

/// Scores the model and the baselines against the same labels.
#[derive(Clone, Debug)]
pub(super) struct Regression {
    labels: Moments,
    /// One for the model, then one for each baseline.
    errors: Vec<Errors>,
    /// Each row: the label, then a prediction for each of `errors`.
    window: Window,
}

impl Regression {
    pub(super) fn new(baselines: usize, window_rows: usize) -> Self {
        Regression {
            labels: Moments::default(),
            errors: vec![Errors::default(); 1 + baselines],
            window: Window::new(2 + baselines, window_rows),
        }
    }

    /// Scores an event; false if it cannot be.
    pub(super) fn update(&mut self, prediction: f64, label: f64, baselines: &[f64]) -> bool {
        let predictions = || std::iter::once(&prediction).chain(baselines);
        if baselines.len() + 1 != self.errors.len()
            || !label.is_finite()
            || !predictions().all(|prediction| prediction.is_finite())
        {
            return false;
        }
        self.labels.add(label);
        for (errors, prediction) in self.errors.iter_mut().zip(predictions()) {
            errors.add(prediction - label);
        }
        let row = self.window.push();
        row[0] = label;
        row[1] = prediction;
        row[2..].copy_from_slice(baselines);
        true
    }

    pub(super) fn window_rows(&self) -> usize {
        self.window.len()
    }

    pub(super) fn overall(&self, who: usize) -> [Option<f64>; 3] {
        self.errors[who].metrics(&self.labels)
    }

    /// Calls back with each prediction in the window and its label.
    pub(super) fn each_in_window(&self, who: usize, mut then: impl FnMut(f64, f64)) {
        self.window.rows().for_each(|row| then(row[1 + who], row[0]));
    }

    pub(super) fn windowed(&self, who: usize) -> [Option<f64>; 3] {
        let mut labels = Moments::default();
        let mut errors = Errors::default();
        for row in self.window.rows() {
            labels.add(row[0]);
            errors.add(row[1 + who] - row[0]);
        }
        errors.metrics(&labels)
    }
}

impl Snapshot for Regression {
    fn save(&self, out: &mut Writer) {
        self.labels.save(out);
        for errors in &self.errors {
            errors.absolute.save(out);
            errors.squared.save(out);
        }
        self.window.save(out);
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        self.labels.load(from)?;
        for errors in &mut self.errors {
            errors.absolute.load(from)?;
            errors.squared.load(from)?;
        }
        self.window.load(from)
    }
}
