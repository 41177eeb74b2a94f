//! Measures decoding and encoding, in nanoseconds a record on one core, Arrow columns included:
//! `cargo run --release -p streamfold-formats --example decode_speed`. Of several rounds the best counts, so that what else the
//! machine does disturbs little. A word behind `--` picks those whose names contain it.

use std::fmt::Write;
use std::hint::black_box;
use std::time::Instant;

use streamfold_flow::record::{Headers, RecordBlock, RecordRef};
use streamfold_flow::rows::{Decode, Encode, Field};
use streamfold_flow::schema::{FieldSpec, FieldType, RowSchema, TimeNotation};
use streamfold_formats::FormatError;
use streamfold_formats::csv::{CsvDecoder, CsvEncoder, CsvOptions};
use streamfold_formats::json::{JsonDecoder, JsonEncoder};
use streamfold_formats::rows::row_fields;

/// As many as come in one batch.
const RECORDS: u64 = 5000;
const ROUNDS: usize = 300;

/// Numbers that look random and are the same each time.
fn random(state: &mut u64) -> f64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*state >> 11) as f64 / (1u64 << 53) as f64
}

fn block(mut write: impl FnMut(u64, &mut u64, &mut String)) -> RecordBlock {
    let (mut block, mut state, mut text) = (RecordBlock::default(), 1, String::new());
    for offset in 0..RECORDS {
        text.clear();
        write(offset, &mut state, &mut text);
        let value = Some(text.as_bytes());
        block.push(RecordRef {
            offset: offset as i64,
            timestamp_ms: 0,
            key: None,
            value,
            headers: Headers::EMPTY,
        });
    }
    block
}

fn best(name: &str, bytes: usize, mut round: impl FnMut()) {
    if std::env::args().nth(1).is_some_and(|part| !name.contains(&part)) {
        return;
    }
    let mut best_ns = f64::INFINITY;
    for _ in 0..ROUNDS {
        let start = Instant::now();
        round();
        best_ns = best_ns.min(start.elapsed().as_nanos() as f64 / RECORDS as f64);
    }
    let bytes = bytes as f64 / RECORDS as f64;
    println!("{name:42} {bytes:5.0} B {best_ns:7.1} ns {:6.2} M/s", 1e3 / best_ns);
}

fn decode(name: &str, decoder: &mut dyn Decode, block: &RecordBlock) {
    let bytes = block.iter().filter_map(|record| record.value).map(<[u8]>::len).sum();
    best(name, bytes, || {
        let decoded = black_box(decoder.decode(block));
        assert_eq!(decoded.rows.num_rows() as u64, RECORDS, "{:?}", decoded.bad.first());
    });
}

fn schema(more: &[(&str, FieldType)]) -> RowSchema {
    let numbers = (0..10).map(|place| (format!("f{place}"), FieldType::Number));
    let more = more.iter().map(|(name, kind)| ((*name).to_owned(), *kind));
    let fields = numbers.chain(more).map(|(name, kind)| FieldSpec { name, kind }).collect();
    RowSchema { fields, keep_unknown: false }
}

/// `{"id":1,"f0":0.123456,..,"y":1.5}` with this many digits and spaces.
fn json(digits: usize, space: &str, extra: &str) -> RecordBlock {
    block(|offset, state, text| {
        let _ = write!(text, "{{\"id\":{space}{offset}{extra}");
        for place in 0..10 {
            let _ = write!(text, ",{space}\"f{place}\":{space}{:.digits$}", random(state));
        }
        let _ = write!(text, ",{space}\"y\":{space}{:.1}}}", random(state) * 10.0);
    })
}

fn main() -> Result<(), FormatError> {
    let number = schema(&[("id", FieldType::Integer), ("y", FieldType::Number)]);
    let events = json(6, "", "");
    let mut decoder = JsonDecoder::new(&number)?;
    decode("JSON: id, ten numbers, label", &mut decoder, &events);
    let scalar = schema(&[("id", FieldType::Scalar), ("y", FieldType::Number)]);
    let mut decoder = JsonDecoder::new(&scalar)?;
    decode("JSON: the id as scalar text", &mut decoder, &events);
    let mut decoder = JsonDecoder::new(&number)?;
    decode("JSON: with spaces (Python's json.dumps)", &mut decoder, &json(6, " ", ""));
    decode("JSON: 17 digits", &mut decoder, &json(17, "", ""));
    let unknown =
        r#","note":"some text nobody reads","deep":{"a":[1,2,{"b":null}],"c":"é"},"unused":-12.5e3"#;
    decode("JSON: nested and unread fields, too", &mut decoder, &json(6, "", unknown));
    let kinds = [
        ("name", FieldType::Text),
        ("time", FieldType::Time(TimeNotation::Rfc3339)),
        ("ok", FieldType::Boolean),
        ("deep.er", FieldType::Number),
    ];
    let mut decoder = JsonDecoder::new(&schema(&kinds))?;
    let extra = r#","name":"card 4711","time":"2013-01-01T05:15:00.250Z","ok":true,"deep":{"er":1.5}"#;
    decode("JSON: with text, time, boolean, path", &mut decoder, &json(6, "", extra));

    let lines = block(|offset, state, text| {
        let _ = write!(text, "{offset}");
        for _ in 0..10 {
            let _ = write!(text, ",{:.6}", random(state));
        }
        let _ = write!(text, ",{:.1}", random(state) * 10.0);
    });
    let columns: Vec<String> = std::iter::once("id".to_owned())
        .chain((0..10).map(|place| format!("f{place}")))
        .chain(std::iter::once("y".to_owned()))
        .collect();
    let options = CsvOptions { columns, ..CsvOptions::default() };
    let mut decoder = CsvDecoder::new(&number, &options)?;
    decode("CSV: id, ten numbers, label", &mut decoder, &lines);

    let rows = decoder.decode(&lines).rows;
    let encoders: [(&str, Box<dyn Encode>); 2] = [
        ("JSON written: id, ten numbers, label", Box::new(JsonEncoder::default())),
        ("CSV written: id, ten numbers, label", Box::new(CsvEncoder::new(&options))),
    ];
    for (name, mut encoder) in encoders {
        let (mut out, mut bytes, mut fields): (Vec<u8>, usize, Vec<Field<'_>>) = (Vec::new(), 0, Vec::new());
        let mut round = || {
            bytes = 0;
            for row in 0..rows.num_rows() {
                row_fields(&rows, row, &mut fields);
                out.clear();
                encoder.encode(&fields, &mut out);
                bytes += out.len();
            }
        };
        round();
        let bytes = events.iter().filter_map(|record| record.value).map(<[u8]>::len).sum();
        best(name, bytes, round);
    }
    Ok(())
}
