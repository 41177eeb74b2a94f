//! Which format a sample is written in, and its values as texts by field.

use crate::exit::{Exit, Failure};
use anyhow::Result;
use serde_json::Value;
use std::collections::BTreeMap;
use streamfold_formats::csv::{self, CsvOptions};
use streamfold_formats::infer::{self, Inferred};

/// Share of the values that may be unreadable in the format that is chosen.
const BAD_SHARE_MAX: f64 = 0.1;
const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];
/// Texts that often stand for "nothing" in CSV.
const MISSING: [&str; 5] = ["NA", "null", "NULL", "\\N", "NaN"];

/// A format with its options.
#[derive(Clone, Debug, PartialEq)]
pub enum Format {
    Json,
    Csv {
        options: CsvOptions,
        /// Whether the names come from a header line in the topic.
        has_header: bool,
        /// Whether the names were made up.
        is_unnamed: bool,
    },
}

/// A row: the text of each field that is there.
pub type Row = BTreeMap<String, String>;

/// A sample that was read.
pub struct Parsed {
    pub format: Format,
    pub inferred: Inferred,
    /// One for each value; `None`: it could not be read.
    pub rows: Vec<Option<Row>>,
}

/// Finds the format. `columns`: the names of the columns of CSV, separated by commas.
pub fn find(topic: &str, values: &[&[u8]], columns: Option<&str>) -> Result<Parsed> {
    let json = infer::json(values.iter().copied());
    if fits(&json) {
        let rows = values.iter().map(|value| object(value)).collect();
        return Ok(Parsed { format: Format::Json, inferred: json, rows });
    }
    if let Some(parsed) = csv(values, columns)? {
        return Ok(parsed);
    }
    let failure = Failure::new(
        Exit::Failed,
        format!("topic {topic}: its values are neither JSON objects nor lines of CSV"),
    );
    Err(match values.iter().filter(|value| value.first() == Some(&0)).count() * 2 > values.len() {
        true => failure
            .hint("they look like Avro or Protobuf with a schema registry's framing, which is not read yet"),
        false => failure.hint("`streamfold check` says which formats there are and what each takes"),
    }
    .into())
}

fn fits(inferred: &Inferred) -> bool {
    inferred.records > 0 && (inferred.bad as f64) <= BAD_SHARE_MAX * (inferred.records + inferred.bad) as f64
}

/// A JSON object with dotted paths into the objects in it.
fn object(value: &[u8]) -> Option<Row> {
    let Value::Object(object) = serde_json::from_slice(value).ok()? else { return None };
    let mut row = Row::new();
    flatten("", &object, &mut row);
    Some(row)
}

fn flatten(before: &str, object: &serde_json::Map<String, Value>, row: &mut Row) {
    for (name, value) in object {
        let path = if before.is_empty() { name.clone() } else { format!("{before}.{name}") };
        match value {
            Value::Null => {}
            Value::Object(inner) => flatten(&path, inner, row),
            Value::String(text) => drop(row.insert(path, text.clone())),
            other => drop(row.insert(path, other.to_string())),
        }
    }
}

fn csv(values: &[&[u8]], columns: Option<&str>) -> Result<Option<Parsed>> {
    let Some(delimiter) = delimiter(values) else { return Ok(None) };
    let lines: Vec<Option<Vec<String>>> = values.iter().map(|value| cells(value, delimiter)).collect();
    let Some(width) = width(&lines) else { return Ok(None) };
    let mut has_header = false;
    let names = match columns {
        Some(columns) => {
            let names: Vec<String> = columns.split(',').map(|name| name.trim().to_owned()).collect();
            if names.len() != width {
                let message =
                    format!("--columns has {} names, but the lines have {width} fields", names.len());
                return Err(Failure::new(Exit::Usage, message).into());
            }
            names
        }
        None => match header(&lines) {
            Some(names) => {
                has_header = true;
                names
            }
            None => (1..=width).map(|number| format!("field_{number}")).collect(),
        },
    };
    let missing = MISSING
        .iter()
        .find(|text| lines.iter().flatten().any(|line| line.iter().any(|cell| cell == *text)))
        .map_or_else(String::new, |text| (*text).to_owned());
    let options = CsvOptions { delimiter, columns: names, missing };
    // A header line among the records would make texts of all fields.
    let inferred = infer::csv(&options, values.iter().copied().skip(usize::from(has_header)));
    if !fits(&inferred) {
        return Ok(None);
    }
    let rows = lines.into_iter().enumerate().map(|(place, line)| {
        let line = line.filter(|line| line.len() == width && !(has_header && place == 0))?;
        let named = options.columns.iter().cloned().zip(line);
        Some(named.filter(|(_, cell)| !cell.is_empty() && *cell != options.missing).collect())
    });
    let rows = rows.collect();
    let is_unnamed = columns.is_none() && !has_header;
    Ok(Some(Parsed { format: Format::Csv { options, has_header, is_unnamed }, inferred, rows }))
}

fn cells(value: &[u8], delimiter: u8) -> Option<Vec<String>> {
    let line = std::str::from_utf8(value).ok()?.trim_end_matches(['\r', '\n']);
    csv::header(line, delimiter)
}

/// The number of fields that most lines have, if it is more than one.
fn width(lines: &[Option<Vec<String>>]) -> Option<usize> {
    let mut counts: BTreeMap<usize, usize> = BTreeMap::new();
    lines.iter().flatten().for_each(|line| *counts.entry(line.len()).or_default() += 1);
    let (width, count) = counts.into_iter().max_by_key(|(_, count)| *count)?;
    (width > 1 && count as f64 >= (1.0 - BAD_SHARE_MAX) * lines.len() as f64).then_some(width)
}

/// The delimiter by which the lines fall into the most fields, the same number in each.
fn delimiter(values: &[&[u8]]) -> Option<u8> {
    let width = |delimiter: &u8| {
        width(&values.iter().map(|value| cells(value, *delimiter)).collect::<Vec<_>>()).unwrap_or(0)
    };
    // The first of equals.
    DELIMITERS.into_iter().rev().max_by_key(width).filter(|delimiter| width(delimiter) > 1)
}

/// The first line as names, if it looks like names and the lines behind it do not.
fn header(lines: &[Option<Vec<String>>]) -> Option<Vec<String>> {
    let first = lines.first()?.as_ref()?;
    let is_name = |cell: &String| {
        !cell.is_empty() && cell.parse::<f64>().is_err() && cell.chars().all(|c| !c.is_control())
    };
    let differ = first.iter().enumerate().all(|(place, cell)| !first[..place].contains(cell));
    let repeated = |(place, cell): (usize, &String)| {
        lines[1..].iter().flatten().any(|line| line.get(place) == Some(cell))
    };
    let numbers = lines.get(1)?.as_ref()?.iter().any(|cell| cell.parse::<f64>().is_ok());
    (first.iter().all(is_name) && differ && numbers && !first.iter().enumerate().any(repeated))
        .then(|| first.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(values: &[&str]) -> Parsed {
        let values: Vec<&[u8]> = values.iter().map(|value| value.as_bytes()).collect();
        find("t", &values, None).unwrap()
    }

    #[test]
    fn json_is_flattened() {
        let parsed = found(&[r#"{"a":1,"b":{"c":"x","d":null}}"#, r#"{"a":2.5}"#]);
        assert_eq!(parsed.format, Format::Json);
        assert_eq!(parsed.rows[0].as_ref().unwrap()["b.c"], "x");
        assert_eq!(parsed.rows[0].as_ref().unwrap().len(), 2);
    }

    #[test]
    fn csv_with_and_without_a_header() {
        let parsed = found(&["id;price;kind", "1;2.5;a", "2;NA;b", "3;1;a"]);
        let Format::Csv { options, has_header, is_unnamed } = parsed.format else { panic!() };
        assert_eq!(
            (options.delimiter, options.missing.as_str(), has_header, is_unnamed),
            (b';', "NA", true, false)
        );
        assert_eq!(options.columns, ["id", "price", "kind"]);
        assert!(parsed.rows[0].is_none());
        assert!(!parsed.rows[2].as_ref().unwrap().contains_key("price"));
        let parsed = found(&["1,2.5", "2,7"]);
        let Format::Csv { options, has_header, is_unnamed } = parsed.format else { panic!() };
        assert_eq!(
            (options.columns.join(" ").as_str(), has_header, is_unnamed),
            ("field_1 field_2", false, true)
        );
    }

    #[test]
    fn other_bytes_are_refused_with_a_reason() {
        let error = find("t", &[b"\0\0\0\0\x01ab", b"\0\0\0\0\x01cd"], None).err().unwrap();
        assert!(error.downcast_ref::<Failure>().unwrap().hint.as_ref().unwrap().contains("Avro"));
        assert!(find("t", &[b"plain text", b"more"], None).is_err());
    }
}
