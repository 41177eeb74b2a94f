//! The formats by name. To add one: write a file (or a folder) with its decoder and encoder, and add its line here.

use streamfold_flow::rows::{Decode, Encode};
use streamfold_flow::schema::RowSchema;

/// All formats. The order is that of listings.
pub const FORMATS: &[FormatEntry] = &[crate::json::ENTRY, crate::csv::ENTRY];

/// Options of a format as a pipeline file gives them: names and values.
pub type Options = [(String, String)];

/// Builds a decoder of these fields.
pub type DecoderBuilder = fn(&RowSchema, &Options) -> Result<Box<dyn Decode>, FormatError>;

/// Builds an encoder. Formats without names in their records write these columns, in this order; the others write the
/// fields that they are given.
pub type EncoderBuilder = fn(&[String], &Options) -> Result<Box<dyn Encode>, FormatError>;

/// A format.
pub struct FormatEntry {
    /// Its name in pipeline files.
    pub name: &'static str,
    /// What it is, in one line.
    pub summary: &'static str,
    /// The options that it knows.
    pub options: &'static [OptionEntry],
    /// Builds a decoder.
    pub decoder: DecoderBuilder,
    /// Builds an encoder.
    pub encoder: EncoderBuilder,
}

/// An option of a format.
pub struct OptionEntry {
    /// Its name.
    pub name: &'static str,
    /// What it means, with what it may be.
    pub summary: &'static str,
    /// What it is if it is not given.
    pub default: &'static str,
}

/// The format of this name.
pub fn format(name: &str) -> Option<&'static FormatEntry> {
    FORMATS.iter().find(|format| format.name == name)
}

/// Why a decoder or encoder cannot be built.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// The format has no such option.
    #[error("format {format} has no option `{option}`; it has {known}")]
    UnknownOption {
        /// The format.
        format: &'static str,
        /// The option.
        option: String,
        /// The options that there are.
        known: String,
    },
    /// An option has a value that it cannot have.
    #[error("option `{option}` of format {format} cannot be {value:?}: {reason}")]
    Option {
        /// The format.
        format: &'static str,
        /// The option.
        option: &'static str,
        /// Its value.
        value: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Two fields or columns have the same name.
    #[error("field `{0}` is there twice; every field and column needs a name of its own")]
    DuplicateField(String),
    /// A declared field is not among the columns of a line.
    #[error("field `{name}` is not among the columns, which are {columns}")]
    NotAColumn {
        /// The field.
        name: String,
        /// The columns.
        columns: String,
    },
    /// A column of rows has a type that no format writes.
    #[error(
        "column `{name}` of type {found} cannot be written; take floats, integers, booleans, texts or times in ms"
    )]
    Column {
        /// The column.
        name: String,
        /// Its type.
        found: String,
    },
    /// A text that should begin with a header line does not.
    #[error("line 1 is not a header line with the names of the columns: {0}")]
    Header(String),
}

/// The value of an option; the last one if it is given twice.
pub(crate) fn option<'a>(options: &'a Options, name: &str) -> Option<&'a str> {
    options.iter().rev().find(|(option, _)| option == name).map(|(_, value)| value.as_str())
}

/// Refuses options that the format does not know.
pub(crate) fn check_options(entry: &FormatEntry, options: &Options) -> Result<(), FormatError> {
    let known = |name: &str| entry.options.iter().any(|option| option.name == name);
    let Some((unknown, _)) = options.iter().find(|(name, _)| !known(name)) else { return Ok(()) };
    let names: Vec<&str> = entry.options.iter().map(|option| option.name).collect();
    Err(FormatError::UnknownOption {
        format: entry.name,
        option: unknown.clone(),
        known: if names.is_empty() { "none".to_owned() } else { names.join(", ") },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_is_found_by_its_name_and_says_what_it_is() {
        for entry in FORMATS {
            let same = FORMATS.iter().filter(|other| other.name == entry.name).count();
            assert_eq!((same, format(entry.name).map(|found| found.summary)), (1, Some(entry.summary)));
            assert!(!entry.summary.is_empty());
            assert!((entry.decoder)(&RowSchema::default(), &[]).is_ok());
            assert!((entry.encoder)(&["a".to_owned()], &[]).is_ok());
            let unknown = [("unknown".to_owned(), String::new())];
            assert!((entry.decoder)(&RowSchema::default(), &unknown).is_err());
            assert!((entry.encoder)(&[], &unknown).is_err());
        }
        assert!(format("xml").is_none());
    }
}
