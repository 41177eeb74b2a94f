//! What a linear function is to make small: losses of numbers and of classes.

use super::adaptive::CURVATURE_MIN;
use crate::params::{Param, ParamKind, Values};

pub(super) const LOSS: Param = Param {
    name: "loss",
    kind: ParamKind::Choice {
        of: &["squared", "absolute", "huber", "quantile", "poisson"],
        default: "squared",
    },
    doc: "What is made small: squared errors (the mean is learnt), absolute ones (the median), `huber` (squared up to \
          `huber_reach`, then absolute), `quantile` (the number that a share `quantile` of the targets lies below), \
          `poisson` (counts: the logarithm of the mean is linear, and negative targets count as 0).",
    default_from: "The mean is what most ask for.",
};

pub(super) const QUANTILE: Param = Param {
    name: "quantile",
    kind: ParamKind::Number { min: 0.001, max: 0.999, default: 0.5 },
    doc: "With the loss `quantile`: the share of the targets that is to lie below the prediction.",
    default_from: "The median.",
};

pub(super) const HUBER_REACH: Param = Param {
    name: "huber_reach",
    kind: ParamKind::Number { min: 0.01, max: 1000.0, default: 1.345 },
    doc: "With the loss `huber`: errors beyond this many typical ones count by their size, not by its square.",
    default_from: "95 % efficient where errors are normal (P. Huber, Robust Statistics).",
};

pub(super) const CLASS_LOSS: Param = Param {
    name: "loss",
    kind: ParamKind::Choice { of: &["logistic", "hinge", "focal"], default: "logistic" },
    doc: "What is made small: the logarithmic loss, `hinge` (as a support vector machine; probabilities are then no more \
          than an order), or `focal` (events that are predicted well already count little; for rare classes).",
    default_from: "The loss that makes probabilities true.",
};

pub(super) const FOCAL_GAMMA: Param = Param {
    name: "focal_gamma",
    kind: ParamKind::Number { min: 0.0, max: 10.0, default: 2.0 },
    doc: "With the loss `focal`: how much less a well predicted event counts; 0 is the logistic loss.",
    default_from: "T.-Y. Lin and others: Focal Loss for Dense Object Detection (2017).",
};

pub(super) const CLASS_1_WEIGHT: Param = Param {
    name: "class_1_weight",
    kind: ParamKind::Number { min: 1e-6, max: 1e6, default: 1.0 },
    doc: "How many events an event of class 1 counts for; above 1 where class 1 is rare and must not be missed.",
    default_from: "All classes alike.",
};

/// The largest logarithm of a mean; e^200 is some 1e86.
const LOG_MAX: f64 = 200.0;
const CURVATURE_MAX: f64 = 1e100;

/// Derivative of a loss with respect to the function's value, and an upper bound of how it changes on the way to the
/// target: with it an implicit step cannot overshoot.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Gradient {
    pub(super) slope: f64,
    pub(super) curvature: f64,
}

/// A loss of numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Loss {
    Squared,
    Absolute,
    Huber(f64),
    Quantile(f64),
    Poisson,
}

impl Loss {
    pub(super) fn of(values: &Values) -> Self {
        match values.choice(&LOSS).as_str() {
            "absolute" => Loss::Absolute,
            "huber" => Loss::Huber(values.number(&HUBER_REACH)),
            "quantile" => Loss::Quantile(values.number(&QUANTILE)),
            "poisson" => Loss::Poisson,
            _ => Loss::Squared,
        }
    }

    /// The prediction that belongs to a value.
    pub(super) fn prediction(self, value: f64) -> f64 {
        if self == Loss::Poisson { libm::exp(value.min(LOG_MAX)) } else { value }
    }

    /// The value that predicts a target.
    pub(super) fn value(self, target: f64) -> f64 {
        // A count of 0 is not impossible.
        if self == Loss::Poisson { libm::log(target.max(0.5)) } else { target }
    }

    /// `unit` is what an error is measured in where the loss has a bend: the slope beyond it is of this size.
    pub(super) fn gradient(self, value: f64, target: f64, unit: f64) -> Gradient {
        let error = value - target;
        let bent = |slope: f64| match error == 0.0 {
            true => Gradient::default(),
            false => {
                let slope = slope * unit;
                Gradient { slope, curvature: (slope / error).abs().min(CURVATURE_MAX) }
            }
        };
        match self {
            Loss::Squared => Gradient { slope: error, curvature: 1.0 },
            Loss::Absolute => bent(error.signum()),
            Loss::Quantile(share) => bent(if error > 0.0 { 1.0 - share } else { -share }),
            Loss::Huber(reach) if error.abs() > reach * unit => bent(reach * error.signum()),
            Loss::Huber(_) => Gradient { slope: error, curvature: 1.0 },
            Loss::Poisson => {
                let mean = self.prediction(value);
                Gradient { slope: mean - target.max(0.0), curvature: mean }
            }
        }
    }

    /// The loss itself, up to what does not depend on the value.
    pub(super) fn loss(self, value: f64, target: f64, unit: f64) -> f64 {
        let error = value - target;
        match self {
            Loss::Squared => error * error,
            Loss::Absolute => error.abs(),
            Loss::Quantile(share) => error * if error > 0.0 { 1.0 - share } else { -share },
            Loss::Huber(reach) => {
                let reach = reach * unit;
                if error.abs() > reach { reach * (error.abs() - 0.5 * reach) } else { 0.5 * error * error }
            }
            Loss::Poisson => self.prediction(value) - target.max(0.0) * value,
        }
    }
}

/// A loss of two classes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum ClassLoss {
    Logistic,
    Hinge,
    Focal(f64),
}

/// The probability that belongs to log odds.
pub(crate) fn probability(log_odds: f64) -> f64 {
    1.0 / (1.0 + libm::exp(-log_odds))
}

impl ClassLoss {
    pub(super) fn of(values: &Values) -> Self {
        match values.choice(&CLASS_LOSS).as_str() {
            "hinge" => ClassLoss::Hinge,
            "focal" => ClassLoss::Focal(values.number(&FOCAL_GAMMA)),
            _ => ClassLoss::Logistic,
        }
    }

    /// `target` is 1 for class 1 and 0 for class 0.
    pub(super) fn gradient(self, value: f64, target: f64) -> Gradient {
        let one = probability(value);
        let slope = one - target;
        let certainty = (slope + target) * (1.0 - target - slope);
        let sign = 2.0 * target - 1.0;
        match self {
            ClassLoss::Logistic => Gradient { slope, curvature: certainty.max(CURVATURE_MIN) },
            ClassLoss::Hinge if sign * value >= 1.0 => Gradient::default(),
            ClassLoss::Hinge => Gradient { slope: -sign, curvature: 1.0 / (1.0 - sign * value) },
            ClassLoss::Focal(gamma) => {
                let right = if target > 0.5 { one } else { 1.0 - one };
                let logarithm = libm::log(right.max(f64::MIN_POSITIVE));
                let slope = libm::pow(1.0 - right, gamma) * (gamma * right * logarithm + right - 1.0);
                Gradient { slope: sign * slope, curvature: certainty.max(CURVATURE_MIN) * (1.0 + gamma) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOSSES: [Loss; 5] =
        [Loss::Squared, Loss::Absolute, Loss::Huber(1.5), Loss::Quantile(0.9), Loss::Poisson];

    #[test]
    fn slopes_are_derivatives_of_the_losses() {
        for loss in LOSSES {
            for value in [-2.0, -0.3, 0.4, 2.5] {
                let (target, step) = (1.0, 1e-6);
                let change = loss.loss(value + step, target, 1.0) - loss.loss(value - step, target, 1.0);
                // The squared loss is written without its half.
                let factor = if loss == Loss::Squared { 0.5 } else { 1.0 };
                let slope = loss.gradient(value, target, 1.0).slope;
                assert!((factor * change / (2.0 * step) - slope).abs() < 1e-6, "{loss:?} at {value}");
            }
        }
    }

    #[test]
    fn the_focal_slope_is_its_derivative_and_without_gamma_the_logistic_one() {
        let loss = |value: f64, target: f64| {
            let right = if target > 0.5 { probability(value) } else { 1.0 - probability(value) };
            -(1.0 - right).powi(2) * right.ln()
        };
        for (value, target) in [(-1.3, 1.0), (0.2, 0.0), (2.0, 1.0), (2.0, 0.0)] {
            let step = 1e-6;
            let slope = (loss(value + step, target) - loss(value - step, target)) / (2.0 * step);
            assert!((ClassLoss::Focal(2.0).gradient(value, target).slope - slope).abs() < 1e-7);
            let plain = ClassLoss::Logistic.gradient(value, target).slope;
            assert!((ClassLoss::Focal(0.0).gradient(value, target).slope - plain).abs() < 1e-15);
        }
    }
}
