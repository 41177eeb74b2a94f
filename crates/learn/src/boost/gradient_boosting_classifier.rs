//! Gradient boosting of classes.
#![doc = include_str!("gradient_boosting_classifier.md")]

use super::booster::{Booster, Loss, WEIGHT_MAX, softmax};
use super::{
    BINS, DEPTH_MAX, FEATURES_MAX, HALF_LIFE, L2, LEAF_EVENTS_MIN, STEPS, WINDOW_EVENTS, learning_rate,
    settings,
};
use crate::columns::Columns;
use crate::features::{Row, Schema};
use crate::model::{AnyModel, Classifier, Contributions, Explain, Model, Task};
use crate::params::{Param, ParamError, ParamKind, Values};
use crate::registry::{ClassesMax, ModelEntry};
use crate::snapshot::{Reader, Snapshot, SnapshotError, Writer};
use std::cell::RefCell;

const LEARNING_RATE: Param = learning_rate(0.1);

const ADAPTATION_RATE: Param = Param {
    name: "adaptation_rate",
    kind: ParamKind::Number { min: 0.0, max: 10.0, default: 1.0 },
    doc: "How far each event moves the scores of classes at once against its error, through the leaves that it reaches; until \
          their trees are fitted anew.",
    default_from: "Best or near it of 0, 0.3, 1 and 2 on seven streams.",
};

const CLASSES_MAX: Param = Param {
    name: "classes_max",
    kind: ParamKind::Integer { min: 2, max: 10_000, default: 100 },
    doc: "Most classes that are learnt; memory and time grow with the classes seen.",
    default_from: "A bound on memory that common data sets stay far below.",
};

/// The registry's entry.
pub const ENTRY: ModelEntry = ModelEntry {
    name: "gradient_boosting_classifier",
    task: Task::Classification,
    summary: "Classes by sums of small trees, each fitted to what the others leave over.",
    doc: include_str!("gradient_boosting_classifier.md"),
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
        CLASSES_MAX,
    ],
    classes_max: ClassesMax::Param(&CLASSES_MAX),
    reads_categories: true,
    build: |schema, values, seed| {
        Ok(AnyModel::Classifier(Box::new(GradientBoostingClassifier::new(schema, values, seed)?)))
    },
};

/// See the module.
///
/// ```
/// use streamfold_learn::boost::gradient_boosting_classifier::{ENTRY, GradientBoostingClassifier};
/// use streamfold_learn::features::{Row, Schema};
/// use streamfold_learn::model::Classifier;
///
/// let schema = Schema { numeric: vec!["x".into(), "y".into()], ..Schema::default() };
/// let mut model = GradientBoostingClassifier::new(&schema, &ENTRY.values(&[])?, 0)?;
/// for event in 0..2000 {
///     let (x, y) = (f64::from(event * 37 % 100) / 100.0, f64::from(event * 59 % 83) / 83.0);
///     model.learn(Row { numeric: &[x, y], ..Row::default() }, usize::from((x > 0.5) != (y > 0.5)), 1.0);
/// }
/// let mut scores = [0.0; 2];
/// model.predict(Row { numeric: &[0.2, 0.8], ..Row::default() }, &mut scores);
/// assert_eq!((scores[1] * 10.0).round(), 10.0);
/// # Ok::<(), streamfold_learn::params::ParamError>(())
/// ```
#[derive(Clone, Debug)]
pub struct GradientBoostingClassifier {
    booster: Booster,
    classes_max: usize,
    /// The columns of the row at hand. Not state; borrowed for the length of one call only.
    values: RefCell<Vec<f64>>,
}

impl GradientBoostingClassifier {
    /// A model that has learnt nothing.
    pub fn new(schema: &Schema, values: &Values, seed: u64) -> Result<Self, ParamError> {
        let columns = Columns::new(ENTRY.name, schema, FEATURES_MAX)?;
        let settings =
            settings(Loss::Log, values.number(&LEARNING_RATE), values.number(&ADAPTATION_RATE), values);
        Ok(GradientBoostingClassifier {
            booster: Booster::new(columns, settings, seed),
            classes_max: values.integer(&CLASSES_MAX) as usize,
            values: RefCell::default(),
        })
    }
}

impl Model for GradientBoostingClassifier {
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

/// Explains the score of a class before the softmax: its log-odds up to what all classes share.
impl Explain for GradientBoostingClassifier {
    fn explain(&self, row: Row<'_>, class: usize, out: &mut Contributions) {
        let mut values = self.values.borrow_mut();
        self.booster.columns.read(row, &mut values);
        self.booster.explain(row, &values, class, out);
    }
}

impl Classifier for GradientBoostingClassifier {
    fn predict(&self, row: Row<'_>, scores: &mut [f64]) {
        let outputs = self.booster.outputs();
        if outputs == 0 {
            let each = 1.0 / scores.len().max(1) as f64;
            return scores.fill(each);
        }
        let mut values = self.values.borrow_mut();
        self.booster.columns.read(row, &mut values);
        if scores.len() < outputs {
            let mut all = vec![0.0; outputs];
            self.booster.scores(&values, &mut all);
            scores.copy_from_slice(&all[..scores.len()]);
            return softmax(scores);
        }
        let (known, unknown) = scores.split_at_mut(outputs);
        self.booster.scores(&values, known);
        softmax(known);
        unknown.fill(0.0);
    }

    fn learn(&mut self, row: Row<'_>, class: usize, weight: f64) {
        if class < self.classes_max && weight > 0.0 {
            self.booster.learn(row, class as f64, weight.min(WEIGHT_MAX));
        }
    }
}

impl Snapshot for GradientBoostingClassifier {
    fn save(&self, out: &mut Writer) {
        out.version(1);
        self.booster.save(out);
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        from.part("gradient_boosting_classifier");
        from.version(1)?;
        self.booster.load(self.classes_max, from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    fn schema() -> Schema {
        Schema { numeric: vec!["x".into(), "y".into()], categories: vec!["c".into()], ..Schema::default() }
    }

    /// Class 0 or 1 by a checker board of 4 by 4, but class 2 where the category says so.
    fn event(random: &mut Random) -> ([f64; 2], [u64; 1], usize) {
        let (x, y, category) = (random.unit(), random.unit(), 1 + random.below(4));
        let board = ((4.0 * x) as usize + (4.0 * y) as usize) % 2;
        ([x, y], [category], if category == 3 { 2 } else { board })
    }

    fn taught(events: usize) -> (GradientBoostingClassifier, f64) {
        let mut model = GradientBoostingClassifier::new(&schema(), &ENTRY.values(&[]).unwrap(), 0).unwrap();
        let mut random = Random::new(1);
        let mut right = 0.0;
        for number in 0..events {
            let (numeric, categories, class) = event(&mut random);
            let row = Row { numeric: &numeric, categories: &categories, sparse: &[] };
            let mut scores = [0.0; 3];
            model.predict(row, &mut scores);
            if number >= events / 2 && scores.iter().all(|score| *score <= scores[class]) {
                right += 1.0;
            }
            model.learn(row, class, 1.0);
        }
        (model, right / (events / 2) as f64)
    }

    #[test]
    fn features_that_only_act_together_and_categories_are_learnt() {
        let (_, accuracy) = taught(4000);
        assert!(accuracy > 0.9, "{accuracy}");
    }

    #[test]
    fn contributions_sum_to_the_score() {
        let (model, _) = taught(1000);
        let row = Row { numeric: &[0.3, 0.9], categories: &[3], sparse: &[] };
        let mut scores = [0.0; 3];
        model.predict(row, &mut scores);
        let mut parts = [0.0; 3];
        let mut out = Contributions::default();
        for (class, part) in parts.iter_mut().enumerate() {
            model.explain(row, class, &mut out);
            *part = out.sum();
        }
        assert!(out.categories[0] > 2.0 * out.numeric[0].abs(), "{out:?}");
        softmax(&mut parts);
        parts.iter().zip(&scores).for_each(|(part, score)| assert!((part - score).abs() < 1e-12));
    }

    #[test]
    fn another_meaning_of_a_region_is_followed_at_once() {
        let (mut model, _) = taught(3000);
        let row = Row { numeric: &[0.1, 0.1], categories: &[1], sparse: &[] };
        (0..10).for_each(|_| model.learn(row, 1, 1.0));
        let mut scores = [0.0; 3];
        model.predict(row, &mut scores);
        assert!(scores[1] > 0.5, "{scores:?}");
    }
}
