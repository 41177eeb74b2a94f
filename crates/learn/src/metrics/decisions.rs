//! What actions brought, and what other policies would have brought on the same events.
//!
//! Each event's reward is known for the action that was taken alone. Divided by the probability of that action it
//! stands for the events in which another was taken (inverse propensity scoring). The model's `ips` and `snips` are
//! those of its greedy policy: always the action that it held most likely.

use super::finite;
use super::sum::Sum;
use super::window::Window;
use crate::snapshot::{Reader, Snapshot, SnapshotError, Writer};

/// The metrics, in the order of [`Decisions::overall`].
pub(super) const NAMES: &[&str] = &["mean_reward", "ips", "snips"];

/// Sums over the events as one policy would have acted.
#[derive(Clone, Copy, Debug, Default)]
struct Value {
    /// Of weight times reward.
    rewards: Sum,
    weights: Sum,
}

impl Value {
    fn add(&mut self, weight: f64, reward: f64) {
        self.rewards.add(weight * reward);
        self.weights.add(weight);
    }

    fn metrics(&self, count: f64) -> [Option<f64>; 2] {
        [finite(self.rewards.value() / count), finite(self.rewards.value() / self.weights.value())]
    }
}

/// Scores decisions.
#[derive(Clone, Debug)]
pub(super) struct Decisions {
    count: u64,
    rewards: Sum,
    /// Of the model's greedy policy, then of each baseline.
    values: Vec<Value>,
    /// Each row: the reward, then the weight of each of `values`.
    window: Window,
}

impl Decisions {
    pub(super) fn new(baselines: usize, window_rows: usize) -> Self {
        Decisions {
            count: 0,
            rewards: Sum::default(),
            values: vec![Value::default(); 1 + baselines],
            window: Window::new(2 + baselines, window_rows),
        }
    }

    /// Scores the reward of an action; false if it cannot be. `baselines`: the probability that each baseline would
    /// have taken that action with.
    pub(super) fn update(
        &mut self,
        propensities: &[f64],
        action: usize,
        reward: f64,
        baselines: &[f64],
    ) -> bool {
        let propensity = propensities.get(action).copied().unwrap_or(0.0);
        let most = propensities.iter().copied().fold(0.0, f64::max);
        let likely = propensities.iter().filter(|other| **other == most).count();
        let greedy = if propensity == most { 1.0 / likely as f64 } else { 0.0 };
        let weights = || std::iter::once(&greedy).chain(baselines).map(|target| target / propensity);
        let valid = baselines.len() + 1 == self.values.len() && weights().all(f64::is_finite);
        if !valid || !reward.is_finite() || propensity <= 0.0 {
            return false;
        }
        self.count = self.count.saturating_add(1);
        self.rewards.add(reward);
        let row = self.window.push();
        row[0] = reward;
        for ((value, place), weight) in self.values.iter_mut().zip(&mut row[1..]).zip(weights()) {
            value.add(weight, reward);
            *place = weight;
        }
        true
    }

    pub(super) fn window_rows(&self) -> usize {
        self.window.len()
    }

    /// A baseline took no action, so it has no mean reward.
    pub(super) fn overall(&self, who: usize) -> [Option<f64>; 3] {
        let count = self.count as f64;
        let mean = if who == 0 { finite(self.rewards.value() / count) } else { None };
        let [ips, snips] = self.values[who].metrics(count);
        [mean, ips, snips]
    }

    pub(super) fn windowed(&self, who: usize) -> [Option<f64>; 3] {
        let (mut rewards, mut value) = (Sum::default(), Value::default());
        for row in self.window.rows() {
            rewards.add(row[0]);
            value.add(row[1 + who], row[0]);
        }
        let count = self.window.len() as f64;
        let mean = if who == 0 { finite(rewards.value() / count) } else { None };
        let [ips, snips] = value.metrics(count);
        [mean, ips, snips]
    }
}

impl Snapshot for Decisions {
    fn save(&self, out: &mut Writer) {
        out.unsigned(self.count);
        self.rewards.save(out);
        for value in &self.values {
            value.rewards.save(out);
            value.weights.save(out);
        }
        self.window.save(out);
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        self.count = from.unsigned()?;
        self.rewards.load(from)?;
        for value in &mut self.values {
            value.rewards.load(from)?;
            value.weights.load(from)?;
        }
        self.window.load(from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_hand() {
        let mut decisions = Decisions::new(1, 1);
        assert!(decisions.update(&[0.75, 0.25], 0, 1.0, &[0.5]));
        assert!(decisions.update(&[0.75, 0.25], 1, 2.0, &[0.5]));
        assert!(!decisions.update(&[1.0, 0.0], 1, 2.0, &[0.5]), "an action that cannot have been taken");
        let near = |found: Option<f64>, wanted: f64| (found.unwrap() - wanted).abs() < 1e-12;
        let [mean, ips, snips] = decisions.overall(0);
        assert!(near(mean, 1.5) && near(ips, 2.0 / 3.0) && near(snips, 1.0));
        let [mean, ips, snips] = decisions.overall(1);
        assert!(
            mean.is_none()
                && near(ips, (2.0 / 3.0 + 4.0) / 2.0)
                && near(snips, (2.0 / 3.0 + 4.0) / (8.0 / 3.0))
        );
        let [mean, ips, snips] = decisions.windowed(0);
        assert!(near(mean, 2.0) && near(ips, 0.0) && snips.is_none());
    }
}
