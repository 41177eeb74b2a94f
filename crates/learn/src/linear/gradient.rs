//! The models that an optimiser of [`descent`](super::descent) makes: a regressor and a classifier of two classes.

use super::adaptive::WEIGHT_MAX;
use super::descent::{Descent, Optimizer};
use super::loss::{CLASS_1_WEIGHT, ClassLoss, HUBER_REACH, LOSS, Loss, QUANTILE, probability};
use super::moments::LIMIT;
use crate::features::{Row, Schema};
use crate::model::{Classifier, Contributions, Explain, Model, Regressor};
use crate::params::{Param, ParamKind, Values};
use crate::snapshot::{Reader, Snapshot, SnapshotError, Writer};

pub(super) const OPTIMIZER: Param = Param {
    name: "optimizer",
    kind: ParamKind::Choice { of: &["sgd", "adagrad", "adam"], default: "adagrad" },
    doc: "`sgd`: steps of one size; `adagrad`: steps that shrink with the gradients seen, for each weight; `adam`: steps \
          by fading moments of the gradients, for streams that move.",
    default_from: "The one of the three that forgives a wrong learning rate most.",
};

pub(super) const RATE: Param = Param {
    name: "learning_rate",
    kind: ParamKind::Number { min: 1e-9, max: 10.0, default: 0.1 },
    doc: "Size of the steps, for features and targets of about unit size.",
    default_from: "Good for `adagrad`; for `sgd` and `adam` 0.01 is usual (River, Kingma and Ba).",
};

pub(super) const L2: Param = Param {
    name: "l2",
    kind: ParamKind::Number { min: 0.0, max: 1e3, default: 0.0 },
    doc: "Strength of the pull of the weights of present features towards zero. The intercept is never pulled.",
    default_from: "Off: a stream has no end of events, so there is rarely anything to hold back.",
};

pub(super) const ALPHA: Param = Param {
    name: "alpha",
    kind: ParamKind::Number { min: 1e-6, max: 100.0, default: 0.1 },
    doc: "Size of the steps.",
    default_from: "McMahan and others (2013): best near twice the best rate of plain gradient descent; 0.05 in River.",
};

pub(super) const BETA: Param = Param {
    name: "beta",
    kind: ParamKind::Number { min: 1e-6, max: 1e6, default: 1.0 },
    doc: "Holds the first steps of a weight back.",
    default_from: "McMahan and others (2013).",
};

pub(super) const FTRL_L1: Param = Param {
    name: "l1",
    kind: ParamKind::Number { min: 0.0, max: 1e6, default: 0.0 },
    doc: "Weights whose gradients sum to less than this are exactly 0, so that the model is sparse.",
    default_from: "Off, as in River; 1 makes models of click streams several times smaller.",
};

pub(super) const FTRL_L2: Param = Param {
    name: "l2",
    kind: ParamKind::Number { min: 0.0, max: 1e6, default: 0.0 },
    doc: "Strength of the pull of the weights towards zero. The intercept is never pulled.",
    default_from: "Off, as in River.",
};

/// The parameters of the regressors' losses: without the logarithm of `poisson`, whose steps explode on raw features, and
/// with the reach in the targets' own units.
pub(super) const REGRESSION_LOSS: [Param; 3] = [
    Param {
        kind: ParamKind::Choice { of: &["squared", "absolute", "huber", "quantile"], default: "squared" },
        doc: "What is made small: squared errors (the mean is learnt), absolute ones (the median), `huber` (squared up to \
              `huber_reach`, then absolute), `quantile` (the number that a share `quantile` of the targets lies below).",
        ..LOSS
    },
    QUANTILE,
    Param {
        doc: "With the loss `huber`: errors beyond this (in the units of the target) count by their size.",
        ..HUBER_REACH
    },
];

/// The optimiser that `optimizer`, `learning_rate` and `l2` name.
pub(super) fn plain(values: &Values) -> Optimizer {
    let (rate, l2) = (values.number(&RATE), values.number(&L2));
    match values.choice(&OPTIMIZER).as_str() {
        "sgd" => Optimizer::Sgd { rate, l2 },
        "adam" => Optimizer::Adam { rate, l2 },
        _ => Optimizer::AdaGrad { rate, l2 },
    }
}

/// FTRL-proximal with `alpha`, `beta`, `l1` and `l2`.
pub(super) fn ftrl(values: &Values) -> Optimizer {
    Optimizer::Ftrl {
        alpha: values.number(&ALPHA),
        beta: values.number(&BETA),
        l1: values.number(&FTRL_L1),
        l2: values.number(&FTRL_L2),
    }
}

/// A linear regressor.
#[derive(Clone, Debug)]
pub struct GradientRegressor {
    name: &'static str,
    function: Descent,
    loss: Loss,
}

impl GradientRegressor {
    pub(super) fn new(name: &'static str, schema: &Schema, values: &Values, optimizer: Optimizer) -> Self {
        GradientRegressor { name, function: Descent::new(schema, optimizer), loss: Loss::of(values) }
    }
}

impl Model for GradientRegressor {
    fn memory_bytes(&self) -> usize {
        self.function.memory_bytes()
    }

    fn dump(&self, schema: &Schema, out: &mut String) {
        out.push_str(if self.loss == Loss::Poisson {
            "logarithm of the mean:\n"
        } else {
            "linear function:\n"
        });
        self.function.dump(schema, out);
    }

    fn as_explain(&self) -> Option<&dyn Explain> {
        Some(self)
    }
}

impl Explain for GradientRegressor {
    fn explain(&self, row: Row<'_>, _class: usize, out: &mut Contributions) {
        self.function.explain(row, out);
    }
}

impl Regressor for GradientRegressor {
    fn predict(&self, row: Row<'_>) -> f64 {
        self.function.value(row)
    }

    fn learn(&mut self, row: Row<'_>, target: f64, weight: f64) {
        // `is_nan` too: a weight that is not a number is not positive.
        if target.is_finite() && weight > 0.0 {
            let target = target.clamp(-LIMIT, LIMIT);
            let slope = self.loss.gradient(self.function.value(row), target, 1.0).slope;
            self.function.step(row, slope, weight.min(WEIGHT_MAX));
        }
    }
}

impl Snapshot for GradientRegressor {
    fn save(&self, out: &mut Writer) {
        out.version(1);
        self.function.save(out);
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        from.part(self.name);
        from.version(1)?;
        self.function.load(from)
    }
}

/// A linear classifier of two classes.
#[derive(Clone, Debug)]
pub struct GradientClassifier {
    name: &'static str,
    function: Descent,
    loss: ClassLoss,
    class_1_weight: f64,
}

impl GradientClassifier {
    pub(super) fn new(name: &'static str, schema: &Schema, values: &Values, optimizer: Optimizer) -> Self {
        GradientClassifier {
            name,
            function: Descent::new(schema, optimizer),
            loss: ClassLoss::of(values),
            class_1_weight: values.number(&CLASS_1_WEIGHT),
        }
    }
}

impl Model for GradientClassifier {
    fn memory_bytes(&self) -> usize {
        self.function.memory_bytes()
    }

    fn dump(&self, schema: &Schema, out: &mut String) {
        out.push_str("log-odds of class 1:\n");
        self.function.dump(schema, out);
    }

    fn as_explain(&self) -> Option<&dyn Explain> {
        Some(self)
    }
}

/// Explains log-odds: of class 1, and with the opposite sign of class 0.
impl Explain for GradientClassifier {
    fn explain(&self, row: Row<'_>, class: usize, out: &mut Contributions) {
        self.function.explain(row, out);
        if class == 0 {
            out.negate();
        }
    }
}

/// Writes the probabilities of two classes.
pub(crate) fn two_classes(one: f64, scores: &mut [f64]) {
    scores.fill(0.0);
    match scores {
        [] => {}
        [only] => *only = 1.0,
        [first, second, ..] => (*first, *second) = (1.0 - one, one),
    }
}

impl Classifier for GradientClassifier {
    fn predict(&self, row: Row<'_>, scores: &mut [f64]) {
        two_classes(probability(self.function.value(row)), scores);
    }

    fn learn(&mut self, row: Row<'_>, class: usize, weight: f64) {
        if class <= 1 && weight > 0.0 {
            let weight = weight * if class == 1 { self.class_1_weight } else { 1.0 };
            let slope = self.loss.gradient(self.function.value(row), class as f64).slope;
            self.function.step(row, slope, weight.min(WEIGHT_MAX));
        }
    }
}

impl Snapshot for GradientClassifier {
    fn save(&self, out: &mut Writer) {
        out.version(1);
        self.function.save(out);
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        from.part(self.name);
        from.version(1)?;
        self.function.load(from)
    }
}
