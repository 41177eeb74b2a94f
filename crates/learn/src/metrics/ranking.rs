//! Where in a list of recommendations the item stood that was taken.

use super::finite;
use super::sum::Sum;
use super::window::Window;
use crate::snapshot::{Reader, Snapshot, SnapshotError, Writer};

/// The metrics, in the order of [`Ranking::overall`].
pub(super) const NAMES: &[&str] = &["hit_rate", "mrr", "ndcg"];

#[derive(Clone, Copy, Debug, Default)]
struct Ranks {
    count: u64,
    hits: u64,
    reciprocal: Sum,
    gain: Sum,
}

impl Ranks {
    /// `place`: from 1; 0 where the item was not in the list.
    fn add(&mut self, place: f64) {
        self.count = self.count.saturating_add(1);
        if place > 0.0 {
            self.hits = self.hits.saturating_add(1);
            self.reciprocal.add(1.0 / place);
            self.gain.add(1.0 / libm::log2(place + 1.0));
        }
    }

    fn metrics(&self) -> [Option<f64>; 3] {
        let count = self.count as f64;
        [
            finite(self.hits as f64 / count),
            finite(self.reciprocal.value() / count),
            finite(self.gain.value() / count),
        ]
    }
}

/// Scores lists of recommendations.
#[derive(Clone, Debug)]
pub(super) struct Ranking {
    ranks: Ranks,
    /// Each row: the place of the item, from 1; 0 where it was not in the list.
    window: Window,
}

impl Ranking {
    pub(super) fn new(window_rows: usize) -> Self {
        Ranking { ranks: Ranks::default(), window: Window::new(1, window_rows) }
    }

    /// Scores an event whose item stood at this place, from 0.
    pub(super) fn update(&mut self, place: Option<usize>) {
        let place = place.map_or(0.0, |place| place as f64 + 1.0);
        self.ranks.add(place);
        self.window.push()[0] = place;
    }

    pub(super) fn window_rows(&self) -> usize {
        self.window.len()
    }

    pub(super) fn overall(&self) -> [Option<f64>; 3] {
        self.ranks.metrics()
    }

    pub(super) fn windowed(&self) -> [Option<f64>; 3] {
        let mut ranks = Ranks::default();
        self.window.rows().for_each(|row| ranks.add(row[0]));
        ranks.metrics()
    }
}

impl Snapshot for Ranking {
    fn save(&self, out: &mut Writer) {
        out.unsigned(self.ranks.count);
        out.unsigned(self.ranks.hits);
        self.ranks.reciprocal.save(out);
        self.ranks.gain.save(out);
        self.window.save(out);
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        self.ranks.count = from.unsigned()?;
        self.ranks.hits = from.unsigned()?;
        self.ranks.reciprocal.load(from)?;
        self.ranks.gain.load(from)?;
        self.window.load(from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_hand() {
        let mut ranking = Ranking::new(2);
        [Some(0), None, Some(2)].into_iter().for_each(|place| ranking.update(place));
        let near = |found: [Option<f64>; 3], wanted: [f64; 3]| {
            found.iter().zip(wanted).all(|(found, wanted)| (found.unwrap() - wanted).abs() < 1e-12)
        };
        assert!(near(ranking.overall(), [2.0 / 3.0, 4.0 / 9.0, 0.5]));
        assert!(near(ranking.windowed(), [0.5, 1.0 / 6.0, 0.25]));
    }
}
