//! The last label: hard to beat where values hardly move from one event to the next.

use crate::snapshot::{Reader, Snapshot, SnapshotError, Writer};

/// Predicts the last label; 0 before the first.
#[derive(Clone, Debug, Default)]
pub(super) struct LastValue {
    last: f64,
}

impl LastValue {
    pub(super) fn predict(&self) -> f64 {
        self.last
    }

    pub(super) fn learn(&mut self, label: f64) {
        self.last = label;
    }
}

impl Snapshot for LastValue {
    fn save(&self, out: &mut Writer) {
        out.float(self.last);
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        let last = from.float()?;
        if !last.is_finite() {
            return Err(from.invalid("the last label is not finite"));
        }
        self.last = last;
        Ok(())
    }
}
