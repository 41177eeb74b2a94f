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
//! Loops run over [`LANES`] features side by side, which also fixes the order of sums on every machine.

#![expect(
    clippy::needless_range_loop,
    reason = "loops over lanes read as what they become: one vector operation"
)]

use crate::features::Row;
use crate::snapshot::{Reader, SnapshotError, Writer};

/// Features that are worked on side by side.
const LANES: usize = 4;
type Lanes = [f64; LANES];

/// Larger values count as missing, so that squares and their sums stay finite.
pub(crate) const LIMIT: f64 = 1e100;
/// No value counts for more than this many deviations from its mean. Wide enough for a flag that is set once in a
/// thousand events, narrow enough that one absurd value cannot spoil a feature.
const REACH: f64 = 30.0;
/// Moments of features forget beyond this many events, so that they can follow a stream that moves.
const MOMENT_EVENTS_MAX: f64 = 100_000.0;
/// Deviations below this are no deviations: their reciprocal would not be finite.
const DEVIATION_MIN: f64 = 1e-150;
/// What the sum of squared gradients starts from, in units of the squared scale of the target: a first gradient
/// that happens to be tiny must not make a giant step.
const GRADIENT_FLOOR: f64 = 0.25;
/// Share of the newest event in the fading losses that choose between fast and averaged weights.
const LOSS_SHARE: f64 = 0.01;
/// Events that weigh more than this count as this.
pub(crate) const WEIGHT_MAX: f64 = 1e6;

/// Running mean and deviation of [`LANES`] features.
#[derive(Clone, Copy, Debug, Default)]
struct Moments {
    mean: Lanes,
    variance: Lanes,
    /// Weight learnt, at most [`MOMENT_EVENTS_MAX`].
    count: Lanes,
    /// Square root of the variance.
    deviation: Lanes,
    /// Its reciprocal, 0 where there is no deviation yet.
    inverse: Lanes,
}

impl Moments {
    /// The value in deviations from the mean; 0 where it is missing.
    #[inline(always)]
    fn scaled(&self, lane: usize, value: f64) -> f64 {
        if value.abs() <= LIMIT { clamp((value - self.mean[lane]) * self.inverse[lane], REACH) } else { 0.0 }
    }

    /// Learns the value and returns by how many (old) deviations the mean moved.
    #[inline(always)]
    fn learn(&mut self, lane: usize, value: f64, weight: f64) -> f64 {
        let there = value.abs() <= LIMIT;
        let weight = if there { weight } else { 0.0 };
        let sum = self.count[lane] + weight;
        let count = if sum > MOMENT_EVENTS_MAX { MOMENT_EVENTS_MAX } else { sum };
        let rate = if weight < count { weight / count } else { 1.0 };
        let rate = if there { rate } else { 0.0 };
        let known = self.deviation[lane] >= DEVIATION_MIN;
        let reach = if known { REACH * self.deviation[lane] } else { 2.0 * LIMIT };
        let difference = if there { clamp(value - self.mean[lane], reach) } else { 0.0 };
        let step = difference * rate;
        let shift = step * self.inverse[lane];
        self.count[lane] = count;
        self.mean[lane] += step;
        self.variance[lane] += (difference * (difference - step) - self.variance[lane]) * rate;
        self.derive(lane);
        shift
    }

    /// Fills in what follows from the variance.
    #[inline(always)]
    fn derive(&mut self, lane: usize) {
        let deviation = self.variance[lane].sqrt();
        let inverse = 1.0 / deviation;
        self.deviation[lane] = deviation;
        self.inverse[lane] = if deviation >= DEVIATION_MIN { inverse } else { 0.0 };
    }
}

/// Running mean and deviation of one number, robust as those of the features: for targets.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Scale(Moments);

impl Scale {
    pub(crate) fn learn(&mut self, value: f64, weight: f64) {
        self.0.learn(0, value, weight);
    }

    pub(crate) fn deviation(&self) -> f64 {
        self.0.deviation[0]
    }

    pub(crate) fn save(&self, out: &mut Writer) {
        save_moments(&self.0, 0, out);
    }

    pub(crate) fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        load_moments(&mut self.0, 0, from)
    }
}

fn save_moments(moments: &Moments, lane: usize, out: &mut Writer) {
    out.float(moments.mean[lane]);
    out.float(moments.variance[lane]);
    out.float(moments.count[lane]);
}

fn load_moments(moments: &mut Moments, lane: usize, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
    moments.mean[lane] = from.finite()?;
    moments.variance[lane] = from.finite_not_negative()?;
    moments.count[lane] = from.finite_not_negative()?;
    moments.derive(lane);
    Ok(())
}

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
pub(crate) struct Settings {
    /// Multiplies every step.
    pub(crate) learning_rate: f64,
    /// Strength of the pull of weights towards zero.
    pub(crate) l2: f64,
    /// Events after which an old gradient counts half.
    pub(crate) half_life_events: f64,
}

/// The error of one event.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Error {
    /// Derivative of the loss with respect to the function's value.
    pub(crate) slope: f64,
    /// An upper bound of its second derivative.
    pub(crate) curvature: f64,
    /// Scale of what is predicted: the steps are proportional to it.
    pub(crate) scale: f64,
    /// Smallest step of the intercept.
    pub(crate) intercept_rate_min: f64,
}

/// The values of a function by its fast and by its averaged weights.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Values {
    pub(crate) fast: f64,
    pub(crate) average: f64,
}

/// One or several linear functions of the same features, learnt event by event.
#[derive(Clone, Debug)]
pub(crate) struct Functions {
    settings: Settings,
    /// What a squared gradient keeps with each further one.
    keep: f64,
    numeric_length: usize,
    numeric: Vec<Moments>,
    sparse: Vec<Sparse>,
    /// Weight learnt.
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
    pub(crate) fn new(numeric: usize, sparse: usize, functions: usize, settings: Settings) -> Self {
        let blocks = numeric.div_ceil(LANES);
        let mut new = Functions {
            settings,
            keep: libm::exp2(-1.0 / settings.half_life_events),
            numeric_length: numeric,
            numeric: vec![Moments::default(); blocks],
            sparse: vec![Sparse::default(); sparse],
            events: 0.0,
            length: 0.0,
            losses: Values::default(),
            functions: Vec::new(),
            row: vec![[0.0; LANES]; blocks],
            shift: vec![[0.0; LANES]; blocks],
            rates: vec![[0.0; LANES]; blocks],
            row_sparse: Vec::new(),
        };
        new.grow(functions);
        new
    }

    /// Adds functions (of value 0) until there are this many.
    pub(crate) fn grow(&mut self, functions: usize) {
        while self.functions.len() < functions {
            self.functions.push(Function {
                intercept: Weight::default(),
                numeric: vec![Weights::default(); self.numeric.len()],
                sparse: vec![Weight::default(); self.sparse.len()],
            });
        }
    }

    /// Number of functions.
    pub(crate) fn len(&self) -> usize {
        self.functions.len()
    }

    /// Weight learnt so far.
    pub(crate) fn events(&self) -> f64 {
        self.events
    }

    /// The value of a function, by whichever weights predicted better lately. Always finite.
    pub(crate) fn predict(&self, function: usize, row: Row<'_>) -> f64 {
        let Some(function) = self.functions.get(function) else { return 0.0 };
        let value = if self.losses.average < self.losses.fast {
            let dense = self.dot(row.numeric, &function.numeric, |w| &w.average);
            function.intercept.average + dense + self.dot_sparse(row.sparse, function, |w| w.average)
        } else {
            let dense = self.dot(row.numeric, &function.numeric, |w| &w.fast);
            function.intercept.fast + dense + self.dot_sparse(row.sparse, function, |w| w.fast)
        };
        finite(value)
    }

    #[inline(always)]
    fn dot(&self, values: &[f64], weights: &[Weights], of: impl Fn(&Weights) -> &Lanes) -> f64 {
        let mut sums = [0.0; LANES];
        let (blocks, rest) = values.as_chunks::<LANES>();
        for ((moments, weights), block) in self.numeric.iter().zip(weights).zip(blocks) {
            let weights = of(weights);
            for lane in 0..LANES {
                sums[lane] += weights[lane] * moments.scaled(lane, block[lane]);
            }
        }
        if let (Some(moments), Some(weights)) = (self.numeric.get(blocks.len()), weights.get(blocks.len())) {
            let weights = of(weights);
            for (lane, &value) in rest.iter().enumerate() {
                sums[lane] += weights[lane] * moments.scaled(lane, value);
            }
        }
        add(sums)
    }

    fn dot_sparse(&self, values: &[(u32, f64)], function: &Function, of: impl Fn(&Weight) -> f64) -> f64 {
        let mut sum = 0.0;
        for &(index, value) in values {
            if let (Some(known), Some(weight)) =
                (self.sparse.get(index as usize), function.sparse.get(index as usize))
                && known.scale > 0.0
                && value.abs() <= LIMIT
            {
                sum += of(weight) * clamp(value / known.scale, REACH);
            }
        }
        sum
    }

    /// Begins to learn an event: updates means, deviations and scales and keeps the scaled row for the steps. No
    /// function changes its value by a mean that moves.
    pub(crate) fn observe(&mut self, row: Row<'_>, weight: f64) {
        self.events += weight;
        let mut squares = [0.0; LANES];
        let (blocks, rest) = row.numeric.as_chunks::<LANES>();
        let mut last = [f64::NAN; LANES];
        last[..rest.len()].copy_from_slice(rest);
        let blocks = blocks.iter().chain(std::iter::once(&last));
        for (((moments, scaled), shift), block) in
            self.numeric.iter_mut().zip(&mut self.row).zip(&mut self.shift).zip(blocks)
        {
            for lane in 0..LANES {
                shift[lane] = moments.learn(lane, block[lane], weight);
                scaled[lane] = moments.scaled(lane, block[lane]);
                squares[lane] += scaled[lane] * scaled[lane];
            }
        }
        let mut length = 1.0 + add(squares);
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
                let scaled = clamp(value / known.scale, REACH);
                length += scaled * scaled;
                self.row_sparse.push((index as usize, scaled, 0.0));
            }
        }
        self.length += (length - self.length) * (weight / self.events.min(MOMENT_EVENTS_MAX)).min(1.0);
        for function in &mut self.functions {
            let (fast, average) = function.shifts(&self.shift);
            function.intercept.fast += fast;
            function.intercept.average += average;
        }
    }

    /// The values of a function for the event that was observed last.
    pub(crate) fn values(&self, function: usize) -> Values {
        let Some(function) = self.functions.get(function) else { return Values::default() };
        let (mut fast, mut average) = ([0.0; LANES], [0.0; LANES]);
        for (weights, row) in function.numeric.iter().zip(&self.row) {
            for lane in 0..LANES {
                fast[lane] += weights.fast[lane] * row[lane];
                average[lane] += weights.average[lane] * row[lane];
            }
        }
        let mut values = Values {
            fast: function.intercept.fast + add(fast),
            average: function.intercept.average + add(average),
        };
        for &(index, scaled, _) in &self.row_sparse {
            values.fast += function.sparse[index].fast * scaled;
            values.average += function.sparse[index].average * scaled;
        }
        Values { fast: finite(values.fast), average: finite(values.average) }
    }

    /// Notes how well fast and averaged weights predicted the event.
    pub(crate) fn compare(&mut self, losses: Values) {
        self.losses.fast += (losses.fast - self.losses.fast) * LOSS_SHARE;
        self.losses.average += (losses.average - self.losses.average) * LOSS_SHARE;
    }

    /// Sets the intercept of a function that has learnt nothing.
    pub(crate) fn start_at(&mut self, function: usize, value: f64) {
        if let Some(function) = self.functions.get_mut(function) {
            function.intercept.fast = value;
            function.intercept.average = value;
        }
    }

    /// Moves a function's weights down the slope for the event that was observed last.
    pub(crate) fn step(&mut self, function: usize, error: Error, weight: f64) {
        let Some(function) = self.functions.get_mut(function) else { return };
        let (keep, slope) = (self.keep, error.slope);
        let step = self.settings.learning_rate * error.scale / self.length.max(1.0).sqrt();
        // The smallest normal number keeps 0/0 away where scale and gradients are 0.
        let floor = GRADIENT_FLOOR * error.scale * error.scale + f64::MIN_POSITIVE;

        let mut totals = [0.0; LANES];
        for ((weights, row), rates) in function.numeric.iter_mut().zip(&self.row).zip(&mut self.rates) {
            for lane in 0..LANES {
                let gradient = slope * row[lane];
                // A feature that is missing keeps what it has learnt of its gradients.
                let kept = if row[lane] == 0.0 { 1.0 } else { keep };
                let sum = weights.gradient[lane] * kept + weight * gradient * gradient;
                weights.gradient[lane] = sum;
                rates[lane] = step * row[lane] / (sum + floor).sqrt();
                totals[lane] += rates[lane] * row[lane];
            }
        }
        let intercept = &mut function.intercept;
        intercept.gradient = intercept.gradient * keep + weight * slope * slope;
        let intercept_rate = (step / (intercept.gradient + floor).sqrt()).max(error.intercept_rate_min);
        let mut total = add(totals) + intercept_rate;
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
        for (weights, rates) in function.numeric.iter_mut().zip(&self.rates) {
            for lane in 0..LANES {
                weights.fast[lane] -= slope * rates[lane];
            }
        }
        function.intercept.fast -= slope * intercept_rate;
        for &(index, _, rate) in &self.row_sparse {
            function.sparse[index].fast -= slope * rate;
        }
        if self.settings.l2 > 0.0 {
            shrink(function, &self.row, &self.row_sparse, self.settings.l2 * weight * step, floor);
        }
        for weights in &mut function.numeric {
            for lane in 0..LANES {
                weights.average[lane] += (weights.fast[lane] - weights.average[lane]) * share_all;
            }
        }
        let intercept = &mut function.intercept;
        intercept.average += (intercept.fast - intercept.average) * share_all;
        for &(index, _, _) in &self.row_sparse {
            let known = &mut function.sparse[index];
            known.average += (known.fast - known.average) * share(self.sparse[index].count);
        }
    }
}

impl Function {
    /// What the intercepts gain where the means have moved: the function must keep its value.
    fn shifts(&self, shift: &[Lanes]) -> (f64, f64) {
        let (mut fast, mut average) = ([0.0; LANES], [0.0; LANES]);
        for (weights, shift) in self.numeric.iter().zip(shift) {
            for lane in 0..LANES {
                fast[lane] += weights.fast[lane] * shift[lane];
                average[lane] += weights.average[lane] * shift[lane];
            }
        }
        (add(fast), add(average))
    }
}

/// The pull of L2 on the weights of the features that are there, as an implicit step. Never on the intercept.
fn shrink(function: &mut Function, row: &[Lanes], sparse: &[(usize, f64, f64)], pull: f64, floor: f64) {
    for (weights, row) in function.numeric.iter_mut().zip(row) {
        for lane in 0..LANES {
            if row[lane] != 0.0 {
                weights.fast[lane] /= 1.0 + pull / (weights.gradient[lane] + floor).sqrt();
            }
        }
    }
    for &(index, _, _) in sparse {
        let known = &mut function.sparse[index];
        known.fast /= 1.0 + pull / (known.gradient + floor).sqrt();
    }
}

/// Sums the lanes in a fixed order.
#[inline(always)]
fn add(lanes: Lanes) -> f64 {
    (lanes[0] + lanes[1]) + (lanes[2] + lanes[3])
}

/// Written with comparisons, because these become single vector instructions.
#[inline(always)]
fn clamp(value: f64, reach: f64) -> f64 {
    let value = if value > reach { reach } else { value };
    if value < -reach { -reach } else { value }
}

/// The value within [`LIMIT`], 0 for NaN.
fn finite(value: f64) -> f64 {
    if value.is_nan() { 0.0 } else { value.clamp(-LIMIT, LIMIT) }
}

impl Functions {
    /// Saves everything but the settings; sparse features that were never seen take no room.
    pub(crate) fn save(&self, out: &mut Writer) {
        out.version(1);
        out.float(self.events);
        out.float(self.length);
        out.float(self.losses.fast);
        out.float(self.losses.average);
        out.unsigned(self.numeric_length as u64);
        for feature in 0..self.numeric_length {
            save_moments(&self.numeric[feature / LANES], feature % LANES, out);
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
                    fast: weights.fast[lane],
                    average: weights.average[lane],
                    gradient: weights.gradient[lane],
                };
                weight.save(out);
            }
            seen().for_each(|(index, _)| function.sparse[index].save(out));
        }
    }

    /// Loads what [`Functions::save`] wrote, with `functions_min` to `functions_max` functions.
    pub(crate) fn load(
        &mut self,
        from: &mut Reader<'_>,
        functions_min: usize,
        functions_max: usize,
    ) -> Result<(), SnapshotError> {
        from.version(1)?;
        self.events = from.finite_not_negative()?;
        self.length = from.finite_not_negative()?;
        self.losses = Values { fast: from.finite()?, average: from.finite()? };
        from.expect_length(self.numeric_length, "numeric features")?;
        for feature in 0..self.numeric_length {
            load_moments(&mut self.numeric[feature / LANES], feature % LANES, from)?;
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
                weights.fast[lane] = weight.fast;
                weights.average[lane] = weight.average;
                weights.gradient[lane] = weight.gradient;
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
