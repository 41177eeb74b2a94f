//! The items that are taken most.
#![doc = include_str!("popularity.md")]

use super::counts::{Fading, HALF_LIFE, count};
use super::table::{ADMISSION, EXPIRY, IDS_MAX};
use super::users::{HISTORY, ITEMS_MAX, REPEATS, Users, WEIGHT_MAX, admitted, best};
use crate::features::{Row, Schema};
use crate::model::{AnyModel, Model, Ranked, Recommender, Task};
use crate::params::Values;
use crate::registry::{ClassesMax, ModelEntry};
use crate::snapshot::{Reader, Snapshot, SnapshotError, Writer};
use std::fmt::Write;

/// The registry's entry.
pub const ENTRY: ModelEntry = ModelEntry {
    name: "popularity",
    task: Task::Recommendation,
    summary: "Recommends what is taken most of late, and was not yet taken by the user.",
    doc: include_str!("popularity.md"),
    meaning_version: 1,
    params: &[HALF_LIFE, REPEATS, HISTORY, ITEMS_MAX, IDS_MAX, ADMISSION, EXPIRY],
    classes_max: ClassesMax::Param(&ITEMS_MAX),
    reads_categories: true,
    build: |_schema, values, _seed| Ok(AnyModel::Recommender(Box::new(Popularity::new(values)))),
};

/// See the module.
///
/// ```
/// use streamfold_learn::features::{Row, category};
/// use streamfold_learn::model::Recommender;
/// use streamfold_learn::recommend::popularity::{ENTRY, Popularity};
///
/// let mut model = Popularity::new(&ENTRY.values(&[])?);
/// for (user, item) in [("ann", 0), ("bob", 2), ("cid", 2), ("ann", 1), ("bob", 1), ("cid", 1)] {
///     model.learn(Row { categories: &[category(user.as_bytes())], ..Row::default() }, item, 1.0);
/// }
/// let mut list = Vec::new();
/// model.recommend(Row { categories: &[category(b"dan")], ..Row::default() }, 3, 2, &mut list);
/// assert_eq!((list[0].item, list[1].item), (1, 2));
/// model.recommend(Row { categories: &[category(b"ann")], ..Row::default() }, 3, 2, &mut list);
/// assert_eq!((list.len(), list[0].item), (1, 2));
/// # Ok::<(), streamfold_learn::params::ParamError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Popularity {
    users: Users,
    fading: Fading,
    /// By item.
    counts: Vec<f64>,
}

impl Popularity {
    /// A model that has learnt nothing.
    pub fn new(values: &Values) -> Self {
        Popularity {
            users: Users::new(values),
            fading: Fading::new(values.number(&HALF_LIFE)),
            counts: Vec::new(),
        }
    }
}

impl Recommender for Popularity {
    fn recommend(&self, row: Row<'_>, items: usize, count: usize, out: &mut Vec<Ranked>) {
        let excluded = self.users.excluded(self.users.find(row));
        let there = self.counts.iter().take(items).enumerate().filter(|(_, count)| **count > 0.0);
        best(there.map(|(item, &count)| (item, self.fading.now(count))), excluded, count, out);
    }

    fn learn(&mut self, row: Row<'_>, item: usize, weight: f64) {
        if !self.users.learns(item, weight) {
            return;
        }
        let (_, come) = self.users.come(row);
        if let Some(user) = admitted(come) {
            self.users.take(user, item);
        }
        if self.counts.len() <= item {
            self.counts.resize(item + 1, 0.0);
        }
        self.counts[item] += self.fading.weight(weight.min(WEIGHT_MAX));
        if let Some(factor) = self.fading.pass() {
            self.counts.iter_mut().for_each(|count| *count *= factor);
        }
    }
}

impl Model for Popularity {
    fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.users.memory_bytes() + 8 * self.counts.capacity()
    }

    fn dump(&self, _schema: &Schema, out: &mut String) {
        // Writing to a string cannot fail.
        let _ = writeln!(out, "{} users; faded counts of the items:", self.users.len());
        let named = self.counts.iter().enumerate();
        let named = named.map(|(item, &count)| (format!("item {item}"), self.fading.now(count)));
        crate::dump::weights(named.collect(), out);
    }
}

impl Snapshot for Popularity {
    fn save(&self, out: &mut Writer) {
        out.version(1);
        self.users.save(out);
        self.fading.save(out);
        out.floats(&self.counts);
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        from.part(ENTRY.name);
        from.version(1)?;
        self.users.load(from)?;
        self.fading.load(from)?;
        let length = from.length(8)?;
        if length > self.users.items_max() {
            return Err(from.invalid(format!("{length} items where {} may be", self.users.items_max())));
        }
        self.counts.clear();
        for _ in 0..length {
            self.counts.push(count(from)?);
        }
        Ok(())
    }
}
