//! Intervals around any regressor.
#![doc = include_str!("conformal_regressor.md")]

use super::part::{DefaultPart, Factory};
use super::{dump_part, teaches};
use crate::features::{Row, Schema};
use crate::model::{AnyModel, Contributions, Explain, Interval, Model, Regressor, Task};
use crate::params::{Param, ParamError, ParamKind, Values};
use crate::registry::{ClassesMax, ModelEntry};
use crate::snapshot::{Reader, Snapshot, SnapshotError, Writer};
use std::collections::VecDeque;
use std::fmt::Write;

const OF: Param = Param {
    name: "of",
    kind: ParamKind::Model { task: Task::Regression, default: DefaultPart::of("linear_regression") },
    doc: "The model that predicts.",
    default_from: "It needs no tuning and costs little.",
};

const WINDOW: Param = Param {
    name: "window",
    kind: ParamKind::Integer { min: 10, max: 1_000_000, default: 1000 },
    doc: "Latest errors that the width is read from. Fewer follow a change of the noise sooner, and are rougher far out: \
          a confidence c needs at least 1 / (1 - c) of them.",
    default_from: "Ten errors beyond a confidence of 99 %.",
};

const RATE: Param = Param {
    name: "rate",
    kind: ParamKind::Number { min: 0.0, max: 0.5, default: 0.005 },
    doc: "How fast the width is corrected by whether intervals held. Larger recovers sooner from a drift and wavers more; \
          0 trusts the window alone.",
    default_from: "Gibbs and Candes.",
};

/// The confidences that are watched: between them the correction is interpolated.
const LEVELS: [f64; 5] = [0.5, 0.8, 0.9, 0.95, 0.99];

/// The registry's entry.
pub const ENTRY: ModelEntry = ModelEntry {
    name: "conformal_regressor",
    task: Task::Regression,
    summary: "Puts intervals around any regressor that hold as often as they say, under drift too.",
    doc: include_str!("conformal_regressor.md"),
    meaning_version: 1,
    params: &[OF, WINDOW, RATE],
    classes_max: ClassesMax::None,
    reads_categories: true,
    build: |schema, values, seed| {
        Ok(AnyModel::Regressor(Box::new(ConformalRegressor::new(schema, values, seed)?)))
    },
};

/// See the module.
///
/// ```
/// use streamfold_learn::compose::conformal_regressor::{ConformalRegressor, ENTRY};
/// use streamfold_learn::features::{Row, Schema};
/// use streamfold_learn::model::{Interval, Regressor};
/// use streamfold_learn::random::Random;
///
/// let schema = Schema { numeric: vec!["x".into()], ..Schema::default() };
/// let mut model = ConformalRegressor::new(&schema, &ENTRY.values(&[])?, 0)?;
/// let (mut random, mut held) = (Random::new(1), 0);
/// for event in 0..20_000 {
///     let (numeric, noise) = ([random.unit()], random.normal() * if event < 10_000 { 1.0 } else { 5.0 });
///     let (row, target) = (Row { numeric: &numeric, ..Row::default() }, 3.0 * numeric[0] + noise);
///     let (low, high) = model.interval(row, 0.9);
///     held += i32::from(low <= target && target <= high);
///     model.learn(row, target, 1.0);
/// }
/// assert_eq!((f64::from(held) / 200.0).round(), 90.0);
/// # Ok::<(), streamfold_learn::params::ParamError>(())
/// ```
pub struct ConformalRegressor {
    of: Box<dyn Regressor>,
    schema: Schema,
    window: usize,
    rate: f64,
    /// The latest errors, the oldest first.
    errors: VecDeque<f64>,
    /// The same, the smallest first. Follows from `errors`.
    sorted: Vec<f64>,
    /// For each of [`LEVELS`] the share of errors that its interval reaches beyond: corrected, so also below 0 or above 1.
    beyond: [f64; LEVELS.len()],
}

impl ConformalRegressor {
    /// A model that has learnt nothing.
    pub fn new(schema: &Schema, values: &Values, seed: u64) -> Result<Self, ParamError> {
        let factory = Factory::<dyn Regressor>::new(&values.parts(&OF).swap_remove(0), schema, seed)?;
        Ok(ConformalRegressor {
            of: factory.build()?,
            schema: schema.clone(),
            window: values.integer(&WINDOW) as usize,
            rate: values.number(&RATE),
            errors: VecDeque::new(),
            sorted: Vec::new(),
            beyond: LEVELS.map(|level| 1.0 - level),
        })
    }

    /// Half the width of the interval that a share `beyond` of the errors lies beyond.
    fn half_width(&self, beyond: f64) -> f64 {
        let rank = ((1.0 - beyond) * (self.sorted.len() + 1) as f64).ceil();
        // At most the length and one: the cast cannot go astray.
        match rank.max(0.0) as usize {
            0 => 0.0,
            rank => self.sorted.get(rank - 1).copied().unwrap_or(f64::INFINITY),
        }
    }

    /// The corrected share beyond the interval of a confidence; wider confidences never have a greater one.
    fn beyond(&self, confidence: f64) -> f64 {
        let (mut below, mut beyond_below) = (0.0, 1.0f64);
        let ends =
            LEVELS.iter().zip(&self.beyond).map(|(level, beyond)| (*level, *beyond)).chain([(1.0, 0.0)]);
        for (level, beyond) in ends {
            let beyond = beyond.min(beyond_below);
            if confidence <= level {
                return beyond_below + (beyond - beyond_below) * ((confidence - below) / (level - below));
            }
            (below, beyond_below) = (level, beyond);
        }
        0.0
    }

    /// Corrects the widths by whether they held the error, and takes it into the window.
    fn judge(&mut self, error: f64) {
        for (at, level) in LEVELS.iter().enumerate() {
            let missed = if error > self.half_width(self.beyond[at]) { 1.0 } else { 0.0 };
            self.beyond[at] += self.rate * (1.0 - level - missed);
        }
        if self.errors.len() == self.window
            && let Some(oldest) = self.errors.pop_front()
        {
            let place = self.sorted.partition_point(|other| *other < oldest);
            self.sorted.remove(place);
        }
        self.errors.push_back(error);
        let place = self.sorted.partition_point(|other| *other < error);
        self.sorted.insert(place, error);
    }
}

impl Regressor for ConformalRegressor {
    fn predict(&self, row: Row<'_>) -> f64 {
        self.of.predict(row)
    }

    fn learn(&mut self, row: Row<'_>, target: f64, weight: f64) {
        if target.is_finite() && teaches(weight) {
            self.judge((target - self.of.predict(row)).abs().min(f64::MAX));
            self.of.learn(row, target, weight);
        }
    }
}

impl Interval for ConformalRegressor {
    fn interval(&self, row: Row<'_>, confidence: f64) -> (f64, f64) {
        let (middle, half) = (self.of.predict(row), self.half_width(self.beyond(confidence)));
        (middle - half, middle + half)
    }
}

impl Model for ConformalRegressor {
    fn memory_bytes(&self) -> usize {
        size_of::<Self>() + 8 * (self.errors.capacity() + self.sorted.capacity()) + self.of.memory_bytes()
    }

    fn dump(&self, _schema: &Schema, out: &mut String) {
        for (level, beyond) in LEVELS.iter().zip(self.beyond) {
            let half = self.half_width(beyond);
            let _ = writeln!(out, "{:.0} % within {half:.6e}", 100.0 * level);
        }
        dump_part("around", self.of.as_ref(), &self.schema, out);
    }

    fn as_explain(&self) -> Option<&dyn Explain> {
        self.of.as_explain().map(|_| self as &dyn Explain)
    }

    fn as_interval(&self) -> Option<&dyn Interval> {
        Some(self)
    }
}

impl Explain for ConformalRegressor {
    fn explain(&self, row: Row<'_>, class: usize, out: &mut Contributions) {
        out.clear(row);
        if let Some(explain) = self.of.as_explain() {
            explain.explain(row, class, out);
        }
    }
}

impl Snapshot for ConformalRegressor {
    fn save(&self, out: &mut Writer) {
        out.version(1);
        out.unsigned(self.errors.len() as u64);
        self.errors.iter().for_each(|error| out.float(*error));
        self.beyond.iter().for_each(|beyond| out.float(*beyond));
        self.of.save(out);
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        from.part("conformal_regressor");
        from.version(1)?;
        let length = from.length(8)?;
        if length > self.window {
            return Err(from.invalid(format!("{length} errors, at most {} are kept", self.window)));
        }
        self.errors.clear();
        for _ in 0..length {
            self.errors.push_back(from.finite_not_negative()?);
        }
        self.sorted.clear();
        self.sorted.extend(&self.errors);
        self.sorted.sort_by(f64::total_cmp);
        for beyond in &mut self.beyond {
            *beyond = from.finite()?.clamp(-1.0, 2.0);
        }
        self.of.load(from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::params::ParamValue;
    use crate::random::Random;

    fn model(given: &[(&str, f64)]) -> ConformalRegressor {
        let schema = Schema { numeric: vec!["x".into()], ..Schema::default() };
        let given: Vec<_> =
            given.iter().map(|(name, value)| ((*name).to_owned(), ParamValue::Number(*value))).collect();
        ConformalRegressor::new(&schema, &ENTRY.values(&given).unwrap(), 0).unwrap()
    }

    /// The share of intervals of each confidence that hold, over a stream whose noise grows without end.
    fn held(rate: f64, confidences: &[f64]) -> Vec<f64> {
        let mut model = model(&[("rate", rate)]);
        let mut random = Random::new(3);
        let mut held = vec![0.0; confidences.len()];
        let events = 20_000;
        for event in 0..events {
            let noise = random.normal() * libm::exp(f64::from(event) / 700.0);
            let numeric = [random.unit()];
            let row = Row { numeric: &numeric, ..Row::default() };
            for (held, confidence) in held.iter_mut().zip(confidences) {
                let (low, high) = model.interval(row, *confidence);
                *held += f64::from(u8::from(low <= noise && noise <= high)) / f64::from(events);
            }
            model.learn(row, noise, 1.0);
        }
        held
    }

    #[test]
    fn intervals_hold_where_the_noise_grows_and_only_by_their_correction() {
        for (confidence, held) in LEVELS.iter().zip(held(0.005, &LEVELS)) {
            assert!((held - confidence).abs() < 0.02, "{confidence}: {held}");
        }
        // Between those that are watched.
        assert!((held(0.005, &[0.7])[0] - 0.7).abs() < 0.05);
        assert!(held(0.0, &[0.9])[0] < 0.87);
    }

    #[test]
    fn wider_confidences_have_wider_intervals() {
        let mut model = model(&[]);
        // Corrections that cross each other.
        model.beyond = [0.1, 0.4, -0.2, 0.3, 0.02];
        (0..500).for_each(|number| model.judge(f64::from(number)));
        let row = Row { numeric: &[0.0], ..Row::default() };
        let highs: Vec<f64> =
            (1..100).map(|percent| model.interval(row, f64::from(percent) / 100.0).1).collect();
        assert!(highs.windows(2).all(|pair| pair[0] <= pair[1]), "{highs:?}");
    }

    #[test]
    fn without_errors_enough_nothing_is_promised() {
        let mut model = model(&[]);
        let row = Row { numeric: &[0.0], ..Row::default() };
        (0..8).for_each(|number| model.judge(f64::from(number)));
        assert_eq!(model.interval(row, 0.9), (f64::NEG_INFINITY, f64::INFINITY));
        assert_eq!(model.interval(row, 0.5), (-4.0, 4.0));
    }
}
