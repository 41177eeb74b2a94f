//! The class of the last label ("no change"): hard to beat where classes come in runs, as in many real streams.
//!
//! Reference: A. Bifet, J. Read, I. Žliobaitė, B. Pfahringer, G. Holmes: Pitfalls in benchmarking data stream
//! classification and how to avoid them. ECML PKDD 2013.

use crate::snapshot::{Reader, Snapshot, SnapshotError, Writer};

/// Predicts the last label's class with certainty; each class alike before the first label.
#[derive(Clone, Debug)]
pub(super) struct LastClass {
    classes_max: usize,
    last: Option<usize>,
}

impl LastClass {
    pub(super) fn new(classes_max: usize) -> Self {
        LastClass { classes_max, last: None }
    }

    pub(super) fn predict(&self, classes: usize, out: &mut Vec<f64>) {
        // A class that the caller does not know cannot be named.
        let last = self.last.filter(|&last| last < classes);
        for class in 0..classes {
            out.push(match last {
                Some(last) => f64::from(u8::from(class == last)),
                None => 1.0 / classes as f64,
            });
        }
    }

    pub(super) fn learn(&mut self, class: usize) {
        if class < self.classes_max {
            self.last = Some(class);
        }
    }
}

impl Snapshot for LastClass {
    fn save(&self, out: &mut Writer) {
        // 0: none; else the class plus 1.
        out.unsigned(self.last.map_or(0, |last| last as u64 + 1));
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        let stored = from.unsigned()?;
        if stored > self.classes_max as u64 {
            return Err(from.invalid(format!(
                "class {} where at most {} belong",
                stored - 1,
                self.classes_max
            )));
        }
        self.last = stored.checked_sub(1).map(|class| class as usize);
        Ok(())
    }
}
