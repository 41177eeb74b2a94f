//! Numbers as one normal distribution for each feature and class.
//!
//! Means and sums of squares by Welford's method. A missing number is skipped, in learning and in predicting. A class
//! that has not seen a feature yet is given the distribution of all classes together, so that the feature says
//! nothing for or against it; a feature that never varied says nothing at all.

use super::logarithm::Product;
use super::{COUNT_MAX, LIMIT, count};
use crate::lanes::{LANES, Lanes};
use crate::snapshot::{Reader, SnapshotError, Writer};

/// Smallest variance of a class, as a share of the feature's variance in all classes (scikit-learn's
/// `var_smoothing`).
const VARIANCE_SHARE_MIN: f64 = 1e-9;
/// Variances outside of this count as none.
const VARIANCE_MIN: f64 = 1e-280;
/// No feature speaks louder than this against a class, so that sums stay finite.
const SQUARE_MAX: f64 = 1e18;

/// Moments of a few features in one class, or in all.
#[derive(Clone, Copy, Debug, Default)]
struct Moments {
    count: Lanes,
    mean: Lanes,
    /// Sum of squared deviations from the mean.
    squares: Lanes,
}

impl Moments {
    #[inline(always)]
    fn learn(&mut self, values: Lanes, weight: f64) {
        let weights = there(values) * weight;
        let filled = filled(values, self.mean);
        let difference = filled - self.mean;
        self.count += weights;
        self.mean += difference * weights.over(self.count.max(Lanes::splat(f64::MIN_POSITIVE)));
        self.squares += difference * (filled - self.mean) * weights;
    }

    #[inline(always)]
    fn variance(&self) -> Lanes {
        self.squares.over(self.count.max(Lanes::splat(f64::MIN_POSITIVE)))
    }
}

/// 1 where there is a value, 0 where it is missing.
#[inline(always)]
fn there(values: Lanes) -> Lanes {
    values.map(|value| if value.abs() <= LIMIT { 1.0 } else { 0.0 })
}

/// The values, the mean where one is missing.
#[inline(always)]
fn filled(values: Lanes, mean: Lanes) -> Lanes {
    values.with(mean, |value, mean| if value.abs() <= LIMIT { value } else { mean })
}

/// Reciprocals of the variances, 0 where there is none.
#[inline(always)]
fn reciprocal(count: Lanes, squares: Lanes) -> Lanes {
    let least = (count * VARIANCE_MIN).max(Lanes::splat(f64::MIN_POSITIVE));
    count
        .over(squares.max(least))
        .with(squares - least, |quotient, above| if above > 0.0 { quotient } else { 0.0 })
}

/// The precisions, 1 where there is none.
#[inline(always)]
fn or_one(precision: Lanes) -> Lanes {
    precision.map(|precision| if precision > 0.0 { precision } else { 1.0 })
}

/// Squared distances from the mean in deviations, 0 where a value or the variance is missing.
#[inline(always)]
fn squares(values: Lanes, mean: Lanes, precision: Lanes) -> Lanes {
    let difference = filled(values, mean) - mean;
    (difference * difference * precision).min(Lanes::splat(SQUARE_MAX))
}

/// A class: its moments, and the distributions that it predicts with.
#[derive(Clone, Debug)]
struct Class {
    moments: Vec<Moments>,
    /// Reciprocals of the variances as they were when last derived: the prior and the least variance move with all
    /// classes, and to follow them at once would cost a pass over all.
    precision: Vec<Lanes>,
    /// The logarithm of the product of all precisions; none while the class lacks a feature. Follows from these.
    normaliser: Option<f64>,
}

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct Gaussian {
    features: usize,
    prior_events: f64,
    /// Weight learnt, and the weight at which all classes are derived anew: whenever it has grown by an eighth.
    events: f64,
    derive_at: f64,
    total: Vec<Moments>,
    classes: Vec<Class>,
}

impl Gaussian {
    pub(super) fn new(features: usize, prior_events: f64) -> Self {
        let mut total = vec![Moments::default(); features.div_ceil(LANES)];
        // Lanes beyond the last feature see only NaN; that they count as seen spares a question.
        for lane in features..total.len() * LANES {
            total[lane / LANES].count.set(lane % LANES, 1.0);
        }
        Gaussian { features, prior_events, events: 0.0, derive_at: 0.0, total, classes: Vec::new() }
    }

    /// Adds classes until there are this many.
    pub(super) fn grow(&mut self, classes: usize) {
        let moments = Gaussian::new(self.features, 0.0).total;
        let precision = vec![Lanes::default(); moments.len()];
        let none = Class { moments, precision, normaliser: None };
        self.classes.resize(classes.max(self.classes.len()), none);
    }

    /// Whether no feature is missing.
    pub(super) fn whole(&self, numeric: &[f64]) -> bool {
        numeric.iter().fold(true, |all, value| all & (value.abs() <= LIMIT))
    }

    /// Log density of the row in a class, up to what is the same in all. `whole`: see [`Gaussian::whole`].
    #[inline]
    pub(super) fn ln(&self, class: usize, numeric: &[f64], whole: bool) -> f64 {
        let Some(of) = self.classes.get(class) else { return 0.0 };
        let blocks = numeric.chunks(LANES).zip(&of.moments).zip(&of.precision);
        let mut sum = Lanes::default();
        if let (true, Some(normaliser)) = (whole, of.normaliser) {
            for ((values, moments), &precision) in blocks {
                sum += squares(Lanes::of(values), moments.mean, precision);
            }
            return 0.5 * (normaliser - sum.sum());
        }
        let mut product = Product::one();
        for ((values, moments), (&precision, total)) in
            numeric.chunks(LANES).zip(&of.moments).zip(of.precision.iter().zip(&self.total))
        {
            let values = Lanes::of(values);
            let (mean, precision) = known(moments, precision, total);
            sum += squares(values, mean, precision);
            product.times(or_one(precision * there(values)));
        }
        0.5 * (product.ln() - sum.sum())
    }

    /// Adds `factor` times the log density of each feature in a class.
    pub(super) fn explain(&self, class: usize, numeric: &[f64], factor: f64, out: &mut [f64]) {
        let Some(of) = self.classes.get(class) else { return };
        for (feature, (value, part)) in numeric.iter().zip(out).enumerate().take(self.features) {
            let (block, lane) = place(feature);
            let (mean, precision) = known(&of.moments[block], of.precision[block], &self.total[block]);
            if value.abs() <= LIMIT {
                let square = squares(Lanes::splat(*value), mean, precision).get(lane);
                *part += factor * 0.5 * (libm::log(or_one(precision).get(lane)) - square);
            }
        }
    }

    /// Means and deviations of a class by feature.
    pub(super) fn describe(&self, class: usize) -> Vec<(f64, f64)> {
        let Some(of) = self.classes.get(class) else { return Vec::new() };
        let at = |feature: usize| {
            let (moments, lane) = (&of.moments[feature / LANES], feature % LANES);
            (moments.mean.get(lane), moments.variance().get(lane).sqrt())
        };
        (0..self.features).map(at).collect()
    }

    pub(super) fn learn(&mut self, class: usize, numeric: &[f64], weight: f64) {
        let Some(of) = self.classes.get_mut(class) else { return };
        let blocks = of.moments.iter_mut().zip(&mut self.total).zip(numeric.chunks(LANES));
        for ((moments, total), values) in blocks {
            let values = Lanes::of(values);
            total.learn(values, weight);
            moments.learn(values, weight);
        }
        self.events += weight;
        match self.events >= self.derive_at {
            true => self.derive_all(),
            false => self.derive(class),
        }
    }

    fn derive_all(&mut self) {
        self.derive_at = self.events * 1.125;
        (0..self.classes.len()).for_each(|class| self.derive(class));
    }

    /// Sets the distributions of a class from its moments and those of all classes.
    fn derive(&mut self, class: usize) {
        let Some(of) = self.classes.get_mut(class) else { return };
        let prior = Lanes::splat(self.prior_events);
        for ((moments, precision), total) in of.moments.iter().zip(&mut of.precision).zip(&self.total) {
            let variance = total.variance();
            let least = moments.count * variance * VARIANCE_SHARE_MIN;
            *precision = reciprocal(moments.count + prior, (moments.squares + variance * prior).max(least));
        }
        of.normalise();
    }
}

impl Class {
    fn normalise(&mut self) {
        let (mut product, mut seen) = (Product::one(), Lanes::splat(1.0));
        for (moments, precision) in self.moments.iter().zip(&self.precision) {
            product.times(or_one(*precision));
            seen = seen.min(moments.count);
        }
        let all_seen = (0..LANES).all(|lane| seen.get(lane) > 0.0);
        self.normaliser = all_seen.then(|| product.ln());
    }
}

impl Moments {
    /// Of one feature: count, mean and sum of squares.
    fn of(&self, lane: usize) -> [f64; 3] {
        [self.count.get(lane), self.mean.get(lane), self.squares.get(lane)]
    }

    fn set(&mut self, lane: usize, [count, mean, squares]: [f64; 3]) {
        self.count.set(lane, count);
        self.mean.set(lane, mean);
        self.squares.set(lane, squares);
    }
}

/// Sums of statistics (Chan, Golub and LeVeque).
impl Gaussian {
    /// Takes away what `base` had learnt.
    pub(super) fn subtract(&mut self, base: &Gaussian) {
        let apart = |[count, mean, squares]: [f64; 3], [count_0, mean_0, squares_0]: [f64; 3]| {
            let count_1 = count - count_0;
            if count_1 <= 0.0 {
                return [0.0; 3];
            }
            let mean_1 = mean + (mean - mean_0) * (count_0 / count_1);
            let between = (mean_1 - mean_0) * (mean_1 - mean_0) * (count_0 * count_1 / count);
            [count_1, mean_1.clamp(-LIMIT, LIMIT), (squares - squares_0 - between).max(0.0)]
        };
        self.events = (self.events - base.events).max(0.0);
        for feature in 0..self.features {
            let (block, lane) = place(feature);
            let total = &mut self.total[block];
            total.set(lane, apart(total.of(lane), base.total[block].of(lane)));
            for (class, of) in self.classes.iter_mut().enumerate() {
                let base = base.classes.get(class).map_or([0.0; 3], |base| base.moments[block].of(lane));
                let moments = &mut of.moments[block];
                moments.set(lane, apart(moments.of(lane), base));
            }
        }
    }

    /// Adds what another has learnt; `from[feature]` is where the other has this feature.
    pub(super) fn add(&mut self, other: &Gaussian, from: &[Option<usize>]) {
        let together = |[count_0, mean_0, squares_0]: [f64; 3], [count_1, mean_1, squares_1]: [f64; 3]| {
            let count = count_0 + count_1;
            if count_1 <= 0.0 {
                return [count_0, mean_0, squares_0];
            }
            let difference = mean_1 - mean_0;
            let between = difference * difference * (count_0 * (count_1 / count));
            [count, mean_0 + difference * (count_1 / count), squares_0 + squares_1 + between]
        };
        self.grow(other.classes.len());
        for (feature, at) in from.iter().enumerate().take(self.features) {
            let Some(at) = at else { continue };
            let ((block, lane), (other_block, other_lane)) = (place(feature), place(*at));
            let total = &mut self.total[block];
            total.set(lane, together(total.of(lane), other.total[other_block].of(other_lane)));
            for (of, other) in self.classes.iter_mut().zip(&other.classes) {
                let moments = &mut of.moments[block];
                moments.set(lane, together(moments.of(lane), other.moments[other_block].of(other_lane)));
            }
        }
        self.events += other.events;
        self.derive_all();
    }

    pub(super) fn memory_bytes(&self) -> usize {
        let class = size_of::<Class>() + self.total.len() * (size_of::<Moments>() + size_of::<Lanes>());
        self.total.len() * size_of::<Moments>() + self.classes.len() * class
    }

    pub(super) fn save(&self, out: &mut Writer) {
        out.float(self.events);
        out.float(self.derive_at);
        for feature in 0..self.features {
            let (block, lane) = place(feature);
            self.total[block].of(lane).into_iter().for_each(|value| out.float(value));
            for of in &self.classes {
                of.moments[block].of(lane).into_iter().for_each(|value| out.float(value));
                out.float(of.precision[block].get(lane));
            }
        }
    }

    /// Loads what [`Gaussian::save`] wrote into as many classes as there are.
    pub(super) fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        self.events = count(from)?;
        self.derive_at = from.finite_not_negative()?;
        for feature in 0..self.features {
            let (block, lane) = place(feature);
            self.total[block].set(lane, moments(from)?);
            for of in &mut self.classes {
                of.moments[block].set(lane, moments(from)?);
                let precision = from.finite_not_negative()?;
                if precision > 2.0 / VARIANCE_MIN {
                    return Err(from.invalid(format!("a precision of {precision}")));
                }
                of.precision[block].set(lane, precision);
            }
        }
        self.classes.iter_mut().for_each(Class::normalise);
        Ok(())
    }
}

fn place(feature: usize) -> (usize, usize) {
    (feature / LANES, feature % LANES)
}

fn moments(from: &mut Reader<'_>) -> Result<[f64; 3], SnapshotError> {
    let (count, mean, squares) = (count(from)?, from.finite()?, from.finite_not_negative()?);
    if mean.abs() <= LIMIT && squares <= COUNT_MAX * LIMIT * LIMIT {
        Ok([count, mean, squares])
    } else {
        Err(from.invalid(format!("a mean of {mean} with squares of {squares}")))
    }
}

/// Mean and precision of each feature in a class, in all classes together where the class has not seen it.
#[inline(always)]
fn known(moments: &Moments, precision: Lanes, total: &Moments) -> (Lanes, Lanes) {
    let unseen = moments.count.map(|count| if count > 0.0 { 0.0 } else { 1.0 });
    let choose = |own: Lanes, all: Lanes| own + unseen * (all - own);
    (choose(moments.mean, total.mean), choose(precision, reciprocal(total.count, total.squares)))
}
