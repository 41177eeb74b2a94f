//! Categories as the mean target of earlier events that have them.
#![doc = include_str!("target_encoder.md")]

use super::dictionary::{Dictionary, KEEP, VALUES_MAX};
use super::ordinal_encoder::{encoded, pass};
use super::{teaches, usable};
use crate::features::{Category, Row, RowBuffer, Schema};
use crate::model::{Target, Transformer};
use crate::params::{Param, ParamKind, Values};
use crate::registry::TransformerEntry;
use crate::snapshot::{Reader, Snapshot, SnapshotError, Writer};

const PRIOR_WEIGHT: Param = Param {
    name: "prior_weight",
    kind: ParamKind::Number { min: 0.001, max: 1e6, default: 10.0 },
    doc: "Events with the mean of all that each value starts with.",
    default_from: "A value needs some ten events before its own mean says more than that of all.",
};
const CLASSES: Param = Param {
    name: "classes",
    kind: ParamKind::Integer { min: 0, max: 100, default: 0 },
    doc: "Classes whose shares are encoded; 0: the mean of a number, or the share of the second of two classes.",
    default_from: "Right for regression and for two classes.",
};

/// The registry's entry.
pub const ENTRY: TransformerEntry = TransformerEntry {
    name: "target_encoder",
    summary: "Turns the values of each categorical feature into the mean target of earlier events that have them.",
    doc: include_str!("target_encoder.md"),
    meaning_version: 1,
    params: &[PRIOR_WEIGHT, CLASSES, VALUES_MAX, KEEP],
    build: |schema, values, _seed| Ok(Box::new(TargetEncoder::new(schema, values))),
};

/// Means of the targets of some events.
#[derive(Clone, Debug, Default)]
struct Means {
    /// For each value, weight and then a sum for each output.
    rows: Vec<f64>,
}

/// See the module.
///
/// ```
/// use streamfold_learn::features::{Row, RowBuffer, Schema, category};
/// use streamfold_learn::model::{Target, Transformer};
/// use streamfold_learn::prepare::target_encoder::{ENTRY, TargetEncoder};
///
/// let schema = Schema { categories: vec!["merchant".into()], ..Schema::default() };
/// let mut encoder = TargetEncoder::new(&schema, &ENTRY.values(&[])?);
/// for (merchant, amount) in [("a", 20.0), ("b", 40.0), ("a", 20.0), ("b", 40.0)] {
///     let row = Row { categories: &[category(merchant.as_bytes())], ..Row::default() };
///     encoder.learn_target(row, Target::Number(amount), 1.0);
/// }
/// let mut out = RowBuffer::default();
/// encoder.transform(Row { categories: &[category(b"b")], ..Row::default() }, &mut out);
/// assert_eq!((out.numeric[0] * 10.0).round(), 317.0); // (2 * 40 + 10 * 30) / 12
/// # Ok::<(), streamfold_learn::params::ParamError>(())
/// ```
#[derive(Clone, Debug)]
pub struct TargetEncoder {
    output: Schema,
    prior_weight: f64,
    /// Outputs for each feature.
    outputs: usize,
    classes: usize,
    /// Weight and sums of all events.
    all: Vec<f64>,
    features: Vec<(Dictionary, Means)>,
}

impl TargetEncoder {
    /// An encoder that has seen nothing.
    pub fn new(schema: &Schema, values: &Values) -> Self {
        let classes = values.integer(&CLASSES) as usize;
        let dictionary = Dictionary::new(values.integer(&VALUES_MAX) as usize);
        let mut output = encoded(schema, values.boolean(&KEEP));
        if classes > 0 {
            output.numeric.truncate(schema.numeric.len());
            for name in &schema.categories {
                output.numeric.extend((0..classes).map(|class| format!("{name} class {class}").into()));
            }
        }
        let outputs = classes.max(1);
        TargetEncoder {
            output,
            prior_weight: values.number(&PRIOR_WEIGHT),
            outputs,
            classes,
            all: vec![0.0; 1 + outputs],
            features: vec![(dictionary, Means::default()); schema.categories.len()],
        }
    }

    /// The mean of an output over all events; 0 before there was one.
    fn overall(&self, output: usize) -> f64 {
        let weight = self.all[0];
        if weight > 0.0 { self.all[1 + output] / weight } else { 0.0 }
    }

    /// The number that an output takes the mean of.
    fn part(&self, target: Target, output: usize) -> Option<f64> {
        match target {
            Target::Number(number) if usable(number) && self.classes == 0 => Some(number),
            Target::Class(class) if self.classes == 0 => Some(f64::from(class == 1)),
            Target::Class(class) => Some(f64::from(class == output)),
            _ => None,
        }
    }
}

impl Transformer for TargetEncoder {
    fn output(&self) -> &Schema {
        &self.output
    }

    fn transform(&self, row: Row<'_>, out: &mut RowBuffer) {
        pass(row, &self.output, out);
        for (&category, (dictionary, means)) in row.categories.iter().zip(&self.features) {
            let known = dictionary.number(category).map(|number| number as usize * (1 + self.outputs));
            for output in 0..self.outputs {
                let prior = self.overall(output);
                out.numeric.push(match known {
                    None => prior,
                    Some(at) => {
                        let (weight, sum) = (means.rows[at], means.rows[at + 1 + output]);
                        (sum + self.prior_weight * prior) / (weight + self.prior_weight)
                    }
                });
            }
        }
    }

    fn memory_bytes(&self) -> usize {
        let heap =
            |(dictionary, means): &(Dictionary, Means)| dictionary.memory_bytes() + 8 * means.rows.capacity();
        size_of::<Self>() + self.features.iter().map(heap).sum::<usize>()
    }

    fn learn(&mut self, _row: Row<'_>, _weight: f64) {}

    fn learn_target(&mut self, row: Row<'_>, target: Target, weight: f64) {
        if !teaches(weight) || self.part(target, 0).is_none() {
            return;
        }
        let width = 1 + self.outputs;
        self.all[0] += weight;
        for output in 0..self.outputs {
            self.all[1 + output] += weight * self.part(target, output).unwrap_or(0.0);
        }
        for (at, category) in row.categories.iter().enumerate().take(self.features.len()) {
            let Some(start) = self.value_row(at, *category) else { continue };
            for output in 0..self.outputs {
                let part = weight * self.part(target, output).unwrap_or(0.0);
                self.features[at].1.rows[start * width + 1 + output] += part;
            }
            self.features[at].1.rows[start * width] += weight;
        }
    }
}

impl TargetEncoder {
    /// The number of a feature's value, with room for it in the means.
    fn value_row(&mut self, feature: usize, category: Category) -> Option<usize> {
        let width = 1 + self.outputs;
        let (dictionary, means) = &mut self.features[feature];
        let number = dictionary.add(category)? as usize;
        means.rows.resize(dictionary.len() * width, 0.0);
        Some(number)
    }
}

impl Snapshot for TargetEncoder {
    fn save(&self, out: &mut Writer) {
        out.version(1);
        out.floats(&self.all);
        out.unsigned(self.features.len() as u64);
        for (dictionary, means) in &self.features {
            dictionary.save(out);
            means.rows.iter().for_each(|number| out.float(*number));
        }
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        from.part("target_encoder");
        from.version(1)?;
        from.floats_into(&mut self.all)?;
        from.expect_length(self.features.len(), "categorical features")?;
        let width = 1 + self.outputs;
        let sound = |row: &[f64]| {
            let (weight, sums) = (row[0], &row[1..]);
            (0.0..1e300).contains(&weight) && sums.iter().all(|sum| sum.abs() < 1e200)
        };
        for (dictionary, means) in &mut self.features {
            dictionary.load(from)?;
            means.rows = (0..dictionary.len() * width).map(|_| from.finite()).collect::<Result<_, _>>()?;
            if !means.rows.chunks_exact(width).all(sound) {
                return Err(from.invalid("weights and sums of targets that cannot be"));
            }
        }
        match sound(&self.all) {
            true => Ok(()),
            false => Err(from.invalid("weights and sums of targets that cannot be")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compose::chain::chain;
    use crate::model::AnyModel;
    use crate::random::Random;
    use crate::registry;

    #[test]
    fn a_model_behind_it_finds_nothing_in_values_that_come_once() {
        // With an event's own target in its features a model would learn to read it there.
        let schema = Schema { categories: vec!["id".into()], ..Schema::default() };
        let values =
            ENTRY.values(&[("prior_weight".to_owned(), crate::params::ParamValue::Number(0.01))]).unwrap();
        let encoder = TargetEncoder::new(&schema, &values);
        let entry = registry::model("linear_regression").unwrap();
        let model = (entry.build)(encoder.output(), &entry.values(&[]).unwrap(), 0).unwrap();
        let AnyModel::Regressor(mut model) = chain(vec![Box::new(encoder)], model) else { panic!() };
        let mut random = Random::new(1);
        let mut squares = 0.0;
        for event in 0..4000u64 {
            let categories = [event + 1];
            let row = Row { categories: &categories, ..Row::default() };
            let target = random.normal();
            let error = model.predict(row) - target;
            squares += if event >= 2000 { error * error } else { 0.0 };
            model.learn(row, target, 1.0);
        }
        assert!((squares / 2000.0 - 1.0).abs() < 0.1, "{}", squares / 2000.0);
    }

    #[test]
    fn shares_of_several_classes() {
        let schema = Schema { categories: vec!["id".into()], ..Schema::default() };
        let given = [
            ("classes".to_owned(), crate::params::ParamValue::Integer(3)),
            ("prior_weight".to_owned(), crate::params::ParamValue::Number(1.0)),
        ];
        let mut encoder = TargetEncoder::new(&schema, &ENTRY.values(&given).unwrap());
        for (category, class) in [(7, 0), (7, 2), (8, 1), (7, 2)] {
            encoder.learn_target(
                Row { categories: &[category], ..Row::default() },
                Target::Class(class),
                1.0,
            );
        }
        let mut out = RowBuffer::default();
        encoder.transform(Row { categories: &[7], ..Row::default() }, &mut out);
        assert_eq!(out.numeric, [1.25 / 4.0, 0.25 / 4.0, 2.5 / 4.0]);
        assert_eq!(&*encoder.output().numeric[2], "id class 2");
    }
}
