//! From one generator over to another.

use super::Generator;
use crate::evaluate::Label;
use crate::features::{RowBuffer, Schema};
use crate::random::Random;

/// Takes events from one generator at first and from another in the end. At the event `position` both are equally
/// likely; the share of the new one follows a logistic curve that rises from 12 to 88 % within `width` events around
/// it. With `width` 0 the change is abrupt. Put one into another for several drifts.
///
/// Reference: A. Bifet, G. Holmes, B. Pfahringer, R. Kirkby, R. Gavaldà: New Ensemble Methods for Evolving Data Streams
/// (KDD 2009).
pub struct Drifting<A, B> {
    old: A,
    new: B,
    position: u64,
    width: u64,
    events: u64,
    random: Random,
}

impl<A: Generator, B: Generator> Drifting<A, B> {
    /// A stream at its beginning. Both generators must write rows of the same shape.
    pub fn new(old: A, new: B, position: u64, width: u64, seed: u64) -> Self {
        Drifting { old, new, position, width, events: 0, random: Random::of_part(seed, 0x6472_6966) }
    }

    /// Whether the next event is one of the new generator.
    fn is_new(&mut self) -> bool {
        let distance = self.events as f64 - self.position as f64;
        self.events += 1;
        match self.width {
            0 => distance >= 0.0,
            width => self.random.unit() < 1.0 / (1.0 + libm::exp(-4.0 * distance / width as f64)),
        }
    }
}

impl<A: Generator, B: Generator> Generator for Drifting<A, B> {
    fn schema(&self) -> &Schema {
        self.old.schema()
    }

    fn next(&mut self, row: &mut RowBuffer) -> Label {
        if self.is_new() { self.new.next(row) } else { self.old.next(row) }
    }
}
