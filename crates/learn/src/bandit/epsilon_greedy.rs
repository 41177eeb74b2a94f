//! Epsilon-greedy: mostly the best action, now and then any.
#![doc = include_str!("epsilon_greedy.md")]

use super::linear::{ACTIONS_MAX, Estimate, L2, LinearBandit, Policy, greedy, with_floor};
use crate::features::Schema;
use crate::model::{AnyModel, Task};
use crate::params::{Param, ParamError, ParamKind, Values};
use crate::registry::{ClassesMax, ModelEntry};

const EPSILON: Param = Param {
    name: "epsilon",
    kind: ParamKind::Number { min: 0.0, max: 1.0, default: 0.05 },
    doc: "Share of decisions that is spread evenly over all actions.",
    default_from: "Vowpal Wabbit's default.",
};

/// The registry's entry.
///
/// ```
/// use streamfold_learn::bandit::{draw, epsilon_greedy::ENTRY};
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
    name: "epsilon_greedy",
    task: Task::Bandit,
    summary: "Takes the action of the greatest expected reward, and now and then any.",
    doc: include_str!("epsilon_greedy.md"),
    meaning_version: 1,
    params: &[EPSILON, L2, ACTIONS_MAX],
    classes_max: ClassesMax::Param(&ACTIONS_MAX),
    reads_categories: false,
    build: |schema, values, _seed| Ok(AnyModel::Bandit(Box::new(build(schema, values)?))),
};

/// The policy.
#[derive(Clone, Debug)]
pub(super) struct EpsilonGreedy {
    epsilon: f64,
}

pub(super) fn build(schema: &Schema, values: &Values) -> Result<LinearBandit<EpsilonGreedy>, ParamError> {
    let policy = EpsilonGreedy { epsilon: values.number(&EPSILON) };
    LinearBandit::new(schema, values, policy)
}

impl Policy for EpsilonGreedy {
    const NAME: &'static str = ENTRY.name;

    fn decide(&self, estimates: &[Estimate], _learnt: u64, propensities: &mut [f64]) {
        greedy(estimates.iter().map(|estimate| estimate.mean), propensities);
        with_floor(propensities, self.epsilon);
    }
}
