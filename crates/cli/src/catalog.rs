//! Where the registries become a catalog.

use streamfold_engine::plan::{Catalog, CatalogFormat};
use streamfold_flow::rows::{Decode, Encode};
use streamfold_flow::schema::RowSchema;
use streamfold_formats::FORMATS;

/// Everything that pipelines can name besides models.
pub fn catalog() -> Catalog {
    // One place for each line of the registry; a missing one does not compile.
    let formats: [CatalogFormat; FORMATS.len()] = [format::<0>(), format::<1>()];
    Catalog { formats: formats.into() }
}

/// The format at this place of the registry. The place is a part of the functions' types, since plain function pointers hold nothing.
fn format<const PLACE: usize>() -> CatalogFormat {
    let entry = &FORMATS[PLACE];
    CatalogFormat {
        name: entry.name,
        options: entry.options.iter().map(|option| option.name).collect(),
        decoder: decoder::<PLACE>,
        encoder: encoder::<PLACE>,
    }
}

fn decoder<const PLACE: usize>(
    schema: &RowSchema,
    options: &[(String, String)],
) -> Result<Box<dyn Decode>, String> {
    (FORMATS[PLACE].decoder)(schema, options).map_err(|error| error.to_string())
}

fn encoder<const PLACE: usize>(
    columns: &[String],
    options: &[(String, String)],
) -> Result<Box<dyn Encode>, String> {
    (FORMATS[PLACE].encoder)(columns, options).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_is_in_the_catalog_once() {
        let names: Vec<_> = catalog().formats.iter().map(|format| format.name).collect();
        assert_eq!(names, FORMATS.iter().map(|entry| entry.name).collect::<Vec<_>>());
    }
}
