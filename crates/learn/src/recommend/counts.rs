//! How often items were taken, old events fading.

use crate::params::{Param, ParamKind};
use crate::snapshot::{Reader, SnapshotError, Writer};

pub(super) const HALF_LIFE: Param = Param {
    name: "half_life_events",
    kind: ParamKind::Number { min: 1.0, max: 1e12, default: 20_000.0 },
    doc: "Events after which an old one counts half. Smaller follows fashions faster.",
    default_from: "For `popularity` best of 1000, 5000, 20,000 and all events on MovieLens-100k.",
};

/// Weights are scaled down when they have grown to this.
const GAIN_MAX: f64 = 1e100;

/// A clock by which new events weigh more than old ones: that is the same as if old ones faded, and touches no count.
#[derive(Clone, Debug)]
pub(super) struct Fading {
    growth: f64,
    gain: f64,
}

impl Fading {
    pub(super) fn new(half_life_events: f64) -> Self {
        Fading { growth: libm::exp2(1.0 / half_life_events), gain: 1.0 }
    }

    /// What an event of this weight counts now.
    pub(super) fn weight(&self, weight: f64) -> f64 {
        self.gain * weight
    }

    /// Counts as they are now.
    pub(super) fn now(&self, count: f64) -> f64 {
        count / self.gain
    }

    /// An event has passed. Where it returns a factor, all counts must be multiplied by it.
    pub(super) fn pass(&mut self) -> Option<f64> {
        self.gain *= self.growth;
        if self.gain < GAIN_MAX {
            return None;
        }
        let factor = 1.0 / self.gain;
        self.gain = 1.0;
        Some(factor)
    }

    pub(super) fn save(&self, out: &mut Writer) {
        out.float(self.gain);
    }

    pub(super) fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        self.gain = from.finite()?;
        match (1.0..=GAIN_MAX).contains(&self.gain) {
            true => Ok(()),
            false => Err(from.invalid("a weight of events that cannot be")),
        }
    }
}

/// A count of events that may have been weighed up to the largest weight: finite, not negative.
pub(super) fn count(from: &mut Reader<'_>) -> Result<f64, SnapshotError> {
    let value = from.finite_not_negative()?;
    match value <= 1e150 {
        true => Ok(value),
        false => Err(from.invalid(format!("a count of {value}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_counts_half_after_the_half_life_whatever_is_scaled() {
        let mut fading = Fading::new(2.0);
        let mut counted = fading.weight(8.0);
        for event in 1..=2000 {
            if let Some(factor) = fading.pass() {
                counted *= factor;
            }
            let exact = 8.0 * 0.5f64.powf(f64::from(event) / 2.0);
            assert!((fading.now(counted) - exact).abs() <= 1e-9 * exact);
        }
    }
}
