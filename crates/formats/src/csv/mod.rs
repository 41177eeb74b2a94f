//! CSV, one line a record.
//!
//! # Reading
//!
//! The value of a record is one line (RFC 4180) in UTF-8, with or without a line break at its end. Fields are separated
//! by the delimiter; a field in quotes may contain delimiters, line breaks and doubled quotes. Which field is which is
//! told by `columns`, the names in the order of the line; without it they are the declared fields in their order. The
//! schema may ask for some of the columns only; the others are skipped, or kept in the column `_rest` as one JSON object of
//! texts.
//!
//! | declared | takes | otherwise |
//! |---|---|---|
//! | `number` | `1`, `-1.5`, `+1`, `.5`, `5.`, `1e-3`, `007` | `wrong_type`; beyond all floats: `out_of_range` |
//! | `integer` | the same without point and exponent | `wrong_type`; beyond 64 bits: `out_of_range` |
//! | `text`, `scalar` | any text, as it is | |
//! | `boolean` | `true`, `True`, `TRUE`, `false`, `False`, `FALSE` | `wrong_type` |
//! | `time` | what the [notation](crate::time) says | `not_a_time`, `out_of_range` |
//!
//! A field without anything in it is null; so is one that is, without quotes, the text given as `missing` (such as
//! `NA`). `""` is empty text. Space around a number belongs to the field and makes it no number. A line with more or
//! fewer fields than there are columns is bad (`wrong_field_count`). Other kinds of faults are `empty`, `not_utf8`,
//! `not_csv` (a quote inside of a field without quotes, something behind the closing quote, no closing quote, more than
//! one line) and `too_large` ([`crate::fault`]).
//!
//! # Writing
//!
//! One line without a line break. The columns are fixed in advance; of numbers by name, each is a column of its own,
//! `scores.a` for the number `a` of the field `scores`. A field that is missing, null or not finite is left empty. Quotes are
//! written only where they are needed. [`header_line`] is the line with the names.
//!
//! # Files
//!
//! [`read`] takes a whole text with a header line apart into the same rows; [`lines`] only finds the lines.

mod decode;
mod encode;
mod file;
pub(crate) mod split;

pub use decode::CsvDecoder;
pub use encode::{CsvEncoder, header_line};
pub use file::{CsvRows, header, lines, read};

use crate::registry::{FormatEntry, FormatError, OptionEntry, Options, check_options, option};

/// How lines are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CsvOptions {
    /// Between two fields.
    pub delimiter: u8,
    /// Names of the columns in the order of the line; empty: the fields of the schema.
    pub columns: Vec<String>,
    /// Text that, without quotes, stands for null, besides no text at all.
    pub missing: String,
}

impl Default for CsvOptions {
    fn default() -> Self {
        CsvOptions { delimiter: b',', columns: Vec::new(), missing: String::new() }
    }
}

/// The format's line in the registry.
pub const ENTRY: FormatEntry = FormatEntry {
    name: "csv",
    summary: "One line of CSV a record, without a header line",
    options: &[
        OptionEntry {
            name: "delimiter",
            summary: "One ASCII character between two fields, or `tab`",
            default: ",",
        },
        OptionEntry {
            name: "columns",
            summary: "Names of the columns in the order of the line, as a header line would have them",
            default: "the declared fields in their order",
        },
        OptionEntry {
            name: "missing",
            summary: "Text that, without quotes, stands for null when reading, such as NA",
            default: "",
        },
    ],
    decoder: |schema, options| Ok(Box::new(CsvDecoder::new(schema, &parse(options)?)?)),
    encoder: |columns, options| {
        let mut options = parse(options)?;
        if options.columns.is_empty() {
            options.columns = columns.to_vec();
        }
        Ok(Box::new(CsvEncoder::new(&options)))
    },
};

fn parse(options: &Options) -> Result<CsvOptions, FormatError> {
    check_options(&ENTRY, options)?;
    let mut parsed = CsvOptions::default();
    let wrong = |name, value: &str, reason| FormatError::Option {
        format: ENTRY.name,
        option: name,
        value: value.to_owned(),
        reason,
    };
    if let Some(delimiter) = option(options, "delimiter") {
        parsed.delimiter = match delimiter.as_bytes() {
            b"tab" => b'\t',
            [byte] if byte.is_ascii() && !b"\"\r\n".contains(byte) => *byte,
            _ => {
                return Err(wrong(
                    "delimiter",
                    delimiter,
                    "it is one ASCII character, not a quote or line break, or tab",
                ));
            }
        };
    }
    if let Some(columns) = option(options, "columns") {
        parsed.columns = header(columns, parsed.delimiter)
            .ok_or_else(|| wrong("columns", columns, "it is not one line of CSV with this delimiter"))?;
    }
    if let Some(missing) = option(options, "missing") {
        parsed.missing = missing.to_owned();
    }
    Ok(parsed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_checked() {
        let options = |list: &[(&str, &str)]| {
            let list: Vec<_> = list.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
            parse(&list)
        };
        let parsed = options(&[("delimiter", "tab"), ("columns", "a\t\"b\tc\""), ("missing", "NA")]).unwrap();
        assert_eq!(parsed.columns, ["a", "b\tc"]);
        assert_eq!((parsed.delimiter, parsed.missing.as_str()), (b'\t', "NA"));
        for bad in [
            ("delimiter", "\""),
            ("delimiter", "ab"),
            ("delimiter", "é"),
            ("delimiter", ""),
            ("columns", "\"a"),
        ] {
            assert!(matches!(options(&[bad]), Err(FormatError::Option { option, .. }) if option == bad.0));
        }
        assert!(matches!(options(&[("delimeter", ";")]), Err(FormatError::UnknownOption { .. })));
    }
}
