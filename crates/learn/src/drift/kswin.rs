//! KSWIN: the test of Kolmogorov and Smirnov in a sliding window.
#![doc = include_str!("kswin.md")]

use super::kolmogorov_smirnov::{critical, distance};
use super::{DriftDetector, Input, State, usable};
use crate::params::{Param, ParamKind, Values};
use crate::registry::DetectorEntry;
use crate::snapshot::{Reader, Snapshot, SnapshotError, Writer};
use std::collections::VecDeque;

const CONFIDENCE: Param = Param {
    name: "confidence",
    kind: ParamKind::Number { min: 1e-12, max: 0.5, default: 0.0001 },
    doc: "Chance of a false alarm at a single test; there is one at every number.",
    default_from: "The paper asks for less than 0.01; River's example.",
};
const WINDOW: Param = Param {
    name: "window",
    kind: ParamKind::Integer { min: 10, max: 100_000, default: 100 },
    doc: "Numbers in the sliding window.",
    default_from: "As in River.",
};
const RECENT: Param = Param {
    name: "recent",
    kind: ParamKind::Integer { min: 5, max: 50_000, default: 30 },
    doc: "Latest numbers that are compared with the rest; at most half of the window.",
    default_from: "As in River.",
};

/// The registry's entry.
pub const ENTRY: DetectorEntry = DetectorEntry {
    name: "kswin",
    summary: "The test of Kolmogorov and Smirnov in a sliding window.",
    doc: include_str!("kswin.md"),
    meaning_version: 1,
    params: &[CONFIDENCE, WINDOW, RECENT],
    input: Input::Number,
    build: |values| Box::new(Kswin::new(values)),
};

/// See the module.
///
/// ```
/// use streamfold_learn::drift::{DriftDetector, State};
/// use streamfold_learn::drift::kswin::{ENTRY, Kswin};
///
/// let mut detector = Kswin::new(&ENTRY.values(&[])?);
/// // The mean stays.
/// let numbers = (0..2000).map(|event| f64::from(if event < 1000 { event % 7 - 3 } else { event % 2 * 20 - 10 }));
/// let found = (0..).zip(numbers).find(|(_, number)| detector.learn(*number) == State::Drift);
/// assert_eq!(found.map(|(at, _)| at), Some(1028));
/// # Ok::<(), streamfold_learn::params::ParamError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Kswin {
    window_length: usize,
    recent_length: usize,
    /// Distance of a drift.
    drift: f64,
    /// Oldest first.
    window: VecDeque<f64>,
    /// The latest `recent_length` numbers, sorted.
    recent: Vec<f64>,
    /// Those before them, sorted.
    older: Vec<f64>,
}

impl Kswin {
    /// A detector with these parameters that has seen nothing.
    pub fn new(values: &Values) -> Self {
        let window_length = values.integer(&WINDOW) as usize;
        let recent_length = (values.integer(&RECENT) as usize).min(window_length / 2);
        let (recent, older) = (recent_length as f64, (window_length - recent_length) as f64);
        Kswin {
            window_length,
            recent_length,
            drift: critical(values.number(&CONFIDENCE)) * ((recent + older) / (recent * older)).sqrt(),
            window: VecDeque::new(),
            recent: Vec::new(),
            older: Vec::new(),
        }
    }

    fn push(&mut self, value: f64) {
        if self.window.len() == self.window_length
            && let Some(oldest) = self.window.pop_front()
        {
            remove(&mut self.older, oldest);
        }
        if self.window.len() >= self.recent_length {
            let aged = self.window[self.window.len() - self.recent_length];
            remove(&mut self.recent, aged);
            insert(&mut self.older, aged);
        }
        self.window.push_back(value);
        insert(&mut self.recent, value);
    }
}

/// Where the number is, or belongs.
fn place(sorted: &[f64], value: f64) -> usize {
    sorted.partition_point(|other| other.total_cmp(&value).is_lt())
}

fn insert(sorted: &mut Vec<f64>, value: f64) {
    sorted.insert(place(sorted, value), value);
}

fn remove(sorted: &mut Vec<f64>, value: f64) {
    let at = place(sorted, value);
    if at < sorted.len() {
        sorted.remove(at);
    }
}

impl DriftDetector for Kswin {
    fn learn(&mut self, value: f64) -> State {
        let Some(value) = usable(value) else { return State::Stable };
        self.push(value);
        if self.window.len() < self.window_length || distance(&self.older, &self.recent) <= self.drift {
            return State::Stable;
        }
        self.window.drain(..self.window_length - self.recent_length);
        self.older.clear();
        State::Drift
    }

    fn reset(&mut self) {
        self.window.clear();
        self.recent.clear();
        self.older.clear();
    }

    fn memory_bytes(&self) -> usize {
        size_of::<Self>() + 8 * (self.window.capacity() + self.recent.capacity() + self.older.capacity())
    }
}

impl Snapshot for Kswin {
    fn save(&self, out: &mut Writer) {
        out.version(1);
        out.unsigned(self.window.len() as u64);
        self.window.iter().for_each(|number| out.float(*number));
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        from.part("kswin");
        from.version(1)?;
        let length = from.length(8)?;
        if length > self.window_length {
            return Err(from.invalid(format!("{length} numbers where {} belong", self.window_length)));
        }
        self.reset();
        for _ in 0..length {
            let number = from.finite()?;
            self.push(usable(number).ok_or_else(|| from.invalid(format!("the number {number}")))?);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    #[test]
    fn both_parts_are_sorted_parts_of_the_window() {
        let mut detector = Kswin::new(&Values::default());
        let mut random = Random::new(1);
        for event in 0..3000 {
            let drift = detector.learn((random.normal() * 4.0).round() + f64::from(event / 1000 * 20));
            let sorted = |numbers: &mut dyn Iterator<Item = f64>| {
                let mut sorted: Vec<f64> = numbers.collect();
                sorted.sort_unstable_by(f64::total_cmp);
                sorted
            };
            let older = detector.window.len().saturating_sub(30);
            assert_eq!(detector.older, sorted(&mut detector.window.iter().copied().take(older)));
            assert_eq!(detector.recent, sorted(&mut detector.window.iter().copied().skip(older)));
            assert_eq!(drift == State::Drift, event > 100 && detector.window.len() == 30, "event {event}");
        }
    }
}
