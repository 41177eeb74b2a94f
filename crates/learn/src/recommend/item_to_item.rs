//! Items that are taken by those who took what the user took.
#![doc = include_str!("item_to_item.md")]

use super::counts::{Fading, HALF_LIFE, count};
use super::table::{ADMISSION, EXPIRY, IDS_MAX};
use super::users::{HISTORY, ITEMS_MAX, REPEATS, Users, WEIGHT_MAX, admitted, best};
use crate::features::{Row, Schema};
use crate::model::{AnyModel, Model, Ranked, Recommender, Task};
use crate::params::{Param, ParamKind, Values};
use crate::registry::{ClassesMax, ModelEntry};
use crate::snapshot::{Reader, Snapshot, SnapshotError, Writer};
use std::cell::RefCell;
use std::fmt::Write;

const NEIGHBORS: Param = Param {
    name: "neighbors",
    kind: ParamKind::Integer { min: 1, max: 10_000, default: 200 },
    doc: "Of how many other items it is kept for each item how often they were taken together: 16 bytes each.",
    default_from: "Some 3 KB for each item.",
};

const RECENT: Param = Param {
    name: "recent_items",
    kind: ParamKind::Integer { min: 1, max: 1000, default: 10 },
    doc: "How many of a user's last items a new one is paired with, and its recommendations follow from.",
    default_from: "On MovieLens-100k the item is among the ten recommended in 18.6 % of events with 10, in 14.8 % with 50.",
};

/// How much popularity counts beside similarity: enough to order items of which no similarity is known.
const POPULARITY: f64 = 1e-6;

/// The registry's entry.
pub const ENTRY: ModelEntry = ModelEntry {
    name: "item_to_item",
    task: Task::Recommendation,
    summary: "Recommends what is taken by those who took what the user took of late.",
    doc: include_str!("item_to_item.md"),
    meaning_version: 1,
    params: &[NEIGHBORS, RECENT, HALF_LIFE, REPEATS, HISTORY, ITEMS_MAX, IDS_MAX, ADMISSION, EXPIRY],
    classes_max: ClassesMax::Param(&ITEMS_MAX),
    reads_categories: true,
    build: |_schema, values, _seed| Ok(AnyModel::Recommender(Box::new(ItemToItem::new(values)))),
};

/// What is known of an item.
#[derive(Clone, Debug, Default)]
struct Item {
    /// How often it was taken.
    count: f64,
    /// Other items, and how often they were taken by the same users.
    others: Vec<(u32, f64)>,
}

/// See the module.
///
/// ```
/// use streamfold_learn::features::{Row, category};
/// use streamfold_learn::model::Recommender;
/// use streamfold_learn::recommend::item_to_item::{ENTRY, ItemToItem};
///
/// let mut model = ItemToItem::new(&ENTRY.values(&[])?);
/// // Who takes item 0 takes item 1, who takes item 2 takes item 3.
/// for user in 0..20u8 {
///     for item in [0, 1].map(|item| item + 2 * usize::from(user % 2)) {
///         model.learn(Row { categories: &[category(&[user])], ..Row::default() }, item, 1.0);
///     }
/// }
/// let newcomer = [category(b"new")];
/// let row = Row { categories: &newcomer, ..Row::default() };
/// model.learn(row, 2, 1.0);
/// let mut list = Vec::new();
/// model.recommend(row, 4, 3, &mut list);
/// assert_eq!(list[0].item, 3);
/// # Ok::<(), streamfold_learn::params::ParamError>(())
/// ```
#[derive(Clone, Debug)]
pub struct ItemToItem {
    users: Users,
    fading: Fading,
    neighbors: usize,
    recent: usize,
    items: Vec<Item>,
    total: f64,
    /// The scores of a list. Not state.
    scores: RefCell<Vec<f64>>,
}

impl ItemToItem {
    /// A model that has learnt nothing.
    pub fn new(values: &Values) -> Self {
        ItemToItem {
            users: Users::new(values),
            fading: Fading::new(values.number(&HALF_LIFE)),
            neighbors: values.integer(&NEIGHBORS) as usize,
            recent: values.integer(&RECENT) as usize,
            items: Vec::new(),
            total: 0.0,
            scores: RefCell::default(),
        }
    }

    fn recent<'a>(&self, taken: &'a [u32]) -> &'a [u32] {
        &taken[taken.len().saturating_sub(self.recent)..]
    }

    /// One item was taken with another; in a full list the rarest makes room. It does not hand its count on, as space-saving
    /// would have it: chance companions would then look as close as true ones.
    fn together(&mut self, one: usize, other: u32, weight: f64) {
        let Some(item) = self.items.get_mut(one) else { return };
        if let Some((_, count)) = item.others.iter_mut().find(|(known, _)| *known == other) {
            *count += weight;
        } else if item.others.len() < self.neighbors {
            item.others.push((other, weight));
        } else if let Some(rarest) = item.others.iter_mut().min_by(|a, b| a.1.total_cmp(&b.1)) {
            *rarest = (other, weight);
        }
    }

    fn scale(&mut self, factor: f64) {
        self.total *= factor;
        for item in &mut self.items {
            item.count *= factor;
            item.others.iter_mut().for_each(|(_, count)| *count *= factor);
        }
    }
}

impl Recommender for ItemToItem {
    fn recommend(&self, row: Row<'_>, items: usize, count: usize, out: &mut Vec<Ranked>) {
        let user = self.users.find(row);
        let mut scores = self.scores.borrow_mut();
        scores.clear();
        let all = self.total.max(f64::MIN_POSITIVE);
        scores.extend(self.items.iter().take(items).map(|item| POPULARITY * item.count / all));
        for &taken in self.recent(self.users.taken(user)) {
            let Some(item) = self.items.get(taken as usize) else { continue };
            let scale = if item.count > 0.0 { 1.0 / item.count.sqrt() } else { 0.0 };
            for &(other, together) in &item.others {
                if let (Some(score), Some(of)) =
                    (scores.get_mut(other as usize), self.items.get(other as usize))
                {
                    // A square root for each, so that no product of counts overflows.
                    *score += together * scale / of.count.max(f64::MIN_POSITIVE).sqrt();
                }
            }
        }
        let there = scores.iter().enumerate().filter(|(_, score)| **score > 0.0 && score.is_finite());
        best(there.map(|(item, &score)| (item, score)), self.users.excluded(user), count, out);
    }

    fn learn(&mut self, row: Row<'_>, item: usize, weight: f64) {
        if !self.users.learns(item, weight) {
            return;
        }
        if self.items.len() <= item {
            self.items.resize_with(item + 1, Item::default);
        }
        let weight = self.fading.weight(weight.min(WEIGHT_MAX));
        self.items[item].count += weight;
        self.total += weight;
        let (_, come) = self.users.come(row);
        if let Some(user) = admitted(come) {
            let length = self.recent(self.users.taken(Some(user))).len();
            for back in 1..=length {
                let taken = self.users.taken(Some(user));
                let other = taken[taken.len() - back];
                if other as usize != item {
                    self.together(item, other, weight);
                    self.together(other as usize, item as u32, weight);
                }
            }
            self.users.take(user, item);
        }
        if let Some(factor) = self.fading.pass() {
            self.scale(factor);
        }
    }
}

impl Model for ItemToItem {
    fn memory_bytes(&self) -> usize {
        let others = self.items.iter().map(|item| item.others.capacity()).sum::<usize>();
        size_of::<Self>()
            + self.users.memory_bytes()
            + self.items.capacity() * size_of::<Item>()
            + others * size_of::<(u32, f64)>()
            + 8 * self.items.len()
    }

    fn dump(&self, _schema: &Schema, out: &mut String) {
        // Writing to a string cannot fail.
        let _ = writeln!(out, "{} users; items with the one most taken with them:", self.users.len());
        for (number, item) in self.items.iter().enumerate().take(crate::dump::lines(self.items.len())) {
            let most = item.others.iter().max_by(|a, b| a.1.total_cmp(&b.1));
            let with = most.map_or_else(|| "none".to_owned(), |(other, _)| format!("item {other}"));
            let _ = writeln!(out, "  {:.6e}  item {number}, with {with}", self.fading.now(item.count));
        }
        crate::dump::rest(self.items.len(), out);
    }
}

impl Snapshot for ItemToItem {
    fn save(&self, out: &mut Writer) {
        out.version(1);
        self.users.save(out);
        self.fading.save(out);
        out.float(self.total);
        out.unsigned(self.items.len() as u64);
        for item in &self.items {
            out.float(item.count);
            out.unsigned(item.others.len() as u64);
            for &(other, together) in &item.others {
                out.unsigned(u64::from(other));
                out.float(together);
            }
        }
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        from.part(ENTRY.name);
        from.version(1)?;
        self.users.load(from)?;
        self.fading.load(from)?;
        self.total = count(from)?;
        self.items.clear();
        let length = from.length(9)?;
        if length > self.users.items_max() {
            return Err(from.invalid(format!("{length} items where {} may be", self.users.items_max())));
        }
        for _ in 0..length {
            let mut item = Item { count: count(from)?, others: Vec::new() };
            let others = from.length(9)?;
            if others > self.neighbors {
                return Err(from.invalid(format!("{others} neighbors where {} may be", self.neighbors)));
            }
            for _ in 0..others {
                let other = from.unsigned()?;
                if other >= length as u64 {
                    return Err(from.invalid("a neighbor that is no item"));
                }
                item.others.push((other as u32, count(from)?));
            }
            self.items.push(item);
        }
        Ok(())
    }
}
