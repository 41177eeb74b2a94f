//! Whether probabilities mean what they say: reliability by ranges, expected calibration error, Brier score.

use super::sum::Sum;
use super::{COUNT_MAX, finite};
use crate::snapshot::{Reader, Snapshot, SnapshotError, Writer};

/// Ranges of equal width that probabilities are put into.
pub const CALIBRATION_BINS: usize = 10;

/// Events whose probability lay in one range.
#[derive(Clone, Copy, Debug, Default)]
pub struct CalibrationBin {
    /// Events.
    pub count: u64,
    /// Those in which it came true.
    pub positives: u64,
    scores: Sum,
}

impl CalibrationBin {
    /// Mean probability; none where there are no events.
    pub fn predicted(&self) -> Option<f64> {
        finite(self.scores.value() / self.count as f64)
    }

    /// Share of events in which it came true; none where there are no events.
    pub fn observed(&self) -> Option<f64> {
        finite(self.positives as f64 / self.count as f64)
    }
}

/// The calibration of a probability: of the positive class, or of the class that was predicted (its *confidence*).
///
/// References: A. Niculescu-Mizil, R. Caruana: Predicting Good Probabilities with Supervised Learning (ICML 2005).
/// M. P. Naeini, G. Cooper, M. Hauskrecht: Obtaining Well Calibrated Probabilities Using Bayesian Binning (AAAI 2015).
///
/// ```
/// use streamfold_learn::metrics::Calibration;
///
/// let mut calibration = Calibration::default();
/// for event in 0..100 {
///     calibration.add(0.8, event % 2 == 0); // said 80 %, came true in half of the cases
/// }
/// assert_eq!(calibration.expected_error().map(|error| (error * 100.0).round()), Some(30.0));
/// assert_eq!(calibration.brier().map(|brier| (brier * 100.0).round()), Some(34.0));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Calibration {
    bins: [CalibrationBin; CALIBRATION_BINS],
    squares: Sum,
    count: u64,
}

impl Calibration {
    /// Scores a probability; what is not one, from 0 to 1, is not scored.
    pub fn add(&mut self, probability: f64, came_true: bool) {
        if !(0.0..=1.0).contains(&probability) {
            return;
        }
        let bin = ((probability * CALIBRATION_BINS as f64) as usize).min(CALIBRATION_BINS - 1);
        let bin = &mut self.bins[bin];
        bin.count += 1;
        bin.positives += u64::from(came_true);
        bin.scores.add(probability);
        let error = probability - f64::from(came_true);
        self.squares.add(error * error);
        self.count += 1;
    }

    /// Adds what another one has scored.
    pub fn merge(&mut self, other: &Calibration) {
        for (bin, other) in self.bins.iter_mut().zip(&other.bins) {
            bin.count += other.count;
            bin.positives += other.positives;
            bin.scores.add(other.scores.value());
        }
        self.squares.add(other.squares.value());
        self.count += other.count;
    }

    /// The ranges, lowest first.
    pub fn bins(&self) -> &[CalibrationBin] {
        &self.bins
    }

    /// Mean difference between what was predicted and what was observed in a range, by events; 0 is best.
    pub fn expected_error(&self) -> Option<f64> {
        let differences = self.bins.iter().map(|bin| (bin.scores.value() - bin.positives as f64).abs());
        finite(differences.sum::<f64>() / self.count as f64)
    }

    /// Mean squared difference between probability and what came (0 or 1); 0 is best.
    pub fn brier(&self) -> Option<f64> {
        finite(self.squares.value() / self.count as f64)
    }
}

impl Snapshot for Calibration {
    fn save(&self, out: &mut Writer) {
        out.version(1);
        self.squares.save(out);
        for bin in &self.bins {
            out.unsigned(bin.count);
            out.unsigned(bin.positives);
            bin.scores.save(out);
        }
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        from.part("calibration");
        from.version(1)?;
        self.squares.load(from)?;
        self.count = 0;
        for bin in &mut self.bins {
            (bin.count, bin.positives) = (from.unsigned()?, from.unsigned()?);
            bin.scores.load(from)?;
            self.count = self.count.saturating_add(bin.count);
            if bin.positives > bin.count || self.count > COUNT_MAX {
                return Err(from.invalid("counts of events that cannot be"));
            }
        }
        Ok(())
    }
}
