//! CSV with a header line, or without.

use crate::error::{DatasetError, Place};
use crate::read::Options;
use crate::table::{Cells, Column, Kind, Table, Texts};
use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type, TimestampMillisecondType};
use arrow_array::{Array, ArrayRef};
use std::path::Path;
use streamfold_flow::record::{Headers, RecordBlock, RecordRef};
use streamfold_flow::rows::Decode;
use streamfold_flow::schema::{FieldSpec, FieldType, RowSchema};
use streamfold_formats::csv::{CsvDecoder, CsvOptions, header, lines};
use streamfold_formats::infer::{self, FIELDS_MAX};

/// Lines that are decoded at once.
const BLOCK_LINES: usize = 4096;

const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];

pub(crate) fn read(file: &Path, text: &[u8], options: &Options) -> Result<Table, DatasetError> {
    let wrong = |reason: String| DatasetError::File { file: file.to_owned(), reason };
    let (first_line, first) =
        lines(text).next().ok_or_else(|| wrong("there is nothing in the file".to_owned()))?;
    let delimiter = options.delimiter.unwrap_or_else(|| delimiter(first));
    let fields = std::str::from_utf8(first).ok().and_then(|line| header(line, delimiter));
    let fields = fields.ok_or_else(|| DatasetError::Place {
        file: file.to_owned(),
        place: Place::Line(first_line),
        reason: "it is not a line of CSV".to_owned(),
    })?;
    let columns = match &options.columns {
        None => fields,
        Some(names) if names.is_empty() => (1..=fields.len()).map(|number| format!("c{number}")).collect(),
        Some(names) => names.clone(),
    };
    if columns.len() > FIELDS_MAX {
        return Err(wrong(format!("{} columns; at most {FIELDS_MAX} are read", columns.len())));
    }
    let format = CsvOptions { delimiter, columns, missing: options.missing.clone() };
    let rows = || {
        let rows = lines(text).skip(usize::from(options.columns.is_none()));
        rows.take(options.rows_max.unwrap_or(usize::MAX))
    };
    let schema = schema(&format, rows().map(|(_, line)| line), options);
    let decoder = CsvDecoder::new(&schema, &format).map_err(|error| wrong(error.to_string()))?;
    decode(file, &schema, decoder, rows())
}

/// The delimiter that a line has most of.
fn delimiter(line: &[u8]) -> u8 {
    let count = |delimiter: u8| line.iter().filter(|byte| **byte == delimiter).count();
    DELIMITERS.into_iter().rev().max_by_key(|delimiter| count(*delimiter)).unwrap_or(b',')
}

/// Types of the columns: inferred, and text where the caller says what they are.
fn schema<'a>(format: &CsvOptions, rows: impl Iterator<Item = &'a [u8]>, options: &Options) -> RowSchema {
    let inferred = infer::csv(format, rows);
    let field = |field: infer::InferredField| {
        let told = options.types.iter().any(|(name, _)| *name == field.name);
        // A column that is always empty is a number that is always missing.
        let kind = if told { FieldType::Text } else { field.kind.unwrap_or(FieldType::Number) };
        FieldSpec { name: field.name, kind }
    };
    RowSchema { fields: inferred.fields.into_iter().map(field).collect(), keep_unknown: false }
}

fn decode<'a>(
    file: &Path,
    schema: &RowSchema,
    mut decoder: CsvDecoder,
    mut rows: impl Iterator<Item = (u64, &'a [u8])>,
) -> Result<Table, DatasetError> {
    let mut columns: Vec<Growing> = schema.fields.iter().map(|field| Growing::new(field.kind)).collect();
    let mut numbers = Vec::new();
    loop {
        let mut block = RecordBlock::default();
        for (number, line) in rows.by_ref().take(BLOCK_LINES) {
            block.push(RecordRef {
                offset: number as i64,
                timestamp_ms: -1,
                key: None,
                value: Some(line),
                headers: Headers::EMPTY,
            });
            numbers.push(number);
        }
        if block.is_empty() {
            break;
        }
        let decoded = decoder.decode(&block);
        if let Some(bad) = decoded.bad.into_iter().next() {
            let line = block.get(bad.record as usize).offset.unsigned_abs();
            let (file, place) = (file.to_owned(), Place::Line(line));
            return Err(DatasetError::Place { file, place, reason: bad.reason });
        }
        for (column, array) in columns.iter_mut().zip(decoded.rows.columns()) {
            column.extend(array);
        }
    }
    let columns = schema.fields.iter().zip(columns).map(|(field, column)| {
        let kind = match field.kind {
            FieldType::Number | FieldType::Integer => Kind::Number,
            FieldType::Boolean => Kind::Boolean,
            FieldType::Time(_) => Kind::Time,
            FieldType::Text | FieldType::Scalar => Kind::Category,
        };
        Column { name: field.name.clone(), kind, cells: column.finish() }
    });
    Ok(Table { file: file.to_owned(), columns: columns.collect(), rows: numbers.len(), lines: numbers })
}

/// A column under construction.
enum Growing {
    Numbers(Vec<f64>),
    Texts(Texts),
}

impl Growing {
    fn new(kind: FieldType) -> Self {
        match kind {
            FieldType::Text | FieldType::Scalar => Growing::Texts(Texts::default()),
            _ => Growing::Numbers(Vec::new()),
        }
    }

    fn extend(&mut self, array: &ArrayRef) {
        match self {
            Growing::Texts(texts) => {
                let Some(array) = array.as_string_opt::<i32>() else { return };
                array.iter().for_each(|text| texts.push(text));
            }
            Growing::Numbers(numbers) => {
                if let Some(array) = array.as_primitive_opt::<Float64Type>() {
                    numbers.extend(array.iter().map(|value| value.unwrap_or(f64::NAN)));
                } else if let Some(array) = array.as_primitive_opt::<Int64Type>() {
                    numbers.extend(array.iter().map(|value| value.map_or(f64::NAN, |value| value as f64)));
                } else if let Some(array) = array.as_primitive_opt::<TimestampMillisecondType>() {
                    numbers.extend(array.iter().map(|value| value.map_or(f64::NAN, |value| value as f64)));
                } else if let Some(array) = array.as_boolean_opt() {
                    numbers.extend(
                        array.iter().map(|value| value.map_or(f64::NAN, |value| f64::from(u8::from(value)))),
                    );
                } else {
                    // There is no other type; the columns stay equally long whatever comes.
                    numbers.extend((0..array.len()).map(|_| f64::NAN));
                }
            }
        }
    }

    fn finish(self) -> Cells {
        match self {
            Growing::Numbers(numbers) => Cells::Numbers(numbers),
            Growing::Texts(texts) => texts.finish(),
        }
    }
}
