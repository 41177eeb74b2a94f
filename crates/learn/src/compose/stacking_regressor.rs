//! Several regressors, and one that learns from their predictions.
#![doc = include_str!("stacking_regressor.md")]

use super::part::{DefaultPart, Factory};
use super::{dump_part, teaches};
use crate::features::{Row, Schema};
use crate::model::{AnyModel, Model, Regressor, Task};
use crate::params::{Param, ParamError, ParamKind, Values};
use crate::registry::{ClassesMax, ModelEntry};
use crate::snapshot::{Reader, Snapshot, SnapshotError, Writer};
use std::cell::RefCell;

const OF: Param = Param {
    name: "of",
    kind: ParamKind::Models {
        task: Task::Regression,
        default: &[
            DefaultPart::of("linear_regression"),
            DefaultPart::of("hoeffding_adaptive_tree_regressor"),
        ],
    },
    doc: "The members. The more they differ, the more there is to gain.",
    default_from: "Two that are cheap and see different things.",
};

const META: Param = Param {
    name: "meta",
    kind: ParamKind::Model {
        task: Task::Regression,
        default: DefaultPart { kind: "recursive_least_squares", numbers: &[("forgetting", 0.999)] },
    },
    doc: "What learns from the members' predictions. Its features are these alone.",
    default_from: "Measured on Friedman's stream, with drift and without: it beat every member.",
};

/// The registry's entry.
pub const ENTRY: ModelEntry = ModelEntry {
    name: "stacking_regressor",
    task: Task::Regression,
    summary: "Several regressors, and a model that learns how far to trust each.",
    doc: include_str!("stacking_regressor.md"),
    meaning_version: 1,
    params: &[OF, META],
    classes_max: ClassesMax::None,
    reads_categories: true,
    build: |schema, values, seed| {
        Ok(AnyModel::Regressor(Box::new(StackingRegressor::new(schema, values, seed)?)))
    },
};

/// See the module.
///
/// ```
/// use streamfold_learn::compose::stacking_regressor::{ENTRY, StackingRegressor};
/// use streamfold_learn::features::{Row, Schema};
/// use streamfold_learn::model::Regressor;
///
/// let schema = Schema { numeric: vec!["x".into()], ..Schema::default() };
/// let mut model = StackingRegressor::new(&schema, &ENTRY.values(&[])?, 0)?;
/// for event in 0..10_000 {
///     let x = f64::from(event % 50);
///     model.learn(Row { numeric: &[x], ..Row::default() }, 2.0 * x + 1.0, 1.0);
/// }
/// assert_eq!(model.predict(Row { numeric: &[10.0], ..Row::default() }).round(), 21.0);
/// # Ok::<(), streamfold_learn::params::ParamError>(())
/// ```
pub struct StackingRegressor {
    members: Vec<(String, Box<dyn Regressor>)>,
    /// Learns what the mean of the members' predictions lacks: before it has learnt anything, that mean is the answer.
    meta: Box<dyn Regressor>,
    meta_schema: Schema,
    schema: Schema,
    /// The members' predictions. Not state; borrowed for the length of one call only.
    predictions: RefCell<Vec<f64>>,
}

/// Names for members: that of the model, numbered from the second of its kind on.
pub(super) fn names<'a>(kinds: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for kind in kinds {
        let mut name = kind.to_owned();
        let mut number = 2;
        while names.contains(&name) {
            name = format!("{kind} {number}");
            number += 1;
        }
        names.push(name);
    }
    names
}

impl StackingRegressor {
    /// A model that has learnt nothing.
    pub fn new(schema: &Schema, values: &Values, seed: u64) -> Result<Self, ParamError> {
        let parts = values.parts(&OF);
        let names = names(parts.iter().map(|part| part.kind.as_str()));
        let mut members = Vec::with_capacity(parts.len());
        for (number, (name, part)) in (1..).zip(names.into_iter().zip(&parts)) {
            // Members of one kind draw different numbers.
            let factory = Factory::<dyn Regressor>::new(part, schema, seed.wrapping_add(number))?;
            members.push((name, factory.build()?));
        }
        let numeric = members.iter().map(|(name, _)| name.as_str().into()).collect();
        let meta_schema = Schema { numeric, ..Schema::default() };
        let meta = Factory::<dyn Regressor>::new(&values.parts(&META).swap_remove(0), &meta_schema, seed)?
            .build()?;
        Ok(StackingRegressor {
            members,
            meta,
            meta_schema,
            schema: schema.clone(),
            predictions: RefCell::default(),
        })
    }

    /// Asks the members; returns the mean of what they say.
    fn ask(members: &[(String, Box<dyn Regressor>)], row: Row<'_>, predictions: &mut Vec<f64>) -> f64 {
        predictions.clear();
        predictions.extend(members.iter().map(|(_, member)| member.predict(row)));
        let share = 1.0 / members.len().max(1) as f64;
        predictions.iter().map(|prediction| share * prediction).sum()
    }
}

impl Regressor for StackingRegressor {
    fn predict(&self, row: Row<'_>) -> f64 {
        let predictions = &mut *self.predictions.borrow_mut();
        let mean = Self::ask(&self.members, row, predictions);
        let sum = mean + self.meta.predict(Row { numeric: predictions, ..Row::default() });
        if sum.is_finite() { sum } else { mean }
    }

    fn learn(&mut self, row: Row<'_>, target: f64, weight: f64) {
        if !target.is_finite() || !teaches(weight) {
            return;
        }
        let predictions = self.predictions.get_mut();
        let mean = Self::ask(&self.members, row, predictions);
        self.meta.learn(Row { numeric: predictions, ..Row::default() }, target - mean, weight);
        self.members.iter_mut().for_each(|(_, member)| member.learn(row, target, weight));
    }
}

impl Model for StackingRegressor {
    fn memory_bytes(&self) -> usize {
        let members: usize = self.members.iter().map(|(_, member)| member.memory_bytes()).sum();
        size_of::<Self>() + members + self.meta.memory_bytes() + 64 * self.members.len()
    }

    fn dump(&self, _schema: &Schema, out: &mut String) {
        dump_part("added to the mean of the members", self.meta.as_ref(), &self.meta_schema, out);
        for (name, member) in &self.members {
            dump_part(name, member.as_ref(), &self.schema, out);
        }
    }
}

impl Snapshot for StackingRegressor {
    fn save(&self, out: &mut Writer) {
        out.version(1);
        self.members.iter().for_each(|(_, member)| member.save(out));
        self.meta.save(out);
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        from.part("stacking_regressor");
        from.version(1)?;
        self.members.iter_mut().try_for_each(|(_, member)| member.load(from))?;
        self.meta.load(from)
    }
}
