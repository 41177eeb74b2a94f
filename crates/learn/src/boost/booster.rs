//! The engine of both tasks: a window of events, and trees that are fitted to it in turn, again and again.
//!
//! Each event first moves the leaves that it reaches (online), then joins the window. Every so many events one tree, the one
//! that is oldest, is fitted anew to what the others leave over in the window. The others are counted as they were when an
//! event came, or as fitted since; the new tree so takes on what events have moved its predecessor by.

use super::bins::Bins;
use super::grow::{Data, Growth, Scratch, grow, nodes_max};
use super::tree::{Tree, widened};
use crate::columns::{Columns, Source};
use crate::dump;
use crate::features::{Row, Schema};
use crate::model::Contributions;
use crate::random::Random;
use crate::snapshot::{Reader, Snapshot, SnapshotError, Writer};

/// What the outputs are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Loss {
    /// One output: the number, by its squared error.
    Squared,
    /// An output for each class: its score before the softmax, by the log loss.
    Log,
}

/// Parameters of a [`Booster`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Settings {
    pub(super) loss: Loss,
    pub(super) steps: usize,
    pub(super) learning_rate: f64,
    pub(super) adaptation_rate: f64,
    pub(super) window_events: usize,
    /// Share of the window after which an event counts half.
    pub(super) half_life: f64,
    pub(super) bins: usize,
    pub(super) growth: Growth,
}

/// Larger targets are cut off, so that squares and their sums stay finite.
const TARGET_MAX: f64 = 1e100;
/// Most that a fitted leaf adds to the score of a class.
const SCORE_STEP_MAX: f64 = 4.0;
/// Scores of classes are kept within this.
const SCORE_MAX: f64 = 50.0;
/// No event counts more.
pub(super) const WEIGHT_MAX: f64 = 1e6;
/// Events before the first tree is fitted.
const EVENTS_MIN: usize = 5;
/// Events below which the base is fitted with every tree.
const EVENTS_FEW: usize = 50;

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct Booster {
    pub(super) columns: Columns,
    settings: Settings,
    /// For the signs that put several outputs into one.
    random: Random,
    /// Grows with the classes seen.
    outputs: usize,
    /// What each output starts from.
    base: Vec<f64>,
    trees: Vec<Tree>,
    /// The tree that is next to be fitted.
    turn: usize,
    /// Trees that are due.
    due: f64,
    bins: Bins,
    /// Events until bins are made again.
    bins_in: usize,
    window: Window,
    room: Room,
}

/// The last events.
#[derive(Clone, Debug, Default)]
struct Window {
    /// The columns of each.
    rows: Vec<f64>,
    /// The target or class of each.
    labels: Vec<f64>,
    weights: Vec<f64>,
    /// Base and values of all trees, for each output of each, when it came or as fitted since.
    scores: Vec<f64>,
    /// The next to be replaced, once the window is full.
    oldest: usize,
    /// The bin of each column of each. Follows from the rest.
    codes: Vec<u8>,
}

/// Memory for one event or one fit. Not state.
#[derive(Clone, Debug, Default)]
struct Room {
    values: Vec<f64>,
    score: Vec<f64>,
    error: Vec<f64>,
    column: Vec<f64>,
    decay: Vec<f64>,
    signs: Vec<f64>,
    /// First and second derivative for each output of each event.
    derivatives: Vec<(f64, f64)>,
    /// The same, put into one output.
    joint: Vec<(f64, f64)>,
    grow: Scratch,
}

/// Turns scores into probabilities.
pub(super) fn softmax(values: &mut [f64]) {
    let max = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut sum = 0.0;
    for value in values.iter_mut() {
        *value = libm::exp(*value - max);
        sum += *value;
    }
    values.iter_mut().for_each(|value| *value /= sum);
}

impl Settings {
    fn limit(&self) -> f64 {
        if self.loss == Loss::Log { SCORE_MAX } else { 10.0 * TARGET_MAX }
    }

    /// Replaces scores by the derivatives' first part: prediction minus label.
    fn errors(&self, scores: &mut [f64], label: f64) {
        if self.loss == Loss::Log {
            softmax(scores);
            if let Some(right) = scores.get_mut(label as usize) {
                *right -= 1.0;
            }
        } else {
            scores.iter_mut().for_each(|score| *score -= label);
        }
    }

    /// The second derivative that belongs to an error.
    fn curvature(&self, error: f64, outputs: usize) -> f64 {
        if self.loss == Loss::Squared {
            return 1.0;
        }
        // `p (1 - p)` is the same for `p` and `p - 1` but for the sign. The factor makes two classes what one
        // output would be.
        let probability = error.abs();
        probability * (1.0 - probability) * (outputs as f64 / (outputs as f64 - 1.0).max(1.0))
    }

    /// What a leaf adds with these sums of derivatives.
    fn value(&self, slope: f64, curvature: f64) -> f64 {
        let value = -slope / (curvature + self.growth.l2);
        let max = if self.loss == Loss::Log { SCORE_STEP_MAX } else { TARGET_MAX };
        self.learning_rate * value.clamp(-max, max)
    }
}

impl Booster {
    pub(super) fn new(columns: Columns, settings: Settings, seed: u64) -> Self {
        let outputs = usize::from(settings.loss == Loss::Squared);
        Booster {
            columns,
            settings,
            random: Random::new(seed),
            outputs,
            base: vec![0.0; outputs],
            trees: vec![Tree::default(); settings.steps],
            turn: 0,
            due: 0.0,
            bins: Bins::default(),
            bins_in: 0,
            window: Window::default(),
            room: Room::default(),
        }
    }

    /// Outputs that there are: 1, or one for each class seen.
    pub(super) fn outputs(&self) -> usize {
        self.outputs
    }

    /// Writes the score of each output.
    pub(super) fn scores(&self, values: &[f64], out: &mut [f64]) {
        out.copy_from_slice(&self.base);
        let numbers = self.columns.numbers();
        for tree in &self.trees {
            if let Some(leaf) = tree.leaf(values, numbers) {
                let added = &tree.values[leaf * self.outputs..][..self.outputs];
                out.iter_mut().zip(added).for_each(|(out, added)| *out += added);
            }
        }
        let limit = self.settings.limit();
        out.iter_mut().for_each(|out| *out = out.clamp(-limit, limit));
    }

    /// Learns an event; `label` is the target, or the number of the class.
    pub(super) fn learn(&mut self, row: Row<'_>, label: f64, weight: f64) {
        let label = label.clamp(-TARGET_MAX, TARGET_MAX);
        if self.settings.loss == Loss::Log && label as usize >= self.outputs {
            self.widen(label as usize + 1);
        }
        self.columns.read(row, &mut self.room.values);
        self.adapt(label, weight);
        self.join(label, weight);
        let events = self.window.labels.len();
        if events <= EVENTS_MIN {
            self.rebase();
        }
        self.bins_in = self.bins_in.saturating_sub(1);
        if events >= EVENTS_MIN {
            // Each tree's turn comes once in as many events as the window holds.
            self.due += (self.settings.steps as f64 / events as f64).min(1.0);
            if self.due >= 1.0 {
                self.due -= 1.0;
                self.refit();
            }
        }
    }

    /// Puts the event into the window.
    fn join(&mut self, label: f64, weight: f64) {
        let Window { rows, labels, weights, scores, oldest, codes } = &mut self.window;
        let (values, width, outputs) = (&self.room.values, self.columns.len(), self.outputs);
        let at = if labels.len() < self.settings.window_events {
            let length = labels.len() + 1;
            rows.resize(length * width, 0.0);
            codes.resize(length * width, 0);
            scores.resize(length * outputs, 0.0);
            labels.push(label);
            weights.push(weight);
            length - 1
        } else {
            let at = *oldest;
            *oldest = (at + 1) % labels.len();
            (labels[at], weights[at]) = (label, weight);
            at
        };
        rows[at * width..][..width].copy_from_slice(values);
        if !self.bins.is_empty() {
            for (column, (code, &value)) in codes[at * width..][..width].iter_mut().zip(values).enumerate() {
                *code = self.bins.code(column, self.columns.kind(column), value);
            }
        }
        scores[at * outputs..][..outputs].copy_from_slice(&self.room.score);
    }

    /// Moves the leaves that the event reaches, each its share; leaves the scores after that in the room.
    fn adapt(&mut self, label: f64, weight: f64) {
        let outputs = self.outputs;
        let Room { values, error, score, .. } = &mut self.room;
        score.clear();
        score.extend_from_slice(&self.base);
        let numbers = self.columns.numbers();
        for tree in &self.trees {
            if let Some(leaf) = tree.leaf(values, numbers) {
                let added = &tree.values[leaf * outputs..][..outputs];
                score.iter_mut().zip(added).for_each(|(score, added)| *score += added);
            }
        }
        error.clear();
        error.extend_from_slice(score);
        self.settings.errors(error, label);
        let rate = self.settings.adaptation_rate * weight.min(1.0) / self.trees.len() as f64;
        let limit = self.settings.limit();
        for tree in &mut self.trees {
            let Some(leaf) = tree.leaf(values, numbers) else { continue };
            let moved = tree.values[leaf * outputs..][..outputs].iter_mut();
            for ((value, error), score) in moved.zip(error.iter()).zip(score.iter_mut()) {
                let to = (*value - rate * error).clamp(-limit, limit);
                *score += to - *value;
                *value = to;
            }
        }
    }

    fn widen(&mut self, outputs: usize) {
        self.window.scores = widened(&self.window.scores, self.outputs, outputs);
        self.window.scores.resize(self.window.labels.len() * outputs, 0.0);
        self.trees.iter_mut().for_each(|tree| tree.widen(self.outputs, outputs));
        self.base.resize(outputs, 0.0);
        self.outputs = outputs;
    }

    /// Fits the tree whose turn it is.
    fn refit(&mut self) {
        if self.bins_in == 0 {
            self.rebin();
        }
        let turn = self.turn;
        self.turn = (turn + 1) % self.trees.len();
        let mut tree = std::mem::take(&mut self.trees[turn]);
        self.take_back(&tree);
        self.derive();
        self.join_outputs();
        let data = Data {
            columns: &self.columns,
            bins: &self.bins,
            codes: &self.window.codes,
            derivatives: &self.room.joint,
        };
        grow(&data, self.settings.growth, &mut self.room.grow, &mut tree.nodes);
        self.fill(&mut tree);
        self.trees[turn] = tree;
        if self.turn == 0 || self.window.labels.len() < EVENTS_FEW {
            self.rebase();
        }
    }

    /// New bins, as the window is now.
    fn rebin(&mut self) {
        let Window { rows, labels, codes, .. } = &mut self.window;
        self.bins_in = labels.len();
        self.bins.fit(&self.columns, rows, self.settings.bins, &mut self.room.column);
        recode(&self.columns, &self.bins, rows, codes);
    }

    /// Takes a tree out of the scores of the window.
    fn take_back(&mut self, tree: &Tree) {
        let (width, outputs, numbers) = (self.columns.len(), self.outputs, self.columns.numbers());
        if tree.nodes.is_empty() {
            return;
        }
        for (event, score) in self.window.scores.chunks_exact_mut(outputs).enumerate() {
            if let Some(leaf) = tree.leaf(&self.window.rows[event * width..][..width], numbers) {
                let added = &tree.values[leaf * outputs..][..outputs];
                score.iter_mut().zip(added).for_each(|(score, added)| *score -= added);
            }
        }
    }

    /// Derivatives of the window's events, which fade with age.
    fn derive(&mut self) {
        let events = self.window.labels.len();
        let keep = libm::exp2(-1.0 / (self.settings.half_life * events as f64));
        self.room.decay.resize(events, 0.0);
        let mut share = 1.0;
        for back in 0..events {
            self.room.decay[(self.window.oldest + events - 1 - back) % events] = share;
            share *= keep;
        }
        self.room.derivatives.clear();
        let mut score = std::mem::take(&mut self.room.score);
        for (event, scores) in self.window.scores.chunks_exact(self.outputs).enumerate() {
            score.clear();
            score.extend_from_slice(scores);
            self.settings.errors(&mut score, self.window.labels[event]);
            let weight = self.window.weights[event] * self.room.decay[event];
            let both = score
                .iter()
                .map(|error| (weight * error, weight * self.settings.curvature(*error, self.outputs)));
            self.room.derivatives.extend(both);
        }
        self.room.score = score;
    }

    /// Puts the derivatives of all outputs into one, by a random direction of length 1 in which outputs sum to 0.
    fn join_outputs(&mut self) {
        let Room { joint, derivatives, signs, .. } = &mut self.room;
        joint.clear();
        if self.outputs == 1 {
            joint.extend_from_slice(derivatives);
            return;
        }
        signs.clear();
        signs.extend((0..self.outputs).map(|_| self.random.normal()));
        let mean = signs.iter().sum::<f64>() / signs.len() as f64;
        signs.iter_mut().for_each(|sign| *sign -= mean);
        let length = signs.iter().map(|sign| sign * sign).sum::<f64>().sqrt();
        signs.iter_mut().for_each(|sign| *sign /= length.max(1e-9));
        joint.extend(derivatives.chunks_exact(self.outputs).map(|event| {
            event.iter().zip(signs.iter()).fold((0.0, 0.0), |(slope, curvature), (both, sign)| {
                (slope + sign * both.0, curvature + sign * sign * both.1)
            })
        }));
    }

    /// Gives the leaves their values, and adds them to the scores of the window.
    fn fill(&mut self, tree: &mut Tree) {
        let outputs = self.outputs;
        let Room { derivatives, grow, .. } = &self.room;
        tree.events.clear();
        tree.values.clear();
        for &(from, to) in &grow.leaves {
            let rows = &grow.rows[from..to];
            tree.events.push(rows.len() as u32);
            let start = tree.values.len();
            for output in 0..outputs {
                let (mut slope, mut curvature) = (0.0, 0.0);
                for &row in rows {
                    let both = derivatives[row as usize * outputs + output];
                    slope += both.0;
                    curvature += both.1;
                }
                tree.values.push(self.settings.value(slope, curvature));
            }
            for &row in rows {
                let score = &mut self.window.scores[row as usize * outputs..][..outputs];
                score.iter_mut().zip(&tree.values[start..]).for_each(|(score, added)| *score += added);
            }
        }
    }

    /// Moves the base to where the window's errors sum to 0.
    fn rebase(&mut self) {
        self.derive();
        let outputs = self.outputs;
        for output in 0..outputs {
            let (mut slope, mut curvature) = (0.0, 0.0);
            for event in self.room.derivatives.chunks_exact(outputs) {
                slope += event[output].0;
                curvature += event[output].1;
            }
            let step = match self.settings.loss {
                Loss::Squared if curvature > 0.0 => -slope / curvature,
                Loss::Squared => 0.0,
                Loss::Log => (-slope / (curvature + 1.0)).clamp(-1.0, 1.0),
            };
            let limit = self.settings.limit();
            let moved = (self.base[output] + step).clamp(-limit, limit) - self.base[output];
            self.base[output] += moved;
            self.window.scores.iter_mut().skip(output).step_by(outputs).for_each(|score| *score += moved);
        }
    }

    /// What each feature of a row adds to an output.
    pub(super) fn explain(&self, row: Row<'_>, values: &[f64], output: usize, out: &mut Contributions) {
        out.clear(row);
        let Some(base) = self.base.get(output) else { return };
        out.base = *base;
        for tree in &self.trees {
            tree.explain(values, self.columns.numbers(), (output, self.outputs), |column, added| {
                let place = column.map(|column| self.columns.source(column));
                let slot = match place {
                    Some(Source::Numeric(at)) => out.numeric.get_mut(at),
                    Some(Source::Category(at)) => out.categories.get_mut(at),
                    Some(Source::Sparse(index)) => {
                        let at = row.sparse.iter().position(|pair| pair.0 as usize == index);
                        at.and_then(|at| out.sparse.get_mut(at))
                    }
                    None => None,
                };
                // What is absent has no place of its own.
                *slot.unwrap_or(&mut out.base) += added;
            });
        }
    }

    pub(super) fn dump(&self, schema: &Schema, out: &mut String) {
        let leaves: usize = self.trees.iter().map(|tree| tree.events.len()).sum();
        let fitted = self.trees.iter().filter(|tree| !tree.nodes.is_empty()).count();
        out.push_str(&format!(
            "{fitted} trees with {leaves} leaves, fitted to {} events; root of the variance that each feature's questions \
             explain:\n",
            self.window.labels.len()
        ));
        let mut importance = vec![0.0; self.columns.len()];
        self.trees.iter().for_each(|tree| tree.importance(self.outputs, &mut importance));
        let events = self.window.labels.len().max(1) as f64;
        let named = importance.iter().enumerate();
        dump::weights(
            named.map(|(at, sum)| (self.columns.name(at, schema), (sum / events).sqrt())).collect(),
            out,
        );
    }

    /// See [`crate::model::Model::memory_bytes`].
    pub(super) fn memory_bytes(&self) -> usize {
        let Window { rows, labels, weights, scores, codes, .. } = &self.window;
        let numbers = rows.capacity() + labels.capacity() + weights.capacity() + scores.capacity();
        let trees: usize = self.trees.iter().map(|tree| size_of::<Tree>() + tree.memory_bytes()).sum();
        let room = 16 * (self.room.derivatives.capacity() + self.room.joint.capacity())
            + 8 * (self.room.decay.capacity() + self.room.column.capacity())
            + self.room.grow.memory_bytes();
        size_of::<Self>()
            + self.columns.memory_bytes()
            + self.bins.memory_bytes()
            + trees
            + 8 * numbers
            + codes.capacity()
            + room
    }

    pub(super) fn save(&self, out: &mut Writer) {
        out.unsigned(self.outputs as u64);
        out.floats(&self.base);
        self.random.save(out);
        self.trees.iter().for_each(|tree| tree.save(out));
        out.unsigned(self.turn as u64);
        out.float(self.due);
        self.bins.save(out);
        out.unsigned(self.bins_in as u64);
        let Window { rows, labels, weights, scores, oldest, .. } = &self.window;
        out.floats(labels);
        out.floats(weights);
        out.floats(scores);
        out.unsigned(*oldest as u64);
        rows.iter().for_each(|value| out.word(value.to_bits()));
    }

    pub(super) fn load(&mut self, outputs_max: usize, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        let outputs = from.unsigned()?;
        let fits =
            if self.settings.loss == Loss::Squared { outputs == 1 } else { outputs <= outputs_max as u64 };
        if !fits {
            return Err(from.invalid(format!("{outputs} outputs")));
        }
        self.outputs = outputs as usize;
        self.base = from.floats()?;
        self.random.load(from)?;
        let nodes_max = nodes_max(self.settings.growth);
        for tree in &mut self.trees {
            tree.load(&self.columns, self.outputs, nodes_max, from)?;
        }
        self.turn = from.unsigned()? as usize;
        self.due = from.float()?;
        self.bins.load(&self.columns, from)?;
        self.bins_in = from.unsigned()? as usize;
        let (labels, weights, scores) = (from.floats()?, from.floats()?, from.floats()?);
        let oldest = from.unsigned()? as usize;
        let mut rows = Vec::new();
        for _ in 0..labels.len() * self.columns.len() {
            rows.push(f64::from_bits(from.word()?));
        }
        self.window = Window { rows, labels, weights, scores, oldest, codes: Vec::new() };
        if let Some(reason) = self.unsound() {
            return Err(from.invalid(reason));
        }
        let Window { rows, codes, .. } = &mut self.window;
        codes.resize(rows.len(), 0);
        if !self.bins.is_empty() {
            recode(&self.columns, &self.bins, rows, codes);
        }
        Ok(())
    }

    /// What cannot be in a state that was loaded.
    fn unsound(&self) -> Option<&'static str> {
        let Window { rows, labels, weights, scores, oldest, .. } = &self.window;
        let within = |values: &[f64], limit: f64| values.iter().all(|value| value.abs() <= limit);
        let class = |label: &f64| *label >= 0.0 && (*label as usize) < self.outputs && label.fract() == 0.0;
        let number = |value: &f64| value.is_nan() || value.abs() <= TARGET_MAX;
        let width = self.columns.len();
        let full = labels.len() == self.settings.window_events;
        if self.base.len() != self.outputs || !within(&self.base, self.settings.limit()) {
            Some("the base")
        } else if self.turn >= self.trees.len() || !(0.0..=2.0).contains(&self.due) {
            Some("whose turn it is")
        } else if labels.len() > self.settings.window_events
            || *oldest >= labels.len().max(1)
            || (*oldest > 0 && !full)
        {
            Some("the length of the window")
        } else if weights.len() != labels.len() || scores.len() != labels.len() * self.outputs {
            Some("lengths in the window differ")
        } else if !weights.iter().all(|weight| *weight > 0.0 && *weight <= WEIGHT_MAX) {
            Some("weights in the window")
        } else if !within(scores, 1e120) || !within(labels, TARGET_MAX) {
            Some("numbers in the window")
        } else if self.settings.loss == Loss::Log && !labels.iter().all(class) {
            Some("classes in the window")
        } else if !rows.chunks_exact(width.max(1)).all(|row| row[..self.columns.numbers()].iter().all(number))
        {
            Some("features in the window")
        } else if self.bins.is_empty() && self.bins_in > 0 && width > 0 {
            Some("there are no bins")
        } else {
            None
        }
    }
}

/// The code of every value of the rows.
fn recode(columns: &Columns, bins: &Bins, rows: &[f64], codes: &mut [u8]) {
    let width = columns.len().max(1);
    for (row, codes) in rows.chunks_exact(width).zip(codes.chunks_exact_mut(width)) {
        for (column, (code, &value)) in codes.iter_mut().zip(row).enumerate() {
            *code = bins.code(column, columns.kind(column), value);
        }
    }
}
