//! The last events and the distances of a row from each of them.

use crate::columns::Columns;
use crate::features::Row;
use crate::snapshot::{Reader, SnapshotError, Writer};

/// Events whose distances are computed side by side.
const BLOCK: usize = 8;
/// What a missing number is away from any number, as a share of the column's range.
const MISSING_DISTANCE: f64 = 0.5;

/// See the module. Numbers are kept in blocks of [`BLOCK`] events, column after column inside a block, so that plain
/// arithmetic becomes vector instructions.
#[derive(Clone, Debug)]
pub(super) struct Window {
    columns: Columns,
    events_max: usize,
    /// Numbers of all events; missing ones NaN.
    blocks: Vec<f64>,
    /// Categories of each event.
    categories: Vec<f64>,
    /// The target or class of each.
    labels: Vec<f64>,
    weights: Vec<f64>,
    /// The next to be replaced, once the window is full.
    oldest: usize,
    /// Smallest and largest number of each column in the window; follows from the rest.
    ranges: Vec<(f64, f64)>,
    /// How many numbers in the window are missing; follows from the rest.
    missing: usize,
    /// The event at hand. Not state.
    values: Vec<f64>,
}

/// Room for one question. Not state.
#[derive(Clone, Debug, Default)]
pub(super) struct Question {
    values: Vec<f64>,
    /// Reciprocal of each column's range.
    scales: Vec<f64>,
    /// Squared distance of each event, in the order of the window.
    pub(super) distances: Vec<f64>,
    sorted: Vec<f64>,
}

impl Window {
    pub(super) fn new(columns: Columns, events_max: usize) -> Self {
        let ranges = vec![(f64::INFINITY, f64::NEG_INFINITY); columns.numbers()];
        Window {
            columns,
            events_max,
            blocks: Vec::new(),
            categories: Vec::new(),
            labels: Vec::new(),
            weights: Vec::new(),
            oldest: 0,
            ranges,
            missing: 0,
            values: Vec::new(),
        }
    }

    pub(super) fn labels(&self) -> &[f64] {
        &self.labels
    }

    pub(super) fn weights(&self) -> &[f64] {
        &self.weights
    }

    /// Place of a number in the blocks.
    fn place(&self, event: usize, column: usize) -> usize {
        (event / BLOCK * self.columns.numbers() + column) * BLOCK + event % BLOCK
    }

    /// Puts an event in, in the place of the oldest where the window is full.
    pub(super) fn learn(&mut self, row: Row<'_>, label: f64, weight: f64) {
        let mut values = std::mem::take(&mut self.values);
        self.columns.read(row, &mut values);
        let numbers = self.columns.numbers();
        let categories = values.len() - numbers;
        let full = self.labels.len() == self.events_max;
        let at = if full {
            self.oldest = (self.oldest + 1) % self.events_max;
            (self.oldest + self.events_max - 1) % self.events_max
        } else {
            let at = self.labels.len();
            if at.is_multiple_of(BLOCK) {
                self.blocks.resize(self.blocks.len() + BLOCK * numbers, 0.0);
            }
            self.categories.resize((at + 1) * categories, 0.0);
            self.labels.push(0.0);
            self.weights.push(0.0);
            at
        };
        (self.labels[at], self.weights[at]) = (label, weight);
        self.categories[at * categories..][..categories].copy_from_slice(&values[numbers..]);
        for (column, &value) in values[..numbers].iter().enumerate() {
            let place = self.place(at, column);
            let old = std::mem::replace(&mut self.blocks[place], value);
            self.missing += usize::from(value.is_nan());
            if full {
                self.missing -= usize::from(old.is_nan());
            }
            let (low, high) = self.ranges[column];
            if full && (old == low || old == high) {
                self.ranges[column] = self.range(column);
            } else {
                // A NaN changes neither.
                self.ranges[column] = (low.min(value), high.max(value));
            }
        }
        self.values = values;
    }

    /// The range of a column, from all events.
    fn range(&self, column: usize) -> (f64, f64) {
        let values = (0..self.labels.len()).map(|event| self.blocks[self.place(event, column)]);
        values
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)))
    }

    /// Computes the squared distance of a row from every event; each column counts by the share of its range.
    pub(super) fn ask(&self, row: Row<'_>, question: &mut Question) {
        let Question { values, scales, distances, .. } = question;
        self.columns.read(row, values);
        let numbers = self.columns.numbers();
        scales.clear();
        scales.extend(self.ranges.iter().map(|(low, high)| {
            let range = high - low;
            if range > 0.0 && range.is_finite() { (1.0 / range).min(1e150) } else { 0.0 }
        }));
        distances.clear();
        let whole = self.missing == 0 && !values[..numbers].iter().any(|value| value.is_nan());
        for block in self.blocks.chunks_exact((BLOCK * numbers).max(1)) {
            let sums = if whole {
                block_distances(block, values, scales, |difference| difference)
            } else {
                let known = |difference: f64| if difference.is_nan() { MISSING_DISTANCE } else { difference };
                block_distances(block, values, scales, known)
            };
            distances.extend_from_slice(&sums);
        }
        distances.resize(self.labels.len(), 0.0);
        let asked = &values[numbers..];
        if !asked.is_empty() {
            for (distance, categories) in distances.iter_mut().zip(self.categories.chunks_exact(asked.len()))
            {
                let differ = categories.iter().zip(asked).filter(|(a, b)| a.to_bits() != b.to_bits());
                *distance += differ.count() as f64;
            }
        }
    }

    pub(super) fn memory_bytes(&self) -> usize {
        let numbers = self.blocks.capacity() + self.categories.capacity() + 2 * self.labels.capacity();
        size_of::<Self>() + self.columns.memory_bytes() + 16 * self.ranges.len() + 8 * numbers
    }

    pub(super) fn save(&self, out: &mut Writer) {
        out.floats(&self.labels);
        out.floats(&self.weights);
        out.unsigned(self.oldest as u64);
        for event in 0..self.labels.len() {
            (0..self.columns.numbers()).for_each(|column| out.float(self.blocks[self.place(event, column)]));
        }
        self.categories.iter().for_each(|category| out.word(category.to_bits()));
    }

    /// Loads a window; `sound` says whether a label can be.
    pub(super) fn load(
        &mut self,
        sound: impl Fn(f64) -> bool,
        from: &mut Reader<'_>,
    ) -> Result<(), SnapshotError> {
        *self = Window::new(self.columns.clone(), self.events_max);
        let (labels, weights, oldest) = (from.floats()?, from.floats()?, from.unsigned()? as usize);
        let full = labels.len() == self.events_max;
        let fits = labels.len() <= self.events_max && weights.len() == labels.len();
        if !fits || oldest >= labels.len().max(1) || (oldest > 0 && !full) {
            return Err(from.invalid("the length of the window"));
        }
        if !labels.iter().all(|label| sound(*label))
            || !weights.iter().all(|w| *w > 0.0 && *w <= super::WEIGHT_MAX)
        {
            return Err(from.invalid("labels and weights in the window"));
        }
        let numbers = self.columns.numbers();
        if from.remaining() < 8 * labels.len() * self.columns.len() {
            return Err(SnapshotError::TooShort("window"));
        }
        self.blocks.resize(labels.len().next_multiple_of(BLOCK) * numbers, 0.0);
        for event in 0..labels.len() {
            for column in 0..numbers {
                let value = from.float()?;
                if value.abs() > 1e100 {
                    return Err(from.invalid("numbers in the window"));
                }
                let place = self.place(event, column);
                self.blocks[place] = value;
                self.missing += usize::from(value.is_nan());
            }
        }
        for _ in 0..labels.len() * (self.columns.len() - numbers) {
            self.categories.push(f64::from_bits(from.word()?));
        }
        (self.labels, self.weights, self.oldest) = (labels, weights, oldest);
        for column in 0..numbers {
            self.ranges[column] = self.range(column);
        }
        Ok(())
    }
}

/// Squared distances of a row from the events of one block.
#[inline(always)]
fn block_distances(
    block: &[f64],
    values: &[f64],
    scales: &[f64],
    known: impl Fn(f64) -> f64,
) -> [f64; BLOCK] {
    let mut sums = [0.0; BLOCK];
    let (columns, _) = block.as_chunks::<BLOCK>();
    for ((column, &value), &scale) in columns.iter().zip(values).zip(scales) {
        for (sum, other) in sums.iter_mut().zip(column) {
            let difference = known((other - value) * scale);
            *sum += difference * difference;
        }
    }
    sums
}

impl Question {
    /// The squared distance of the k-th nearest event; infinite where there are fewer.
    pub(super) fn nearest(&mut self, k: usize) -> f64 {
        let Question { distances, sorted, .. } = self;
        // The k smallest so far, in rising order.
        sorted.clear();
        for &distance in distances.iter() {
            if sorted.len() < k {
                let at = sorted.partition_point(|other| *other <= distance);
                sorted.insert(at, distance);
            } else if sorted.last().is_some_and(|last| distance < *last) {
                sorted.pop();
                let at = sorted.partition_point(|other| *other <= distance);
                sorted.insert(at, distance);
            }
        }
        if sorted.len() < k { f64::INFINITY } else { sorted[k - 1] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::Schema;

    fn window(events_max: usize) -> Window {
        let schema = Schema {
            numeric: vec!["a".into(), "b".into()],
            categories: vec!["c".into()],
            ..Schema::default()
        };
        Window::new(Columns::new("test", &schema, 10).unwrap(), events_max)
    }

    #[test]
    fn columns_count_by_their_range_in_the_window_and_categories_by_one() {
        let mut window = window(3);
        let events = [([1e6, 0.0], 1), ([0.0, 0.0], 1), ([10.0, 2.0], 2), ([5.0, f64::NAN], 1)];
        for (number, (numeric, category)) in events.iter().enumerate() {
            window.learn(Row { numeric, categories: &[*category], sparse: &[] }, number as f64, 1.0);
        }
        // The first has left the window: the ranges are 10 and 2.
        let mut question = Question::default();
        window.ask(Row { numeric: &[0.0, 1.0], categories: &[1], sparse: &[] }, &mut question);
        assert_eq!(window.labels(), [3.0, 1.0, 2.0]);
        assert_eq!(question.distances, [0.25 + 0.25, 0.25, 1.0 + 0.25 + 1.0]);
        assert_eq!((question.nearest(2), question.nearest(4)), (0.5, f64::INFINITY));
    }

    #[test]
    fn ranges_are_those_of_the_events_in_the_window() {
        let mut window = window(20);
        let mut random = crate::random::Random::new(1);
        for _ in 0..500 {
            let numeric = [random.normal(), if random.below(5) == 0 { f64::NAN } else { random.unit() }];
            window.learn(Row { numeric: &numeric, categories: &[1], sparse: &[] }, 0.0, 1.0);
            assert_eq!(window.ranges, [window.range(0), window.range(1)]);
            let missing = (0..window.labels.len()).filter(|&at| window.blocks[window.place(at, 1)].is_nan());
            assert_eq!(missing.count(), window.missing);
        }
    }
}
