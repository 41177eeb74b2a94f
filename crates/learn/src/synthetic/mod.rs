//! Seeded streams whose concept is known: for tests, examples and comparisons.
//!
//! A [`Generator`] writes one event after another for ever, the same ones for the same seed. Most have several concepts,
//! chosen by the parameter `concept`; [`Drifting`] goes over from one generator to another, at once or gradually, and
//! the generators `random_rbf` and `hyperplane` move all the time if told so. Classes are numbered as in MOA. The
//! distributions are those of MOA's and River's generators, not their random bits.
//!
//! ```
//! use streamfold_learn::evaluate::Label;
//! use streamfold_learn::params::ParamValue;
//! use streamfold_learn::registry;
//! use streamfold_learn::synthetic::{Drifting, events};
//!
//! let sea = registry::generator("sea").ok_or("no such generator")?;
//! let build = |concept: i64, seed: u64| {
//!     let given = [("concept".to_owned(), ParamValue::Integer(concept))];
//!     sea.values(&given).map(|values| (sea.build)(&values, seed))
//! };
//! // From the threshold 8 to 7, around the 5000th event, within some 1000 events.
//! let stream = Drifting::new(build(0, 1)?, build(2, 2)?, 5000, 1000, 3);
//! let ones = events(stream).take(5000).filter(|(_, label)| *label == Label::Class(1)).count();
//! assert_eq!((ones as f64 / 50.0).round(), 67.0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod agrawal;
mod drifting;
pub mod friedman;
pub mod hyperplane;
pub mod led;
pub mod mixed;
pub mod random_rbf;
pub mod random_tree;
pub mod sea;
pub mod sine;
pub mod stagger;

pub use drifting::Drifting;

use crate::evaluate::Label;
use crate::features::{Category, RowBuffer, Schema, category};
use crate::params::{Param, ParamKind};

/// A stream of events without end.
pub trait Generator: Send {
    /// The shape of its rows.
    fn schema(&self) -> &Schema;
    /// Writes the features of the next event into `row`, which it clears first, and says its label.
    fn next(&mut self, row: &mut RowBuffer) -> Label;
}

impl Generator for Box<dyn Generator> {
    fn schema(&self) -> &Schema {
        self.as_ref().schema()
    }

    fn next(&mut self, row: &mut RowBuffer) -> Label {
        self.as_mut().next(row)
    }
}

/// The events of a generator, each in a row of its own.
pub fn events(mut generator: impl Generator) -> impl Iterator<Item = (RowBuffer, Label)> {
    std::iter::repeat_with(move || {
        let mut row = RowBuffer::default();
        let label = generator.next(&mut row);
        (row, label)
    })
}

/// The parameter that says how often a label is another one than the concept has.
const fn noise(default: f64) -> Param {
    Param {
        name: "noise",
        kind: ParamKind::Number { min: 0.0, max: 1.0, default },
        doc: "Share of events with the wrong label.",
        default_from: "The generator's default in MOA and River.",
    }
}

/// The parameter that chooses one of a generator's concepts.
const fn concept(max: i64, doc: &'static str) -> Param {
    Param {
        name: "concept",
        kind: ParamKind::Integer { min: 0, max, default: 0 },
        doc,
        default_from: "The first in the paper.",
    }
}

fn schema(numeric: &[&str], categories: &[&str]) -> Schema {
    let names = |names: &[&str]| names.iter().map(|name| (*name).into()).collect();
    Schema { numeric: names(numeric), categories: names(categories), sparse_size: 0 }
}

/// The category of a number.
fn nominal(number: u64) -> Category {
    category(number.to_string().as_bytes())
}

/// The class for a condition: 0 where it holds, as in MOA, else 1.
fn class_zero_if(condition: bool) -> Label {
    Label::Class(usize::from(!condition))
}
