//! How many deviations an event lies from what is usual at its step of the season.
#![doc = include_str!("seasonal_z_score.md")]

use crate::dump;
use crate::features::{Row, Schema};
use crate::model::{AnomalyDetector, AnyModel, Model, Task};
use crate::params::{Param, ParamError, ParamKind, Values};
use crate::registry::{ClassesMax, ModelEntry};
use crate::snapshot::{Reader, Snapshot, SnapshotError, Writer};
use std::fmt::Write;

const SEASON_STEPS: Param = Param {
    name: "season_steps",
    kind: ParamKind::Integer { min: 1, max: 10_000, default: 1 },
    doc: "Events of a season: 288 for one every five minutes that repeats daily. 1: there is no season.",
    default_from: "A season must be known to be there.",
};

const HALF_LIFE: Param = Param {
    name: "half_life_events",
    kind: ParamKind::Number { min: 1.0, max: 1e9, default: 500.0 },
    doc: "Events after which an old event counts half in the level and the deviation. Seasons count half after as many of their own.",
    default_from: "A few hundred events fix a deviation to some 5 %.",
};

/// The registry's entry.
pub const ENTRY: ModelEntry = ModelEntry {
    name: "seasonal_z_score",
    task: Task::AnomalyDetection,
    summary: "Scores events by their distance from what is usual at this step of the season, in deviations.",
    doc: include_str!("seasonal_z_score.md"),
    meaning_version: 1,
    params: &[SEASON_STEPS, HALF_LIFE],
    classes_max: ClassesMax::None,
    reads_categories: false,
    build: |schema, values, _seed| {
        Ok(AnyModel::AnomalyDetector(Box::new(SeasonalZScore::new(schema, values)?)))
    },
};

/// Features times steps of a season that are kept at most.
pub const CELLS_MAX: usize = 10_000_000;
/// Larger values count as missing.
const LIMIT: f64 = 1e100;
/// No score is higher.
pub const SCORE_MAX: f64 = 1e6;
/// A value beyond so many deviations teaches as one at this distance.
const REACH: f64 = 3.0;
/// Values of a feature before it is judged.
const VALUES_MIN: f64 = 10.0;
/// The deviation of a normal distribution over its mean absolute deviation: the root of half of pi.
const NORMAL: f64 = 1.253_314_137_315_500_3;
/// Deviations are not smaller than this share of the level: what is below are roundings.
const DEVIATION_MIN: f64 = 1e-9;

/// What is usual of one feature.
#[derive(Clone, Debug, Default)]
struct Usual {
    /// Values learnt.
    count: f64,
    level: f64,
    /// Fading mean of absolute distances.
    distance: f64,
    /// What each step of the season adds to the level, and the values learnt of it; empty where there is no season.
    season: Vec<(f64, f64)>,
}

impl Usual {
    /// Distance from what is expected.
    fn residual(&self, value: f64, step: usize) -> f64 {
        value - self.level - self.season.get(step).map_or(0.0, |(add, _)| *add)
    }

    fn deviation(&self) -> f64 {
        (NORMAL * self.distance).max(DEVIATION_MIN * self.level.abs())
    }

    fn score(&self, value: f64, step: usize) -> f64 {
        let distance = self.residual(value, step).abs();
        let known = self.count >= VALUES_MIN && self.season.get(step).is_none_or(|(_, count)| *count > 0.0);
        if !known || distance == 0.0 { 0.0 } else { (distance / self.deviation()).min(SCORE_MAX) }
    }

    /// `rate` is the share of a new value once many are known.
    fn learn(&mut self, value: f64, step: usize, rate: f64, weight: f64) {
        if self.count == 0.0 {
            self.level = value;
        }
        let residual = self.residual(value, step);
        let reach = REACH * self.deviation();
        let seen = match self.count >= VALUES_MIN && reach > 0.0 {
            true => residual.clamp(-reach, reach),
            false => residual,
        };
        self.count = (self.count + weight).min(1e15);
        let share = |count: f64| (weight / count).max(1.0 - libm::pow(1.0 - rate, weight));
        self.distance += share(self.count) * (seen.abs() - self.distance);
        match self.season.get_mut(step) {
            None => self.level += share(self.count) * seen,
            Some((add, count)) => {
                // The level follows what no step of the season explains; the rest is this step's.
                let first = *count == 0.0;
                *count = (*count + weight).min(1e15);
                let slow = share(self.count) * if first { 0.0 } else { seen };
                self.level += slow;
                *add += if first { residual } else { share(*count) * (seen - slow) };
            }
        }
    }
}

/// See the module.
///
/// ```
/// use streamfold_learn::anomaly::seasonal_z_score::{ENTRY, SeasonalZScore};
/// use streamfold_learn::features::{Row, Schema};
/// use streamfold_learn::model::AnomalyDetector;
/// use streamfold_learn::params::ParamValue;
///
/// let schema = Schema { numeric: vec!["visitors".into()], ..Schema::default() };
/// let season = [("season_steps".into(), ParamValue::Integer(2))];
/// let mut model = SeasonalZScore::new(&schema, &ENTRY.values(&season)?)?;
/// for step in 0..1000 {
///     let noise = f64::from(step * 7 % 5) - 2.0;
///     model.learn(Row { numeric: &[f64::from(step % 2) * 100.0 + noise], ..Row::default() }, 1.0);
/// }
/// // Nobody is usual in this step, and strange in the next.
/// assert_eq!(model.score(Row { numeric: &[0.0], ..Row::default() }).round(), 0.0);
/// model.learn(Row { numeric: &[0.0], ..Row::default() }, 1.0);
/// assert!(model.score(Row { numeric: &[0.0], ..Row::default() }) > 20.0);
/// # Ok::<(), streamfold_learn::params::ParamError>(())
/// ```
#[derive(Clone, Debug)]
pub struct SeasonalZScore {
    season_steps: usize,
    /// Share of a new value.
    rate: f64,
    /// Step of the season that is next.
    step: usize,
    features: Vec<Usual>,
}

impl SeasonalZScore {
    /// A model that has learnt nothing.
    pub fn new(schema: &Schema, values: &Values) -> Result<Self, ParamError> {
        let season_steps = values.integer(&SEASON_STEPS) as usize;
        let features = schema.numeric.len();
        if features.saturating_mul(season_steps) > CELLS_MAX {
            return Err(ParamError::Features {
                owner: format!("model `{}`", ENTRY.name),
                reason: format!(
                    "{features} numbers times {season_steps} steps are more than {CELLS_MAX}; take fewer"
                ),
            });
        }
        let season = if season_steps > 1 { vec![(0.0, 0.0); season_steps] } else { Vec::new() };
        Ok(SeasonalZScore {
            season_steps,
            rate: 1.0 - libm::exp2(-1.0 / values.number(&HALF_LIFE)),
            step: 0,
            features: vec![Usual { season, ..Usual::default() }; features],
        })
    }
}

impl AnomalyDetector for SeasonalZScore {
    fn score(&self, row: Row<'_>) -> f64 {
        let there = self.features.iter().zip(row.numeric).filter(|(_, value)| value.abs() <= LIMIT);
        there.map(|(usual, value)| usual.score(*value, self.step)).fold(0.0, f64::max)
    }

    fn learn(&mut self, row: Row<'_>, weight: f64) {
        if !weight.is_finite() || weight <= 0.0 {
            return;
        }
        for (usual, &value) in self.features.iter_mut().zip(row.numeric) {
            if value.abs() <= LIMIT {
                usual.learn(value, self.step, self.rate, weight);
            }
        }
        self.step = (self.step + 1) % self.season_steps;
    }
}

impl Model for SeasonalZScore {
    fn memory_bytes(&self) -> usize {
        let each = size_of::<Usual>() + if self.season_steps > 1 { 16 * self.season_steps } else { 0 };
        size_of::<Self>() + self.features.len() * each
    }

    fn dump(&self, schema: &Schema, out: &mut String) {
        let features = self.features.iter().enumerate();
        for (feature, usual) in features.take(dump::lines(self.features.len())) {
            let name = dump::feature_name(schema, feature);
            // Writing to a string cannot fail.
            let _ = writeln!(out, "{name}: level {:.6e}, deviation {:.6e}", usual.level, usual.deviation());
            if let Some((add, _)) = usual.season.get(self.step) {
                let _ = writeln!(out, "  at the next step of the season {add:+.6e}");
            }
        }
        dump::rest(self.features.len(), out);
    }
}

/// Version of the layout.
const LAYOUT: u64 = 1;

impl Snapshot for SeasonalZScore {
    fn save(&self, out: &mut Writer) {
        out.version(LAYOUT);
        out.unsigned(self.step as u64);
        for usual in &self.features {
            out.float(usual.count);
            out.float(usual.level);
            out.float(usual.distance);
            for (add, count) in &usual.season {
                out.float(*add);
                out.float(*count);
            }
        }
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        from.part("seasonal_z_score");
        from.version(LAYOUT)?;
        let step = from.unsigned()?;
        if step >= self.season_steps as u64 {
            return Err(from.invalid(format!("step {step} of {}", self.season_steps)));
        }
        self.step = step as usize;
        let within = |from: &mut Reader<'_>| match from.finite()? {
            value if value.abs() <= 10.0 * LIMIT => Ok(value),
            value => Err(from.invalid(format!("{value} is out of reach"))),
        };
        for usual in &mut self.features {
            usual.count = from.finite_not_negative()?;
            usual.level = within(from)?;
            usual.distance = within(from)?.abs();
            for (add, count) in &mut usual.season {
                *add = within(from)?;
                *count = from.finite_not_negative()?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::params::ParamValue;
    use crate::random::Random;

    fn model(season: i64) -> SeasonalZScore {
        let schema = Schema { numeric: vec!["x".into()], ..Schema::default() };
        let given = [("season_steps".to_owned(), ParamValue::Integer(season))];
        SeasonalZScore::new(&schema, &ENTRY.values(&given).unwrap()).unwrap()
    }

    fn row(numeric: &[f64]) -> Row<'_> {
        Row { numeric, ..Row::default() }
    }

    #[test]
    fn on_normal_values_it_is_the_z_score_though_some_are_absurd() {
        let mut random = Random::new(1);
        let mut model = model(1);
        for event in 0..20_000 {
            let value = 7.0 + 2.0 * random.normal();
            model.learn(row(&[if event % 50 == 49 { 1e6 } else { value }]), 1.0);
        }
        let score = model.score(row(&[7.0 + 2.0 * 5.0]));
        assert!((4.0..5.5).contains(&score), "{score}");
    }

    #[test]
    fn a_season_is_not_strange_and_its_absence_is() {
        let mut random = Random::new(2);
        let mut model = model(24);
        let value = |step: usize| if step % 24 < 12 { 0.0 } else { 100.0 };
        for step in 0..24 * 60 {
            model.learn(row(&[value(step) + random.normal()]), 1.0);
        }
        for step in 0..24 {
            let [usual, strange] = [value(step), 100.0 - value(step)].map(|value| model.score(row(&[value])));
            assert!(usual < 2.0 && strange > 50.0, "{step}: {usual} {strange}");
            model.learn(row(&[value(step)]), 1.0);
        }
    }

    #[test]
    fn a_level_that_stays_becomes_usual() {
        let mut random = Random::new(3);
        let mut model = model(1);
        (0..5000).for_each(|_| model.learn(row(&[random.normal()]), 1.0));
        assert!(model.score(row(&[50.0])) > 30.0);
        (0..10_000).for_each(|_| model.learn(row(&[50.0 + random.normal()]), 1.0));
        assert!(model.score(row(&[50.0])) < 3.0, "{:?}", model.features);
    }
}
