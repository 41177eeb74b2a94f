//! PSI: the population stability index of a window beside a reference.
#![doc = include_str!("psi.md")]

use super::Input;
use super::two_windows::{REFERENCE, Test, TwoWindows, WINDOW};
use crate::params::{Param, ParamKind, Values};
use crate::registry::DetectorEntry;

const WARNING: Param = Param {
    name: "warning",
    kind: ParamKind::Number { min: 0.001, max: 100.0, default: 0.1 },
    doc: "The index above which it warns.",
    default_from: "The rule of thumb of credit scoring.",
};
const DRIFT: Param = Param {
    name: "drift",
    kind: ParamKind::Number { min: 0.001, max: 100.0, default: 0.25 },
    doc: "The index above which there is a drift.",
    default_from: "The rule of thumb of credit scoring.",
};

/// The registry's entry.
pub const ENTRY: DetectorEntry = DetectorEntry {
    name: "psi",
    summary: "The population stability index of a window beside a reference.",
    doc: include_str!("psi.md"),
    meaning_version: 1,
    params: &[REFERENCE, WINDOW, WARNING, DRIFT],
    input: Input::Number,
    build: |values| Box::new(detector(values)),
};

/// Parts of the reference with about as many numbers each.
const PARTS: usize = 10;
/// Bins: between the borders of the parts, and each border by itself, since many numbers may be equal to it.
const BINS: f64 = 2.0 * PARTS as f64 + 1.0;

/// A detector with these parameters that has seen nothing.
///
/// ```
/// use streamfold_learn::drift::psi::{self, ENTRY};
/// use streamfold_learn::drift::{DriftDetector, State};
///
/// let mut detector = psi::detector(&ENTRY.values(&[])?);
/// let numbers = (0..2000).map(|event| f64::from(event * 7 % 100) + if event < 1500 { 0.0 } else { 20.0 });
/// let found: Vec<State> = numbers.map(|number| detector.learn(number)).collect();
/// assert_eq!((found[1499], found[1999]), (State::Stable, State::Drift));
/// assert_eq!(detector.statistic().map(|psi| (psi * 100.0).round()), Some(202.0));
/// # Ok::<(), streamfold_learn::params::ParamError>(())
/// ```
pub fn detector(values: &Values) -> TwoWindows {
    let test = Test {
        name: ENTRY.name,
        statistic: index,
        warning: values.number(&WARNING),
        drift: values.number(&DRIFT),
    };
    TwoWindows::new(values, test)
}

/// The index of a sorted window beside a sorted reference.
fn index(reference: &[f64], window: &[f64]) -> f64 {
    let share = |count: usize, of: usize| (count as f64 + 0.5) / (of as f64 + 0.5 * BINS);
    let mut sum = 0.0;
    let (mut reference_from, mut window_from) = (0, 0);
    let mut bin = |reference_to: usize, window_to: usize| {
        let counts = (reference_to - reference_from, window_to - window_from);
        if counts != (0, 0) {
            let (p, q) = (share(counts.1, window.len()), share(counts.0, reference.len()));
            sum += (p - q) * libm::log(p / q);
        }
        (reference_from, window_from) = (reference_to, window_to);
    };
    let mut before = None;
    for part in 1..=PARTS {
        let border = reference.get((part * reference.len() / PARTS).saturating_sub(1));
        if let Some(border) = border.filter(|border| before != Some(**border)) {
            before = Some(*border);
            let below = |sorted: &[f64]| sorted.partition_point(|number| number < border);
            let up_to = |sorted: &[f64]| sorted.partition_point(|number| number <= border);
            bin(below(reference), below(window));
            bin(up_to(reference), up_to(window));
        }
    }
    bin(reference.len(), window.len());
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_index_of_known_shares() {
        // Two values: shares 0.2 and 0.8, then 0.6 and 0.4; the half numbers hardly count.
        let sample = |ones: usize| (0..100_000).map(|at| f64::from(at >= 100_000 - ones)).collect::<Vec<_>>();
        let wanted = 0.4 * (0.6f64 / 0.2).ln() - 0.4 * (0.4f64 / 0.8).ln();
        assert!((index(&sample(80_000), &sample(40_000)) - wanted).abs() < 1e-3);
        assert_eq!(index(&sample(80_000), &sample(80_000)), 0.0);
        // What the reference has never seen.
        assert!(index(&[1.0; 100], &[2.0; 100]) > 3.0);
        assert!(index(&[1.0; 100], &[0.5; 100]) > 3.0);
    }
}
