//! Drift of a model's inputs: a detector for each feature of a row.
//!
//! Labels come late, often too late; whether the features are still those that the model has learnt from can be seen at
//! once. Each numeric and each categorical feature is watched by a [`TwoWindows`] of its own (`psi` or
//! `kolmogorov_smirnov`). What is missing counts as lower than every number, and categories are ordered by their hash:
//! to tests that look at order only, both are numbers like others, and more missing values are a change too.

use super::{DriftDetector, LIMIT, State, TwoWindows};
use crate::features::{Category, MISSING_CATEGORY, Row, Schema};
use crate::snapshot::{Reader, Snapshot, SnapshotError, Writer};
use std::sync::Arc;

/// See the module. A row costs O(features); the memory is that of one [`TwoWindows`] for each feature.
///
/// ```
/// use streamfold_learn::drift::{State, input_drift::InputDrift, psi};
/// use streamfold_learn::features::{Row, Schema};
///
/// let schema = Schema { numeric: vec!["price".into(), "size".into()], ..Schema::default() };
/// let mut inputs = InputDrift::new(&schema, &psi::detector(&psi::ENTRY.values(&[])?));
/// for event in 0..2000 {
///     let size = f64::from(event % 10);
///     let price = if event < 1500 { 3.0 * size } else { f64::NAN };
///     inputs.learn(Row { numeric: &[price, size], ..Row::default() });
/// }
/// let drifted: Vec<&str> = inputs.features().filter(|f| f.1.state() == State::Drift).map(|f| f.0).collect();
/// assert_eq!(drifted, ["price"]);
/// let psi = inputs.features().next().and_then(|(_, windows)| windows.statistic());
/// assert_eq!(psi.map(f64::round), Some(12.0));
/// # Ok::<(), streamfold_learn::params::ParamError>(())
/// ```
#[derive(Clone, Debug)]
pub struct InputDrift {
    numeric: Vec<(Arc<str>, TwoWindows)>,
    categories: Vec<(Arc<str>, TwoWindows)>,
}

impl InputDrift {
    /// Watches the features of this schema with copies of a detector that has seen nothing. Sparse features are not
    /// watched.
    pub fn new(schema: &Schema, detector: &TwoWindows) -> Self {
        let watched =
            |names: &[Arc<str>]| names.iter().map(|name| (name.clone(), detector.clone())).collect();
        InputDrift { numeric: watched(&schema.numeric), categories: watched(&schema.categories) }
    }

    /// Learns a row. The worst that the comparisons of windows which it completed gave.
    pub fn learn(&mut self, row: Row<'_>) -> State {
        let mut worst = State::Stable;
        for (&number, (_, detector)) in row.numeric.iter().zip(&mut self.numeric) {
            let number = if number.is_nan() { -LIMIT } else { number.clamp(-LIMIT, LIMIT) };
            worst = worst.max(detector.learn(number));
        }
        for (&category, (_, detector)) in row.categories.iter().zip(&mut self.categories) {
            worst = worst.max(detector.learn(order_of(category)));
        }
        worst
    }

    /// Each feature with its latest comparison.
    pub fn features(&self) -> impl Iterator<Item = (&str, &TwoWindows)> {
        self.numeric.iter().chain(&self.categories).map(|(name, detector)| (&**name, detector))
    }

    /// Bytes of memory that the state takes now, heap included, to some ten per cent.
    pub fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.features().map(|(_, detector)| detector.memory_bytes()).sum::<usize>()
    }
}

/// The category as a number from 0 to 1; missing is lower.
fn order_of(category: Category) -> f64 {
    if category == MISSING_CATEGORY { -1.0 } else { (category >> 11) as f64 / (1u64 << 53) as f64 }
}

impl Snapshot for InputDrift {
    fn save(&self, out: &mut Writer) {
        out.version(1);
        out.unsigned((self.numeric.len() + self.categories.len()) as u64);
        self.features().for_each(|(_, detector)| detector.save(out));
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        from.part("input_drift");
        from.version(1)?;
        from.expect_length(self.numeric.len() + self.categories.len(), "features")?;
        let mut watched = self.numeric.iter_mut().chain(&mut self.categories);
        watched.try_for_each(|(_, detector)| detector.load(from))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drift::kolmogorov_smirnov;
    use crate::features::category;
    use crate::params::Values;
    use crate::random::Random;

    #[test]
    fn only_features_that_change_are_found_missing_and_categories_too() {
        let schema = Schema {
            numeric: vec!["same".into(), "wider".into(), "rarer".into()],
            categories: vec!["colour".into(), "shape".into()],
            ..Schema::default()
        };
        let mut inputs = InputDrift::new(&schema, &kolmogorov_smirnov::detector(&Values::default()));
        let mut random = Random::new(5);
        let mut worst = State::Stable;
        for event in 0..4999 {
            let late = event >= 4000;
            let mut numeric = [random.normal(), random.normal(), random.normal()];
            numeric[1] *= if late { 2.0 } else { 1.0 };
            numeric[2] = if random.below(4) == 0 && late { f64::NAN } else { numeric[2] };
            let shape = random.below(if late { 3 } else { 5 }) as u8;
            let categories = [category(&[random.below(5) as u8]), category(&[shape])];
            let found = inputs.learn(Row { numeric: &numeric, categories: &categories, ..Row::default() });
            worst = worst.max(found);
            assert!(late || found < State::Drift);
        }
        assert_eq!(worst, State::Drift);
        // The drift came with the first window after the change, which then became the reference.
        let found: Vec<_> = inputs.features().map(|(name, windows)| (name, windows.state())).collect();
        let drifted = |name| found.contains(&(name, State::Drift));
        assert!(drifted("wider") && drifted("rarer") && drifted("shape"), "{found:?}");
        assert!(!drifted("same") && !drifted("colour"), "{found:?}");

        let mut out = Writer::new();
        inputs.save(&mut out);
        let mut other = InputDrift::new(&schema, &kolmogorov_smirnov::detector(&Values::default()));
        other.load(&mut Reader::new("inputs", out.bytes())).unwrap();
        let mut again = Writer::new();
        other.save(&mut again);
        assert_eq!(out.bytes(), again.bytes());
    }
}
