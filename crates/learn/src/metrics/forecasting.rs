//! How far the forecast of the next step is off, also against the naive forecast: MASE.

use super::finite;
use super::regression::Regression;
use crate::snapshot::{Reader, Snapshot, SnapshotError, Writer};

/// The metrics, in the order of [`Forecasting::overall`].
pub(super) const NAMES: &[&str] = &["mae", "rmse", "mase"];
/// The place of the naive forecast, `last_value`, among the predictors.
const NAIVE: usize = 1;

/// Scores forecasts of the next step.
#[derive(Clone, Debug)]
pub(super) struct Forecasting(Regression);

impl Forecasting {
    pub(super) fn new(baselines: usize, window_rows: usize) -> Self {
        Forecasting(Regression::new(baselines, window_rows))
    }

    /// Scores an event; false if it cannot be.
    pub(super) fn update(&mut self, forecast: f64, value: f64, baselines: &[f64]) -> bool {
        self.0.update(forecast, value, baselines)
    }

    pub(super) fn window_rows(&self) -> usize {
        self.0.window_rows()
    }

    pub(super) fn overall(&self, who: usize) -> [Option<f64>; 3] {
        scaled(self.0.overall(who), self.0.overall(NAIVE))
    }

    pub(super) fn windowed(&self, who: usize) -> [Option<f64>; 3] {
        scaled(self.0.windowed(who), self.0.windowed(NAIVE))
    }
}

/// The error beside that of the naive forecast on the same events.
fn scaled([mae, rmse, _]: [Option<f64>; 3], [naive, ..]: [Option<f64>; 3]) -> [Option<f64>; 3] {
    [mae, rmse, mae.zip(naive).and_then(|(mae, naive)| finite(mae / naive))]
}

impl Snapshot for Forecasting {
    fn save(&self, out: &mut Writer) {
        self.0.save(out);
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        self.0.load(from)
    }
}
