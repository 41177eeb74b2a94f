//! STAGGER: three Boolean concepts over size, colour and shape.
//!
//! J. C. Schlimmer, R. H. Granger: Incremental Learning from Noisy Data (Machine Learning 1986).

use super::{Generator, concept, schema};
use crate::evaluate::Label;
use crate::features::{RowBuffer, Schema, category};
use crate::model::Task;
use crate::params::{Param, Values};
use crate::random::Random;
use crate::registry::GeneratorEntry;

const CONCEPT: Param =
    concept(2, "What has class 1: small and red things; green or round ones; medium or large ones.");

/// The registry's entry.
pub const ENTRY: GeneratorEntry = GeneratorEntry {
    name: "stagger",
    summary: "Boolean concepts over size, colour and shape.",
    task: Task::Classification,
    params: &[CONCEPT],
    build: |values, seed| Box::new(Stagger::new(values, seed)),
};

const SIZES: [&[u8]; 3] = [b"small", b"medium", b"large"];
const COLOURS: [&[u8]; 3] = [b"red", b"blue", b"green"];
const SHAPES: [&[u8]; 3] = [b"circle", b"square", b"triangle"];

/// See the module.
pub struct Stagger {
    schema: Schema,
    concept: i64,
    random: Random,
}

impl Stagger {
    /// The stream at its beginning.
    pub fn new(values: &Values, seed: u64) -> Self {
        Stagger {
            schema: schema(&[], &["size", "colour", "shape"]),
            concept: values.integer(&CONCEPT),
            random: Random::new(seed),
        }
    }
}

impl Generator for Stagger {
    fn schema(&self) -> &Schema {
        &self.schema
    }

    fn next(&mut self, row: &mut RowBuffer) -> Label {
        row.clear();
        let [size, colour, shape] = std::array::from_fn(|_| self.random.below(3) as usize);
        row.categories.extend([category(SIZES[size]), category(COLOURS[colour]), category(SHAPES[shape])]);
        Label::Class(usize::from(match self.concept {
            0 => size == 0 && colour == 0,
            1 => colour == 2 || shape == 0,
            _ => size > 0,
        }))
    }
}
