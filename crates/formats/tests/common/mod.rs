//! Short ways to build schemas and blocks, and to look at rows.

#![allow(dead_code, reason = "not every test needs all of it")]

use streamfold_flow::record::{Headers, RecordBlock, RecordRef};
use streamfold_flow::rows::{BadRecord, Decode, Decoded, Value};
use streamfold_flow::schema::{FieldSpec, FieldType, RowSchema};
use streamfold_formats::rows::row_fields;

pub fn schema(fields: &[(&str, FieldType)]) -> RowSchema {
    let fields = fields.iter().map(|(name, kind)| FieldSpec { name: (*name).to_owned(), kind: *kind });
    RowSchema { fields: fields.collect(), keep_unknown: false }
}

pub fn block<T: AsRef<[u8]>>(values: &[T]) -> RecordBlock {
    let mut block = RecordBlock::default();
    for (offset, value) in (0..).zip(values) {
        let value = Some(value.as_ref());
        block.push(RecordRef { offset, timestamp_ms: -1, key: None, value, headers: Headers::EMPTY });
    }
    block
}

/// A cell, owned; floats by their bits.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    Null,
    Boolean(bool),
    Integer(i64),
    Number(u64),
    Text(String),
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Cell::Text(text.to_owned())
    }
}

impl From<f64> for Cell {
    fn from(value: f64) -> Self {
        Cell::Number(value.to_bits())
    }
}

impl From<i64> for Cell {
    fn from(value: i64) -> Self {
        Cell::Integer(value)
    }
}

impl From<bool> for Cell {
    fn from(value: bool) -> Self {
        Cell::Boolean(value)
    }
}

fn cell(value: &Value<'_>) -> Cell {
    match value {
        Value::Null => Cell::Null,
        Value::Boolean(value) => Cell::Boolean(*value),
        Value::Integer(value) => Cell::Integer(*value),
        Value::Number(value) => Cell::Number(value.to_bits()),
        Value::Text(text) => Cell::Text((*text).to_owned()),
        Value::Numbers(_) | Value::List(_) | Value::Texts(_) => panic!("rows have single values alone"),
    }
}

/// For each record its cells, or what is wrong with it; checks on the way that the parts of the answer fit together.
pub fn outcomes(decoded: &Decoded, records: usize) -> Vec<Result<Vec<Cell>, BadRecord>> {
    assert_eq!(decoded.rows.num_rows(), decoded.record_of_row.len());
    assert_eq!(decoded.rows.num_rows() + decoded.bad.len() + decoded.null.len(), records);
    let (mut rows, mut bad) = (0, decoded.bad.iter());
    let mut fields = Vec::new();
    let mut outcomes = Vec::new();
    for record in 0..records as u32 {
        if decoded.record_of_row.get(rows) == Some(&record) {
            row_fields(&decoded.rows, rows, &mut fields);
            outcomes.push(Ok(fields.iter().map(|(_, value)| cell(value)).collect()));
            rows += 1;
        } else if !decoded.null.contains(&record) {
            let Some(bad) = bad.next().filter(|bad| bad.record == record) else {
                panic!("record {record} is neither row nor bad nor null");
            };
            assert!(bad.reason.chars().count() <= 220, "{}", bad.reason);
            assert!(!bad.reason.chars().any(char::is_control), "{:?}", bad.reason);
            outcomes.push(Err(bad.clone()));
        }
    }
    outcomes
}

pub fn decode<T: AsRef<[u8]>>(decoder: &mut dyn Decode, values: &[T]) -> Vec<Result<Vec<Cell>, BadRecord>> {
    let decoded = decoder.decode(&block(values));
    assert_eq!(decoded.rows.schema(), decoder.schema());
    outcomes(&decoded, values.len())
}

/// The cells of one record, or the kind of its fault.
pub fn one(decoder: &mut dyn Decode, value: impl AsRef<[u8]>) -> Result<Vec<Cell>, &'static str> {
    decode(decoder, &[value]).remove(0).map_err(|bad| bad.kind)
}
