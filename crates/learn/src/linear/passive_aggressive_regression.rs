//! Passive-aggressive regression.
#![doc = include_str!("passive_aggressive_regression.md")]

use super::adaptive::WEIGHT_MAX;
use super::margin::Margin;
use super::moments::{LIMIT, Scale};
use super::passive_aggressive::{AGGRESSIVENESS, MODE, Mode};
use crate::features::{Row, Schema};
use crate::model::{AnyModel, Contributions, Explain, Model, Regressor, Task};
use crate::params::{Param, ParamKind, Values};
use crate::registry::{ClassesMax, ModelEntry};
use crate::snapshot::{Reader, Snapshot, SnapshotError, Writer};

const TOLERANCE: Param = Param {
    name: "tolerance",
    kind: ParamKind::Number { min: 0.0, max: 100.0, default: 0.1 },
    doc: "Errors up to this teach nothing, in deviations of the target (epsilon in the paper).",
    default_from: "As in River and scikit-learn, there in units of the target.",
};

/// Errors beyond this many deviations of the target count as this many.
const ERROR_REACH: f64 = 10.0;

/// The registry's entry.
pub const ENTRY: ModelEntry = ModelEntry {
    name: "passive_aggressive_regression",
    task: Task::Regression,
    summary: "Linear regression that leaves small errors alone and corrects large ones at once.",
    doc: include_str!("passive_aggressive_regression.md"),
    meaning_version: 1,
    params: &[MODE, AGGRESSIVENESS, TOLERANCE],
    classes_max: ClassesMax::None,
    reads_categories: false,
    build: |schema, values, _seed| {
        Ok(AnyModel::Regressor(Box::new(PassiveAggressiveRegression::new(schema, values))))
    },
};

/// See the module.
///
/// ```
/// use streamfold_learn::features::{Row, Schema};
/// use streamfold_learn::linear::passive_aggressive_regression::{ENTRY, PassiveAggressiveRegression};
/// use streamfold_learn::model::Regressor;
///
/// let schema = Schema { numeric: vec!["x".into()], ..Schema::default() };
/// let mut model = PassiveAggressiveRegression::new(&schema, &ENTRY.values(&[])?);
/// for event in 0..2000 {
///     let x = f64::from(event * 37 % 100) / 50.0 - 1.0;
///     model.learn(Row { numeric: &[x], ..Row::default() }, 30.0 * x + 20.0, 1.0);
/// }
/// let value = model.predict(Row { numeric: &[0.5], ..Row::default() });
/// assert!((value - 35.0).abs() < 4.0);
/// # Ok::<(), streamfold_learn::params::ParamError>(())
/// ```
#[derive(Clone, Debug)]
pub struct PassiveAggressiveRegression {
    function: Margin,
    mode: Mode,
    tolerance: f64,
    /// Of the targets: what errors and steps are measured in.
    target: Scale,
}

impl PassiveAggressiveRegression {
    /// A model that has learnt nothing.
    pub fn new(schema: &Schema, values: &Values) -> Self {
        PassiveAggressiveRegression {
            function: Margin::new(schema),
            mode: Mode::of(values),
            tolerance: values.number(&TOLERANCE),
            target: Scale::default(),
        }
    }
}

impl Model for PassiveAggressiveRegression {
    fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.function.memory_bytes()
    }

    fn dump(&self, schema: &Schema, out: &mut String) {
        out.push_str("linear function:\n");
        self.function.dump(schema, out);
    }

    fn as_explain(&self) -> Option<&dyn Explain> {
        Some(self)
    }
}

impl Explain for PassiveAggressiveRegression {
    fn explain(&self, row: Row<'_>, _class: usize, out: &mut Contributions) {
        self.function.explain(row, out);
    }
}

impl Regressor for PassiveAggressiveRegression {
    fn predict(&self, row: Row<'_>) -> f64 {
        self.function.value(row).0
    }

    fn learn(&mut self, row: Row<'_>, target: f64, weight: f64) {
        if !target.is_finite() || weight.is_nan() || weight <= 0.0 {
            return;
        }
        let (target, weight) = (target.clamp(-LIMIT, LIMIT), weight.min(WEIGHT_MAX));
        self.target.learn(target, weight);
        // The first target has no deviation; it is its own unit.
        let deviation = self.target.deviation();
        let unit = if deviation > 0.0 { deviation } else { target.abs() };
        let (value, square) = self.function.value(row);
        let error = (target - value).clamp(-ERROR_REACH * unit, ERROR_REACH * unit);
        let loss = error.abs() - self.tolerance * deviation;
        if loss > 0.0 {
            let step = (self.mode.step(loss, square, unit) * weight).min(loss / square);
            self.function.add(row, error.signum() * step);
        }
    }
}

impl Snapshot for PassiveAggressiveRegression {
    fn save(&self, out: &mut Writer) {
        out.version(1);
        self.target.save(out);
        self.function.save(out);
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        from.part(ENTRY.name);
        from.version(1)?;
        self.target.load(from)?;
        self.function.load(from)
    }
}
