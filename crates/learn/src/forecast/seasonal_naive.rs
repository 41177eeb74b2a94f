//! The value of one season ago.
#![doc = include_str!("seasonal_naive.md")]

use super::{bounded, is_value};
use crate::dump;
use crate::features::{Row, Schema};
use crate::model::{AnyModel, Forecaster, Model, Task};
use crate::params::{Param, ParamKind, Values};
use crate::registry::{ClassesMax, ModelEntry};
use crate::snapshot::{Reader, Snapshot, SnapshotError, Writer};
use std::fmt::Write;

const SEASON_STEPS: Param = Param {
    name: "season_steps",
    kind: ParamKind::Integer { min: 1, max: 100_000, default: 24 },
    doc: "Steps of a season: 24 for hours that repeat daily, 7 for days that repeat weekly. 1: the last value stands for all.",
    default_from: "Hourly values that repeat daily; no number fits all series.",
};

/// The registry's entry.
pub const ENTRY: ModelEntry = ModelEntry {
    name: "seasonal_naive",
    task: Task::Forecasting,
    summary: "Forecasts the value of one season ago: what any forecaster must beat.",
    doc: include_str!("seasonal_naive.md"),
    meaning_version: 1,
    params: &[SEASON_STEPS],
    classes_max: ClassesMax::None,
    reads_categories: false,
    build: |_schema, values, _seed| Ok(AnyModel::Forecaster(Box::new(SeasonalNaive::new(values)))),
};

/// See the module.
///
/// ```
/// use streamfold_learn::features::Row;
/// use streamfold_learn::forecast::seasonal_naive::{ENTRY, SeasonalNaive};
/// use streamfold_learn::model::Forecaster;
/// use streamfold_learn::params::ParamValue;
///
/// let mut model = SeasonalNaive::new(&ENTRY.values(&[("season_steps".into(), ParamValue::Integer(3))])?);
/// for value in [1.0, 2.0, 3.0, 4.0] {
///     model.learn(Row::default(), value, 1.0);
/// }
/// let mut next = [0.0; 4];
/// model.forecast(&[], &mut next);
/// assert_eq!(next, [2.0, 3.0, 4.0, 2.0]);
/// # Ok::<(), streamfold_learn::params::ParamError>(())
/// ```
#[derive(Clone, Debug)]
pub struct SeasonalNaive {
    season_steps: usize,
    /// The last season; shorter during the first.
    values: Vec<f64>,
    /// Place of the next step, once the first season is over.
    at: usize,
}

impl SeasonalNaive {
    /// A model that has learnt nothing.
    pub fn new(values: &Values) -> Self {
        SeasonalNaive { season_steps: values.integer(&SEASON_STEPS) as usize, values: Vec::new(), at: 0 }
    }
}

impl Forecaster for SeasonalNaive {
    fn forecast(&self, _exogenous: &[Row<'_>], out: &mut [f64]) {
        if self.values.len() < self.season_steps {
            return out.fill(self.values.last().copied().unwrap_or(0.0));
        }
        let season = self.values[self.at..].iter().chain(&self.values[..self.at]).cycle();
        out.iter_mut().zip(season).for_each(|(step, value)| *step = *value);
    }

    fn learn(&mut self, _row: Row<'_>, value: f64, weight: f64) {
        if weight.is_nan() || weight <= 0.0 {
            return;
        }
        if self.values.len() < self.season_steps {
            // A gap in the beginning is filled with the value before it, if there was one.
            let value = if is_value(value) { Some(value) } else { self.values.last().copied() };
            return self.values.extend(value);
        }
        if is_value(value) {
            self.values[self.at] = value;
        }
        self.at = (self.at + 1) % self.season_steps;
    }
}

impl Model for SeasonalNaive {
    fn memory_bytes(&self) -> usize {
        size_of::<Self>() + 8 * self.values.capacity()
    }

    fn dump(&self, _schema: &Schema, out: &mut String) {
        out.push_str("the last season, its oldest value first:\n");
        let values = self.values[self.at..].iter().chain(&self.values[..self.at]);
        for value in values.take(dump::lines(self.values.len())) {
            // Writing to a string cannot fail.
            let _ = writeln!(out, "  {value:.6e}");
        }
        dump::rest(self.values.len(), out);
    }
}

/// Version of the layout.
const LAYOUT: u64 = 1;

impl Snapshot for SeasonalNaive {
    fn save(&self, out: &mut Writer) {
        out.version(LAYOUT);
        out.floats(&self.values);
        out.unsigned(self.at as u64);
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        from.part("seasonal_naive");
        from.version(LAYOUT)?;
        self.values = from.floats()?;
        let at = from.unsigned()?;
        self.at = at as usize;
        let length = self.values.len();
        // Only a whole season has been gone through.
        let places = if length == self.season_steps { length } else { 1 };
        if length > self.season_steps
            || at >= places as u64
            || !self.values.iter().all(|value| bounded(*value) == *value)
        {
            self.values.clear();
            self.at = 0;
            return Err(from.invalid(format!("{length} values, the next at {at}")));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::params::ParamValue;

    #[test]
    fn a_gap_keeps_what_was_there_a_season_ago() {
        let given = [("season_steps".to_owned(), ParamValue::Integer(2))];
        let mut model = SeasonalNaive::new(&ENTRY.values(&given).unwrap());
        for value in [f64::NAN, 1.0, 2.0, f64::NAN, 5.0] {
            model.learn(Row::default(), value, 1.0);
        }
        let mut next = [0.0; 3];
        model.forecast(&[], &mut next);
        assert_eq!(next, [1.0, 5.0, 1.0]);
    }
}
