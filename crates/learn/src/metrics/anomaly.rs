//! How well scores rank strange events before usual ones: ROC AUC and average precision.

use super::auc::{area, exact_groups};
use super::sum::Sum;
use super::window::Window;
use super::{COUNT_MAX, finite};
use crate::snapshot::{Reader, Snapshot, SnapshotError, Writer};
use std::collections::BTreeMap;

/// The metrics, in the order of [`Anomaly::overall`].
pub(super) const NAMES: &[&str] = &["roc_auc", "average_precision", "mean_score"];

/// A power of two of the score has 2^BITS bins.
const BITS: u32 = 11;
/// Scores below 2^-OCTAVES share a bin, and so do those above 2^OCTAVES.
const OCTAVES: i32 = 30;

/// Strange and usual events in bins of the score: a bin is 1/2048 as wide as its scores at most.
#[derive(Clone, Debug, Default)]
struct Bins(BTreeMap<u32, (u64, u64)>);

/// The bin of a score, rising with it.
fn bin(score: f64) -> u32 {
    let least = libm::ldexp(1.0, -OCTAVES);
    let bits = |score: f64| (score.to_bits() >> (f64::MANTISSA_DIGITS - 1 - BITS)) as u32;
    if score < least { 0 } else { bits(score.min(1.0 / least)) - bits(least) + 1 }
}

/// The area under precision over recall by steps, from groups of equal scores, lowest first; none without a strange
/// event.
fn average_precision(groups: impl DoubleEndedIterator<Item = (u64, u64)>) -> Option<f64> {
    let (mut strange, mut seen, mut sum) = (0u64, 0u64, 0.0);
    for (positive, negative) in groups.rev() {
        strange += positive;
        seen += positive + negative;
        sum += positive as f64 * (strange as f64 / seen as f64);
    }
    finite(sum / strange as f64)
}

/// Scores what a detector said.
#[derive(Clone, Debug)]
pub(super) struct Anomaly {
    bins: Bins,
    events: u64,
    sum: Sum,
    /// Each row: the score, and 1 (strange), 0 (usual) or NaN (not known).
    window: Window,
}

impl Anomaly {
    pub(super) fn new(window_rows: usize) -> Self {
        Anomaly { bins: Bins::default(), events: 0, sum: Sum::default(), window: Window::new(2, window_rows) }
    }

    /// Scores an event; false if it cannot be.
    pub(super) fn update(&mut self, score: f64, strange: Option<bool>) -> bool {
        if !score.is_finite() || score < 0.0 {
            return false;
        }
        self.events = self.events.saturating_add(1);
        self.sum.add(score);
        if let Some(strange) = strange {
            let (positives, negatives) = self.bins.0.entry(bin(score)).or_default();
            *(if strange { positives } else { negatives }) += 1;
        }
        let row = self.window.push();
        row[0] = score;
        row[1] = strange.map_or(f64::NAN, |strange| f64::from(u8::from(strange)));
        true
    }

    pub(super) fn window_rows(&self) -> usize {
        self.window.len()
    }

    pub(super) fn overall(&self) -> [Option<f64>; 3] {
        let groups = || self.bins.0.values().copied();
        [area(groups()), average_precision(groups()), finite(self.sum.value() / self.events as f64)]
    }

    pub(super) fn windowed(&self) -> [Option<f64>; 3] {
        let mut sum = Sum::default();
        let mut labelled = Vec::with_capacity(self.window.len());
        for row in self.window.rows() {
            sum.add(row[0]);
            if !row[1].is_nan() {
                labelled.push((row[0], row[1] == 1.0));
            }
        }
        let groups = exact_groups(&mut labelled);
        let mean = finite(sum.value() / self.window.len() as f64);
        [area(groups.iter().copied()), average_precision(groups.iter().copied()), mean]
    }
}

impl Snapshot for Anomaly {
    fn save(&self, out: &mut Writer) {
        out.unsigned(self.events);
        self.sum.save(out);
        out.unsigned(self.bins.0.len() as u64);
        for (&bin, &(positives, negatives)) in &self.bins.0 {
            out.unsigned(u64::from(bin));
            out.unsigned(positives);
            out.unsigned(negatives);
        }
        self.window.save(out);
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        self.events = from.unsigned()?;
        self.sum.load(from)?;
        self.bins = Bins::default();
        let mut total = 0u64;
        for _ in 0..from.length(3)? {
            let at = from.unsigned()?;
            let counts = (from.unsigned()?, from.unsigned()?);
            total = total.saturating_add(counts.0).saturating_add(counts.1);
            match u32::try_from(at) {
                Ok(at) if at <= bin(f64::MAX) && total <= COUNT_MAX => self.bins.0.insert(at, counts),
                _ => return Err(from.invalid(format!("score bin {at}, {total} scores"))),
            };
        }
        self.window.load(from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn by_hand() {
        let mut anomaly = Anomaly::new(100);
        for (score, strange) in [(0.1, false), (0.4, false), (0.35, true), (0.8, true), (0.8, false)] {
            anomaly.update(score, Some(strange));
        }
        anomaly.update(9.0, None);
        for [auc, precision, mean] in [anomaly.overall(), anomaly.windowed()] {
            assert!((auc.unwrap() - 7.0 / 12.0).abs() < 1e-12, "{auc:?}");
            assert!((precision.unwrap() - 0.5).abs() < 1e-12, "{precision:?}");
            assert!((mean.unwrap() - 11.45 / 6.0).abs() < 1e-12);
        }
    }

    #[test]
    fn bins_rise_with_the_score() {
        assert_eq!((bin(0.0), bin(-0.0), bin(1e-300)), (0, 0, 0));
        assert_eq!(bin(1e300), bin(f64::MAX));
        assert!(bin(0.5) < bin(0.501) && bin(0.999) < bin(1.0) && bin(1.0) < bin(3.0));
    }

    proptest! {
        #[test]
        fn saved_and_loaded_it_says_the_same(events in prop::collection::vec((0.0..9.0f64, any::<Option<bool>>()), 0..50)) {
            let mut anomaly = Anomaly::new(20);
            for (score, strange) in events {
                anomaly.update(score, strange);
            }
            let mut out = Writer::new();
            anomaly.save(&mut out);
            let mut loaded = Anomaly::new(20);
            loaded.load(&mut Reader::new("test", out.bytes())).unwrap();
            prop_assert_eq!((loaded.overall(), loaded.windowed()), (anomaly.overall(), anomaly.windowed()));
        }
    }
}
