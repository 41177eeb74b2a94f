//! A leaf of a classification tree: answers by its class shares or by naive Bayes, whichever has been right more often.

use super::columns::{Columns, Event};
use super::memory::Observes;
use super::observers::{Observers, Subset};
use super::split::{Branches, Candidate};
use crate::snapshot::{Reader, SnapshotError, Writer};

/// How leaves answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// By the shares of the classes.
    Shares,
    /// By naive Bayes.
    Bayes,
    /// By what has been right more often in this leaf.
    Adaptive,
}

/// See the module.
#[derive(Clone, Debug, Default)]
pub(crate) struct Leaf {
    /// Weight of each class, what was estimated when the parent was split included.
    pub(crate) counts: Vec<f64>,
    /// Their sum.
    pub(crate) total: f64,
    /// What the sum was when a split was last considered.
    pub(crate) considered_at: f64,
    /// Weight of the events for which the most frequent class was right, and for which naive Bayes was.
    shares_right: f64,
    bayes_right: f64,
    /// The features that are observed, where not all of the tree's.
    subset: Option<Box<Subset>>,
    /// None: the leaf was put to rest to save memory. It still counts classes.
    observers: Option<Box<Observers>>,
    /// Bytes that the tree has counted for it. Not state.
    counted: usize,
}

/// What all leaves of a tree have in common.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Common<'a> {
    pub(crate) answer: Answer,
    pub(crate) all: &'a Subset,
}

/// What came of learning an event.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Learnt {
    /// What the leaf would have answered.
    pub(crate) predicted: usize,
    /// It takes more memory now.
    pub(crate) grew: bool,
}

/// The place of the largest, the first of equals; `None` where all are minus infinity or nothing.
fn largest(values: impl Iterator<Item = f64>) -> Option<usize> {
    let mut best = (None, f64::NEG_INFINITY);
    for (at, value) in values.enumerate() {
        if value > best.1 {
            best = (Some(at), value);
        }
    }
    best.0
}

impl Observes for Leaf {
    /// The weight of the events that the most frequent class gets wrong.
    fn promise(&self) -> f64 {
        self.total - self.counts.iter().copied().fold(0.0, f64::max)
    }

    fn observer_bytes(&self) -> usize {
        self.observers().map_or(0, Observers::memory_bytes)
    }

    fn wake(&mut self) {
        self.observers.get_or_insert_default();
    }

    fn rest(&mut self) {
        self.observers = None;
    }
}

impl Leaf {
    /// A leaf that starts with these class weights and observes these features.
    pub(crate) fn new(counts: Vec<f64>, subset: Option<Box<Subset>>) -> Self {
        let total = counts.iter().sum();
        let observers = Some(Box::default());
        let mut leaf = Leaf { counts, total, considered_at: total, subset, observers, ..Leaf::default() };
        leaf.count();
        leaf
    }

    /// The features that it observes.
    pub(crate) fn subset<'a>(&'a self, common: Common<'a>) -> &'a Subset {
        self.subset.as_deref().unwrap_or(common.all)
    }

    /// What it has observed, where it is not at rest.
    pub(crate) fn observers(&self) -> Option<&Observers> {
        self.observers.as_deref()
    }

    /// Whether all events were of one class.
    pub(crate) fn is_pure(&self) -> bool {
        self.classes() < 2
    }

    /// How many classes have come.
    pub(crate) fn classes(&self) -> usize {
        self.counts.iter().filter(|count| **count > 0.0).count()
    }

    /// Whether naive Bayes answers.
    pub(crate) fn bayes_answers(&self, answer: Answer) -> bool {
        let observes = self.observers.is_some();
        match answer {
            Answer::Shares => false,
            Answer::Bayes => observes,
            Answer::Adaptive => observes && self.shares_right <= self.bayes_right,
        }
    }

    /// The class that naive Bayes finds most probable.
    fn bayes_class(&self, common: Common<'_>, event: &Event) -> Option<usize> {
        let observers = self.observers()?;
        let subset = self.subset(common);
        largest(
            (0..self.counts.len()).map(|class| observers.log_score(self.counts[class], subset, event, class)),
        )
    }

    /// Learns an event.
    pub(crate) fn learn(&mut self, common: Common<'_>, event: &Event, class: usize, weight: f64) -> Learnt {
        let by_shares = largest(self.counts.iter().copied()).unwrap_or(0);
        let by_bayes = match common.answer {
            Answer::Shares => by_shares,
            // Where there is one class, there is nothing to ask.
            _ if self.is_pure() => by_shares,
            _ => self.bayes_class(common, event).unwrap_or(by_shares),
        };
        let predicted = if self.bayes_answers(common.answer) { by_bayes } else { by_shares };
        self.shares_right += if by_shares == class { weight } else { 0.0 };
        self.bayes_right += if by_bayes == class { weight } else { 0.0 };
        let grew = self.observe(common, event, class, weight);
        Learnt { predicted, grew }
    }

    /// Counts and observes an event. True where that took more memory.
    pub(crate) fn observe(&mut self, common: Common<'_>, event: &Event, class: usize, weight: f64) -> bool {
        let mut grew = false;
        if class >= self.counts.len() {
            self.counts.resize(class + 1, 0.0);
            grew = true;
        }
        self.counts[class] += weight;
        self.total += weight;
        if let Some(observers) = &mut self.observers {
            let subset = self.subset.as_deref().unwrap_or(common.all);
            grew |= observers.learn(subset, event, class, weight);
        }
        grew
    }

    /// Appends the best split by each feature to `out`; false where it does not observe.
    pub(crate) fn candidates(
        &self,
        common: Common<'_>,
        binary: bool,
        room: &mut Branches,
        out: &mut Vec<Candidate>,
    ) -> bool {
        let Some(observers) = self.observers() else { return false };
        observers.candidates(self.subset(common), binary, room, out);
        true
    }

    /// Writes the probability of each class; all the same where nothing is known.
    pub(crate) fn scores(&self, common: Common<'_>, event: &Event, scores: &mut [f64]) {
        if self.bayes_answers(common.answer) && self.bayes_scores(common, event, scores) {
            return;
        }
        self.shares(scores);
    }

    /// Writes the share of each class.
    pub(crate) fn shares(&self, scores: &mut [f64]) {
        let known = self.counts.len().min(scores.len());
        let sum: f64 = self.counts[..known].iter().sum();
        if sum > 0.0 {
            scores[..known].iter_mut().zip(&self.counts).for_each(|(score, count)| *score = count / sum);
            scores[known..].fill(0.0);
        } else {
            scores.fill(1.0 / scores.len().max(1) as f64);
        }
    }

    /// Writes probabilities by naive Bayes; false where it knows of no class that could be.
    fn bayes_scores(&self, common: Common<'_>, event: &Event, scores: &mut [f64]) -> bool {
        let Some(observers) = self.observers() else { return false };
        let subset = self.subset(common);
        let known = self.counts.len().min(scores.len());
        let mut max = f64::NEG_INFINITY;
        for (class, score) in scores[..known].iter_mut().enumerate() {
            *score = observers.log_score(self.counts[class], subset, event, class);
            max = max.max(*score);
        }
        if max == f64::NEG_INFINITY {
            return false;
        }
        let mut sum = 0.0;
        for score in &mut scores[..known] {
            // 0 beyond what could be told from the most probable class.
            *score = if *score - max > -700.0 { libm::exp(*score - max) } else { 0.0 };
            sum += *score;
        }
        scores[..known].iter_mut().for_each(|score| *score /= sum);
        scores[known..].fill(0.0);
        true
    }

    /// Bytes on the heap.
    pub(crate) fn memory_bytes(&self) -> usize {
        let subset = self.subset.as_ref().map_or(0, |subset| size_of::<Subset>() + subset.memory_bytes());
        8 * self.counts.len() + subset + self.observer_bytes()
    }

    /// Counts its bytes anew: what they were and what they are.
    pub(crate) fn count(&mut self) -> (usize, usize) {
        let bytes = self.memory_bytes();
        (std::mem::replace(&mut self.counted, bytes), bytes)
    }

    /// Bytes that the tree has counted for it.
    pub(crate) fn counted(&self) -> usize {
        self.counted
    }

    pub(crate) fn save(&self, columns: &Columns, out: &mut Writer) {
        out.floats(&self.counts);
        for value in [self.total, self.considered_at, self.shares_right, self.bayes_right] {
            out.float(value);
        }
        out.boolean(self.subset.is_some());
        if let Some(subset) = &self.subset {
            subset.save(columns, out);
        }
        out.boolean(self.observers.is_some());
        if let Some(observers) = &self.observers {
            observers.save(out);
        }
    }

    /// `drawn`: how many features a subset has, 0 where leaves observe all.
    pub(crate) fn load(
        columns: &Columns,
        all: &Subset,
        drawn: usize,
        classes_max: usize,
        from: &mut Reader<'_>,
    ) -> Result<Self, SnapshotError> {
        let counts = from.floats()?;
        if counts.len() > classes_max || !counts.iter().all(|count| (0.0..=1e18).contains(count)) {
            return Err(from.invalid(format!("{} classes in a leaf, or too much of one", counts.len())));
        }
        let mut sums = [0.0; 4];
        for sum in &mut sums {
            *sum = from.finite_not_negative()?;
        }
        let [total, considered_at, shares_right, bayes_right] = sums;
        let subset = match from.boolean()? {
            true => Some(Box::new(Subset::load(columns, from)?)),
            false => None,
        };
        if subset.as_ref().map_or(0, |subset| subset.len()) != drawn {
            return Err(from.invalid("a leaf observes another number of features"));
        }
        let observers = match from.boolean()? {
            true => {
                let observers = Observers::load(subset.as_deref().unwrap_or(all), from, classes_max)?;
                if observers.seen.len() > counts.len() {
                    return Err(from.invalid("a leaf observes classes that it does not count"));
                }
                Some(Box::new(observers))
            }
            false => None,
        };
        let mut leaf =
            Leaf { counts, total, considered_at, shares_right, bayes_right, subset, observers, counted: 0 };
        leaf.count();
        Ok(leaf)
    }
}
