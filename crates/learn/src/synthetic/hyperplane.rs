//! Hyperplane: which side of a plane that turns slowly.
//!
//! G. Hulten, L. Spencer, P. Domingos: Mining Time-Changing Data Streams (KDD 2001).

use super::{Generator, noise};
use crate::evaluate::Label;
use crate::features::{RowBuffer, Schema};
use crate::model::Task;
use crate::params::{Param, ParamKind, Values};
use crate::random::Random;
use crate::registry::GeneratorEntry;

const FEATURES: Param = Param {
    name: "features",
    kind: ParamKind::Integer { min: 2, max: 10_000, default: 10 },
    doc: "Numbers of an event.",
    default_from: "As in MOA and River.",
};
const DRIFTING: Param = Param {
    name: "drifting",
    kind: ParamKind::Integer { min: 0, max: 10_000, default: 2 },
    doc: "Features whose weight changes.",
    default_from: "As in MOA and River.",
};
const CHANGE: Param = Param {
    name: "change",
    kind: ParamKind::Number { min: 0.0, max: 1.0, default: 0.0 },
    doc: "What a weight changes by with each event.",
    default_from: "MOA and River: nothing; 0.001 is common.",
};
const TURN: Param = Param {
    name: "turn",
    kind: ParamKind::Number { min: 0.0, max: 1.0, default: 0.1 },
    doc: "Probability that a weight changes in the other direction from now on.",
    default_from: "MOA and River (sigma).",
};
const NOISE: Param = noise(0.05);

/// The registry's entry.
pub const ENTRY: GeneratorEntry = GeneratorEntry {
    name: "hyperplane",
    summary: "Which side of a plane that turns slowly.",
    task: Task::Classification,
    params: &[FEATURES, DRIFTING, CHANGE, TURN, NOISE],
    build: |values, seed| Box::new(Hyperplane::new(values, seed)),
};

/// See the module.
pub struct Hyperplane {
    schema: Schema,
    noise: f64,
    turn: f64,
    weights: Vec<f64>,
    /// What the weights of the drifting features change by.
    changes: Vec<f64>,
    random: Random,
}

impl Hyperplane {
    /// The stream at its beginning.
    pub fn new(values: &Values, seed: u64) -> Self {
        let features = values.integer(&FEATURES) as usize;
        let drifting = (values.integer(&DRIFTING) as usize).min(features);
        let mut random = Random::new(seed);
        Hyperplane {
            schema: Schema {
                numeric: (1..=features).map(|n| format!("x{n}").into()).collect(),
                ..Schema::default()
            },
            noise: values.number(&NOISE),
            turn: values.number(&TURN),
            weights: (0..features).map(|_| random.unit()).collect(),
            changes: vec![values.number(&CHANGE); drifting],
            random,
        }
    }
}

impl Generator for Hyperplane {
    fn schema(&self) -> &Schema {
        &self.schema
    }

    fn next(&mut self, row: &mut RowBuffer) -> Label {
        row.clear();
        row.numeric.extend(self.weights.iter().map(|_| self.random.unit()));
        let sum: f64 = self.weights.iter().zip(&row.numeric).map(|(weight, value)| weight * value).sum();
        let above = sum >= 0.5 * self.weights.iter().sum::<f64>();
        let label = Label::Class(usize::from(above != (self.random.unit() < self.noise)));
        for (weight, change) in self.weights.iter_mut().zip(&mut self.changes) {
            *weight += *change;
            if self.random.unit() < self.turn {
                *change = -*change;
            }
        }
        label
    }
}
