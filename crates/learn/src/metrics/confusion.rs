//! Which class was taken for which: accuracy, F1 and Cohen's kappa.

use super::{COUNT_MAX, finite};
use crate::snapshot::{Reader, Snapshot, SnapshotError, Writer};

/// How often each class was predicted for each class. It grows with the classes, up to a limit: 8 bytes for each
/// pair of classes seen.
#[derive(Clone, Debug)]
pub struct Confusion {
    classes_max: usize,
    classes: usize,
    /// `counts[actual * classes + predicted]`.
    counts: Vec<u64>,
}

/// What accuracy, F1 and kappa need of one class.
#[derive(Clone, Copy, Default)]
struct Marginal {
    right: u64,
    actual: u64,
    predicted: u64,
}

impl Marginal {
    /// F1 of the class; none where it neither occurred nor was predicted.
    fn f1(&self) -> Option<f64> {
        finite((2 * self.right) as f64 / (self.actual + self.predicted) as f64)
    }
}

impl Confusion {
    pub(super) fn new(classes_max: usize) -> Self {
        Confusion { classes_max, classes: 0, counts: Vec::new() }
    }

    /// Number of classes seen, as label or as prediction.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// How often `predicted` was predicted where `actual` was right.
    pub fn count(&self, actual: usize, predicted: usize) -> u64 {
        match actual < self.classes && predicted < self.classes {
            true => self.counts[actual * self.classes + predicted],
            false => 0,
        }
    }

    /// Counts an event. Classes over the limit are not counted.
    pub(super) fn add(&mut self, actual: usize, predicted: usize) {
        let highest = actual.max(predicted);
        if highest >= self.classes_max {
            return;
        }
        if highest >= self.classes {
            self.grow(highest + 1);
        }
        self.counts[actual * self.classes + predicted] += 1;
    }

    fn grow(&mut self, classes: usize) {
        let mut counts = vec![0; classes * classes];
        for actual in 0..self.classes {
            let row = &self.counts[actual * self.classes..][..self.classes];
            counts[actual * classes..][..self.classes].copy_from_slice(row);
        }
        self.classes = classes;
        self.counts = counts;
    }

    fn marginals(&self) -> Vec<Marginal> {
        let mut marginals = vec![Marginal::default(); self.classes];
        for actual in 0..self.classes {
            for predicted in 0..self.classes {
                let count = self.count(actual, predicted);
                marginals[actual].actual += count;
                marginals[predicted].predicted += count;
                if actual == predicted {
                    marginals[actual].right = count;
                }
            }
        }
        marginals
    }

    /// Accuracy, F1 and kappa. F1 is that of the class `positive`, or with none the mean over the classes that
    /// occurred or were predicted.
    pub(super) fn metrics(&self, positive: Option<usize>) -> [Option<f64>; 3] {
        let marginals = self.marginals();
        let right: u64 = marginals.iter().map(|class| class.right).sum();
        let total: u64 = marginals.iter().map(|class| class.actual).sum();
        let accuracy = finite(right as f64 / total as f64);
        let f1 = match positive {
            Some(positive) => marginals.get(positive).and_then(Marginal::f1),
            None => macro_f1(&marginals),
        };
        [accuracy, f1, kappa(&marginals, right, total)]
    }
}

fn macro_f1(marginals: &[Marginal]) -> Option<f64> {
    let (mut classes, mut sum) = (0u64, 0.0);
    for f1 in marginals.iter().filter_map(Marginal::f1) {
        classes += 1;
        sum += f1;
    }
    finite(sum / classes as f64)
}

/// Kappa in whole numbers up to the one division: no rounding where agreement by chance is nearly certain.
fn kappa(marginals: &[Marginal], right: u64, total: u64) -> Option<f64> {
    let total = i128::from(total);
    let chance: i128 =
        marginals.iter().map(|class| i128::from(class.actual) * i128::from(class.predicted)).sum();
    let above = total * i128::from(right) - chance;
    finite(above as f64 / (total * total - chance) as f64)
}

impl Snapshot for Confusion {
    fn save(&self, out: &mut Writer) {
        out.unsigned(self.classes as u64);
        for &count in &self.counts {
            out.unsigned(count);
        }
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        let classes = from.length(1)?;
        if classes > self.classes_max {
            return Err(from.invalid(format!("{classes} classes where at most {} belong", self.classes_max)));
        }
        let mut counts = Vec::new();
        let mut total = 0u64;
        for _ in 0..classes * classes {
            let count = from.unsigned()?;
            total = total.saturating_add(count);
            counts.push(count);
        }
        if total > COUNT_MAX {
            return Err(from.invalid("more events than there can be"));
        }
        self.classes = classes;
        self.counts = counts;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growing_keeps_the_counts() {
        let mut confusion = Confusion::new(4);
        for (actual, predicted) in [(0, 0), (0, 1), (2, 1), (1, 1), (3, 0), (0, 3), (4, 0), (0, usize::MAX)] {
            confusion.add(actual, predicted);
        }
        assert_eq!(confusion.classes(), 4);
        let expected = [[1, 1, 0, 1], [0, 1, 0, 0], [0, 1, 0, 0], [1, 0, 0, 0]];
        for (actual, row) in expected.iter().enumerate() {
            for (predicted, &count) in row.iter().enumerate() {
                assert_eq!(confusion.count(actual, predicted), count);
            }
        }
        assert_eq!(confusion.count(9, 0), 0);
    }

    #[test]
    fn counts_that_cannot_be_are_refused() {
        let load = |classes: u64, count: u64| {
            let mut out = Writer::new();
            out.unsigned(classes);
            (0..classes * classes).for_each(|_| out.unsigned(count));
            Confusion::new(3).load(&mut Reader::new("test", out.bytes()))
        };
        assert_eq!(load(3, 7), Ok(()));
        assert!(load(4, 7).is_err());
        assert!(load(3, COUNT_MAX / 8).is_err());
    }
}
