//! Sine: points above or below a sine curve.
//!
//! J. Gama, P. Medas, G. Castillo, P. Rodrigues: Learning with Drift Detection (SBIA 2004).

use super::{Generator, class_zero_if, concept, schema};
use crate::evaluate::Label;
use crate::features::{RowBuffer, Schema};
use crate::model::Task;
use crate::params::{Param, ParamKind, Values};
use crate::random::Random;
use crate::registry::GeneratorEntry;

const CONCEPT: Param = concept(3, "SINE1, SINE1 reversed, SINE2, SINE2 reversed.");
const IRRELEVANT: Param = Param {
    name: "irrelevant",
    kind: ParamKind::Boolean { default: false },
    doc: "Whether two numbers more come that mean nothing.",
    default_from: "As in MOA and River.",
};

/// The registry's entry.
pub const ENTRY: GeneratorEntry = GeneratorEntry {
    name: "sine",
    summary: "Points above or below a sine curve.",
    task: Task::Classification,
    params: &[CONCEPT, IRRELEVANT],
    build: |values, seed| Box::new(Sine::new(values, seed)),
};

/// See the module.
pub struct Sine {
    schema: Schema,
    concept: i64,
    random: Random,
}

impl Sine {
    /// The stream at its beginning.
    pub fn new(values: &Values, seed: u64) -> Self {
        let names = if values.boolean(&IRRELEVANT) { &["x1", "x2", "x3", "x4"][..] } else { &["x1", "x2"] };
        Sine { schema: schema(names, &[]), concept: values.integer(&CONCEPT), random: Random::new(seed) }
    }
}

impl Generator for Sine {
    fn schema(&self) -> &Schema {
        &self.schema
    }

    fn next(&mut self, row: &mut RowBuffer) -> Label {
        row.clear();
        row.numeric.extend(self.schema.numeric.iter().map(|_| self.random.unit()));
        let (x, y) = (row.numeric[0], row.numeric[1]);
        let curve = match self.concept {
            0 | 1 => libm::sin(y),
            _ => 0.5 + 0.3 * libm::sin(3.0 * std::f64::consts::PI * y),
        };
        class_zero_if((x >= curve) == (self.concept % 2 == 0))
    }
}
