//! Gradient boosting of a number.
#![doc = include_str!("gradient_boosting_regressor.md")]

use super::booster::{Booster, Loss, WEIGHT_MAX};
use super::{
    BINS, DEPTH_MAX, FEATURES_MAX, HALF_LIFE, L2, LEAF_EVENTS_MIN, STEPS, WINDOW_EVENTS, learning_rate,
    settings,
};
use crate::columns::Columns;
use crate::features::{Row, Schema};
use crate::model::{AnyModel, Contributions, Explain, Model, Regressor, Task};
use crate::params::{Param, ParamError, ParamKind, Values};
use crate::registry::{ClassesMax, ModelEntry};
use crate::snapshot::{Reader, Snapshot, SnapshotError, Writer};
use std::cell::RefCell;

const LEARNING_RATE: Param = learning_rate(0.3);

const ADAPTATION_RATE: Param = Param {
    name: "adaptation_rate",
    kind: ParamKind::Number { min: 0.0, max: 1.0, default: 0.2 },
    doc: "Share of its error by which each event moves the prediction at once, through the leaves that it reaches; until \
          their trees are fitted anew.",
    default_from: "Between 0.1 and 0.3, which are as good on Friedman's stream; 1 is unsteady.",
};

/// The registry's entry.
pub const ENTRY: ModelEntry = ModelEntry {
    name: "gradient_boosting_regressor",
    task: Task::Regression,
    summary: "Numbers as a sum of small trees, each fitted to what the others leave over.",
    doc: include_str!("gradient_boosting_regressor.md"),
    meaning_version: 1,
    params: &[
        STEPS,
        LEARNING_RATE,
        ADAPTATION_RATE,
        WINDOW_EVENTS,
        HALF_LIFE,
        DEPTH_MAX,
        LEAF_EVENTS_MIN,
        L2,
        BINS,
    ],
    classes_max: ClassesMax::None,
    reads_categories: true,
    build: |schema, values, seed| {
        Ok(AnyModel::Regressor(Box::new(GradientBoostingRegressor::new(schema, values, seed)?)))
    },
};

/// See the module.
///
/// ```
/// use streamfold_learn::boost::gradient_boosting_regressor::{ENTRY, GradientBoostingRegressor};
/// use streamfold_learn::features::{Row, Schema};
/// use streamfold_learn::model::Regressor;
///
/// let schema = Schema { numeric: vec!["x".into(), "y".into()], ..Schema::default() };
/// let mut model = GradientBoostingRegressor::new(&schema, &ENTRY.values(&[])?, 0)?;
/// for event in 0..2000 {
///     let (x, y) = (f64::from(event * 37 % 100) / 100.0, f64::from(event * 59 % 83) / 83.0);
///     model.learn(Row { numeric: &[x, y], ..Row::default() }, 100.0 * x * y, 1.0);
/// }
/// let near = model.predict(Row { numeric: &[0.5, 0.5], ..Row::default() });
/// assert!((near - 25.0).abs() < 1.0, "{near}");
/// # Ok::<(), streamfold_learn::params::ParamError>(())
/// ```
#[derive(Clone, Debug)]
pub struct GradientBoostingRegressor {
    booster: Booster,
    /// The columns of the row at hand. Not state; borrowed for the length of one call only.
    values: RefCell<Vec<f64>>,
}

impl GradientBoostingRegressor {
    /// A model that has learnt nothing.
    pub fn new(schema: &Schema, values: &Values, seed: u64) -> Result<Self, ParamError> {
        let columns = Columns::new(ENTRY.name, schema, FEATURES_MAX)?;
        let settings =
            settings(Loss::Squared, values.number(&LEARNING_RATE), values.number(&ADAPTATION_RATE), values);
        Ok(GradientBoostingRegressor {
            booster: Booster::new(columns, settings, seed),
            values: RefCell::default(),
        })
    }
}

impl Model for GradientBoostingRegressor {
    fn memory_bytes(&self) -> usize {
        self.booster.memory_bytes()
    }

    fn dump(&self, schema: &Schema, out: &mut String) {
        self.booster.dump(schema, out);
    }

    fn as_explain(&self) -> Option<&dyn Explain> {
        Some(self)
    }
}

impl Explain for GradientBoostingRegressor {
    fn explain(&self, row: Row<'_>, _class: usize, out: &mut Contributions) {
        let mut values = self.values.borrow_mut();
        self.booster.columns.read(row, &mut values);
        self.booster.explain(row, &values, 0, out);
    }
}

impl Regressor for GradientBoostingRegressor {
    fn predict(&self, row: Row<'_>) -> f64 {
        let mut values = self.values.borrow_mut();
        self.booster.columns.read(row, &mut values);
        let mut out = [0.0];
        self.booster.scores(&values, &mut out);
        out[0]
    }

    fn learn(&mut self, row: Row<'_>, target: f64, weight: f64) {
        if target.is_finite() && weight > 0.0 {
            self.booster.learn(row, target, weight.min(WEIGHT_MAX));
        }
    }
}

impl Snapshot for GradientBoostingRegressor {
    fn save(&self, out: &mut Writer) {
        out.version(1);
        self.booster.save(out);
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        from.part("gradient_boosting_regressor");
        from.version(1)?;
        self.booster.load(1, from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    /// Friedman's function of five of ten features, with noise of deviation 1.
    fn friedman(random: &mut Random) -> (Vec<f64>, f64) {
        let x: Vec<f64> = (0..10).map(|_| random.unit()).collect();
        let wave = 10.0 * libm::sin(std::f64::consts::PI * x[0] * x[1]);
        let target = wave + 20.0 * (x[2] - 0.5) * (x[2] - 0.5) + 10.0 * x[3] + 5.0 * x[4];
        let noise = random.normal();
        (x, target + noise)
    }

    fn taught(events: usize) -> (GradientBoostingRegressor, f64) {
        let schema =
            Schema { numeric: (0..10).map(|at| format!("x{at}").into()).collect(), ..Schema::default() };
        let mut model = GradientBoostingRegressor::new(&schema, &ENTRY.values(&[]).unwrap(), 0).unwrap();
        let mut random = Random::new(1);
        let mut squares = 0.0;
        for event in 0..events {
            let (x, target) = friedman(&mut random);
            let row = Row { numeric: &x, ..Row::default() };
            if event >= events / 2 {
                squares += (model.predict(row) - target) * (model.predict(row) - target);
            }
            model.learn(row, target, 1.0);
        }
        (model, (squares / (events / 2) as f64).sqrt())
    }

    #[test]
    fn friedman_is_learnt_nearly_to_its_noise() {
        // The targets' deviation is 5, a linear function leaves 2.6, the noise is 1.
        let (_, error) = taught(4000);
        assert!(error < 1.6, "{error}");
    }

    #[test]
    fn contributions_sum_to_the_prediction_and_leave_out_what_does_not_matter() {
        let (model, _) = taught(3000);
        let mut random = Random::new(2);
        let mut sums = [0.0; 10];
        let mut out = Contributions::default();
        for _ in 0..100 {
            let (x, _) = friedman(&mut random);
            let row = Row { numeric: &x, ..Row::default() };
            model.explain(row, 0, &mut out);
            assert!((out.sum() - model.predict(row)).abs() < 1e-9);
            out.numeric.iter().zip(&mut sums).for_each(|(part, sum)| *sum += part.abs());
        }
        assert!(sums[..5].iter().all(|used| sums[5..].iter().all(|unused| *used > 3.0 * unused)), "{sums:?}");
    }

    #[test]
    fn the_dump_puts_what_matters_most_first() {
        let (model, _) = taught(2000);
        let mut out = String::new();
        let schema =
            Schema { numeric: (0..10).map(|at| format!("x{at}").into()).collect(), ..Schema::default() };
        model.dump(&schema, &mut out);
        assert!(out.starts_with("50 trees with "), "{out}");
        let mut first: Vec<&str> =
            out.lines().skip(1).take(5).filter_map(|line| line.split_whitespace().last()).collect();
        first.sort_unstable();
        assert_eq!(first, ["x0", "x1", "x2", "x3", "x4"], "{out}");
    }
}
