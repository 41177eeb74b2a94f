//! What linear bandits have in common: a ridge regression of the reward for each action, and what it is unsure of.

use crate::features::{Row, Schema};
use crate::lanes::{LANES, Lanes};
use crate::model::{Bandit, Model};
use crate::params::{Param, ParamError, ParamKind, Values};
use crate::snapshot::{Reader, Snapshot, SnapshotError, Writer};
use std::cell::RefCell;
use std::fmt::Write;

pub(super) const L2: Param = Param {
    name: "l2",
    kind: ParamKind::Number { min: 0.1, max: 1e6, default: 1.0 },
    doc: "Strength of the pull of the weights towards zero: so many events of nothing stand before the first.",
    default_from: "The identity matrix at the start, as in the LinUCB paper.",
};

pub(super) const ACTIONS_MAX: Param = Param {
    name: "actions_max",
    kind: ParamKind::Integer { min: 2, max: 10_000, default: 100 },
    doc: "Most actions; nothing is learnt of further ones. Each that was ever taken costs the square of the features in memory.",
    default_from: "A bound for the memory: with 20 features 350 KB.",
};

/// More features (numeric and sparse) than this are refused: each action keeps a matrix of their number squared.
pub(super) const FEATURES_MAX: usize = 1000;
/// Larger values count as missing, so that no product overflows.
const LIMIT: f64 = 1e50;
/// Rewards and weights of features are kept within this.
const REACH: f64 = 1e100;
/// No event counts for more than so many.
const WEIGHT_MAX: f64 = 1e9;

/// What is known of an action in a context.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Estimate {
    /// The reward to be expected.
    pub(super) mean: f64,
    /// x' A⁻¹ x: how little is known of it, 0 where everything is.
    pub(super) variance: f64,
}

/// How estimates become propensities.
pub(super) trait Policy: Clone + Send {
    /// Name in the registry.
    const NAME: &'static str;
    /// Writes the propensities, one for each estimate. `learnt`: events learnt so far.
    fn decide(&self, estimates: &[Estimate], learnt: u64, propensities: &mut [f64]);
}

/// A ridge regression, nothing allocated before its first event.
#[derive(Clone, Debug, Default)]
struct Arm {
    events: u64,
    /// The weights of the features, the intercept's last.
    weights: Vec<f64>,
    /// A⁻¹, row by row.
    inverse: Vec<f64>,
}

#[derive(Clone, Debug, Default)]
struct Scratch {
    /// The features, missing ones 0, and 1 for the intercept.
    point: Vec<f64>,
    /// A⁻¹ x.
    gain: Vec<f64>,
    estimates: Vec<Estimate>,
}

/// A bandit whose rewards are linear in the features, with a policy.
#[derive(Clone, Debug)]
pub(super) struct LinearBandit<P> {
    pub(super) policy: P,
    /// The numeric features by name, so that their order in the schema changes nothing.
    order: Vec<usize>,
    size: usize,
    l2: f64,
    arms_max: usize,
    arms: Vec<Arm>,
    learnt: u64,
    scratch: RefCell<Scratch>,
}

/// The share of `floor` is spread evenly, the rest as it was.
pub(super) fn with_floor(propensities: &mut [f64], floor: f64) {
    let each = floor / propensities.len().max(1) as f64;
    propensities.iter_mut().for_each(|one| *one = each + (1.0 - floor) * *one);
}

/// All to the greatest value, evenly where several are equal.
pub(super) fn greedy(values: impl Iterator<Item = f64> + Clone, propensities: &mut [f64]) {
    let most = values.clone().fold(f64::NEG_INFINITY, f64::max);
    let equals = values.clone().filter(|value| *value == most).count();
    for (propensity, value) in propensities.iter_mut().zip(values) {
        *propensity = if value == most { 1.0 / equals as f64 } else { 0.0 };
    }
}

fn dot(one: &[f64], other: &[f64]) -> f64 {
    let mut sum = Lanes::default();
    let (ones, others) = (one.chunks_exact(LANES), other.chunks_exact(LANES));
    let rest = ones.remainder().iter().zip(others.remainder()).map(|(one, other)| one * other).sum::<f64>();
    for (one, other) in ones.zip(others) {
        sum += Lanes::of(one) * Lanes::of(other);
    }
    sum.sum() + rest
}

impl Arm {
    fn begin(&mut self, size: usize, l2: f64) {
        self.weights = vec![0.0; size];
        self.inverse = vec![0.0; size * size];
        self.inverse.iter_mut().step_by(size + 1).for_each(|diagonal| *diagonal = 1.0 / l2);
    }

    /// Writes A⁻¹ x and gives x' A⁻¹ x.
    fn gain(&self, point: &[f64], gain: &mut Vec<f64>) -> f64 {
        gain.clear();
        gain.extend(self.inverse.chunks_exact(point.len()).map(|row| dot(row, point)));
        // Rounding may leave a little less than nothing.
        dot(gain, point).max(0.0)
    }
}

impl<P: Policy> LinearBandit<P> {
    pub(super) fn new(schema: &Schema, values: &Values, policy: P) -> Result<Self, ParamError> {
        let features = schema.numeric.len() + schema.sparse_size as usize;
        if features > FEATURES_MAX {
            return Err(ParamError::Features {
                owner: format!("model `{}`", P::NAME),
                reason: format!(
                    "{features} of them (numeric and sparse) are more than {FEATURES_MAX}; take fewer"
                ),
            });
        }
        let mut order: Vec<usize> = (0..schema.numeric.len()).collect();
        order.sort_by_key(|&feature| &schema.numeric[feature]);
        Ok(LinearBandit {
            policy,
            order,
            size: features + 1,
            l2: values.number(&L2),
            arms_max: values.integer(&ACTIONS_MAX) as usize,
            arms: Vec::new(),
            learnt: 0,
            scratch: RefCell::default(),
        })
    }

    fn fill(&self, row: Row<'_>, point: &mut Vec<f64>) {
        let present = |value: f64| if value.abs() <= LIMIT { value } else { 0.0 };
        point.clear();
        let value = |&place: &usize| row.numeric.get(place).copied().unwrap_or(f64::NAN);
        point.extend(self.order.iter().map(value).map(present));
        point.resize(self.size, 0.0);
        for &(index, value) in row.sparse {
            if let Some(place) = point[..self.size - 1].get_mut(self.order.len() + index as usize) {
                *place = present(value);
            }
        }
        point[self.size - 1] = 1.0;
    }

    fn name(&self, schema: &Schema, feature: usize) -> String {
        crate::dump::feature_name(schema, self.order.get(feature).copied().unwrap_or(feature))
    }

    /// What is known of each of so many actions; left in the scratch memory.
    fn estimate(&self, row: Row<'_>, actions: usize, scratch: &mut Scratch) {
        self.fill(row, &mut scratch.point);
        scratch.estimates.clear();
        for action in 0..actions {
            let estimate = match self.arms.get(action) {
                Some(arm) if arm.events > 0 => Estimate {
                    mean: dot(&arm.weights, &scratch.point),
                    variance: arm.gain(&scratch.point, &mut scratch.gain),
                },
                _ => Estimate { mean: 0.0, variance: dot(&scratch.point, &scratch.point) / self.l2 },
            };
            scratch.estimates.push(estimate);
        }
    }
}

impl<P: Policy> Bandit for LinearBandit<P> {
    fn decide(&self, context: Row<'_>, propensities: &mut [f64]) {
        let mut scratch = self.scratch.borrow_mut();
        self.estimate(context, propensities.len(), &mut scratch);
        self.policy.decide(&scratch.estimates, self.learnt, propensities);
    }

    fn learn(&mut self, context: Row<'_>, action: usize, propensity: f64, reward: f64, weight: f64) {
        let taken = propensity > 0.0 && propensity <= 1.0;
        if !taken || !reward.is_finite() || weight.is_nan() || weight <= 0.0 || action >= self.arms_max {
            return;
        }
        let (reward, weight) = (reward.clamp(-REACH, REACH), weight.min(WEIGHT_MAX));
        let mut scratch = std::mem::take(self.scratch.get_mut());
        self.fill(context, &mut scratch.point);
        if self.arms.len() <= action {
            self.arms.resize_with(action + 1, Arm::default);
        }
        let arm = &mut self.arms[action];
        if arm.events == 0 {
            arm.begin(self.size, self.l2);
        }
        let variance = arm.gain(&scratch.point, &mut scratch.gain);
        let share = weight / (1.0 + weight * variance);
        let error = reward - dot(&arm.weights, &scratch.point);
        for (slot, gain) in arm.weights.iter_mut().zip(&scratch.gain) {
            *slot = (*slot + gain * share * error).clamp(-REACH, REACH);
        }
        // Sherman and Morrison; the same product on both sides of the diagonal keeps the matrix symmetric.
        for (row, &own) in arm.inverse.chunks_exact_mut(self.size).zip(&scratch.gain) {
            for (slot, gain) in row.iter_mut().zip(&scratch.gain) {
                *slot -= share * (own * gain);
            }
        }
        arm.events = arm.events.saturating_add(1);
        self.learnt = self.learnt.saturating_add(1);
        *self.scratch.get_mut() = scratch;
    }
}

impl<P: Policy> Model for LinearBandit<P> {
    fn memory_bytes(&self) -> usize {
        let numbers = |arm: &Arm| arm.weights.capacity() + arm.inverse.capacity();
        size_of::<Self>()
            + self.arms.capacity() * size_of::<Arm>()
            + 8 * self.arms.iter().map(numbers).sum::<usize>()
            + 16 * self.size
    }

    fn dump(&self, schema: &Schema, out: &mut String) {
        for (action, arm) in self.arms.iter().enumerate().take(crate::dump::lines(self.arms.len())) {
            // Writing to a string cannot fail.
            let _ = writeln!(out, "action {action}: {} events", arm.events);
            let named = arm.weights.iter().enumerate().map(|(feature, &weight)| {
                let intercept = feature + 1 == self.size;
                let name = if intercept { "intercept".to_owned() } else { self.name(schema, feature) };
                (name, weight)
            });
            crate::dump::weights(named.collect(), out);
        }
        crate::dump::rest(self.arms.len(), out);
    }
}

/// Version of the layout.
const LAYOUT: u64 = 1;

impl<P: Policy> Snapshot for LinearBandit<P> {
    fn save(&self, out: &mut Writer) {
        out.version(LAYOUT);
        out.unsigned(self.learnt);
        out.unsigned(self.arms.len() as u64);
        for arm in &self.arms {
            out.unsigned(arm.events);
            if arm.events > 0 {
                out.floats(&arm.weights);
                // Symmetric: one side of the diagonal is enough.
                for (at, row) in arm.inverse.chunks_exact(self.size).enumerate() {
                    row[..=at].iter().for_each(|&value| out.float(value));
                }
            }
        }
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        from.part(P::NAME);
        from.version(LAYOUT)?;
        self.learnt = from.unsigned()?;
        self.arms.clear();
        let length = from.length(1)?;
        if length > self.arms_max {
            return Err(from.invalid(format!("{length} actions, more than {}", self.arms_max)));
        }
        for _ in 0..length {
            let mut arm = Arm { events: from.unsigned()?, ..Arm::default() };
            if arm.events > 0 {
                arm.begin(self.size, self.l2);
                from.floats_into(&mut arm.weights)?;
                if arm.weights.iter().any(|weight| weight.is_nan() || weight.abs() > REACH) {
                    return Err(from.invalid("a weight that cannot be"));
                }
                for at in 0..self.size {
                    for column in 0..=at {
                        let value = from.finite()?;
                        // No entry of A⁻¹ is larger than at the start.
                        if value.abs() > 2.0 / self.l2 {
                            return Err(from.invalid("a matrix that cannot be"));
                        }
                        arm.inverse[at * self.size + column] = value;
                        arm.inverse[column * self.size + at] = value;
                    }
                }
            }
            self.arms.push(arm);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bandit::lin_ucb;
    use serde_json::Value;

    #[test]
    fn estimates_are_those_of_numpy() {
        let golden = include_str!("../../../../testdata/learn/bandit.json");
        let golden: Value = serde_json::from_str(golden).unwrap();
        let floats = |value: &Value| -> Vec<f64> {
            value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
        };
        let names = (0..3).map(|number| format!("x{number}").into()).collect();
        let schema = Schema { numeric: names, ..Schema::default() };
        let mut model = lin_ucb::build(&schema, &lin_ucb::ENTRY.values(&[]).unwrap()).unwrap();
        for event in golden["events"].as_array().unwrap() {
            let numeric = floats(&event["context"]);
            let row = Row { numeric: &numeric, ..Row::default() };
            let mut scratch = Scratch::default();
            model.estimate(row, 3, &mut scratch);
            let expected = floats(&event["means"]).into_iter().zip(floats(&event["variances"]));
            for (found, (mean, variance)) in scratch.estimates.iter().zip(expected) {
                assert!((found.mean - mean).abs() < 1e-9 && (found.variance - variance).abs() < 1e-9);
            }
            let action = event["action"].as_u64().unwrap() as usize;
            model.learn(row, action, 0.5, event["reward"].as_f64().unwrap(), 1.0);
        }
    }
}
