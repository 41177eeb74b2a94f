//! A model and its preparation, from their names and parameters.

use super::chain::chain;
use crate::features::Schema;
use crate::model::{AnyModel, Transformer};
use crate::params::{ParamError, ParamValue};
use crate::registry;

/// The transformer that is put in front of a model that cannot read categories, where nothing else is said.
pub const ENCODER: &str = "one_hot";

/// A transformer or a model, by its name in the registry and the parameters that differ from the defaults.
pub type Named<'a> = (&'a str, &'a [(String, ParamValue)]);

/// Why a chain cannot be built.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{error}")]
pub struct BuildError {
    /// The place of the transformer; `None`: it is the model.
    pub stage: Option<usize>,
    /// What is wrong.
    pub error: ParamError,
}

/// Builds the transformers in their order and the model behind them; also gives the schema that the model sees.
///
/// ```
/// use streamfold_learn::compose::build::{ENCODER, build};
/// use streamfold_learn::features::Schema;
///
/// let schema = Schema { categories: vec!["colour".into()], ..Schema::default() };
/// let (_, seen) = build(&[(ENCODER, &[])], ("linear_regression", &[]), &schema, 0)?;
/// assert_eq!((seen.categories.len(), seen.sparse_size > 0), (0, true));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn build(
    prepare: &[Named<'_>],
    model: Named<'_>,
    features: &Schema,
    seed: u64,
) -> Result<(AnyModel, Schema), BuildError> {
    let mut schema = features.clone();
    let mut transformers: Vec<Box<dyn Transformer>> = Vec::with_capacity(prepare.len());
    for (at, (name, parameters)) in prepare.iter().enumerate() {
        let failed = |error| BuildError { stage: Some(at), error };
        let entry = registry::transformer(name).ok_or_else(|| failed(unknown(name)))?;
        let values = entry.values(parameters).map_err(failed)?;
        let transformer = (entry.build)(&schema, &values, seed).map_err(failed)?;
        schema = transformer.output().clone();
        transformers.push(transformer);
    }
    let failed = |error| BuildError { stage: None, error };
    let (name, parameters) = model;
    let entry = registry::model(name).ok_or_else(|| failed(unknown(name)))?;
    let values = entry.values(parameters).map_err(failed)?;
    let model = (entry.build)(&schema, &values, seed).map_err(failed)?;
    Ok((chain(transformers, model), schema))
}

fn unknown(name: &str) -> ParamError {
    ParamError::Features { owner: format!("`{name}`"), reason: "it is not in the registry".to_owned() }
}
