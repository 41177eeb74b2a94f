//! Friedman: a function of five numbers among ten.
//!
//! J. Friedman: Multivariate Adaptive Regression Splines (Annals of Statistics 1991); for its drift E. Ikonomovska, J. Gama,
//! S. Džeroski: Learning Model Trees from Evolving Data Streams (Data Mining and Knowledge Discovery 2011).

use super::{Generator, concept};
use crate::evaluate::Label;
use crate::features::{RowBuffer, Schema};
use crate::model::Task;
use crate::params::{Param, Values};
use crate::random::Random;
use crate::registry::GeneratorEntry;

const CONCEPT: Param = concept(
    2,
    "0: the function as published; 1 and 2: with its numbers in other places, as in global recurring and gradual drifts.",
);

/// The registry's entry.
pub const ENTRY: GeneratorEntry = GeneratorEntry {
    name: "friedman",
    summary: "A function of five numbers among ten, with noise of deviation 1.",
    task: Task::Regression,
    params: &[CONCEPT],
    build: |values, seed| Box::new(Friedman::new(values, seed)),
};

/// See the module. The target is 10 sin(π a b) + 20 (c - 0.5)² + 10 d + 5 e and noise.
pub struct Friedman {
    schema: Schema,
    /// Where a to e are.
    places: [usize; 5],
    random: Random,
}

impl Friedman {
    /// The stream at its beginning.
    pub fn new(values: &Values, seed: u64) -> Self {
        Friedman {
            schema: Schema {
                numeric: (1..=10).map(|n| format!("x{n}").into()).collect(),
                ..Schema::default()
            },
            places: [[0, 1, 2, 3, 4], [3, 5, 1, 0, 2], [4, 5, 3, 1, 2]][values.integer(&CONCEPT) as usize],
            random: Random::new(seed),
        }
    }
}

impl Generator for Friedman {
    fn schema(&self) -> &Schema {
        &self.schema
    }

    fn next(&mut self, row: &mut RowBuffer) -> Label {
        row.clear();
        row.numeric.extend((0..10).map(|_| self.random.unit()));
        let [a, b, c, d, e] = self.places.map(|place| row.numeric[place]);
        let clear = 10.0 * libm::sin(std::f64::consts::PI * a * b)
            + 20.0 * (c - 0.5) * (c - 0.5)
            + 10.0 * d
            + 5.0 * e;
        Label::Number(clear + self.random.normal())
    }
}
