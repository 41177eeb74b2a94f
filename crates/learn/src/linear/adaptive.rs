//! Steps for linear models that need no tuning and no scaler: adaptive, normalised, scale-free.
//!
//! Numeric features are centred and divided by their running deviation, so that the learner does not see their
//! units; sparse features are divided by the largest value seen and not centred. Each weight has a step size of its
//! own, which shrinks with the gradients it has seen (AdaGrad) and forgets old ones with a half-life. The step is
//! *implicit*: it is damped so that it cannot overshoot the target of its event. Beside the fast weights stands
//! their running average, which is better where the stream is steady and worse where it moves: whichever predicted
//! better lately answers.
//!
//! Robustness: no value counts for more than [`REACH`] deviations, so one absurd value moves the state by a bounded
//! amount; values beyond [`LIMIT`] count as missing. Missing contributes nothing, which for a centred feature means
//! that it counts as its mean.
//!
//! Loops run over [`LANES`] features side by side.

use super::moments::{LIMIT, MOMENT_EVENTS_MAX, Moments, REACH};
use crate::dump;
use crate::features::{Row, Schema};
use crate::lanes::{LANES, Lanes};
use crate::model::Contributions;
use crate::snapshot::{Reader, SnapshotError, Writer};

/// What the sum of squared gradients starts from, in units of the squared scale of the target: a first gradient
/// that happens to be tiny must not make a giant step.
const GRADIENT_FLOOR: f64 = 0.25;
/// Share of the newest event in the fading losses that choose between fast and averaged weights.
const LOSS_SHARE: f64 = 0.01;
/// Deviations are looked at anew with each of the first events, and then with every so many.
const LOOK_ALWAYS_EVENTS: u64 = 64;
const LOOK_EVENTS: u64 = 8;
/// Smallest curvature for losses that flatten out: keeps the step from overshooting where a model is certain and
/// wrong.
pub(super) const CURVATURE_MIN: f64 = 0.05;
/// Events that weigh more than this count as this.
pub(super) const WEIGHT_MAX: f64 = 1e6;

/// What is known of a sparse feature.
#[derive(Clone, Copy, Debug, Default)]
struct Sparse {
    /// Largest absolute value seen; 0: never seen.
    scale: f64,
    /// Weight learnt.
    count: f64,
}

/// One weight of a linear function.
#[derive(Clone, Copy, Debug, Default)]
struct Weight {
    /// The fast weight, in units of the target for one (deviation or scale) of the feature.
    fast: f64,
    /// The running average of the fast weight.
    average: f64,
    /// Fading sum of squared gradients.
    gradient: f64,
}

impl Weight {
    fn chosen(&self, averaged: bool) -> f64 {
        if averaged { self.average } else { self.fast }
    }
}

/// The weights of [`LANES`] features.
#[derive(Clone, Copy, Debug, Default)]
struct Weights {
    fast: Lanes,
    average: Lanes,
    gradient: Lanes,
}

/// A linear function of the features.
#[derive(Clone, Debug, Default)]
struct Function {
    intercept: Weight,
    numeric: Vec<Weights>,
    sparse: Vec<Weight>,
}

/// How an event is learnt.
#[derive(Clone, Copy, Debug)]
pub(super) struct Settings {
    /// Multiplies every step.
    pub(super) learning_rate: f64,
    /// Strength of the pull of weights towards zero.
    pub(super) l2: f64,
    /// Events after which an old gradient counts half.
    pub(super) half_life_events: f64,
}

/// The error of one event.
#[derive(Clone, Copy, Debug)]
pub(super) struct Error {
    /// Derivative of the loss with respect to the function's value.
    pub(super) slope: f64,
    /// An upper bound of its second derivative.
    pub(super) curvature: f64,
    /// Scale of what is predicted: the steps are proportional to it.
    pub(super) scale: f64,
    /// Smallest step of the intercept.
    pub(super) intercept_rate_min: f64,
}

/// The values of a function by its fast and by its averaged weights.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Values {
    pub(super) fast: f64,
    pub(super) average: f64,
}

/// One or several linear functions of the same features, learnt event by event.
#[derive(Clone, Debug)]
pub(super) struct Functions {
    settings: Settings,
    /// What a squared gradient keeps with each further one.
    keep: f64,
    numeric_length: usize,
    numeric: Vec<Moments>,
    sparse: Vec<Sparse>,
    /// Number of events learnt.
    number: u64,
    /// Their weight.
    events: f64,
    /// Mean of the squared length of scaled rows, the intercept's 1 included.
    length: f64,
    /// Fading loss of the fast and of the averaged weights.
    losses: Values,
    functions: Vec<Function>,
    /// The event being learnt, scaled. Not state.
    row: Vec<Lanes>,
    /// By how much the means moved. Not state.
    shift: Vec<Lanes>,
    /// Step of each weight for a slope of 1. Not state.
    rates: Vec<Lanes>,
    /// The sparse features of the event: index, scaled value, step. Not state.
    row_sparse: Vec<(usize, f64, f64)>,
}

impl Functions {
    pub(super) fn new(numeric: usize, sparse: usize, functions: usize, settings: Settings) -> Self {
        let blocks = numeric.div_ceil(LANES);
        let mut new = Functions {
            settings,
            keep: libm::exp2(-1.0 / settings.half_life_events),
            numeric_length: numeric,
            numeric: vec![Moments::default(); blocks],
            sparse: vec![Sparse::default(); sparse],
            number: 0,
            events: 0.0,
            length: 0.0,
            losses: Values::default(),
            functions: Vec::new(),
            row: vec![Lanes::default(); blocks],
            shift: vec![Lanes::default(); blocks],
            rates: vec![Lanes::default(); blocks],
            row_sparse: Vec::new(),
        };
        new.grow(functions);
        new
    }

    /// Adds functions (of value 0) until there are this many.
    pub(super) fn grow(&mut self, functions: usize) {
        while self.functions.len() < functions {
            self.functions.push(Function {
                intercept: Weight::default(),
                numeric: vec![Weights::default(); self.numeric.len()],
                sparse: vec![Weight::default(); self.sparse.len()],
            });
        }
    }

    /// Number of functions.
    pub(super) fn len(&self) -> usize {
        self.functions.len()
    }

    /// Weight learnt so far.
    pub(super) fn events(&self) -> f64 {
        self.events
    }

    /// The value of a function, by whichever weights predicted better lately. Always finite.
    pub(super) fn predict(&self, function: usize, row: Row<'_>) -> f64 {
        let Some(function) = self.functions.get(function) else { return 0.0 };
        let value = if self.averaged() {
            let dense = self.dot(row.numeric, &function.numeric, |w| w.average);
            function.intercept.average + dense + self.dot_sparse(row.sparse, function, |w| w.average)
        } else {
            let dense = self.dot(row.numeric, &function.numeric, |w| w.fast);
            function.intercept.fast + dense + self.dot_sparse(row.sparse, function, |w| w.fast)
        };
        finite(value)
    }

    #[inline(always)]
    fn dot(&self, values: &[f64], weights: &[Weights], of: impl Fn(&Weights) -> Lanes) -> f64 {
        let mut sum = Lanes::default();
        for ((moments, weights), values) in self.numeric.iter().zip(weights).zip(values.chunks(LANES)) {
            sum += of(weights) * moments.scaled(moments.filled(Lanes::of(values)));
        }
        sum.sum()
    }

    fn dot_sparse(&self, values: &[(u32, f64)], function: &Function, of: impl Fn(&Weight) -> f64) -> f64 {
        let mut sum = 0.0;
        for &(index, value) in values {
            if let (Some(known), Some(weight)) =
                (self.sparse.get(index as usize), function.sparse.get(index as usize))
                && known.scale > 0.0
                && value.abs() <= LIMIT
            {
                sum += of(weight) * (value / known.scale).clamp(-REACH, REACH);
            }
        }
        sum
    }

    /// Whether the averaged weights predicted better lately than the fast ones.
    fn averaged(&self) -> bool {
        self.losses.average < self.losses.fast
    }

    /// What each feature adds to the value of a function; the intercept is the base.
    pub(super) fn explain(&self, function: usize, row: Row<'_>, out: &mut Contributions) {
        out.clear(row);
        let Some(function) = self.functions.get(function) else { return };
        let averaged = self.averaged();
        let of = |weight: &Weight| weight.chosen(averaged);
        out.base = function.intercept.chosen(averaged);
        for (block, (moments, weights)) in self.numeric.iter().zip(&function.numeric).enumerate() {
            let first = block * LANES;
            let Some(values) = row.numeric.get(first..) else { break };
            let weights = if averaged { weights.average } else { weights.fast };
            let products = weights * moments.scaled(moments.filled(Lanes::of(values)));
            for (lane, part) in out.numeric[first..].iter_mut().take(LANES).enumerate() {
                *part = products.get(lane);
            }
        }
        for (part, pair) in out.sparse.iter_mut().zip(row.sparse) {
            *part = self.dot_sparse(std::slice::from_ref(pair), function, of);
        }
    }

    /// The function in words: what a feature adds for each deviation from its mean (numeric) or for its largest value
    /// (sparse).
    pub(super) fn dump(&self, function: usize, schema: &Schema, out: &mut String) {
        let Some(function) = self.functions.get(function) else { return };
        let averaged = self.averaged();
        let mut named = vec![("(intercept)".to_owned(), function.intercept.chosen(averaged))];
        for feature in 0..self.numeric_length {
            let weights = &function.numeric[feature / LANES];
            let weights = if averaged { weights.average } else { weights.fast };
            named.push((dump::feature_name(schema, feature), weights.get(feature % LANES)));
        }
        for (index, weight) in function.sparse.iter().enumerate() {
            named.push((dump::feature_name(schema, self.numeric_length + index), weight.chosen(averaged)));
        }
        dump::weights(named, out);
    }

    /// Bytes of memory.
    pub(super) fn memory_bytes(&self) -> usize {
        let numeric = self.numeric.len();
        let shared = numeric * (size_of::<Moments>() + 3 * size_of::<Lanes>());
        let each =
            size_of::<Function>() + numeric * size_of::<Weights>() + self.sparse.len() * size_of::<Weight>();
        size_of::<Self>() + shared + self.sparse.len() * size_of::<Sparse>() + self.functions.len() * each
    }

    /// Begins to learn an event: updates means, deviations and scales and keeps the scaled row. [`Functions::values`]
    /// of every function must follow.
    pub(super) fn observe(&mut self, row: Row<'_>, weight: f64) {
        self.number = self.number.saturating_add(1);
        self.events += weight;
        let look = self.number <= LOOK_ALWAYS_EVENTS || self.number.is_multiple_of(LOOK_EVENTS);
        let mut squares = Lanes::default();
        for (((moments, scaled), shift), values) in
            self.numeric.iter_mut().zip(&mut self.row).zip(&mut self.shift).zip(row.numeric.chunks(LANES))
        {
            (*scaled, *shift) = moments.learn(Lanes::of(values), weight, look);
            squares += *scaled * *scaled;
        }
        let mut length = 1.0 + squares.sum();
        self.row_sparse.clear();
        for &(index, value) in row.sparse {
            let size = value.abs();
            if let Some(known) = self.sparse.get_mut(index as usize)
                && size > 0.0
                && size <= LIMIT
            {
                let size_max = if known.scale > 0.0 { known.scale * REACH } else { LIMIT };
                known.scale = known.scale.max(size.min(size_max));
                known.count += weight;
                let scaled = (value / known.scale).clamp(-REACH, REACH);
                length += scaled * scaled;
                self.row_sparse.push((index as usize, scaled, 0.0));
            }
        }
        self.length += (length - self.length) * (weight / self.events.min(MOMENT_EVENTS_MAX)).min(1.0);
    }

    /// The values of a function for the event that was observed last. Where means have moved, its intercept makes up
    /// for it: no function changes its value by that.
    pub(super) fn values(&mut self, function: usize) -> Values {
        let Some(function) = self.functions.get_mut(function) else { return Values::default() };
        let (mut fast, mut average) = (Lanes::default(), Lanes::default());
        let (mut fast_shift, mut average_shift) = (Lanes::default(), Lanes::default());
        for ((weights, &row), &shift) in function.numeric.iter().zip(&self.row).zip(&self.shift) {
            fast += weights.fast * row;
            average += weights.average * row;
            fast_shift += weights.fast * shift;
            average_shift += weights.average * shift;
        }
        let intercept = &mut function.intercept;
        intercept.fast += fast_shift.sum();
        intercept.average += average_shift.sum();
        let mut values =
            Values { fast: intercept.fast + fast.sum(), average: intercept.average + average.sum() };
        for &(index, scaled, _) in &self.row_sparse {
            values.fast += function.sparse[index].fast * scaled;
            values.average += function.sparse[index].average * scaled;
        }
        Values { fast: finite(values.fast), average: finite(values.average) }
    }

    /// Notes how well fast and averaged weights predicted the event.
    pub(super) fn compare(&mut self, losses: Values) {
        self.losses.fast += (losses.fast - self.losses.fast) * LOSS_SHARE;
        self.losses.average += (losses.average - self.losses.average) * LOSS_SHARE;
    }

    /// Sets the intercept of a function that has learnt nothing.
    pub(super) fn start_at(&mut self, function: usize, value: f64) {
        if let Some(function) = self.functions.get_mut(function) {
            function.intercept.fast = value;
            function.intercept.average = value;
        }
    }

    /// Moves a function's weights down the slope for the event that was observed last.
    pub(super) fn step(&mut self, function: usize, error: Error, weight: f64) {
        let Some(function) = self.functions.get_mut(function) else { return };
        let (keep, slope) = (self.keep, error.slope);
        let step = self.settings.learning_rate * error.scale / self.length.max(1.0).sqrt();
        // The smallest normal number keeps 0/0 away where scale and gradients are 0.
        let floor = GRADIENT_FLOOR * error.scale * error.scale + f64::MIN_POSITIVE;

        if self.settings.l2 > 0.0 {
            shrink(function, &self.row, &self.row_sparse, self.settings.l2 * weight * step, floor);
        }
        let mut total = Lanes::default();
        for ((weights, &row), rates) in function.numeric.iter_mut().zip(&self.row).zip(&mut self.rates) {
            let gradient = row * slope;
            // A feature that is missing keeps what it has learnt of its gradients.
            let kept = row.map(|value| if value == 0.0 { 1.0 } else { keep });
            weights.gradient = weights.gradient * kept + gradient * gradient * weight;
            *rates = row * (weights.gradient + Lanes::splat(floor)).inverse_sqrt() * step;
            total += *rates * row;
        }
        let intercept = &mut function.intercept;
        intercept.gradient = intercept.gradient * keep + weight * slope * slope;
        let intercept_rate = (step / (intercept.gradient + floor).sqrt()).max(error.intercept_rate_min);
        let mut total = total.sum() + intercept_rate;
        for (index, scaled, rate) in &mut self.row_sparse {
            let known = &mut function.sparse[*index];
            let gradient = slope * *scaled;
            known.gradient = known.gradient * keep + weight * gradient * gradient;
            *rate = step * *scaled / (known.gradient + floor).sqrt();
            total += *rate * *scaled;
        }

        // The implicit step: the slope as it will be after the step, to first order.
        let slope = slope * weight / (1.0 + error.curvature * weight * total);
        let share_min = 1.0 / self.settings.half_life_events;
        // Averages over the last quarter of the events at first, then over the half-life.
        let share = |events: f64| (4.0 / (events + 3.0)).clamp(share_min, 1.0);
        let share_all = share(self.events);
        for (weights, &rates) in function.numeric.iter_mut().zip(&self.rates) {
            weights.fast = weights.fast - rates * slope;
            weights.average += (weights.fast - weights.average) * share_all;
        }
        let intercept = &mut function.intercept;
        intercept.fast -= slope * intercept_rate;
        intercept.average += (intercept.fast - intercept.average) * share_all;
        for &(index, _, rate) in &self.row_sparse {
            let known = &mut function.sparse[index];
            known.fast -= slope * rate;
            known.average += (known.fast - known.average) * share(self.sparse[index].count);
        }
    }
}

/// The pull of L2 on the weights of the features that are there, as an implicit step. Never on the intercept.
fn shrink(function: &mut Function, row: &[Lanes], sparse: &[(usize, f64, f64)], pull: f64, floor: f64) {
    for (weights, &row) in function.numeric.iter_mut().zip(row) {
        let pull = row.map(|value| if value == 0.0 { 0.0 } else { pull });
        let by = Lanes::splat(1.0) + pull * (weights.gradient + Lanes::splat(floor)).inverse_sqrt();
        weights.fast = weights.fast.over(by);
    }
    for &(index, _, _) in sparse {
        let known = &mut function.sparse[index];
        known.fast /= 1.0 + pull / (known.gradient + floor).sqrt();
    }
}

/// The value within [`LIMIT`], 0 for NaN.
fn finite(value: f64) -> f64 {
    if value.is_nan() { 0.0 } else { value.clamp(-LIMIT, LIMIT) }
}

impl Functions {
    /// Saves everything but the settings; sparse features that were never seen take no room.
    pub(super) fn save(&self, out: &mut Writer) {
        out.version(1);
        out.unsigned(self.number);
        out.float(self.events);
        out.float(self.length);
        out.float(self.losses.fast);
        out.float(self.losses.average);
        out.unsigned(self.numeric_length as u64);
        for feature in 0..self.numeric_length {
            self.numeric[feature / LANES].save(feature % LANES, out);
        }
        let seen = || self.sparse.iter().enumerate().filter(|(_, known)| known.scale > 0.0);
        out.unsigned(self.sparse.len() as u64);
        out.unsigned(seen().count() as u64);
        let mut next = 0;
        for (index, known) in seen() {
            out.unsigned((index - next) as u64);
            next = index + 1;
            out.float(known.scale);
            out.float(known.count);
        }
        out.unsigned(self.functions.len() as u64);
        for function in &self.functions {
            function.intercept.save(out);
            for feature in 0..self.numeric_length {
                let (weights, lane) = (&function.numeric[feature / LANES], feature % LANES);
                let weight = Weight {
                    fast: weights.fast.get(lane),
                    average: weights.average.get(lane),
                    gradient: weights.gradient.get(lane),
                };
                weight.save(out);
            }
            seen().for_each(|(index, _)| function.sparse[index].save(out));
        }
    }

    /// Loads what [`Functions::save`] wrote, with `functions_min` to `functions_max` functions.
    pub(super) fn load(
        &mut self,
        from: &mut Reader<'_>,
        functions_min: usize,
        functions_max: usize,
    ) -> Result<(), SnapshotError> {
        from.version(1)?;
        self.number = from.unsigned()?;
        self.events = from.finite_not_negative()?;
        self.length = from.finite_not_negative()?;
        self.losses = Values { fast: from.finite()?, average: from.finite()? };
        from.expect_length(self.numeric_length, "numeric features")?;
        for feature in 0..self.numeric_length {
            self.numeric[feature / LANES].load(feature % LANES, from)?;
        }
        self.load_sparse(from)?;
        let functions = from.length(24)?;
        if !(functions_min..=functions_max).contains(&functions) {
            return Err(from
                .invalid(format!("{functions} functions, from {functions_min} to {functions_max} belong")));
        }
        self.functions.clear();
        self.grow(functions);
        for function in &mut self.functions {
            function.intercept = Weight::load(from)?;
            for feature in 0..self.numeric_length {
                let (weights, lane) = (&mut function.numeric[feature / LANES], feature % LANES);
                let weight = Weight::load(from)?;
                weights.fast.set(lane, weight.fast);
                weights.average.set(lane, weight.average);
                weights.gradient.set(lane, weight.gradient);
            }
            for (known, weight) in self.sparse.iter().zip(&mut function.sparse) {
                if known.scale > 0.0 {
                    *weight = Weight::load(from)?;
                }
            }
        }
        Ok(())
    }

    fn load_sparse(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        from.expect_length(self.sparse.len(), "sparse features")?;
        self.sparse.fill(Sparse::default());
        let mut next = 0u64;
        for _ in 0..from.length(17)? {
            let index = next.saturating_add(from.unsigned()?);
            next = index.saturating_add(1);
            let known = Sparse { scale: from.finite_not_negative()?, count: from.finite_not_negative()? };
            let place = usize::try_from(index).ok().and_then(|index| self.sparse.get_mut(index));
            match place {
                Some(place) if known.scale > 0.0 => *place = known,
                _ => return Err(from.invalid("a sparse feature is out of place")),
            }
        }
        Ok(())
    }
}

impl Weight {
    fn save(&self, out: &mut Writer) {
        out.float(self.fast);
        out.float(self.average);
        out.float(self.gradient);
    }

    fn load(from: &mut Reader<'_>) -> Result<Self, SnapshotError> {
        Ok(Weight { fast: from.finite()?, average: from.finite()?, gradient: from.finite_not_negative()? })
    }
}
