//! Bayesian linear regression with prediction intervals.
#![doc = include_str!("bayesian_linear_regression.md")]

use super::recursive_least_squares::{FORGETTING, RIDGE, RecursiveLeastSquares};
use super::student;
use crate::features::{Row, Schema};
use crate::model::{AnyModel, Contributions, Explain, Interval, Model, Regressor, Task};
use crate::params::{ParamError, Values};
use crate::registry::{ClassesMax, ModelEntry};
use crate::snapshot::{Reader, Snapshot, SnapshotError, Writer};
use std::cell::RefCell;

/// The registry's entry.
pub const ENTRY: ModelEntry = ModelEntry {
    name: "bayesian_linear_regression",
    task: Task::Regression,
    summary: "Exact linear regression that says between which numbers the target lies; for few features.",
    doc: include_str!("bayesian_linear_regression.md"),
    meaning_version: 1,
    params: &[FORGETTING, RIDGE],
    classes_max: ClassesMax::None,
    reads_categories: false,
    build: |schema, values, _seed| {
        Ok(AnyModel::Regressor(Box::new(BayesianLinearRegression::new(schema, values)?)))
    },
};

/// See the module.
///
/// ```
/// use streamfold_learn::features::{Row, Schema};
/// use streamfold_learn::linear::bayesian_linear_regression::{BayesianLinearRegression, ENTRY};
/// use streamfold_learn::model::{Interval, Regressor};
///
/// let schema = Schema { numeric: vec!["x".into()], ..Schema::default() };
/// let mut model = BayesianLinearRegression::new(&schema, &ENTRY.values(&[])?)?;
/// for (x, target) in [(1.0, 1.1), (2.0, 1.9), (3.0, 3.2), (4.0, 3.8)] {
///     model.learn(Row { numeric: &[x], ..Row::default() }, target, 1.0);
/// }
/// let (low, high) = model.interval(Row { numeric: &[2.5], ..Row::default() }, 0.95);
/// assert_eq!(((low * 100.0).round(), (high * 100.0).round()), (153.0, 347.0));
/// # Ok::<(), streamfold_learn::params::ParamError>(())
/// ```
#[derive(Clone, Debug)]
pub struct BayesianLinearRegression {
    least_squares: RecursiveLeastSquares,
    /// Sum of squares that no weights can explain, and weight of the events it is of; both fade.
    residual: f64,
    events: f64,
    /// A row being solved for. Not state; borrowed within one call only.
    right: RefCell<Vec<f64>>,
}

impl BayesianLinearRegression {
    /// A model that has learnt nothing.
    pub fn new(schema: &Schema, values: &Values) -> Result<Self, ParamError> {
        let least_squares = RecursiveLeastSquares::named(ENTRY.name, schema, values)?;
        Ok(BayesianLinearRegression { least_squares, residual: 0.0, events: 0.0, right: RefCell::default() })
    }
}

impl Model for BayesianLinearRegression {
    fn memory_bytes(&self) -> usize {
        self.least_squares.memory_bytes() + 48 + 8 * self.right.borrow().capacity()
    }

    fn dump(&self, schema: &Schema, out: &mut String) {
        self.least_squares.dump(schema, out);
        let freedom = self.events - self.least_squares.size() as f64;
        if freedom > 0.0 {
            out.push_str(&format!("deviation of the noise: {:.6e}\n", (self.residual / freedom).sqrt()));
        }
    }

    fn as_explain(&self) -> Option<&dyn Explain> {
        Some(self)
    }

    fn as_interval(&self) -> Option<&dyn Interval> {
        Some(self)
    }
}

impl Explain for BayesianLinearRegression {
    fn explain(&self, row: Row<'_>, class: usize, out: &mut Contributions) {
        self.least_squares.explain(row, class, out);
    }
}

impl Interval for BayesianLinearRegression {
    fn interval(&self, row: Row<'_>, confidence: f64) -> (f64, f64) {
        let centre = self.predict(row);
        let freedom = self.events - self.least_squares.size() as f64;
        let share = 0.5 + 0.5 * confidence.clamp(0.0, 1.0);
        let half = student::quantile(share, freedom)
            * (self.residual / freedom).sqrt()
            * (1.0 + self.least_squares.leverage(row, &mut self.right.borrow_mut())).sqrt();
        // Not enough events, or a leverage beyond all numbers.
        if freedom > 0.0 && half >= 0.0 {
            (centre - half, centre + half)
        } else {
            (f64::NEG_INFINITY, f64::INFINITY)
        }
    }
}

impl Regressor for BayesianLinearRegression {
    fn predict(&self, row: Row<'_>) -> f64 {
        self.least_squares.predict(row)
    }

    fn learn(&mut self, row: Row<'_>, target: f64, weight: f64) {
        if let Some((rest, weight)) = self.least_squares.learn_rest(row, target, weight) {
            let kept = self.least_squares.forgetting();
            self.residual = (self.residual * kept + rest * rest).min(f64::MAX);
            self.events = self.events * kept + weight;
        }
    }
}

impl Snapshot for BayesianLinearRegression {
    fn save(&self, out: &mut Writer) {
        out.version(1);
        self.least_squares.save(out);
        out.float(self.residual);
        out.float(self.events);
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        from.part("bayesian_linear_regression");
        from.version(1)?;
        self.least_squares.load(from)?;
        self.residual = from.finite_not_negative()?;
        self.events = from.finite_not_negative()?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    #[test]
    fn intervals_hold_as_many_targets_as_they_promise() {
        let schema = Schema { numeric: vec!["a".into(), "b".into()], ..Schema::default() };
        let mut model = BayesianLinearRegression::new(&schema, &ENTRY.values(&[]).unwrap()).unwrap();
        let mut random = Random::new(5);
        let (mut inside, mut asked) = ([0u32; 2], 0);
        for event in 0..4000 {
            let row = [random.normal() * 1e3, random.normal() - 5.0];
            let target = 0.01 * row[0] + 4.0 * row[1] + 7.0 * random.normal();
            let row = Row { numeric: &row, ..Row::default() };
            // Early ones too: with few events the promise rests on Student's distribution.
            if event >= 6 {
                asked += 1;
                for (count, confidence) in inside.iter_mut().zip([0.5, 0.9]) {
                    let (low, high) = model.interval(row, confidence);
                    *count += u32::from((low..=high).contains(&target));
                }
            }
            model.learn(row, target, 1.0);
        }
        for (count, confidence) in inside.iter().zip([0.5, 0.9]) {
            let share = f64::from(*count) / f64::from(asked);
            assert!((share - confidence).abs() < 0.025, "{share} of {confidence}");
        }
    }

    #[test]
    fn before_enough_events_anything_is_possible() {
        let schema = Schema { numeric: vec!["a".into()], ..Schema::default() };
        let mut model = BayesianLinearRegression::new(&schema, &ENTRY.values(&[]).unwrap()).unwrap();
        let row = Row { numeric: &[1.0], ..Row::default() };
        for _ in 0..2 {
            assert_eq!(model.interval(row, 0.9), (f64::NEG_INFINITY, f64::INFINITY));
            model.learn(row, 3.0, 1.0);
        }
    }
}
