//! The values of a categorical feature, numbered in the order in which they came.

use crate::features::{Category, MISSING_CATEGORY};
use crate::params::{Param, ParamKind};
use crate::snapshot::{Reader, SnapshotError, Writer};

pub(super) const VALUES_MAX: Param = Param {
    name: "values_max",
    kind: ParamKind::Integer { min: 1, max: 1_000_000, default: 10_000 },
    doc: "Most values of one feature that are known; further ones are treated as unknown.",
    default_from: "Some 400 KB for each feature.",
};
pub(super) const KEEP: Param = Param {
    name: "keep",
    kind: ParamKind::Boolean { default: false },
    doc: "Whether the categories themselves pass too, for a model that reads them.",
    default_from: "Most models read numbers only.",
};

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct Dictionary {
    values_max: usize,
    /// Sorted, each with its number.
    values: Vec<(Category, u32)>,
}

impl Dictionary {
    pub(super) fn new(values_max: usize) -> Self {
        Dictionary { values_max, values: Vec::new() }
    }

    /// The number of a value, from 0.
    pub(super) fn number(&self, category: Category) -> Option<u32> {
        let found = self.values.binary_search_by_key(&category, |(known, _)| *known);
        found.ok().map(|at| self.values[at].1)
    }

    /// The number of a value, which is given one if there is room and it is not missing.
    pub(super) fn add(&mut self, category: Category) -> Option<u32> {
        match self.values.binary_search_by_key(&category, |(known, _)| *known) {
            Ok(at) => Some(self.values[at].1),
            Err(_) if category == MISSING_CATEGORY || self.values.len() == self.values_max => None,
            Err(at) => {
                let number = self.values.len() as u32;
                self.values.insert(at, (category, number));
                Some(number)
            }
        }
    }

    pub(super) fn len(&self) -> usize {
        self.values.len()
    }

    /// Bytes on the heap.
    pub(super) fn memory_bytes(&self) -> usize {
        self.values.capacity() * size_of::<(Category, u32)>()
    }

    pub(super) fn save(&self, out: &mut Writer) {
        out.unsigned(self.values.len() as u64);
        // In the order of their numbers, which then need not be written.
        let mut by_number: Vec<_> =
            self.values.iter().map(|&(category, number)| (number, category)).collect();
        by_number.sort_unstable();
        by_number.iter().for_each(|&(_, category)| out.word(category));
    }

    pub(super) fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        let length = from.length(8)?;
        if length > self.values_max {
            return Err(from.invalid(format!("{length} values, at most {} belong", self.values_max)));
        }
        self.values.clear();
        for number in 0..length as u32 {
            self.values.push((from.word()?, number));
        }
        self.values.sort_unstable();
        if self.values.windows(2).any(|pair| pair[0].0 == pair[1].0) {
            return Err(from.invalid("a value has two numbers"));
        }
        Ok(())
    }
}
