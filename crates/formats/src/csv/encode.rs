//! Fields to a line of CSV.

use streamfold_flow::rows::{Encode, Field, Value};

use super::CsvOptions;
use crate::rows::write_integer;

/// Writes lines of CSV without line breaks; see the [module](super).
pub struct CsvEncoder {
    delimiter: u8,
    columns: Vec<String>,
    numbers: ryu::Buffer,
}

impl CsvEncoder {
    /// An encoder of these columns.
    pub fn new(options: &CsvOptions) -> Self {
        CsvEncoder {
            delimiter: options.delimiter,
            columns: options.columns.clone(),
            numbers: ryu::Buffer::new(),
        }
    }
}

/// The line with the names of the columns, without a line break.
pub fn header_line(columns: &[String], delimiter: u8) -> String {
    let mut line = Vec::new();
    for (place, column) in columns.iter().enumerate() {
        if place > 0 {
            line.push(delimiter);
        }
        write_text(column, delimiter, &mut line);
    }
    String::from_utf8_lossy(&line).into_owned()
}

/// What belongs into a column: the field of its name, or the number `name` of the field `field` if it is named
/// `field.name`, or the item of a list, numbered from 1. Fields usually come in the order of the columns, so the search begins at `start`; where it ended is
/// where the next one should begin.
fn find<'a>(fields: &[Field<'a>], column: &str, start: usize) -> Option<(usize, Value<'a>)> {
    let places = || (start..fields.len()).chain(0..start.min(fields.len()));
    if let Some(place) = places().find(|place| fields[*place].0 == column) {
        return Some((place + 1, fields[place].1));
    }
    places().find_map(|place| {
        let (name, value) = fields[place];
        if !matches!(value, Value::Numbers(_) | Value::List(_) | Value::Texts(_)) {
            return None;
        }
        let wanted = column.strip_prefix(name)?.strip_prefix('.')?;
        let item = match value {
            Value::Numbers(numbers) => Value::Number(numbers.iter().find(|(name, _)| *name == wanted)?.1),
            Value::List(numbers) => Value::Number(*numbers.get(item_number(wanted)?)?),
            Value::Texts(texts) => Value::Text(texts.get(item_number(wanted)?)?),
            _ => return None,
        };
        Some((place, item))
    })
}

/// The place that a column of a list is about: they are numbered from 1.
fn item_number(wanted: &str) -> Option<usize> {
    wanted.parse::<usize>().ok()?.checked_sub(1)
}

impl Encode for CsvEncoder {
    fn encode(&mut self, fields: &[Field<'_>], out: &mut Vec<u8>) {
        let mut start = 0;
        for (place, column) in self.columns.iter().enumerate() {
            if place > 0 {
                out.push(self.delimiter);
            }
            let Some((next, value)) = find(fields, column, start) else { continue };
            start = next;
            match value {
                Value::Boolean(value) => out.extend_from_slice(if value { b"true" } else { b"false" }),
                Value::Integer(value) => write_integer(value, out),
                Value::Number(value) if value.is_finite() => {
                    out.extend_from_slice(self.numbers.format_finite(value).as_bytes());
                }
                Value::Text(text) => write_text(text, self.delimiter, out),
                Value::Null | Value::Number(_) | Value::Numbers(_) | Value::List(_) | Value::Texts(_) => {}
            }
        }
    }
}

/// Writes text, in quotes where they are needed: empty text would be null without.
fn write_text(text: &str, delimiter: u8, out: &mut Vec<u8>) {
    let special = |byte: u8| byte == delimiter || matches!(byte, b'"' | b'\r' | b'\n');
    if !text.is_empty() && !text.bytes().any(special) {
        return out.extend_from_slice(text.as_bytes());
    }
    out.push(b'"');
    for byte in text.bytes() {
        if byte == b'"' {
            out.push(b'"');
        }
        out.push(byte);
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_find_their_columns() {
        let columns = ["b", "scores.x", "a", "none", "scores.y", "steps.2", "items.1", "items.3"];
        let columns: Vec<String> = columns.map(str::to_owned).into();
        let options = CsvOptions { columns, ..CsvOptions::default() };
        let mut encoder = CsvEncoder::new(&options);
        let scores = [("x", 1.0), ("y", f64::NAN)];
        let fields = [
            ("a", Value::Integer(-7)),
            ("b", Value::Text("1,\"2\"")),
            ("scores", Value::Numbers(&scores)),
            ("steps", Value::List(&[1.0, 2.5])),
            ("items", Value::Texts(&["p", "q"])),
            ("not a column", Value::Boolean(true)),
        ];
        let mut out = Vec::new();
        encoder.encode(&fields, &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), "\"1,\"\"2\"\"\",1.0,-7,,,2.5,p,");
        assert_eq!(header_line(&options.columns[..5], b';'), "b;scores.x;a;none;scores.y");
        assert_eq!(header_line(&["a;b".to_owned(), String::new()], b';'), "\"a;b\";\"\"");
    }

    #[test]
    fn empty_text_is_not_null() {
        let options = CsvOptions { columns: vec!["a".to_owned(), "b".to_owned()], ..CsvOptions::default() };
        let mut out = Vec::new();
        CsvEncoder::new(&options).encode(&[("a", Value::Text("")), ("b", Value::Null)], &mut out);
        assert_eq!(out, b"\"\",");
    }
}
