//! The test of Kolmogorov and Smirnov on a window beside a reference.
#![doc = include_str!("kolmogorov_smirnov.md")]

use super::Input;
use super::two_windows::{REFERENCE, Test, TwoWindows, WINDOW};
use crate::params::{Param, ParamKind, Values};
use crate::registry::DetectorEntry;

const CONFIDENCE: Param = Param {
    name: "confidence",
    kind: ParamKind::Number { min: 1e-12, max: 0.5, default: 0.0001 },
    doc: "Chance of a false alarm at a comparison. At ten times this it warns.",
    default_from: "One false alarm in some five million numbers.",
};

/// The registry's entry.
pub const ENTRY: DetectorEntry = DetectorEntry {
    name: "kolmogorov_smirnov",
    summary: "The test of Kolmogorov and Smirnov on a window beside a reference.",
    doc: include_str!("kolmogorov_smirnov.md"),
    meaning_version: 1,
    params: &[REFERENCE, WINDOW, CONFIDENCE],
    input: Input::Number,
    build: |values| Box::new(detector(values)),
};

/// A detector with these parameters that has seen nothing.
///
/// ```
/// use streamfold_learn::drift::kolmogorov_smirnov::{self, ENTRY};
/// use streamfold_learn::drift::{DriftDetector, State};
///
/// let mut detector = kolmogorov_smirnov::detector(&ENTRY.values(&[])?);
/// let numbers = (0..2000).map(|event| f64::from(event * 7 % 100) * if event < 1500 { 1.0 } else { 1.5 });
/// let found: Vec<State> = numbers.map(|number| detector.learn(number)).collect();
/// assert_eq!((found[1499], found[1999]), (State::Stable, State::Drift));
/// assert_eq!(detector.statistic().map(f64::round), Some(6.0));
/// # Ok::<(), streamfold_learn::params::ParamError>(())
/// ```
pub fn detector(values: &Values) -> TwoWindows {
    let confidence = values.number(&CONFIDENCE);
    let test = Test {
        name: ENTRY.name,
        statistic: scaled_distance,
        warning: critical(10.0 * confidence),
        drift: critical(confidence),
    };
    TwoWindows::new(values, test)
}

/// Largest difference between the cumulative shares of two sorted samples.
pub(super) fn distance(one: &[f64], other: &[f64]) -> f64 {
    let (mut in_one, mut in_other, mut largest) = (0, 0, 0.0f64);
    while in_one < one.len() && in_other < other.len() {
        let value = one[in_one].min(other[in_other]);
        while in_one < one.len() && one[in_one] <= value {
            in_one += 1;
        }
        while in_other < other.len() && other[in_other] <= value {
            in_other += 1;
        }
        let difference = in_one as f64 / one.len() as f64 - in_other as f64 / other.len() as f64;
        largest = largest.max(difference.abs());
    }
    largest
}

/// The distance in units in which chance has the same bounds for all sizes of samples.
fn scaled_distance(one: &[f64], other: &[f64]) -> f64 {
    let (n, m) = (one.len() as f64, other.len() as f64);
    distance(one, other) * (n * m / (n + m)).sqrt()
}

/// What `distance * sqrt(n m / (n + m))` exceeds with this probability where nothing has changed, for large samples of
/// n and m numbers.
pub(super) fn critical(confidence: f64) -> f64 {
    (-0.5 * libm::log((0.5 * confidence).min(0.5))).sqrt()
}
