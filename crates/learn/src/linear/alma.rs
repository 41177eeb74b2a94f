//! The approximate maximal margin classifier.
#![doc = include_str!("alma.md")]

use super::gradient::two_classes;
use super::loss::probability;
use super::margin::Margin;
use crate::features::{Row, Schema};
use crate::model::{AnyModel, Classifier, Contributions, Explain, Model, Task};
use crate::params::{Param, ParamKind, Values};
use crate::registry::{ClassesMax, ModelEntry};
use crate::snapshot::{Reader, Snapshot, SnapshotError, Writer};

const ALPHA: Param = Param {
    name: "alpha",
    kind: ParamKind::Number { min: 0.01, max: 1.0, default: 0.9 },
    doc: "How much smaller than the largest margin the learnt one may be; 1 learns from mistakes only.",
    default_from: "C. Gentile (2001), and River. The other constants follow from it: B = 1 / alpha, C = sqrt(2).",
};

/// The registry's entry.
pub const ENTRY: ModelEntry = ModelEntry {
    name: "alma",
    task: Task::Classification,
    summary: "Tells two classes apart by nearly the widest margin; its steps shrink with its mistakes.",
    doc: include_str!("alma.md"),
    meaning_version: 1,
    params: &[ALPHA],
    classes_max: ClassesMax::Fixed(2),
    reads_categories: false,
    build: |schema, values, _seed| Ok(AnyModel::Classifier(Box::new(Alma::new(schema, values)))),
};

/// See the module.
///
/// ```
/// use streamfold_learn::features::{Row, Schema};
/// use streamfold_learn::linear::alma::{Alma, ENTRY};
/// use streamfold_learn::model::Classifier;
///
/// let schema = Schema { numeric: vec!["x".into()], ..Schema::default() };
/// let mut model = Alma::new(&schema, &ENTRY.values(&[])?);
/// for event in 0..1000 {
///     let x = f64::from(event * 37 % 100) / 50.0 - 1.0;
///     model.learn(Row { numeric: &[x], ..Row::default() }, usize::from(x > 0.2), 1.0);
/// }
/// let mut scores = [0.0; 2];
/// model.predict(Row { numeric: &[0.6], ..Row::default() }, &mut scores);
/// assert!(scores[1] > 0.5);
/// # Ok::<(), streamfold_learn::params::ParamError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Alma {
    function: Margin,
    alpha: f64,
    /// Number of corrections, and 1.
    corrections: u64,
}

impl Alma {
    /// A model that has learnt nothing.
    pub fn new(schema: &Schema, values: &Values) -> Self {
        Alma { function: Margin::new(schema), alpha: values.number(&ALPHA), corrections: 1 }
    }
}

impl Model for Alma {
    fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.function.memory_bytes()
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
impl Explain for Alma {
    fn explain(&self, row: Row<'_>, class: usize, out: &mut Contributions) {
        self.function.explain(row, out);
        if class == 0 {
            out.negate();
        }
    }
}

impl Classifier for Alma {
    fn predict(&self, row: Row<'_>, scores: &mut [f64]) {
        two_classes(probability(self.function.value(row).0), scores);
    }

    fn learn(&mut self, row: Row<'_>, class: usize, weight: f64) {
        if class > 1 || weight.is_nan() || weight <= 0.0 {
            return;
        }
        let sign = 2.0 * class as f64 - 1.0;
        let root = (self.corrections as f64).sqrt();
        let margin = 1.0 / (self.alpha * root);
        if sign * self.function.value(row).0 < (1.0 - self.alpha) * margin {
            self.function.add(row, sign * std::f64::consts::SQRT_2 / root);
            self.function.shorten();
            self.corrections = self.corrections.saturating_add(1);
        }
    }
}

impl Snapshot for Alma {
    fn save(&self, out: &mut Writer) {
        out.version(1);
        out.unsigned(self.corrections);
        self.function.save(out);
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        from.part(ENTRY.name);
        from.version(1)?;
        self.corrections = from.unsigned()?;
        if self.corrections == 0 {
            return Err(from.invalid("corrections are counted from 1"));
        }
        self.function.load(from)
    }
}
