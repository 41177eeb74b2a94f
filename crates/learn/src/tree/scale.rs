//! Means and deviations of the numeric features and of the target: what regression trees standardise by.

use super::columns::{Columns, Event, LANES};
use super::gaussian::Block;
use crate::snapshot::{Reader, Snapshot, SnapshotError, Writer};

/// Standardised features further out than this count as this.
const REACH: f64 = 8.0;
/// Targets further out than this count as this.
pub(crate) const TARGET_MAX: f64 = 1e100;
/// How far beyond the targets seen a prediction may lie, in their range.
const BEYOND: f64 = 0.1;

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct Scale {
    features: Vec<Block>,
    numbers: usize,
    /// The target, in the first lane.
    target: Block,
}

impl Scale {
    pub(crate) fn new(columns: &Columns) -> Self {
        let numbers = columns.numbers();
        Scale { features: vec![Block::EMPTY; numbers.div_ceil(LANES)], numbers, target: Block::EMPTY }
    }

    /// Learns an event and its target.
    pub(crate) fn learn(&mut self, event: &Event, target: f64, weight: f64) {
        for (block, values) in self.features.iter_mut().zip(event.numbers.chunks_exact(LANES)) {
            if let Some(values) = values.first_chunk() {
                block.add(*values, weight);
            }
        }
        self.target.add([target, f64::NAN, f64::NAN, f64::NAN], weight);
    }

    /// Writes the standardised features, and a 1 behind them. Missing ones are as the mean.
    pub(crate) fn standardise(&self, event: &Event, out: &mut Vec<f64>) {
        out.clear();
        for (block, values) in self.features.iter().zip(event.numbers.chunks_exact(LANES)) {
            if let Some(values) = values.first_chunk() {
                out.extend(block.standardised(*values, REACH));
            }
        }
        out.truncate(self.numbers);
        out.push(1.0);
    }

    /// Mean and deviation of the target; the deviation is 1 where there is none.
    pub(crate) fn target(&self) -> (f64, f64) {
        let (mean, deviation) = self.target.moments(0);
        (mean, if deviation > 0.0 { deviation } else { 1.0 })
    }

    /// Brings a prediction near to the targets seen.
    pub(crate) fn within(&self, prediction: f64) -> f64 {
        let (min, max) = self.target.range(0);
        if min > max || prediction.is_nan() {
            return self.target().0;
        }
        let beyond = BEYOND * (max - min);
        prediction.clamp(min - beyond, max + beyond)
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        size_of::<Block>() * self.features.len()
    }
}

impl Snapshot for Scale {
    fn save(&self, out: &mut Writer) {
        self.features.iter().for_each(|block| block.save(out));
        self.target.save(out);
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        for block in &mut self.features {
            *block = Block::load(from)?;
        }
        self.target = Block::load(from)?;
        Ok(())
    }
}
