//! Principal components, learnt event by event.
#![doc = include_str!("incremental_pca.md")]

use super::teaches;
use crate::features::{Row, RowBuffer, Schema};
use crate::model::Transformer;
use crate::params::{Param, ParamKind, Values};
use crate::registry::TransformerEntry;
use crate::snapshot::{Reader, Snapshot, SnapshotError, Writer};
use std::cell::RefCell;

const COMPONENTS: Param = Param {
    name: "components",
    kind: ParamKind::Integer { min: 1, max: 1000, default: 2 },
    doc: "Directions that are kept; at most as many as there are features.",
    default_from: "The smallest number that shows more than one direction.",
};
const AMNESIA: Param = Param {
    name: "amnesia",
    kind: ParamKind::Number { min: 0.0, max: 10.0, default: 2.0 },
    doc: "How much more than an equal share the newest event counts; 0: all count alike.",
    default_from: "The paper: 2 to 4.",
};

/// The registry's entry.
pub const ENTRY: TransformerEntry = TransformerEntry {
    name: "incremental_pca",
    summary: "Replaces numeric features by their principal components.",
    doc: include_str!("incremental_pca.md"),
    meaning_version: 1,
    params: &[COMPONENTS, AMNESIA],
    build: |schema, values, _seed| Ok(Box::new(IncrementalPca::new(schema, values))),
};

/// Larger values count as the mean: fourth powers of values must stay finite.
const LIMIT: f64 = 1e50;

/// See the module.
///
/// ```
/// use streamfold_learn::features::{Row, RowBuffer, Schema};
/// use streamfold_learn::model::Transformer;
/// use streamfold_learn::prepare::incremental_pca::{ENTRY, IncrementalPca};
/// use streamfold_learn::random::Random;
///
/// let schema = Schema { numeric: vec!["a".into(), "b".into()], ..Schema::default() };
/// let mut pca = IncrementalPca::new(&schema, &ENTRY.values(&[])?);
/// let mut random = Random::new(1);
/// for _ in 0..10_000 {
///     let (along, across) = (5.0 * random.normal(), random.normal());
///     pca.learn(Row { numeric: &[0.6 * along - 0.8 * across, 0.8 * along + 0.6 * across], ..Row::default() }, 1.0);
/// }
/// let mut out = RowBuffer::default();
/// pca.transform(Row { numeric: &[6.0, 8.0], ..Row::default() }, &mut out);
/// assert_eq!((out.numeric[0].abs().round(), out.numeric[1].round().abs()), (10.0, 0.0));
/// # Ok::<(), streamfold_learn::params::ParamError>(())
/// ```
#[derive(Clone, Debug)]
pub struct IncrementalPca {
    output: Schema,
    amnesia: f64,
    weight: f64,
    mean: Vec<f64>,
    /// Each a direction, as long as its eigenvalue.
    components: Vec<Vec<f64>>,
    /// Components that have begun.
    begun: usize,
    /// The centred row; borrowed for the length of one call only.
    centred: RefCell<Vec<f64>>,
}

fn dot(one: &[f64], other: &[f64]) -> f64 {
    one.iter().zip(other).map(|(a, b)| a * b).sum()
}

impl IncrementalPca {
    /// Components that have learnt nothing.
    pub fn new(schema: &Schema, values: &Values) -> Self {
        let features = schema.numeric.len();
        let components = (values.integer(&COMPONENTS) as usize).min(features);
        let mut output = schema.clone();
        output.numeric = (1..=components).map(|number| format!("component {number}").into()).collect();
        IncrementalPca {
            output,
            amnesia: values.number(&AMNESIA),
            weight: 0.0,
            mean: vec![0.0; features],
            components: vec![vec![0.0; features]; components],
            begun: 0,
            centred: RefCell::default(),
        }
    }

    /// A component's direction (length 1) and eigenvalue; none before it has begun.
    pub fn component(&self, number: usize) -> Option<(Vec<f64>, f64)> {
        let vector = self.components.get(number).filter(|_| number < self.begun)?;
        let length = dot(vector, vector).sqrt();
        (length > 0.0).then(|| (vector.iter().map(|part| part / length).collect(), length))
    }
}

/// The row less the mean.
fn centre(numeric: &[f64], mean: &[f64], into: &mut Vec<f64>) {
    into.clear();
    into.extend(
        numeric.iter().zip(mean).map(|(value, mean)| if value.abs() <= LIMIT { value - mean } else { 0.0 }),
    );
}

impl Transformer for IncrementalPca {
    fn output(&self) -> &Schema {
        &self.output
    }

    fn transform(&self, row: Row<'_>, out: &mut RowBuffer) {
        out.clear();
        let mut centred = self.centred.borrow_mut();
        centre(row.numeric, &self.mean, &mut centred);
        out.numeric.extend(self.components.iter().map(|component| {
            let length = dot(component, component).sqrt();
            if length > 0.0 { dot(component, &centred) / length } else { 0.0 }
        }));
        super::pass_others(row, out);
    }

    fn memory_bytes(&self) -> usize {
        size_of::<Self>() + 8 * self.mean.len() * (2 + self.components.len())
    }

    fn learn(&mut self, row: Row<'_>, weight: f64) {
        if !teaches(weight) {
            return;
        }
        self.weight += weight;
        let share = weight / self.weight;
        for (value, mean) in row.numeric.iter().zip(&mut self.mean) {
            if value.abs() <= LIMIT {
                *mean += (value - *mean) * share;
            }
        }
        let residual = self.centred.get_mut();
        centre(row.numeric, &self.mean, residual);
        // The newest event counts for more, once there are enough.
        let rate = (share * (1.0 + self.amnesia)).min(0.5).max(share);
        for component in self.components.iter_mut().take(self.begun) {
            let length = dot(component, component).sqrt();
            let along = if length > 0.0 { dot(residual, component) / length } else { 0.0 };
            for (part, value) in component.iter_mut().zip(residual.iter()) {
                *part += rate * (along * value - *part);
            }
            // What this direction explains is taken off; the next one learns from the rest.
            let square = dot(component, component);
            let along = if square > 0.0 { dot(residual, component) / square } else { 0.0 };
            for (value, part) in residual.iter_mut().zip(component.iter()) {
                *value -= along * part;
            }
        }
        let left = dot(residual, residual);
        if let Some(component) = self.components.get_mut(self.begun)
            && left > 0.0
        {
            // As long as its eigenvalue, by this one event.
            let length = left.sqrt();
            component.iter_mut().zip(residual.iter()).for_each(|(part, value)| *part = value * length);
            self.begun += 1;
        }
    }
}

impl Snapshot for IncrementalPca {
    fn save(&self, out: &mut Writer) {
        out.version(1);
        out.float(self.weight);
        out.floats(&self.mean);
        out.unsigned(self.begun as u64);
        self.components.iter().for_each(|component| out.floats(component));
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        from.part("incremental_pca");
        from.version(1)?;
        self.weight = from.finite_not_negative()?;
        from.floats_into(&mut self.mean)?;
        let begun = from.unsigned()?;
        if begun > self.components.len() as u64 {
            return Err(from.invalid(format!("{begun} components where {} belong", self.components.len())));
        }
        self.begun = begun as usize;
        self.components.iter_mut().try_for_each(|component| from.floats_into(component))?;
        let bounded = |numbers: &[f64], most: f64| numbers.iter().all(|number| number.abs() <= most);
        let components = self.components.iter().all(|component| bounded(component, 1e104));
        match bounded(&self.mean, 1e51) && components {
            true => Ok(()),
            false => Err(from.invalid("means and directions that cannot be")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::params::ParamValue;
    use crate::random::Random;

    #[test]
    fn directions_and_eigenvalues_of_a_known_covariance() {
        let schema = Schema { numeric: ["a", "b", "c", "d"].map(Into::into).to_vec(), ..Schema::default() };
        let given = [("components".to_owned(), ParamValue::Integer(3))];
        let mut pca = IncrementalPca::new(&schema, &ENTRY.values(&given).unwrap());
        let mut random = Random::new(2);
        // Directions: (1, 1, 1, 1)/2, (1, -1, 1, -1)/2, (1, 1, -1, -1)/2, (1, -1, -1, 1)/2; variances 100, 25, 4, 1.
        for _ in 0..50_000 {
            let [p, q, r, s] = [5.0, 2.5, 1.0, 0.5].map(|scale| scale * random.normal());
            let row = [p + q + r + s + 7.0, p - q + r - s, p + q - r - s, p - q - r + s];
            pca.learn(Row { numeric: &row, ..Row::default() }, 1.0);
        }
        let wanted = [[1.0, 1.0, 1.0, 1.0], [1.0, -1.0, 1.0, -1.0], [1.0, 1.0, -1.0, -1.0]];
        for (number, (wanted, variance)) in wanted.iter().zip([100.0, 25.0, 4.0]).enumerate() {
            let (direction, eigenvalue) = pca.component(number).unwrap();
            assert!((dot(&direction, wanted).abs() / 2.0) > 0.999, "{number}: {direction:?}");
            assert!((eigenvalue / variance - 1.0).abs() < 0.05, "{number}: {eigenvalue}");
        }
    }
}
