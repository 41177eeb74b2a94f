//! SEA: two of three numbers must exceed a threshold together.
//!
//! W. N. Street, Y. Kim: A Streaming Ensemble Algorithm (SEA) for Large-Scale Classification (KDD 2001).

use super::{Generator, concept, noise, schema};
use crate::evaluate::Label;
use crate::features::{RowBuffer, Schema};
use crate::model::Task;
use crate::params::{Param, Values};
use crate::random::Random;
use crate::registry::GeneratorEntry;

const CONCEPT: Param = concept(3, "The threshold: 8, 9, 7 or 9.5.");
const NOISE: Param = noise(0.0);

/// The registry's entry.
pub const ENTRY: GeneratorEntry = GeneratorEntry {
    name: "sea",
    summary: "Two of three numbers must exceed a threshold together.",
    task: Task::Classification,
    params: &[CONCEPT, NOISE],
    build: |values, seed| Box::new(Sea::new(values, seed)),
};

/// See the module.
pub struct Sea {
    schema: Schema,
    threshold: f64,
    noise: f64,
    random: Random,
}

impl Sea {
    /// The stream at its beginning.
    pub fn new(values: &Values, seed: u64) -> Self {
        Sea {
            schema: schema(&["x1", "x2", "x3"], &[]),
            threshold: [8.0, 9.0, 7.0, 9.5][values.integer(&CONCEPT) as usize],
            noise: values.number(&NOISE),
            random: Random::new(seed),
        }
    }
}

impl Generator for Sea {
    fn schema(&self) -> &Schema {
        &self.schema
    }

    fn next(&mut self, row: &mut RowBuffer) -> Label {
        row.clear();
        row.numeric.extend((0..3).map(|_| 10.0 * self.random.unit()));
        let above = row.numeric[0] + row.numeric[1] > self.threshold;
        Label::Class(usize::from(above != (self.random.unit() < self.noise)))
    }
}
