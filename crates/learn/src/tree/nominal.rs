//! How often each value of a category came with each class in a leaf.

use super::columns::CATEGORY_VALUES_MAX;
use crate::snapshot::{Reader, SnapshotError, Writer};

/// The weights of one category's values by class.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Counts {
    /// Values that there is room for.
    values: usize,
    /// By class, then by value.
    counts: Vec<f64>,
    /// By class.
    totals: Vec<f64>,
}

impl Counts {
    /// Learns a value's code (from 1). Makes room where there is none, and says so.
    pub(crate) fn add(&mut self, code: u32, class: usize, weight: f64) -> bool {
        let value = code as usize - 1;
        let grows = value >= self.values || class >= self.totals.len();
        if grows {
            self.grow((value + 1).max(self.values), (class + 1).max(self.totals.len()));
        }
        self.counts[class * self.values + value] += weight;
        self.totals[class] += weight;
        grows
    }

    fn grow(&mut self, values: usize, classes: usize) {
        let mut counts = vec![0.0; values * classes];
        for (class, old) in self.counts.chunks(self.values.max(1)).enumerate() {
            counts[class * values..][..old.len()].copy_from_slice(old);
        }
        self.counts = counts;
        self.totals.resize(classes, 0.0);
        self.values = values;
    }

    /// Values that were seen or lie below one that was.
    pub(crate) fn values(&self) -> usize {
        self.values
    }

    /// The weight of a value (from 0) in a class.
    pub(crate) fn get(&self, value: usize, class: usize) -> f64 {
        if value < self.values && class < self.totals.len() {
            self.counts[class * self.values + value]
        } else {
            0.0
        }
    }

    /// The weight of all values in a class.
    pub(crate) fn total(&self, class: usize) -> f64 {
        self.totals.get(class).copied().unwrap_or(0.0)
    }

    /// The share of a value (its code) among those of a class, each value counted once more than it came (Laplace).
    #[inline]
    pub(crate) fn share(&self, code: u32, class: usize) -> f64 {
        (self.get(code as usize - 1, class) + 1.0) / (self.total(class) + self.values.max(1) as f64)
    }

    /// Bytes on the heap.
    pub(crate) fn memory_bytes(&self) -> usize {
        8 * (self.counts.len() + self.totals.len())
    }

    pub(crate) fn save(&self, out: &mut Writer) {
        out.unsigned(self.values as u64);
        out.floats(&self.counts);
        out.floats(&self.totals);
    }

    pub(crate) fn load(from: &mut Reader<'_>, classes_max: usize) -> Result<Counts, SnapshotError> {
        let values = usize::try_from(from.unsigned()?).unwrap_or(usize::MAX);
        let (counts, totals) = (from.floats()?, from.floats()?);
        let sound = counts.iter().chain(&totals).all(|count| (0.0..=1e18).contains(count));
        if values > CATEGORY_VALUES_MAX
            || totals.len() > classes_max
            || totals.len() * values != counts.len()
            || !sound
        {
            return Err(from.invalid(format!("{} counts of {values} values", counts.len())));
        }
        Ok(Counts { values, counts, totals })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_smoothed_and_kept_while_there_is_made_room() {
        let mut counts = Counts::default();
        for (code, class) in [(1, 0), (1, 0), (2, 0), (3, 1), (1, 2)] {
            counts.add(code, class, 1.0);
        }
        assert_eq!(
            (counts.get(0, 0), counts.get(1, 0), counts.get(2, 1), counts.total(0)),
            (2.0, 1.0, 1.0, 3.0)
        );
        assert_eq!((counts.share(1, 0), counts.share(9, 0), counts.share(3, 1)), (0.5, 1.0 / 6.0, 0.5));
    }
}
