//! The Hoeffding tree for numbers.
#![doc = include_str!("hoeffding_tree_regressor.md")]

use super::columns::{Columns, Event};
use super::regress::{Growth, RegressionTree};
use super::regression_leaf::Answer;
use super::regression_leaf::Standard;
use super::scale::{Scale, TARGET_MAX};
use super::{BINARY_SPLITS, DELTA, GRACE_PERIOD, MEMORY_BYTES_MAX, Subset, TIE_THRESHOLD, weight_of};
use crate::dump;
use crate::features::{Row, Schema};
use crate::model::{AnyModel, Contributions, Explain, Model, Regressor, Task};
use crate::params::{Param, ParamError, ParamKind, Values};
use crate::random::Random;
use crate::registry::{ClassesMax, ModelEntry};
use crate::snapshot::{Reader, Snapshot, SnapshotError, Writer};
use std::cell::RefCell;

pub(crate) const LEAF_ANSWER: Param = Param {
    name: "leaf_answer",
    kind: ParamKind::Choice { of: &["mean", "linear", "adaptive"], default: "adaptive" },
    doc: "How leaves answer: by the mean of their targets, by a linear model, or by what has been nearer of late.",
    default_from: "River's default.",
};

/// The registry's entry.
pub const ENTRY: ModelEntry = ModelEntry {
    name: "hoeffding_tree_regressor",
    task: Task::Regression,
    summary: "A decision tree with linear leaves that splits once it is sure which feature tells most about the number.",
    doc: include_str!("hoeffding_tree_regressor.md"),
    meaning_version: 1,
    params: &[GRACE_PERIOD, DELTA, TIE_THRESHOLD, LEAF_ANSWER, BINARY_SPLITS, MEMORY_BYTES_MAX],
    classes_max: ClassesMax::None,
    reads_categories: true,
    build: |schema, values, seed| {
        Ok(AnyModel::Regressor(Box::new(HoeffdingTreeRegressor::new(schema, values, seed)?)))
    },
};

/// How trees with these parameters grow.
pub(crate) fn growth(values: &Values) -> Growth {
    Growth {
        grace: values.integer(&GRACE_PERIOD) as f64,
        delta: values.number(&DELTA),
        tie: values.number(&TIE_THRESHOLD),
        answer: match values.choice(&LEAF_ANSWER).as_str() {
            "mean" => Answer::Mean,
            "linear" => Answer::Linear,
            _ => Answer::Adaptive,
        },
        binary: values.boolean(&BINARY_SPLITS),
        drawn: 0,
        bytes_max: values.integer(&MEMORY_BYTES_MAX) as usize,
    }
}

/// An event, and its standardised features. Not state.
#[derive(Clone, Debug, Default)]
pub(crate) struct Room {
    pub(crate) event: Event,
    pub(crate) features: Vec<f64>,
}

impl Room {
    /// The event as leaves need it.
    pub(crate) fn standard<'a>(&'a mut self, scale: &'a Scale) -> Standard<'a> {
        scale.standardise(&self.event, &mut self.features);
        Standard { event: &self.event, features: &self.features, scale }
    }
}

/// The target that is learnt; `None` where it teaches nothing.
pub(crate) fn target_of(target: f64) -> Option<f64> {
    target.is_finite().then(|| target.clamp(-TARGET_MAX, TARGET_MAX))
}

/// See the module.
///
/// ```
/// use streamfold_learn::features::{Row, Schema};
/// use streamfold_learn::model::Regressor;
/// use streamfold_learn::tree::hoeffding_tree_regressor::{ENTRY, HoeffdingTreeRegressor};
///
/// let schema = Schema { numeric: vec!["celsius".into(), "bar".into()], ..Schema::default() };
/// let mut model = HoeffdingTreeRegressor::new(&schema, &ENTRY.values(&[])?, 0)?;
/// for event in 0..20_000 {
///     let (celsius, bar) = (f64::from(event * 37 % 100), f64::from(event * 53 % 10));
///     let target = if celsius > 50.0 { 3.0 * bar } else { celsius };
///     model.learn(Row { numeric: &[celsius, bar], ..Row::default() }, target, 1.0);
/// }
/// let predicted = model.predict(Row { numeric: &[90.0, 7.0], ..Row::default() });
/// assert_eq!(predicted.round(), 21.0);
/// # Ok::<(), streamfold_learn::params::ParamError>(())
/// ```
#[derive(Clone, Debug)]
pub struct HoeffdingTreeRegressor {
    columns: Columns,
    scale: Scale,
    tree: RegressionTree,
    /// Borrowed for the length of one call only.
    room: RefCell<Room>,
}

impl HoeffdingTreeRegressor {
    /// A model that has learnt nothing.
    pub fn new(schema: &Schema, values: &Values, seed: u64) -> Result<Self, ParamError> {
        let columns = Columns::new(ENTRY.name, schema)?;
        let tree = RegressionTree::new(&columns, growth(values), Subset::all(&columns), Random::new(seed));
        Ok(HoeffdingTreeRegressor { scale: Scale::new(&columns), columns, tree, room: RefCell::default() })
    }
}

impl Model for HoeffdingTreeRegressor {
    fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.columns.memory_bytes() + self.scale.memory_bytes() + self.tree.memory_bytes()
    }

    fn dump(&self, schema: &Schema, out: &mut String) {
        self.tree.dump(&self.columns, &self.scale, schema, dump::lines(usize::MAX), out);
    }

    fn as_explain(&self) -> Option<&dyn Explain> {
        Some(self)
    }
}

impl Explain for HoeffdingTreeRegressor {
    fn explain(&self, row: Row<'_>, _class: usize, out: &mut Contributions) {
        let mut room = self.room.borrow_mut();
        self.columns.read(row, &mut room.event);
        out.clear(row);
        self.tree.explain(0, &self.columns, room.standard(&self.scale), row.sparse, 1.0, out);
    }
}

impl Regressor for HoeffdingTreeRegressor {
    fn predict(&self, row: Row<'_>) -> f64 {
        let mut room = self.room.borrow_mut();
        self.columns.read(row, &mut room.event);
        self.tree.predict(room.standard(&self.scale))
    }

    fn learn(&mut self, row: Row<'_>, target: f64, weight: f64) {
        let (Some(target), Some(weight)) = (target_of(target), weight_of(weight)) else { return };
        let room = self.room.get_mut();
        self.columns.learn(row, &mut room.event);
        self.scale.learn(&room.event, target, weight);
        self.tree.learn(&self.columns, room.standard(&self.scale), target, weight);
    }
}

impl Snapshot for HoeffdingTreeRegressor {
    fn save(&self, out: &mut Writer) {
        out.version(1);
        self.columns.save(out);
        self.scale.save(out);
        self.tree.save(&self.columns, out);
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        from.part("hoeffding_tree_regressor");
        from.version(1)?;
        self.columns.load(from)?;
        self.scale.load(from)?;
        self.tree.load(&self.columns, from)
    }
}
