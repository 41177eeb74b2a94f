//! Nearest neighbours for a number.
#![doc = include_str!("k_nearest_neighbors_regressor.md")]

use super::window::{Question, Window};
use super::{BY_DISTANCE, FEATURES_MAX, NEIGHBORS, TARGET_MAX, WEIGHT_MAX, WINDOW_EVENTS, vote};
use crate::columns::Columns;
use crate::features::{Row, Schema};
use crate::model::{AnyModel, Model, Regressor, Task};
use crate::params::{ParamError, Values};
use crate::registry::{ClassesMax, ModelEntry};
use crate::snapshot::{Reader, Snapshot, SnapshotError, Writer};
use std::cell::RefCell;

/// The registry's entry.
pub const ENTRY: ModelEntry = ModelEntry {
    name: "k_nearest_neighbors_regressor",
    task: Task::Regression,
    summary: "Numbers as the mean of the nearest of the last events.",
    doc: include_str!("k_nearest_neighbors_regressor.md"),
    meaning_version: 1,
    params: &[NEIGHBORS, WINDOW_EVENTS, BY_DISTANCE],
    classes_max: ClassesMax::None,
    reads_categories: true,
    build: |schema, values, _seed| {
        Ok(AnyModel::Regressor(Box::new(KNearestNeighborsRegressor::new(schema, values)?)))
    },
};

/// See the module.
///
/// ```
/// use streamfold_learn::features::{Row, Schema};
/// use streamfold_learn::model::Regressor;
/// use streamfold_learn::neighbors::k_nearest_neighbors_regressor::{ENTRY, KNearestNeighborsRegressor};
/// use streamfold_learn::params::ParamValue;
///
/// let schema = Schema { numeric: vec!["x".into()], ..Schema::default() };
/// let given = [("neighbors".to_owned(), ParamValue::Integer(2))];
/// let mut model = KNearestNeighborsRegressor::new(&schema, &ENTRY.values(&given)?)?;
/// for (x, target) in [(0.0, 1.0), (1.0, 3.0), (9.0, 70.0)] {
///     model.learn(Row { numeric: &[x], ..Row::default() }, target, 1.0);
/// }
/// assert_eq!(model.predict(Row { numeric: &[2.0], ..Row::default() }), 2.0);
/// # Ok::<(), streamfold_learn::params::ParamError>(())
/// ```
#[derive(Clone, Debug)]
pub struct KNearestNeighborsRegressor {
    neighbors: usize,
    by_distance: bool,
    window: Window,
    /// Room for the question at hand. Not state; borrowed for the length of one call only.
    question: RefCell<Question>,
}

impl KNearestNeighborsRegressor {
    /// A model that has learnt nothing.
    pub fn new(schema: &Schema, values: &Values) -> Result<Self, ParamError> {
        let columns = Columns::new(ENTRY.name, schema, FEATURES_MAX)?;
        Ok(KNearestNeighborsRegressor {
            neighbors: values.integer(&NEIGHBORS) as usize,
            by_distance: values.boolean(&BY_DISTANCE),
            window: Window::new(columns, values.integer(&WINDOW_EVENTS) as usize),
            question: RefCell::default(),
        })
    }
}

impl Model for KNearestNeighborsRegressor {
    fn memory_bytes(&self) -> usize {
        self.window.memory_bytes() + 8 * self.question.borrow().distances.capacity()
    }

    fn dump(&self, _schema: &Schema, out: &mut String) {
        out.push_str(&format!("the last {} events\n", self.window.labels().len()));
    }
}

impl Regressor for KNearestNeighborsRegressor {
    fn predict(&self, row: Row<'_>) -> f64 {
        let mut question = self.question.borrow_mut();
        self.window.ask(row, &mut question);
        let reach = question.nearest(self.neighbors);
        let (mut sum, mut votes) = (0.0, 0.0);
        let events = question.distances.iter().zip(self.window.labels()).zip(self.window.weights());
        for ((&distance, label), weight) in events {
            if distance <= reach {
                let vote = weight * vote(distance, self.by_distance);
                sum += vote * label;
                votes += vote;
            }
        }
        if votes > 0.0 { sum / votes } else { 0.0 }
    }

    fn learn(&mut self, row: Row<'_>, target: f64, weight: f64) {
        if target.is_finite() && weight > 0.0 {
            self.window.learn(row, target.clamp(-TARGET_MAX, TARGET_MAX), weight.min(WEIGHT_MAX));
        }
    }
}

impl Snapshot for KNearestNeighborsRegressor {
    fn save(&self, out: &mut Writer) {
        out.version(1);
        self.window.save(out);
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        from.part("k_nearest_neighbors_regressor");
        from.version(1)?;
        self.window.load(|label| label.abs() <= TARGET_MAX, from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::params::ParamValue;

    #[test]
    fn old_events_leave_and_all_that_are_as_near_answer() {
        let given = [
            ("neighbors".to_owned(), ParamValue::Integer(1)),
            ("window_events".to_owned(), ParamValue::Integer(3)),
        ];
        let schema = Schema { numeric: vec!["x".into()], ..Schema::default() };
        let mut model = KNearestNeighborsRegressor::new(&schema, &ENTRY.values(&given).unwrap()).unwrap();
        let row = |x: &'static [f64]| Row { numeric: x, ..Row::default() };
        assert_eq!(model.predict(row(&[5.0])), 0.0);
        for (x, target) in [(&[5.0], 100.0), (&[4.0], 1.0), (&[6.0], 2.0), (&[9.0], 7.0)] {
            model.learn(row(x), target, 1.0);
        }
        assert_eq!(model.predict(row(&[5.0])), 1.5);
        assert_eq!(model.predict(row(&[8.0])), 7.0);
    }
}
