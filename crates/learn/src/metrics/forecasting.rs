//! How far the forecast of the next step is off, also against the naive forecast (MASE) and in shares of the value.

use super::finite;
use super::regression::Regression;
use super::sum::Sum;
use crate::snapshot::{Reader, Snapshot, SnapshotError, Writer};

/// The metrics, in the order of [`Forecasting::overall`].
pub(super) const NAMES: &[&str] = &["mae", "rmse", "mase", "mape", "smape"];
/// The place of the naive forecast, `last_value`, among the predictors.
const NAIVE: usize = 1;

/// Sums of errors in shares of the values.
#[derive(Clone, Copy, Debug, Default)]
struct Shares {
    /// Of the value; only events whose value is not 0.
    of_value: Sum,
    values: u64,
    /// Of the mean size of value and forecast; 0 where both are 0.
    symmetric: Sum,
    events: u64,
}

impl Shares {
    fn add(&mut self, forecast: f64, value: f64) {
        let error = (forecast - value).abs();
        if value != 0.0 {
            self.of_value.add(error / value.abs());
            self.values = self.values.saturating_add(1);
        }
        let size = 0.5 * value.abs() + 0.5 * forecast.abs();
        self.symmetric.add(if size > 0.0 { error / size } else { 0.0 });
        self.events = self.events.saturating_add(1);
    }

    fn metrics(&self) -> [Option<f64>; 2] {
        [
            finite(self.of_value.value() / self.values as f64),
            finite(self.symmetric.value() / self.events as f64),
        ]
    }
}

/// Scores forecasts of the next step.
#[derive(Clone, Debug)]
pub(super) struct Forecasting {
    errors: Regression,
    /// One for the model, then one for each baseline.
    shares: Vec<Shares>,
}

impl Forecasting {
    pub(super) fn new(baselines: usize, window_rows: usize) -> Self {
        Forecasting {
            errors: Regression::new(baselines, window_rows),
            shares: vec![Shares::default(); 1 + baselines],
        }
    }

    /// Scores an event; false if it cannot be.
    pub(super) fn update(&mut self, forecast: f64, value: f64, baselines: &[f64]) -> bool {
        let scored = self.errors.update(forecast, value, baselines);
        if scored {
            let forecasts = std::iter::once(&forecast).chain(baselines);
            self.shares.iter_mut().zip(forecasts).for_each(|(shares, forecast)| shares.add(*forecast, value));
        }
        scored
    }

    pub(super) fn window_rows(&self) -> usize {
        self.errors.window_rows()
    }

    pub(super) fn overall(&self, who: usize) -> [Option<f64>; 5] {
        all(self.errors.overall(who), self.errors.overall(NAIVE), &self.shares[who])
    }

    pub(super) fn windowed(&self, who: usize) -> [Option<f64>; 5] {
        let mut shares = Shares::default();
        self.errors.each_in_window(who, |forecast, value| shares.add(forecast, value));
        all(self.errors.windowed(who), self.errors.windowed(NAIVE), &shares)
    }
}

/// The errors, also beside those of the naive forecast on the same events and in shares.
fn all([mae, rmse, _]: [Option<f64>; 3], [naive, ..]: [Option<f64>; 3], shares: &Shares) -> [Option<f64>; 5] {
    let [mape, smape] = shares.metrics();
    [mae, rmse, mae.zip(naive).and_then(|(mae, naive)| finite(mae / naive)), mape, smape]
}

impl Snapshot for Forecasting {
    fn save(&self, out: &mut Writer) {
        self.errors.save(out);
        for shares in &self.shares {
            shares.of_value.save(out);
            out.unsigned(shares.values);
            shares.symmetric.save(out);
            out.unsigned(shares.events);
        }
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        self.errors.load(from)?;
        for shares in &mut self.shares {
            shares.of_value.load(from)?;
            shares.values = from.unsigned()?;
            shares.symmetric.load(from)?;
            shares.events = from.unsigned()?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_hand() {
        let mut scores = Forecasting::new(2, 10);
        for (forecast, value, last) in
            [(8.0, 10.0, 5.0), (3.0, 0.0, 10.0), (-4.0, -5.0, 0.0), (0.0, 0.0, -5.0)]
        {
            assert!(scores.update(forecast, value, &[last, 0.0]));
        }
        for [mae, rmse, mase, mape, smape] in [scores.overall(0), scores.windowed(0)] {
            assert_eq!((mae, rmse), (Some(1.5), Some(3.5f64.sqrt())));
            assert_eq!(mase, Some(1.5 / 6.25));
            assert!((mape.unwrap() - 0.2).abs() < 1e-12, "two values are not 0");
            // 2 of 9, 3 of 1.5, 1 of 4.5, 0 of 0.
            assert!((smape.unwrap() - (2.0 / 9.0 + 2.0 + 1.0 / 4.5) / 4.0).abs() < 1e-12);
        }
    }
}
