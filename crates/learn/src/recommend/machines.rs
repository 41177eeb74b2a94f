//! The models that a factorisation [`Machine`] makes: a regressor and a classifier of two classes.

use super::machine::{DRIFT, FACTORS, Machine, Prior, Step};
use super::table::{ADMISSION, EXPIRY, IDS_MAX};
use crate::features::{Row, Schema};
use crate::linear::moments::{LIMIT, Scale};
use crate::linear::{probability, two_classes};
use crate::model::{Classifier, Contributions, Explain, Model, Regressor};
use crate::params::{Param, ParamError, ParamKind, Values};
use crate::snapshot::{Reader, Snapshot, SnapshotError, Writer};

pub(super) const CLIP: Param = Param {
    name: "clip",
    kind: ParamKind::Boolean { default: true },
    doc: "Whether predictions are kept between the lowest and the highest target that was learnt.",
    default_from: "Ratings have ends; without it one strange event can be predicted far beyond them.",
};

pub(super) const REGRESSION: [Param; 6] = [FACTORS, DRIFT, CLIP, IDS_MAX, ADMISSION, EXPIRY];
pub(super) const CLASSIFICATION: [Param; 5] = [FACTORS, DRIFT, IDS_MAX, ADMISSION, EXPIRY];

/// No event counts for more than so many.
const WEIGHT_MAX: f64 = 1e6;
/// Errors are kept within so many deviations of the target.
const ERROR_MAX: f64 = 10.0;
/// Events over which the noise is taken, and its least: a part of the target's variance.
const NOISE_EVENTS: f64 = 10_000.0;
const NOISE_MIN: f64 = 1e-4;

/// A regressor that is a factorisation machine.
#[derive(Clone, Debug)]
pub struct FactorizationRegressor {
    name: &'static str,
    machine: Machine,
    clip: bool,
    /// Mean and deviation of the targets: the machine knows them in deviations.
    scale: Scale,
    /// Mean of the squared errors in deviations, and the events that it is of.
    noise: f64,
    count: f64,
    /// The lowest and the highest target.
    range: Option<(f64, f64)>,
}

impl FactorizationRegressor {
    pub(super) fn new(
        name: &'static str,
        schema: &Schema,
        values: &Values,
        aware: bool,
        seed: u64,
    ) -> Result<Self, ParamError> {
        // In deviations of the target: what weights and what interactions explain of its variance.
        let prior = Prior { intercept: 0.1, weights: 0.4, interactions: 0.15 };
        Ok(FactorizationRegressor {
            name,
            machine: Machine::new(name, schema, values, prior, aware, seed)?,
            clip: values.boolean(&CLIP),
            scale: Scale::default(),
            noise: 1.0,
            count: 1.0,
            range: None,
        })
    }

    fn of_value(&self, value: f64) -> f64 {
        let number = self.scale.mean() + self.scale.deviation() * value;
        match self.range {
            Some((lowest, highest)) if self.clip => number.clamp(lowest, highest),
            _ => number,
        }
    }
}

impl Regressor for FactorizationRegressor {
    fn predict(&self, row: Row<'_>) -> f64 {
        self.of_value(self.machine.value(row))
    }

    fn learn(&mut self, row: Row<'_>, target: f64, weight: f64) {
        if !target.is_finite() || weight.is_nan() || weight <= 0.0 {
            return;
        }
        let (target, weight) = (target.clamp(-LIMIT, LIMIT), weight.min(WEIGHT_MAX));
        let deviation = self.scale.deviation();
        if deviation > 0.0 {
            let wanted = (target - self.scale.mean()) / deviation;
            let (noise, mut error) = (self.noise.max(NOISE_MIN), 0.0);
            self.machine.learn(row, weight, |value| {
                error = (wanted - value).clamp(-ERROR_MAX, ERROR_MAX);
                Step { slope: error * weight / noise, curvature: weight / noise }
            });
            self.count = (self.count + weight).min(NOISE_EVENTS);
            self.noise += (error * error - self.noise) * (weight / self.count).min(1.0);
        }
        self.scale.learn(target, weight);
        let (lowest, highest) = self.range.unwrap_or((target, target));
        self.range = Some((lowest.min(target), highest.max(target)));
    }
}

impl Model for FactorizationRegressor {
    fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.machine.memory_bytes()
    }

    fn dump(&self, schema: &Schema, out: &mut String) {
        out.push_str("in deviations of the target: ");
        self.machine.dump(schema, out);
    }

    fn as_explain(&self) -> Option<&dyn Explain> {
        Some(self)
    }
}

impl Explain for FactorizationRegressor {
    fn explain(&self, row: Row<'_>, _class: usize, out: &mut Contributions) {
        self.machine.explain(row, out);
        out.scale(self.scale.deviation());
        out.base += self.scale.mean();
        // What is cut off at the ends of the targets belongs to no feature.
        out.base += self.predict(row) - out.sum();
    }
}

impl Snapshot for FactorizationRegressor {
    fn save(&self, out: &mut Writer) {
        out.version(1);
        self.scale.save(out);
        out.float(self.noise);
        out.float(self.count);
        out.boolean(self.range.is_some());
        if let Some((lowest, highest)) = self.range {
            out.float(lowest);
            out.float(highest);
        }
        self.machine.save(out);
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        from.part(self.name);
        from.version(1)?;
        self.scale.load(from)?;
        self.noise = from.finite_not_negative()?;
        self.count = from.finite_not_negative()?;
        let within = |value: f64| value.abs() <= LIMIT;
        if self.noise > ERROR_MAX * ERROR_MAX || !(1.0..=NOISE_EVENTS).contains(&self.count) {
            return Err(from.invalid("a noise that cannot be"));
        }
        if !within(self.scale.mean()) || !within(self.scale.deviation()) {
            return Err(from.invalid("moments of targets that cannot be"));
        }
        self.range = None;
        if from.boolean()? {
            let (lowest, highest) = (from.finite()?, from.finite()?);
            if lowest > highest || !within(lowest) || !within(highest) {
                return Err(from.invalid("targets that cannot be"));
            }
            self.range = Some((lowest, highest));
        }
        self.machine.load(from)
    }
}

/// A classifier of two classes that is a factorisation machine of the log-odds.
#[derive(Clone, Debug)]
pub struct FactorizationClassifier {
    name: &'static str,
    machine: Machine,
}

impl FactorizationClassifier {
    pub(super) fn new(
        name: &'static str,
        schema: &Schema,
        values: &Values,
        aware: bool,
        seed: u64,
    ) -> Result<Self, ParamError> {
        // In log-odds.
        let prior = Prior { intercept: 1.0, weights: 4.0, interactions: 1.0 };
        let machine = Machine::new(name, schema, values, prior, aware, seed)?;
        Ok(FactorizationClassifier { name, machine })
    }
}

impl Classifier for FactorizationClassifier {
    fn predict(&self, row: Row<'_>, scores: &mut [f64]) {
        two_classes(probability(self.machine.value(row)), scores);
    }

    fn learn(&mut self, row: Row<'_>, class: usize, weight: f64) {
        if class > 1 || weight.is_nan() || weight <= 0.0 {
            return;
        }
        let weight = weight.min(WEIGHT_MAX);
        self.machine.learn(row, weight, |value| {
            let one = probability(value);
            Step { slope: (class as f64 - one) * weight, curvature: one * (1.0 - one) * weight }
        });
    }
}

impl Model for FactorizationClassifier {
    fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.machine.memory_bytes()
    }

    fn dump(&self, schema: &Schema, out: &mut String) {
        out.push_str("log-odds of class 1: ");
        self.machine.dump(schema, out);
    }

    fn as_explain(&self) -> Option<&dyn Explain> {
        Some(self)
    }
}

/// Explains log-odds: of class 1, and with the opposite sign of class 0.
impl Explain for FactorizationClassifier {
    fn explain(&self, row: Row<'_>, class: usize, out: &mut Contributions) {
        self.machine.explain(row, out);
        if class == 0 {
            out.negate();
        }
    }
}

impl Snapshot for FactorizationClassifier {
    fn save(&self, out: &mut Writer) {
        out.version(1);
        self.machine.save(out);
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        from.part(self.name);
        from.version(1)?;
        self.machine.load(from)
    }
}
