//! What another policy would have earned on logged decisions: estimates, and bounds that hold at all times.

use super::difference::Difference;
use super::finite;
use super::sum::Sum;
use crate::snapshot::{Reader, Snapshot, SnapshotError, Writer};

/// The mean reward of a target policy from decisions of a logging policy whose propensities are known.
///
/// Each event brings a *weight*, the target's probability of the action that was taken by the logging policy's, and the reward.
/// A model of rewards, learnt from earlier events only, makes the estimate surer: it gives the reward that it expects of the
/// target policy (*direct*) and of the action that was taken (*predicted*). Where there is none, both are 0.
///
/// Weights lie from 0 to `weight_max` (one by the least propensity that the logging policy gives), rewards and the model's
/// numbers from `reward_min` to `reward_max`; an event beyond is refused. The confidence sequence is that of [`Difference`]
/// over the doubly robust terms: it may be looked at after every event. Its width shrinks with the terms' variance, but only
/// after some `weight_max` events.
///
/// D. Horvitz, D. Thompson (1952) for `ips`; A. Swaminathan, T. Joachims (NeurIPS 2015) for `snips`; M. Dudík, J. Langford,
/// L. Li: Doubly Robust Policy Evaluation and Learning (ICML 2011); N. Karampatziakis, P. Mineiro, A. Ramdas: Off-policy
/// Confidence Sequences (ICML 2021). O(1) time and memory.
///
/// ```
/// use streamfold_learn::metrics::OffPolicy;
/// use streamfold_learn::random::Random;
///
/// // Logged with a coin; action 1 earns in 70 of 100 cases, action 0 in 30. Would always taking action 1 earn more than half?
/// let mut random = Random::new(1);
/// let mut always = OffPolicy::new(0.05, 2.0, (0.0, 1.0));
/// let mut decided = None;
/// for event in 0..5000 {
///     let action = random.below(2);
///     let reward = f64::from(u8::from(random.unit() < [0.3, 0.7][action as usize]));
///     always.add(if action == 1 { 2.0 } else { 0.0 }, reward, 0.7, [0.3, 0.7][action as usize]);
///     decided = decided.or((always.interval().0 > 0.5).then_some(event));
/// }
/// assert_eq!(always.doubly_robust().map(|value| (value * 10.0).round()), Some(7.0));
/// assert!(decided.is_some_and(|event| event < 1000), "{decided:?}");
/// ```
#[derive(Clone, Debug)]
pub struct OffPolicy {
    weight_max: f64,
    rewards: (f64, f64),
    /// Of weights, weights times rewards, and the terms of the direct and the doubly robust estimate.
    weights: Sum,
    weighted: Sum,
    direct: Sum,
    robust: Sum,
    /// Of the doubly robust terms less the middle of the rewards.
    sequence: Difference,
}

impl OffPolicy {
    /// Nothing is known yet. `chance` is that of the interval ever being wrong (0.05 for 95 % confidence); `rewards` are
    /// the least and the greatest reward.
    pub fn new(chance: f64, weight_max: f64, rewards: (f64, f64)) -> Self {
        let bound = (rewards.1 - rewards.0) * (0.5 + weight_max);
        OffPolicy {
            weight_max,
            rewards,
            weights: Sum::default(),
            weighted: Sum::default(),
            direct: Sum::default(),
            robust: Sum::default(),
            sequence: Difference::new(chance, bound),
        }
    }

    fn middle(&self) -> f64 {
        (self.rewards.0 + self.rewards.1) / 2.0
    }

    /// Adds an event; false where its numbers are beyond their ranges. The model's numbers are moved into theirs.
    pub fn add(&mut self, weight: f64, reward: f64, direct: f64, predicted: f64) -> bool {
        let (least, most) = self.rewards;
        let given = direct.is_finite() && predicted.is_finite() && least <= most;
        if !given || !(0.0..=self.weight_max).contains(&weight) || !(least..=most).contains(&reward) {
            return false;
        }
        let (direct, predicted) = (direct.clamp(least, most), predicted.clamp(least, most));
        let robust = direct + weight * (reward - predicted);
        self.weights.add(weight);
        self.weighted.add(weight * reward);
        self.direct.add(direct);
        self.robust.add(robust);
        self.sequence.add(robust - self.middle());
        true
    }

    /// Events so far.
    pub fn count(&self) -> u64 {
        self.sequence.count()
    }

    fn mean(&self, sum: &Sum) -> Option<f64> {
        finite(sum.value() / self.count() as f64)
    }

    /// Inverse propensity scoring: unbiased, and the less sure the rarer the target's actions were taken. None before an
    /// event, as below.
    pub fn ips(&self) -> Option<f64> {
        self.mean(&self.weighted)
    }

    /// The same by the sum of the weights: a little biased, far surer, always within the rewards.
    pub fn snips(&self) -> Option<f64> {
        finite(self.weighted.value() / self.weights.value())
    }

    /// What the model of rewards says alone: as wrong as the model.
    pub fn direct(&self) -> Option<f64> {
        self.mean(&self.direct)
    }

    /// The model, and what it was wrong by inverse propensity: unbiased whatever the model, and the surer the better it is.
    pub fn doubly_robust(&self) -> Option<f64> {
        self.mean(&self.robust)
    }

    /// An interval that holds the target policy's mean reward at all times at once.
    pub fn interval(&self) -> (f64, f64) {
        let (low, high) = self.sequence.interval();
        let within = |bound: f64| (bound + self.middle()).max(self.rewards.0).min(self.rewards.1);
        (within(low), within(high))
    }
}

/// Version of the layout of [`OffPolicy`].
const LAYOUT: u64 = 1;

impl Snapshot for OffPolicy {
    fn save(&self, out: &mut Writer) {
        out.version(LAYOUT);
        [&self.weights, &self.weighted, &self.direct, &self.robust].iter().for_each(|sum| sum.save(out));
        self.sequence.save(out);
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        from.part("off-policy estimates");
        from.version(LAYOUT)?;
        for sum in [&mut self.weights, &mut self.weighted, &mut self.direct, &mut self.robust] {
            sum.load(from)?;
        }
        self.sequence.load(from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;
    use serde_json::Value;

    #[test]
    fn the_estimates_are_those_of_numpy() {
        let golden = include_str!("../../../../testdata/metrics/off_policy.json");
        let golden: Value = serde_json::from_str(golden).unwrap();
        let mut estimates = OffPolicy::new(0.05, 20.0, (0.0, 1.0));
        for event in golden["events"].as_array().unwrap() {
            let number = |at: usize| event[at].as_f64().unwrap();
            assert!(estimates.add(number(0), number(1), number(2), number(3)));
        }
        let found = [
            ("ips", estimates.ips()),
            ("snips", estimates.snips()),
            ("direct", estimates.direct()),
            ("doubly_robust", estimates.doubly_robust()),
        ];
        for (name, value) in found {
            assert!((value.unwrap() - golden[name].as_f64().unwrap()).abs() < 1e-12, "{name}: {value:?}");
        }
        let mut out = Writer::new();
        estimates.save(&mut out);
        let mut other = OffPolicy::new(0.05, 20.0, (0.0, 1.0));
        other.load(&mut Reader::new("off-policy", out.bytes())).unwrap();
        assert_eq!(
            (other.doubly_robust(), other.interval()),
            (estimates.doubly_robust(), estimates.interval())
        );
    }

    #[test]
    fn what_is_beyond_its_range_is_refused() {
        let mut estimates = OffPolicy::new(0.05, 5.0, (0.0, 1.0));
        for (weight, reward, direct) in
            [(5.1, 0.5, 0.0), (-1.0, 0.5, 0.0), (1.0, 1.5, 0.0), (1.0, 0.5, f64::NAN)]
        {
            assert!(!estimates.add(weight, reward, direct, 0.0));
        }
        assert_eq!((estimates.count(), estimates.ips(), estimates.interval()), (0, None, (0.0, 1.0)));
    }

    #[test]
    fn the_interval_holds_the_truth_at_all_times_even_with_a_wrong_model() {
        let mut wrong = 0;
        for seed in 0..200 {
            let mut random = Random::of_part(5, seed);
            let mut estimates = OffPolicy::new(0.1, 5.0, (0.0, 1.0));
            let mut left = false;
            for _ in 0..1000 {
                // Logged: action 1 in a fifth of the events; the target always takes it. It earns 0.6.
                let taken = random.unit() < 0.2;
                let reward = f64::from(u8::from(random.unit() < if taken { 0.6 } else { 0.1 }));
                estimates.add(if taken { 5.0 } else { 0.0 }, reward, 0.9, 0.9);
                let (low, high) = estimates.interval();
                left |= low > 0.6 || high < 0.6;
            }
            wrong += u32::from(left);
            assert!((estimates.doubly_robust().unwrap() - 0.6).abs() < 0.25);
        }
        assert!(wrong <= 20, "{wrong} of 200 sequences left the truth out");
    }
}
