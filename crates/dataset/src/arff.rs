//! ARFF, the format of Weka and MOA: dense and sparse rows.
//!
//! `numeric`, `real` and `integer` attributes are numbers, nominal and `string` ones categories, `date` ones times
//! where they are written in a usual notation. `?` is missing. Relational attributes and weights of rows are refused.

use crate::error::{DatasetError, Place};
use crate::read::Options;
use crate::table::{Cells, Column, Kind, Table, Texts};
use std::path::Path;

/// An attribute as the head declares it.
struct Attribute {
    name: String,
    kind: Kind,
    /// The values of a nominal one; a row cannot have another.
    nominal: Option<Vec<String>>,
}

enum Cell {
    Numbers(Vec<f64>),
    Texts(Texts),
}

pub(crate) fn read(file: &Path, text: &[u8], options: &Options) -> Result<Table, DatasetError> {
    let text = String::from_utf8_lossy(text);
    let mut lines = (1u64..).zip(text.lines()).map(|(number, line)| (number, line.trim()));
    let wrong = |place: u64, reason: String| DatasetError::Place {
        file: file.to_owned(),
        place: Place::Line(place),
        reason,
    };
    let attributes = head(&mut lines).map_err(|(place, reason)| wrong(place, reason))?;
    let cell = |attribute: &Attribute| match attribute.kind {
        Kind::Number => Cell::Numbers(Vec::new()),
        _ => Cell::Texts(Texts::default()),
    };
    let mut cells: Vec<Cell> = attributes.iter().map(cell).collect();
    let mut numbers = Vec::new();
    let rows_max = options.rows_max.unwrap_or(usize::MAX);
    for (number, line) in lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('%')).take(rows_max)
    {
        row(&attributes, line, &mut cells).map_err(|reason| wrong(number, reason))?;
        numbers.push(number);
    }
    let columns = attributes.iter().zip(cells).map(|(attribute, cells)| {
        let (kind, cells) = match cells {
            Cell::Numbers(numbers) => (Kind::Number, Cells::Numbers(numbers)),
            Cell::Texts(texts) => (Kind::Category, texts.finish()),
        };
        Column { name: attribute.name.clone(), kind, cells }
    });
    let mut table =
        Table { file: file.to_owned(), columns: columns.collect(), rows: numbers.len(), lines: numbers };
    for attribute in attributes.iter().filter(|attribute| attribute.kind == Kind::Time) {
        // In a notation that is not known it stays text.
        let _ = table.retype(&attribute.name, Kind::Time);
    }
    Ok(table)
}

/// A fault, and the line it is on.
type Fault = (u64, String);

/// Reads up to the line `@data`.
fn head<'a>(lines: &mut impl Iterator<Item = (u64, &'a str)>) -> Result<Vec<Attribute>, Fault> {
    let mut attributes: Vec<Attribute> = Vec::new();
    let mut last = 1;
    for (number, line) in lines {
        last = number;
        let word = line.split(|c: char| c.is_whitespace() || c == '{').next().unwrap_or_default();
        match word.to_ascii_lowercase().as_str() {
            "@data" if attributes.is_empty() => {
                return Err((number, "no @attribute before @data".to_owned()));
            }
            "@data" => return Ok(attributes),
            "@attribute" => {
                let attribute = attribute(&line[word.len()..]).map_err(|reason| (number, reason))?;
                if attributes.iter().any(|other| other.name == attribute.name) {
                    return Err((number, format!("attribute {:?} is there twice", attribute.name)));
                }
                attributes.push(attribute);
            }
            "@relation" | "" => {}
            comment if comment.starts_with('%') => {}
            other => return Err((number, format!("{other:?} is neither @relation, @attribute nor @data"))),
        }
    }
    Err((last, "the file ends before @data".to_owned()))
}

fn attribute(declaration: &str) -> Result<Attribute, String> {
    let (name, rest) = token(declaration.trim_start(), |c| c.is_whitespace() || c == '{')?;
    let rest = rest.trim();
    if let Some(values) = rest.strip_prefix('{') {
        let values = values.trim_end().strip_suffix('}').ok_or("a { without }")?;
        return Ok(Attribute { name, kind: Kind::Category, nominal: Some(split(values)?) });
    }
    let word = rest.split_whitespace().next().unwrap_or_default().to_ascii_lowercase();
    let kind = match word.as_str() {
        "numeric" | "real" | "integer" => Kind::Number,
        "string" => Kind::Category,
        "date" => Kind::Time,
        _ => return Err(format!("attribute {name:?} is of type {word:?}, which is not read")),
    };
    Ok(Attribute { name, kind, nominal: None })
}

fn row(attributes: &[Attribute], line: &str, cells: &mut [Cell]) -> Result<(), String> {
    if let Some(pairs) = line.strip_prefix('{') {
        return sparse(attributes, pairs, cells);
    }
    let values = split(line)?;
    if values.len() != attributes.len() {
        let weight = values.last().is_some_and(|last| last.starts_with('{'));
        let hint = if weight { " (weights of rows are not read)" } else { "" };
        return Err(format!("expected {} values, found {}{hint}", attributes.len(), values.len()));
    }
    for ((attribute, value), cell) in attributes.iter().zip(&values).zip(cells) {
        push(attribute, Some(value), cell)?;
    }
    Ok(())
}

/// `{place value, place value}`: what is not named is 0, or the first value of a nominal attribute.
fn sparse(attributes: &[Attribute], pairs: &str, cells: &mut [Cell]) -> Result<(), String> {
    let pairs = pairs.trim_end().strip_suffix('}').ok_or("a { without }")?;
    let mut values: Vec<Option<String>> = vec![None; attributes.len()];
    for pair in split(pairs)?.iter().filter(|pair| !pair.is_empty()) {
        let (place, value) =
            pair.split_once(char::is_whitespace).ok_or_else(|| format!("{pair:?} is no pair"))?;
        let place: usize = place.parse().map_err(|_| format!("{place:?} is no place of an attribute"))?;
        let slot = values.get_mut(place).ok_or_else(|| format!("there is no attribute {place}"))?;
        *slot = Some(token(value.trim(), |_| false)?.0);
    }
    for ((attribute, value), cell) in attributes.iter().zip(values).zip(cells) {
        let absent =
            || attribute.nominal.as_ref().map_or("0", |values| values.first().map_or("", |first| first));
        push(attribute, Some(value.as_deref().unwrap_or_else(absent)), cell)?;
    }
    Ok(())
}

fn push(attribute: &Attribute, value: Option<&str>, cell: &mut Cell) -> Result<(), String> {
    let value = value.filter(|value| *value != "?");
    match cell {
        Cell::Numbers(numbers) => {
            let number = value.map_or(Ok(f64::NAN), |value| {
                let number = value.parse().ok().filter(|number: &f64| number.is_finite());
                number.ok_or_else(|| format!("column {}: expected a number, found {value:?}", attribute.name))
            });
            numbers.push(number?);
        }
        Cell::Texts(texts) => {
            if let (Some(value), Some(nominal)) = (value, &attribute.nominal)
                && !nominal.iter().any(|known| known == value)
            {
                return Err(format!("column {}: {value:?} is not one of its values", attribute.name));
            }
            texts.push(value);
        }
    }
    Ok(())
}

/// The values between commas, without their quotes.
fn split(line: &str) -> Result<Vec<String>, String> {
    let mut values = Vec::new();
    let mut rest = line;
    loop {
        let (value, behind) = token(rest.trim_start(), |c| c == ',')?;
        values.push(value);
        let behind = behind.trim_start();
        match behind.strip_prefix(',') {
            Some(behind) => rest = behind,
            None if behind.is_empty() => return Ok(values),
            None => return Err(format!("expected a comma before {behind:?}")),
        }
    }
}

/// A word in quotes of either kind, or up to `ends`; and what is behind it.
fn token(text: &str, ends: impl Fn(char) -> bool) -> Result<(String, &str), String> {
    let Some(quote) = text.chars().next().filter(|c| *c == '\'' || *c == '"') else {
        let end = text.find(ends).unwrap_or(text.len());
        return Ok((text[..end].trim_end().to_owned(), &text[end..]));
    };
    let mut word = String::new();
    let mut characters = text.char_indices().skip(1);
    while let Some((at, c)) = characters.next() {
        match c {
            '\\' => word.extend(characters.next().map(|(_, c)| c)),
            _ if c == quote => return Ok((word, &text[at + 1..])),
            _ => word.push(c),
        }
    }
    Err(format!("a quote that does not end: {text}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "% a comment\n@RELATION 'some thing'\n@attribute 'a b' NUMERIC\n@attribute c {x, 'y z',w}\n@attribute when date \"yyyy-MM-dd\"\n\n@data\n";

    fn parse(rows: &str) -> Result<Table, String> {
        read(Path::new("t.arff"), format!("{HEAD}{rows}").as_bytes(), &Options::default())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn dense_and_sparse_rows() {
        let table = parse("1.5, 'y z', 2013-01-01\n% no row\n?,?,?\n{0 2, 1 w, 2 2013-01-02}\n{ }\n");
        // The last row has no date: "0" is one, in milliseconds since 1970.
        let table = table.unwrap();
        let Cells::Numbers(numbers) = &table.columns[0].cells else { panic!("no numbers") };
        assert_eq!((numbers[0], numbers[2], numbers[3]), (1.5, 2.0, 0.0));
        assert!(numbers[1].is_nan());
        let names = ["y z", "w", "x"].map(str::to_owned).to_vec();
        assert_eq!(table.columns[1].cells, Cells::Texts { codes: vec![1, 0, 2, 3], names });
        assert_eq!((table.columns[2].kind, table.lines.clone()), (Kind::Time, vec![8, 10, 11, 12]));
    }

    #[test]
    fn faults_name_line_and_column() {
        for (rows, message) in [
            ("1,v,?", "t.arff, line 8: column c: \"v\" is not one of its values"),
            ("1,x,?\nz,x,?", "t.arff, line 9: column a b: expected a number, found \"z\""),
            ("1,x", "t.arff, line 8: expected 3 values, found 2"),
            ("1,x,?,{5}", "t.arff, line 8: expected 3 values, found 4 (weights of rows are not read)"),
            ("{7 1}", "t.arff, line 8: there is no attribute 7"),
            ("1,'x,?", "t.arff, line 8: a quote that does not end: 'x,?"),
        ] {
            assert_eq!(parse(rows).unwrap_err(), message);
        }
        let text = "@attribute a relational\n@data\n";
        let error = read(Path::new("t.arff"), text.as_bytes(), &Options::default()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "t.arff, line 1: attribute \"a\" is of type \"relational\", which is not read"
        );
    }
}
