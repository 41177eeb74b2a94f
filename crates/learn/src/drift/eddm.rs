//! EDDM: the distance between errors beside the most it has been.
#![doc = include_str!("eddm.md")]

use super::{DriftDetector, Input, State, usable_error};
use crate::params::{Param, ParamKind, Values};
use crate::registry::DetectorEntry;
use crate::snapshot::{Reader, Snapshot, SnapshotError, Writer};

const WARM_UP: Param = Param {
    name: "warm_up",
    kind: ParamKind::Integer { min: 2, max: 1_000_000, default: 30 },
    doc: "Errors before the first test.",
    default_from: "As in the paper.",
};
const WARNING_LEVEL: Param = Param {
    name: "warning_level",
    kind: ParamKind::Number { min: 0.1, max: 0.999, default: 0.95 },
    doc: "Share of the largest distance below which it warns.",
    default_from: "As in the paper.",
};
const DRIFT_LEVEL: Param = Param {
    name: "drift_level",
    kind: ParamKind::Number { min: 0.1, max: 0.999, default: 0.9 },
    doc: "Share of the largest distance below which there is a drift.",
    default_from: "As in the paper.",
};

/// The registry's entry.
pub const ENTRY: DetectorEntry = DetectorEntry {
    name: "eddm",
    summary: "The distance between errors beside the most it has been.",
    doc: include_str!("eddm.md"),
    meaning_version: 1,
    params: &[WARM_UP, WARNING_LEVEL, DRIFT_LEVEL],
    input: Input::Error,
    build: |values| Box::new(Eddm::new(values)),
};

/// What is forgotten after a change.
#[derive(Clone, Copy, Debug, Default)]
struct Distances {
    /// Events so far.
    events: u64,
    /// Events up to the last error.
    events_at_error: u64,
    errors: u64,
    mean: f64,
    /// Sum of squared differences from the mean.
    squares: f64,
    /// The most that mean and two deviations have been.
    largest: f64,
    warning: bool,
}

/// See the module.
///
/// ```
/// use streamfold_learn::drift::{DriftDetector, State};
/// use streamfold_learn::drift::eddm::{ENTRY, Eddm};
///
/// let mut detector = Eddm::new(&ENTRY.values(&[])?);
/// let errors = (0..2000).map(|event| if event < 1000 { event % 10 == 9 } else { event % 3 == 0 });
/// let found = (0..).zip(errors).find(|(_, error)| detector.learn(f64::from(*error)) == State::Drift);
/// assert_eq!(found.map(|(at, _)| at), Some(1407));
/// # Ok::<(), streamfold_learn::params::ParamError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Eddm {
    warm_up: u64,
    warning_level: f64,
    drift_level: f64,
    distances: Distances,
}

impl Eddm {
    /// A detector with these parameters that has seen nothing.
    pub fn new(values: &Values) -> Self {
        Eddm {
            warm_up: values.integer(&WARM_UP) as u64,
            warning_level: values.number(&WARNING_LEVEL),
            drift_level: values.number(&DRIFT_LEVEL),
            distances: Distances::default(),
        }
    }

    /// Learns the distance to an error. Whether there is a drift.
    fn learn_error(&mut self) -> bool {
        let known = &mut self.distances;
        let distance = (known.events - known.events_at_error) as f64;
        known.events_at_error = known.events;
        known.errors += 1;
        let before = distance - known.mean;
        known.mean += before / known.errors as f64;
        known.squares += (before * (distance - known.mean)).max(0.0);
        if known.events <= self.warm_up {
            return false;
        }
        let variance = known.squares / (known.errors.max(2) - 1) as f64;
        let reach = known.mean + 2.0 * variance.sqrt();
        known.largest = known.largest.max(reach);
        let level = if known.errors > self.warm_up { reach / known.largest } else { 1.0 };
        known.warning = level < self.warning_level;
        level < self.drift_level
    }
}

impl DriftDetector for Eddm {
    fn learn(&mut self, value: f64) -> State {
        let Some(error) = usable_error(value) else { return State::Stable };
        self.distances.events += 1;
        if error >= 0.5 && self.learn_error() {
            self.reset();
            return State::Drift;
        }
        if self.distances.warning { State::Warning } else { State::Stable }
    }

    fn reset(&mut self) {
        self.distances = Distances::default();
    }

    fn memory_bytes(&self) -> usize {
        size_of::<Self>()
    }
}

impl Snapshot for Eddm {
    fn save(&self, out: &mut Writer) {
        out.version(1);
        let known = &self.distances;
        out.unsigned(known.events);
        out.unsigned(known.events_at_error);
        out.unsigned(known.errors);
        out.float(known.mean);
        out.float(known.squares);
        out.float(known.largest);
        out.boolean(known.warning);
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        from.part("eddm");
        from.version(1)?;
        let known = Distances {
            events: from.unsigned()?,
            events_at_error: from.unsigned()?,
            errors: from.unsigned()?,
            mean: from.finite_not_negative()?,
            squares: from.finite_not_negative()?,
            largest: from.finite_not_negative()?,
            warning: from.boolean()?,
        };
        let in_order = known.errors <= known.events_at_error && known.events_at_error <= known.events;
        let possible = known.mean <= known.events as f64 && known.squares < 1e100 && known.largest < 1e100;
        if !in_order || !possible || known.events > 1 << 53 {
            return Err(from.invalid(format!("{} errors of {} events", known.errors, known.events)));
        }
        self.distances = known;
        Ok(())
    }
}
