//! SquareCB: an action the less likely, the further it lies below the best.
#![doc = include_str!("square_cb.md")]

use super::linear::{ACTIONS_MAX, Estimate, L2, LinearBandit, Policy};
use crate::features::Schema;
use crate::model::{AnyModel, Task};
use crate::params::{Param, ParamError, ParamKind, Values};
use crate::registry::{ClassesMax, ModelEntry};

const GAMMA: Param = Param {
    name: "gamma",
    kind: ParamKind::Number { min: 0.0, max: 1e6, default: 10.0 },
    doc: "How fast exploring fades, for rewards from 0 to 1.",
    default_from: "Vowpal Wabbit's default (its exponent of 0.5, too).",
};

/// The registry's entry.
///
/// ```
/// use streamfold_learn::bandit::{draw, square_cb::ENTRY};
/// use streamfold_learn::features::{Row, Schema};
/// use streamfold_learn::model::AnyModel;
///
/// let schema = Schema { numeric: vec!["evening".into()], ..Schema::default() };
/// let AnyModel::Bandit(mut bandit) = (ENTRY.build)(&schema, &ENTRY.values(&[])?, 7)? else {
///     return Err("no bandit".into());
/// };
/// let mut propensities = [0.0; 2];
/// let mut earned = 0.0;
/// for event in 0..2000 {
///     // In the evening the second action is right, else the first.
///     let evening = f64::from(u8::from(event % 3 == 0));
///     let context = Row { numeric: &[evening], ..Row::default() };
///     bandit.decide(context, &mut propensities);
///     let action = draw(&propensities, 7, event);
///     let reward = f64::from(u8::from(action as f64 == evening));
///     bandit.learn(context, action, propensities[action], reward, 1.0);
///     earned += reward;
/// }
/// assert!(earned > 1900.0, "{earned} of 2000");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub const ENTRY: ModelEntry = ModelEntry {
    name: "square_cb",
    task: Task::Bandit,
    summary: "Takes an action the less likely, the further its expected reward lies below the greatest.",
    doc: include_str!("square_cb.md"),
    meaning_version: 1,
    params: &[GAMMA, L2, ACTIONS_MAX],
    classes_max: ClassesMax::Param(&ACTIONS_MAX),
    reads_categories: false,
    build: |schema, values, _seed| Ok(AnyModel::Bandit(Box::new(build(schema, values)?))),
};

/// The policy.
#[derive(Clone, Debug)]
pub(super) struct SquareCb {
    gamma: f64,
}

pub(super) fn build(schema: &Schema, values: &Values) -> Result<LinearBandit<SquareCb>, ParamError> {
    let policy = SquareCb { gamma: values.number(&GAMMA) };
    LinearBandit::new(schema, values, policy)
}

impl Policy for SquareCb {
    const NAME: &'static str = ENTRY.name;

    fn decide(&self, estimates: &[Estimate], learnt: u64, propensities: &mut [f64]) {
        let gamma = self.gamma * (learnt as f64).sqrt();
        let most = estimates.iter().map(|estimate| estimate.mean).fold(f64::NEG_INFINITY, f64::max);
        let best = estimates.iter().position(|estimate| estimate.mean == most);
        let mut left = 1.0;
        for (action, (propensity, estimate)) in propensities.iter_mut().zip(estimates).enumerate() {
            if Some(action) != best {
                *propensity = 1.0 / (estimates.len() as f64 + gamma * (most - estimate.mean));
                left -= *propensity;
            }
        }
        if let Some(propensity) = best.and_then(|best| propensities.get_mut(best)) {
            *propensity = left.max(0.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn propensities_are_inverse_gaps() {
        let estimate = |mean| Estimate { mean, variance: 1.0 };
        let estimates = [estimate(0.5), estimate(1.0), estimate(0.0)];
        let policy = SquareCb { gamma: 2.0 };
        let mut propensities = [f64::NAN; 3];
        // Nothing is learnt: all alike.
        policy.decide(&estimates, 0, &mut propensities);
        assert!(propensities.iter().all(|one| (one - 1.0 / 3.0).abs() < 1e-15), "{propensities:?}");
        // 9 events: gamma 6, so 1 / (3 + 6 · 0.5), the rest, and 1 / (3 + 6 · 1).
        policy.decide(&estimates, 9, &mut propensities);
        let wanted = [1.0 / 6.0, 1.0 - 1.0 / 6.0 - 1.0 / 9.0, 1.0 / 9.0];
        assert!(propensities.iter().zip(wanted).all(|(one, wanted)| (one - wanted).abs() < 1e-15));
    }
}
