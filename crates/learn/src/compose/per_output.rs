//! Several targets at once: a regressor for each. Not in the registry, because a pipeline's event has one label.

use super::part::{Factory, Part};
use crate::features::{Row, Schema};
use crate::model::Regressor;
use crate::params::ParamError;
use crate::snapshot::{Reader, Snapshot, SnapshotError, Writer};

/// A regressor for each output. With `chained`, each sees the outputs before it as further features: their predictions
/// when it predicts, what they turned out to be when it learns (a regressor chain).
///
/// ```
/// use streamfold_learn::compose::part::Part;
/// use streamfold_learn::compose::per_output::PerOutput;
/// use streamfold_learn::features::{Row, Schema};
///
/// let schema = Schema { numeric: vec!["x".into()], ..Schema::default() };
/// let of = Part { kind: "linear_regression".to_owned(), ..Part::default() };
/// let mut model = PerOutput::new(&of, 2, false, &schema, 0)?;
/// for event in 0..10_000 {
///     let x = f64::from(event % 50);
///     model.learn(Row { numeric: &[x], ..Row::default() }, &[2.0 * x, 7.0 - x], 1.0);
/// }
/// let mut out = [0.0; 2];
/// model.predict(Row { numeric: &[10.0], ..Row::default() }, &mut out);
/// assert_eq!(out.map(f64::round), [20.0, -3.0]);
/// # Ok::<(), streamfold_learn::params::ParamError>(())
/// ```
pub struct PerOutput {
    models: Vec<Box<dyn Regressor>>,
    chained: bool,
}

impl PerOutput {
    /// For this many outputs.
    pub fn new(
        of: &Part,
        outputs: usize,
        chained: bool,
        schema: &Schema,
        seed: u64,
    ) -> Result<Self, ParamError> {
        let mut schema = schema.clone();
        let mut models = Vec::with_capacity(outputs);
        for output in 0..outputs {
            models
                .push(Factory::<dyn Regressor>::new(of, &schema, seed.wrapping_add(output as u64))?.build()?);
            if chained {
                schema.numeric.push(format!("output {output}").into());
            }
        }
        Ok(PerOutput { models, chained })
    }

    /// Writes the prediction of each output, as many as there are places for.
    pub fn predict(&self, row: Row<'_>, out: &mut [f64]) {
        let mut numeric = row.numeric.to_vec();
        for (model, out) in self.models.iter().zip(out) {
            *out = model.predict(Row { numeric: &numeric, ..row });
            if self.chained {
                numeric.push(*out);
            }
        }
    }

    /// Learns what the outputs were. One that is not finite is not known: it teaches nothing, and is a missing feature to
    /// those after it in a chain.
    pub fn learn(&mut self, row: Row<'_>, targets: &[f64], weight: f64) {
        let mut numeric = row.numeric.to_vec();
        for (model, target) in self.models.iter_mut().zip(targets) {
            model.learn(Row { numeric: &numeric, ..row }, *target, weight);
            if self.chained {
                numeric.push(*target);
            }
        }
    }

    /// Bytes of memory that the state takes now.
    pub fn memory_bytes(&self) -> usize {
        self.models.iter().map(|model| model.memory_bytes()).sum()
    }
}

impl Snapshot for PerOutput {
    fn save(&self, out: &mut Writer) {
        out.version(1);
        self.models.iter().for_each(|model| model.save(out));
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        from.part("per_output");
        from.version(1)?;
        self.models.iter_mut().try_for_each(|model| model.load(from))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::params::ParamValue;

    /// The second target is the first one. Then the first moves, and nobody says what the second is.
    fn second(chained: bool) -> f64 {
        let forgetting = ("forgetting".to_owned(), ParamValue::Number(0.9));
        let of =
            Part { kind: "recursive_least_squares".to_owned(), parameters: vec![forgetting], prepare: None };
        let mut model = PerOutput::new(&of, 2, chained, &Schema::default(), 0).unwrap();
        for event in 0..100u32 {
            let first = f64::from(event * event % 11);
            model.learn(Row::default(), &[first, first], 1.0);
        }
        (0..100).for_each(|_| model.learn(Row::default(), &[100.0, f64::NAN], 1.0));
        let mut out = [0.0; 2];
        model.predict(Row::default(), &mut out);
        out[1]
    }

    #[test]
    fn in_a_chain_outputs_follow_those_before_them() {
        assert!(
            (second(true) - 100.0).abs() < 0.1 && second(false) < 11.0,
            "{} {}",
            second(true),
            second(false)
        );
    }
}
