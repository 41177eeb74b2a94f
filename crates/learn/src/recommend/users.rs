//! What recommenders share: who took which items of late, and lists of the best.

use super::table::{Place, Table};
use crate::features::{MISSING_CATEGORY, Row};
use crate::model::Ranked;
use crate::params::{Param, ParamKind, Values};
use crate::snapshot::{Reader, SnapshotError, Writer};

pub(super) const ITEMS_MAX: Param = Param {
    name: "items_max",
    kind: ParamKind::Integer { min: 2, max: 1_000_000, default: 10_000 },
    doc: "Most items; nothing is learnt of further ones.",
    default_from: "A list is made in some 50 microseconds then.",
};

pub(super) const HISTORY: Param = Param {
    name: "history_items",
    kind: ParamKind::Integer { min: 1, max: 10_000, default: 200 },
    doc: "How many items are remembered of each user, the last ones: 4 bytes each.",
    default_from: "Twice what the average user of MovieLens-100k has.",
};

pub(super) const REPEATS: Param = Param {
    name: "repeats",
    kind: ParamKind::Boolean { default: false },
    doc: "Whether items are recommended that the user is remembered to have taken: true for songs and groceries, false for \
          films and articles.",
    default_from: "The habit of the package `implicit`.",
};

/// No event counts for more than so many.
pub(super) const WEIGHT_MAX: f64 = 1e6;

/// The users and their last items.
#[derive(Clone, Debug)]
pub(super) struct Users {
    table: Table,
    history: usize,
    repeats: bool,
    items_max: usize,
    /// The items of each user, the last one last.
    taken: Vec<Vec<u32>>,
}

impl Users {
    pub(super) fn new(values: &Values) -> Self {
        Users {
            table: Table::new(values),
            history: values.integer(&HISTORY) as usize,
            repeats: values.boolean(&REPEATS),
            items_max: values.integer(&ITEMS_MAX) as usize,
            taken: Vec::new(),
        }
    }

    /// Whether an event of this weight teaches something about this item.
    pub(super) fn learns(&self, item: usize, weight: f64) -> bool {
        weight > 0.0 && item < self.items_max
    }

    pub(super) fn items_max(&self) -> usize {
        self.items_max
    }

    pub(super) fn len(&self) -> usize {
        self.taken.len()
    }

    fn id(row: Row<'_>) -> Option<u64> {
        row.categories.first().copied().filter(|&id| id != MISSING_CATEGORY)
    }

    /// The place of the row's user.
    pub(super) fn find(&self, row: Row<'_>) -> Option<usize> {
        Self::id(row).and_then(|id| self.table.find(id))
    }

    /// The last items of the user at this place, the last one last.
    pub(super) fn taken(&self, user: Option<usize>) -> &[u32] {
        user.and_then(|user| self.taken.get(user)).map_or(&[], Vec::as_slice)
    }

    /// Those of them that are not to be recommended.
    pub(super) fn excluded(&self, user: Option<usize>) -> &[u32] {
        if self.repeats { &[] } else { self.taken(user) }
    }

    /// Begins an event: the place whose user has expired, if one has, and the row's user with the id and the place that it
    /// has now. The item is not yet among those taken.
    pub(super) fn come(&mut self, row: Row<'_>) -> (Option<usize>, Option<(u64, Place)>) {
        let expired = self.table.begin();
        if let Some(expired) = expired {
            self.taken.swap_remove(expired);
        }
        let come = Self::id(row).map(|id| (id, self.table.come(id)));
        match come {
            Some((_, Place::Added(_))) => self.taken.push(Vec::new()),
            Some((_, Place::Replaced(place))) => self.taken[place].clear(),
            _ => {}
        }
        (expired, come)
    }

    /// The user at this place has taken an item.
    pub(super) fn take(&mut self, user: usize, item: usize) {
        let taken = &mut self.taken[user];
        taken.retain(|&other| other as usize != item);
        if taken.len() >= self.history {
            taken.remove(0);
        }
        taken.push(item as u32);
    }

    /// Heap bytes.
    pub(super) fn memory_bytes(&self) -> usize {
        self.table.memory_bytes()
            + self.taken.capacity() * size_of::<Vec<u32>>()
            + 4 * self.taken.iter().map(Vec::capacity).sum::<usize>()
    }

    pub(super) fn save(&self, out: &mut Writer) {
        self.table.save(out);
        for taken in &self.taken {
            out.unsigned(taken.len() as u64);
            taken.iter().for_each(|&item| out.unsigned(u64::from(item)));
        }
    }

    pub(super) fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        self.table.load(from)?;
        self.taken.clear();
        for _ in 0..self.table.len() {
            let length = from.length(1)?;
            if length > self.history {
                return Err(from.invalid(format!("{length} items of a user where {} may be", self.history)));
            }
            let mut taken: Vec<u32> = Vec::with_capacity(length);
            for _ in 0..length {
                let item = from.unsigned()?;
                if item >= self.items_max as u64 || taken.contains(&(item as u32)) {
                    return Err(from.invalid("an item of a user that cannot be"));
                }
                taken.push(item as u32);
            }
            self.taken.push(taken);
        }
        Ok(())
    }
}

/// The place of the user that has come, where there is room for it.
pub(super) fn admitted(come: Option<(u64, Place)>) -> Option<usize> {
    match come {
        Some((_, Place::Known(user) | Place::Added(user) | Place::Replaced(user))) => Some(user),
        _ => None,
    }
}

/// Writes the `count` items of the greatest scores into `out`, the best first; of equal ones the one with the smaller
/// number first.
pub(super) fn best(
    scores: impl Iterator<Item = (usize, f64)>,
    excluded: &[u32],
    count: usize,
    out: &mut Vec<Ranked>,
) {
    out.clear();
    for (item, score) in scores {
        if out.len() >= count && out.last().is_none_or(|last| score <= last.score) {
            continue;
        }
        if excluded.contains(&(item as u32)) {
            continue;
        }
        let place = out.partition_point(|other| other.score >= score);
        if out.len() >= count {
            out.pop();
        }
        out.insert(place, Ranked { item, score });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_come_first_and_what_is_excluded_does_not_come() {
        let scores = [3.0, 1.0, 4.0, 1.0, 5.0, 4.0];
        let mut out = Vec::new();
        best(scores.into_iter().enumerate(), &[4], 3, &mut out);
        assert_eq!(out.iter().map(|place| place.item).collect::<Vec<_>>(), [2, 5, 0]);
        best(scores.into_iter().enumerate(), &[], 0, &mut out);
        assert!(out.is_empty());
    }
}
