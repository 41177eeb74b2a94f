//! The values of each column in some tens of bins of about equally many events.

use crate::columns::{Columns, Kind};
use crate::snapshot::{Reader, SnapshotError, Writer};

/// The code of missing numbers, and of categories that are too rare to be told apart.
pub(super) const MISSING: u8 = 0;

/// Most bins of a column, the one for missing values not counted.
pub(super) const BINS_MAX: usize = 255;

/// Borders of the bins of all columns. A number lies in the first bin whose border is not below it; the codes
/// of bins start at 1.
#[derive(Clone, Debug, Default)]
pub(super) struct Bins {
    /// Where the bins of each column start in a histogram.
    pub(super) starts: Vec<u32>,
    /// Borders of each column, rising; of a category the bits of its values, rising.
    borders: Vec<Vec<f64>>,
    /// Bins of all columns.
    length: usize,
}

impl Bins {
    /// Bins in all columns together.
    pub(super) fn len(&self) -> usize {
        self.length
    }

    /// A column's part of a histogram.
    #[inline]
    pub(super) fn of<'a, T>(&self, column: usize, histogram: &'a [T]) -> &'a [T] {
        let start = self.starts[column] as usize;
        &histogram[start..start + self.borders[column].len() + 1]
    }

    /// The border (or category) of a bin.
    pub(super) fn threshold(&self, column: usize, code: u8) -> f64 {
        self.borders[column][usize::from(code) - 1]
    }

    /// The code of a value.
    #[inline]
    pub(super) fn code(&self, column: usize, kind: Kind, value: f64) -> u8 {
        let borders = &self.borders[column];
        match kind {
            Kind::Number if value.is_nan() => MISSING,
            Kind::Number => {
                let at = borders.partition_point(|border| *border < value);
                at.min(borders.len().saturating_sub(1)) as u8 + u8::from(!borders.is_empty())
            }
            Kind::Category => {
                let bits = value.to_bits();
                borders
                    .binary_search_by_key(&bits, |border| border.to_bits())
                    .map_or(MISSING, |at| at as u8 + 1)
            }
        }
    }

    /// Heap bytes.
    pub(super) fn memory_bytes(&self) -> usize {
        4 * self.starts.len() + self.borders.iter().map(|borders| 24 + 8 * borders.len()).sum::<usize>()
    }

    pub(super) fn save(&self, out: &mut Writer) {
        out.boolean(!self.borders.is_empty());
        for borders in &self.borders {
            out.unsigned(borders.len() as u64);
            // By bits: those of a category may be any.
            borders.iter().for_each(|border| out.word(border.to_bits()));
        }
    }

    pub(super) fn load(&mut self, columns: &Columns, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        *self = Bins::default();
        if !from.boolean()? {
            return Ok(());
        }
        for column in 0..columns.len() {
            let length = from.length(8)?;
            let mut borders = Vec::with_capacity(length.min(BINS_MAX));
            for _ in 0..length {
                borders.push(f64::from_bits(from.word()?));
            }
            let rising = match columns.kind(column) {
                Kind::Number => {
                    borders.windows(2).all(|pair| pair[0] < pair[1]) && borders.iter().all(|b| !b.is_nan())
                }
                Kind::Category => borders.windows(2).all(|pair| pair[0].to_bits() < pair[1].to_bits()),
            };
            if length > BINS_MAX || !rising {
                return Err(from.invalid("the borders of bins do not rise, or are too many"));
            }
            self.add(borders);
        }
        Ok(())
    }

    fn add(&mut self, borders: Vec<f64>) {
        self.starts.push(self.length as u32);
        self.length += borders.len() + 1;
        self.borders.push(borders);
    }

    /// Whether there are none yet.
    pub(super) fn is_empty(&self) -> bool {
        self.starts.is_empty()
    }

    /// Makes at most `bins` of each column from the rows of a window.
    pub(super) fn fit(&mut self, columns: &Columns, rows: &[f64], bins: usize, scratch: &mut Vec<f64>) {
        let mut old = std::mem::take(self).borders.into_iter();
        for column in 0..columns.len() {
            let mut borders = old.next().unwrap_or_default();
            borders.clear();
            scratch.clear();
            scratch.extend(rows.iter().skip(column).step_by(columns.len()));
            match columns.kind(column) {
                Kind::Number => quantiles(scratch, bins, &mut borders),
                Kind::Category => frequent(scratch, &mut borders),
            }
            self.add(borders);
        }
    }
}

/// At most `bins` borders halfway between neighbouring values; the last one is infinite.
fn quantiles(values: &mut Vec<f64>, bins: usize, borders: &mut Vec<f64>) {
    values.retain(|value| !value.is_nan());
    values.sort_unstable_by(f64::total_cmp);
    let mut at = 0;
    while at < values.len() && borders.len() + 1 < bins {
        // As many events in each bin as are left for each bin.
        let share = (values.len() - at).div_ceil(bins - borders.len());
        let last = values[(at + share - 1).min(values.len() - 1)];
        at += values[at..].partition_point(|value| *value <= last);
        if at < values.len() {
            borders.push(last / 2.0 + values[at] / 2.0);
        }
    }
    if !values.is_empty() {
        borders.push(f64::INFINITY);
    }
}

/// The most frequent categories.
fn frequent(values: &mut [f64], categories: &mut Vec<f64>) {
    values.sort_unstable_by_key(|value| value.to_bits());
    let mut counted: Vec<(usize, u64)> = Vec::new();
    for same in values.chunk_by(|a, b| a.to_bits() == b.to_bits()) {
        counted.push((same.len(), same[0].to_bits()));
    }
    counted.sort_unstable_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
    counted.truncate(BINS_MAX - 1);
    categories.extend(counted.iter().map(|(_, bits)| f64::from_bits(*bits)));
    categories.sort_unstable_by_key(|value| value.to_bits());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bins_hold_equally_many_and_equal_values_share_one() {
        let mut borders = Vec::new();
        quantiles(&mut vec![5.0, f64::NAN, 1.0, 1.0, 1.0, 2.0, 9.0], 3, &mut borders);
        assert_eq!(borders, [1.5, 7.0, f64::INFINITY]);
        let bins = Bins { starts: vec![0], borders: vec![borders], length: 4 };
        let codes = [1.0, 1.5, 1.6, 4.0, 1e9, f64::NAN].map(|value| bins.code(0, Kind::Number, value));
        assert_eq!(codes, [1, 1, 2, 2, 3, MISSING]);
    }

    #[test]
    fn rare_categories_share_the_code_of_what_is_missing() {
        let mut values: Vec<f64> = (0..300).map(f64::from_bits).chain([f64::from_bits(7)]).collect();
        let mut categories = Vec::new();
        frequent(&mut values, &mut categories);
        assert_eq!(categories.len(), BINS_MAX - 1);
        let bins = Bins { starts: vec![0], borders: vec![categories], length: BINS_MAX };
        assert_eq!(bins.code(0, Kind::Category, f64::from_bits(7)), 8);
        assert_eq!(bins.code(0, Kind::Category, f64::from_bits(299)), MISSING);
    }
}
