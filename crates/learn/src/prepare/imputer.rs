//! Fills missing numbers.
#![doc = include_str!("imputer.md")]

use super::{LIMIT, pass_others, teaches, usable};
use crate::features::{Row, RowBuffer, Schema};
use crate::model::Transformer;
use crate::params::{Param, ParamKind, Values};
use crate::registry::TransformerEntry;
use crate::snapshot::{Reader, Snapshot, SnapshotError, Writer};

const WITH: Param = Param {
    name: "with",
    kind: ParamKind::Choice { of: &["mean", "last", "constant"], default: "mean" },
    doc: "What takes the place of a missing number.",
    default_from: "scikit-learn's default.",
};
const CONSTANT: Param = Param {
    name: "constant",
    kind: ParamKind::Number { min: -1e12, max: 1e12, default: 0.0 },
    doc: "The constant, and what is filled in before there was a value.",
    default_from: "Neutral for most models.",
};
const INDICATOR: Param = Param {
    name: "indicator",
    kind: ParamKind::Boolean { default: false },
    doc: "Whether each numeric feature gets another one that says whether it was missing.",
    default_from: "scikit-learn's default.",
};

/// The registry's entry.
pub const ENTRY: TransformerEntry = TransformerEntry {
    name: "imputer",
    summary: "Fills missing numbers with the mean, the last value or a constant.",
    doc: include_str!("imputer.md"),
    meaning_version: 1,
    params: &[WITH, CONSTANT, INDICATOR],
    build: |schema, values, _seed| Ok(Box::new(Imputer::new(schema, values))),
};

/// See the module.
///
/// ```
/// use streamfold_learn::features::{Row, RowBuffer, Schema};
/// use streamfold_learn::model::Transformer;
/// use streamfold_learn::prepare::imputer::{ENTRY, Imputer};
///
/// let schema = Schema { numeric: vec!["x".into()], ..Schema::default() };
/// let mut imputer = Imputer::new(&schema, &ENTRY.values(&[])?);
/// for x in [2.0, f64::NAN, 4.0] {
///     imputer.learn(Row { numeric: &[x], ..Row::default() }, 1.0);
/// }
/// let mut out = RowBuffer::default();
/// imputer.transform(Row { numeric: &[f64::NAN], ..Row::default() }, &mut out);
/// assert_eq!(out.numeric, [3.0]);
/// # Ok::<(), streamfold_learn::params::ParamError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Imputer {
    output: Schema,
    /// Whether means and last values are learnt, and which.
    learns: Option<Learns>,
    indicator: bool,
    /// Weight and what is filled in, for each feature.
    fills: Vec<(f64, f64)>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Learns {
    Mean,
    Last,
}

impl Imputer {
    /// An imputer that has learnt nothing.
    pub fn new(schema: &Schema, values: &Values) -> Self {
        let indicator = values.boolean(&INDICATOR);
        let mut output = schema.clone();
        if indicator {
            output.numeric.extend(schema.numeric.iter().map(|name| format!("{name} missing").into()));
        }
        let constant = values.number(&CONSTANT);
        Imputer {
            output,
            learns: match values.choice(&WITH).as_str() {
                "mean" => Some(Learns::Mean),
                "last" => Some(Learns::Last),
                _ => None,
            },

            indicator,
            fills: vec![(0.0, constant); schema.numeric.len()],
        }
    }
}

impl Transformer for Imputer {
    fn output(&self) -> &Schema {
        &self.output
    }

    fn transform(&self, row: Row<'_>, out: &mut RowBuffer) {
        out.clear();
        let filled = row.numeric.iter().zip(&self.fills);
        out.numeric.extend(filled.map(|(&value, fill)| if value.is_finite() { value } else { fill.1 }));
        if self.indicator {
            out.numeric.extend(row.numeric.iter().map(|value| f64::from(!value.is_finite())));
        }
        pass_others(row, out);
    }

    fn memory_bytes(&self) -> usize {
        size_of::<Self>() + 16 * self.fills.capacity()
    }

    fn learn(&mut self, row: Row<'_>, weight: f64) {
        let Some(learns) = self.learns else { return };
        if !teaches(weight) {
            return;
        }
        for (&value, (total, fill)) in row.numeric.iter().zip(&mut self.fills) {
            if usable(value) {
                *total += weight;
                match learns {
                    // The first value replaces the constant.
                    Learns::Mean => *fill += (value - *fill) * (weight / *total),
                    Learns::Last => *fill = value,
                }
            }
        }
    }
}

impl Snapshot for Imputer {
    fn save(&self, out: &mut Writer) {
        out.version(1);
        out.unsigned(self.fills.len() as u64);
        for (total, fill) in &self.fills {
            out.float(*total);
            out.float(*fill);
        }
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        from.part("imputer");
        from.version(1)?;
        from.expect_length(self.fills.len(), "numeric features")?;
        for fill in &mut self.fills {
            *fill = (from.finite_not_negative()?, from.finite()?.clamp(-LIMIT, LIMIT));
        }
        Ok(())
    }
}
