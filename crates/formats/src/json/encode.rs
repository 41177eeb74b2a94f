//! Fields to a JSON object.

use streamfold_flow::rows::{Encode, Field, Value};

/// Writes JSON objects; see the [module](super).
#[derive(Default)]
pub struct JsonEncoder {
    numbers: ryu::Buffer,
}

impl JsonEncoder {
    fn value(&mut self, value: Value<'_>, out: &mut Vec<u8>) {
        match value {
            Value::Null => out.extend_from_slice(b"null"),
            Value::Boolean(true) => out.extend_from_slice(b"true"),
            Value::Boolean(false) => out.extend_from_slice(b"false"),
            Value::Integer(value) => crate::rows::write_integer(value, out),
            Value::Number(value) => self.number(value, out),
            Value::Text(text) => write_string(text, out),
            Value::Numbers(numbers) => {
                out.push(b'{');
                for (place, (name, number)) in numbers.iter().enumerate() {
                    write_key(place, name, out);
                    self.number(*number, out);
                }
                out.push(b'}');
            }
            Value::List(numbers) => {
                list(numbers, out, |number, out| self.number(*number, out));
            }
            Value::Texts(texts) => list(texts, out, |text, out| write_string(text, out)),
        }
    }

    fn number(&mut self, value: f64, out: &mut Vec<u8>) {
        match value.is_finite() {
            true => out.extend_from_slice(self.numbers.format_finite(value).as_bytes()),
            false => out.extend_from_slice(b"null"),
        }
    }
}

impl Encode for JsonEncoder {
    fn encode(&mut self, fields: &[Field<'_>], out: &mut Vec<u8>) {
        out.push(b'{');
        for (place, (name, value)) in fields.iter().enumerate() {
            write_key(place, name, out);
            self.value(*value, out);
        }
        out.push(b'}');
    }
}

fn list<T>(items: &[T], out: &mut Vec<u8>, mut write: impl FnMut(&T, &mut Vec<u8>)) {
    out.push(b'[');
    for (place, item) in items.iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        write(item, out);
    }
    out.push(b']');
}

fn write_key(place: usize, name: &str, out: &mut Vec<u8>) {
    if place > 0 {
        out.push(b',');
    }
    write_string(name, out);
    out.push(b':');
}

/// Writes a string in quotes. What has to be escaped is, and nothing else.
pub(crate) fn write_string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    let mut written = 0;
    for (place, byte) in text.bytes().enumerate() {
        let special = match byte {
            b'"' | b'\\' => byte,
            b'\n' => b'n',
            b'\r' => b'r',
            b'\t' => b't',
            0..0x20 => b'u',
            _ => continue,
        };
        out.extend_from_slice(&text.as_bytes()[written..place]);
        out.extend_from_slice(&[b'\\', special]);
        if special == b'u' {
            out.extend_from_slice(&[
                b'0',
                b'0',
                b'0' + (byte >> 4),
                b"0123456789abcdef"[usize::from(byte & 15)],
            ]);
        }
        written = place + 1;
    }
    out.extend_from_slice(&text.as_bytes()[written..]);
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn encoded(fields: &[Field<'_>]) -> String {
        let mut out = Vec::new();
        JsonEncoder::default().encode(fields, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn every_kind_of_value() {
        let scores = [("a", 0.25), ("b\"", f64::NAN)];
        let fields = [
            ("null", Value::Null),
            ("yes", Value::Boolean(true)),
            ("whole", Value::Integer(i64::MIN)),
            ("one", Value::Number(1.0)),
            ("zero", Value::Number(-0.0)),
            ("tiny", Value::Number(5e-324)),
            ("huge", Value::Number(f64::INFINITY)),
            ("text", Value::Text("a\"\\\n\u{1f}é/")),
            ("scores", Value::Numbers(&scores)),
            ("list", Value::List(&[1.5, f64::NAN])),
            ("texts", Value::Texts(&["a\"", ""])),
        ];
        let expected =
            r#"{"null":null,"yes":true,"whole":-9223372036854775808,"one":1.0,"zero":-0.0,"tiny":5e-324,"#
                .to_owned()
                + r#""huge":null,"text":"a\"\\\n\u001fé/","scores":{"a":0.25,"b\"":null},"list":[1.5,null],"texts":["a\"",""]}"#;
        assert_eq!(encoded(&fields), expected);
        assert_eq!(encoded(&[]), "{}");
    }

    proptest! {
        #[test]
        fn another_reader_reads_what_was_written(name in any::<String>(), text in any::<String>(), whole in any::<i64>(), bits in any::<u64>()) {
            let number = f64::from_bits(bits);
            let written = encoded(&[(&name, Value::Text(&text))]);
            let read: serde_json::Value = serde_json::from_str(&written).unwrap();
            prop_assert_eq!(read.get(&name).and_then(|value| value.as_str()), Some(text.as_str()));
            let written = encoded(&[("i", Value::Integer(whole)), ("n", Value::Number(number))]);
            let read: serde_json::Value = serde_json::from_str(&written).unwrap();
            prop_assert_eq!(read["i"].as_i64(), Some(whole));
            prop_assert_eq!(read["n"].as_f64().map(f64::to_bits), number.is_finite().then_some(bits));
        }
    }
}
