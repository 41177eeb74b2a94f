//! A quantile of a stream in five numbers: the P² algorithm.
//!
//! R. Jain, I. Chlamtac: The P² Algorithm for Dynamic Calculation of Quantiles and Histograms Without Storing
//! Observations (Communications of the ACM 1985).

use crate::snapshot::{Reader, SnapshotError, Writer};

/// Five markers: the least, the greatest, the quantile, and one on either side between.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Quantile {
    share: f64,
    /// Values so far, up to five; the first five are the markers themselves.
    filled: usize,
    heights: [f64; 5],
    /// How many values lie up to each marker.
    positions: [f64; 5],
}

impl Quantile {
    pub(crate) fn new(share: f64) -> Self {
        Quantile { share, filled: 0, heights: [0.0; 5], positions: [1.0, 2.0, 3.0, 4.0, 5.0] }
    }

    /// The quantile; none before there was a value.
    pub(crate) fn value(&self) -> Option<f64> {
        match self.filled {
            0 => None,
            5 => Some(self.heights[2]),
            few => Some(self.heights[((few - 1) as f64 * self.share).round() as usize]),
        }
    }

    /// Learns a value. `decay` is what is left of the number of earlier ones.
    pub(crate) fn learn(&mut self, value: f64, decay: f64) {
        if self.filled < 5 {
            self.heights[self.filled] = value;
            self.filled += 1;
            self.heights[..self.filled].sort_unstable_by(f64::total_cmp);
            return;
        }
        self.heights[0] = self.heights[0].min(value);
        self.heights[4] = self.heights[4].max(value);
        // Five values remain five: markers need room between them.
        if decay < 1.0 && self.positions[4] > 10.0 {
            self.positions.iter_mut().for_each(|position| *position = 1.0 + (*position - 1.0) * decay);
        }
        for marker in 1..5 {
            if value < self.heights[marker] || marker == 4 {
                self.positions[marker..].iter_mut().for_each(|position| *position += 1.0);
                break;
            }
        }
        let last = self.positions[4] - 1.0;
        let wanted = [self.share / 2.0, self.share, (1.0 + self.share) / 2.0];
        for (marker, share) in (1..4).zip(wanted) {
            self.adjust(marker, 1.0 + share * last);
        }
    }

    /// Moves a marker by one value towards where it should be.
    fn adjust(&mut self, marker: usize, wanted: f64) {
        let (heights, positions) = (&self.heights, &self.positions);
        let [before, at, after] = [positions[marker - 1], positions[marker], positions[marker + 1]];
        let step = match wanted - at {
            off if off >= 1.0 && after - at > 1.0 => 1.0,
            off if off <= -1.0 && before - at < -1.0 => -1.0,
            _ => return,
        };
        let [low, height, high] = [heights[marker - 1], heights[marker], heights[marker + 1]];
        let up = (high - height) / (after - at);
        let down = (height - low) / (at - before);
        let curved =
            height + step / (after - before) * ((at - before + step) * up + (after - at - step) * down);
        let moved = match low < curved && curved < high {
            true => curved,
            false if step > 0.0 => height + up,
            false => height - down,
        };
        self.heights[marker] = moved;
        self.positions[marker] += step;
    }

    pub(crate) fn save(&self, out: &mut Writer) {
        out.unsigned(self.filled as u64);
        self.heights.iter().take(self.filled).for_each(|height| out.float(*height));
        if self.filled == 5 {
            self.positions.iter().for_each(|position| out.float(*position));
        }
    }

    pub(crate) fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        *self = Quantile::new(self.share);
        let filled = from.unsigned()?;
        if filled > 5 {
            return Err(from.invalid(format!("{filled} of five markers")));
        }
        self.filled = filled as usize;
        for height in self.heights.iter_mut().take(self.filled) {
            *height = from.finite()?;
        }
        if self.filled == 5 {
            for position in &mut self.positions {
                *position = from.finite()?;
            }
        }
        let rising = self.heights[..self.filled].is_sorted();
        let usable = self.heights.iter().all(|height| super::usable(*height));
        let apart = self.positions.windows(2).all(|pair| pair[1] - pair[0] >= 0.01);
        match rising && usable && apart && self.positions[0] >= 0.0 && self.positions[4] < 1e15 {
            true => Ok(()),
            false => Err(from.invalid("markers of a quantile that cannot be")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    #[test]
    fn the_example_of_the_paper() {
        let values = [
            0.02, 0.15, 0.74, 3.39, 0.83, 22.37, 10.15, 15.43, 38.62, 15.92, 34.60, 10.28, 1.47, 0.40, 0.05,
            11.39, 0.27, 0.42, 0.09, 11.37,
        ];
        let mut median = Quantile::new(0.5);
        values.iter().for_each(|&value| median.learn(value, 1.0));
        assert_eq!(median.value().map(|value| (value * 100.0).round()), Some(444.0));
    }

    #[test]
    fn quantiles_of_a_normal_stream_and_after_a_change() {
        let mut random = Random::new(1);
        for (share, wanted) in [(0.25, -0.6745), (0.5, 0.0), (0.75, 0.6745)] {
            let (mut all, mut recent) = (Quantile::new(share), Quantile::new(share));
            for event in 0..40_000 {
                let value = random.normal() + if event < 20_000 { 50.0 } else { 0.0 };
                all.learn(if event < 20_000 { value - 50.0 } else { value }, 1.0);
                recent.learn(value, 0.999);
            }
            assert!((all.value().unwrap() - wanted).abs() < 0.03, "{:?}", all);
            assert!((recent.value().unwrap() - wanted).abs() < 0.2, "{:?}", recent);
        }
    }
}
