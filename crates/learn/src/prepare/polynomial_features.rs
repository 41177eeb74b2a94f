//! Products of numeric features.
#![doc = include_str!("polynomial_features.md")]

use super::pass_others;
use crate::features::{Row, RowBuffer, Schema};
use crate::model::Transformer;
use crate::params::{Param, ParamError, ParamKind, Values};
use crate::registry::TransformerEntry;
use crate::snapshot::{Reader, Snapshot, SnapshotError, Writer};

const SQUARES: Param = Param {
    name: "squares",
    kind: ParamKind::Boolean { default: true },
    doc: "Whether each feature is multiplied with itself too.",
    default_from: "scikit-learn's default.",
};

/// Most features that are written.
const OUTPUTS_MAX: usize = 20_000;

/// The registry's entry.
pub const ENTRY: TransformerEntry = TransformerEntry {
    name: "polynomial_features",
    summary: "Adds the products of each two numeric features.",
    doc: include_str!("polynomial_features.md"),
    meaning_version: 1,
    params: &[SQUARES],
    build: |schema, values, _seed| Ok(Box::new(PolynomialFeatures::new(schema, values)?)),
};

/// See the module.
///
/// ```
/// use streamfold_learn::features::{Row, RowBuffer, Schema};
/// use streamfold_learn::model::Transformer;
/// use streamfold_learn::prepare::polynomial_features::{ENTRY, PolynomialFeatures};
///
/// let schema = Schema { numeric: vec!["a".into(), "b".into()], ..Schema::default() };
/// let products = PolynomialFeatures::new(&schema, &ENTRY.values(&[])?)?;
/// let mut out = RowBuffer::default();
/// products.transform(Row { numeric: &[2.0, 3.0], ..Row::default() }, &mut out);
/// assert_eq!(out.numeric, [2.0, 3.0, 4.0, 6.0, 9.0]);
/// # Ok::<(), streamfold_learn::params::ParamError>(())
/// ```
#[derive(Clone, Debug)]
pub struct PolynomialFeatures {
    output: Schema,
    /// From which feature on, after itself, a feature is multiplied: 0 with itself, 1 with the next.
    from: usize,
}

impl PolynomialFeatures {
    /// The products of the features of this schema.
    pub fn new(schema: &Schema, values: &Values) -> Result<Self, ParamError> {
        let from = usize::from(!values.boolean(&SQUARES));
        let features = schema.numeric.len();
        if features.saturating_mul(features + 1) / 2 + features > OUTPUTS_MAX {
            return Err(ParamError::Features {
                owner: format!("transformer `{}`", ENTRY.name),
                reason: format!(
                    "{features} numeric ones have more than {OUTPUTS_MAX} products; select some first"
                ),
            });
        }
        let mut output = schema.clone();
        for (at, one) in schema.numeric.iter().enumerate() {
            output.numeric.extend(
                schema.numeric[(at + from).min(features)..]
                    .iter()
                    .map(|other| format!("{one}*{other}").into()),
            );
        }
        Ok(PolynomialFeatures { output, from })
    }
}

impl Transformer for PolynomialFeatures {
    fn output(&self) -> &Schema {
        &self.output
    }

    fn transform(&self, row: Row<'_>, out: &mut RowBuffer) {
        out.clear();
        out.numeric.extend_from_slice(row.numeric);
        for (at, one) in row.numeric.iter().enumerate() {
            out.numeric.extend(row.numeric.iter().skip(at + self.from).map(|other| one * other));
        }
        pass_others(row, out);
    }

    fn memory_bytes(&self) -> usize {
        size_of::<Self>()
    }

    fn learn(&mut self, _row: Row<'_>, _weight: f64) {}
}

impl Snapshot for PolynomialFeatures {
    fn save(&self, out: &mut Writer) {
        out.version(1);
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        from.part("polynomial_features");
        from.version(1)?;
        Ok(())
    }
}
