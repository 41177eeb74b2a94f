//! Page-Hinkley: a cumulative sum of deviations from the mean.
#![doc = include_str!("page_hinkley.md")]

use super::{DriftDetector, Input, LIMIT, State, usable};
use crate::params::{Param, ParamKind, Values};
use crate::registry::DetectorEntry;
use crate::snapshot::{Reader, Snapshot, SnapshotError, Writer};

const DELTA: Param = Param {
    name: "delta",
    kind: ParamKind::Number { min: 0.0, max: 1e6, default: 0.1 },
    doc: "Deviations up to this are taken for chance.",
    default_from: "With the threshold: one false alarm in some 10^6 standardised normal numbers (exp(2 delta threshold) / 2 delta^2).",
};
const THRESHOLD: Param = Param {
    name: "threshold",
    kind: ParamKind::Number { min: 1e-6, max: 1e12, default: 50.0 },
    doc: "How far the sum of deviations may come from its extreme.",
    default_from: "As in MOA and River.",
};
const FORGETTING: Param = Param {
    name: "forgetting",
    kind: ParamKind::Number { min: 0.5, max: 1.0, default: 0.9999 },
    doc: "What is left of the sum of deviations after each number.",
    default_from: "As in MOA and River.",
};
const WARM_UP: Param = Param {
    name: "warm_up",
    kind: ParamKind::Integer { min: 1, max: 1_000_000, default: 30 },
    doc: "Numbers before the first test.",
    default_from: "As in MOA and River.",
};
const STANDARDISE: Param = Param {
    name: "standardise",
    kind: ParamKind::Boolean { default: true },
    doc: "Whether deviations are divided by the standard deviation of the numbers so far.",
    default_from: "Otherwise the other parameters would have to be chosen for each stream.",
};
const ALARM_ON: Param = Param {
    kind: ParamKind::Choice { of: &["change", "rise", "fall"], default: "change" },
    doc: "Whether any change of the mean is drift, or only one to a higher or to a lower mean.",
    default_from: "River tests both sides.",
    ..super::ALARM_ON
};

/// The registry's entry.
pub const ENTRY: DetectorEntry = DetectorEntry {
    name: "page_hinkley",
    summary: "A cumulative sum of deviations from the mean.",
    doc: include_str!("page_hinkley.md"),
    meaning_version: 1,
    params: &[DELTA, THRESHOLD, FORGETTING, WARM_UP, STANDARDISE, ALARM_ON],
    input: Input::Number,
    build: |values| Box::new(PageHinkley::new(values)),
};

/// What is forgotten after a change.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    count: u64,
    mean: f64,
    /// Sum of squared differences from the mean.
    squares: f64,
    /// Sum of deviations less `delta` each, and the lowest it has been.
    rising: f64,
    rising_min: f64,
    /// Sum of deviations plus `delta` each, and the highest it has been.
    falling: f64,
    falling_max: f64,
}

/// See the module.
///
/// ```
/// use streamfold_learn::drift::{DriftDetector, State};
/// use streamfold_learn::drift::page_hinkley::{ENTRY, PageHinkley};
///
/// let mut detector = PageHinkley::new(&ENTRY.values(&[])?);
/// let numbers = (0..2000).map(|event| f64::from(event % 7) + if event < 1000 { 0.0 } else { 3.0 });
/// let found: Vec<usize> = (0..).zip(numbers).filter(|(_, x)| detector.learn(*x) == State::Drift).map(|f| f.0).collect();
/// assert_eq!(found, [1035]);
/// # Ok::<(), streamfold_learn::params::ParamError>(())
/// ```
#[derive(Clone, Debug)]
pub struct PageHinkley {
    delta: f64,
    threshold: f64,
    forgetting: f64,
    warm_up: u64,
    standardise: bool,
    on_rise: bool,
    on_fall: bool,
    sums: Sums,
}

impl PageHinkley {
    /// A detector with these parameters that has seen nothing.
    pub fn new(values: &Values) -> Self {
        let alarm_on = values.choice(&ALARM_ON);
        PageHinkley {
            delta: values.number(&DELTA),
            threshold: values.number(&THRESHOLD),
            forgetting: values.number(&FORGETTING),
            warm_up: values.integer(&WARM_UP) as u64,
            standardise: values.boolean(&STANDARDISE),
            on_rise: alarm_on != "fall",
            on_fall: alarm_on != "rise",
            sums: Sums::default(),
        }
    }
}

impl DriftDetector for PageHinkley {
    fn learn(&mut self, value: f64) -> State {
        let Some(value) = usable(value) else { return State::Stable };
        let sums = &mut self.sums;
        sums.count += 1;
        let count = sums.count as f64;
        let before = value - sums.mean;
        sums.mean += before / count;
        let mut deviation = value - sums.mean;
        sums.squares += before * deviation;
        if self.standardise {
            let spread = (sums.squares / count).sqrt();
            deviation = if spread > 0.0 { deviation / spread } else { 0.0 };
        }
        sums.rising = self.forgetting * sums.rising + deviation - self.delta;
        sums.falling = self.forgetting * sums.falling + deviation + self.delta;
        if sums.count == 1 {
            (sums.rising_min, sums.falling_max) = (sums.rising, sums.falling);
        }
        sums.rising_min = sums.rising_min.min(sums.rising);
        sums.falling_max = sums.falling_max.max(sums.falling);
        let risen = self.on_rise && sums.rising - sums.rising_min > self.threshold;
        let fallen = self.on_fall && sums.falling_max - sums.falling > self.threshold;
        if sums.count >= self.warm_up && (risen || fallen) {
            self.reset();
            return State::Drift;
        }
        State::Stable
    }

    fn reset(&mut self) {
        self.sums = Sums::default();
    }

    fn memory_bytes(&self) -> usize {
        size_of::<Self>()
    }
}

impl Snapshot for PageHinkley {
    fn save(&self, out: &mut Writer) {
        out.version(1);
        let sums = &self.sums;
        out.unsigned(sums.count);
        for number in [sums.mean, sums.squares, sums.rising, sums.rising_min, sums.falling, sums.falling_max]
        {
            out.float(number);
        }
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        from.part("page_hinkley");
        from.version(1)?;
        self.sums = Sums {
            count: from.unsigned()?.min(1 << 53),
            mean: from.finite()?,
            squares: from.finite_not_negative()?,
            rising: from.finite()?,
            rising_min: from.finite()?,
            falling: from.finite()?,
            falling_max: from.finite()?,
        };
        // What sums of usable numbers stay under by far; from larger ones they could overflow.
        let Sums { mean, squares, rising, rising_min, falling, falling_max, .. } = self.sums;
        let largest =
            [rising, rising_min, falling, falling_max].iter().fold(0.0f64, |most, x| most.max(x.abs()));
        if mean.abs() > 2.0 * LIMIT || largest > 1e130 || squares > 1e250 {
            return Err(from.invalid(format!("a mean of {mean:e}, sums of {largest:e} and {squares:e}")));
        }
        Ok(())
    }
}
