//! Holt-Winters: exponential smoothing of a level, a trend and a season.
#![doc = include_str!("holt_winters.md")]

use super::{bounded, is_value};
use crate::dump;
use crate::features::{Row, Schema};
use crate::model::{AnyModel, Forecaster, Model, Task};
use crate::params::{Param, ParamKind, Values};
use crate::registry::{ClassesMax, ModelEntry};
use crate::snapshot::{Reader, Snapshot, SnapshotError, Writer};
use std::fmt::Write;

const SEASON_STEPS: Param = Param {
    name: "season_steps",
    kind: ParamKind::Integer { min: 0, max: 100_000, default: 0 },
    doc: "Steps of a season: 24 for hours that repeat daily, 12 for months that repeat yearly. 0: there is no season.",
    default_from: "River's default.",
};

const SEASON: Param = Param {
    name: "season",
    kind: ParamKind::Choice { of: &["additive", "multiplicative"], default: "additive" },
    doc: "Whether a season is added to the level, or the level multiplied by it: the latter where the swings grow with the level.",
    default_from: "River's default.",
};

const LEVEL_SMOOTHING: Param = Param {
    name: "level_smoothing",
    kind: ParamKind::Number { min: 0.0, max: 1.0, default: 0.3 },
    doc: "Share of a new value in the level (alpha).",
    default_from: "The example in River's documentation.",
};

const TREND_SMOOTHING: Param = Param {
    name: "trend_smoothing",
    kind: ParamKind::Number { min: 0.0, max: 1.0, default: 0.1 },
    doc: "Share of the level's last change in the trend (beta). 0: there is no trend.",
    default_from: "The example in River's documentation.",
};

const SEASON_SMOOTHING: Param = Param {
    name: "season_smoothing",
    kind: ParamKind::Number { min: 0.0, max: 1.0, default: 0.6 },
    doc: "Share of a new value in its step of the season (gamma).",
    default_from: "The example in River's documentation.",
};

const DAMPING: Param = Param {
    name: "damping",
    kind: ParamKind::Number { min: 0.0, max: 1.0, default: 1.0 },
    doc: "What the trend keeps with each step (phi). Below 1 far forecasts level off; 0.8 to 0.98 is usual.",
    default_from: "The method without damping, as in River.",
};

/// The registry's entry.
pub const ENTRY: ModelEntry = ModelEntry {
    name: "holt_winters",
    task: Task::Forecasting,
    summary: "Forecasts by smoothing a level, a trend and a season.",
    doc: include_str!("holt_winters.md"),
    meaning_version: 1,
    params: &[SEASON_STEPS, SEASON, LEVEL_SMOOTHING, TREND_SMOOTHING, SEASON_SMOOTHING, DAMPING],
    classes_max: ClassesMax::None,
    reads_categories: false,
    build: |_schema, values, _seed| Ok(AnyModel::Forecaster(Box::new(HoltWinters::new(values)))),
};

/// Factors of a season lie within this, and a level is not divided by less than one over it.
const FACTOR_MAX: f64 = 1e9;

/// See the module.
///
/// ```
/// use streamfold_learn::features::Row;
/// use streamfold_learn::forecast::holt_winters::{ENTRY, HoltWinters};
/// use streamfold_learn::model::Forecaster;
/// use streamfold_learn::params::ParamValue;
///
/// let mut model = HoltWinters::new(&ENTRY.values(&[("season_steps".into(), ParamValue::Integer(4))])?);
/// for step in 0..400 {
///     let season = [10.0, 0.0, -10.0, 0.0][step % 4];
///     model.learn(Row::default(), step as f64 + season, 1.0);
/// }
/// let mut next = [0.0; 3];
/// model.forecast(&[], &mut next);
/// assert_eq!(next.map(f64::round), [410.0, 401.0, 392.0]);
/// # Ok::<(), streamfold_learn::params::ParamError>(())
/// ```
#[derive(Clone, Debug)]
pub struct HoltWinters {
    season_steps: usize,
    multiplicative: bool,
    /// Shares of a new value in the level, the trend and the season.
    smoothing: [f64; 3],
    damping: f64,
    /// The first values until there are enough; then the season (nothing where there is none).
    season: Vec<f64>,
    /// Place in the season of the next step.
    at: usize,
    started: bool,
    level: f64,
    trend: f64,
}

impl HoltWinters {
    /// A model that has learnt nothing.
    pub fn new(values: &Values) -> Self {
        HoltWinters {
            season_steps: values.integer(&SEASON_STEPS) as usize,
            multiplicative: values.choice(&SEASON) == "multiplicative",
            smoothing: [&LEVEL_SMOOTHING, &TREND_SMOOTHING, &SEASON_SMOOTHING]
                .map(|param| values.number(param)),
            damping: values.number(&DAMPING),
            season: Vec::new(),
            at: 0,
            started: false,
            level: 0.0,
            trend: 0.0,
        }
    }

    /// Level and trend; 0 during the first season.
    pub fn level_and_trend(&self) -> (f64, f64) {
        (self.level, self.trend)
    }

    /// How many values it starts from.
    fn start_length(&self) -> usize {
        self.season_steps.max(2)
    }

    /// What level and trend come from is what River takes: the mean of the first values, and of their changes.
    fn start(&mut self) {
        let count = self.season.len() as f64;
        let mean = self.season.iter().sum::<f64>() / count;
        if self.smoothing[1] > 0.0 {
            self.trend = (self.season[self.season.len() - 1] - self.season[0]) / (count - 1.0);
        }
        self.level = mean;
        if self.season_steps == 0 {
            self.season = Vec::new();
        } else {
            let multiplicative = self.multiplicative;
            self.season.truncate(self.season_steps);
            self.season.iter_mut().for_each(|value| *value = seasonal(*value, mean, multiplicative));
        }
        self.started = true;
        self.at = 0;
    }

    /// The trend that is expected of the next step.
    fn next_trend(&self) -> f64 {
        self.damping * self.trend
    }

    fn update(&mut self, value: f64, weight: f64) {
        let share = |share: f64| if weight == 1.0 { share } else { 1.0 - libm::pow(1.0 - share, weight) };
        let [level_share, trend_share, season_share] = self.smoothing.map(share);
        let trend = self.next_trend();
        let expected = self.level + trend;
        let cleared = match self.season.get(self.at) {
            None => value,
            Some(season) if !self.multiplicative => value - season,
            Some(factor) if factor.abs() * FACTOR_MAX >= 1.0 => value / factor,
            // At a factor of 0 a value says nothing about the level.
            Some(_) => expected,
        };
        let level = bounded(level_share * cleared + (1.0 - level_share) * expected);
        if self.smoothing[1] > 0.0 {
            self.trend = bounded(trend_share * (level - self.level) + (1.0 - trend_share) * trend);
        }
        self.level = level;
        if let Some(season) = self.season.get_mut(self.at) {
            let new = seasonal(value, expected, self.multiplicative);
            *season = bounded(season_share * new + (1.0 - season_share) * *season);
        }
        self.step();
    }

    fn step(&mut self) {
        self.at = if self.at + 1 < self.season.len() { self.at + 1 } else { 0 };
    }
}

/// What a value says of the season beside a level.
fn seasonal(value: f64, level: f64, multiplicative: bool) -> f64 {
    match multiplicative {
        false => value - level,
        true => {
            let factor = value / level;
            if factor.is_nan() { 1.0 } else { factor.clamp(-FACTOR_MAX, FACTOR_MAX) }
        }
    }
}

impl Forecaster for HoltWinters {
    fn forecast(&self, _exogenous: &[Row<'_>], out: &mut [f64]) {
        if !self.started {
            return out.fill(self.season.last().copied().unwrap_or(0.0));
        }
        let (mut trend, mut level, mut at) = (self.trend, self.level, self.at);
        for step in out {
            trend *= self.damping;
            level += trend;
            *step = match self.season.get(at) {
                None => level,
                Some(factor) if self.multiplicative => level * factor,
                Some(season) => level + season,
            };
            at = if at + 1 < self.season.len() { at + 1 } else { 0 };
        }
    }

    fn learn(&mut self, _row: Row<'_>, value: f64, weight: f64) {
        if weight.is_nan() || weight <= 0.0 {
            return;
        }
        match (is_value(value), self.started) {
            (true, true) => self.update(value, weight),
            (false, true) => {
                self.trend = self.next_trend();
                self.level = bounded(self.level + self.trend);
                self.step();
            }
            (valid, false) => {
                // A gap in the beginning is filled with the value before it, if there was one.
                let value = if valid { Some(value) } else { self.season.last().copied() };
                self.season.extend(value);
                if self.season.len() >= self.start_length() {
                    self.start();
                }
            }
        }
    }
}

impl Model for HoltWinters {
    fn memory_bytes(&self) -> usize {
        size_of::<Self>() + 8 * self.season.capacity()
    }

    fn dump(&self, _schema: &Schema, out: &mut String) {
        // Writing to a string cannot fail.
        let _ = match self.started {
            true => writeln!(out, "level {:.6e}, trend {:+.6e} a step", self.level, self.trend),
            false => writeln!(out, "{} values of the first {}", self.season.len(), self.start_length()),
        };
        if self.started && !self.season.is_empty() {
            let _ = writeln!(out, "season from the next step on:");
            for number in 0..dump::lines(self.season.len()) {
                let season = self.season[(self.at + number) % self.season.len()];
                let _ = writeln!(out, "  {season:+.6e}");
            }
            dump::rest(self.season.len(), out);
        }
    }
}

/// Version of the layout.
const LAYOUT: u64 = 1;

impl Snapshot for HoltWinters {
    fn save(&self, out: &mut Writer) {
        out.version(LAYOUT);
        out.boolean(self.started);
        out.floats(&self.season);
        if self.started {
            out.unsigned(self.at as u64);
            out.float(self.level);
            out.float(self.trend);
        }
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        from.part("holt_winters");
        from.version(LAYOUT)?;
        self.started = from.boolean()?;
        self.season = from.floats()?;
        (self.at, self.level, self.trend) = (0, 0.0, 0.0);
        let length = self.season.len();
        let fits = if self.started { length == self.season_steps } else { length < self.start_length() };
        if !fits || !self.season.iter().all(|value| bounded(*value) == *value) {
            return Err(from.invalid(format!("{length} seasonal values, or ones that cannot be")));
        }
        if self.started {
            let at = from.unsigned()?;
            self.at = at as usize;
            (self.level, self.trend) = (bounded(from.finite()?), bounded(from.finite()?));
            if at >= length.max(1) as u64 {
                return Err(from.invalid(format!("step {at} of a season of {length}")));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::params::ParamValue;

    fn model(given: &[(&str, f64)]) -> HoltWinters {
        let given = given.iter().map(|(name, value)| match *name {
            "season_steps" => ((*name).to_owned(), ParamValue::Integer(*value as i64)),
            _ => ((*name).to_owned(), ParamValue::Number(*value)),
        });
        HoltWinters::new(&ENTRY.values(&given.collect::<Vec<_>>()).unwrap())
    }

    fn forecast<const STEPS: usize>(model: &HoltWinters) -> [f64; STEPS] {
        let mut out = [f64::NAN; STEPS];
        model.forecast(&[], &mut out);
        out
    }

    #[test]
    fn a_gap_lets_the_step_pass() {
        let mut model = model(&[("season_steps", 3.0)]);
        (0..300).for_each(|step| model.learn(Row::default(), f64::from(step % 3), 1.0));
        let [_, second, third] = forecast(&model);
        model.learn(Row::default(), f64::NAN, 1.0);
        let after: [f64; 2] = forecast(&model);
        assert!((after[0] - second).abs() < 1e-12 && (after[1] - third).abs() < 1e-12);
    }

    #[test]
    fn a_damped_trend_levels_off() {
        let mut damped = model(&[("damping", 0.9)]);
        (0..100).for_each(|step| damped.learn(Row::default(), f64::from(step), 1.0));
        let steps: [f64; 200] = forecast(&damped);
        assert!(steps[0] > 95.0 && steps[199] - steps[198] < 1e-6, "{steps:?}");
        let mut flat = model(&[("trend_smoothing", 0.0)]);
        (0..100).for_each(|step| flat.learn(Row::default(), f64::from(step), 1.0));
        let [one, other]: [f64; 2] = forecast(&flat);
        assert_eq!(one, other);
    }

    #[test]
    fn before_the_first_season_is_over_it_says_the_last_value() {
        let mut model = model(&[("season_steps", 24.0)]);
        assert_eq!(forecast(&model), [0.0]);
        model.learn(Row::default(), f64::NAN, 1.0);
        (0..5).for_each(|step| model.learn(Row::default(), f64::from(step), 1.0));
        assert_eq!(forecast(&model), [4.0, 4.0]);
    }
}
