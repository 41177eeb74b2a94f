//! Linear regression by adaptive, normalised, scale-free stochastic gradient descent.
#![doc = include_str!("linear_regression.md")]

use super::adaptive::{Error, Functions, Values, WEIGHT_MAX};
use super::loss::{Gradient, HUBER_REACH, LOSS, Loss, QUANTILE};
use super::moments::{LIMIT, Scale};
use super::{HALF_LIFE, L2, LEARNING_RATE, settings};
use crate::features::{Row, Schema};
use crate::model::{AnyModel, Contributions, Explain, Model, Regressor, Task};
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
    params: &[LOSS, QUANTILE, HUBER_REACH, LEARNING_RATE, L2, HALF_LIFE],
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
    loss: Loss,
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
            loss: Loss::of(values),
            target: Scale::default(),
            error_square: 0.0,
        }
    }

    /// The error for the squared loss.
    fn squared(&mut self, values: Values, target: f64) -> Error {
        let errors = self.tame(values, target);
        self.function
            .compare(Values { fast: errors.fast * errors.fast, average: errors.average * errors.average });
        Error {
            slope: errors.fast,
            curvature: 1.0,
            scale: self.target.deviation(),
            // At first the intercept is the mean of the targets.
            intercept_rate_min: 1.0 / self.function.events(),
        }
    }

    /// The error for the other losses, whose slopes are bounded by themselves.
    fn bent(&mut self, loss: Loss, values: Values, target: f64) -> Error {
        self.tame(Values { fast: loss.prediction(values.fast), ..values }, target);
        let deviation = self.target.deviation();
        let unit = match loss {
            Loss::Huber(_) => self.error_square.sqrt(),
            _ => deviation,
        };
        let of = |value| loss.loss(value, target, unit);
        self.function.compare(Values { fast: of(values.fast), average: of(values.average) });
        let Gradient { slope, curvature } = loss.gradient(values.fast, target, unit);
        // The logarithm of a mean has no unit: slopes are brought to about 1.
        let (factor, scale) = match loss {
            Loss::Poisson => (1.0 / deviation.max(1.0), 1.0),
            _ => (1.0, deviation),
        };
        Error { slope: slope * factor, curvature: curvature * factor, scale, intercept_rate_min: 0.0 }
    }

    /// The errors as they are learnt from: none counts for more than so many typical ones.
    fn tame(&mut self, values: Values, target: f64) -> Values {
        let reach = ERROR_REACH * self.error_square.sqrt();
        let tame = |error: f64| if reach > 0.0 { error.clamp(-reach, reach) } else { error };
        let errors = Values { fast: tame(values.fast - target), average: tame(values.average - target) };
        let share = 1.0 / self.function.events().clamp(1.0, ERROR_EVENTS);
        self.error_square += (errors.fast * errors.fast - self.error_square) * share;
        errors
    }
}

impl Model for LinearRegression {
    fn memory_bytes(&self) -> usize {
        self.function.memory_bytes()
    }

    fn dump(&self, schema: &Schema, out: &mut String) {
        out.push_str(match self.loss {
            Loss::Poisson => "logarithm of the mean, for a deviation of each feature:\n",
            _ => "linear function, for a deviation of each feature:\n",
        });
        self.function.dump(0, schema, out);
    }

    fn as_explain(&self) -> Option<&dyn Explain> {
        // Contributions to a logarithm do not sum to the prediction.
        (self.loss != Loss::Poisson).then_some(self)
    }
}

impl Explain for LinearRegression {
    fn explain(&self, row: Row<'_>, _class: usize, out: &mut Contributions) {
        self.function.explain(0, row, out);
    }
}

impl Regressor for LinearRegression {
    fn predict(&self, row: Row<'_>) -> f64 {
        self.loss.prediction(self.function.predict(0, row))
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
            self.function.start_at(0, self.loss.value(target));
            return;
        }
        let values = self.function.values(0);
        let error = match self.loss {
            Loss::Squared => self.squared(values, target),
            loss => self.bent(loss, values, target),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::params::ParamValue;

    fn model(given: &[(&str, f64)]) -> LinearRegression {
        let given: Vec<_> =
            given.iter().map(|&(name, value)| (name.to_owned(), ParamValue::Number(value))).collect();
        let schema = Schema { numeric: vec!["a".into(), "b".into()], sparse_size: 8, ..Schema::default() };
        LinearRegression::new(&schema, &ENTRY.values(&given).unwrap())
    }

    /// A steady stream: features of unlike units, target 1000 + 10 a' - 5 b' with some noise.
    fn event(number: u64) -> ([f64; 2], f64) {
        let draw = |what: u64| {
            let hash = xxhash_rust::xxh3::xxh3_64_with_seed(&number.to_le_bytes(), what);
            (hash >> 11) as f64 / (1u64 << 53) as f64 - 0.5
        };
        let (a, b) = (draw(0), draw(1));
        ([1e6 + 1e5 * a, 1e-3 * b], 1000.0 + 10.0 * a - 5.0 * b + draw(2))
    }

    fn learn(model: &mut LinearRegression, numbers: std::ops::Range<u64>) {
        for number in numbers {
            let (numeric, target) = event(number);
            model.learn(Row { numeric: &numeric, ..Row::default() }, target, 1.0);
        }
    }

    /// Root mean squared error over some hundred events that are not learnt. The noise alone makes 0.29.
    fn error(model: &LinearRegression) -> f64 {
        let square = |number| {
            let (numeric, target) = event(number);
            (model.predict(Row { numeric: &numeric, ..Row::default() }) - target).powi(2)
        };
        ((5000..5300).map(square).sum::<f64>() / 300.0).sqrt()
    }

    #[test]
    fn absurd_values_are_forgiven() {
        let mut model = model(&[]);
        learn(&mut model, 0..3000);
        assert!(error(&model) < 0.31, "{}", error(&model));
        for (numeric, target) in
            [([1e90, 1e90], 1000.0), ([1e6, 0.0], -1e90), ([f64::MAX, f64::MIN], f64::MAX)]
        {
            model.learn(Row { numeric: &numeric, ..Row::default() }, target, 1.0);
            learn(&mut model, 0..100);
        }
        learn(&mut model, 3000..5000);
        assert!(error(&model) < 0.35, "{}", error(&model));
    }

    #[test]
    fn a_jump_of_the_target_is_followed() {
        let mut model = model(&[]);
        learn(&mut model, 0..5000);
        for number in 0..2000 {
            let (numeric, target) = event(number);
            model.learn(Row { numeric: &numeric, ..Row::default() }, target + 1e6, 1.0);
        }
        let (numeric, target) = event(5000);
        let prediction = model.predict(Row { numeric: &numeric, ..Row::default() });
        assert!((prediction - target - 1e6).abs() < 100.0, "{prediction}");
    }

    #[test]
    fn a_missing_feature_counts_as_its_mean() {
        let mut model = model(&[]);
        learn(&mut model, 0..5000);
        let [a, b] = [1e6, 0.0];
        let whole = model.predict(Row { numeric: &[a, b], ..Row::default() });
        for missing in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let part = model.predict(Row { numeric: &[missing, b], ..Row::default() });
            assert!((whole - part).abs() < 0.1, "{whole} {part}");
        }
    }

    #[test]
    fn l2_pulls_weights_but_not_the_intercept() {
        let mut pulled = model(&[("l2", 10.0)]);
        learn(&mut pulled, 0..5000);
        let at = |model: &LinearRegression, a| model.predict(Row { numeric: &[a, 0.0], ..Row::default() });
        let slope = (at(&pulled, 1.05e6) - at(&pulled, 0.95e6)).abs();
        // Least squares has a slope of 10; ridge with a penalty of 10 for each event leaves an eleventh.
        assert!((0.5..1.5).contains(&slope), "{slope}");
        assert!((at(&pulled, 1e6) - 1000.0).abs() < 1.0, "{}", at(&pulled, 1e6));
    }

    #[test]
    fn sparse_features_are_learnt_beside_numeric_ones() {
        let mut model = model(&[]);
        for number in 0..4000 {
            let ((numeric, target), index) = (event(number), (number * 31 % 8) as u32);
            let row = Row { numeric: &numeric, sparse: &[(index, 1.0)], ..Row::default() };
            model.learn(row, target + 3.0 * f64::from(index), 1.0);
        }
        let at =
            |index| model.predict(Row { numeric: &[1e6, 0.0], sparse: &[(index, 1.0)], ..Row::default() });
        assert!((at(7) - at(2) - 15.0).abs() < 1.0, "{} {}", at(7), at(2));
    }
}
