//! What a lane is built from.

use super::build::columns;
use super::{Catalog, CatalogFormat, Parts, Plan};

impl Plan {
    /// The columns of an answer, in their order.
    pub fn output_columns(&self) -> Vec<String> {
        columns(&self.output, self.task, self.label.as_ref())
    }

    /// Everything that reads, writes and learns, fresh. Only fails where the catalog is not the one that the plan was
    /// built with.
    pub fn parts(&self, catalog: &Catalog) -> Result<Parts, String> {
        let output = &self.output.format;
        let decoders = self.inputs.iter().map(|input| {
            let format = catalog.format(&input.format.name)?;
            (format.decoder)(&input.schema, &input.format.options)
        });
        Ok(Parts {
            decoders: decoders.collect::<Result<_, String>>()?,
            encoder: (catalog.format(&output.name)?.encoder)(&self.output_columns(), &output.options)?,
            metrics_encoder: (catalog.format("json")?.encoder)(&[], &[])?,
            model: self.fresh_model().map_err(|error| error.to_string())?,
        })
    }
}

impl Catalog {
    /// The format of this name.
    pub fn format(&self, name: &str) -> Result<&CatalogFormat, String> {
        self.formats
            .iter()
            .find(|format| format.name == name)
            .ok_or_else(|| format!("there is no format {name:?}"))
    }
}
