//! The adaptive random forest for numbers.
#![doc = include_str!("adaptive_random_forest_regressor.md")]

use super::replaced::{Deltas, Replaced};
use super::{
    DELTA, DRIFT_DELTA, FEATURES_SHARE, GRACE_PERIOD, LAMBDA, MEMORY_BYTES_MAX, TREES, WARNING_DELTA,
    bytes_of_tree, features_of,
};
use crate::dump;
use crate::features::{Row, Schema};
use crate::model::{AnyModel, Contributions, Explain, Model, Regressor, Task};
use crate::params::{ParamError, Values};
use crate::random::Random;
use crate::registry::{ClassesMax, ModelEntry};
use crate::snapshot::{Reader, Snapshot, SnapshotError, Writer};
use crate::tree::columns::Columns;
use crate::tree::hoeffding_tree_regressor::{LEAF_ANSWER, Room, growth, target_of};
use crate::tree::regress::{Growth, RegressionTree, Standard};
use crate::tree::scale::Scale;
use crate::tree::{BINARY_SPLITS, Subset, TIE_THRESHOLD, weight_of};
use std::cell::RefCell;

/// The registry's entry.
pub const ENTRY: ModelEntry = ModelEntry {
    name: "adaptive_random_forest_regressor",
    task: Task::Regression,
    summary: "Regression trees on drawn features, each replaced by one from the background when its errors rise.",
    doc: include_str!("adaptive_random_forest_regressor.md"),
    meaning_version: 1,
    params: &[
        TREES,
        LAMBDA,
        FEATURES_SHARE,
        DRIFT_DELTA,
        WARNING_DELTA,
        GRACE_PERIOD,
        DELTA,
        TIE_THRESHOLD,
        LEAF_ANSWER,
        BINARY_SPLITS,
        MEMORY_BYTES_MAX,
    ],
    classes_max: ClassesMax::None,
    reads_categories: true,
    build: |schema, values, seed| {
        Ok(AnyModel::Regressor(Box::new(AdaptiveRandomForestRegressor::new(schema, values, seed)?)))
    },
};

/// Errors of this many deviations of the target, and larger ones, count as 1 in the windows.
const ERROR_MAX: f64 = 3.0;
/// What a tree's mean squared error keeps with each event.
const FADING: f64 = 0.995;

#[derive(Clone, Debug)]
struct Settings {
    growth: Growth,
    trees: usize,
    lambda: f64,
    deltas: Deltas,
}

/// A tree, and what is known of how well it does.
#[derive(Clone, Debug)]
struct Member {
    at_work: Replaced<RegressionTree>,
    /// Fading sum of squared errors, in squared deviations of the target, and of their weights, since it was new.
    squares: f64,
    weight: f64,
    random: Random,
}

fn new_tree(settings: &Settings, columns: &Columns, random: &mut Random) -> RegressionTree {
    RegressionTree::new(columns, settings.growth, Subset::all(columns), Random::new(random.word()))
}

impl Member {
    fn new(settings: &Settings, columns: &Columns, mut random: Random) -> Self {
        Member {
            at_work: Replaced::new(new_tree(settings, columns, &mut random), settings.deltas),
            squares: 0.0,
            weight: 0.0,
            random,
        }
    }

    /// What its vote counts: the inverse of its mean squared error, as if one event had been a deviation off.
    fn vote(&self) -> f64 {
        (self.weight + 1.0) / (self.squares + 1.0)
    }

    fn learn(
        &mut self,
        settings: &Settings,
        columns: &Columns,
        standard: Standard<'_>,
        (target, weight): (f64, f64),
    ) {
        let times = self.random.poisson(settings.lambda);
        if times == 0 {
            return;
        }
        let predicted = self.at_work.tree.learn(columns, standard, target, weight * f64::from(times));
        if let Some(background) = &mut self.at_work.background {
            background.learn(columns, standard, target, weight);
        }
        let off = ((predicted - target) / standard.scale.target().1).abs().min(1e3);
        self.squares = FADING * self.squares + off * off;
        self.weight = FADING * self.weight + 1.0;
        let error = (off / ERROR_MAX).min(1.0);
        let fresh = || new_tree(settings, columns, &mut self.random);
        if self.at_work.judge(error, settings.deltas, fresh) {
            (self.squares, self.weight) = (0.0, 0.0);
        }
    }

    fn save(&self, columns: &Columns, out: &mut Writer) {
        self.random.save(out);
        out.float(self.squares);
        out.float(self.weight);
        self.at_work.save(out, |tree, out| tree.save(columns, out));
    }

    fn load(
        &mut self,
        settings: &Settings,
        columns: &Columns,
        from: &mut Reader<'_>,
    ) -> Result<(), SnapshotError> {
        self.random.load(from)?;
        self.squares = from.finite_not_negative()?;
        self.weight = from.finite_not_negative()?;
        if self.squares.max(self.weight) > 1e12 {
            return Err(from.invalid("a tree's errors are out of reach"));
        }
        let fresh = || new_tree(settings, columns, &mut self.random.clone());
        self.at_work.load(from, fresh, |tree, from| tree.load(columns, from))
    }
}

/// See the module.
///
/// ```
/// use streamfold_learn::features::{Row, Schema};
/// use streamfold_learn::forest::adaptive_random_forest_regressor::{AdaptiveRandomForestRegressor, ENTRY};
/// use streamfold_learn::model::Regressor;
///
/// let schema = Schema { numeric: vec!["celsius".into(), "bar".into()], ..Schema::default() };
/// let mut model = AdaptiveRandomForestRegressor::new(&schema, &ENTRY.values(&[])?, 0)?;
/// for event in 0..5000 {
///     let (celsius, bar) = (f64::from(event * 37 % 100), f64::from(event * 53 % 10));
///     let target = if celsius > 50.0 { 3.0 * bar } else { celsius };
///     model.learn(Row { numeric: &[celsius, bar], ..Row::default() }, target, 1.0);
/// }
/// let predicted = model.predict(Row { numeric: &[90.0, 7.0], ..Row::default() });
/// assert_eq!(predicted.round(), 21.0);
/// # Ok::<(), streamfold_learn::params::ParamError>(())
/// ```
#[derive(Clone, Debug)]
pub struct AdaptiveRandomForestRegressor {
    settings: Settings,
    columns: Columns,
    scale: Scale,
    members: Vec<Member>,
    /// Borrowed for the length of one call only.
    room: RefCell<Room>,
}

impl AdaptiveRandomForestRegressor {
    /// A model that has learnt nothing.
    pub fn new(schema: &Schema, values: &Values, seed: u64) -> Result<Self, ParamError> {
        let columns = Columns::new(ENTRY.name, schema)?;
        let trees = values.integer(&TREES) as usize;
        let growth = Growth {
            grace: values.integer(&GRACE_PERIOD) as f64,
            delta: values.number(&DELTA),
            drawn: features_of(values.number(&FEATURES_SHARE), &columns, 1),
            bytes_max: bytes_of_tree(values, trees, 2, true),
            ..growth(values)
        };
        let settings = Settings {
            growth,
            trees,
            lambda: values.number(&LAMBDA),
            deltas: Deltas { drift: values.number(&DRIFT_DELTA), warning: values.number(&WARNING_DELTA) },
        };
        let member = |number| Member::new(&settings, &columns, Random::of_part(seed, number));
        let members = (0..settings.trees as u64).map(member).collect();
        let scale = Scale::new(&columns);
        Ok(AdaptiveRandomForestRegressor { settings, columns, scale, members, room: RefCell::default() })
    }
}

impl Model for AdaptiveRandomForestRegressor {
    fn memory_bytes(&self) -> usize {
        let member =
            |member: &Member| size_of::<Member>() + member.at_work.heap_bytes(RegressionTree::memory_bytes);
        let members: usize = self.members.iter().map(member).sum();
        size_of::<Self>() + self.columns.memory_bytes() + self.scale.memory_bytes() + members
    }

    fn dump(&self, schema: &Schema, out: &mut String) {
        for (number, member) in self.members.iter().take(dump::lines(self.members.len())).enumerate() {
            let growing =
                if member.at_work.background.is_some() { ", another grows in the background" } else { "" };
            out.push_str(&format!("tree {number}, votes with weight {:.3}{growing}:\n", member.vote()));
            member.at_work.tree.dump(&self.columns, &self.scale, schema, dump::lines(usize::MAX), out);
        }
        dump::rest(self.members.len(), out);
    }

    fn as_explain(&self) -> Option<&dyn Explain> {
        Some(self)
    }
}

impl Explain for AdaptiveRandomForestRegressor {
    fn explain(&self, row: Row<'_>, _class: usize, out: &mut Contributions) {
        let mut room = self.room.borrow_mut();
        self.columns.read(row, &mut room.event);
        out.clear(row);
        let sum: f64 = self.members.iter().map(Member::vote).sum();
        let standard = room.standard(&self.scale);
        for member in &self.members {
            member.at_work.tree.explain(0, &self.columns, standard, row.sparse, member.vote() / sum, out);
        }
    }
}

impl Regressor for AdaptiveRandomForestRegressor {
    fn predict(&self, row: Row<'_>) -> f64 {
        let mut room = self.room.borrow_mut();
        self.columns.read(row, &mut room.event);
        let standard = room.standard(&self.scale);
        let (mut sum, mut votes) = (0.0, 0.0);
        for member in &self.members {
            let vote = member.vote();
            sum += vote * member.at_work.tree.predict(standard);
            votes += vote;
        }
        sum / votes
    }

    fn learn(&mut self, row: Row<'_>, target: f64, weight: f64) {
        let (Some(target), Some(weight)) = (target_of(target), weight_of(weight)) else { return };
        let room = self.room.get_mut();
        self.columns.learn(row, &mut room.event);
        self.scale.learn(&room.event, target, weight);
        let standard = room.standard(&self.scale);
        for member in &mut self.members {
            member.learn(&self.settings, &self.columns, standard, (target, weight));
        }
    }
}

impl Snapshot for AdaptiveRandomForestRegressor {
    fn save(&self, out: &mut Writer) {
        out.version(1);
        self.columns.save(out);
        self.scale.save(out);
        self.members.iter().for_each(|member| member.save(&self.columns, out));
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        from.part("adaptive_random_forest_regressor");
        from.version(1)?;
        self.columns.load(from)?;
        self.scale.load(from)?;
        self.members.iter_mut().try_for_each(|member| member.load(&self.settings, &self.columns, from))
    }
}
