//! Rows of a batch as the fields that an encoder takes, so that any rows can be written.

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type, TimestampMillisecondType};
use arrow_array::{Array, RecordBatch};
use arrow_schema::{DataType, TimeUnit};
use streamfold_flow::rows::{Field, Value};

use crate::FormatError;

/// Checks that [`row_fields`] can give every column of these rows: floats, integers, truth values, texts, and times in
/// milliseconds.
pub fn check_columns(rows: &RecordBatch) -> Result<(), FormatError> {
    for field in rows.schema_ref().fields() {
        match field.data_type() {
            DataType::Float64
            | DataType::Int64
            | DataType::Boolean
            | DataType::Utf8
            | DataType::Timestamp(TimeUnit::Millisecond, _) => {}
            other => {
                return Err(FormatError::Column { name: field.name().clone(), found: other.to_string() });
            }
        }
    }
    Ok(())
}

/// Puts the fields of one row into `fields`, which it clears first. Times become their milliseconds since 1970.
/// A column that [`check_columns`] refuses, and a row that is not there, become nulls.
pub fn row_fields<'a>(rows: &'a RecordBatch, row: usize, fields: &mut Vec<Field<'a>>) {
    fields.clear();
    let names = rows.schema_ref().fields().iter().map(|field| field.name().as_str());
    fields.extend(names.zip(rows.columns()).map(|(name, column)| (name, value(column, row))));
}

fn value(column: &dyn Array, row: usize) -> Value<'_> {
    if row >= column.len() || column.is_null(row) {
        return Value::Null;
    }
    match column.data_type() {
        DataType::Float64 => Value::Number(column.as_primitive::<Float64Type>().value(row)),
        DataType::Int64 => Value::Integer(column.as_primitive::<Int64Type>().value(row)),
        DataType::Boolean => Value::Boolean(column.as_boolean().value(row)),
        DataType::Utf8 => Value::Text(column.as_string::<i32>().value(row)),
        DataType::Timestamp(TimeUnit::Millisecond, _) => {
            Value::Integer(column.as_primitive::<TimestampMillisecondType>().value(row))
        }
        _ => Value::Null,
    }
}

/// Writes the digits of an integer.
pub(crate) fn write_integer(value: i64, out: &mut Vec<u8>) {
    let mut digits = [0; 20];
    let mut start = digits.len();
    let mut rest = value.unsigned_abs();
    loop {
        start -= 1;
        digits[start] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if value < 0 {
        out.push(b'-');
    }
    out.extend_from_slice(&digits[start..]);
}
