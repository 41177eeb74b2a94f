//! The share of each class among all labels: the majority class wins, and the shares keep its log loss honest.

use crate::snapshot::{Reader, Snapshot, SnapshotError, Writer};

/// Counted labels a stored state may hold; far more than a stream can bring, and sums of counts stay exact.
const LABELS_MAX: u64 = 1 << 53;

/// Predicts the observed shares of the classes; the same for each class before the first label.
#[derive(Clone, Debug)]
pub(super) struct MajorityClass {
    classes_max: usize,
    /// Labels of each class; as long as the highest class seen.
    counts: Vec<u64>,
}

impl MajorityClass {
    pub(super) fn new(classes_max: usize) -> Self {
        MajorityClass { classes_max, counts: Vec::new() }
    }

    pub(super) fn predict(&self, classes: usize, out: &mut Vec<f64>) {
        // A caller that knows fewer classes than were learnt gets shares among those that it knows.
        let known = &self.counts[..classes.min(self.counts.len())];
        let total: u64 = known.iter().sum();
        for class in 0..classes {
            let count = known.get(class).copied().unwrap_or(0);
            out.push(if total == 0 { 1.0 / classes as f64 } else { count as f64 / total as f64 });
        }
    }

    pub(super) fn learn(&mut self, class: usize) {
        if class >= self.classes_max {
            return;
        }
        if class >= self.counts.len() {
            self.counts.resize(class + 1, 0);
        }
        self.counts[class] += 1;
    }
}

impl Snapshot for MajorityClass {
    fn save(&self, out: &mut Writer) {
        out.unsigned(self.counts.len() as u64);
        for &count in &self.counts {
            out.unsigned(count);
        }
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        let classes = from.length(1)?;
        if classes > self.classes_max {
            return Err(from.invalid(format!("{classes} classes where at most {} belong", self.classes_max)));
        }
        let counts: Vec<u64> = (0..classes).map(|_| from.unsigned()).collect::<Result<_, _>>()?;
        let total = counts.iter().try_fold(0u64, |total, &count| total.checked_add(count));
        if total.is_none_or(|total| total > LABELS_MAX) {
            return Err(from.invalid("more labels than there can be"));
        }
        self.counts = counts;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_that_cannot_be_are_refused() {
        let load = |counts: &[u64]| {
            let mut out = Writer::new();
            out.unsigned(counts.len() as u64);
            counts.iter().for_each(|&count| out.unsigned(count));
            MajorityClass::new(3).load(&mut Reader::new("test", out.bytes()))
        };
        assert_eq!(load(&[1, 2, 3]), Ok(()));
        assert!(load(&[1, 2, 3, 4]).is_err());
        assert!(load(&[LABELS_MAX, 1]).is_err());
        assert!(load(&[u64::MAX, 1]).is_err());
    }
}
