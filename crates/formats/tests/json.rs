//! JSON: the rules one by one, and serde_json as an oracle for what is JSON and what it says.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod common;

use common::{Cell, block, decode, one, outcomes, schema};
use proptest::prelude::*;
use serde_json::Value as Json;
use streamfold_flow::record::{Headers, RecordBlock, RecordRef};
use streamfold_flow::rows::Decode;
use streamfold_flow::schema::FieldType::{self, Boolean, Integer, Number, Scalar, Text, Time};
use streamfold_flow::schema::TimeNotation;
use streamfold_formats::json::JsonDecoder;

fn decoder(fields: &[(&str, FieldType)]) -> JsonDecoder {
    JsonDecoder::new(&schema(fields)).unwrap()
}

/// What one field of this type is in `{"x": value}`.
fn field(kind: FieldType, value: &str) -> Result<Cell, &'static str> {
    one(&mut decoder(&[("x", kind)]), format!("{{\"x\": {value}}}")).map(|mut cells| cells.remove(0))
}

#[test]
fn the_table_of_types() {
    assert_eq!(field(Number, "1.5"), Ok(1.5.into()));
    assert_eq!(field(Number, "-0"), Ok((-0.0).into()));
    assert_eq!(field(Number, "9007199254740993"), Ok(9_007_199_254_740_992.0.into()));
    assert_eq!(field(Number, "1e999"), Err("out_of_range"));
    assert_eq!(field(Number, "\"1.5\""), Err("wrong_type"));
    assert_eq!(field(Number, "true"), Err("wrong_type"));
    assert_eq!(field(Number, "[1]"), Err("wrong_type"));
    assert_eq!(field(Number, "{}"), Err("wrong_type"));
    assert_eq!(field(Number, "NaN"), Err("not_json"));
    assert_eq!(field(Number, "Infinity"), Err("not_json"));
    assert_eq!(field(Number, "-Infinity"), Err("not_json"));
    assert_eq!(field(Integer, "-9223372036854775808"), Ok(i64::MIN.into()));
    assert_eq!(field(Integer, "9223372036854775808"), Err("out_of_range"));
    assert_eq!(field(Integer, "1.0"), Err("wrong_type"));
    assert_eq!(field(Integer, "1e2"), Err("wrong_type"));
    assert_eq!(field(Text, "\"a\\u00e9\""), Ok("aé".into()));
    assert_eq!(field(Text, "\"\""), Ok("".into()));
    assert_eq!(field(Text, "1"), Err("wrong_type"));
    assert_eq!(field(Boolean, "false"), Ok(false.into()));
    assert_eq!(field(Boolean, "0"), Err("wrong_type"));
    assert_eq!(field(Scalar, "\"7\""), Ok("7".into()));
    assert_eq!(field(Scalar, "7"), Ok("7".into()));
    assert_eq!(field(Scalar, "1.50e1"), Ok("1.50e1".into()));
    assert_eq!(field(Scalar, "true"), Ok("true".into()));
    assert_eq!(field(Scalar, "[]"), Err("wrong_type"));
    let moment = Cell::Integer(1_357_017_300_000);
    assert_eq!(field(Time(TimeNotation::Rfc3339), "\"2013-01-01T05:15:00Z\""), Ok(moment.clone()));
    assert_eq!(field(Time(TimeNotation::Rfc3339), "1357017300"), Err("wrong_type"));
    assert_eq!(field(Time(TimeNotation::Rfc3339), "\"yesterday\""), Err("not_a_time"));
    assert_eq!(field(Time(TimeNotation::UnixSeconds), "1357017300"), Ok(moment.clone()));
    assert_eq!(field(Time(TimeNotation::UnixSeconds), "\"1357017300\""), Err("wrong_type"));
    assert_eq!(field(Time(TimeNotation::UnixSeconds), "1e18"), Err("out_of_range"));
    assert_eq!(field(Time(TimeNotation::Auto), "1357017300000000"), Ok(moment.clone()));
    assert_eq!(field(Time(TimeNotation::Auto), "\"2013-01-01 05:15\""), Ok(moment));
    for kind in [Number, Integer, Text, Boolean, Scalar, Time(TimeNotation::Auto)] {
        assert_eq!(field(kind, "null"), Ok(Cell::Null), "{kind:?}");
        assert_eq!(one(&mut decoder(&[("x", kind)]), "{}"), Ok(vec![Cell::Null]));
    }
}

#[test]
fn what_is_no_object_is_bad() {
    let mut decoder = decoder(&[("x", Number)]);
    for (value, kind) in [
        ("", "empty"),
        (" ", "not_json"),
        ("[1]", "not_an_object"),
        ("null", "not_an_object"),
        (" 7 ", "not_an_object"),
        ("\"x\"", "not_an_object"),
        ("hello", "not_json"),
        ("[1", "not_json"),
        ("7 8", "not_json"),
        ("{\"x\":1} {\"x\":2}", "not_json"),
        ("{\"x\":1}\0", "not_json"),
        ("{\"x\":1,}", "not_json"),
        ("{\"x\" 1}", "not_json"),
        ("{x:1}", "not_json"),
        ("{\"x\":01}", "not_json"),
        ("{\"x\":1", "not_json"),
        ("{\"x\":1]", "not_json"),
        ("{\"unread\":[1,2}]}", "not_json"),
        ("{\"unread\":\"\\ud800\"}", "not_json"),
        ("{\"unread\":tru}", "not_json"),
        ("\u{feff}{}", "not_json"),
    ] {
        assert_eq!(one(&mut decoder, value), Err(kind), "{value}");
    }
    assert_eq!(one(&mut decoder, b"{\"x\":\"\xff\"}"), Err("not_utf8"));
    assert_eq!(one(&mut decoder, "{\"unread\":1e999}"), Ok(vec![Cell::Null]));
}

#[test]
fn nesting_has_a_limit_and_a_large_record_none() {
    let mut decoder = decoder(&[("x", Number)]);
    let nested =
        |depth: usize| format!("{{\"y\":{}{},\"x\":1}}", "[".repeat(depth - 1), "]".repeat(depth - 1));
    assert!(one(&mut decoder, nested(127)).is_ok());
    assert_eq!(one(&mut decoder, nested(128)), Err("too_deep"));
    assert_eq!(one(&mut decoder, nested(1_000_000)), Err("too_deep"));
    let large = format!("{{\"y\":\"{}\",\"x\":1}}", "é\\n".repeat(1_300_000));
    assert!(large.len() > 5_000_000);
    assert_eq!(one(&mut decoder, large), Ok(vec![1.0.into()]));
}

#[test]
fn reasons_name_field_expectation_and_what_was_found() {
    let mut decoder = decoder(&[("amount", Number), ("name", Text), ("deep.er", Integer)]);
    let long = format!("{{\"amount\":\"{}\"}}", "x".repeat(100_000));
    let values = ["{\"amount\":\"12\"}", "{\"name\":12}", "{\"deep\":7}", "{\"amount\":1", &long];
    let outcomes = decode(&mut decoder, &values);
    let reasons: Vec<&str> = outcomes.iter().map(|bad| bad.as_ref().unwrap_err().reason.as_str()).collect();
    let excerpt = format!("field amount: expected a number, found text \"{}…", "x".repeat(39));
    assert_eq!(
        reasons,
        [
            "field amount: expected a number, found text \"12\"",
            "field name: expected text, found number 12",
            "field deep.er: expected an object on the way to it, found 7",
            "byte 11: expected ',' or '}', found the end",
            &excerpt,
        ]
    );
}

#[test]
fn paths_literal_keys_and_repeated_keys() {
    let mut decoder = decoder(&[("a.b", Number), ("a.c.d", Text), ("x", Number)]);
    for (value, b, d) in [
        ("{\"a\":{\"b\":1,\"c\":{\"d\":\"t\"}}}", Cell::from(1.0), Cell::from("t")),
        ("{\"a\":{\"b\":1},\"a.b\":2}", 2.0.into(), Cell::Null),
        ("{\"a.b\":2,\"a\":{\"b\":1}}", 2.0.into(), Cell::Null),
        ("{\"a.b\":null,\"a\":{\"b\":1}}", Cell::Null, Cell::Null),
        ("{\"a\":{\"b\":1},\"a\":{\"b\":2}}", 2.0.into(), Cell::Null),
        ("{\"a\":{\"b\":1,\"c\":{\"d\":\"t\"}},\"a\":{\"c\":{}}}", Cell::Null, Cell::Null),
        ("{\"a\":{\"b\":1},\"a\":null}", Cell::Null, Cell::Null),
        ("{\"a\":{\"b\":1,\"b\":null}}", Cell::Null, Cell::Null),
        ("{\"\\u0061\":{\"\\u0062\":1}}", 1.0.into(), Cell::Null),
        ("{\"b\":1,\"c\":{\"d\":\"t\"}}", Cell::Null, Cell::Null),
    ] {
        assert_eq!(one(&mut decoder, value), Ok(vec![b, d, Cell::Null]), "{value}");
    }
    assert_eq!(one(&mut decoder, "{\"x\":\"text\",\"x\":1}"), Err("wrong_type"));
    assert_eq!(one(&mut decoder, "{\"a\":[]}"), Err("wrong_type"));
}

#[test]
fn a_declared_beginning_of_a_path_is_not_entered() {
    let mut decoder = decoder(&[("a", Number), ("a.b", Number)]);
    assert_eq!(one(&mut decoder, "{\"a\":1,\"a.b\":2}"), Ok(vec![1.0.into(), 2.0.into()]));
    assert_eq!(one(&mut decoder, "{\"a\":{\"b\":2}}"), Err("wrong_type"));
}

#[test]
fn keys_that_need_escapes_are_found() {
    let mut decoder = decoder(&[("a\"b", Number), ("c\\", Number), ("\n", Number), ("", Number)]);
    let good = r#"{"a\"b":1,"c\\":2,"\n":3,"":4}"#;
    let expected = Ok(vec![1.0.into(), 2.0.into(), 3.0.into(), 4.0.into()]);
    assert_eq!(decode(&mut decoder, &[good, good])[1], expected);
    assert_eq!(one(&mut decoder, "{\"a\"b\":1}"), Err("not_json"));
    assert_eq!(one(&mut decoder, "{\"\n\":1}"), Err("not_json"));
}

#[test]
fn null_values_are_neither_rows_nor_bad() {
    let mut block = RecordBlock::default();
    let record = RecordRef { offset: 0, timestamp_ms: 0, key: None, value: None, headers: Headers::EMPTY };
    block.push(record);
    block.push(RecordRef { value: Some(b"{}"), ..record });
    block.push(RecordRef { value: Some(b""), ..record });
    let decoded = decoder(&[("x", Number)]).decode(&block);
    assert_eq!((decoded.null, decoded.record_of_row), (vec![0], vec![1]));
    assert_eq!((decoded.bad[0].record, decoded.bad[0].kind), (2, "empty"));
}

#[test]
fn unknown_fields_are_kept_as_they_came() {
    let mut schema = schema(&[("x", Number), ("a.b", Number)]);
    schema.keep_unknown = true;
    let mut decoder = JsonDecoder::new(&schema).unwrap();
    for (value, rest) in [
        (r#"{"x":1,"a":{"b":2}}"#, Cell::Null),
        (r#"{ "y" : [1, "\u00e9"] , "x":1, "z":1.50}"#, r#"{"y" : [1, "\u00e9"],"z":1.50}"#.into()),
        (r#"{"a":{"c":1,"b":2,"d":{}},"y":null}"#, r#"{"a":{"c":1,"d":{}},"y":null}"#.into()),
        (r#"{"a":{}}"#, Cell::Null),
    ] {
        assert_eq!(one(&mut decoder, value).unwrap()[2], rest, "{value}");
    }
}

/// Types of the fields that the generated records are read by.
const FIELDS: &[(&str, FieldType)] = &[
    ("n", Number),
    ("number", Number),
    ("i", Integer),
    ("t", Text),
    ("b", Boolean),
    ("s", Scalar),
    ("o.n", Number),
    ("o.p.t", Text),
    ("é\"", Number),
];

/// What the oracle says of a field; `None`: it is of the wrong type.
fn expected(record: &Json, name: &str, kind: FieldType) -> Option<Cell> {
    let mut value = record.get(name);
    if value.is_none() {
        value = Some(record);
        for key in name.split('.') {
            match value {
                None | Some(Json::Null) => return Some(Cell::Null),
                Some(Json::Object(object)) => value = object.get(key),
                Some(_) => return None,
            }
        }
    }
    let value = value.unwrap_or(&Json::Null);
    Some(match (kind, value) {
        (_, Json::Null) => Cell::Null,
        (Number, Json::Number(number)) => Cell::from(number.as_f64()?),
        (Integer, Json::Number(number)) => Cell::from(number.as_i64()?),
        (Text | Scalar, Json::String(text)) => Cell::from(text.as_str()),
        (Boolean, Json::Bool(value)) => Cell::from(*value),
        (Scalar, Json::Bool(value)) => Cell::Text(value.to_string()),
        // The oracle does not keep the literal text.
        (Scalar, Json::Number(number)) => Cell::from(number.as_f64()?),
        _ => return None,
    })
}

fn same(found: &Cell, expected: &Cell) -> bool {
    match (found, expected) {
        (Cell::Text(text), Cell::Number(bits)) => {
            text.parse::<f64>().is_ok_and(|value| value.to_bits() == *bits)
        }
        _ => found == expected,
    }
}

/// The record is a row if and only if the oracle can read it and all types fit, and says the same. With `repeated`
/// keys a row is not demanded, as an earlier value of the wrong type makes the record bad.
fn agrees(text: &str, repeated: bool) -> Result<(), TestCaseError> {
    let found = one(&mut decoder(FIELDS), text);
    let record: Json = match serde_json::from_str(text) {
        Ok(record) => record,
        Err(error) if error.to_string().contains("number out of range") => return Ok(()),
        Err(error) => {
            prop_assert!(found.is_err(), "{} is not JSON ({}), but became {:?}", text, error, found);
            return Ok(());
        }
    };
    if !record.is_object() {
        prop_assert_eq!(found, Err("not_an_object"));
        return Ok(());
    }
    let expected: Option<Vec<Cell>> =
        FIELDS.iter().map(|(name, kind)| expected(&record, name, *kind)).collect();
    match (&found, expected) {
        (Err(kind), None) => prop_assert!(["wrong_type", "out_of_range"].contains(kind), "{} {}", kind, text),
        (Err("wrong_type" | "out_of_range"), _) if repeated => {}
        (Ok(cells), Some(expected)) => {
            let same = cells.iter().zip(&expected).all(|(found, expected)| same(found, expected));
            prop_assert!(same, "{} became {:?} instead of {:?}", text, cells, expected);
        }
        (found, expected) => prop_assert!(false, "{} became {:?} instead of {:?}", text, found, expected),
    }
    Ok(())
}

fn space() -> impl Strategy<Value = String> {
    prop_oneof![8 => Just(String::new()), 2 => "[ \\t\\r\\n]{1,3}"]
}

fn string() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        4 => "[a-z ]{1,12}",
        1 => Just("é\u{1f600}".to_owned()),
        1 => prop::sample::select(vec!["\\n", "\\\"", "\\\\", "\\/", "\\u0041", "\\ud83d\\ude00", "\\u0000"]).prop_map(str::to_owned),
    ];
    prop::collection::vec(part, 0..4).prop_map(|parts| format!("\"{}\"", parts.concat()))
}

fn number() -> impl Strategy<Value = String> {
    prop_oneof![
        "-?(0|[1-9][0-9]{0,18})",
        "-?(0|[1-9][0-9]{0,5})\\.[0-9]{1,18}",
        "-?(0|[1-9][0-9]{0,3})(\\.[0-9]{1,3})?[eE][+-]?[0-9]{1,2}",
    ]
}

fn value() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        number(),
        string(),
        prop::sample::select(vec!["null", "true", "false"]).prop_map(str::to_owned)
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        let element = (space(), inner.clone(), space()).prop_map(|(a, value, b)| format!("{a}{value}{b}"));
        prop_oneof![
            prop::collection::vec(element, 0..4).prop_map(|list| format!("[{}]", list.join(","))),
            object(prop::sample::select(vec!["x", "n", "t", "p"]).prop_map(str::to_owned), inner),
        ]
    })
}

/// An object with these keys, some of them repeated.
fn object(
    key: impl Strategy<Value = String>,
    value: impl Strategy<Value = String>,
) -> impl Strategy<Value = String> {
    let member = (space(), key, space(), space(), value, space())
        .prop_map(|(a, key, b, c, value, d)| format!("{a}\"{key}\"{b}:{c}{value}{d}"));
    prop::collection::vec(member, 0..5).prop_map(|members| format!("{{{}}}", members.join(",")))
}

/// A record of which each field has the declared type (if not, the rest says little), in any order.
fn typed() -> impl Strategy<Value = String> {
    let text = |key: &'static str, value: BoxedStrategy<String>| prop_oneof![3 => value.prop_map(move |value| Some(format!("\"{key}\":{value}"))), 1 => Just(None)];
    let p = object(Just("t".to_owned()), string()).prop_map(|p| format!("\"p\":{p}"));
    let inner = (number(), p).prop_map(|(n, p)| format!("{{\"n\":{n},{p}}}"));
    let members = (
        text("n", number().boxed()),
        text("number", number().boxed()),
        text("i", any::<i64>().prop_map(|i| i.to_string()).boxed()),
        text("t", string().boxed()),
        text("b", any::<bool>().prop_map(|b| b.to_string()).boxed()),
        text("s", prop_oneof![number(), string()].boxed()),
        text("o", inner.boxed()),
        text("é\\\"", number().boxed()),
        text("unread", value().boxed()),
        space(),
    );
    let list = members.prop_map(|(a, b, c, d, e, f, g, h, i, s)| {
        ([a, b, c, d, e, f, g, h, i].into_iter().flatten().collect::<Vec<_>>(), s)
    });
    list.prop_flat_map(|(members, s)| (Just(members).prop_shuffle(), Just(s)))
        .prop_map(|(members, s)| format!("{s}{{{}}}{s}", members.join(&format!("{s},{s}"))))
}

/// A record of any sort.
fn any_record() -> impl Strategy<Value = String> {
    const KEYS: &[&str] = &["n", "number", "i", "t", "b", "s", "o", "o.n", "é\\\"", "other", "\\u006e"];
    object(prop::sample::select(KEYS).prop_map(str::to_owned), value())
}

fn mutated(text: &str, changes: &[(prop::sample::Index, u8, u8)]) -> Vec<u8> {
    const BYTES: &[u8] = b"{}[]\",:0123456789.eE+-tfnrusl\\ \n\t\x01\x7f\x80\xc3\xff";
    let mut bytes = text.as_bytes().to_vec();
    for (place, how, byte) in changes {
        let at = place.index(bytes.len() + 1);
        let byte = BYTES[usize::from(*byte) % BYTES.len()];
        match how % 3 {
            0 => bytes.insert(at, byte),
            _ if at == bytes.len() => {}
            1 => bytes[at] = byte,
            _ => drop(bytes.remove(at)),
        }
    }
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn typed_records_become_rows_that_say_what_the_oracle_says(text in typed()) {
        prop_assert!(one(&mut decoder(FIELDS), &text).is_ok() , "{}", text);
        agrees(&text, false)?;
    }

    #[test]
    fn any_records_agree_with_the_oracle(text in any_record()) {
        agrees(&text, true)?;
    }

    #[test]
    fn what_the_oracle_refuses_is_refused(text in prop_oneof![typed(), any_record()], changes in prop::collection::vec(any::<(prop::sample::Index, u8, u8)>(), 1..4)) {
        let bytes = mutated(&text, &changes);
        match std::str::from_utf8(&bytes) {
            Ok(text) => agrees(text, true)?,
            Err(_) => prop_assert_eq!(one(&mut decoder(FIELDS), &bytes), Err("not_utf8")),
        }
    }

    #[test]
    fn soup_agrees_with_the_oracle(text in "[{}\\[\\]\",:01.eE+\\-tfn\\\\ u]{0,12}", whole in "(\\{\"n\":[-+0-9.eE ]{1,6}\\}|\\{\"s\":\"[a\\\\u0d8nb\"]{0,8}\"\\})") {
        if !text.is_empty() {
            agrees(&text, true)?;
        }
        agrees(&whole, true)?;
    }

    #[test]
    fn bytes_never_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
        let _ = one(&mut decoder(FIELDS), &bytes);
    }

    #[test]
    fn guesses_change_nothing(texts in prop::collection::vec(prop_oneof![typed(), any_record()], 1..12), cut in any::<prop::sample::Index>()) {
        let mut schema = schema(FIELDS);
        schema.keep_unknown = true;
        let alone: Vec<_> = texts.iter().map(|text| one(&mut JsonDecoder::new(&schema).unwrap(), text)).collect();
        let mut decoder = JsonDecoder::new(&schema).unwrap();
        let cut = cut.index(texts.len());
        let mut together = Vec::new();
        for part in [&texts[..cut], &texts[cut..]] {
            together.extend(outcomes(&decoder.decode(&block(part)), part.len()));
        }
        for (text, (together, alone)) in texts.iter().zip(together.into_iter().zip(alone)) {
            prop_assert_eq!(together.map_err(|bad| bad.kind), alone, "{}", text);
        }
    }

    #[test]
    fn what_is_kept_and_what_is_read_are_the_whole_record(text in typed()) {
        let mut schema = schema(&[("n", Scalar), ("o.n", Scalar), ("o.p.t", Text)]);
        schema.keep_unknown = true;
        let cells = one(&mut JsonDecoder::new(&schema).unwrap(), &text).unwrap();
        let mut record: Json = serde_json::from_str(&text).unwrap();
        if let Some(object) = record.as_object_mut() {
            object.remove("n");
            if let Some(o) = object.get_mut("o").and_then(Json::as_object_mut) {
                o.remove("n");
                if let Some(p) = o.get_mut("p").and_then(Json::as_object_mut) {
                    p.remove("t");
                    if p.is_empty() {
                        o.remove("p");
                    }
                }
                if o.is_empty() {
                    object.remove("o");
                }
            }
        }
        let rest = match &cells[3] {
            Cell::Text(rest) => serde_json::from_str(rest).unwrap(),
            _ => Json::Object(Default::default()),
        };
        prop_assert_eq!(rest, record);
    }
}
