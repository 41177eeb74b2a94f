//! Running means and deviations that one absurd value cannot spoil.

use crate::lanes::Lanes;
use crate::snapshot::{Reader, SnapshotError, Writer};

/// Larger values count as missing, so that squares and their sums stay finite.
pub(crate) const LIMIT: f64 = 1e100;
/// No value counts for more than this many deviations from its mean. Wide enough for a flag that is set once in a
/// thousand events, narrow enough that one absurd value cannot spoil a feature.
pub(crate) const REACH: f64 = 30.0;
/// Moments forget beyond this many events, so that they can follow a stream that moves.
pub(crate) const MOMENT_EVENTS_MAX: f64 = 100_000.0;
/// Variances below this are none: the reciprocal of the deviation would be too large.
const VARIANCE_MIN: f64 = 1e-300;

/// Running mean and deviation of a few features.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moments {
    mean: Lanes,
    variance: Lanes,
    /// Weight learnt, at most [`MOMENT_EVENTS_MAX`].
    count: Lanes,
    /// Reciprocal of the deviation as it was when last looked at, 0 where there was none.
    inverse: Lanes,
    /// [`REACH`] of these deviations; without a deviation there is no limit yet. Follows from `inverse`.
    reach: Lanes,
}

impl Default for Moments {
    fn default() -> Self {
        let none = Lanes::default();
        Moments { mean: none, variance: none, count: none, inverse: none, reach: Lanes::splat(2.0 * LIMIT) }
    }
}

impl Moments {
    /// The values, the mean where one is missing.
    #[inline(always)]
    pub(crate) fn filled(&self, values: Lanes) -> Lanes {
        values.with(self.mean, |value, mean| if value.abs() <= LIMIT { value } else { mean })
    }

    /// Filled values in deviations from the mean.
    #[inline(always)]
    pub(crate) fn scaled(&self, filled: Lanes) -> Lanes {
        ((filled - self.mean) * self.inverse).within(Lanes::splat(REACH))
    }

    /// Learns the values; returns them scaled, and by how many (old) deviations the means moved. To look at the
    /// deviation anew costs as much as all the rest, so that it need not be done with each event.
    #[inline(always)]
    pub(crate) fn learn(&mut self, values: Lanes, weight: f64, look: bool) -> (Lanes, Lanes) {
        let filled = self.filled(values);
        let weight = values.map(|value| if value.abs() <= LIMIT { weight } else { 0.0 });
        self.count = (self.count + weight).min(Lanes::splat(MOMENT_EVENTS_MAX));
        let rate = weight.over(self.count.max(Lanes::splat(f64::MIN_POSITIVE))).min(Lanes::splat(1.0));
        let difference = (filled - self.mean).within(self.reach);
        let step = difference * rate;
        let shift = step * self.inverse;
        self.mean += step;
        self.variance += (difference * (difference - step) - self.variance) * rate;
        if look {
            let there = |inverse, variance| if variance >= VARIANCE_MIN { inverse } else { 0.0 };
            self.inverse = self.variance.inverse_sqrt().with(self.variance, there);
            self.derive();
        }
        (self.scaled(filled), shift)
    }

    fn derive(&mut self) {
        let reach = |inverse| if inverse > 0.0 { REACH / inverse } else { 2.0 * LIMIT };
        self.reach = self.inverse.map(reach).min(Lanes::splat(2.0 * LIMIT));
    }

    pub(crate) fn save(&self, lane: usize, out: &mut Writer) {
        out.float(self.mean.get(lane));
        out.float(self.variance.get(lane));
        out.float(self.count.get(lane));
        out.float(self.inverse.get(lane));
    }

    pub(crate) fn load(&mut self, lane: usize, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        self.mean.set(lane, from.finite()?);
        self.variance.set(lane, from.finite_not_negative()?);
        self.count.set(lane, from.finite_not_negative()?);
        self.inverse.set(lane, from.finite_not_negative()?);
        self.derive();
        Ok(())
    }
}

/// Running deviation of one number, robust as those of the features: for targets.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Scale(Moments);

impl Scale {
    pub(crate) fn learn(&mut self, value: f64, weight: f64) {
        self.0.learn(Lanes::splat(value), weight, true);
    }

    pub(crate) fn mean(&self) -> f64 {
        self.0.mean.get(0)
    }

    pub(crate) fn deviation(&self) -> f64 {
        self.0.variance.get(0) * self.0.inverse.get(0)
    }

    pub(crate) fn save(&self, out: &mut Writer) {
        self.0.save(0, out);
    }

    pub(crate) fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        self.0.load(0, from)
    }
}
