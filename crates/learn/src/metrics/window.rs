//! The last rows of numbers, in bounded memory.

use crate::snapshot::{Reader, Snapshot, SnapshotError, Writer};

/// A ring of the last `rows_max` rows of `width` numbers each.
///
/// Window metrics are computed from these rows anew for each report, so nothing that left the window can leave a
/// trace in them, and an event costs one write.
#[derive(Clone, Debug)]
pub(super) struct Window {
    width: usize,
    rows_max: usize,
    /// Grows until there are `rows_max` rows.
    numbers: Vec<f64>,
    /// The row that is oldest, and overwritten next, once the ring is full; 0 before.
    oldest: usize,
}

impl Window {
    /// An empty ring; it holds at least one row of at least one number.
    pub(super) fn new(width: usize, rows_max: usize) -> Self {
        Window { width: width.max(1), rows_max: rows_max.max(1), numbers: Vec::new(), oldest: 0 }
    }

    /// The row to be filled as the newest. It may hold old numbers.
    pub(super) fn push(&mut self) -> &mut [f64] {
        let mut at = self.numbers.len();
        if self.len() < self.rows_max {
            self.numbers.resize(at + self.width, 0.0);
        } else {
            at = self.oldest * self.width;
            self.oldest += 1;
            if self.oldest == self.rows_max {
                self.oldest = 0;
            }
        }
        &mut self.numbers[at..at + self.width]
    }

    /// Number of rows.
    pub(super) fn len(&self) -> usize {
        self.numbers.len() / self.width
    }

    /// The rows, oldest first.
    pub(super) fn rows(&self) -> impl Iterator<Item = &[f64]> {
        let (newer, older) = self.numbers.split_at(self.oldest * self.width);
        older.chunks_exact(self.width).chain(newer.chunks_exact(self.width))
    }
}

impl Snapshot for Window {
    fn save(&self, out: &mut Writer) {
        out.unsigned(self.len() as u64);
        for &number in self.rows().flatten() {
            out.float(number);
        }
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        let rows = from.length(8 * self.width)?;
        if rows > self.rows_max {
            return Err(from.invalid(format!("a window of {rows} rows where {} belong", self.rows_max)));
        }
        self.numbers = (0..rows * self.width).map(|_| from.float()).collect::<Result<_, _>>()?;
        self.oldest = 0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_rows_stay_in_order() {
        let mut window = Window::new(2, 3);
        for step in 0..8 {
            let row = window.push();
            row[0] = f64::from(step);
            row[1] = f64::from(-step);
            let held: Vec<f64> = window.rows().map(|row| row[0]).collect();
            let expected: Vec<f64> = ((step - 2).max(0)..=step).map(f64::from).collect();
            assert_eq!(held, expected);
            assert!(window.rows().all(|row| row[0] == -row[1]));
        }
    }

    #[test]
    fn rows_of_another_window_are_refused() {
        let mut window = Window::new(1, 3);
        for _ in 0..3 {
            window.push();
        }
        let mut out = Writer::new();
        window.save(&mut out);
        assert!(Window::new(1, 2).load(&mut Reader::new("test", out.bytes())).is_err());
        assert!(Window::new(2, 3).load(&mut Reader::new("test", out.bytes())).is_err());
    }
}
