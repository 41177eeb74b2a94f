//! Mixed: two of three conditions over two truth values and two numbers.
//!
//! J. Gama, P. Medas, G. Castillo, P. Rodrigues: Learning with Drift Detection (SBIA 2004).

use super::{Generator, class_zero_if, concept, nominal, schema};
use crate::evaluate::Label;
use crate::features::{RowBuffer, Schema};
use crate::model::Task;
use crate::params::{Param, Values};
use crate::random::Random;
use crate::registry::GeneratorEntry;

const CONCEPT: Param = concept(1, "The concept, or its reverse.");

/// The registry's entry.
pub const ENTRY: GeneratorEntry = GeneratorEntry {
    name: "mixed",
    summary: "Two of three conditions over two truth values and two numbers.",
    task: Task::Classification,
    params: &[CONCEPT],
    build: |values, seed| Box::new(Mixed::new(values, seed)),
};

/// See the module.
pub struct Mixed {
    schema: Schema,
    reversed: bool,
    random: Random,
}

impl Mixed {
    /// The stream at its beginning.
    pub fn new(values: &Values, seed: u64) -> Self {
        Mixed {
            schema: schema(&["x", "y"], &["v", "w"]),
            reversed: values.integer(&CONCEPT) == 1,
            random: Random::new(seed),
        }
    }
}

impl Generator for Mixed {
    fn schema(&self) -> &Schema {
        &self.schema
    }

    fn next(&mut self, row: &mut RowBuffer) -> Label {
        row.clear();
        let (v, w) = (self.random.below(2), self.random.below(2));
        let (x, y) = (self.random.unit(), self.random.unit());
        row.numeric.extend([x, y]);
        row.categories.extend([nominal(v), nominal(w)]);
        let below = y < 0.5 + 0.3 * libm::sin(3.0 * std::f64::consts::PI * x);
        class_zero_if((v + w + u64::from(below) >= 2) != self.reversed)
    }
}
