//! Linear regression by adaptive, normalised, scale-free stochastic gradient descent.
#![doc = include_str!("linear_regression.md")]

use super::adaptive::{Error, Functions, Values, WEIGHT_MAX};
use super::moments::{LIMIT, Scale};
use super::{HALF_LIFE, L2, LEARNING_RATE, settings};
use crate::features::{Row, Schema};
use crate::model::{AnyModel, Regressor, Task};
use crate::params;
use crate::registry::{ClassesMax, ModelEntry};
use crate::snapshot::{Reader, Snapshot, SnapshotError, Writer};

/// The registry's entry.
pub const ENTRY: ModelEntry = ModelEntry {
    name: "linear_regression",
    task: Task::Regression,
    summary: "Linear regression by stochastic gradient descent that needs no scaler and no tuning.",
    doc: include_str!("linear_regression.md"),
    meaning_version: 1,
    params: &[LEARNING_RATE, L2, HALF_LIFE],
    classes_max: ClassesMax::None,
    reads_categories: false,
    build: |schema, values, _seed| Ok(AnyModel::Regressor(Box::new(LinearRegression::new(schema, values)))),
};

/// Errors beyond this many typical ones count as this many.
const ERROR_REACH: f64 = 10.0;
/// Events over which the typical error is taken, so that it follows a jump of the target within a few events.
const ERROR_EVENTS: f64 = 100.0;

/// See the module.
///
/// ```
/// use streamfold_learn::features::{Row, Schema};
/// use streamfold_learn::linear::linear_regression::{ENTRY, LinearRegression};
/// use streamfold_learn::model::Regressor;
///
/// let schema = Schema { numeric: vec!["metres".into()], ..Schema::default() };
/// let mut model = LinearRegression::new(&schema, &ENTRY.values(&[])?);
/// for event in 0..1000 {
///     let metres = f64::from(event % 100);
///     model.learn(Row { numeric: &[metres], ..Row::default() }, 3000.0 * metres + 50_000.0, 1.0);
/// }
/// let price = model.predict(Row { numeric: &[70.0], ..Row::default() });
/// assert_eq!((price / 1000.0).round(), 260.0);
/// # Ok::<(), streamfold_learn::params::ParamError>(())
/// ```
#[derive(Clone, Debug)]
pub struct LinearRegression {
    function: Functions,
    /// Of the targets: the scale of the steps.
    target: Scale,
    /// Fading mean of squared errors.
    error_square: f64,
}

impl LinearRegression {
    /// A model that has learnt nothing.
    pub fn new(schema: &Schema, values: &params::Values) -> Self {
        LinearRegression {
            function: Functions::new(schema.numeric.len(), schema.sparse_size as usize, 1, settings(values)),
            target: Scale::default(),
            error_square: 0.0,
        }
    }

    /// The error as the step sees it, and the typical error moved by it.
    fn tame(&mut self, error: f64) -> f64 {
        let reach = ERROR_REACH * self.error_square.sqrt();
        let tame = if reach > 0.0 { error.clamp(-reach, reach) } else { error };
        self.error_square +=
            (tame * tame - self.error_square) / self.function.events().clamp(1.0, ERROR_EVENTS);
        tame
    }
}

impl Regressor for LinearRegression {
    fn predict(&self, row: Row<'_>) -> f64 {
        self.function.predict(0, row)
    }

    fn learn(&mut self, row: Row<'_>, target: f64, weight: f64) {
        // `is_nan` too: a weight that is not a number is not positive.
        if !target.is_finite() || weight.is_nan() || weight <= 0.0 {
            return;
        }
        let (target, weight) = (target.clamp(-LIMIT, LIMIT), weight.min(WEIGHT_MAX));
        let first = self.function.events() == 0.0;
        self.target.learn(target, weight);
        self.function.observe(row, weight);
        if first {
            self.function.start_at(0, target);
            return;
        }
        let values = self.function.values(0);
        let errors = Values { fast: values.fast - target, average: values.average - target };
        self.function
            .compare(Values { fast: errors.fast * errors.fast, average: errors.average * errors.average });
        let error = Error {
            slope: self.tame(errors.fast),
            curvature: 1.0,
            scale: self.target.deviation(),
            // At first the intercept is the mean of the targets.
            intercept_rate_min: 1.0 / self.function.events(),
        };
        self.function.step(0, error, weight);
    }
}

impl Snapshot for LinearRegression {
    fn save(&self, out: &mut Writer) {
        out.version(1);
        self.target.save(out);
        out.float(self.error_square);
        self.function.save(out);
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        from.part("linear_regression");
        from.version(1)?;
        self.target.load(from)?;
        self.error_square = from.finite_not_negative()?;
        self.function.load(from, 1, 1)
    }
}
