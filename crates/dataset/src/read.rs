//! A file by its name and first bytes.

use crate::error::DatasetError;
use crate::table::{Kind, Table};
use crate::{arff, csv, parquet};
use flate2::bufread::MultiGzDecoder;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

/// How a file is to be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Kinds of columns, instead of what is inferred or stands in the file.
    pub types: Vec<(String, Kind)>,
    /// Names of the columns of a CSV file without a header line; an empty list has them named `c1`, `c2` and so on.
    pub columns: Option<Vec<String>>,
    /// Between two fields of a CSV file; by default the one of `,` `;` tab `|` that the first line has most of.
    pub delimiter: Option<u8>,
    /// Text that stands for a missing cell in a CSV file, besides an empty one.
    pub missing: String,
    /// Only so many rows from the beginning.
    pub rows_max: Option<usize>,
}

/// Reads a CSV, Parquet or ARFF file. Parquet and gzip are known by their first bytes, ARFF by its name.
pub fn read(file: &Path, options: &Options) -> Result<Table, DatasetError> {
    let io = |error| DatasetError::Io { file: file.to_owned(), error };
    let mut reader = BufReader::new(File::open(file).map_err(io)?);
    let magic = reader.fill_buf().map_err(io)?;
    if magic.starts_with(b"PAR1") {
        let mut table = parquet::read(file, options)?;
        retype(&mut table, options)?;
        return Ok(table);
    }
    let mut text = Vec::new();
    match magic.starts_with(&[0x1f, 0x8b]) {
        true => MultiGzDecoder::new(reader).read_to_end(&mut text),
        false => reader.read_to_end(&mut text),
    }
    .map_err(io)?;
    let name = file.to_string_lossy().to_ascii_lowercase();
    let is_arff = name.ends_with(".arff") || name.ends_with(".arff.gz");
    let mut table =
        if is_arff { arff::read(file, &text, options)? } else { csv::read(file, &text, options)? };
    retype(&mut table, options)?;
    Ok(table)
}

fn retype(table: &mut Table, options: &Options) -> Result<(), DatasetError> {
    options.types.iter().try_for_each(|(name, kind)| table.retype(name, *kind))
}
