//! Random RBF: clouds around centres that may move, each of a class.
//!
//! A. Bifet, G. Holmes, B. Pfahringer, R. Kirkby, R. Gavaldà: New Ensemble Methods for Evolving Data Streams (KDD 2009).

use super::Generator;
use crate::evaluate::Label;
use crate::features::{RowBuffer, Schema};
use crate::model::Task;
use crate::params::{Param, ParamKind, Values};
use crate::random::Random;
use crate::registry::GeneratorEntry;

const FEATURES: Param = Param {
    name: "features",
    kind: ParamKind::Integer { min: 1, max: 10_000, default: 10 },
    doc: "Numbers of an event.",
    default_from: "As in MOA and River.",
};
const CLASSES: Param = Param {
    name: "classes",
    kind: ParamKind::Integer { min: 2, max: 1000, default: 2 },
    doc: "Classes; each centre has one by chance.",
    default_from: "As in MOA and River.",
};
const CENTRES: Param = Param {
    name: "centres",
    kind: ParamKind::Integer { min: 1, max: 10_000, default: 50 },
    doc: "Clouds, each with a weight by chance.",
    default_from: "As in MOA and River.",
};
const SPEED: Param = Param {
    name: "speed",
    kind: ParamKind::Number { min: 0.0, max: 1.0, default: 0.0 },
    doc: "How far each centre moves with each event.",
    default_from: "MOA and River: nothing; 0.0001 and 0.001 are common.",
};

/// The registry's entry.
pub const ENTRY: GeneratorEntry = GeneratorEntry {
    name: "random_rbf",
    summary: "Clouds around centres that may move, each of a class.",
    task: Task::Classification,
    params: &[FEATURES, CLASSES, CENTRES, SPEED],
    build: |values, seed| Box::new(RandomRbf::new(values, seed)),
};

struct Centre {
    place: Vec<f64>,
    /// A unit vector.
    direction: Vec<f64>,
    class: usize,
    deviation: f64,
    /// The sum of the weights up to this one.
    weight_up_to: f64,
}

/// See the module. Centres that reach the border of the unit cube turn back.
pub struct RandomRbf {
    schema: Schema,
    speed: f64,
    centres: Vec<Centre>,
    random: Random,
}

/// A random direction: uniform in the cube, scaled to length 1.
fn direction(features: usize, random: &mut Random) -> Vec<f64> {
    let mut vector: Vec<f64> = (0..features).map(|_| 2.0 * random.unit() - 1.0).collect();
    let length = vector.iter().map(|part| part * part).sum::<f64>().sqrt();
    if length > 0.0 {
        vector.iter_mut().for_each(|part| *part /= length);
    }
    vector
}

impl RandomRbf {
    /// The stream at its beginning.
    pub fn new(values: &Values, seed: u64) -> Self {
        let features = values.integer(&FEATURES) as usize;
        let mut random = Random::new(seed);
        let mut weight_up_to = 0.0;
        let centres = (0..values.integer(&CENTRES)).map(|_| {
            weight_up_to += random.unit();
            Centre {
                place: (0..features).map(|_| random.unit()).collect(),
                direction: direction(features, &mut random),
                class: random.below(values.integer(&CLASSES) as u64) as usize,
                deviation: random.unit(),
                weight_up_to,
            }
        });
        RandomRbf {
            schema: Schema {
                numeric: (1..=features).map(|n| format!("x{n}").into()).collect(),
                ..Schema::default()
            },
            speed: values.number(&SPEED),
            centres: centres.collect(),
            random,
        }
    }

    fn move_centres(&mut self) {
        for centre in &mut self.centres {
            for (place, direction) in centre.place.iter_mut().zip(&mut centre.direction) {
                *place += self.speed * *direction;
                if !(0.0..=1.0).contains(place) {
                    *place = place.clamp(0.0, 1.0);
                    *direction = -*direction;
                }
            }
        }
    }
}

impl Generator for RandomRbf {
    fn schema(&self) -> &Schema {
        &self.schema
    }

    fn next(&mut self, row: &mut RowBuffer) -> Label {
        row.clear();
        if self.speed > 0.0 {
            self.move_centres();
        }
        let total = self.centres.last().map_or(0.0, |last| last.weight_up_to);
        let drawn = total * self.random.unit();
        let at = self.centres.partition_point(|centre| centre.weight_up_to <= drawn);
        let Some(centre) = self.centres.get(at.min(self.centres.len() - 1)) else { return Label::None };
        let offset = direction(centre.place.len(), &mut self.random);
        let distance = self.random.normal() * centre.deviation;
        row.numeric.extend(centre.place.iter().zip(&offset).map(|(place, part)| place + part * distance));
        Label::Class(centre.class)
    }
}
