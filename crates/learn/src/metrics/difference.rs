//! Whether one model is better than another: a confidence sequence for the mean difference of their losses.

use crate::snapshot::{Reader, Snapshot, SnapshotError, Writer};

/// An interval that holds the mean difference at *all* times at once with the confidence asked for: it may be looked at
/// after every event, and acted on as soon as it leaves 0 out.
///
/// Differences lie from `-bound` to `bound` (1 for errors and other losses from 0 to 1); those beyond count as the bound.
/// The empirical Bernstein sequence of I. Waudby-Smith and A. Ramdas: Estimating Means of Bounded Random Variables by
/// Betting (J. Royal Statistical Society B 2024, theorem 2), after S. Howard, A. Ramdas, J. McAuliffe, J. Sekhon:
/// Time-Uniform, Nonparametric, Nonasymptotic Confidence Sequences (Annals of Statistics 2021). O(1) time and memory.
///
/// ```
/// use streamfold_learn::metrics::Difference;
/// use streamfold_learn::random::Random;
///
/// let mut random = Random::new(1);
/// let mut difference = Difference::new(0.05, 1.0);
/// let mut decided = None;
/// for event in 0..10_000 {
///     let error = |share: f64, random: &mut Random| f64::from(random.unit() < share);
///     difference.add(error(0.20, &mut random) - error(0.25, &mut random));
///     let (_, upper) = difference.interval();
///     decided = decided.or((upper < 0.0).then_some(event));
/// }
/// assert_eq!(decided, Some(410));
/// ```
#[derive(Clone, Debug)]
pub struct Difference {
    bound: f64,
    /// ln(2 / chance of being wrong).
    confidence: f64,
    count: u64,
    /// Regularised sums over differences mapped to 0..1.
    sum: f64,
    squares: f64,
    /// Sums of bets, bets times numbers, and what the bets cost.
    bets: f64,
    won: f64,
    cost: f64,
    /// The intersection of all intervals so far, of numbers from 0 to 1.
    interval: (f64, f64),
}

impl Difference {
    /// Nothing is known yet. `chance` is that of the sequence ever being wrong (0.05 for 95 % confidence).
    pub fn new(chance: f64, bound: f64) -> Self {
        Difference {
            bound,
            confidence: libm::log(2.0 / chance.clamp(1e-12, 1.0)),
            count: 0,
            sum: 0.5,
            squares: 0.25,
            bets: 0.0,
            won: 0.0,
            cost: 0.0,
            interval: (0.0, 1.0),
        }
    }

    /// Adds the loss of one model less that of the other; one that is no number is left out.
    pub fn add(&mut self, difference: f64) {
        if difference.is_nan() {
            return;
        }
        let value = ((difference / self.bound).clamp(-1.0, 1.0) + 1.0) / 2.0;
        let before = self.count as f64 + 1.0;
        let (mean, variance) = (self.sum / before, self.squares / before);
        self.count += 1;
        let count = self.count as f64;
        // The bet follows from what was known before.
        let bet = (2.0 * self.confidence / (variance * count * libm::log(1.0 + count))).sqrt().min(0.5);
        let surprise = value - mean;
        self.bets += bet;
        self.won += bet * value;
        self.cost += surprise * surprise * (-libm::log1p(-bet) - bet);
        self.sum += value;
        let residual = value - self.sum / (count + 1.0);
        self.squares += residual * residual;
        let (centre, reach) = (self.won / self.bets, (self.confidence + self.cost) / self.bets);
        self.interval = (self.interval.0.max(centre - reach), self.interval.1.min(centre + reach));
    }

    /// Differences so far.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The mean difference; 0 before there was one.
    pub fn mean(&self) -> f64 {
        if self.count == 0 { 0.0 } else { self.bound * (2.0 * (self.sum - 0.5) / self.count as f64 - 1.0) }
    }

    /// From where to where the expected mean difference lies. Below 0: the first model is better.
    pub fn interval(&self) -> (f64, f64) {
        let of = |value: f64| self.bound * (2.0 * value - 1.0);
        (of(self.interval.0), of(self.interval.1))
    }
}

impl Snapshot for Difference {
    fn save(&self, out: &mut Writer) {
        out.version(1);
        out.unsigned(self.count);
        let (lower, upper) = self.interval;
        [self.sum, self.squares, self.bets, self.won, self.cost, lower, upper]
            .iter()
            .for_each(|x| out.float(*x));
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        from.part("difference");
        from.version(1)?;
        self.count = from.unsigned()?.min(super::COUNT_MAX);
        let numbers = [&mut self.sum, &mut self.squares, &mut self.bets, &mut self.won, &mut self.cost];
        for number in numbers {
            *number = from.finite_not_negative()?;
        }
        self.interval = (from.finite()?, from.finite()?);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    #[test]
    fn it_is_wrong_at_any_time_as_rarely_as_promised_and_still_narrow() {
        let mut wrong = 0;
        let mut width = 0.0;
        for seed in 0..300 {
            let mut random = Random::new(seed);
            let mut difference = Difference::new(0.1, 1.0);
            let mut left = false;
            for _ in 0..2000 {
                let errors = [0.2, 0.3].map(|share| f64::from(random.unit() < share));
                difference.add(errors[0] - errors[1]);
                let (lower, upper) = difference.interval();
                left |= lower > -0.1 || upper < -0.1;
            }
            wrong += usize::from(left);
            width += (difference.interval().1 - difference.interval().0) / 300.0;
        }
        assert!(wrong <= 40, "{wrong} of 300");
        // A fixed-time normal interval would be 0.045 wide.
        assert!(width < 0.15, "{width}");
    }
}
