//! Running mean and deviation of a feature.

use crate::snapshot::{Reader, SnapshotError, Writer};

/// Weighted moments that can fade (Welford's way, which loses no digits to large means).
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Moments {
    /// Weight learnt.
    pub(super) count: f64,
    pub(super) mean: f64,
    /// Sum of squared differences from the mean.
    pub(super) squares: f64,
}

impl Moments {
    /// Learns a usable value; `decay` is what is left of what was learnt before.
    pub(super) fn learn(&mut self, value: f64, weight: f64, decay: f64) {
        self.count = decay * self.count + weight;
        let difference = value - self.mean;
        self.mean += difference * (weight / self.count);
        self.squares = decay * self.squares + weight * difference * (value - self.mean);
    }

    pub(super) fn save(&self, out: &mut Writer) {
        out.float(self.count);
        out.float(self.mean);
        out.float(self.squares);
    }

    pub(super) fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        self.count = from.finite_not_negative()?;
        self.mean = from.finite()?;
        self.squares = from.finite_not_negative()?;
        Ok(())
    }
}
