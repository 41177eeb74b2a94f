//! LED: the digit of a display whose segments err.
//!
//! L. Breiman, J. Friedman, R. Olshen, C. Stone: Classification and Regression Trees (1984).

use super::{Generator, nominal};
use crate::evaluate::Label;
use crate::features::{RowBuffer, Schema};
use crate::model::Task;
use crate::params::{Param, ParamKind, Values};
use crate::random::Random;
use crate::registry::GeneratorEntry;

const NOISE: Param = Param {
    name: "noise",
    kind: ParamKind::Number { min: 0.0, max: 1.0, default: 0.1 },
    doc: "Probability that a segment shows the wrong thing; with 0.1 the best accuracy is 74 %.",
    default_from: "MOA's default.",
};
const IRRELEVANT: Param = Param {
    name: "irrelevant",
    kind: ParamKind::Boolean { default: true },
    doc: "Whether 17 segments more come that mean nothing.",
    default_from: "MOA's default.",
};
const DRIFTING: Param = Param {
    name: "drifting",
    kind: ParamKind::Integer { min: 0, max: 7, default: 0 },
    doc: "Segments that have changed places with ones that mean nothing.",
    default_from: "No drift. Put this stream behind one with another number for one.",
};

/// The registry's entry.
pub const ENTRY: GeneratorEntry = GeneratorEntry {
    name: "led",
    summary: "The digit of a display whose segments err.",
    task: Task::Classification,
    params: &[NOISE, IRRELEVANT, DRIFTING],
    build: |values, seed| Box::new(Led::new(values, seed)),
};

/// The segments of each digit, the first in the highest of seven bits.
const DIGITS: [u8; 10] = [
    0b111_0111, 0b001_0010, 0b101_1101, 0b101_1011, 0b011_1010, 0b110_1011, 0b110_1111, 0b101_0010,
    0b111_1111, 0b111_1011,
];
const SEGMENTS: usize = 7;
const ALL_SEGMENTS: usize = 24;

/// See the module.
pub struct Led {
    schema: Schema,
    noise: f64,
    drifting: usize,
    random: Random,
}

impl Led {
    /// The stream at its beginning.
    pub fn new(values: &Values, seed: u64) -> Self {
        let irrelevant = values.boolean(&IRRELEVANT);
        let segments = if irrelevant { ALL_SEGMENTS } else { SEGMENTS };
        let categories = (1..=segments).map(|number| format!("segment {number}").into()).collect();
        Led {
            schema: Schema { categories, ..Schema::default() },
            noise: values.number(&NOISE),
            // Without others there is nothing to change places with.
            drifting: if irrelevant { values.integer(&DRIFTING) as usize } else { 0 },
            random: Random::new(seed),
        }
    }
}

impl Generator for Led {
    fn schema(&self) -> &Schema {
        &self.schema
    }

    fn next(&mut self, row: &mut RowBuffer) -> Label {
        row.clear();
        let digit = self.random.below(10) as usize;
        for segment in 0..self.schema.categories.len() {
            let shown = if segment < SEGMENTS {
                let on = DIGITS[digit] >> (SEGMENTS - 1 - segment) & 1 == 1;
                on != (self.random.unit() < self.noise)
            } else {
                self.random.below(2) == 1
            };
            row.categories.push(nominal(u64::from(shown)));
        }
        for segment in 0..self.drifting {
            row.categories.swap(segment, SEGMENTS + segment);
        }
        Label::Class(digit)
    }
}
