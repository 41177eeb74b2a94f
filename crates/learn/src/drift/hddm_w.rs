//! HDDM-W: exponentially weighted means compared by McDiarmid's inequality.
#![doc = include_str!("hddm_w.md")]

use super::hddm_a::{DRIFT_CONFIDENCE, WARNING_CONFIDENCE};
use super::{ALARM_ON, DriftDetector, Input, State, rise_only, usable_error};
use crate::params::{Param, ParamKind, Values};
use crate::registry::DetectorEntry;
use crate::snapshot::{Reader, Snapshot, SnapshotError, Writer};

const WEIGHT: Param = Param {
    name: "weight",
    kind: ParamKind::Number { min: 1e-4, max: 0.999, default: 0.05 },
    doc: "Weight of the newest number in a mean.",
    default_from: "The paper, MOA and River.",
};

/// The registry's entry.
pub const ENTRY: DetectorEntry = DetectorEntry {
    name: "hddm_w",
    summary: "Weighted means of errors compared by McDiarmid's inequality.",
    doc: include_str!("hddm_w.md"),
    meaning_version: 1,
    params: &[DRIFT_CONFIDENCE, WARNING_CONFIDENCE, WEIGHT, ALARM_ON],
    input: Input::Error,
    build: |values| Box::new(HddmW::new(values)),
};

/// A weighted mean.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Mean {
    mean: f64,
    /// Sum of the squares of the weights; they sum to 1.
    squares: f64,
}

impl Mean {
    /// The mean with another number.
    fn with(mean: Option<Mean>, value: f64, weight: f64) -> Mean {
        match mean {
            None => Mean { mean: value, squares: 1.0 },
            Some(Mean { mean, squares }) => {
                let rest = 1.0 - weight;
                Mean { mean: weight * value + rest * mean, squares: weight * weight + rest * rest * squares }
            }
        }
    }
}

/// The weighted mean where it was surely lowest, and since then. For the highest, the same of negated numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Cut {
    before: Option<Mean>,
    since: Option<Mean>,
    /// Highest value that the expectation may have had at the cut.
    bound: f64,
}

impl Cut {
    fn learn(&mut self, value: f64, all: Mean, weight: f64, confidence: f64) {
        let bound = all.mean + reach(all.squares, confidence);
        if self.before.is_none() || bound < self.bound {
            *self = Cut { before: Some(all), since: None, bound };
        } else {
            self.since = Some(Mean::with(self.since, value, weight));
        }
    }

    fn state(&self, drift: f64, warning: f64) -> State {
        let (Some(before), Some(since)) = (self.before, self.since) else { return State::Stable };
        let risen = since.mean - before.mean;
        let squares = before.squares + since.squares;
        if risen > reach(squares, drift) {
            State::Drift
        } else if risen > reach(squares, warning) {
            State::Warning
        } else {
            State::Stable
        }
    }
}

/// How far a weighted mean may lie from its expectation; `confidence` is ln(1 / chance).
fn reach(squares: f64, confidence: f64) -> f64 {
    (squares * confidence / 2.0).sqrt()
}

/// See the module.
///
/// ```
/// use streamfold_learn::drift::{DriftDetector, State};
/// use streamfold_learn::drift::hddm_w::{ENTRY, HddmW};
///
/// let mut detector = HddmW::new(&ENTRY.values(&[])?);
/// let errors = (0..2000).map(|event| if event < 1000 { event % 10 == 0 } else { event % 2 == 0 });
/// let found = (0..).zip(errors).find(|(_, error)| detector.learn(f64::from(*error)) == State::Drift);
/// assert_eq!(found.map(|(at, _)| at), Some(1066));
/// # Ok::<(), streamfold_learn::params::ParamError>(())
/// ```
#[derive(Clone, Debug)]
pub struct HddmW {
    /// ln(1 / confidence) of a drift and of a warning.
    drift: f64,
    warning: f64,
    weight: f64,
    rise_only: bool,
    all: Option<Mean>,
    lowest: Cut,
    /// Of the negated numbers.
    highest: Cut,
}

impl HddmW {
    /// A detector with these parameters that has seen nothing.
    pub fn new(values: &Values) -> Self {
        HddmW {
            drift: -libm::log(values.number(&DRIFT_CONFIDENCE)),
            warning: -libm::log(values.number(&WARNING_CONFIDENCE)),
            weight: values.number(&WEIGHT),
            rise_only: rise_only(values),
            all: None,
            lowest: Cut::default(),
            highest: Cut::default(),
        }
    }
}

impl DriftDetector for HddmW {
    fn learn(&mut self, value: f64) -> State {
        let Some(error) = usable_error(value) else { return State::Stable };
        let all = Mean::with(self.all, error, self.weight);
        self.all = Some(all);
        self.lowest.learn(error, all, self.weight, self.drift);
        let mut state = self.lowest.state(self.drift, self.warning);
        if !self.rise_only {
            let negated = Mean { mean: -all.mean, ..all };
            self.highest.learn(-error, negated, self.weight, self.drift);
            state = state.max(self.highest.state(self.drift, self.warning));
        }
        if state == State::Drift {
            self.reset();
        }
        state
    }

    fn reset(&mut self) {
        self.all = None;
        self.lowest = Cut::default();
        self.highest = Cut::default();
    }

    fn memory_bytes(&self) -> usize {
        size_of::<Self>()
    }
}

fn save_mean(mean: Option<Mean>, out: &mut Writer) {
    out.boolean(mean.is_some());
    if let Some(mean) = mean {
        out.float(mean.mean);
        out.float(mean.squares);
    }
}

fn load_mean(from: &mut Reader<'_>) -> Result<Option<Mean>, SnapshotError> {
    if !from.boolean()? {
        return Ok(None);
    }
    let mean = Mean { mean: from.finite()?, squares: from.finite_not_negative()? };
    match mean.mean.abs() <= 1.0 && mean.squares <= 1.0 {
        true => Ok(Some(mean)),
        false => Err(from.invalid(format!("{mean:?} of numbers from 0 to 1"))),
    }
}

impl Snapshot for HddmW {
    fn save(&self, out: &mut Writer) {
        out.version(1);
        save_mean(self.all, out);
        for cut in [self.lowest, self.highest] {
            save_mean(cut.before, out);
            save_mean(cut.since, out);
            out.float(cut.bound);
        }
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        from.part("hddm_w");
        from.version(1)?;
        self.all = load_mean(from)?;
        for cut in [&mut self.lowest, &mut self.highest] {
            *cut = Cut { before: load_mean(from)?, since: load_mean(from)?, bound: from.finite()? };
        }
        Ok(())
    }
}
