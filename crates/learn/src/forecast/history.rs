//! The last values of a series.

use super::bounded;
use crate::snapshot::{Reader, SnapshotError, Writer};

/// At most so many values as are looked back at; grows with what is there.
#[derive(Clone, Debug)]
pub(super) struct History {
    length_max: usize,
    values: Vec<f64>,
    /// Place of the newest.
    newest: usize,
}

impl History {
    pub(super) fn new(length_max: usize) -> Self {
        History { length_max, values: Vec::new(), newest: 0 }
    }

    pub(super) fn is_full(&self) -> bool {
        self.values.len() == self.length_max
    }

    /// The value of so many steps before the newest; none where there was none.
    pub(super) fn back(&self, steps: usize) -> Option<f64> {
        let length = self.values.len();
        (steps < length).then(|| self.values[(self.newest + length - steps) % length])
    }

    pub(super) fn push(&mut self, value: f64) {
        if self.values.len() < self.length_max {
            self.newest = self.values.len();
            self.values.push(value);
        } else if self.length_max > 0 {
            self.newest = (self.newest + 1) % self.length_max;
            self.values[self.newest] = value;
        }
    }

    pub(super) fn memory_bytes(&self) -> usize {
        8 * self.values.capacity()
    }

    /// The newest first.
    pub(super) fn save(&self, out: &mut Writer) {
        out.unsigned(self.values.len() as u64);
        (0..self.values.len()).for_each(|steps| out.float(self.back(steps).unwrap_or_default()));
    }

    pub(super) fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        self.values = from.floats()?;
        self.values.reverse();
        self.newest = self.values.len().saturating_sub(1);
        let length = self.values.len();
        match length <= self.length_max && self.values.iter().all(|value| bounded(*value) == *value) {
            true => Ok(()),
            false => {
                self.values.clear();
                Err(from.invalid(format!("{length} past values, or ones that cannot be")))
            }
        }
    }
}
