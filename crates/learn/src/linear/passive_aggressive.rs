//! What the passive-aggressive models share: how far an event moves the weights.

use crate::params::{Param, ParamKind, Values};

pub(super) const MODE: Param = Param {
    name: "mode",
    kind: ParamKind::Choice { of: &["pa", "pa_1", "pa_2"], default: "pa_1" },
    doc: "How an event that cannot be met is treated: `pa` always meets it, `pa_1` bounds the step by `aggressiveness`, \
          `pa_2` makes steps smaller the larger they are.",
    default_from: "The bounded one: one absurd event does little harm. As in River.",
};

pub(super) const AGGRESSIVENESS: Param = Param {
    name: "aggressiveness",
    kind: ParamKind::Number { min: 1e-6, max: 1e6, default: 1.0 },
    doc: "How far one event may move the weights (C in the paper); in regression in deviations of the target.",
    default_from: "As in River and scikit-learn.",
};

/// See [`MODE`] and [`AGGRESSIVENESS`].
#[derive(Clone, Copy, Debug)]
pub(super) enum Mode {
    Plain,
    One(f64),
    Two(f64),
}

impl Mode {
    pub(super) fn of(values: &Values) -> Self {
        let aggressiveness = values.number(&AGGRESSIVENESS);
        match values.choice(&MODE).as_str() {
            "pa" => Mode::Plain,
            "pa_2" => Mode::Two(aggressiveness),
            _ => Mode::One(aggressiveness),
        }
    }

    /// The factor of the row that makes a loss vanish, or as near to it as the mode allows. `unit` is the deviation of the
    /// target. `square` is the squared length of the row, at least 1.
    pub(super) fn step(self, loss: f64, square: f64, unit: f64) -> f64 {
        match self {
            Mode::Plain => loss / square,
            Mode::One(bound) => (loss / square).min(bound * unit),
            Mode::Two(bound) => loss / (square + 0.5 / bound),
        }
    }
}
