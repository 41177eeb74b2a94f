//! How right classes and their probabilities are: accuracy, log loss, ROC AUC, F1 and Cohen's kappa.

use super::auc::{self, ScoreBins};
use super::confusion::Confusion;
use super::finite;
use super::sum::Sum;
use super::window::Window;
use crate::snapshot::{Reader, Snapshot, SnapshotError, Writer};

/// The metrics, in the order of [`Classification::overall`].
pub(super) const NAMES: &[&str] = &["accuracy", "log_loss", "roc_auc", "f1", "kappa"];

/// Probabilities below count as this in the log loss, which would be infinite at 0.
const PROBABILITY_MIN: f64 = 1e-15;

/// What is kept of one predictor's scores once the label is known.
#[derive(Clone, Copy, Debug)]
struct Outcome {
    /// The class with the highest score; of equals the first.
    predicted: usize,
    /// The score of the class that was right; 0 for a class unknown when the prediction was made.
    of_label: f64,
    /// The score of the positive class.
    of_positive: f64,
}

/// Numbers of an [`Outcome`] in a window's row.
const OUTCOME: usize = 3;

impl Outcome {
    fn new(scores: &[f64], label: usize, positive: usize) -> Self {
        let score = |class: usize| scores.get(class).copied().unwrap_or(0.0);
        let mut predicted = 0;
        for class in 1..scores.len() {
            if scores[class] > scores[predicted] {
                predicted = class;
            }
        }
        Outcome { predicted, of_label: score(label), of_positive: score(positive) }
    }

    fn log_loss(&self) -> f64 {
        -libm::log(self.of_label.clamp(PROBABILITY_MIN, 1.0))
    }

    fn write(&self, row: &mut [f64]) {
        row.copy_from_slice(&[self.predicted as f64, self.of_label, self.of_positive]);
    }

    fn read(row: &[f64]) -> Self {
        Outcome { predicted: row[0] as usize, of_label: row[1], of_positive: row[2] }
    }
}

/// One predictor's score so far.
#[derive(Clone, Debug)]
struct Tally {
    log_loss: Sum,
    confusion: Confusion,
    scores: ScoreBins,
}

/// Scores the model and the baselines against the same labels.
#[derive(Clone, Debug)]
pub(super) struct Classification {
    classes_max: usize,
    positive: usize,
    /// Classes known so far: up to two, the task is binary.
    classes: usize,
    count: u64,
    /// One for the model, then one for each baseline.
    tallies: Vec<Tally>,
    /// Each row: the label, then an [`Outcome`] for each of `tallies`.
    window: Window,
}

impl Classification {
    pub(super) fn new(baselines: usize, window_rows: usize, classes_max: usize, positive: usize) -> Self {
        let tally = Tally {
            log_loss: Sum::default(),
            confusion: Confusion::new(classes_max),
            scores: ScoreBins::default(),
        };
        Classification {
            classes_max,
            positive,
            classes: 0,
            count: 0,
            tallies: vec![tally; 1 + baselines],
            window: Window::new(1 + OUTCOME * (1 + baselines), window_rows),
        }
    }

    /// Scores an event; false if it cannot be.
    pub(super) fn update(&mut self, scores: &[f64], label: usize, baselines: &[f64]) -> bool {
        let known = scores.len();
        if known == 0
            || known.max(label.saturating_add(1)) > self.classes_max
            || baselines.len() != known * (self.tallies.len() - 1)
            || !scores.iter().chain(baselines).all(|score| score.is_finite())
        {
            return false;
        }
        self.know(known.max(label + 1));
        self.count = self.count.saturating_add(1);
        let binary = self.binary();
        let row = self.window.push();
        row[0] = label as f64;
        let parts = row[1..].chunks_exact_mut(OUTCOME);
        let all_scores = std::iter::once(scores).chain(baselines.chunks_exact(known));
        for ((tally, scores), part) in self.tallies.iter_mut().zip(all_scores).zip(parts) {
            let outcome = Outcome::new(scores, label, self.positive);
            outcome.write(part);
            tally.log_loss.add(outcome.log_loss());
            tally.confusion.add(label, outcome.predicted);
            if binary {
                tally.scores.add(outcome.of_positive, label == self.positive);
            }
        }
        true
    }

    /// Takes note of new classes. A third one ends the binary task, and its ROC AUC with it.
    fn know(&mut self, classes: usize) {
        self.classes = self.classes.max(classes);
        if !self.binary() {
            self.tallies.iter_mut().for_each(|tally| tally.scores.clear());
        }
    }

    fn binary(&self) -> bool {
        self.classes <= 2
    }

    pub(super) fn window_rows(&self) -> usize {
        self.window.len()
    }

    /// The confusion matrix of the model, overall.
    pub(super) fn confusion(&self) -> &Confusion {
        &self.tallies[0].confusion
    }

    pub(super) fn overall(&self, who: usize) -> [Option<f64>; 5] {
        let tally = &self.tallies[who];
        self.metrics(tally.log_loss.value() / self.count as f64, &tally.confusion, tally.scores.area())
    }

    pub(super) fn windowed(&self, who: usize) -> [Option<f64>; 5] {
        let mut log_loss = Sum::default();
        let mut confusion = Confusion::new(self.classes_max);
        let mut scores = Vec::with_capacity(if self.binary() { self.window.len() } else { 0 });
        for row in self.window.rows() {
            let label = row[0] as usize;
            let outcome = Outcome::read(&row[1 + OUTCOME * who..][..OUTCOME]);
            log_loss.add(outcome.log_loss());
            confusion.add(label, outcome.predicted);
            if self.binary() {
                scores.push((outcome.of_positive, label == self.positive));
            }
        }
        let log_loss = log_loss.value() / self.window.len() as f64;
        self.metrics(log_loss, &confusion, auc::exact(&mut scores))
    }

    fn metrics(&self, log_loss: f64, confusion: &Confusion, area: Option<f64>) -> [Option<f64>; 5] {
        let [accuracy, f1, kappa] = confusion.metrics(self.binary().then_some(self.positive));
        [accuracy, finite(log_loss), area, f1, kappa]
    }
}

impl Snapshot for Classification {
    fn save(&self, out: &mut Writer) {
        out.unsigned(self.classes as u64);
        out.unsigned(self.count);
        for tally in &self.tallies {
            tally.log_loss.save(out);
            tally.confusion.save(out);
            tally.scores.save(out);
        }
        self.window.save(out);
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        let classes = from.unsigned()?;
        if classes > self.classes_max as u64 {
            return Err(from.invalid(format!("{classes} classes where at most {} belong", self.classes_max)));
        }
        self.classes = classes as usize;
        self.count = from.unsigned()?;
        for tally in &mut self.tallies {
            tally.log_loss.load(from)?;
            tally.confusion.load(from)?;
            tally.scores.load(from)?;
        }
        self.window.load(from)
    }
}
