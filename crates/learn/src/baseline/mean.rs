//! The mean of all labels: what R² compares with.

use crate::snapshot::{Reader, Snapshot, SnapshotError, Writer};

/// Predicts the mean of all labels; 0 before the first.
#[derive(Clone, Debug, Default)]
pub(super) struct Mean {
    count: u64,
    mean: f64,
}

impl Mean {
    pub(super) fn predict(&self) -> f64 {
        self.mean
    }

    pub(super) fn learn(&mut self, label: f64) {
        self.count = self.count.saturating_add(1);
        let count = self.count as f64;
        // Two divisions where `(label - mean) / count` has one: the difference of two huge labels may be infinite.
        self.mean += label / count - self.mean / count;
    }
}

impl Snapshot for Mean {
    fn save(&self, out: &mut Writer) {
        out.unsigned(self.count);
        out.float(self.mean);
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        self.count = from.unsigned()?;
        let mean = from.float()?;
        if !mean.is_finite() {
            return Err(from.invalid("the mean is not finite"));
        }
        self.mean = mean;
        Ok(())
    }
}
