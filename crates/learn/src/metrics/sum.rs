//! Sums and moments that stay exact to some 1e-15 however many numbers go in.

use crate::snapshot::{Reader, Snapshot, SnapshotError, Writer};

/// A compensated sum (Kahan): what the addition rounded away is kept and added later.
///
/// Reference: W. Kahan: Further remarks on reducing truncation errors. Communications of the ACM 8(1), 1965.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sum {
    total: f64,
    /// What `total` is too large by.
    excess: f64,
}

impl Sum {
    pub(super) fn add(&mut self, value: f64) {
        let corrected = value - self.excess;
        let total = self.total + corrected;
        self.excess = (total - self.total) - corrected;
        self.total = total;
    }

    pub(super) fn value(&self) -> f64 {
        self.total - self.excess
    }

    /// From the sum to `value`, without rounding the sum first.
    fn distance(&self, value: f64) -> f64 {
        (value - self.total) + self.excess
    }
}

impl Snapshot for Sum {
    fn save(&self, out: &mut Writer) {
        out.float(self.total);
        out.float(self.excess);
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        self.total = from.float()?;
        self.excess = from.float()?;
        Ok(())
    }
}

/// Count, mean and sum of squared deviations from the mean, the last two compensated: labels may lie far from zero and
/// close together.
///
/// Reference: B. P. Welford: Note on a method for calculating corrected sums of squares and products.
/// Technometrics 4(3), 1962.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Moments {
    count: u64,
    mean: Sum,
    squares: Sum,
}

impl Moments {
    pub(super) fn add(&mut self, value: f64) {
        self.count = self.count.saturating_add(1);
        let before = self.mean.distance(value);
        self.mean.add(before / self.count as f64);
        self.squares.add(before * self.mean.distance(value));
    }

    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// Sum of squared deviations from the mean; exactly 0 while all values are the same.
    pub(super) fn squares(&self) -> f64 {
        self.squares.value()
    }
}

impl Snapshot for Moments {
    fn save(&self, out: &mut Writer) {
        out.unsigned(self.count);
        self.mean.save(out);
        self.squares.save(out);
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        self.count = from.unsigned()?;
        self.mean.load(from)?;
        self.squares.load(from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_sum_does_not_drift() {
        let mut sum = Sum::default();
        let mut moments = Moments::default();
        sum.add(1e9);
        for _ in 0..1_000_000 {
            sum.add(0.1);
            moments.add(0.1);
        }
        // 1,000,000 times the double next to 0.1, which is 0.1 + 5.55e-18; a plain sum is off by 0.0027.
        assert!((sum.value() - 1_000_100_000.0).abs() < 1e-6);
        assert_eq!(moments.squares(), 0.0);
    }

    #[test]
    fn deviations_of_large_values_are_not_lost() {
        let mut moments = Moments::default();
        for value in [1e9 + 4.0, 1e9 + 7.0, 1e9 + 13.0, 1e9 + 16.0] {
            moments.add(value);
        }
        assert!((moments.squares() - 90.0).abs() < 1e-9);

        // The mean lies between two floats.
        let mut moments = Moments::default();
        for value in [1e9, 1e9 + 1.0, 1e9 + 1.0] {
            moments.add(value);
        }
        assert!((moments.squares() - 2.0 / 3.0).abs() < 1e-14);
    }
}
