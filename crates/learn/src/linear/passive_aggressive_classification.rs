//! Passive-aggressive classification of two classes.
#![doc = include_str!("passive_aggressive_classification.md")]

use super::adaptive::WEIGHT_MAX;
use super::gradient::two_classes;
use super::loss::probability;
use super::margin::Margin;
use super::passive_aggressive::{AGGRESSIVENESS, MODE, Mode};
use crate::features::{Row, Schema};
use crate::model::{AnyModel, Classifier, Contributions, Explain, Model, Task};
use crate::params::Values;
use crate::registry::{ClassesMax, ModelEntry};
use crate::snapshot::{Reader, Snapshot, SnapshotError, Writer};

/// The registry's entry.
pub const ENTRY: ModelEntry = ModelEntry {
    name: "passive_aggressive_classification",
    task: Task::Classification,
    summary: "Tells two classes apart by a margin that each event must keep; corrects at once what does not.",
    doc: include_str!("passive_aggressive_classification.md"),
    meaning_version: 1,
    params: &[MODE, AGGRESSIVENESS],
    classes_max: ClassesMax::Fixed(2),
    reads_categories: false,
    build: |schema, values, _seed| {
        Ok(AnyModel::Classifier(Box::new(PassiveAggressiveClassification::new(schema, values))))
    },
};

/// See the module.
///
/// ```
/// use streamfold_learn::features::{Row, Schema};
/// use streamfold_learn::linear::passive_aggressive_classification::{ENTRY, PassiveAggressiveClassification};
/// use streamfold_learn::model::Classifier;
///
/// let schema = Schema { numeric: vec!["x".into()], ..Schema::default() };
/// let mut model = PassiveAggressiveClassification::new(&schema, &ENTRY.values(&[])?);
/// // The event is met at once: a margin of 1, half of it by the intercept.
/// model.learn(Row { numeric: &[1.0], ..Row::default() }, 1, 1.0);
/// let mut scores = [0.0; 2];
/// model.predict(Row { numeric: &[1.0], ..Row::default() }, &mut scores);
/// assert_eq!((scores[1] * 100.0).round(), 73.0);
/// # Ok::<(), streamfold_learn::params::ParamError>(())
/// ```
#[derive(Clone, Debug)]
pub struct PassiveAggressiveClassification {
    function: Margin,
    mode: Mode,
}

impl PassiveAggressiveClassification {
    /// A model that has learnt nothing.
    pub fn new(schema: &Schema, values: &Values) -> Self {
        PassiveAggressiveClassification { function: Margin::new(schema), mode: Mode::of(values) }
    }
}

impl Model for PassiveAggressiveClassification {
    fn memory_bytes(&self) -> usize {
        size_of::<Mode>() + self.function.memory_bytes()
    }

    fn dump(&self, schema: &Schema, out: &mut String) {
        out.push_str("margin of class 1:\n");
        self.function.dump(schema, out);
    }

    fn as_explain(&self) -> Option<&dyn Explain> {
        Some(self)
    }
}

/// Explains the margin: of class 1, and with the opposite sign of class 0.
impl Explain for PassiveAggressiveClassification {
    fn explain(&self, row: Row<'_>, class: usize, out: &mut Contributions) {
        self.function.explain(row, out);
        if class == 0 {
            out.negate();
        }
    }
}

impl Classifier for PassiveAggressiveClassification {
    fn predict(&self, row: Row<'_>, scores: &mut [f64]) {
        two_classes(probability(self.function.value(row).0), scores);
    }

    fn learn(&mut self, row: Row<'_>, class: usize, weight: f64) {
        if class <= 1 && weight > 0.0 {
            let sign = 2.0 * class as f64 - 1.0;
            let (value, square) = self.function.value(row);
            let loss = 1.0 - sign * value;
            if loss > 0.0 {
                // Beyond what meets the event there is nothing to gain, however much it weighs.
                let step = (self.mode.step(loss, square, 1.0) * weight.min(WEIGHT_MAX)).min(loss / square);
                self.function.add(row, sign * step);
            }
        }
    }
}

impl Snapshot for PassiveAggressiveClassification {
    fn save(&self, out: &mut Writer) {
        out.version(1);
        self.function.save(out);
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        from.part(ENTRY.name);
        from.version(1)?;
        self.function.load(from)
    }
}
