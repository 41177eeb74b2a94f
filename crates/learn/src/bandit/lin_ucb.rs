//! LinUCB: the action whose reward could be greatest.
#![doc = include_str!("lin_ucb.md")]

use super::linear::{ACTIONS_MAX, Estimate, L2, LinearBandit, Policy, greedy, with_floor};
use crate::features::Schema;
use crate::model::{AnyModel, Task};
use crate::params::{Param, ParamError, ParamKind, Values};
use crate::registry::{ClassesMax, ModelEntry};

const ALPHA: Param = Param {
    name: "alpha",
    kind: ParamKind::Number { min: 0.0, max: 1e3, default: 1.0 },
    doc: "How many deviations above the expected reward count as possible. More explores longer.",
    default_from: "River's default.",
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
/// use streamfold_learn::bandit::{draw, lin_ucb::ENTRY};
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
    name: "lin_ucb",
    task: Task::Bandit,
    summary: "Takes the action whose reward could be greatest by what is known.",
    doc: include_str!("lin_ucb.md"),
    meaning_version: 1,
    params: &[ALPHA, FLOOR, L2, ACTIONS_MAX],
    classes_max: ClassesMax::Param(&ACTIONS_MAX),
    reads_categories: false,
    build: |schema, values, _seed| Ok(AnyModel::Bandit(Box::new(build(schema, values)?))),
};

/// The policy.
#[derive(Clone, Debug)]
pub(super) struct LinUcb {
    alpha: f64,
    floor: f64,
}

pub(super) fn build(schema: &Schema, values: &Values) -> Result<LinearBandit<LinUcb>, ParamError> {
    let policy = LinUcb { alpha: values.number(&ALPHA), floor: values.number(&FLOOR) };
    LinearBandit::new(schema, values, policy)
}

impl Policy for LinUcb {
    const NAME: &'static str = ENTRY.name;

    fn decide(&self, estimates: &[Estimate], _learnt: u64, propensities: &mut [f64]) {
        greedy(estimates.iter().map(|one| one.mean + self.alpha * one.variance.sqrt()), propensities);
        with_floor(propensities, self.floor);
    }
}
