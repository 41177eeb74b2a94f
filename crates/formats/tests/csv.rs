//! CSV: the rules one by one.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod common;

use common::{Cell, decode, one, schema};
use proptest::prelude::*;
use streamfold_flow::schema::FieldType::{self, Boolean, Integer, Number, Scalar, Text, Time};
use streamfold_flow::schema::TimeNotation;
use streamfold_formats::FormatError;
use streamfold_formats::csv::{CsvDecoder, CsvOptions, lines, read};

fn decoder(fields: &[(&str, FieldType)], options: CsvOptions) -> CsvDecoder {
    CsvDecoder::new(&schema(fields), &options).unwrap()
}

/// What one field of this type is.
fn field(kind: FieldType, text: &str) -> Result<Cell, &'static str> {
    let mut decoder = decoder(&[("first", Text), ("x", kind)], CsvOptions::default());
    one(&mut decoder, format!("a,{text}\n")).map(|mut cells| cells.remove(1))
}

#[test]
fn the_table_of_types() {
    for (text, value) in
        [("1", 1.0), ("-1.5", -1.5), ("+1", 1.0), (".5", 0.5), ("5.", 5.0), ("1e-3", 1e-3), ("007", 7.0)]
    {
        assert_eq!(field(Number, text), Ok(value.into()), "{text}");
        assert_eq!(field(Number, &format!("\"{text}\"")), Ok(value.into()), "{text}");
    }
    for text in ["abc", "1 ", " 1", "1x", "NaN", "inf", "-", "1e", "\"\"", "0x10", "1_000", "true"] {
        assert_eq!(field(Number, text), Err("wrong_type"), "{text}");
        assert_eq!(field(Integer, text), Err("wrong_type"), "{text}");
    }
    assert_eq!(field(Number, "-1e999"), Err("out_of_range"));
    assert_eq!(field(Integer, "+007"), Ok(7.into()));
    assert_eq!(field(Integer, "1.0"), Err("wrong_type"));
    assert_eq!(field(Integer, "9223372036854775808"), Err("out_of_range"));
    assert_eq!(field(Text, "\"a\"\"b\""), Ok("a\"b".into()));
    assert_eq!(field(Text, " a "), Ok(" a ".into()));
    assert_eq!(field(Text, "\"\""), Ok("".into()));
    assert_eq!(field(Scalar, "1.50"), Ok("1.50".into()));
    assert_eq!(field(Boolean, "True"), Ok(true.into()));
    assert_eq!(field(Boolean, "false"), Ok(false.into()));
    assert_eq!(field(Boolean, "1"), Err("wrong_type"));
    let moment = Cell::Integer(1_357_017_300_000);
    assert_eq!(field(Time(TimeNotation::UnixSeconds), "1357017300"), Ok(moment.clone()));
    assert_eq!(field(Time(TimeNotation::Auto), "1357017300"), Ok(moment.clone()));
    assert_eq!(field(Time(TimeNotation::Auto), "2013-01-01 05:15"), Ok(moment.clone()));
    assert_eq!(field(Time(TimeNotation::Rfc3339), "\"2013-01-01T05:15:00Z\""), Ok(moment));
    assert_eq!(field(Time(TimeNotation::Rfc3339), "2013-01-01"), Err("not_a_time"));
    assert_eq!(field(Time(TimeNotation::UnixMilliseconds), "99999999999999999"), Err("out_of_range"));
    for kind in [Number, Integer, Text, Boolean, Scalar, Time(TimeNotation::Auto)] {
        assert_eq!(field(kind, ""), Ok(Cell::Null), "{kind:?}");
    }
}

#[test]
fn what_is_no_line_is_bad() {
    let mut decoder = decoder(&[("a", Text), ("b", Number)], CsvOptions::default());
    for (line, kind) in [
        ("", "empty"),
        ("a", "wrong_field_count"),
        ("a,1,2", "wrong_field_count"),
        ("a,1,", "wrong_field_count"),
        ("\n", "wrong_field_count"),
        ("a,1\nb,2", "not_csv"),
        ("a,1\n\n", "not_csv"),
        ("a\"b,1", "not_csv"),
        ("\"a,1", "not_csv"),
        ("\"a\"b,1", "not_csv"),
        ("a,1,\"", "not_csv"),
    ] {
        assert_eq!(one(&mut decoder, line), Err(kind), "{line:?}");
    }
    assert_eq!(one(&mut decoder, b"\xff,1"), Err("not_utf8"));
    assert_eq!(one(&mut decoder, "\"a,\n\",1\r\n"), Ok(vec!["a,\n".into(), 1.0.into()]));
    let reason = decode(&mut decoder, &["a,b"]).remove(0).unwrap_err().reason;
    assert_eq!(reason, "field b: expected a number, found b");
    let reason = decode(&mut decoder, &["a,1,2"]).remove(0).unwrap_err().reason;
    assert_eq!(reason, "expected 2 fields, found 3: a,1,2");
}

#[test]
fn columns_may_be_in_any_order_and_more_than_are_read() {
    let columns = ["x", "b", "y", "a"].map(str::to_owned).into();
    let options = CsvOptions { delimiter: b';', columns, missing: "NA".to_owned() };
    let mut fields = schema(&[("a", Number), ("b", Text)]);
    fields.keep_unknown = true;
    let mut decoder = CsvDecoder::new(&fields, &options).unwrap();
    let cells = |line| one(&mut decoder, line).unwrap();
    let lines = ["1;t;\"a\"\"b\";2.5", "NA;\"NA\";;NA", "\"\";u;NA;1"];
    let found: Vec<_> = lines.into_iter().map(cells).collect();
    assert_eq!(found[0], [2.5.into(), "t".into(), r#"{"x":"1","y":"a\"b"}"#.into()]);
    assert_eq!(found[1], [Cell::Null, "NA".into(), Cell::Null]);
    assert_eq!(found[2], [1.0.into(), "u".into(), r#"{"x":""}"#.into()]);
}

#[test]
fn columns_and_fields_have_to_fit() {
    let with = |columns: &[&str]| {
        let columns = columns.iter().map(|name| (*name).to_owned()).collect();
        CsvDecoder::new(&schema(&[("a", Number)]), &CsvOptions { columns, ..CsvOptions::default() }).err()
    };
    assert_eq!(with(&["b", "a"]), None);
    assert_eq!(with(&["a", "b", "b"]), Some(FormatError::DuplicateField("b".to_owned())));
    let error = with(&["b", "c"]).unwrap().to_string();
    assert_eq!(error, "field `a` is not among the columns, which are b, c");
}

proptest! {
    #[test]
    fn bytes_never_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..40), text in "[\",\\n\\r;a1. é-]{0,30}") {
        let fields = [("a", Number), ("b", Text), ("c", Time(TimeNotation::Auto))];
        let mut decoder = decoder(&fields, CsvOptions::default());
        let _ = decode(&mut decoder, &[&bytes[..], text.as_bytes()]);
        let _ = read(text.as_bytes(), &schema(&[]), &CsvOptions::default());
        prop_assert!(lines(&bytes).all(|(_, line)| !line.is_empty()));
    }
}
