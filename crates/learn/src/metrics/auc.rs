//! ROC AUC: exact from a window's scores, and binned for a stream without end.

use super::COUNT_MAX;
use crate::snapshot::{Reader, Snapshot, SnapshotError, Writer};

/// The area from groups of equal scores, lowest first, as (positives, negatives). In whole numbers up to the one
/// division. None unless there are both.
///
/// It is the share of pairs of a positive and a negative in which the positive has the higher score; equal scores
/// count half.
pub(super) fn area(groups: impl Iterator<Item = (u64, u64)>) -> Option<f64> {
    let (mut twice, mut positives, mut negatives) = (0u128, 0u128, 0u128);
    for (positive, negative) in groups {
        let (positive, negative) = (u128::from(positive), u128::from(negative));
        twice += positive * (2 * negatives + negative);
        positives += positive;
        negatives += negative;
    }
    super::finite(twice as f64 / (2 * positives * negatives) as f64)
}

/// The exact area of scores, each with whether its event was positive. Sorts them.
pub(super) fn exact(scores: &mut [(f64, bool)]) -> Option<f64> {
    area(exact_groups(scores).into_iter())
}

/// Groups of equal scores, lowest first, as (positives, negatives). Sorts the scores.
pub(super) fn exact_groups(scores: &mut [(f64, bool)]) -> Vec<(u64, u64)> {
    scores.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    // `==`, so that 0 and -0, which the sort has put side by side, are equal.
    let groups = scores.chunk_by(|a, b| a.0 == b.0);
    let count = |group: &[(f64, bool)]| {
        let positives = group.iter().filter(|(_, positive)| *positive).count();
        (positives as u64, (group.len() - positives) as u64)
    };
    groups.map(count).collect()
}

/// A power of two has 2^BITS bins: a bin is at most 1/256 as wide as its scores' distance to 0 or 1.
const BITS: u32 = 8;
/// Scores nearer to 0 or 1 than 2^-OCTAVES share one bin.
const OCTAVES: u32 = 20;
const NEAREST: f64 = 1.0 / (1u64 << OCTAVES) as f64;
/// Bins of scores up to 0.5: the nearest, the octaves between, and 0.5 itself.
const LOWER: usize = (((OCTAVES - 1) as usize) << BITS) + 2;
/// All bins: those over 0.5 mirror those under 0.5.
const BINS: usize = 2 * LOWER - 1;

/// Positives and negatives in fixed bins of the score: 156 KB. Bins are fine near 0 and 1, where the scores of rare
/// classes lie, and never split equal scores; so pairs in different bins are ranked right, and only pairs in one
/// bin, which count half, can err.
#[derive(Clone, Debug, Default)]
pub(super) struct ScoreBins {
    /// (positives, negatives) by rising score; empty until the first score.
    bins: Vec<(u64, u64)>,
}

impl ScoreBins {
    pub(super) fn add(&mut self, score: f64, positive: bool) {
        if self.bins.is_empty() {
            self.bins = vec![(0, 0); BINS];
        }
        let bin = &mut self.bins[bin(score)];
        match positive {
            true => bin.0 += 1,
            false => bin.1 += 1,
        }
    }

    /// Forgets all scores and gives the memory back.
    pub(super) fn clear(&mut self) {
        self.bins = Vec::new();
    }

    pub(super) fn area(&self) -> Option<f64> {
        area(self.bins.iter().copied())
    }
}

/// The bin of a score from 0 to 1 (others go to the first or last).
fn bin(score: f64) -> usize {
    match score <= 0.5 {
        true => bin_below_half(score),
        false => BINS - 1 - bin_below_half(1.0 - score),
    }
}

/// The bin by distance from 0, at most 0.5: exponent and first bits of the mantissa, which rise with the number.
fn bin_below_half(distance: f64) -> usize {
    let bits = |number: f64| number.to_bits() >> (f64::MANTISSA_DIGITS - 1 - BITS);
    match distance < NEAREST {
        true => 0,
        false => (bits(distance) - bits(NEAREST)) as usize + 1,
    }
}

impl Snapshot for ScoreBins {
    fn save(&self, out: &mut Writer) {
        let filled = || self.bins.iter().enumerate().filter(|(_, bin)| **bin != (0, 0));
        out.unsigned(filled().count() as u64);
        for (at, &(positives, negatives)) in filled() {
            out.unsigned(at as u64);
            out.unsigned(positives);
            out.unsigned(negatives);
        }
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        self.clear();
        let filled = from.length(3)?;
        if filled > 0 {
            self.bins = vec![(0, 0); BINS];
        }
        let mut total = 0u64;
        for _ in 0..filled {
            let at = from.unsigned()?;
            let counts = (from.unsigned()?, from.unsigned()?);
            total = total.saturating_add(counts.0).saturating_add(counts.1);
            if total > COUNT_MAX {
                return Err(from.invalid("more scores than there can be"));
            }
            match usize::try_from(at).ok().and_then(|at| self.bins.get_mut(at)) {
                Some(bin) => *bin = counts,
                None => return Err(from.invalid(format!("score bin {at} where {BINS} belong"))),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn bins_rise_with_the_score_and_cover_all() {
        assert_eq!(bin(0.0), 0);
        assert_eq!(bin(-0.0), 0);
        assert_eq!(bin(NEAREST / 2.0), 0);
        assert_eq!(bin(NEAREST), 1);
        assert_eq!(bin(0.5), LOWER - 1);
        assert_eq!(bin(0.5f64.next_up()), LOWER);
        assert_eq!(bin(1.0), BINS - 1);
        assert_eq!(bin(1.0f64.next_up()), BINS - 1);
        let mut before = 0;
        for step in 0..=100_000 {
            let now = bin(f64::from(step) / 100_000.0);
            assert!(now >= before && now < BINS);
            before = now;
        }
    }

    #[test]
    fn both_zeros_are_equal_scores() {
        assert_eq!(exact(&mut [(0.0, true), (-0.0, false)]), Some(0.5));
        assert_eq!(exact(&mut [(-0.0, true), (0.0, false)]), Some(0.5));
    }

    #[test]
    fn counts_that_cannot_be_are_refused() {
        let load = |bin: usize, count: u64| {
            let mut out = Writer::new();
            [1, bin as u64, count, count].into_iter().for_each(|number| out.unsigned(number));
            ScoreBins::default().load(&mut Reader::new("test", out.bytes()))
        };
        assert_eq!(load(BINS - 1, 7), Ok(()));
        assert!(load(BINS, 7).is_err());
        assert!(load(0, COUNT_MAX).is_err());
    }

    /// Half the share of pairs of a positive and a negative that fell into one bin.
    fn error_max(bins: &ScoreBins) -> f64 {
        let (mut same, mut positives, mut negatives) = (0, 0, 0);
        for (positive, negative) in &bins.bins {
            same += positive * negative;
            positives += positive;
            negatives += negative;
        }
        0.5 * same as f64 / (positives * negatives) as f64
    }

    proptest! {
        #[test]
        fn bins_are_off_by_less_than_half_the_pairs_they_hold(
            mut scores in prop::collection::vec((0.0..=1.0f64, any::<bool>()), 2..300), power in 1..20i32,
        ) {
            let mut bins = ScoreBins::default();
            for (score, positive) in &mut scores {
                *score = score.powi(power);
                bins.add(*score, *positive);
            }
            match exact(&mut scores) {
                Some(area) => prop_assert!((area - bins.area().unwrap()).abs() <= error_max(&bins) + 1e-12),
                None => prop_assert_eq!(bins.area(), None),
            }
        }

        #[test]
        fn few_distinct_scores_are_exact(scores in prop::collection::vec((0..=20u8, any::<bool>()), 2..300)) {
            let mut bins = ScoreBins::default();
            let twentieth = |&(step, positive)| (f64::from(step) / 20.0, positive);
            let mut scores: Vec<_> = scores.iter().map(twentieth).collect();
            for &(score, positive) in &scores {
                bins.add(score, positive);
            }
            prop_assert_eq!(bins.area(), exact(&mut scores));
        }
    }
}
