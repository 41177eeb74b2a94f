//! Linear models.

mod adaptive;
pub mod alma;
pub mod bayesian_linear_regression;
mod descent;
pub mod ftrl_proximal_classification;
pub mod ftrl_proximal_regression;
mod gradient;
pub mod linear_regression;
pub mod logistic_regression;
mod loss;
mod margin;
pub(crate) mod moments;
mod passive_aggressive;
pub mod passive_aggressive_classification;
pub mod passive_aggressive_regression;
pub mod recursive_least_squares;
pub mod sgd_classification;
pub mod sgd_regression;
pub mod softmax_regression;
mod student;

pub(crate) use gradient::two_classes;
pub(crate) use loss::probability;

use crate::params::{Param, ParamKind, Values};

const LEARNING_RATE: Param = Param {
    name: "learning_rate",
    kind: ParamKind::Number { min: 1e-6, max: 10.0, default: 1.0 },
    doc: "Size of the steps. The steps adapt to features, target and gradients by themselves; 2 follows change \
          faster, 0.5 is steadier.",
    default_from: "Best or near best on 15 streams (electricity, phishing, hyperplane, SEA, Agrawal, bananas, Friedman, \
                   bike sharing, flights, chick weights, approval polls, synthetic) among 0.25, 0.5, 1, 2, 4.",
};

const L2: Param = Param {
    name: "l2",
    kind: ParamKind::Number { min: 0.0, max: 1e6, default: 0.0 },
    doc: "Strength of the pull of the weights towards zero, in units of one event's loss for a feature in deviations. \
          The intercept is never pulled.",
    default_from: "Off: a stream has no end of events, so there is rarely anything to hold back.",
};

const HALF_LIFE: Param = Param {
    name: "half_life_events",
    kind: ParamKind::Number { min: 10.0, max: 1e9, default: 1000.0 },
    doc: "Events after which an old gradient counts half, and over which weights are averaged. Larger is steadier, \
          smaller follows change faster.",
    default_from: "Best or near best on the same streams among 300, 1000, 2000, 3000, 10000.",
};

fn settings(values: &Values) -> adaptive::Settings {
    adaptive::Settings {
        learning_rate: values.number(&LEARNING_RATE),
        l2: values.number(&L2),
        half_life_events: values.number(&HALF_LIFE),
    }
}
