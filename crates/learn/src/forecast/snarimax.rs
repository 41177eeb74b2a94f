//! SNARIMAX: a series from its own past, its past errors, and features.
#![doc = include_str!("snarimax.md")]

use super::history::History;
use super::is_value;
use crate::features::{Row, RowBuffer, Schema};
use crate::linear::recursive_least_squares::{FORGETTING, RIDGE, RecursiveLeastSquares};
use crate::model::{AnyModel, Forecaster, Model, Regressor, Task};
use crate::params::{Param, ParamError, ParamKind, Values};
use crate::registry::{ClassesMax, ModelEntry};
use crate::snapshot::{Reader, Snapshot, SnapshotError, Writer};
use std::cell::RefCell;

const fn order(name: &'static str, max: i64, default: i64, doc: &'static str, from: &'static str) -> Param {
    Param { name, kind: ParamKind::Integer { min: 0, max, default }, doc, default_from: from }
}

const AUTOREGRESSIVE: Param = order(
    "autoregressive_order",
    128,
    2,
    "How many past values are looked at (p).",
    "Where automatic searches start (Hyndman and Khandakar 2008).",
);
const DIFFERENCE: Param = order(
    "difference_order",
    2,
    0,
    "How often the series is differenced (d). 1 for one that wanders.",
    "A series that stays where it is.",
);
const MOVING_AVERAGE: Param = order(
    "moving_average_order",
    128,
    1,
    "How many past errors are looked at (q).",
    "One error tells a shock from a change.",
);
const SEASON_STEPS: Param = Param {
    name: "season_steps",
    kind: ParamKind::Integer { min: 1, max: 10_000, default: 1 },
    doc: "Steps of a season (m). Counts only with a seasonal order.",
    default_from: "River's default.",
};
const SEASONAL_AUTOREGRESSIVE: Param = order(
    "seasonal_autoregressive_order",
    16,
    0,
    "How many values a whole number of seasons back are looked at (P).",
    "River's default.",
);
const SEASONAL_DIFFERENCE: Param = order(
    "seasonal_difference_order",
    2,
    0,
    "How often the season before is subtracted (D). 1 where a season repeats.",
    "River's default.",
);
const SEASONAL_MOVING_AVERAGE: Param = order(
    "seasonal_moving_average_order",
    16,
    0,
    "How many errors a whole number of seasons back are looked at (Q).",
    "River's default.",
);

/// The registry's entry.
pub const ENTRY: ModelEntry = ModelEntry {
    name: "snarimax",
    task: Task::Forecasting,
    summary: "Forecasts from past values, past errors, seasons and features (ARIMA and its kin).",
    doc: include_str!("snarimax.md"),
    meaning_version: 1,
    params: &[
        AUTOREGRESSIVE,
        DIFFERENCE,
        MOVING_AVERAGE,
        SEASON_STEPS,
        SEASONAL_AUTOREGRESSIVE,
        SEASONAL_DIFFERENCE,
        SEASONAL_MOVING_AVERAGE,
        FORGETTING,
        RIDGE,
    ],
    classes_max: ClassesMax::None,
    reads_categories: false,
    build: |schema, values, _seed| Ok(AnyModel::Forecaster(Box::new(Snarimax::new(schema, values)?))),
};

/// What is needed to make a row and the steps of a forecast. Not state.
#[derive(Clone, Debug, Default)]
struct Scratch {
    row: RowBuffer,
    /// Differenced forecasts of the steps so far.
    ahead: Vec<f64>,
}

/// See the module.
///
/// ```
/// use streamfold_learn::features::{Row, Schema};
/// use streamfold_learn::forecast::snarimax::{ENTRY, Snarimax};
/// use streamfold_learn::model::Forecaster;
///
/// let schema = Schema { numeric: vec!["sale".into()], ..Schema::default() };
/// let mut model = Snarimax::new(&schema, &ENTRY.values(&[])?)?;
/// let mut sold = 50.0;
/// for day in 0..300 {
///     let sale = f64::from(u8::from(day % 5 == 0));
///     sold = 20.0 + 0.5 * sold + 30.0 * sale;
///     model.learn(Row { numeric: &[sale], ..Row::default() }, sold, 1.0);
/// }
/// let mut next = [0.0; 2];
/// let [with, without] = [1.0, 0.0].map(|sale| [sale]);
/// let days = [&with, &without].map(|numeric| Row { numeric, ..Row::default() });
/// model.forecast(&days, &mut next);
/// let exact = 20.0 + 0.5 * sold + 30.0;
/// assert_eq!(next.map(f64::round), [exact.round(), (20.0 + 0.5 * exact).round()]);
/// # Ok::<(), streamfold_learn::params::ParamError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Snarimax {
    /// How many steps back each value that is looked at lies.
    value_lags: Vec<usize>,
    error_lags: Vec<usize>,
    /// The series differenced is the value plus, for each pair, a factor times the value so many steps back.
    differences: Vec<(usize, f64)>,
    /// The numeric features by name, so that their order in the schema changes nothing.
    order: Vec<usize>,
    values: History,
    differenced: History,
    errors: History,
    regressor: RecursiveLeastSquares,
    scratch: RefCell<Scratch>,
}

impl Snarimax {
    /// A model that has learnt nothing.
    pub fn new(schema: &Schema, values: &Values) -> Result<Self, ParamError> {
        let [p, d, q, m, sp, sd, sq] = [
            &AUTOREGRESSIVE,
            &DIFFERENCE,
            &MOVING_AVERAGE,
            &SEASON_STEPS,
            &SEASONAL_AUTOREGRESSIVE,
            &SEASONAL_DIFFERENCE,
            &SEASONAL_MOVING_AVERAGE,
        ]
        .map(|param| values.integer(param) as usize);
        let (value_lags, error_lags) = (lags(p, m, sp), lags(q, m, sq));
        let mut order: Vec<usize> = (0..schema.numeric.len()).collect();
        order.sort_by_key(|&feature| &schema.numeric[feature]);
        let lagged = value_lags.iter().map(|lag| format!("value, {lag} back").into());
        let errors = error_lags.iter().map(|lag| format!("error, {lag} back").into());
        let features = order.iter().map(|&feature| schema.numeric[feature].clone());
        let inner = Schema {
            numeric: lagged.chain(errors).chain(features).collect(),
            categories: Vec::new(),
            sparse_size: schema.sparse_size,
        };
        let longest = |lags: &[usize]| lags.iter().copied().max().unwrap_or(0);
        Ok(Snarimax {
            values: History::new(d + m * sd),
            differenced: History::new(longest(&value_lags)),
            errors: History::new(longest(&error_lags)),
            differences: differences(d, m, sd),
            value_lags,
            error_lags,
            order,
            regressor: RecursiveLeastSquares::named(ENTRY.name, &inner, values)?,
            scratch: RefCell::default(),
        })
    }

    /// Makes the row that the regressor sees for the step after `ahead`.
    fn fill(&self, row: Row<'_>, scratch: &mut Scratch) {
        let Scratch { row: out, ahead } = scratch;
        out.clear();
        let steps = ahead.len();
        // A lag of 1 is the newest value: the last step ahead, or the last one learnt. Errors of steps ahead are 0.
        let values = self.value_lags.iter().map(|&lag| match steps.checked_sub(lag) {
            Some(at) => ahead[at],
            None => self.differenced.back(lag - steps - 1).unwrap_or(f64::NAN),
        });
        out.numeric.extend(values);
        let errors = self.error_lags.iter().map(|&lag| match lag > steps {
            true => self.errors.back(lag - steps - 1).unwrap_or(f64::NAN),
            false => 0.0,
        });
        out.numeric.extend(errors);
        let feature = |&place: &usize| row.numeric.get(place).copied().unwrap_or(f64::NAN);
        out.numeric.extend(self.order.iter().map(feature));
        out.sparse.extend_from_slice(row.sparse);
    }

    /// What differencing adds to the value that follows; `before` are forecasts of the steps between.
    fn change(&self, before: &[f64]) -> f64 {
        let past = |lag: usize| match before.len().checked_sub(lag) {
            Some(at) => before[at],
            None => self.values.back(lag - before.len() - 1).unwrap_or(0.0),
        };
        self.differences.iter().map(|&(lag, factor)| factor * past(lag)).sum()
    }

    fn learn_step(&mut self, row: Row<'_>, value: Option<f64>, weight: f64) {
        if !self.values.is_full() {
            let last = self.values.back(0);
            if let Some(value) = value.or(last) {
                self.values.push(value);
            }
            return;
        }
        let mut scratch = self.scratch.take();
        scratch.ahead.clear();
        self.fill(row, &mut scratch);
        let predicted = clamp(self.regressor.predict(scratch.row.row()));
        let change = self.change(&[]);
        if let Some(value) = value {
            self.regressor.learn(scratch.row.row(), clamp(value + change), weight);
        }
        // A gap is filled with its forecast.
        let value = value.unwrap_or(clamp(predicted - change));
        let differenced = clamp(value + change);
        self.differenced.push(differenced);
        self.errors.push(clamp(differenced - predicted));
        self.values.push(value);
        self.scratch.replace(scratch);
    }
}

/// Lags 1 to `order`, and `seasons` whole seasons that are not among them.
fn lags(order: usize, season_steps: usize, seasons: usize) -> Vec<usize> {
    let seasonal = (1..=seasons).map(|season| season * season_steps).filter(|lag| *lag > order);
    (1..=order).chain(seasonal).collect()
}

/// The factors of past values in (1 - B)^d (1 - B^m)^D.
fn differences(order: usize, season_steps: usize, seasonal_order: usize) -> Vec<(usize, f64)> {
    let mut factors = vec![0.0; 1 + order + season_steps * seasonal_order];
    factors[0] = 1.0;
    let steps = std::iter::repeat_n(1, order).chain(std::iter::repeat_n(season_steps, seasonal_order));
    for step in steps {
        for lag in (step..factors.len()).rev() {
            factors[lag] -= factors[lag - step];
        }
    }
    let present = factors.iter().copied().enumerate().skip(1);
    present.filter(|(_, factor)| *factor != 0.0).collect()
}

/// Brings a number to where a value may lie.
fn clamp(number: f64) -> f64 {
    if number.is_nan() { 0.0 } else { number.clamp(-super::LIMIT, super::LIMIT) }
}

impl Forecaster for Snarimax {
    fn forecast(&self, exogenous: &[Row<'_>], out: &mut [f64]) {
        if !self.values.is_full() {
            return out.fill(self.values.back(0).unwrap_or(0.0));
        }
        let scratch = &mut *self.scratch.borrow_mut();
        scratch.ahead.clear();
        for step in 0..out.len() {
            let row = exogenous.get(step).or(exogenous.last()).copied().unwrap_or_default();
            self.fill(row, scratch);
            let predicted = clamp(self.regressor.predict(scratch.row.row()));
            scratch.ahead.push(predicted);
            out[step] = clamp(predicted - self.change(&out[..step]));
        }
    }

    fn learn(&mut self, row: Row<'_>, value: f64, weight: f64) {
        if weight > 0.0 {
            self.learn_step(row, Some(value).filter(|value| is_value(*value)), weight);
        }
    }
}

impl Model for Snarimax {
    fn memory_bytes(&self) -> usize {
        let scratch = self.scratch.borrow();
        let row = 8 * (scratch.row.numeric.capacity() + scratch.ahead.capacity())
            + 16 * scratch.row.sparse.capacity();
        let histories = [&self.values, &self.differenced, &self.errors];
        size_of::<Self>() - size_of::<RecursiveLeastSquares>()
            + self.regressor.memory_bytes()
            + histories.iter().map(|history| history.memory_bytes()).sum::<usize>()
            + row
            + 8 * (self.value_lags.len() + self.error_lags.len() + self.order.len())
            + 16 * self.differences.len()
    }

    fn dump(&self, schema: &Schema, out: &mut String) {
        let lagged = self.value_lags.iter().map(|lag| format!("value, {lag} back").into());
        let errors = self.error_lags.iter().map(|lag| format!("error, {lag} back").into());
        let name = |&place: &usize| schema.numeric.get(place).cloned().unwrap_or_default();
        let numeric = lagged.chain(errors).chain(self.order.iter().map(name)).collect();
        let inner = Schema { numeric, categories: Vec::new(), sparse_size: schema.sparse_size };
        if !self.differences.is_empty() {
            out.push_str("of the series differenced, a ");
        }
        self.regressor.dump(&inner, out);
    }
}

/// Version of the layout.
const LAYOUT: u64 = 1;

impl Snapshot for Snarimax {
    fn save(&self, out: &mut Writer) {
        out.version(LAYOUT);
        self.values.save(out);
        self.differenced.save(out);
        self.errors.save(out);
        self.regressor.save(out);
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        from.part("snarimax");
        from.version(LAYOUT)?;
        self.values.load(from)?;
        self.differenced.load(from)?;
        self.errors.load(from)?;
        self.regressor.load(from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::params::ParamValue;

    fn model(given: &[(&str, i64)]) -> Snarimax {
        let given = given.iter().map(|(name, value)| ((*name).to_owned(), ParamValue::Integer(*value)));
        Snarimax::new(&Schema::default(), &ENTRY.values(&given.collect::<Vec<_>>()).unwrap()).unwrap()
    }

    #[test]
    fn differences_are_the_powers_of_the_backshift() {
        assert_eq!(differences(0, 12, 0), []);
        assert_eq!(differences(2, 12, 0), [(1, -2.0), (2, 1.0)]);
        assert_eq!(differences(1, 4, 1), [(1, -1.0), (4, -1.0), (5, 1.0)]);
        assert_eq!(lags(2, 4, 2), [1, 2, 4, 8]);
        assert_eq!(lags(4, 4, 1), [1, 2, 3, 4]);
    }

    #[test]
    fn a_straight_line_and_a_season_are_continued_through_a_gap() {
        let mut model =
            model(&[("difference_order", 1), ("season_steps", 4), ("seasonal_difference_order", 1)]);
        let value = |step: usize| 3.0 * step as f64 + [5.0, 0.0, -2.0, 1.0][step % 4];
        for step in 0..100 {
            model.learn(Row::default(), if step == 90 { f64::NAN } else { value(step) }, 1.0);
        }
        let mut next = [0.0; 6];
        model.forecast(&[], &mut next);
        for (ahead, forecast) in next.iter().enumerate() {
            assert!((forecast - value(100 + ahead)).abs() < 1e-6, "{next:?}");
        }
    }
}
