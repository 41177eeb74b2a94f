//! Linear Thompson sampling: each action as often as it may be the best.
#![doc = include_str!("linear_thompson_sampling.md")]

use super::linear::{ACTIONS_MAX, Estimate, L2, LinearBandit, Policy, with_floor};
use crate::features::Schema;
use crate::model::{AnyModel, Task};
use crate::params::{Param, ParamError, ParamKind, Values};
use crate::random::Random;
use crate::registry::{ClassesMax, ModelEntry};

const DEVIATION: Param = Param {
    name: "deviation",
    kind: ParamKind::Number { min: 0.0, max: 1e3, default: 0.5 },
    doc: "Deviation of the rewards around their expectation. More explores longer.",
    default_from: "The largest that rewards from 0 to 1 can have.",
};

const DRAWS: Param = Param {
    name: "draws",
    kind: ParamKind::Integer { min: 1, max: 10_000, default: 50 },
    doc: "How often is drawn for a decision; propensities are multiples of its inverse.",
    default_from: "Propensities to two per cent; a decision among 10 actions then takes some 20 microseconds.",
};

const FLOOR: Param = Param {
    name: "floor",
    kind: ParamKind::Number { min: 0.0, max: 1.0, default: 0.05 },
    doc: "Share of decisions that is spread evenly over all actions. 0 leaves propensities of 0, and a log that cannot judge other policies.",
    default_from: "The share that Vowpal Wabbit explores with by default.",
};

/// The registry's entry.
///
/// ```
/// use streamfold_learn::bandit::{draw, linear_thompson_sampling::ENTRY};
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
/// assert!(earned > 1800.0, "{earned} of 2000");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub const ENTRY: ModelEntry = ModelEntry {
    name: "linear_thompson_sampling",
    task: Task::Bandit,
    summary: "Takes each action as often as it may be the best by what is known.",
    doc: include_str!("linear_thompson_sampling.md"),
    meaning_version: 1,
    params: &[DEVIATION, DRAWS, FLOOR, L2, ACTIONS_MAX],
    classes_max: ClassesMax::Param(&ACTIONS_MAX),
    reads_categories: false,
    build: |schema, values, seed| Ok(AnyModel::Bandit(Box::new(build(schema, values, seed)?))),
};

/// The policy.
#[derive(Clone, Debug)]
pub(super) struct LinearThompsonSampling {
    deviation: f64,
    draws: u64,
    floor: f64,
    seed: u64,
}

pub(super) fn build(
    schema: &Schema,
    values: &Values,
    seed: u64,
) -> Result<LinearBandit<LinearThompsonSampling>, ParamError> {
    let policy = LinearThompsonSampling {
        deviation: values.number(&DEVIATION),
        draws: values.integer(&DRAWS) as u64,
        floor: values.number(&FLOOR),
        seed,
    };
    LinearBandit::new(schema, values, policy)
}

impl Policy for LinearThompsonSampling {
    const NAME: &'static str = ENTRY.name;

    fn decide(&self, estimates: &[Estimate], learnt: u64, propensities: &mut [f64]) {
        propensities.fill(0.0);
        let mut random = Random::of_part(self.seed, learnt);
        for _ in 0..self.draws {
            let (mut best, mut most) = (0, f64::NEG_INFINITY);
            for (action, estimate) in estimates.iter().enumerate() {
                let drawn = estimate.mean + self.deviation * estimate.variance.sqrt() * random.normal();
                if drawn > most {
                    (best, most) = (action, drawn);
                }
            }
            if let Some(propensity) = propensities.get_mut(best) {
                *propensity += 1.0;
            }
        }
        propensities.iter_mut().for_each(|count| *count /= self.draws as f64);
        with_floor(propensities, self.floor);
    }
}
