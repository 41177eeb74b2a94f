//! DDM: the share of errors beside the lowest it has been.
#![doc = include_str!("ddm.md")]

use super::{DriftDetector, Input, State, usable_error};
use crate::params::{Param, ParamKind, Values};
use crate::registry::DetectorEntry;
use crate::snapshot::{Reader, Snapshot, SnapshotError, Writer};

const WARM_UP: Param = Param {
    name: "warm_up",
    kind: ParamKind::Integer { min: 1, max: 1_000_000, default: 30 },
    doc: "Events before the first test.",
    default_from: "As in the paper.",
};
const WARNING_DEVIATIONS: Param = Param {
    name: "warning_deviations",
    kind: ParamKind::Number { min: 0.1, max: 100.0, default: 2.0 },
    doc: "Deviations above the lowest share of errors from which on it warns.",
    default_from: "As in the paper.",
};
const DRIFT_DEVIATIONS: Param = Param {
    name: "drift_deviations",
    kind: ParamKind::Number { min: 0.1, max: 100.0, default: 3.0 },
    doc: "Deviations above the lowest share of errors that are a drift.",
    default_from: "As in the paper.",
};

/// The registry's entry.
pub const ENTRY: DetectorEntry = DetectorEntry {
    name: "ddm",
    summary: "The share of errors beside the lowest it has been.",
    doc: include_str!("ddm.md"),
    meaning_version: 1,
    params: &[WARM_UP, WARNING_DEVIATIONS, DRIFT_DEVIATIONS],
    input: Input::Error,
    build: |values| Box::new(Ddm::new(values)),
};

/// See the module.
///
/// ```
/// use streamfold_learn::drift::{DriftDetector, State};
/// use streamfold_learn::drift::ddm::{Ddm, ENTRY};
///
/// let mut detector = Ddm::new(&ENTRY.values(&[])?);
/// let errors = (0..2000).map(|event| if event < 1000 { event % 10 == 0 } else { event % 3 == 0 });
/// let found = (0..).zip(errors).find(|(_, error)| detector.learn(f64::from(*error)) == State::Drift);
/// assert_eq!(found.map(|(at, _)| at), Some(1086));
/// # Ok::<(), streamfold_learn::params::ParamError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Ddm {
    warm_up: u64,
    warning: f64,
    drift: f64,
    count: u64,
    errors: f64,
    /// Share and deviation where their sum was lowest.
    lowest: Option<(f64, f64)>,
}

impl Ddm {
    /// A detector with these parameters that has seen nothing.
    pub fn new(values: &Values) -> Self {
        Ddm {
            warm_up: values.integer(&WARM_UP) as u64,
            warning: values.number(&WARNING_DEVIATIONS),
            drift: values.number(&DRIFT_DEVIATIONS),
            count: 0,
            errors: 0.0,
            lowest: None,
        }
    }
}

impl DriftDetector for Ddm {
    fn learn(&mut self, value: f64) -> State {
        let Some(error) = usable_error(value) else { return State::Stable };
        self.count += 1;
        self.errors += error;
        if self.count <= self.warm_up || self.errors == 0.0 {
            return State::Stable;
        }
        let count = self.count as f64;
        let share = self.errors / count;
        let deviation = (share * (1.0 - share) / count).sqrt();
        let (lowest, its_deviation) = match self.lowest {
            Some((lowest, its_deviation)) if lowest + its_deviation < share + deviation => {
                (lowest, its_deviation)
            }
            _ => (share, deviation),
        };
        self.lowest = Some((lowest, its_deviation));
        let risen = share + deviation - lowest;
        if risen > self.drift * its_deviation {
            self.reset();
            State::Drift
        } else if risen > self.warning * its_deviation {
            State::Warning
        } else {
            State::Stable
        }
    }

    fn reset(&mut self) {
        self.count = 0;
        self.errors = 0.0;
        self.lowest = None;
    }

    fn memory_bytes(&self) -> usize {
        size_of::<Self>()
    }
}

impl Snapshot for Ddm {
    fn save(&self, out: &mut Writer) {
        out.version(1);
        out.unsigned(self.count);
        out.float(self.errors);
        out.boolean(self.lowest.is_some());
        if let Some((lowest, its_deviation)) = self.lowest {
            out.float(lowest);
            out.float(its_deviation);
        }
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        from.part("ddm");
        from.version(1)?;
        self.count = from.unsigned()?.min(1 << 53);
        self.errors = from.finite_not_negative()?;
        if self.errors > self.count as f64 {
            return Err(from.invalid(format!("{} errors of {} events", self.errors, self.count)));
        }
        self.lowest = match from.boolean()? {
            true => Some((from.finite_not_negative()?, from.finite_not_negative()?)),
            false => None,
        };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_error_after_a_flawless_start_is_no_drift() {
        let mut detector = Ddm::new(&Values::default());
        let found: Vec<State> = (0..200).map(|event| detector.learn(f64::from(event == 100))).collect();
        assert!(found.iter().all(|state| *state == State::Stable));
    }
}
