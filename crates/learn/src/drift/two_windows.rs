//! A reference window, and the window after it that is compared with it.

use super::{DriftDetector, State, usable};
use crate::params::{Param, ParamKind, Values};
use crate::snapshot::{Reader, Snapshot, SnapshotError, Writer};

pub(super) const REFERENCE: Param = Param {
    name: "reference",
    kind: ParamKind::Integer { min: 20, max: 1_000_000, default: 1000 },
    doc: "Numbers that the others are compared with: the first ones, and after a drift those it was found in.",
    default_from: "Large enough that chance alone stays under the warning.",
};
pub(super) const WINDOW: Param = Param {
    name: "window",
    kind: ParamKind::Integer { min: 20, max: 1_000_000, default: 500 },
    doc: "Numbers from one comparison to the next; all of them are compared.",
    default_from: "Large enough that chance alone stays under the warning.",
};

/// What is compared and when it is much: see the entries that build it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Test {
    pub(super) name: &'static str,
    /// How different a sorted reference and a sorted window are.
    pub(super) statistic: fn(&[f64], &[f64]) -> f64,
    pub(super) warning: f64,
    pub(super) drift: f64,
}

/// Compares each window of numbers with a reference: what `psi` and `kolmogorov_smirnov` build.
///
/// Only the order of numbers counts, not their distances. [`DriftDetector::learn`] answers other than
/// [`State::Stable`] for the number that completes a window.
#[derive(Clone, Debug)]
pub struct TwoWindows {
    test: Test,
    reference_length: usize,
    window_length: usize,
    /// Sorted once it is complete.
    reference: Vec<f64>,
    window: Vec<f64>,
    /// NaN before the first comparison.
    statistic: f64,
}

impl TwoWindows {
    pub(super) fn new(values: &Values, test: Test) -> Self {
        TwoWindows {
            test,
            reference_length: values.integer(&REFERENCE) as usize,
            window_length: values.integer(&WINDOW) as usize,
            reference: Vec::new(),
            window: Vec::new(),
            statistic: f64::NAN,
        }
    }

    /// What the latest comparison gave; none before the first.
    pub fn statistic(&self) -> Option<f64> {
        self.statistic.is_finite().then_some(self.statistic)
    }

    /// What the latest comparison meant.
    pub fn state(&self) -> State {
        if self.statistic > self.test.drift {
            State::Drift
        } else if self.statistic > self.test.warning {
            State::Warning
        } else {
            State::Stable
        }
    }

    fn sort_reference(&mut self) {
        if self.reference.len() >= self.reference_length {
            self.reference.sort_unstable_by(f64::total_cmp);
        }
    }
}

impl DriftDetector for TwoWindows {
    fn learn(&mut self, value: f64) -> State {
        let Some(value) = usable(value) else { return State::Stable };
        if self.reference.len() < self.reference_length {
            self.reference.push(value);
            self.sort_reference();
            return State::Stable;
        }
        self.window.push(value);
        if self.window.len() < self.window_length {
            return State::Stable;
        }
        self.window.sort_unstable_by(f64::total_cmp);
        self.statistic = (self.test.statistic)(&self.reference, &self.window);
        let state = self.state();
        if state == State::Drift {
            std::mem::swap(&mut self.reference, &mut self.window);
        }
        self.window.clear();
        state
    }

    fn reset(&mut self) {
        self.reference.clear();
        self.window.clear();
        self.statistic = f64::NAN;
    }

    fn memory_bytes(&self) -> usize {
        size_of::<Self>() + 8 * (self.reference.capacity() + self.window.capacity())
    }
}

impl Snapshot for TwoWindows {
    fn save(&self, out: &mut Writer) {
        out.version(1);
        out.float(self.statistic);
        out.floats(&self.reference);
        out.floats(&self.window);
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        from.part(self.test.name);
        from.version(1)?;
        self.statistic = from.float()?;
        self.reference = from.floats()?;
        self.window = from.floats()?;
        let most = self.reference_length.max(self.window_length);
        if self.reference.len() > most || self.window.len() >= self.window_length {
            return Err(from.invalid("a window has too many numbers"));
        }
        if self.reference.iter().chain(&self.window).any(|number| usable(*number).is_none()) {
            return Err(from.invalid("a window has numbers that cannot be"));
        }
        self.sort_reference();
        Ok(())
    }
}
