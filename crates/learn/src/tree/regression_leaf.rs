//! A leaf of a regression tree: answers by the mean of its targets or by a linear model, whichever has been nearer of
//! late.

use super::columns::{Columns, Event, LANES};
use super::histogram::{Histogram, Moments};
use super::linear_leaf::Linear;
use super::memory::Observes;
use super::observers::Subset;
use super::scale::Scale;
use super::split::{Candidate, Test};
use crate::snapshot::{Reader, SnapshotError, Writer};

/// What the errors of a leaf's two answers keep with each event.
const FADING: f64 = 0.95;
/// A branch that has less weight than this is none.
const BRANCH_WEIGHT_MIN: f64 = 5.0;

/// How leaves answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// By the mean of the targets.
    Mean,
    /// By a linear model.
    Linear,
    /// By what has been nearer of late.
    Adaptive,
}

/// The target's moments by the values of the features.
#[derive(Clone, Debug, Default, PartialEq)]
struct Observers {
    numeric: Vec<Histogram>,
    /// For each category, by code less 1.
    nominal: Vec<Vec<Moments>>,
}

/// See the module.
#[derive(Clone, Debug, Default)]
pub(crate) struct RegressionLeaf {
    /// What the moments are distances from.
    reference: f64,
    moments: Moments,
    pub(crate) considered_at: f64,
    /// Fading sums of the errors of the mean and of the linear model.
    mean_error: f64,
    linear_error: f64,
    linear: Linear,
    subset: Option<Box<Subset>>,
    observers: Option<Box<Observers>>,
    /// Bytes that the tree has counted for it. Not state.
    counted: usize,
}

/// An event as leaves need it, and what standardises it.
#[derive(Clone, Copy)]
pub(crate) struct Standard<'a> {
    pub(crate) event: &'a Event,
    /// The standardised features, and a 1.
    pub(crate) features: &'a [f64],
    pub(crate) scale: &'a Scale,
}

impl Observes for RegressionLeaf {
    /// The squared error of the mean.
    fn promise(&self) -> f64 {
        self.moments.spread()
    }

    fn observer_bytes(&self) -> usize {
        self.observers.as_ref().map_or(0, |observers| {
            let numeric: usize =
                observers.numeric.iter().map(|of| size_of::<Histogram>() + of.memory_bytes()).sum();
            let nominal: usize =
                observers.nominal.iter().map(|of| 24 + size_of::<Moments>() * of.len()).sum();
            size_of::<Observers>() + numeric + nominal
        })
    }

    fn wake(&mut self) {
        self.observers.get_or_insert_default();
    }

    fn rest(&mut self) {
        self.observers = None;
    }
}

impl RegressionLeaf {
    /// The first leaf of a tree.
    pub(crate) fn first(columns: &Columns, answer: Answer, subset: Option<Box<Subset>>) -> Self {
        let linear = if answer == Answer::Mean { Linear::default() } else { Linear::new(columns.numbers()) };
        let mut leaf =
            RegressionLeaf { linear, subset, observers: Some(Box::default()), ..RegressionLeaf::default() };
        leaf.count();
        leaf
    }

    /// A leaf below this one that starts with these moments.
    pub(crate) fn child(&self, moments: Moments, subset: Option<Box<Subset>>) -> Self {
        let mut leaf = RegressionLeaf {
            reference: self.reference,
            moments,
            considered_at: moments.weight,
            mean_error: self.mean_error,
            linear_error: self.linear_error,
            linear: self.linear.child(),
            subset,
            observers: Some(Box::default()),
            counted: 0,
        };
        leaf.count();
        leaf
    }

    pub(crate) fn weight(&self) -> f64 {
        self.moments.weight
    }

    pub(crate) fn observes(&self) -> bool {
        self.observers.is_some()
    }

    /// The mean of its targets; that of all where it has none.
    pub(crate) fn mean(&self, scale: &Scale) -> f64 {
        let mean = if self.moments.weight > 0.0 { self.reference + self.moments.mean() } else { f64::NAN };
        scale.within(mean)
    }

    /// Weight and weighted sum of its targets.
    pub(crate) fn sums(&self) -> (f64, f64) {
        (self.moments.weight, self.moments.weight * (self.reference + self.moments.mean()))
    }

    /// Whether the linear model answers.
    pub(crate) fn linear_answers(&self, answer: Answer) -> bool {
        match answer {
            Answer::Mean => false,
            Answer::Linear => true,
            Answer::Adaptive => self.linear_error < self.mean_error,
        }
    }

    fn linear_prediction(&self, standard: Standard<'_>) -> f64 {
        let (mean, deviation) = standard.scale.target();
        standard.scale.within(mean + deviation * self.linear.predict(standard.features))
    }

    /// A feature's part of the linear model's prediction.
    pub(crate) fn linear_part(&self, standard: Standard<'_>, feature: usize) -> f64 {
        standard.scale.target().1 * self.linear.part(feature, standard.features[feature])
    }

    /// The prediction.
    pub(crate) fn predict(&self, answer: Answer, standard: Standard<'_>) -> f64 {
        match self.linear_answers(answer) {
            true => self.linear_prediction(standard),
            false => self.mean(standard.scale),
        }
    }

    /// Learns an event. Gives what it would have predicted, and whether it takes more memory now.
    pub(crate) fn learn(
        &mut self,
        answer: Answer,
        all: &Subset,
        standard: Standard<'_>,
        (target, weight): (f64, f64),
        gain: &mut Vec<f64>,
    ) -> (f64, bool) {
        let by_mean = self.mean(standard.scale);
        let mut predicted = by_mean;
        if answer != Answer::Mean {
            let by_linear = self.linear_prediction(standard);
            predicted = if self.linear_answers(answer) { by_linear } else { by_mean };
            self.mean_error = FADING * self.mean_error + (target - by_mean).abs();
            self.linear_error = FADING * self.linear_error + (target - by_linear).abs();
            let (mean, deviation) = standard.scale.target();
            let standard_target = ((target - mean) / deviation).clamp(-100.0, 100.0);
            self.linear.learn(standard.features, standard_target, weight, gain);
        }
        if self.moments.weight == 0.0 {
            self.reference = target;
        }
        let target = target - self.reference;
        self.moments.add(target, weight);
        let grew = self.observe(all, standard.event, target, weight);
        (predicted, grew)
    }

    fn observe(&mut self, all: &Subset, event: &Event, target: f64, weight: f64) -> bool {
        let Some(observers) = &mut self.observers else { return false };
        let subset = self.subset.as_deref().unwrap_or(all);
        let mut grew =
            observers.numeric.len() < subset.numbers || observers.nominal.len() < subset.categories.len();
        if grew {
            observers.numeric.resize(subset.numbers, Histogram::default());
            observers.nominal.resize(subset.categories.len(), Vec::new());
        }
        for (histogram, &feature) in observers.numeric.iter_mut().zip(subset.blocks.iter().flatten()) {
            let value = event.numbers[feature as usize];
            if !value.is_nan() {
                grew |= histogram.add(value, target, weight);
            }
        }
        for (moments, &category) in observers.nominal.iter_mut().zip(&subset.categories) {
            let code = event.codes[category as usize] as usize;
            if code > moments.len() {
                moments.resize(code, Moments::default());
                grew = true;
            }
            if code > 0 {
                moments[code - 1].add(target, weight);
            }
        }
        grew
    }

    /// The best way to split by each feature, appended to `out`: how much of the variance it takes away.
    pub(crate) fn candidates(&self, all: &Subset, binary: bool, out: &mut Vec<Candidate>) {
        let Some(observers) = &self.observers else { return };
        let subset = self.subset.as_deref().unwrap_or(all);
        let weight = self.moments.weight;
        for (histogram, &feature) in observers.numeric.iter().zip(subset.blocks.iter().flatten()) {
            let total = histogram.total();
            let mut best: Option<Candidate> = None;
            histogram.borders(|border, below| {
                consider(&mut best, total, below, weight, Test::Number { feature, border });
            });
            out.extend(best);
        }
        for (moments, &category) in observers.nominal.iter().zip(&subset.categories) {
            let total = moments.iter().fold(Moments::default(), |sum, one| sum.and(*one));
            let mut best: Option<Candidate> = None;
            for (value, one) in moments.iter().enumerate() {
                consider(&mut best, total, *one, weight, Test::Is { category, code: value as u32 + 1 });
            }
            let large = moments.iter().filter(|one| one.weight >= BRANCH_WEIGHT_MIN).count();
            let left: f64 = moments.iter().map(Moments::spread).sum();
            let merit = (total.spread() - left) / weight;
            if !binary && large >= 2 && moments.len() > 2 && best.is_none_or(|best| merit > best.merit) {
                best = Some(Candidate { merit, test: Test::Each { category, values: moments.len() as u32 } });
            }
            out.extend(best);
        }
    }

    /// The moments of each branch of a split.
    pub(crate) fn distributions(&self, all: &Subset, test: &Test) -> Vec<Moments> {
        let Some(observers) = &self.observers else { return Vec::new() };
        let subset = self.subset.as_deref().unwrap_or(all);
        match *test {
            Test::Number { feature, border } => {
                let place = subset.place_of_number(feature).map(|(block, lane)| block * LANES + lane);
                let Some(histogram) = place.and_then(|place| observers.numeric.get(place)) else {
                    return Vec::new();
                };
                let mut first = Moments::default();
                histogram.borders(|known, below| {
                    if known <= border {
                        first = below;
                    }
                });
                vec![first, histogram.total().without(first)]
            }
            Test::Is { category, .. } | Test::Each { category, .. } => {
                let place = subset.place_of_category(category);
                let Some(moments) = place.and_then(|place| observers.nominal.get(place)) else {
                    return Vec::new();
                };
                let total = moments.iter().fold(Moments::default(), |sum, one| sum.and(*one));
                match *test {
                    Test::Is { code, .. } => {
                        let one = moments.get(code as usize - 1).copied().unwrap_or_default();
                        vec![one, total.without(one)]
                    }
                    _ => moments.clone(),
                }
            }
        }
    }

    /// Counts its bytes anew: what they were and what they are.
    pub(crate) fn count(&mut self) -> (usize, usize) {
        let subset = self.subset.as_ref().map_or(0, |subset| size_of::<Subset>() + subset.memory_bytes());
        let bytes = self.linear.memory_bytes() + subset + self.observer_bytes();
        (std::mem::replace(&mut self.counted, bytes), bytes)
    }

    /// Bytes that the tree has counted for it.
    pub(crate) fn counted(&self) -> usize {
        self.counted
    }

    pub(crate) fn save(&self, columns: &Columns, out: &mut Writer) {
        for value in [self.reference, self.considered_at, self.mean_error, self.linear_error] {
            out.float(value);
        }
        self.moments.save(out);
        out.boolean(self.linear != Linear::default());
        if self.linear != Linear::default() {
            self.linear.save(out);
        }
        out.boolean(self.subset.is_some());
        if let Some(subset) = &self.subset {
            subset.save(columns, out);
        }
        out.boolean(self.observers.is_some());
        if let Some(observers) = &self.observers {
            out.boolean(observers.numeric.is_empty() && observers.nominal.is_empty());
            observers.numeric.iter().for_each(|histogram| histogram.save(out));
            for moments in &observers.nominal {
                out.unsigned(moments.len() as u64);
                moments.iter().for_each(|one| one.save(out));
            }
        }
    }

    /// `drawn`: how many features a subset has, 0 where leaves observe all.
    pub(crate) fn load(
        columns: &Columns,
        all: &Subset,
        drawn: usize,
        answer: Answer,
        from: &mut Reader<'_>,
    ) -> Result<Self, SnapshotError> {
        let mut values = [0.0; 4];
        for value in &mut values {
            *value = from.finite()?;
        }
        let [reference, considered_at, mean_error, linear_error] = values;
        if reference.abs() > super::scale::TARGET_MAX || mean_error < 0.0 || linear_error < 0.0 {
            return Err(from.invalid("a leaf's errors or targets are out of reach"));
        }
        let moments = Moments::load(from)?;
        let linear = match (from.boolean()?, answer) {
            (false, Answer::Mean) => Linear::default(),
            (true, Answer::Linear | Answer::Adaptive) => Linear::load(columns.numbers(), from)?,
            _ => return Err(from.invalid("a leaf answers in another way")),
        };
        let subset = match from.boolean()? {
            true => Some(Box::new(Subset::load(columns, from)?)),
            false => None,
        };
        if subset.as_ref().map_or(0, |subset| subset.len()) != drawn {
            return Err(from.invalid("a leaf observes another number of features"));
        }
        let mut observers = None;
        if from.boolean()? {
            let (subset, empty) = (subset.as_deref().unwrap_or(all), from.boolean()?);
            let mut read = Observers::default();
            if !empty {
                for _ in 0..subset.numbers {
                    read.numeric.push(Histogram::load(from)?);
                }
                for _ in &subset.categories {
                    let length = from.length(24)?;
                    if length > super::columns::CATEGORY_VALUES_MAX {
                        return Err(from.invalid("too many values of a category"));
                    }
                    read.nominal.push((0..length).map(|_| Moments::load(from)).collect::<Result<_, _>>()?);
                }
            }
            observers = Some(Box::new(read));
        }
        let mut leaf = RegressionLeaf {
            reference,
            moments,
            considered_at,
            mean_error,
            linear_error,
            linear,
            subset,
            observers,
            counted: 0,
        };
        leaf.count();
        Ok(leaf)
    }
}

/// Keeps the better of the best split so far and one whose first branch has these moments.
fn consider(best: &mut Option<Candidate>, total: Moments, first: Moments, weight: f64, test: Test) {
    let second = total.without(first);
    if first.weight >= BRANCH_WEIGHT_MIN && second.weight >= BRANCH_WEIGHT_MIN {
        let merit = (total.spread() - first.spread() - second.spread()) / weight;
        if best.is_none_or(|best| merit > best.merit) {
            *best = Some(Candidate { merit, test });
        }
    }
}
