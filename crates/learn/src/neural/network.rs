//! A network of one hidden layer of rectified units over standardised numbers and embedded categories.
//!
//! First-layer weights start from the hash of their feature's name, so that the order of features does not matter;
//! embeddings start at 0 and take their directions from the weights behind them.

use super::parameter::{Clock, Parameter};
use crate::features::{Category, MISSING_CATEGORY, Row, Schema, category};
use crate::lanes::{LANES, Lanes};
use crate::linear::moments::Moments;
use crate::random::Random;
use crate::snapshot::{Reader, SnapshotError, Writer};
use std::cell::RefCell;
use std::fmt::Write as _;

/// Numbers in the vector of a category, in lanes.
const EMBEDDING_LANES: usize = 2;
const EMBEDDING: usize = EMBEDDING_LANES * LANES;
/// A standardised value counts as no more than this.
const INPUT_MAX: f64 = 10.0;
/// A gradient at an output counts as no more than this.
const SLOPE_MAX: f64 = 10.0;
/// Outputs stay finite.
const OUTPUT_MAX: f64 = 1e9;

/// What is worked on during one event.
#[derive(Clone, Debug, Default)]
struct Scratch {
    input: Vec<f64>,
    hidden: Vec<Lanes>,
    /// Gradients of the hidden units.
    back: Vec<Lanes>,
}

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct Network {
    rate: f64,
    numeric: usize,
    /// Blocks of [`LANES`] hidden units.
    blocks: usize,
    buckets: usize,
    clock: Clock,
    moments: Vec<Moments>,
    /// For each categorical feature its table of vectors.
    embeddings: Vec<Vec<[Parameter; EMBEDDING_LANES]>>,
    /// For each input the weights of all hidden units; the bias is the last input.
    first: Vec<Vec<Parameter>>,
    /// For each output the weights of all hidden units, and its bias (in the first lane).
    second: Vec<(Vec<Parameter>, Parameter)>,
    scratch: RefCell<Scratch>,
}

impl Network {
    pub(super) fn new(schema: &Schema, hidden: i64, buckets: i64, rate: f64, seed: u64) -> Self {
        let blocks = (hidden as usize).div_ceil(LANES);
        let inputs = schema.numeric.len() + EMBEDDING * schema.categories.len();
        // He and others (2015): variances stay the same from layer to layer.
        let scale = (2.0 / inputs.max(1) as f64).sqrt();
        let mut first = Vec::with_capacity(inputs + 1);
        let mut starting = |name: &str, part: u64| {
            let mut random = Random::of_part(seed ^ category(name.as_bytes()), part);
            let mut weights = |_| {
                let four: [f64; LANES] = std::array::from_fn(|_| scale * random.normal());
                Parameter::starting(Lanes::of(&four))
            };
            first.push((0..blocks).map(&mut weights).collect());
        };
        schema.numeric.iter().for_each(|name| starting(name, 0));
        for name in &schema.categories {
            (0..EMBEDDING as u64).for_each(|part| starting(name, 1 + part));
        }
        first.push(vec![Parameter::default(); blocks]);
        Network {
            rate,
            numeric: schema.numeric.len(),
            blocks,
            buckets: buckets as usize,
            clock: Clock::new(),
            moments: vec![Moments::default(); schema.numeric.len().div_ceil(LANES)],
            embeddings: vec![vec![<[Parameter; 2]>::default(); buckets as usize]; schema.categories.len()],
            first,
            second: Vec::new(),
            scratch: RefCell::default(),
        }
    }

    /// Adds outputs (of value 0) until there are this many.
    pub(super) fn grow(&mut self, outputs: usize) {
        let none = (vec![Parameter::default(); self.blocks], Parameter::default());
        self.second.resize(outputs.max(self.second.len()), none);
    }

    pub(super) fn outputs(&self) -> usize {
        self.second.len()
    }

    fn bucket(&self, category: Category) -> Option<usize> {
        (category != MISSING_CATEGORY).then(|| (category % self.buckets as u64) as usize)
    }

    /// Writes the outputs for a row, as many as there are in `out`.
    pub(super) fn predict(&self, row: Row<'_>, out: &mut [f64]) {
        let mut scratch = self.scratch.borrow_mut();
        let Scratch { input, hidden, .. } = &mut *scratch;
        input.clear();
        for (moments, values) in self.moments.iter().zip(row.numeric.chunks(LANES)) {
            let scaled = moments.scaled(moments.filled(Lanes::of(values))).within(Lanes::splat(INPUT_MAX));
            input.extend((0..values.len()).map(|lane| scaled.get(lane)));
        }
        self.forward(row.categories, input, hidden, out);
    }

    /// From standardised numbers on: embeds the categories, and computes hidden units and outputs.
    fn forward(
        &self,
        categories: &[Category],
        input: &mut Vec<f64>,
        hidden: &mut Vec<Lanes>,
        out: &mut [f64],
    ) {
        for (table, &category) in self.embeddings.iter().zip(categories) {
            match self.bucket(category) {
                Some(bucket) => {
                    input.extend((0..EMBEDDING).map(|at| table[bucket][at / LANES].weight.get(at % LANES)))
                }
                None => input.extend([0.0; EMBEDDING]),
            }
        }
        input.push(1.0);
        hidden.clear();
        hidden.resize(self.blocks, Lanes::default());
        for (&value, weights) in input.iter().zip(&self.first) {
            if value != 0.0 {
                for (sum, weights) in hidden.iter_mut().zip(weights) {
                    *sum += weights.weight * value;
                }
            }
        }
        hidden.iter_mut().for_each(|sum| *sum = sum.max(Lanes::default()));
        for (out, (weights, bias)) in out.iter_mut().zip(&self.second) {
            let mut sum = Lanes::default();
            for (hidden, weights) in hidden.iter().zip(weights) {
                sum += *hidden * weights.weight;
            }
            *out = (sum.sum() + bias.weight.get(0)).clamp(-OUTPUT_MAX, OUTPUT_MAX);
        }
    }

    /// Learns an event: `slopes` makes of the outputs, in place, the derivatives of the loss by them.
    pub(super) fn learn(
        &mut self,
        row: Row<'_>,
        weight: f64,
        outputs: &mut [f64],
        slopes: impl FnOnce(&mut [f64]),
    ) {
        let mut scratch = std::mem::take(&mut *self.scratch.borrow_mut());
        let Scratch { input, hidden, back } = &mut scratch;
        input.clear();
        for (moments, values) in self.moments.iter_mut().zip(row.numeric.chunks(LANES)) {
            let (scaled, _) = moments.learn(Lanes::of(values), weight, true);
            let scaled = scaled.within(Lanes::splat(INPUT_MAX));
            input.extend((0..values.len()).map(|lane| scaled.get(lane)));
        }
        self.forward(row.categories, input, hidden, outputs);
        slopes(outputs);
        let step = self.clock.tick(self.rate);
        back.clear();
        back.resize(self.blocks, Lanes::default());
        for (slope, (weights, bias)) in outputs.iter().zip(&mut self.second) {
            let slope = (slope * weight).clamp(-SLOPE_MAX, SLOPE_MAX);
            for ((back, hidden), weights) in back.iter_mut().zip(&*hidden).zip(weights) {
                *back += weights.weight * slope;
                weights.step(*hidden * slope, step);
            }
            bias.step(Lanes::of(&[slope, 0.0, 0.0, 0.0]), step);
        }
        for (back, hidden) in back.iter_mut().zip(&*hidden) {
            *back = back.with(*hidden, |back, hidden| if hidden > 0.0 { back } else { 0.0 });
        }
        self.embed_back(row.categories, back, step);
        for (&value, weights) in input.iter().zip(&mut self.first) {
            if value != 0.0 {
                for (back, weights) in back.iter().zip(weights) {
                    weights.step(*back * value, step);
                }
            }
        }
        *self.scratch.borrow_mut() = scratch;
    }

    /// Moves the vectors of the row's categories.
    fn embed_back(&mut self, categories: &[Category], back: &[Lanes], step: f64) {
        for (feature, &category) in categories.iter().enumerate().take(self.embeddings.len()) {
            let Some(bucket) = self.bucket(category) else { continue };
            let first = self.numeric + feature * EMBEDDING;
            for (part, vector) in self.embeddings[feature][bucket].iter_mut().enumerate() {
                let mut gradient = Lanes::default();
                for lane in 0..LANES {
                    let mut sum = Lanes::default();
                    for (back, weights) in back.iter().zip(&self.first[first + part * LANES + lane]) {
                        sum += *back * weights.weight;
                    }
                    gradient.set(lane, sum.sum());
                }
                vector.step(gradient, step);
            }
        }
    }

    /// Layers, and how strongly the hidden units listen to each feature.
    pub(super) fn dump(&self, schema: &Schema, out: &mut String) {
        // Writing to a string cannot fail.
        let (hidden, outputs) = (self.blocks * LANES, self.second.len());
        let _ = writeln!(out, "{} inputs, {hidden} hidden units, {outputs} outputs", self.first.len() - 1);
        let _ = writeln!(out, "mean size of the weights of each input:");
        let size = |weights: &Vec<Parameter>| {
            weights.iter().map(|of| of.weight.map(f64::abs).sum()).sum::<f64>() / hidden as f64
        };
        let mut named: Vec<_> =
            schema.numeric.iter().zip(&self.first).map(|(name, of)| (name.to_string(), size(of))).collect();
        for (name, of) in schema.categories.iter().zip(self.first[self.numeric..].chunks(EMBEDDING)) {
            named.push((name.to_string(), of.iter().map(size).sum::<f64>() / EMBEDDING as f64));
        }
        crate::dump::weights(named, out);
    }

    pub(super) fn memory_bytes(&self) -> usize {
        let weights = (self.first.len() + self.second.len()) * (self.blocks + 1)
            + self.embeddings.len() * self.buckets * 2;
        let scratch = self.first.len() * 8 + self.blocks * 2 * size_of::<Lanes>();
        size_of::<Self>()
            + weights * size_of::<Parameter>()
            + self.moments.len() * size_of::<Moments>()
            + scratch
    }

    /// Saves what was learnt; vectors of no category seen take no room.
    pub(super) fn save(&self, out: &mut Writer) {
        self.clock.save(out);
        for feature in 0..self.numeric {
            self.moments[feature / LANES].save(feature % LANES, out);
        }
        out.unsigned((self.first.len() * self.blocks) as u64);
        self.first.iter().flatten().for_each(|weights| weights.save(out));
        out.unsigned(self.second.len() as u64);
        for (weights, bias) in &self.second {
            weights.iter().for_each(|weights| weights.save(out));
            bias.save(out);
        }
        for table in &self.embeddings {
            let seen =
                || table.iter().enumerate().filter(|(_, vector)| **vector != <[Parameter; 2]>::default());
            out.unsigned(seen().count() as u64);
            for (bucket, vector) in seen() {
                out.unsigned(bucket as u64);
                vector.iter().for_each(|part| part.save(out));
            }
        }
    }

    /// Loads what [`Network::save`] wrote, with at most `outputs_max` outputs.
    pub(super) fn load(&mut self, from: &mut Reader<'_>, outputs_max: usize) -> Result<(), SnapshotError> {
        self.clock.load(from)?;
        for feature in 0..self.numeric {
            self.moments[feature / LANES].load(feature % LANES, from)?;
        }
        from.expect_length(self.first.len() * self.blocks, "weights")?;
        for weights in self.first.iter_mut().flatten() {
            weights.load(from)?;
        }
        let outputs = from.length(size_of::<Parameter>())?;
        if outputs > outputs_max {
            return Err(from.invalid(format!("{outputs} outputs, at most {outputs_max} belong")));
        }
        self.second.clear();
        self.grow(outputs);
        for (weights, bias) in &mut self.second {
            for weights in weights {
                weights.load(from)?;
            }
            bias.load(from)?;
        }
        for table in &mut self.embeddings {
            table.fill(<[Parameter; 2]>::default());
            for _ in 0..from.length(size_of::<Parameter>())? {
                let bucket = usize::try_from(from.unsigned()?).unwrap_or(usize::MAX);
                let Some(vector) = table.get_mut(bucket) else {
                    return Err(from.invalid("a vector is out of place"));
                };
                for part in vector {
                    part.load(from)?;
                }
            }
        }
        Ok(())
    }
}
