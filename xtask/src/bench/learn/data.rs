//! The events: 20 features, a number that is nearly linear in them, and a class that is not.

use anyhow::Context;
use std::path::Path;
use streamfold_learn::random::Random;

/// Features of an event.
pub const FEATURES: usize = 20;

/// Events in memory, row after row.
pub struct Data {
    /// [`FEATURES`] for each event.
    pub numeric: Vec<f64>,
    /// The label of a regression.
    pub targets: Vec<f64>,
    /// The label of a classification, 0 or 1.
    pub classes: Vec<usize>,
}

impl Data {
    /// So many events, the same for everybody.
    pub fn new(events: usize, seed: u64) -> Data {
        let mut random = Random::new(seed);
        let weights: Vec<f64> = (0..FEATURES).map(|_| random.normal()).collect();
        let mut data = Data { numeric: Vec::new(), targets: Vec::new(), classes: Vec::new() };
        for _ in 0..events {
            let row: Vec<f64> = (0..FEATURES).map(|_| random.normal()).collect();
            let sum: f64 = row.iter().zip(&weights).map(|(value, weight)| value * weight).sum();
            data.targets.push(sum + 0.5 * random.normal());
            data.classes.push(usize::from(sum + row[0] * row[1] + row[2].abs() - 0.8 > 0.0));
            data.numeric.extend(row);
        }
        data
    }

    /// Writes them for the peers: of each event the features, the target and the class, as little-endian floats.
    pub fn write(&self, file: &Path) -> anyhow::Result<()> {
        let mut bytes = Vec::with_capacity((FEATURES + 2) * 8 * self.targets.len());
        for (at, row) in self.numeric.chunks_exact(FEATURES).enumerate() {
            let labels = [self.targets[at], self.classes[at] as f64];
            row.iter().chain(&labels).for_each(|value| bytes.extend(value.to_le_bytes()));
        }
        std::fs::write(file, bytes).with_context(|| file.display().to_string())
    }
}
