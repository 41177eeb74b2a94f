//! Another detector's score beside a threshold that holds a rate of alerts.
#![doc = include_str!("quantile_threshold.md")]

use crate::features::{Row, Schema};
use crate::model::{AnomalyDetector, AnyModel, Model, Task};
use crate::params::{Param, ParamError, ParamKind, Values};
use crate::prepare::quantile::Quantile;
use crate::registry::{self, ClassesMax, ModelEntry};
use crate::snapshot::{Reader, Snapshot, SnapshotError, Writer};
use std::fmt::Write;

const DETECTOR: Param = Param {
    name: "detector",
    kind: ParamKind::Choice {
        of: &["seasonal_z_score", "half_space_trees", "robust_random_cut_forest"],
        default: "seasonal_z_score",
    },
    doc: "The detector whose scores are compared, with its defaults.",
    default_from: "The fastest one. `robust_random_cut_forest` is better on the Numenta Anomaly Benchmark.",
};

const ALERT_RATE: Param = Param {
    name: "alert_rate",
    kind: ParamKind::Number { min: 1e-4, max: 0.5, default: 0.01 },
    doc: "Share of events that are to be alerts, rests aside.",
    default_from: "An alert for every hundred events.",
};

const REST: Param = Param {
    name: "rest_events",
    kind: ParamKind::Integer { min: 0, max: 1_000_000_000, default: 0 },
    doc: "Events after an alert that are no alerts unless they are stranger still: one alert for one incident.",
    default_from: "Every event is judged alone.",
};

const HALF_LIFE: Param = Param {
    name: "half_life_events",
    kind: ParamKind::Number { min: 1000.0, max: 1e12, default: 100_000.0 },
    doc: "Events after which an old score counts half for the threshold.",
    default_from: "A thousand alerts at the default rate fix it to some 3 %.",
};

/// The registry's entry.
pub const ENTRY: ModelEntry = ModelEntry {
    name: "quantile_threshold",
    task: Task::AnomalyDetection,
    summary: "Alerts by another detector's score at a rate that holds, once for each incident.",
    doc: include_str!("quantile_threshold.md"),
    meaning_version: 1,
    params: &[DETECTOR, ALERT_RATE, REST, HALF_LIFE],
    classes_max: ClassesMax::None,
    reads_categories: false,
    build: |schema, values, seed| {
        Ok(AnyModel::AnomalyDetector(Box::new(QuantileThreshold::new(schema, values, seed)?)))
    },
};

/// No score is higher.
pub const SCORE_MAX: f64 = 1000.0;
/// The highest score of an event that is not to be an alert since one has just been.
pub const RESTING: f64 = 0.5;

/// See the module.
///
/// ```
/// use streamfold_learn::anomaly::quantile_threshold::{ENTRY, QuantileThreshold};
/// use streamfold_learn::features::{Row, Schema};
/// use streamfold_learn::model::AnomalyDetector;
/// use streamfold_learn::random::Random;
///
/// let schema = Schema { numeric: vec!["celsius".into()], ..Schema::default() };
/// let mut model = QuantileThreshold::new(&schema, &ENTRY.values(&[])?, 7)?;
/// let mut random = Random::new(1);
/// let mut alerts = 0;
/// for _ in 0..10_000 {
///     let celsius = [20.0 + random.normal()];
///     let row = Row { numeric: &celsius, ..Row::default() };
///     alerts += u32::from(model.score(row) >= 1.0);
///     model.learn(row, 1.0);
/// }
/// assert!((80..120).contains(&alerts), "a hundredth of the events");
/// # Ok::<(), streamfold_learn::params::ParamError>(())
/// ```
pub struct QuantileThreshold {
    detector: Box<dyn AnomalyDetector>,
    rest: u64,
    /// Scores before there are alerts.
    scores_min: u64,
    /// What the threshold keeps of old scores with each new one.
    keep: f64,
    quantile: Quantile,
    scores: u64,
    /// The highest score of the last alerts, and the events since; nothing where the last is too long ago.
    alert: Option<(f64, u64)>,
}

impl QuantileThreshold {
    /// A model that has learnt nothing.
    pub fn new(schema: &Schema, values: &Values, seed: u64) -> Result<Self, ParamError> {
        let name = values.choice(&DETECTOR);
        let unknown = || ParamError::Features {
            owner: format!("model `{}`", ENTRY.name),
            reason: format!("there is no detector {name}"),
        };
        let entry = registry::model(&name).ok_or_else(unknown)?;
        let AnyModel::AnomalyDetector(detector) = (entry.build)(schema, &entry.values(&[])?, seed)? else {
            return Err(unknown());
        };
        let rate = values.number(&ALERT_RATE);
        Ok(QuantileThreshold {
            detector,
            rest: values.integer(&REST) as u64,
            scores_min: (1.0 / rate) as u64,
            keep: libm::exp2(-1.0 / values.number(&HALF_LIFE)),
            quantile: Quantile::new(1.0 - rate),
            scores: 0,
            alert: None,
        })
    }

    /// The detector's score in thresholds.
    fn relative(&self, score: f64) -> f64 {
        let Some(threshold) = self.quantile.value().filter(|_| self.scores >= self.scores_min) else {
            return 0.0;
        };
        if score <= 0.0 { 0.0 } else { (score / threshold).min(SCORE_MAX) }
    }

    /// Whether a score is no alert since there has just been a stranger one.
    fn rests(&self, score: f64) -> bool {
        self.alert.is_some_and(|(highest, _)| score <= highest)
    }
}

impl AnomalyDetector for QuantileThreshold {
    fn score(&self, row: Row<'_>) -> f64 {
        let score = self.relative(self.detector.score(row));
        if self.rests(score) { score.min(RESTING) } else { score }
    }

    fn learn(&mut self, row: Row<'_>, weight: f64) {
        if weight.is_nan() || weight <= 0.0 {
            return;
        }
        let score = self.detector.score(row);
        let relative = self.relative(score);
        self.alert = match self.alert {
            _ if self.rest > 0 && relative >= 1.0 && !self.rests(relative) => Some((relative, 0)),
            Some((highest, events)) if events + 1 < self.rest => Some((highest, events + 1)),
            _ => None,
        };
        self.quantile.learn(score, self.keep);
        self.scores = self.scores.saturating_add(1);
        self.detector.learn(row, weight);
    }
}

impl Model for QuantileThreshold {
    fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.detector.memory_bytes()
    }

    fn dump(&self, schema: &Schema, out: &mut String) {
        let threshold = self.quantile.value().unwrap_or(0.0);
        // Writing to a string cannot fail.
        let _ = writeln!(out, "threshold {threshold:.6e} after {} scores of:", self.scores);
        self.detector.dump(schema, out);
    }
}

/// Version of the layout.
const LAYOUT: u64 = 1;

impl Snapshot for QuantileThreshold {
    fn save(&self, out: &mut Writer) {
        out.version(LAYOUT);
        out.unsigned(self.scores);
        self.quantile.save(out);
        out.boolean(self.alert.is_some());
        if let Some((highest, events)) = self.alert {
            out.float(highest);
            out.unsigned(events);
        }
        self.detector.save(out);
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        from.part("quantile_threshold");
        from.version(LAYOUT)?;
        self.scores = from.unsigned()?;
        self.quantile.load(from)?;
        self.alert = None;
        if from.boolean()? {
            let (highest, events) = (from.finite_not_negative()?, from.unsigned()?);
            if events >= self.rest {
                return Err(from.invalid(format!("{events} events of a rest of {}", self.rest)));
            }
            self.alert = Some((highest, events));
        }
        self.detector.load(from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::params::ParamValue;
    use crate::random::Random;

    fn alerts(rest: i64, moved: f64) -> usize {
        let schema = Schema { numeric: vec!["x".into()], ..Schema::default() };
        let given = [("rest_events".to_owned(), ParamValue::Integer(rest))];
        let mut model = QuantileThreshold::new(&schema, &ENTRY.values(&given).unwrap(), 0).unwrap();
        let mut random = Random::new(5);
        let mut alerts = 0;
        for event in 0..20_000 {
            let value = [random.normal() + if event >= 19_900 { moved } else { 0.0 }];
            let row = Row { numeric: &value, ..Row::default() };
            alerts += usize::from(event >= 10_000 && model.score(row) >= 1.0);
            model.learn(row, 1.0);
        }
        alerts
    }

    #[test]
    fn the_rate_holds_whatever_the_scores_are() {
        let alerts = alerts(0, 0.0);
        assert!((80..=120).contains(&alerts), "{alerts} of 10,000");
    }

    #[test]
    fn an_incident_is_few_alerts() {
        let (many, few) = (alerts(0, 30.0), alerts(100, 30.0));
        assert!(many > 180 && few < 80, "{many} {few}");
    }
}
