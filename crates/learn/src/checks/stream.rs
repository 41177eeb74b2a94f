//! Seeded streams of events that the checks feed.

use crate::features::{Row, Schema, category};
use crate::random::Random;

/// An event: features, and a target for every task.
#[derive(Clone, Debug)]
pub(super) struct Event {
    pub(super) numeric: Vec<f64>,
    pub(super) categories: Vec<u64>,
    pub(super) sparse: Vec<(u32, f64)>,
    pub(super) target: f64,
    pub(super) class: usize,
}

impl Event {
    pub(super) fn row(&self) -> Row<'_> {
        Row { numeric: &self.numeric, categories: &self.categories, sparse: &self.sparse }
    }

    /// The same event with its features in reverse order. Sparse features have none: their index is their name.
    pub(super) fn reversed(&self) -> Event {
        let mut reversed = self.clone();
        reversed.numeric.reverse();
        reversed.categories.reverse();
        reversed
    }
}

/// What is unusual about a stream.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Kind {
    /// Nothing.
    Plain,
    /// A third of the features is missing, and now and then all of them.
    Missing,
    /// Some features are infinite.
    Infinite,
    /// Some features are near the largest number, of either sign.
    Huge,
    /// The features never change.
    Constant,
    /// The features have units from 1e-3 to 1e6.
    Unscaled,
    /// The targets are near the largest number.
    HugeTarget,
    /// Features and targets are near the smallest number.
    Tiny,
}

impl Kind {
    pub(super) const ALL: [Kind; 8] = [
        Kind::Plain,
        Kind::Missing,
        Kind::Infinite,
        Kind::Huge,
        Kind::Constant,
        Kind::Unscaled,
        Kind::HugeTarget,
        Kind::Tiny,
    ];
}

const NUMERIC: usize = 5;
const SPARSE: u32 = 6;

/// The schema of the streams' rows.
pub(super) fn schema() -> Schema {
    Schema {
        numeric: (0..NUMERIC).map(|number| format!("number_{number}").into()).collect(),
        categories: vec!["colour".into(), "shape".into()],
        sparse_size: SPARSE,
    }
}

/// The schema with its features in reverse order.
pub(super) fn schema_reversed() -> Schema {
    let mut schema = schema();
    schema.numeric.reverse();
    schema.categories.reverse();
    schema
}

/// From -1 to 1.
fn number_of(random: &mut Random) -> f64 {
    2.0 * random.unit() - 1.0
}

/// `count` events of a kind, with `classes` classes.
pub(super) fn events(kind: Kind, count: usize, classes: usize) -> impl Iterator<Item = Event> {
    let mut random = Random::new(kind as u64 + 1);
    (0..count).map(move |number| event(&mut random, kind, number, classes))
}

fn event(random: &mut Random, kind: Kind, number: usize, classes: usize) -> Event {
    let clear: Vec<f64> = (0..NUMERIC).map(|_| number_of(random)).collect();
    let colour = random.below(4);
    let target = 3.0 * clear[0] - 2.0 * clear[1] + clear[2] + colour as f64 + 0.1 * number_of(random);
    let class = ((target + 6.0) / 15.0 * classes as f64).clamp(0.0, classes as f64 - 1.0) as usize;
    let mut event = Event {
        categories: vec![category(&[colour as u8]), category(&[random.below(7) as u8])],
        sparse: (0..SPARSE).filter(|_| random.below(3) == 0).map(|index| (index, 1.0)).collect(),
        numeric: clear,
        target,
        class,
    };
    for feature in 0..NUMERIC {
        let value = &mut event.numeric[feature];
        let chosen = random.below(3) == 0;
        match kind {
            Kind::Missing if chosen || number.is_multiple_of(10) => *value = f64::NAN,
            Kind::Infinite if chosen => *value *= f64::INFINITY,
            Kind::Huge if random.below(20) == 0 => {
                *value *= [1e99, 1e150, f64::MAX][random.below(3) as usize]
            }
            Kind::Constant => *value = feature as f64,
            Kind::Unscaled => *value *= [1e-3, 1e6, 1.0, 1e3, 1e-2][feature],
            Kind::Tiny => *value *= 1e-300,
            _ => {}
        }
    }
    match kind {
        Kind::Missing if number.is_multiple_of(10) => event.categories.fill(0),
        Kind::Infinite if number.is_multiple_of(7) => {
            event.sparse.iter_mut().for_each(|(_, v)| *v = f64::INFINITY)
        }
        Kind::Huge if number.is_multiple_of(7) => event.sparse.iter_mut().for_each(|(_, v)| *v = -f64::MAX),
        Kind::HugeTarget => event.target *= if number.is_multiple_of(5) { f64::MAX / 100.0 } else { 1e200 },
        Kind::Tiny => event.target *= 1e-300,
        _ => {}
    }
    event
}
