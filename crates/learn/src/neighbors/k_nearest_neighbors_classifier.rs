//! Nearest neighbours for classes.
#![doc = include_str!("k_nearest_neighbors_classifier.md")]

use super::window::{Question, Window};
use super::{BY_DISTANCE, FEATURES_MAX, NEIGHBORS, WEIGHT_MAX, WINDOW_EVENTS, vote};
use crate::columns::Columns;
use crate::features::{Row, Schema};
use crate::model::{AnyModel, Classifier, Model, Task};
use crate::params::{Param, ParamError, ParamKind, Values};
use crate::registry::{ClassesMax, ModelEntry};
use crate::snapshot::{Reader, Snapshot, SnapshotError, Writer};
use std::cell::RefCell;

const CLASSES_MAX: Param = Param {
    name: "classes_max",
    kind: ParamKind::Integer { min: 2, max: 1_000_000, default: 10_000 },
    doc: "Most classes that are learnt. They cost nothing: a class is a number in each event of the window.",
    default_from: "Far above what common data sets have.",
};

/// The registry's entry.
pub const ENTRY: ModelEntry = ModelEntry {
    name: "k_nearest_neighbors_classifier",
    task: Task::Classification,
    summary: "Classes by the votes of the nearest of the last events.",
    doc: include_str!("k_nearest_neighbors_classifier.md"),
    meaning_version: 1,
    params: &[NEIGHBORS, WINDOW_EVENTS, BY_DISTANCE, CLASSES_MAX],
    classes_max: ClassesMax::Param(&CLASSES_MAX),
    reads_categories: true,
    build: |schema, values, _seed| {
        Ok(AnyModel::Classifier(Box::new(KNearestNeighborsClassifier::new(schema, values)?)))
    },
};

/// See the module.
///
/// ```
/// use streamfold_learn::features::{Row, Schema};
/// use streamfold_learn::model::Classifier;
/// use streamfold_learn::neighbors::k_nearest_neighbors_classifier::{ENTRY, KNearestNeighborsClassifier};
/// use streamfold_learn::params::ParamValue;
///
/// let schema = Schema { numeric: vec!["x".into()], ..Schema::default() };
/// let given = [("neighbors".to_owned(), ParamValue::Integer(3))];
/// let mut model = KNearestNeighborsClassifier::new(&schema, &ENTRY.values(&given)?)?;
/// for (x, class) in [(0.0, 0), (1.0, 0), (5.0, 1), (6.0, 1), (7.0, 0)] {
///     model.learn(Row { numeric: &[x], ..Row::default() }, class, 1.0);
/// }
/// let mut scores = [0.0; 2];
/// model.predict(Row { numeric: &[6.1], ..Row::default() }, &mut scores);
/// assert_eq!((scores[1] * 3.0).round(), 2.0);
/// # Ok::<(), streamfold_learn::params::ParamError>(())
/// ```
#[derive(Clone, Debug)]
pub struct KNearestNeighborsClassifier {
    neighbors: usize,
    by_distance: bool,
    classes_max: usize,
    window: Window,
    /// Room for the question at hand. Not state; borrowed for the length of one call only.
    question: RefCell<Question>,
}

impl KNearestNeighborsClassifier {
    /// A model that has learnt nothing.
    pub fn new(schema: &Schema, values: &Values) -> Result<Self, ParamError> {
        let columns = Columns::new(ENTRY.name, schema, FEATURES_MAX)?;
        Ok(KNearestNeighborsClassifier {
            neighbors: values.integer(&NEIGHBORS) as usize,
            by_distance: values.boolean(&BY_DISTANCE),
            classes_max: values.integer(&CLASSES_MAX) as usize,
            window: Window::new(columns, values.integer(&WINDOW_EVENTS) as usize),
            question: RefCell::default(),
        })
    }
}

impl Model for KNearestNeighborsClassifier {
    fn memory_bytes(&self) -> usize {
        self.window.memory_bytes() + 8 * self.question.borrow().distances.capacity()
    }

    fn dump(&self, _schema: &Schema, out: &mut String) {
        out.push_str(&format!("the last {} events\n", self.window.labels().len()));
    }
}

impl Classifier for KNearestNeighborsClassifier {
    fn predict(&self, row: Row<'_>, scores: &mut [f64]) {
        let mut question = self.question.borrow_mut();
        self.window.ask(row, &mut question);
        let reach = question.nearest(self.neighbors);
        scores.fill(0.0);
        let mut votes = 0.0;
        let events = question.distances.iter().zip(self.window.labels()).zip(self.window.weights());
        for ((&distance, &label), weight) in events {
            if distance <= reach
                && let Some(score) = scores.get_mut(label as usize)
            {
                let vote = weight * vote(distance, self.by_distance);
                *score += vote;
                votes += vote;
            }
        }
        if votes > 0.0 {
            scores.iter_mut().for_each(|score| *score /= votes);
        } else {
            let each = 1.0 / scores.len().max(1) as f64;
            scores.fill(each);
        }
    }

    fn learn(&mut self, row: Row<'_>, class: usize, weight: f64) {
        if class < self.classes_max && weight > 0.0 {
            self.window.learn(row, class as f64, weight.min(WEIGHT_MAX));
        }
    }
}

impl Snapshot for KNearestNeighborsClassifier {
    fn save(&self, out: &mut Writer) {
        out.version(1);
        self.window.save(out);
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        from.part("k_nearest_neighbors_classifier");
        from.version(1)?;
        let classes = self.classes_max as f64;
        self.window.load(|label| label >= 0.0 && label < classes && label.fract() == 0.0, from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::params::ParamValue;

    #[test]
    fn nearer_events_count_more_where_asked_for() {
        let schema = Schema { numeric: vec!["x".into()], ..Schema::default() };
        for (by_distance, winner) in [(false, 1), (true, 0)] {
            let given = [
                ("neighbors".to_owned(), ParamValue::Integer(3)),
                ("by_distance".to_owned(), ParamValue::Boolean(by_distance)),
            ];
            let mut model =
                KNearestNeighborsClassifier::new(&schema, &ENTRY.values(&given).unwrap()).unwrap();
            for (x, class) in [(&[0.0], 0), (&[4.0], 1), (&[5.0], 1), (&[9.0], 0)] {
                model.learn(Row { numeric: x, ..Row::default() }, class, 1.0);
            }
            let mut scores = [0.0; 2];
            model.predict(Row { numeric: &[0.5], ..Row::default() }, &mut scores);
            assert!(scores[winner] > 0.6, "{scores:?}");
        }
    }
}
