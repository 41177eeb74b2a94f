//! Where the registries become a catalog.

use streamfold_engine::plan::{Catalog, CatalogFormat};
use streamfold_formats::FORMATS;

/// Everything that pipelines can name besides models.
pub fn catalog() -> Catalog {
    let formats = FORMATS.iter().map(|entry| {
        let options = entry.options.iter().map(|option| option.name);
        CatalogFormat::new(entry.name, options, entry.decoder, entry.encoder)
    });
    Catalog { formats: formats.collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_is_in_the_catalog_once() {
        let names: Vec<_> = catalog().formats.iter().map(|format| format.name()).collect();
        assert_eq!(names, FORMATS.iter().map(|entry| entry.name).collect::<Vec<_>>());
    }
}
