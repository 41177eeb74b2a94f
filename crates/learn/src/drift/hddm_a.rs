//! HDDM-A: means compared by Hoeffding's inequality.
#![doc = include_str!("hddm_a.md")]

use super::{ALARM_ON, DriftDetector, Input, State, rise_only, usable_error};
use crate::params::{Param, ParamKind, Values};
use crate::registry::DetectorEntry;
use crate::snapshot::{Reader, Snapshot, SnapshotError, Writer};

pub(super) const DRIFT_CONFIDENCE: Param = Param {
    name: "drift_confidence",
    kind: ParamKind::Number { min: 1e-12, max: 0.5, default: 0.001 },
    doc: "Chance of a false alarm at which a difference is a drift.",
    default_from: "The paper, MOA and River.",
};
pub(super) const WARNING_CONFIDENCE: Param = Param {
    name: "warning_confidence",
    kind: ParamKind::Number { min: 1e-12, max: 0.5, default: 0.005 },
    doc: "Chance of a false alarm at which a difference is worth a warning.",
    default_from: "The paper, MOA and River.",
};

/// The registry's entry.
pub const ENTRY: DetectorEntry = DetectorEntry {
    name: "hddm_a",
    summary: "Means of errors compared by Hoeffding's inequality.",
    doc: include_str!("hddm_a.md"),
    meaning_version: 1,
    params: &[DRIFT_CONFIDENCE, WARNING_CONFIDENCE, ALARM_ON],
    input: Input::Error,
    build: |values| Box::new(HddmA::new(values)),
};

/// Numbers up to some point.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Sample {
    count: u64,
    sum: f64,
}

impl Sample {
    fn mean(self) -> f64 {
        self.sum / self.count as f64
    }

    fn save(self, out: &mut Writer) {
        out.unsigned(self.count);
        out.float(self.sum);
    }

    fn load(from: &mut Reader<'_>) -> Result<Self, SnapshotError> {
        let sample = Sample { count: from.unsigned()?.min(1 << 53), sum: from.finite_not_negative()? };
        match sample.sum <= sample.count as f64 {
            true => Ok(sample),
            false => Err(from.invalid(format!("{} errors of {} events", sample.sum, sample.count))),
        }
    }
}

/// See the module.
///
/// ```
/// use streamfold_learn::drift::{DriftDetector, State};
/// use streamfold_learn::drift::hddm_a::{ENTRY, HddmA};
///
/// let mut detector = HddmA::new(&ENTRY.values(&[])?);
/// let errors = (0..2000).map(|event| if event < 1000 { event % 10 == 0 } else { event % 3 == 0 });
/// let found = (0..).zip(errors).find(|(_, error)| detector.learn(f64::from(*error)) == State::Drift);
/// assert_eq!(found.map(|(at, _)| at), Some(1071));
/// # Ok::<(), streamfold_learn::params::ParamError>(())
/// ```
#[derive(Clone, Debug)]
pub struct HddmA {
    /// ln(1 / confidence) of a drift and of a warning.
    drift: f64,
    warning: f64,
    rise_only: bool,
    all: Sample,
    /// Up to where the mean was surely lowest.
    lowest: Sample,
    /// Up to where the mean was surely highest.
    highest: Sample,
}

impl HddmA {
    /// A detector with these parameters that has seen nothing.
    pub fn new(values: &Values) -> Self {
        HddmA {
            drift: -libm::log(values.number(&DRIFT_CONFIDENCE)),
            warning: -libm::log(values.number(&WARNING_CONFIDENCE)),
            rise_only: rise_only(values),
            all: Sample::default(),
            lowest: Sample::default(),
            highest: Sample::default(),
        }
    }

    /// How far the mean of a sample may lie from its expectation.
    fn reach(&self, sample: Sample) -> f64 {
        (self.drift / (2.0 * sample.count as f64)).sqrt()
    }

    /// Whether the mean has moved from that of an earlier sample by more than chance allows.
    fn state(&self, moved: f64, earlier: Sample) -> State {
        let later = (self.all.count - earlier.count) as f64;
        if later == 0.0 {
            return State::Stable;
        }
        let share = later / (earlier.count as f64 * self.all.count as f64);
        let bound = |confidence: f64| (share / 2.0 * (std::f64::consts::LN_2 + confidence)).sqrt();
        if moved >= bound(self.drift) {
            State::Drift
        } else if moved >= bound(self.warning) {
            State::Warning
        } else {
            State::Stable
        }
    }
}

impl DriftDetector for HddmA {
    fn learn(&mut self, value: f64) -> State {
        let Some(error) = usable_error(value) else { return State::Stable };
        self.all.count += 1;
        self.all.sum += error;
        let (mean, reach) = (self.all.mean(), self.reach(self.all));
        if self.lowest.count == 0 || self.lowest.mean() + self.reach(self.lowest) >= mean + reach {
            self.lowest = self.all;
        }
        if self.highest.count == 0 || self.highest.mean() - self.reach(self.highest) <= mean - reach {
            self.highest = self.all;
        }
        let risen = self.state(mean - self.lowest.mean(), self.lowest);
        let fallen = self.state(self.highest.mean() - mean, self.highest);
        let state = if self.rise_only { risen } else { risen.max(fallen) };
        if state == State::Drift {
            self.reset();
        }
        state
    }

    fn reset(&mut self) {
        self.all = Sample::default();
        self.lowest = Sample::default();
        self.highest = Sample::default();
    }

    fn memory_bytes(&self) -> usize {
        size_of::<Self>()
    }
}

impl Snapshot for HddmA {
    fn save(&self, out: &mut Writer) {
        out.version(1);
        [self.all, self.lowest, self.highest].iter().for_each(|sample| sample.save(out));
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        from.part("hddm_a");
        from.version(1)?;
        self.all = Sample::load(from)?;
        self.lowest = Sample::load(from)?;
        self.highest = Sample::load(from)?;
        let most = self.all.count;
        if self.lowest.count > most || self.highest.count > most {
            return Err(from.invalid(format!("a part of {most} events has more of them")));
        }
        if most > 0 && (self.lowest.count == 0 || self.highest.count == 0) {
            return Err(from.invalid("a part without events"));
        }
        Ok(())
    }
}
