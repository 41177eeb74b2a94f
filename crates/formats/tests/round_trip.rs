//! Into rows and out, both ways: every value is kept bit for bit.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod common;

use common::{Cell, decode, schema};
use proptest::prelude::*;
use streamfold_flow::rows::Decode;
use streamfold_flow::schema::{FieldType, TimeNotation};
use streamfold_formats::registry::{FORMATS, FormatEntry};
use streamfold_formats::rows::{check_columns, row_fields};

const FIELDS: &[(&str, FieldType)] = &[
    ("number", FieldType::Number),
    ("integer", FieldType::Integer),
    ("text", FieldType::Text),
    ("yes, or \"no\"", FieldType::Boolean),
    ("time", FieldType::Time(TimeNotation::UnixMilliseconds)),
    ("dotted.name", FieldType::Scalar),
];

type Row = (Option<f64>, Option<i64>, Option<String>, Option<bool>, Option<i64>, Option<String>);

fn row() -> impl Strategy<Value = Row> {
    let finite = any::<u64>().prop_map(f64::from_bits).prop_filter("finite", |value| value.is_finite());
    (
        prop::option::of(finite),
        prop::option::of(any::<i64>()),
        prop::option::of(any::<String>()),
        any::<Option<bool>>(),
        prop::option::of(-62_167_219_200_000i64..253_402_300_800_000),
        prop::option::of("[\\PC\",;\n\r]{0,9}"),
    )
}

/// The row as JSON, written by serde_json.
fn json(row: &Row) -> String {
    let values = serde_json::json!({
        "number": row.0, "integer": row.1, "text": row.2, "yes, or \"no\"": row.3, "time": row.4, "dotted.name": row.5,
    });
    values.to_string()
}

fn cells(row: &Row) -> Vec<Cell> {
    let (a, b, c, d, e, f) = row.clone();
    vec![
        a.map_or(Cell::Null, Cell::from),
        b.map_or(Cell::Null, Cell::from),
        c.map_or(Cell::Null, Cell::Text),
        d.map_or(Cell::Null, Cell::from),
        e.map_or(Cell::Null, Cell::from),
        f.map_or(Cell::Null, Cell::Text),
    ]
}

fn decoder(format: &FormatEntry) -> Box<dyn Decode> {
    (format.decoder)(&schema(FIELDS), &[]).unwrap()
}

fn encoded(format: &FormatEntry, rows: &arrow_array::RecordBatch) -> Vec<Vec<u8>> {
    check_columns(rows).unwrap();
    let columns: Vec<String> = FIELDS.iter().map(|(name, _)| (*name).to_owned()).collect();
    let mut encoder = (format.encoder)(&columns, &[]).unwrap();
    let mut fields = Vec::new();
    let encode = |row| {
        let mut out = Vec::new();
        row_fields(rows, row, &mut fields);
        encoder.encode(&fields, &mut out);
        out
    };
    (0..rows.num_rows()).map(encode).collect()
}

proptest! {
    #[test]
    fn rows_survive_every_format(list in prop::collection::vec(row(), 1..6)) {
        let texts: Vec<String> = list.iter().map(json).collect();
        let expected: Vec<_> = list.iter().map(|row| Ok(cells(row))).collect();
        let mut rows = decoder(&FORMATS[0]).decode(&common::block(&texts)).rows;
        for format in FORMATS {
            let values = encoded(format, &rows);
            prop_assert_eq!(&decode(decoder(format).as_mut(), &values), &expected, "{}", format.name);
            // And once more: what was written is written the same again.
            rows = decoder(format).decode(&common::block(&values)).rows;
            prop_assert_eq!(encoded(format, &rows), values);
        }
    }
}
